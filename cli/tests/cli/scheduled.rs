//! `[schedule]`: when runs are expected is shown, and what makes no sense is refused.

use super::browser::Console;
use super::desk::{Desk, postings};

/// A job whose runs are expected daily at 02:00, by these lines.
fn desk(lines: &str) -> Desk {
    let desk = Desk::with(postings(20));
    desk.put_job("job.toml", &[("[limits]", &format!("[schedule]\n{lines}\n\n[limits]"))]);
    desk
}

#[test]
fn the_next_expected_times_are_printed() {
    let desk = desk("expected = \"0 2 * * *\"\ntime_zone = \"Europe/Berlin\"\nwithin = \"2h\"");
    let printed = desk.run(&["check", "job.toml"]).exits(0).out;
    let line = printed.lines().find(|line| line.starts_with("expected ")).unwrap();
    assert_eq!(line.matches(" 02:00 Europe/Berlin").count(), 3, "{line}");
    let checked = desk.run(&["check", "job.toml", "--json"]).exits(0).json();
    let schema = desk.run(&["schema", "check"]).exits(0).json();
    jsonschema::validate(&schema, &checked).unwrap();
    let next: Vec<_> =
        checked["next_expected_ms"].as_array().unwrap().iter().map(|at| at.as_i64().unwrap()).collect();
    assert!(next.len() == 3 && next[0] < next[1] && next[1] < next[2], "{next:?}");
    // A job without one is printed as before.
    desk.put_job("job.toml", &[]);
    let checked = desk.run(&["check", "job.toml", "--json"]).exits(0).json();
    assert!(checked.get("next_expected_ms").is_none());
}

#[test]
fn the_console_shows_what_was_missed_and_what_is_next() {
    let desk = desk("expected = \"* * * * *\"\nwithin = \"1m\"");
    desk.load().exits(0);
    // As if it had been an hour ago.
    desk.sql().execute("UPDATE crossfoot_run SET opened_at_ms = opened_at_ms - 3600000", []).unwrap();
    let console = Console::new(&desk);
    let job = &console.get("/jobs")["items"][0];
    let (missed, next) =
        (job["missed_at_ms"].as_i64().unwrap(), job["next_expected_at_ms"].as_i64().unwrap());
    assert!(missed % 60_000 == 0 && next == missed + 60_000, "{job}");
    let metrics = console.ask("GET", "/metrics", &[], "").body;
    assert!(metrics.contains("crossfoot_job_missed{job=\"postings\"} 1\n"), "{metrics}");
    let next = "crossfoot_job_next_expected_timestamp_seconds{job=\"postings\"} ";
    assert!(metrics.contains(next), "{metrics}");
}

#[test]
fn the_doctor_says_what_is_missing_and_what_is_next() {
    let desk = desk("expected = \"* * * * *\"\nwithin = \"1m\"");
    desk.load().exits(0);
    let told = desk.run(&["doctor"]).exits(0);
    told.prints(&["schedule", "job postings: the next run is expected at 20"]);
    desk.sql().execute("UPDATE crossfoot_run SET opened_at_ms = opened_at_ms - 3600000", []).unwrap();
    // A run that is missing is no fault of the store or the broker.
    desk.run(&["doctor"])
        .exits(0)
        .prints(&["job postings: no run was opened for 20", "a run of the job ends this warning"]);
}

#[test]
fn the_doctor_says_which_attestation_is_due_which_is_overdue_and_which_failed() {
    let desk = Desk::with(postings(20));
    desk.put_job("job.toml", &[("[limits]", "[attest]\nwithin = \"0d\"\n\n[limits]")]);
    desk.run(&["check", "job.toml"]).exits(2).says(&["`within` must be at least 1m"]);
    desk.put_job("job.toml", &[("[limits]", "[attest]\nwithin = \"8d\"\n\n[limits]")]);
    desk.load().exits(0);
    desk.run(&["doctor"]).exits(0).prints(&["job postings: the next attestation is due until 20"]);
    desk.sql().execute("UPDATE crossfoot_run SET ended_at_ms = ended_at_ms - 8 * 86400000", []).unwrap();
    desk.run(&["doctor"]).exits(0).prints(&["one was due within 8d", "crossfoot attest "]);
    desk.run(&["attest", "last"]).exits(0);
    desk.run(&["doctor"]).exits(0).prints(&["the next attestation is due until 20"]);
    desk.sql().execute("DELETE FROM postings WHERE id = 1", []).unwrap();
    desk.run(&["attest", "last"]).exits(1);
    desk.run(&["doctor"]).exits(0).prints(&["final did not hold what run", "find out what changed the rows"]);
}

#[test]
fn a_schedule_that_makes_no_sense_is_refused_where_it_stands() {
    for (lines, words) in [
        ("within = \"2h\"", "missing field `expected`"),
        ("expected = \"0 2 * *\"", "a cron expression has five fields"),
        ("expected = \"0 25 * * *\"", "no cron expression"),
        ("expected = \"0 0 31 2 *\"", "matches no time within four years"),
        ("expected = \"0 2 * * *\"\ntime_zone = \"Mars/Olympus\"", "there is no time zone `Mars/Olympus`"),
        ("expected = \"0 2 * * *\"\nwithin = \"2 hours\"", "`2 hours` is no span"),
        ("expected = \"0 2 * * *\"\nwithin = \"0m\"", "at least 1m"),
        ("expected = \"0 2 * * *\"\nearly = \"8d\"", "at most 7d"),
        ("expected = \"0 2 * * *\"\nexcept = [\"25.12.2026\"]", "is no date"),
        ("expected = \"0 2 * * *\"\nevery = \"day\"", "unknown field `every`"),
    ] {
        desk(lines).run(&["check", "job.toml"]).exits(2).says(&[words]);
    }
}
