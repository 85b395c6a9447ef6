//! Sensitive fields of mainframe and fixed-width files; see [`super::masked`].

use super::masked::{Watched, ebcdic, is_mask, packed, sides};

const COPYBOOK: &str = "
       01  DETAIL-REC.
           05  D-TYPE           PIC X(1).
           05  SSN              PIC S9(9) COMP-3.
           05  NAME             PIC X(12).
           05  BORN             PIC 9(8).
           05  SALARY           PIC S9(9)V99 COMP-3.
           05  PIN              PIC S9(9) COMP.
           05  CALL-COUNT       PIC 9(2).
           05  CALLED           PIC X(10) OCCURS 0 TO 3
                                DEPENDING ON CALL-COUNT.
       01  TRAILER-REC.
           05  T-TYPE           PIC X(1).
           05  TOTAL            PIC S9(11)V99 COMP-3.
           05  OWNER            PIC X(12).
";

const JOB: &str = r#"[job]
name = "clients"
[source]
format = "copybook"
copybook = "clients.cpy"
framing = "rdw"
[[record]]
name = "client"
level_01 = "DETAIL-REC"
when = { field = "d_type", in = ["D"] }
key = ["ssn"]
amounts = ["salary"]
staging = "stg_clients"
final = "clients"
[[record.field]]
name = "ssn"
sensitive = true
[[record.field]]
name = "full_name"
from = "name"
sensitive = true
pattern = "[A-Z-]*"
[[record.field]]
name = "born"
type = "date(YYYYMMDD)"
sensitive = true
[[record.field]]
name = "salary"
sensitive = true
max = 99000000
[[record.field]]
name = "pin"
sensitive = true
[[record.field]]
name = "call_count"
sensitive = true
[[record.field]]
name = "called_1"
sensitive = true
[[record.field]]
name = "called_2"
sensitive = true
[[record.field]]
name = "called_3"
sensitive = true
[[record]]
name = "trailer"
role = "trailer"
level_01 = "TRAILER-REC"
when = { field = "t_type", in = ["T"] }
staging = "stg_trailers"
final = "trailers"
[[record.field]]
name = "total"
sensitive = true
[[record.field]]
name = "owner"
sensitive = true
[[control]]
record = "trailer"
[[control.total]]
field = "total"
sum = "client.salary"
[[control.value]]
field = "owner"
given = "owner"
[declared]
values = { owner = "CANARY-EIGHT" }
[limits]
rejects = 1000
"#;

const CANARIES: [&str; 16] = [
    "CANARY-ONE",
    "CANARY-TWO",
    "CANARYCALL",
    "CANARY-NINE",
    "123454321",
    "987656789",
    "19310717",
    "1931-07-17",
    "19320818",
    "1932-08-18",
    "87654321.09",
    "8765432109",
    "76543210.98",
    "7654321098",
    "555444333",
    "98765432.10",
];

#[derive(Clone)]
struct Client {
    ssn: Vec<u8>,
    name: Vec<u8>,
    born: Vec<u8>,
    salary: Vec<u8>,
    pin: Vec<u8>,
    calls: Vec<u8>,
}

impl Client {
    fn new(ssn: &str, name: &str, born: &str, salary: &str) -> Self {
        Self {
            ssn: packed(ssn),
            name: ebcdic(&format!("{name:12}")),
            born: ebcdic(born),
            salary: packed(salary),
            pin: 555_444_333_i32.to_be_bytes().to_vec(),
            calls: ebcdic("01CANARYCALL"),
        }
    }

    fn record(&self) -> Vec<u8> {
        [&ebcdic("D"), &self.ssn, &self.name, &self.born, &self.salary, &self.pin, &self.calls]
            .into_iter()
            .flatten()
            .copied()
            .collect()
    }
}

fn one() -> Client {
    Client::new("123454321", "CANARY-ONE", "19310717", "08765432109")
}

fn two() -> Client {
    Client::new("987656789", "CANARY-TWO", "19320818", "07654321098")
}

fn three() -> Client {
    Client::new("000000003", "NOBODY", "19990101", "00000000100")
}

fn trailer(total: &str, owner: &str) -> Vec<u8> {
    [ebcdic("T"), packed(total), ebcdic(&format!("{owner:12}"))].concat()
}

fn framed(records: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        let length = u16::try_from(record.len() + 4).unwrap();
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(record);
    }
    out
}

fn watched() -> Watched {
    let watched = Watched::new(&CANARIES);
    watched.desk.put("clients.cpy", COPYBOOK);
    watched.desk.put("job.toml", JOB);
    watched
}

#[test]
fn no_damage_of_a_mainframe_load_shows_a_sensitive_field() {
    let watched = watched();
    let sound =
        framed(&[one().record(), two().record(), three().record(), trailer("0016419753307", "CANARY-EIGHT")]);
    watched.desk.put("in.dat", sound);
    for (field, value) in [
        ("ssn", "987656780"),
        ("full_name", "'CANARY-NINE'"),
        ("born", "'1932-08-18'"),
        ("salary", "'76543210.98'"),
        ("pin", "1"),
        ("called_1", "''"),
    ] {
        let damage = format!("UPDATE stg_clients SET {field} = {value} WHERE record_no = 1");
        let (expected, actual) = sides(&watched.damage("in.dat", &damage), field);
        assert!(is_mask(&expected) && is_mask(&actual) && expected != actual, "{field}: {expected} {actual}");
    }
    let (_, none) = sides(
        &watched.damage("in.dat", "UPDATE stg_clients SET called_1 = NULL WHERE record_no = 1"),
        "called_1",
    );
    assert_eq!(none, "NULL");
    // Two, or else the difference of two totals is one record's value.
    watched.damage("in.dat", "DELETE FROM stg_clients WHERE record_no IN (1, 2)");
    watched.damage("in.dat", "DELETE FROM stg_trailers");
    watched.run(&["check", "job.toml", "--source", "in.dat"]);
    let preview = watched.json(&["check", "job.toml", "--source", "in.dat"]);
    let field = |record: usize, name: &str| {
        let fields = preview["records"][record]["fields"].as_array().unwrap();
        fields.iter().find(|field| field["name"] == name).unwrap().clone()
    };
    assert!(field(0, "ssn")["hex"].is_null() && is_mask(field(0, "ssn")["value"].as_str().unwrap()));
    assert_eq!(
        (field(0, "d_type")["hex"].as_str(), field(0, "d_type")["value"].as_str()),
        (Some("c4"), Some("'D'"))
    );
    assert_eq!(field(0, "pin")["value"], field(1, "pin")["value"]);
    assert_ne!(field(0, "ssn")["value"], field(1, "ssn")["value"]);
}

#[test]
fn no_reject_of_a_mainframe_load_shows_a_sensitive_field() {
    let watched = watched();
    let mut records = vec![one().record(), two().record()];
    let mut bad = |change: &dyn Fn(&mut Client)| {
        let mut client = one();
        change(&mut client);
        records.push(client.record());
    };
    bad(&|client| client.ssn[4] = 0x1F & 0x13);
    bad(&|client| client.ssn[0] = 0xAB);
    bad(&|client| client.name[11] = 0x00);
    bad(&|client| client.name = ebcdic("CANARY-ONE 1"));
    bad(&|client| client.born = ebcdic("19311731"));
    bad(&|client| client.born = ebcdic("CANARY-O"));
    bad(&|client| client.salary[5] = 0x91);
    bad(&|client| client.salary = packed("99999999999"));
    bad(&|client| client.pin = 2_087_654_321_i32.to_be_bytes().to_vec());
    bad(&|client| client.calls = ebcdic("07CANARYCALL"));
    bad(&|client| client.calls = ebcdic("CACANARYCALL"));
    bad(&|client| client.calls = ebcdic("02CANARYCALL"));
    bad(&|client| client.calls = ebcdic("01CANARYCALLCANARYCALL"));
    // The type was lost.
    let mut lost = one().record();
    lost[0] = ebcdic("X")[0];
    records.push(lost.clone());
    records.push(one().record()[..9].to_vec());
    // A trailer that does not foot and declares another owner, and a detail that is taken for one.
    records.push(trailer("0009876543210", "CANARY-NINE"));
    lost[0] = ebcdic("T")[0];
    records.push(lost);
    watched.desk.put("in.dat", framed(&records));
    assert_eq!(watched.run(&["run", "job.toml", "--source", "in.dat"]).0, Some(1));
    watched.ask_everything();
    watched.run(&["check", "job.toml", "--source", "in.dat", "--records", "100"]);
    watched.json(&["check", "job.toml", "--source", "in.dat", "--records", "100"]);
    let rejects = watched.json(&["rejects", "--limit", "1000"]);
    assert!(rejects.as_array().unwrap().len() >= 13, "{rejects}");
    let checks = watched.json(&["report"])["checks"].take();
    let footed =
        checks.as_array().unwrap().iter().find(|check| check["name"] == "control trailer: total").unwrap();
    let (declared, computed) = (footed["expected"].as_str().unwrap(), footed["actual"].as_str().unwrap());
    assert!(is_mask(declared) && is_mask(computed) && declared != computed, "{footed}");

    // A descriptor that is none: the bytes where a length was looked for are the record's.
    let mut cut = framed(&[one().record()]);
    cut.extend_from_slice(&ebcdic("CANARY-TWO AND MORE OF IT"));
    watched.desk.put("cut.dat", cut);
    let (code, _, err) = watched.run(&["run", "job.toml", "--source", "cut.dat"]);
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("withheld") && !err.contains("c3c1"), "{err}");
    watched.run(&["check", "job.toml", "--source", "cut.dat"]);
    watched.ask_everything();
}

#[test]
fn a_fixed_width_record_that_cannot_be_cut_is_not_quoted() {
    let watched = Watched::new(&CANARIES);
    let job = r#"[job]
name = "fixed"
[source]
format = "fixed"
framing = "line"
encoding = "latin1"
[[record]]
name = "person"
amounts = ["salary"]
staging = "stg_fixed"
final = "fixed"
[[record.field]]
name = "ssn"
type = "text(12)"
start = 1
width = 12
sensitive = true
[[record.field]]
name = "salary"
type = "decimal(12,2)"
start = 13
width = 12
sensitive = true
[[record.field]]
name = "born"
type = "date"
start = 25
width = 10
sensitive = true
required = true
[limits]
rejects = 100
"#;
    watched.desk.put("job.toml", job);
    watched.desk.put(
        "in.csv",
        "CANARY-ONE   87654321.091931-07-17\n\
         CANARY-TWO   76543210.981932-08-18\n\
         CANARY-ONE   87654321.09\n\
         CANARY-ONE   87654321.091931-07-17CANARY-TWO\n\
         CANARY-ONE   CANARY-TWO 1931-07-17\n\
         CANARY-ONE   87654321.09CANARY-TWO\n\
         CANARY-ONE   76543210.98          \n\
         X87654321.09CANARY-ONE  1931-07-17\n",
    );
    assert_eq!(watched.run(&["run", "job.toml", "--source", "in.csv"]).0, Some(0));
    watched.ask_everything();
    watched.run(&["check", "job.toml", "--source", "in.csv", "--records", "100"]);
    watched.json(&["check", "job.toml", "--source", "in.csv", "--records", "100"]);
    let found = watched.damage("in.csv", "UPDATE stg_fixed SET ssn = 'CANARY-NINE' WHERE record_no = 1");
    let (expected, actual) = sides(&found, "ssn");
    assert!(is_mask(&expected) && is_mask(&actual) && expected != actual, "{found}");
    // The bytes of a sensitive field cannot be had under another name.
    watched.desk.put(
        "job.toml",
        job.replace(
            "[limits]",
            "[[record.field]]\nname = \"all\"\ntype = \"text(30)\"\nstart = 5\nwidth = 30\n[limits]",
        ),
    );
    let (code, _, err) = watched.run(&["check", "job.toml"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("overlaps"), "{err}");
}
