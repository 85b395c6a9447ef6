//! A ledger that was restored without final, on PostgreSQL.

use std::process::Command;

use crate::desk::postings;
use crate::servers::{Fleet, psql, servers};

fn run_as(command: &mut Command) {
    let ended = command.output().unwrap();
    assert!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn final_ahead_of_a_ledger_that_was_restored_alone_is_named() {
    let fleet = Fleet::new(servers(), postings(100));
    let memory = [("CROSSFOOT__BROKER__URL", "memory:")];
    let run = |line: &[&str]| fleet.start_with(line, &memory).end_within(crate::servers::PATIENCE);
    fleet.desk.put("crossfoot.toml", "[audit]\ncheckpoint_file = \"checkpoints.jsonl\"\n");
    let load = ["run", "job.toml", "--source", "in.csv"];
    run(&load).exits(0);
    // GIVEN a dump of the ledger's schema, and a run after it
    let dump = fleet.desk.path("ledger.sql");
    run_as(Command::new("pg_dump").args(["--schema=crossfoot", "--file"]).arg(&dump).arg(fleet.store()));
    fleet.desk.put("in.csv", "id,booked_on,amount,text\n1000,2026-01-01,1.00,x\n");
    run(&load).exits(0);
    run(&["doctor"]).exits(0).prints(&["the ledger knows every run in 1 table", "noted outside"]);
    let last = fleet.value("SELECT max(run_id::text) FROM crossfoot_run");
    // WHEN the ledger alone is put back
    psql(&fleet.store(), "DROP SCHEMA crossfoot CASCADE");
    run_as(Command::new("psql").args(["-Xq", "-v", "ON_ERROR_STOP=1", "-f"]).arg(&dump).arg(fleet.store()));
    // THEN doctor names the run in final that the ledger lacks, and the head that it lacks; the restored log verifies
    run(&["doctor"]).exits(3).prints(&[
        "rows of postings name runs that the ledger does not have",
        &last,
        "the evidence log ends at event",
        "docs/backup.md",
    ]);
    run(&["audit", "verify"]).exits(0);
    run(&["audit", "verify", "--checkpoints", "checkpoints.jsonl"]).exits(1).says(&["the end was cut off"]);
    // and the same file is not loaded a second time, because final has its keys
    run(&load).exits(1).prints(&["NOT RECONCILED"]);
    assert_eq!(fleet.number("SELECT count(*) FROM postings"), 101);
}
