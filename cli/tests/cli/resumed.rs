//! `--work-dir`: a comparison that is killed at any moment is resumed, and comes to the same report; a folder that is not
//! of it, or not as it was written, is refused.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use super::desk::{Desk, Ended, Going};

const ENTRIES: u32 = 6000;

const JOB: &str = r#"
[job]
name = "books"
[source]
format = "delimited"
[[record]]
name = "entry"
when = { field = "kind", in = ["E"] }
key = ["no"]
amounts = ["amount"]
[[record.field]]
name = "kind"
type = "text(1)"
[[record.field]]
name = "no"
type = "integer"
[[record.field]]
name = "amount"
type = "decimal(12,2)"
[[record]]
name = "note"
when = { field = "kind", in = ["N"] }
key = ["no"]
[[record.field]]
name = "kind"
type = "text(1)"
[[record.field]]
name = "no"
type = "integer"
[[record.field]]
name = "text"
type = "text(40)"
[[record]]
name = "trailer"
role = "trailer"
when = { field = "kind", in = ["T"] }
[[record.field]]
name = "kind"
type = "text(1)"
[[record.field]]
name = "entries"
type = "integer"
[[record.field]]
name = "total"
type = "decimal(18,2)"
[[control]]
record = "trailer"
[[control.total]]
field = "entries"
count = "entry"
[[control.total]]
field = "total"
sum = "entry.amount"
[limits]
rejects = 10
[[target]]
record = "entry"
table = "entries"
[[target]]
record = "note"
table = "notes"
"#;

/// The reconciliation of a source, with rejects and a trailer, that another program loaded with three faults.
const RECONCILE: [&str; 9] = [
    "reconcile",
    "job.toml",
    "--target",
    "sqlite:t.db",
    "--memory",
    "8",
    "--rows-per-second",
    "6000",
    "--json",
];

fn desk() -> Desk {
    let desk = Desk::new();
    desk.put("job.toml", JOB);
    let sql = Connection::open(desk.path("t.db")).unwrap();
    let mut load = String::from(
        "BEGIN; CREATE TABLE entries (kind TEXT, no INTEGER, amount TEXT);
         CREATE TABLE notes (kind TEXT, no INTEGER, text TEXT);",
    );
    // The trailer is a cent off, so that what became of it is in the report.
    let (mut source, mut cents) = (String::new(), 1);
    for no in 1..=ENTRIES {
        let amount = (no * 7919) % 100_000;
        cents += amount;
        let amount = format!("{}.{:02}", amount / 100, amount % 100);
        writeln!(source, "E,{no},{amount}").unwrap();
        write!(load, "INSERT INTO entries VALUES ('E', {no}, '{amount}');").unwrap();
        if no % 3 == 0 {
            writeln!(source, "N,{no},note {no}").unwrap();
            write!(load, "INSERT INTO notes VALUES ('N', {no}, 'note {no}');").unwrap();
        }
    }
    source.push_str("E,x,1.00\nE,9999999,one\n");
    writeln!(source, "T,{ENTRIES},{}.{:02}", cents / 100, cents % 100).unwrap();
    load.push_str(
        "DELETE FROM entries WHERE no = 17; UPDATE entries SET amount = '0.01' WHERE no = 4711;
         INSERT INTO notes VALUES ('N', 7777777, 'extra'); COMMIT",
    );
    desk.put("in.csv", source);
    sql.execute_batch(&load).unwrap();
    desk
}

fn line(more: &[&'static str]) -> Vec<&'static str> {
    [&RECONCILE[..], more].concat()
}

const FROM_FILE: [&str; 6] = ["--source", "in.csv", "--differences", "d.jsonl", "--work-dir", "work"];

/// A report without what may differ: times, workers, and the words about resuming.
pub(super) fn like(mut report: Value) -> Value {
    fn without_times(value: &mut Value) {
        match value {
            Value::Object(all) => {
                all.remove("at_ms");
                all.values_mut().for_each(without_times);
            }
            Value::Array(all) => all.iter_mut().for_each(without_times),
            _ => {}
        }
    }
    without_times(&mut report);
    for name in ["started_at_ms", "elapsed_ms", "workers", "resumed", "log_head"] {
        report.as_object_mut().unwrap().remove(name);
    }
    report["target"].as_object_mut().unwrap().remove("snapshot");
    if report["bytes"].is_null() {
        report["source"].as_object_mut().unwrap().remove("location");
    }
    report
}

pub(super) fn names(folder: &Path) -> BTreeSet<String> {
    let all = fs::read_dir(folder).unwrap();
    all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Runs a command that a fault kills.
pub(super) fn killed(desk: &Desk, line: &[&str], fault: &str) {
    let mut command = desk.command(line);
    command.env("CROSSFOOT_FAULT", fault);
    let going = Going::start(line.join(" "), command, Vec::new());
    assert!(going.ends_within(Duration::from_secs(60)), "{fault}: {}", going.said());
    going.kill();
}

/// What an undisturbed comparison reports and lists.
fn undisturbed(desk: &Desk, line: &[&str]) -> (Value, Option<Vec<u8>>) {
    let report = desk.run(line).exits(1).json();
    assert!(report.get("resumed").is_none());
    (like(report), take(desk))
}

fn take(desk: &Desk) -> Option<Vec<u8>> {
    let list = fs::read(desk.path("d.jsonl")).ok();
    drop(fs::remove_file(desk.path("d.jsonl")));
    list
}

/// What a resumed comparison says of itself: its phases, whether an earlier process did each, and as of when its target
/// was read.
struct Resumed {
    phases: Vec<(String, bool)>,
    snapshot: String,
}

impl Resumed {
    fn is_of_one_moment(&self) -> bool {
        !self.snapshot.starts_with("NOT as of one moment")
    }
}

fn resumes(desk: &Desk, line: &[&str], undisturbed: &(Value, Option<Vec<u8>>), what: &str) -> Resumed {
    let report = desk.run(line).exits(1).json();
    assert_eq!(like(report.clone()), undisturbed.0, "{what}");
    assert_eq!(take(desk), undisturbed.1, "{what}");
    assert_eq!(names(&desk.path("work")), BTreeSet::new(), "{what}: a verdict empties the folder");
    assert!(!names(&desk.path(".")).iter().any(|name| name.ends_with(".unfinished")), "{what}");
    let phases = report["resumed"].as_array().cloned().unwrap_or_default();
    let phase =
        |phase: &Value| (phase["what"].as_str().unwrap().to_owned(), phase["earlier"].as_bool().unwrap());
    let snapshot = report["target"]["snapshot"].as_str().unwrap().to_owned();
    let resumed = Resumed { phases: phases.iter().map(phase).collect(), snapshot };
    let of_target = resumed.phases.iter().filter(|(what, _)| what.starts_with("target"));
    let processes: BTreeSet<_> = of_target.map(|(_, earlier)| *earlier).collect();
    assert!(processes.len() < 2 || !resumed.is_of_one_moment(), "{what}: {}", resumed.snapshot);
    resumed
}

#[test]
fn a_comparison_that_is_killed_between_two_steps_comes_to_the_same_report() {
    if !cfg!(feature = "fault-points") {
        return;
    }
    let desk = desk();
    let line = line(&FROM_FILE);
    let undisturbed = undisturbed(&desk, &line);
    assert_eq!(undisturbed.0["differences"], 3);
    assert_eq!(undisturbed.0["rejected"], 2);
    let named = ["the source", "target of record type entry", "target of record type note"];
    for (fault, finished) in [
        ("compare.phase.before@1=die", 0),
        ("compare.phase.after@1=die", 1),
        ("compare.phase.before@2=die", 1),
        ("compare.phase.after@2=die", 2),
        ("compare.phase.before@3=die", 2),
        ("compare.phase.after@3=die", 3),
        ("compare.met=die", 3),
        ("compare.told=die", 3),
    ] {
        killed(&desk, &line, fault);
        assert!(!desk.path("d.jsonl").exists(), "{fault}: no list that is not whole has its name");
        let resumed = resumes(&desk, &line, &undisturbed, fault);
        let expected: Vec<_> =
            named.iter().enumerate().map(|(at, what)| (what.to_string(), at < finished)).collect();
        assert_eq!(resumed.phases, if finished == 0 { Vec::new() } else { expected }, "{fault}");
        assert_eq!(resumed.is_of_one_moment(), finished != 2, "{fault}: {}", resumed.snapshot);
    }
    // Killed twice, each time one step further.
    killed(&desk, &line, "compare.phase.after@1=die");
    killed(&desk, &line, "compare.phase.after@1=die");
    killed(&desk, &line, "compare.phase.after@1=die");
    let resumed = resumes(&desk, &line, &undisturbed, "killed three times");
    assert!(resumed.phases.iter().all(|(_, earlier)| *earlier), "{:?}", resumed.phases);
    assert!(!resumed.is_of_one_moment(), "{}", resumed.snapshot);
    desk.run(&["audit", "verify"]).exits(0);
    // What is printed says it too.
    killed(&desk, &line, "compare.phase.after@2=die");
    let printed: Vec<_> = line.iter().copied().filter(|word| *word != "--json").collect();
    desk.run(&printed).exits(1).prints(&["Resumed", "before it was resumed", "NOT as of one moment"]);
}

#[test]
fn a_comparison_that_is_killed_at_any_moment_comes_to_the_same_report() {
    let desk = desk();
    let line = line(&FROM_FILE);
    let started = Instant::now();
    let undisturbed = undisturbed(&desk, &line);
    let whole = started.elapsed();
    for kill in 1..=8 {
        let going = desk.start(&line);
        going.ends_within(whole * kill / 9);
        going.kill();
        let what = format!("killed after {kill} of 9 parts of {whole:?}");
        // One that had reached its verdict is another comparison.
        if desk.path("d.jsonl").exists() {
            assert_eq!(take(&desk), undisturbed.1, "{what}");
        }
        resumes(&desk, &line, &undisturbed, &what);
    }
}

#[test]
fn tables_as_the_source_are_resumed_as_well() {
    if !cfg!(feature = "fault-points") {
        return;
    }
    let desk = desk();
    fs::copy(desk.path("t.db"), desk.path("s.db")).unwrap();
    Connection::open(desk.path("s.db")).unwrap().execute("DELETE FROM notes WHERE no < 10", []).unwrap();
    let line = line(&["--from", "sqlite:s.db", "--work-dir", "work"]);
    let undisturbed = undisturbed(&desk, &line);
    assert_eq!(undisturbed.0["differences"], 3);
    for fault in ["compare.phase.after@1=die", "compare.phase.after@3=die", "compare.phase.after@4=die"] {
        killed(&desk, &line, fault);
        let phases = resumes(&desk, &line, &undisturbed, fault).phases;
        assert_eq!(phases.len(), 4, "{phases:?}");
        assert!(phases.iter().any(|(_, earlier)| *earlier), "{phases:?}");
    }
}

#[test]
fn an_attestation_is_resumed_as_well() {
    if !cfg!(feature = "fault-points") {
        return;
    }
    let desk = Desk::with(super::desk::postings(2000));
    desk.load().exits(0);
    let line = ["attest", "last", "--json", "--work-dir", "work"];
    let whole = like(desk.run(&line).exits(0).json());
    killed(&desk, &line, "compare.phase.after@2=die");
    let report = desk.run(&line).exits(0).json();
    assert_eq!(report["resumed"].as_array().unwrap().len(), 2);
    assert_eq!(like(report), whole);
}

/// A folder of a comparison that was killed when it had finished two phases.
fn begun() -> (Desk, Vec<&'static str>) {
    let desk = desk();
    let line = line(&FROM_FILE);
    killed(&desk, &line, "compare.phase.after@2=die");
    (desk, line)
}

fn rows(desk: &Desk) -> PathBuf {
    let name = names(&desk.path("work")).into_iter().find(|name| name.ends_with(".rows")).unwrap();
    desk.path("work").join(name)
}

/// A command is refused, in whatever form it says so.
pub(super) fn fails(ended: &Ended, said: &str) {
    assert_eq!(ended.code, Some(2), "{said}: {ended}");
    let all = format!("{}{}", ended.out, ended.err);
    let unwrapped = all.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(unwrapped.contains(said), "{said}: {ended}");
}

pub(super) fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_folder_that_is_not_as_it_was_written_or_of_another_comparison_is_refused() {
    if !cfg!(feature = "fault-points") {
        return;
    }
    type Damage = fn(&Desk);
    let cases: [(Damage, &str); 13] = [
        (|desk| flip(&rows(desk)), "is not what was written"),
        (
            |desk| {
                let rows = rows(desk);
                let bytes = fs::read(&rows).unwrap();
                fs::write(&rows, &bytes[..bytes.len() - 1]).unwrap();
            },
            "were written",
        ),
        (|desk| fs::remove_file(rows(desk)).unwrap(), "cannot be read"),
        (|desk| flip(&desk.path("work/journal.json")), "its journal is damaged"),
        (|desk| fs::write(desk.path("work/journal.json"), "").unwrap(), "its journal is damaged"),
        (|desk| fs::remove_file(desk.path("work/journal.json")).unwrap(), "no journal says of what"),
        (|desk| desk.put("work/other", ""), "`other`, which no comparison made"),
        (
            |desk| fs::set_permissions(desk.path("work"), fs::Permissions::from_mode(0o755)).unwrap(),
            "other users can use",
        ),
        (
            |desk| {
                let source = fs::read_to_string(desk.path("in.csv")).unwrap();
                desk.put("in.csv", source.replace("E,x,1.00", "E,x,1.01"));
            },
            "the source's",
        ),
        (
            |desk| {
                let source = fs::read(desk.path("in.csv")).unwrap();
                fs::remove_file(desk.path("in.csv")).unwrap();
                desk.put("in.csv", source);
            },
            "the source's file then",
        ),
        (|desk| desk.put("job.toml", format!("{JOB}\nequal = [\"case\"]\n")), "SHA-256 of the job file"),
        (
            |desk| {
                let job = fs::read_to_string(desk.path("job.toml")).unwrap();
                desk.put("job.toml", job.replace("[limits]", "[declared]\nrecords = 1\n[limits]"));
            },
            "SHA-256 of the job file",
        ),
        (|desk| desk.put("d.jsonl", ""), "cannot create d.jsonl"),
    ];
    for (damage, said) in cases {
        let (desk, line) = begun();
        damage(&desk);
        let before = names(&desk.path("work"));
        fails(&desk.run(&line), said);
        // Nothing was mixed, and nothing was added or removed.
        assert_eq!(names(&desk.path("work")), before, "{said}");
        assert_eq!(desk.number("SELECT count(*) FROM crossfoot_event WHERE kind = 'load-compared'"), 0);
    }
}

#[test]
fn what_cannot_be_resumed_is_refused_by_name() {
    if !cfg!(feature = "fault-points") {
        return;
    }
    let (desk, line) = begun();
    // Another target, declared totals, and a folder that another process uses.
    fs::copy(desk.path("t.db"), desk.path("u.db")).unwrap();
    let other: Vec<_> =
        line.iter().map(|word| if *word == "sqlite:t.db" { "sqlite:u.db" } else { word }).collect();
    let ended = desk.run(&other);
    fails(&ended, "the target then");
    fails(&ended, "remove the folder or name another one");
    desk.put("declared.json", "{\"records\": 1}");
    fails(&desk.run(&[&line[..], &["--declared", "declared.json"]].concat()), "what the sender declared");
    let mut hanging = desk.command(&line);
    hanging
        .env("CROSSFOOT_FAULT", "compare.phase.before=hang")
        .env("CROSSFOOT_FAULT_LOG", desk.path("struck"));
    let going = Going::start("hangs".into(), hanging, Vec::new());
    super::desk::until("it hangs", || fs::read(desk.path("struck")).is_ok_and(|struck| !struck.is_empty()));
    fails(&desk.run(&line), "another process compares");
    going.kill();
    // What is read once, and what is compared in more than one piece.
    let piped: Vec<_> = line.iter().map(|word| if *word == "in.csv" { "-" } else { word }).collect();
    let ended = desk.pipe(
        &piped.iter().map(|word| if *word == "work" { "w2" } else { word }).collect::<Vec<_>>(),
        b"T,0,0\n",
    );
    fails(&ended, "can be read only once");
    desk.run(&["reconcile", "job.toml", "--source", "in.csv", "--quick", "--work-dir", "w3"]).exits(2);
}
