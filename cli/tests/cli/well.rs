//! Exit code 0: what was asked for is done, and every command can tell of it.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::desk::{CONTENT, Desk, csv, postings};

const ROWS: [&str; 2] = ["1,2024-02-29,10.00,IBAN-DE-4711", "2,2024-02-29,-10.00,\"IBAN-DE-4711, twice\""];

fn loaded() -> Desk {
    let desk = Desk::with(csv(&ROWS));
    desk.load().exits(0);
    desk
}

fn run_ids(desk: &Desk) -> Vec<String> {
    let runs = desk.run(&["runs", "--json"]).exits(0).json();
    runs.as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_sound_source_is_promoted_and_the_report_says_so() {
    let desk = Desk::with(csv(&ROWS));
    desk.load().exits(0).prints(&["RECONCILED", "fingerprint", "postings", "audit verify"]);
    assert_eq!(desk.final_rows(), 2);
    let json = desk.report();
    assert_eq!((&json["outcome"], &json["all_passed"]), (&"reconciled".into(), &true.into()));
    let levels = json["levels"].as_array().unwrap();
    assert_eq!(levels.len(), 3);
    for level in levels {
        assert_eq!((&level["records"], &level["sums"][0]), (&2.into(), &"0.00".into()));
        assert_eq!(level["fingerprint"], levels[0]["fingerprint"]);
    }
}

#[test]
fn every_command_that_prints_prints_text_for_people_and_json_for_machines() {
    let desk = loaded();
    let table: [(&[&str], &str); 9] = [
        (&["runs"], "reconciled"),
        (&["show"], "reconciled"),
        (&["workers"], "processor-"),
        (&["rejects"], "no rejects"),
        (&["explain"], "is promoted"),
        (&["report"], "RECONCILED"),
        (&["audit", "verify"], "intact"),
        (&["check", "job.toml", "--source", "in.csv"], "job postings is valid"),
        (&["fingerprint", "job.toml", "--source", "in.csv"], "\"records\": 2"),
    ];
    for (line, text) in table {
        let ended = desk.run(line).exits(0).prints(&[text]);
        assert_eq!(ended.err, "", "nothing is amiss: {ended}");
        let json = [line, &["--json"]].concat();
        let ended = desk.run(&json).exits(0);
        assert_eq!(ended.err, "", "nothing is amiss: {ended}");
        assert!(ended.json().is_object() || ended.json().is_array(), "{ended}");
    }
    let json = desk.run(&["run", "job.toml", "--source", "in.csv", "--json", "--again"]).exits(1);
    assert_eq!(json.json()["outcome"], "not-reconciled", "{json}");
}

#[test]
fn a_report_is_text_or_json_or_one_page_and_goes_where_it_is_told() {
    let desk = loaded();
    let run_id = run_ids(&desk).remove(0);
    for (format, begin) in [("text", "RECONCILED"), ("json", "{"), ("html", "<!doctype html>")] {
        let printed = desk.run(&["report", "--format", format]).exits(0).prints(&[&run_id]).out;
        assert!(printed.to_lowercase().starts_with(&begin.to_lowercase()), "{printed}");
        desk.run(&["report", "--format", format, "-o", "report.out"]).exits(0).says(&["report.out"]);
        let written = std::fs::read_to_string(desk.path("report.out")).unwrap();
        assert_eq!(written.trim_end(), printed.trim_end());
    }
    let page = desk.run(&["report", "--format", "html"]).exits(0).out;
    for elsewhere in ["src=\"http", "href=\"http", "<script src", "<link"] {
        assert!(!page.contains(elsewhere), "the page needs {elsewhere}");
    }
}

#[test]
fn a_run_is_named_by_its_id_by_the_beginning_or_end_of_it_or_as_last() {
    let desk = loaded();
    desk.put("other.csv", csv(&["3,2024-02-29,1.00,x"]));
    desk.run(&["run", "job.toml", "--source", "other.csv"]).exits(0);
    let ids = run_ids(&desk);
    let (newest, oldest) = (&ids[0], &ids[1]);
    let shown = |name: &str| desk.run(&["show", name, "--json"]).exits(0).json()["run_id"].clone();
    assert_eq!(shown("last"), newest.as_str());
    let last = desk.run(&["show", "last", "--json"]).exits(0).json();
    let progress = serde_json::json!(
        { "chunks_split": 1, "chunks_committed": 1, "chunks_set_aside": 0, "records": 1 }
    );
    assert_eq!(last["progress"], progress, "how far it is");
    assert_eq!(last["amounts"][0]["final"], "1.00");
    for id in [newest, oldest] {
        for name in [id.as_str(), &id[id.len() - 12..], &id[..20], &id.to_uppercase()] {
            assert_eq!(shown(name), id.as_str(), "{name}");
        }
    }
    // What both begin with is the day: it does not say which.
    desk.run(&["show", &newest[..6]]).exits(2).says(&[
        &newest[..6],
        "matches 2 runs",
        "type more characters",
    ]);
}

#[test]
fn standard_input_is_a_source() {
    let desk = Desk::new();
    desk.pipe(&["run", "job.toml", "--source", "-"], &csv(&ROWS)).exits(0).prints(&["RECONCILED"]);
    assert_eq!(desk.final_rows(), 2);
    let of_stream = desk.pipe(&["fingerprint", "job.toml", "--source", "-"], &csv(&ROWS)).exits(0).json();
    assert_eq!(of_stream["fingerprint"], desk.report()["levels"][2]["fingerprint"]);
}

#[test]
fn a_compressed_source_has_the_fingerprint_of_its_content() {
    let (plain, packed) = (Desk::with(postings(500)), Desk::new());
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&postings(500)).unwrap();
    packed.put("in.csv.gz", gzip.finish().unwrap());
    plain.load().exits(0);
    packed.run(&["run", "job.toml", "--source", "in.csv.gz", "--chunk-bytes", "1000"]).exits(0);
    assert_eq!(packed.final_rows(), 500);
    assert_eq!(plain.report()["levels"], packed.report()["levels"]);
}

#[test]
fn what_a_sender_computes_is_what_a_receiver_checks() {
    let desk = Desk::with(postings(300));
    let sent = desk.run(&["fingerprint", "job.toml", "--source", "in.csv"]).exits(0);
    desk.put("declared.json", &sent.out);
    desk.run(&["run", "job.toml", "--source", "in.csv", "--declared", "declared.json"]).exits(0);
    let report = desk.report();
    assert_eq!(sent.json()["fingerprint"], report["levels"][2]["fingerprint"]);
    let of_declared = |check: &&Value| check["stage"] == "declared" && check["verdict"] == "pass";
    let declared = report["checks"].as_array().unwrap().iter().filter(of_declared).count();
    assert!(declared >= 5, "records, bytes, amount, SHA-256 and fingerprint are checked: {declared}");
}

#[test]
fn a_job_file_made_from_a_sample_loads_that_sample() {
    let desk = Desk::with(postings(50));
    desk.run(&["init", "--sample", "in.csv", "-o", "made.toml"]).exits(0).says(&["made.toml", "check"]);
    desk.run(&["check", "made.toml", "--source", "in.csv"]).exits(0).prints(&["is valid"]);
    desk.run(&["run", "made.toml", "--source", "in.csv"]).exits(0).prints(&["RECONCILED"]);
    // Nor is a job file that somebody may have worked on written over.
    desk.run(&["init", "--sample", "in.csv", "-o", "made.toml"]).exits(2).says(&["made.toml", "exists"]);
}

#[test]
fn a_head_that_was_noted_is_still_in_the_log_later() {
    let desk = loaded();
    let noted = desk.run(&["audit", "verify", "--json"]).exits(0).json();
    let head = format!("{}:{}", noted["events"], noted["head"].as_str().unwrap());
    desk.put("other.csv", csv(&["3,2024-02-29,1.00,x"]));
    desk.run(&["run", "job.toml", "--source", "other.csv"]).exits(0);
    desk.run(&["audit", "verify", "--head", &head]).exits(0).prints(&["intact"]);
    desk.run(&["audit", "verify", "--head", "7"]).exits(2).says(&["invalid head `7`", "NUMBER:HASH"]);
}

#[test]
fn a_purged_run_can_still_be_shown_and_reported() {
    let desk = loaded();
    let before = desk.report();
    desk.run(&["purge", "--yes", "--reason", "kept long enough"])
        .exits(0)
        .prints(&["deleted 2 rows", "kept its ledger"]);
    assert_eq!(desk.number("SELECT count(*) FROM stg_postings"), 0);
    assert_eq!(desk.final_rows(), 2);
    let after = desk.report();
    for part in ["checks", "levels", "balance", "workers", "outcome"] {
        assert_eq!(before[part], after[part], "{part}");
    }
    desk.run(&["show"]).exits(0).prints(&["reconciled", "fingerprint, staging to final"]);
    desk.run(&["runs"]).exits(0).prints(&["purged"]);
    desk.run(&["rejects"]).exits(0).prints(&["purged"]);
    desk.run(&["explain"]).exits(0);
    desk.run(&["audit", "verify"]).exits(0);
}

#[test]
fn the_command_line_goes_before_the_environment_and_that_before_the_file() {
    let desk = Desk::with(csv(&ROWS));
    desk.put("crossfoot.toml", "[store]\nurl = \"sqlite:from-file.db\"\n");
    let line = ["run", "job.toml", "--source", "in.csv"];
    desk.run(&line).exits(0);
    let from_environment = |line: &[&str]| {
        let mut command = desk.command(line);
        command.env("CROSSFOOT__STORE__URL", "sqlite:from-environment.db");
        assert!(command.output().unwrap().status.success());
    };
    from_environment(&line);
    from_environment(&[&line[..], &["--store", "sqlite:from-flag.db"]].concat());
    for name in ["from-file.db", "from-environment.db", "from-flag.db"] {
        assert!(desk.path(name).exists(), "{name}");
    }
}

#[test]
fn the_demo_reconciles_and_a_damaged_demo_does_not() {
    let desk = Desk::new();
    desk.run(&["demo", "--records", "3000"])
        .exits(0)
        .prints(&["RECONCILED"])
        .says(&["next:", "crossfoot explain"]);
    let store = "sqlite:crossfoot-demo/crossfoot.db";
    for damage in ["lost-record", "cent", "swapped-value", "doubled-record"] {
        let ended = desk.run(&["demo", "--records", "3000", "--inject", damage]).exits(1);
        ended.prints(&["NOT RECONCILED"]).says(&["damage: "]);
        let found = desk.run(&["explain", "--json", "--store", store]).exits(0).json();
        assert!(found["findings_total"].as_u64().unwrap() > 0, "{damage} is not walked down");
        assert!(found["findings"][0]["record_no"].as_u64().unwrap() > 0, "{damage}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let desk = Desk::new();
    desk.run(&["--help"]).exits(0).prints(&["Exit codes:", "fingerprint", "resume"]);
    desk.run(&["--version"]).exits(0).prints(&[env!("CARGO_PKG_VERSION"), "commit ", "features "]);
    assert_eq!(desk.run(&["-V"]).exits(0).out.lines().count(), 1);
    desk.run(&["run", "--help"]).exits(0).prints(&["--pause-after", "--declared", "--again"]);
}

#[test]
fn a_preview_shows_records_and_says_which_would_be_rejected() {
    let desk = Desk::with(csv(&["1,2024-02-29,10.00,IBAN-DE-4711", "2,2024-02-30,1.00,x"]));
    let ended = desk.run(&["check", "job.toml", "--source", "in.csv"]).exits(0);
    ended.prints(&[CONTENT, "CREATE TABLE", "record 2, byte", "would be rejected", "booked_on"]);
    assert!(!desk.path("crossfoot.db").exists(), "a look leaves no store behind");
}

#[test]
fn a_copybook_becomes_a_job_and_its_tables() {
    let desk = Desk::new();
    desk.put(
        "card.cpy",
        "       01  CARD.\n           05  NUM     PIC X(16).\n           05  LIMIT-AMT  PIC S9(7)V99 COMP-3.\n",
    );
    desk.run(&["init", "--copybook", "card.cpy", "-o", "card.toml"]).exits(0);
    let tables = std::fs::read_to_string(desk.path("card.sql")).unwrap();
    assert!(
        tables.contains("CREATE TABLE \"stg_card\"") && tables.contains("\"limit_amt\" TEXT"),
        "{tables}"
    );
    let mut card = vec![0xf1_u8; 16];
    card.extend([0x00, 0x12, 0x34, 0x56, 0x7d]);
    desk.put("card.dat", &card);
    // Every field with its place, its bytes and its value.
    let shown = desk.run(&["check", "card.toml", "--source", "card.dat"]).exits(0);
    shown.prints(&["limit_amt", "17", "001234567d", "-12345.67", "'1111111111111111'"]);
    desk.run(&["run", "card.toml", "--source", "card.dat"]).exits(0).prints(&["RECONCILED", "-12,345.67"]);
    // Never over a file that somebody has worked on.
    desk.run(&["init", "--copybook", "card.cpy", "-o", "card.toml"]).exits(2);
    // A field that is no number says so, with its bytes, and the record is not in final.
    card[20] = 0x70;
    desk.put("bad.dat", &card);
    desk.run(&["check", "card.toml", "--source", "bad.dat"])
        .exits(0)
        .prints(&["would be rejected", "limit_amt"]);
    desk.run(&["run", "card.toml", "--source", "bad.dat"]).exits(1);
    // A copybook that is not understood is refused with its line and column.
    desk.put("bad.cpy", "       01  CARD.\n           05  NUM     PIC X(16) COMP-9.\n");
    desk.run(&["init", "--copybook", "bad.cpy"]).exits(2).says(&["line 2", "COMP-9"]);
}

#[test]
fn rejects_of_a_mainframe_file_are_written_back_byte_for_byte_mended_and_sent_again() {
    let desk = Desk::new();
    desk.put(
        "pay.cpy",
        "       01  PAY.\n           05  ID   PIC 9(3).\n           05  AMT  PIC S9(3)V99 COMP-3.\n",
    );
    desk.put(
        "pay.toml",
        "[job]\nname = \"pay\"\n[source]\nformat = \"copybook\"\ncopybook = \"pay.cpy\"\nframing = \"rdw\"\n\
         [[record]]\nname = \"pay\"\nkey = [\"id\"]\namounts = [\"amt\"]\nstaging = \"stg_pay\"\nfinal = \"pay\"\n\
         [limits]\nrejects = 1\n",
    );
    // Behind a record descriptor word: three zoned digits, three packed bytes.
    let record = |id: u8, packed: [u8; 3]| [&[0, 10, 0, 0, 0xf0, 0xf0, 0xf0 + id][..], &packed].concat();
    let (good, bad) = (record(1, [0x01, 0x25, 0x0c]), record(2, [0x01, 0xf5, 0x0c]));
    desk.put("pay.dat", [&good[..], &bad].concat());
    desk.run(&["run", "pay.toml", "--source", "pay.dat"]).exits(0);
    desk.run(&["rejects", "--raw", "again.dat"]).exits(0);
    let raw = std::fs::read(desk.path("again.dat")).unwrap();
    assert_eq!(raw, bad);
    desk.put("again.dat", record(2, [0x01, 0x35, 0x0d]));
    desk.run(&["run", "pay.toml", "--source", "again.dat"]).exits(0).prints(&["-13.50"]);
    // A length that is broken is found at once, with its place and the last good record.
    let mut broken = [&good[..], &bad].concat();
    broken[11] = 0xff;
    desk.put("broken.dat", &broken);
    desk.run(&["run", "pay.toml", "--source", "broken.dat"]).exits(3).says(&["record 2", "byte 10"]);
}
