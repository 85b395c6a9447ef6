//! Who did what: the log, its checkpoints, and who may approve.

use super::desk::{Desk, postings};

const RUN: [&str; 4] = ["run", "job.toml", "--source", "in.csv"];

#[test]
fn four_eyes_are_not_the_same_person_twice() {
    let desk = Desk::with(postings(20));
    desk.put_job(
        "job.toml",
        &[("[limits]", "[approval]\nfour_eyes = true\nrequire_reason = true\n\n[limits]")],
    );
    let as_anna = |line: &[&str]| desk.run(&[line, &["--operator", "anna"]].concat());
    as_anna(&RUN).exits(3).prints(&["AWAITING APPROVAL"]);
    as_anna(&["approve", "--yes", "--reason", "fine"]).exits(2).says(&[
        "anna@",
        "opened the run",
        "another person",
    ]);
    desk.run(&["approve", "--yes", "--operator", "ben"]).exits(2).says(&["--reason"]);
    assert_eq!(desk.final_rows(), 0);
    desk.run(&["approve", "--yes", "--operator", "ben", "--reason", "compared"]).exits(0);
    assert_eq!(desk.final_rows(), 20);
    let log = desk.run(&["audit", "log", "last"]).exits(0);
    log.prints(&["approval-refused", "anna@", "ben@", "reason: compared", "crossfoot approve"]);
    let events = desk.run(&["audit", "log", "--json"]).exits(0).json();
    let kinds: Vec<_> =
        events.as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "opened",
            "staged",
            "paused",
            "approval-refused",
            "approval-refused",
            "approved",
            "resumed",
            "promoted"
        ]
    );
    assert_eq!(events[0]["detail"]["command"], "crossfoot run job.toml --source in.csv --operator anna");
    assert!(events[0]["detail"]["os_user"].is_string(), "a name that was given is not all that is known");
    let newest = desk.run(&["audit", "log", "--limit", "2", "--json"]).exits(0).json();
    assert_eq!(newest, serde_json::json!([events[6], events[7]]));
}

#[test]
fn an_operator_s_name_is_a_name() {
    let desk = Desk::with(postings(3));
    for name in ["", " anna", "an\"na"] {
        desk.run(&[&RUN[..], &["--operator", name]].concat()).exits(2).says(&["invalid operator name"]);
    }
    desk.load().exits(0);
    let mut command = desk.command(&["purge", "--yes", "--reason", "done"]);
    command.env("CROSSFOOT_OPERATOR", "cleo");
    assert!(command.output().unwrap().status.success());
    desk.run(&["audit", "log"]).exits(0).prints(&["cleo@", "purged", "reason: done"]);
}

#[test]
fn checkpoints_outside_hold_the_log_to_what_it_was() {
    let desk = Desk::with(postings(20));
    desk.put("crossfoot.toml", "[audit]\ncheckpoint_file = \"notes/checkpoints.jsonl\"\n");
    std::fs::create_dir(desk.path("notes")).unwrap();
    let report = desk.load().exits(0);
    let noted = desk.run(&["audit", "verify", "--json"]).exits(0).json();
    let head = format!("{}:{}", noted["events"], noted["head"].as_str().unwrap());
    report.prints(&[&format!("Checkpoint  {head}"), "--head CHECKPOINT"]);
    desk.run(&["purge", "--yes", "--reason", "done"]).exits(0);
    let verify = ["audit", "verify", "--checkpoints", "notes/checkpoints.jsonl"];
    desk.run(&verify).exits(0).prints(&["intact", "2 checkpoints matched"]);
    // Of another store's name there is nothing to hold to, and that is no pass.
    let text = std::fs::read_to_string(desk.path("notes/checkpoints.jsonl")).unwrap();
    desk.put("other.jsonl", text.replace("crossfoot.db", "other.db"));
    let other = ["audit", "verify", "--checkpoints", "other.jsonl"];
    desk.run(&other).exits(1).says(&["no checkpoint of", "nothing was compared"]);
    desk.put("damaged.jsonl", text.replace("\"head\":\"", "\"head\":\"x"));
    let damaged = ["audit", "verify", "--checkpoints", "damaged.jsonl"];
    desk.run(&damaged).exits(2).says(&["line 1 of damaged.jsonl is not a checkpoint"]);
    // WHEN the purge is made to vanish
    desk.sql()
        .execute_batch(
            "DROP TRIGGER crossfoot_event_no_delete; DELETE FROM crossfoot_event WHERE kind = 'purged'",
        )
        .unwrap();
    desk.run(&["audit", "verify"]).exits(0);
    desk.run(&verify).exits(1).says(&["NOT intact", "line 2 of the checkpoint file", "the end was cut off"]);
}

#[test]
fn a_checkpoint_that_cannot_be_written_is_a_warning() {
    let desk = Desk::with(postings(5));
    desk.put("crossfoot.toml", "[audit]\ncheckpoint_file = \"not/there\"\n");
    desk.load().exits(0).says(&["cannot write the checkpoint", "not/there"]).prints(&["RECONCILED"]);
    desk.run(&["audit", "log"]).exits(0).prints(&["checkpoint-failed"]);
}
