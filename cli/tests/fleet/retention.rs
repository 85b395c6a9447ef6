//! Retention by the coordinator service, on PostgreSQL.

use crate::desk::postings;
use crate::servers::{Fleet, servers, until};

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn the_service_removes_partitions_of_old_runs() {
    let fleet = Fleet::new(servers(), postings(500));
    let workers = fleet.workers();
    {
        let _coordinator = fleet.coordinator();
        fleet.run(&["submit", "job.toml", "--source", "in.csv", "--wait"]).exits(0);
        fleet.desk.put("in.csv", "id,booked_on,amount,text\n1000,2026-01-01,1.00,x\n");
        fleet.run(&["submit", "job.toml", "--source", "in.csv", "--wait"]).exits(0);
    }
    let partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'stg_postings'::regclass";
    assert_eq!(fleet.number(partitions), 2);
    fleet.value(
        "UPDATE crossfoot_run SET opened_at_ms = opened_at_ms - 9000000, ended_at_ms = ended_at_ms - 9000000",
    );
    // GIVEN an age, WHEN a coordinator starts
    let coordinator = fleet.start_with(&["coordinator"], &[("CROSSFOOT__RETENTION__STAGING", "2h")]);
    coordinator.until_it_says("coordinator started");
    // THEN the partition of all but the last run goes, and the log says so
    until("the old partition is gone", || fleet.number(partitions) == 1);
    until("it is in the log", || {
        fleet.number(
            "SELECT count(*) FROM crossfoot_event WHERE kind = 'purged' AND detail LIKE '%\"retention\"%'",
        ) == 1
    });
    assert_eq!(fleet.number("SELECT count(*) FROM stg_postings"), 1);
    assert_eq!(fleet.number("SELECT count(*) FROM postings"), 501);
    fleet.run(&["audit", "verify"]).exits(0);
    fleet.run(&["retention", "--staging", "2h"]).exits(0).prints(&["parts of 0 runs", "it is the last run"]);
    drop((workers, coordinator));
}
