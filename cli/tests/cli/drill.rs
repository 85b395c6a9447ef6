//! `drill`: effective controls end in 0, others in 1; the real store is not touched, and keeps a note of it.

use super::desk::{Desk, csv, postings};

const DRILL: [&str; 4] = ["drill", "job.toml", "--source", "in.csv"];

fn drill(more: &[&'static str]) -> Vec<&'static str> {
    DRILL.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn a_few_defects_are_caught_and_the_real_store_stays_as_it_was_but_for_a_note() {
    let desk = Desk::with(postings(40));
    // GIVEN a store with a run in it
    desk.run(&["run", "job.toml", "--source", "in.csv"]).exits(0);
    let rows = desk.number("SELECT count(*) FROM postings");
    // WHEN a count, an amount, a message, the final table and the log are struck
    let ended = desk.run(&drill(&["--only", "CNT-01,AMT-04,HND-01,PRM-02,LOG-05"])).exits(0);
    ended.prints(&["EFFECTIVE  5 of 5 defects caught", "AMT-04  ✓  two errors cancel out"]);
    // THEN the tables are as they were, and the log says that the controls were tested
    assert_eq!(desk.number("SELECT count(*) FROM postings"), rows);
    assert_eq!(desk.number("SELECT count(*) FROM crossfoot_run"), 1);
    assert_eq!(desk.number("SELECT count(*) FROM crossfoot_event WHERE kind = 'drilled'"), 1);
    desk.run(&["audit", "verify"]).exits(0).prints(&["is intact"]);
}

#[test]
fn without_a_store_none_is_made_and_every_form_is_written() {
    let desk = Desk::with(postings(12));
    let only = ["--only", "CNT-01", "--format", "html", "-o", "drill.html"];
    desk.run(&drill(&only)).exits(0).says(&["written to drill.html"]);
    assert!(
        std::fs::read_to_string(desk.path("drill.html")).unwrap().contains("a record is lost from staging")
    );
    let table = desk.run(&drill(&["--only", "AMT-01", "--format", "markdown"])).exits(0);
    table.prints(&["| AMT-01 | one amount is off by its smallest unit | INV-06 |", "| detected |"]);
    let json = desk.run(&drill(&["--only", "CNT-01", "--json"])).exits(0).json();
    assert_eq!(json["defects"][0]["seen"], "detected");
    assert_eq!(json["undamaged"][0]["reconciled"], true);
    desk.run(&["drill", "--list"]).exits(0).prints(&["CNT-01", "LOG-08", "prevented by the database"]);
    assert!(!desk.path("crossfoot.db").exists());
}

#[test]
fn a_job_that_does_not_reconcile_undamaged_proves_nothing_and_ends_in_1() {
    // The second posting has no such day, and no reject is allowed.
    let desk = Desk::with(csv(&["1,2024-02-28,10.00,a", "2,2024-02-30,-10.00,b"]));
    let ended = desk.run(&drill(&["--only", "CNT-01"])).exits(1);
    ended.prints(&["NOT EFFECTIVE  no defects were injected", "rejects within the limit"]);
}

#[test]
fn a_defect_or_a_source_that_does_not_exist_is_said() {
    let desk = Desk::with(postings(12));
    desk.run(&drill(&["--only", "CNT-99"])).exits(2).says(&["`CNT-99` is not a defect", "--list"]);
    desk.run(&["drill", "job.toml", "--source", "-"]).exits(2).says(&["not a regular file"]);
    desk.run(&["drill"]).exits(2);
}
