//! A store that was restored to an earlier time is named before it does harm.

use super::desk::{Desk, postings};

#[test]
fn a_store_restored_to_before_a_checkpoint_is_named() {
    let desk = Desk::with(postings(50));
    desk.put("crossfoot.toml", "[audit]\ncheckpoint_file = \"checkpoints.jsonl\"\n");
    let load = ["run", "job.toml", "--source", "in.csv"];
    desk.run(&load).exits(0);
    desk.run(&["doctor"])
        .exits(0)
        .prints(&["the newest that was noted outside", "the ledger knows every run in 1 table"]);
    // GIVEN a backup, and a run after it
    let early = desk.path("early.db");
    desk.sql().execute_batch(&format!("VACUUM INTO '{}'", early.display())).unwrap();
    desk.put("in.csv", "id,booked_on,amount,text\n1000,2026-01-01,1.00,x\n");
    desk.run(&load).exits(0);
    desk.run(&["doctor"]).exits(0);
    desk.run(&["audit", "verify", "--checkpoints", "checkpoints.jsonl"]).exits(0);
    // WHEN final is kept and the ledger is not: doctor names the run that final has
    let run: String =
        desk.sql().query_row("SELECT max(run_id) FROM crossfoot_run", [], |row| row.get(0)).unwrap();
    desk.sql().execute("DELETE FROM crossfoot_run WHERE run_id = ?1", [&run]).unwrap();
    desk.run(&["doctor"]).prints(&[
        "rows of postings name runs that the ledger does not have",
        &run,
        "docs/backup.md",
    ]);
    // WHEN the backup is put back
    for beside in ["crossfoot.db-wal", "crossfoot.db-shm"] {
        drop(std::fs::remove_file(desk.path(beside)));
    }
    std::fs::copy(desk.path("early.db"), desk.path("crossfoot.db")).unwrap();
    // THEN the log is too short for what was noted, which doctor and audit say; final and ledger are of one time.
    desk.run(&["doctor"]).exits(3).prints(&["the evidence log ends at event", "restored to an earlier time"]);
    desk.run(&["audit", "verify"]).exits(0);
    desk.run(&["audit", "verify", "--checkpoints", "checkpoints.jsonl"])
        .exits(1)
        .says(&["the end was cut off"]);
    desk.run(&["doctor"]).prints(&["the ledger knows every run in 1 table"]);
    // and a run that goes on from there leaves another event where one was noted
    desk.run(&load).exits(0);
    desk.run(&["doctor"]).exits(3).prints(&["of the evidence log is another one"]);
}
