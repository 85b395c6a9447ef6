//! A run that never started: told once, by whichever coordinator is active, and not again after a restart.

use platform::clock::{Clock as _, SystemClock};

use crate::desk::postings;
use crate::servers::{Fleet, servers, until};

/// The minute of the day ten minutes ago, in UTC, as cron writes it.
fn ten_minutes_ago() -> String {
    let minutes = (SystemClock.now_ms() / 60_000 - 10) % (24 * 60);
    format!("{} {} * * *", minutes % 60, minutes / 60)
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_run_that_never_started_is_told_once_and_not_again_after_a_restart() {
    let fleet = Fleet::new(servers(), postings(50));
    let workers = fleet.workers();
    let schedule = format!("[schedule]\nexpected = \"{}\"\nwithin = \"5m\"\n\n[limits]", ten_minutes_ago());
    fleet.desk.put_job("job.toml", &[("[limits]", &schedule)]);
    let second = [
        ("name = \"postings\"", "name = \"postings2\""),
        ("\"stg_postings\"", "\"stg_postings2\""),
        ("final = \"postings\"", "final = \"postings2\""),
        ("[limits]", schedule.as_str()),
    ];
    fleet.desk.put_job("second.toml", &second);
    let command = "echo $CROSSFOOT_OUTCOME $CROSSFOOT_JOB >> told";
    fleet.desk.put(
        "crossfoot.toml",
        format!("[notify]\non = [\"missing\"]\ncommand = [\"sh\", \"-c\", \"{command}\"]\n"),
    );
    let told = || std::fs::read_to_string(fleet.desk.path("told")).unwrap_or_default();
    let load = |job: &str, source: &str| {
        fleet.run(&["run", job, "--source", source]).exits(0);
        // As if it had been yesterday's.
        fleet.value(
            "UPDATE crossfoot_run SET opened_at_ms = opened_at_ms - 86400000
             WHERE run_id = (SELECT run_id FROM crossfoot_run ORDER BY run_id DESC LIMIT 1)",
        );
    };
    load("job.toml", "in.csv");
    let missing = "SELECT count(*) FROM crossfoot_event WHERE kind = 'run-missing'";
    // GIVEN two coordinators, THEN the one that is active tells
    let coordinators = [fleet.coordinator(), fleet.coordinator()];
    until("it is told", || !told().is_empty());
    // WHEN both are killed, another run is missing and another coordinator starts
    for coordinator in coordinators {
        coordinator.kill();
    }
    load("second.toml", "in.csv");
    let _third = fleet.coordinator();
    // THEN it tells of the other run; it looks at jobs by name, so it has looked at the first again
    until("the other is told", || told().contains("postings2"));
    assert_eq!(told(), "missing postings\nmissing postings2\n");
    assert_eq!(fleet.number(missing), 2);
    fleet.run(&["audit", "verify"]).exits(0);
    drop(workers);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn an_attestation_that_is_overdue_and_one_that_failed_are_told_once_and_not_again_after_a_restart() {
    let fleet = Fleet::new(servers(), postings(50));
    let workers = fleet.workers();
    fleet.desk.put_job("job.toml", &[("[limits]", "[attest]\nwithin = \"1d\"\n\n[limits]")]);
    let command = "echo $CROSSFOOT_OUTCOME $CROSSFOOT_JOB >> told";
    fleet.desk.put(
        "crossfoot.toml",
        format!("[notify]\non = [\"not-attested\"]\ncommand = [\"sh\", \"-c\", \"{command}\"]\n"),
    );
    let told = || std::fs::read_to_string(fleet.desk.path("told")).unwrap_or_default();
    fleet.run(&["run", "job.toml", "--source", "in.csv"]).exits(0);
    // As if it had been the day before yesterday's.
    fleet.value("UPDATE crossfoot_run SET ended_at_ms = ended_at_ms - 2 * 86400000");
    let first = fleet.coordinator();
    until("the overdue one is told", || !told().is_empty());
    first.kill();
    // WHEN one is made, and final has lost a row
    fleet.value("DELETE FROM postings WHERE id = 7");
    fleet.run(&["attest", "last"]).exits(1);
    let _second = fleet.coordinator();
    // THEN another coordinator tells that it failed, and what was told before it does not tell again
    until("the failed one is told", || told().lines().count() > 1);
    assert_eq!(told(), "not-attested postings\nnot-attested postings\n");
    assert_eq!(fleet.number("SELECT count(*) FROM crossfoot_event WHERE kind = 'attestation-lapsed'"), 2);
    fleet.run(&["audit", "verify"]).exits(0);
    drop(workers);
}
