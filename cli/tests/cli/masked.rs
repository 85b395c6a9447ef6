//! Sensitive fields: whatever is wrong with data, and whatever a user asks, nothing shows them in clear. Jobs of every
//! format hold values that cannot be mistaken; everything that every command prints, logs and keeps is searched for
//! them.

use serde_json::Value;

use super::desk::Desk;

/// A desk at which everything that is said is searched.
pub(super) struct Watched {
    pub(super) desk: Desk,
    /// What must never be seen, and what it is.
    canaries: Vec<(String, Vec<u8>)>,
}

/// Text as code page 37 writes it: capitals, digits and the point, which is all that canaries consist of.
pub(super) fn ebcdic(text: &str) -> Vec<u8> {
    let byte = |c: char| match c {
        'A'..='I' => 0xC1 + (c as u8 - b'A'),
        'J'..='R' => 0xD1 + (c as u8 - b'J'),
        'S'..='Z' => 0xE2 + (c as u8 - b'S'),
        '0'..='9' => 0xF0 + (c as u8 - b'0'),
        '-' => 0x60,
        '.' => 0x4B,
        ' ' => 0x40,
        other => panic!("{other} is not in the table"),
    };
    text.chars().map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Digits as COMP-3 holds them, positive.
pub(super) fn packed(digits: &str) -> Vec<u8> {
    let mut nibbles: Vec<u8> = digits.bytes().map(|digit| digit - b'0').collect();
    nibbles.push(0xC);
    if nibbles.len() % 2 == 1 {
        nibbles.insert(0, 0);
    }
    nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn lower(bytes: &[u8]) -> Vec<u8> {
    bytes.to_ascii_lowercase()
}

impl Watched {
    pub(super) fn new(canaries: &[&str]) -> Self {
        let mut all = Vec::new();
        for canary in canaries {
            let bytes = canary.as_bytes();
            all.push(((*canary).to_owned(), lower(bytes)));
            all.push((format!("{canary} in hexadecimal"), lower(hex(bytes).as_bytes())));
            all.push((format!("{canary} in EBCDIC"), lower(&ebcdic(canary))));
            all.push((format!("{canary} in EBCDIC, in hexadecimal"), hex(&ebcdic(canary)).into_bytes()));
            if canary.bytes().all(|byte| byte.is_ascii_digit()) {
                all.push((format!("{canary} packed"), lower(&packed(canary))));
                all.push((format!("{canary} packed, in hexadecimal"), hex(&packed(canary)).into_bytes()));
                if let Ok(number) = canary.parse::<u32>() {
                    all.push((format!("{canary} as binary"), hex(&number.to_be_bytes()).into_bytes()));
                }
            }
            let halves: String = canary.chars().flat_map(|c| ['0', '0', c]).collect();
            all.push((format!("{canary} spaced"), lower(halves.as_bytes())));
        }
        Self { desk: Desk::new(), canaries: all }
    }

    fn search(&self, what: &str, said: &[u8]) {
        let said = lower(said);
        for (name, canary) in &self.canaries {
            if let Some(at) = memchr::memmem::find(&said, canary) {
                let around = &said[at.saturating_sub(200)..said.len().min(at + 100)];
                panic!("{what} has {name}: …{}…", String::from_utf8_lossy(around));
            }
        }
    }

    /// Runs a command with everything logged, and searches what it says.
    pub(super) fn run(&self, line: &[&str]) -> (Option<i32>, String, String) {
        let mut command = self.desk.command(line);
        command.env("CROSSFOOT_LOG", "trace").env("USER", "somebody");
        let output = command.output().unwrap();
        self.search(&format!("`crossfoot {}` on standard output", line.join(" ")), &output.stdout);
        self.search(&format!("`crossfoot {}` on standard error", line.join(" ")), &output.stderr);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    pub(super) fn json(&self, line: &[&str]) -> Value {
        let (_, out, err) = self.run(&[line, &["--json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{line:?}: {error}: {out}\n{err}"))
    }

    /// Everything there is to ask of the last run.
    pub(super) fn ask_everything(&self) {
        for line in [
            &["report"][..],
            &["report", "--format", "html"],
            &["report", "--json"],
            &["explain", "--limit", "0"],
            &["explain", "--json"],
            &["rejects"],
            &["rejects", "--json"],
            &["show", "last"],
            &["show", "last", "--json"],
            &["workers", "last"],
            &["runs"],
            &["runs", "--json"],
            &["audit", "verify"],
            &["doctor"],
        ] {
            self.run(line);
        }
        let database = self.desk.sql();
        for table in [
            "crossfoot_finding",
            "crossfoot_reject_reason",
            "crossfoot_check",
            "crossfoot_event",
            "crossfoot_run",
            "crossfoot_job",
        ] {
            let mut statement = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                for at in 0..columns {
                    let value = format!("{:?}", row.get_ref(at).unwrap());
                    self.search(&format!("table {table}"), value.as_bytes());
                    if let Ok(bytes) = row.get_ref(at).unwrap().as_bytes() {
                        self.search(&format!("table {table}"), bytes);
                    }
                }
            }
        }
    }

    /// Loads `source`, stops before promotion, damages staging, and goes on.
    pub(super) fn damage(&self, source: &str, damage: &str) -> Value {
        let run = ["run", "job.toml", "--source", source, "--pause-after", "staged", "--again"];
        let (code, out, err) = self.run(&run);
        assert_eq!(code, Some(3), "{out}\n{err}");
        self.desk.sql().execute_batch(damage).unwrap_or_else(|error| panic!("{damage}: {error}"));
        let (code, out, _) = self.run(&["approve", "--yes"]);
        assert_eq!(code, Some(1), "{damage}: {out}");
        self.ask_everything();
        self.json(&["explain", "--limit", "0"])["findings"].take()
    }
}

/// Both sides of a finding about `field`.
pub(super) fn sides(findings: &Value, field: &str) -> (String, String) {
    let of = findings.as_array().unwrap().iter().find(|one| one["field"] == field);
    let of = of.unwrap_or_else(|| panic!("no finding about {field}: {findings}"));
    (of["expected"].as_str().unwrap().to_owned(), of["actual"].as_str().unwrap().to_owned())
}

pub(super) fn is_mask(text: &str) -> bool {
    text.strip_prefix("masked:").is_some_and(|hash| {
        hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

/// The job of the delimited tests: its key is sensitive, and so are an amount, a date and bytes.
const DELIMITED: &str = r#"[job]
name = "people"
[source]
format = "delimited"
header = true
[[record]]
name = "person"
key = ["ssn"]
amounts = ["salary", "hours"]
staging = "stg_people"
final = "people"
[[record.field]]
name = "ssn"
type = "text(20)"
sensitive = true
pattern = "[A-Z0-9-]+"
length = { min = 5, max = 18 }
[[record.field]]
name = "salary"
type = "decimal(12,2)"
sensitive = true
max = 90000000
[[record.field]]
name = "born"
type = "date"
sensitive = true
min = "1900-01-01"
[[record.field]]
name = "photo"
type = "bytes"
sensitive = true
[[record.field]]
name = "hours"
type = "decimal(9,2)"
required = true
[[record.field]]
name = "team"
type = "text(12)"
allowed = ["north", "south"]
[limits]
rejects = 1000
"#;

/// Every secret of the sources below.
const CANARIES: [&str; 14] = [
    "CANARY-ONE",
    "CANARY-TWO",
    "CANARY-SIX",
    "CANARYHEX",
    "87654321.09",
    "8765432109",
    "76543210.98",
    "7654321098",
    "1931-07-17",
    "1932-08-18",
    "19310717",
    "19320818",
    "CANARY-TAMPERED",
    "555444333",
];

const HEADER: &str = "ssn,salary,born,photo,hours,team\n";

fn people(rows: &[&str]) -> String {
    rows.iter().fold(HEADER.to_owned(), |text, row| text + row + "\n")
}

/// Sound records; the amounts' totals are nobody's value.
fn sound() -> String {
    people(&[
        "CANARY-ONE,87654321.09,1931-07-17,43414e415259484558,1.50,north",
        "CANARY-TWO,76543210.98,1932-08-18,43414e415259484558,2.50,south",
        "CANARY-SIX,1.00,1999-01-01,00,3.00,north",
    ])
}

#[test]
fn no_damage_shows_a_sensitive_field() {
    let watched = Watched::new(&CANARIES);
    watched.desk.put("job.toml", DELIMITED);
    watched.desk.put("in.csv", sound());
    let of = |field: &str, damage: &str| sides(&watched.damage("in.csv", damage), field);

    let (ssn_one, ssn_two) = of("ssn", "UPDATE stg_people SET ssn = 'CANARY-TAMPERED' WHERE record_no = 1");
    assert!(is_mask(&ssn_one) && is_mask(&ssn_two) && ssn_one != ssn_two, "{ssn_one} {ssn_two}");
    let (salary, cut) = of("salary", "UPDATE stg_people SET salary = '76543210.98' WHERE record_no = 1");
    assert!(is_mask(&salary) && is_mask(&cut) && salary != cut, "{salary} {cut}");
    // Equal values have equal masks, in another record and another run.
    let (other, back) = of("salary", "UPDATE stg_people SET salary = '87654321.09' WHERE record_no = 2");
    assert_eq!((other, back), (cut, salary));
    let (born, none) = of("born", "UPDATE stg_people SET born = NULL WHERE record_no = 2");
    assert!(is_mask(&born), "{born}");
    assert_eq!(none, "NULL", "that a value is missing is seen");
    let (photo, empty) = of("photo", "UPDATE stg_people SET photo = x'' WHERE record_no = 1");
    assert!(is_mask(&photo) && is_mask(&empty) && photo != empty, "{photo} {empty}");
    // What is not sensitive is shown.
    let (team, north) = of("team", "UPDATE stg_people SET team = 'north' WHERE record_no = 2");
    assert_eq!((team.as_str(), north.as_str()), ("'south'", "'north'"));

    // Two records at a time, or else the difference of two totals is one record's value.
    let missing = watched.damage("in.csv", "DELETE FROM stg_people WHERE record_no IN (1, 2)");
    assert_eq!(missing[0]["expected"], format!("ssn {ssn_one}"), "{missing}");
    let columns = "run_id, chunk_no, worker_id, ssn, salary, born, photo, hours, team";
    for extra in [
        format!(
            "INSERT INTO stg_people (record_no, {columns}) SELECT record_no + 8, {columns} FROM stg_people WHERE record_no < 3"
        ),
        format!(
            "INSERT INTO stg_people (record_no, {columns}) SELECT record_no + 30, {} FROM stg_people WHERE record_no < 3",
            columns.replace("ssn", "'CANARY-TAMPERED'")
        ),
        "UPDATE stg_people SET worker_id = 99".to_owned(),
        "UPDATE stg_people SET chunk_no = 77 WHERE record_no < 3".to_owned(),
        "UPDATE stg_people SET ssn = 'CANARY-ONE' WHERE record_no = 3".to_owned(),
        "UPDATE crossfoot_chunk SET sums = replace(sums, '7', '8')".to_owned(),
    ] {
        watched.damage("in.csv", &extra);
    }
}

#[test]
fn no_damage_in_final_shows_a_sensitive_field() {
    let watched = Watched::new(&CANARIES);
    watched.desk.put("job.toml", DELIMITED);
    watched.desk.put("in.csv", sound());
    let trigger =
        |name: &str, body: &str| format!("CREATE TRIGGER {name} AFTER INSERT ON people BEGIN {body}; END;");
    let found = watched.damage(
        "in.csv",
        &trigger("one", "UPDATE people SET salary = '76543210.98' WHERE ssn = 'CANARY-ONE'"),
    );
    let (before, after) = sides(&found, "salary");
    assert!(is_mask(&before) && is_mask(&after) && before != after, "{found}");
    for body in [
        "DELETE FROM people WHERE ssn IN ('CANARY-ONE', 'CANARY-TWO')",
        "SELECT RAISE(ABORT, 'CANARY-TAMPERED')",
        "UPDATE people SET born = '1932-08-18'",
    ] {
        watched.damage("in.csv", &format!("DROP TRIGGER IF EXISTS one; {}", trigger("one", body)));
    }
    // Keys that final has already, and that come twice.
    watched.desk.sql().execute_batch("DROP TRIGGER one").unwrap();
    assert_eq!(watched.run(&["run", "job.toml", "--source", "in.csv", "--again"]).0, Some(0));
    watched.ask_everything();
    let twice = sound() + "CANARY-ONE,1.00,1999-01-01,00,3.00,north\n";
    watched.desk.put("twice.csv", twice);
    assert_eq!(watched.run(&["run", "job.toml", "--source", "twice.csv"]).0, Some(1));
    watched.ask_everything();
}

#[test]
fn no_reject_shows_a_sensitive_field() {
    let watched = Watched::new(&CANARIES);
    watched.desk.put("job.toml", DELIMITED);
    // Amounts come twice, so that no total is one record's.
    let mut source = people(&[
        "CANARY-ONE,87654321.09,1931-07-17,43414e415259484558,1.50",
        "CANARY-ONE,87654321.09,1931-07-17,43414e415259484558,1.50,north,CANARY-TWO",
        "\"CANARY-ONE\"CANARY-TWO,1.00,1931-07-17,43414e415259484558,1.50,north",
        "CANARY-ONE,CANARY-TWO,1931-07-17,43414e415259484558,1.50,north",
        "CANARY-ONE,8765432109876.55,1931-07-17,43414e415259484558,1.50,north",
        "CANARY-ONE,87654321.099,1931-07-17,43414e415259484558,1.50,north",
        "CANARY-ONE,2.00,17.07.1931 CANARY-TWO,43414e415259484558,1.50,north",
        "CANARY-ONE,2.00,1931-07-17 CANARY-TWO,43414e415259484558,1.50,north",
        "CANARY-ONE,2.00,0999-07-17,CANARY-ONE,1.50,north",
        "CANARY-ONE,99999999.99,1831-07-17,43414e415259484558,1.50,north",
        "CANARY-ONE,99999999.99,1831-07-17,43414e415259484558,1.50,north",
        "CANARY-ONE-CANARY-TWO-CANARY-SIX,2.00,1931-07-17,43414e415259484558,1.50,north",
        "CANARY-ONE-LONGER18,2.00,1931-07-17,43414e415259484558,1.50,north",
        "canary-one,2.00,1931-07-17,43414e415259484558,1.50,north",
        ",2.00,1931-07-17,43414e415259484558,1.50,north",
        "CANARY-ONE,2.00,1931-07-17,43414e415259484558,,north",
        "CANARY-ONE,2.00,1931-07-17,4341,1.50,CANARY-ONE",
        // The columns moved: what is sensitive stands where it is not expected.
        "north,CANARY-ONE,2.00,1931-07-17,87654321.09,1.50",
        "2.00,1931-07-17,4341,1.50,CANARY-ONE,CANARY-TWO",
    ])
    .into_bytes();
    source.extend_from_slice(b"CANARY-ONE\xff\xfe,2.00,1931-07-17,4341,1.50,north\n");
    source.extend_from_slice(b"CANARY-ONE\x00,2.00,1931-07-17,4341,1.50,CANARY-TWO\xff\n");
    watched.desk.put("in.csv", source);
    assert_eq!(watched.run(&["run", "job.toml", "--source", "in.csv"]).0, Some(0));
    watched.ask_everything();
    watched.run(&["check", "job.toml", "--source", "in.csv", "--records", "100"]);
    let preview = watched.json(&["check", "job.toml", "--source", "in.csv", "--records", "100"]);
    assert_eq!(preview["records"].as_array().unwrap().len(), 21);
    watched.run(&["fingerprint", "job.toml", "--source", "in.csv"]);

    let rejects = watched.json(&["rejects", "--limit", "1000"]);
    let rejects = rejects.as_array().unwrap();
    assert_eq!(rejects.len(), 21);
    let detail = |record_no: u64, field: &str| {
        let reject = rejects.iter().find(|one| one["record_no"] == record_no).unwrap();
        assert_eq!(reject["raw_hex"], Value::Null, "{reject}");
        let reasons = reject["reasons"].as_array().unwrap();
        let of = reasons.iter().find(|reason| reason["field"] == field).unwrap_or_else(|| panic!("{reject}"));
        of["detail"].as_str().unwrap().to_owned()
    };
    // Equal content of a field has equal masks, other content has others.
    assert_eq!(detail(10, "salary"), detail(11, "salary"));
    assert_ne!(detail(5, "salary"), detail(6, "salary"));
    assert!(detail(10, "salary").starts_with("masked:"), "{}", detail(10, "salary"));
    assert!(detail(10, "salary").ends_with("is above the maximum 90000000"), "{}", detail(10, "salary"));

    // The bytes themselves are for whoever asks for them, which the log knows.
    let (code, _, said) = watched.run(&["rejects", "--raw", "raw.csv"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("unmasked"), "{said}");
    let raw = String::from_utf8_lossy(&std::fs::read(watched.desk.path("raw.csv")).unwrap()).into_owned();
    assert!(raw.contains("CANARY-ONE") && raw.contains("CANARY-TWO"), "{raw}");
    let logged =
        "SELECT count(*) FROM crossfoot_event WHERE kind = 'rejects-written' AND detail LIKE '%raw.csv%'";
    assert_eq!(watched.desk.number(logged), 1);

    // A reject that was altered is told by its mask, not by a hash that anyone can try.
    let altered = watched.damage(
        "in.csv",
        "UPDATE crossfoot_reject SET raw = CAST('CANARY-TAMPERED' AS BLOB) WHERE record_no = 1 AND run_id =
         (SELECT run_id FROM crossfoot_run ORDER BY opened_at_ms DESC, run_id DESC LIMIT 1)",
    );
    assert!(altered.to_string().contains("masked:") && !altered.to_string().contains("SHA-256"), "{altered}");
}

#[test]
fn no_rule_and_no_missing_header_shows_a_sensitive_field() {
    let watched = Watched::new(&CANARIES);
    let rules = r#"
[[rule]]
name = "nobody earns much"
holds = "salary < 100 AND ssn LIKE 'X%'"
[[rule]]
name = "one of each"
unique = ["ssn", "born"]
[[rule]]
name = "known"
references = { fields = ["ssn"], table = "known", columns = ["ssn"] }
[[rule]]
name = "each adds up"
balance = { sum = "salary", by = ["ssn", "born"], to = "0.00" }
[[rule]]
name = "each adds up, all kinds"
balance = { sum = "hours", by = ["salary", "photo", "team"], to = "0.00" }
"#;
    watched.desk.put("job.toml", format!("{DELIMITED}{rules}"));
    watched.desk.put("in.csv", sound() + "CANARY-ONE,5.00,1931-07-17,00,3.00,north\n");
    watched.desk.sql().execute_batch("CREATE TABLE known (ssn TEXT)").unwrap();
    let (code, out, err) = watched.run(&["run", "job.toml", "--source", "in.csv"]);
    assert_eq!(code, Some(1), "{out}\n{err}");
    watched.ask_everything();
    let found = watched.json(&["explain", "--limit", "0"])["findings"].take();
    let of = |name: &str| {
        let all = found.as_array().unwrap().iter().filter(|one| one["field"] == name);
        all.map(|one| one["actual"].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>()
    };
    let groups = of("each adds up");
    assert_eq!(groups.len(), 3, "{found}");
    // A sum over two records is a total; a group of one record is its value.
    assert!(groups[0].starts_with("87654326.09 for ssn masked:"), "{groups:?}");
    assert!(groups[1].starts_with("masked:") && groups[1].contains(" for ssn masked:"), "{groups:?}");
    assert!(of("each adds up, all kinds")[0].contains("team north"), "{found}");

    // Without its header row the first record stands in its place.
    watched.desk.put("headless.csv", sound().replacen(HEADER, "", 1));
    let (code, _, err) = watched.run(&["run", "job.toml", "--source", "headless.csv"]);
    assert!(code != Some(0) && err.contains("is not `ssn`"), "{err}");
    watched.run(&["check", "job.toml", "--source", "headless.csv"]);
    watched.ask_everything();
}

/// What is searched for would be found: without the mark, everything is there to be seen.
#[test]
fn without_the_mark_the_same_damage_is_shown() {
    let watched = Watched::new(&[]);
    watched.desk.put("job.toml", DELIMITED.replace("sensitive = true\n", ""));
    watched.desk.put("in.csv", sound());
    let found = watched.damage("in.csv", "UPDATE stg_people SET ssn = 'CANARY-TAMPERED' WHERE record_no = 1");
    assert_eq!(sides(&found, "ssn"), ("'CANARY-ONE'".into(), "'CANARY-TAMPERED'".into()));
}
