//! The log as machines read it: each line that is written while a message is handled says whose it is.

use serde_json::Value;

use super::desk::{Desk, Going, postings};

/// Runs the job with the log as JSON, and returns its lines and the run's ID.
fn lines(desk: &Desk, settings: &[(&str, &str)], code: i32) -> (Vec<Value>, String) {
    let line = ["run", "job.toml", "--source", "in.csv", "--chunk-bytes", "4000", "--json"];
    let mut command = desk.command(&line);
    command.envs(settings.iter().copied());
    let ended = Going::start(line.join(" "), command, Vec::new()).end().exits(code);
    let lines = ended.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let runs = desk.run(&["runs", "--json"]).exits(0).json();
    (lines, runs[0]["run_id"].as_str().unwrap().to_owned())
}

#[test]
fn lines_of_workers_and_coordinators_name_run_chunk_and_worker() {
    let desk = Desk::with(postings(500));
    let twice = [("CROSSFOOT_TEST_DOUBLES_MESSAGES", "true"), ("CROSSFOOT_LOG", "debug")];
    let (lines, run) = lines(&desk, &twice, 0);
    let of_writers: Vec<_> =
        lines.iter().filter(|line| line["message"] == "chunk is already committed").collect();
    assert!(!of_writers.is_empty(), "no message came twice: {lines:?}");
    for line in of_writers {
        assert_eq!((&line["run_id"], &line["role"]), (&run.as_str().into(), &"writer".into()), "{line}");
        assert!(line["chunk_no"].is_u64(), "{line}");
        assert!(line["worker"].as_str().unwrap().starts_with("writer-"), "{line}");
        assert_eq!((&line["level"], line["timestamp"].is_string()), (&"DEBUG".into(), true), "{line}");
    }
}

#[test]
fn a_warning_has_its_fields_at_the_usual_level() {
    // The store fails once, as far as a worker can tell.
    if !cfg!(feature = "fault-points") {
        return;
    }
    let desk = Desk::with(postings(500));
    let (lines, run) = lines(&desk, &[("CROSSFOOT_FAULT", "charge@3=fail")], 0);
    let postponed: Vec<_> = lines.iter().filter(|line| line["message"] == "work postponed").collect();
    assert_eq!(postponed.len(), 1, "{lines:?}");
    assert_eq!((&postponed[0]["run_id"], &postponed[0]["level"]), (&run.as_str().into(), &"WARN".into()));
    for key in ["chunk_no", "worker", "role", "queue", "reason", "pause_ms"] {
        assert!(!postponed[0][key].is_null(), "{key}: {}", postponed[0]);
    }
}
