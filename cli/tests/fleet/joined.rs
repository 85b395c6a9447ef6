//! Processors and writers in one slot: what one makes is committed by the other and does not travel.

use crate::desk::{Going, postings};
use crate::servers::{Fleet, PATIENCE, servers};

const RECORDS: u64 = 20_000;
const SUBMIT: [&str; 7] = ["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "10000", "--wait"];

fn joined(fleet: &Fleet, name: &str, fault: &str) -> Going {
    let line = ["worker", "--role", "processor,writer", "--join", "--slots", "1", "--name", name];
    let going = fleet.start_with(&line, &[("CROSSFOOT_FAULT", fault)]);
    going.until_it_says("started 2 workers");
    going
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn no_batch_goes_over_the_broker_and_both_roles_have_their_shares() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let _coordinator = fleet.coordinator();
    // Who sends a batch dies of it, where places for faults are compiled in.
    let _joined = [joined(&fleet, "j1", "publish.batches.before=die"), joined(&fleet, "j2", "")];
    fleet.run(&SUBMIT).exits(0).prints(&["RECONCILED"]);
    fleet.is_sound(RECORDS);
    let by_role = |role: &str| {
        fleet.number(&format!(
            "SELECT sum(records) FROM crossfoot_report p JOIN crossfoot_worker w USING (worker_id)
             WHERE w.role = '{role}'"
        ))
    };
    assert_eq!((by_role("processor"), by_role("writer")), (RECORDS, RECORDS));
    let refused = fleet.run(&["worker", "--role", "writer", "--join"]).exits(2);
    refused.says(&["--role processor,writer --join"]);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn joined_workers_die_around_their_commits_and_nothing_is_lost_or_doubled() {
    if !cfg!(feature = "fault-points") {
        return;
    }
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let _coordinator = fleet.coordinator();
    let submitted = fleet.start(&SUBMIT);
    // Before the commit; after it, with the writer's count untold; and with everything done but the acknowledgement.
    for (name, fault) in [
        ("j1", "commit.recorded.after@3=die"),
        ("j2", "commit.after@4=die"),
        ("j3", "ack.chunks.before@5=die"),
        ("j4", "commit.rows.after@2=die"),
    ] {
        let mortal = joined(&fleet, name, fault);
        assert!(mortal.ends_within(PATIENCE), "{}", mortal.said());
    }
    let _survivor = joined(&fleet, "j5", "commit@3=fail,commit@9=lose-reply,publish.counts@11=fail");
    submitted.end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
    fleet.is_sound(RECORDS);
}
