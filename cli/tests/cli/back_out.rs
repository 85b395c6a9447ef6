//! A promoted run taken out of final again.

use super::desk::{Desk, postings};

#[test]
fn a_run_is_backed_out_with_a_reason_and_its_file_can_be_loaded_again() {
    let desk = Desk::with(postings(20));
    desk.load().exits(0);
    desk.run(&["back-out", "last", "--yes"]).exits(2).says(&["requires a reason", "--reason"]);
    assert_eq!(desk.final_rows(), 20);
    let line = ["back-out", "last", "--yes", "--reason", "the wrong day's file"];
    desk.run(&line).exits(0).prints(&["20 rows taken out of final"]);
    assert_eq!(desk.final_rows(), 0);
    let shown = desk.run(&["show", "last"]).exits(0);
    shown.prints(&["backed-out", "the wrong day's file"]);
    desk.run(&["show", "last", "--exit-code"]).exits(3);
    let report = desk.run(&["report", "last"]).exits(0);
    report.prints(&["BACKED OUT", "an operator took its rows out of final again"]);
    desk.run(&["runs", "--outcome", "backed-out"]).exits(0).prints(&["backed out"]);
    // Once; and nothing attests it any more.
    desk.run(&line).exits(2).says(&["is backed-out", "only a promoted run"]);
    desk.run(&["attest", "last"]).exits(2);
    let log = desk.run(&["audit", "log", "last"]).exits(0);
    log.prints(&["back-out-refused", "backed-out", "reason: the wrong day's file"]);
    desk.run(&["audit", "verify"]).exits(0);
    desk.run(&["audit", "keygen", "-o", "me"]).exits(0);
    desk.run(&["audit", "export", "last", "-o", "run.tar", "--key", "me.key"]).exits(0);
    desk.run(&["audit", "verify", "run.tar", "--key", "me.pub"]).exits(0).prints(&["VERIFIED", "backed out"]);
    // Its bytes count as loaded no more.
    desk.load().exits(0);
    assert_eq!(desk.final_rows(), 20);
    desk.load().exits(2).says(&["--again"]);
}

#[test]
fn what_final_does_not_hold_whole_is_not_backed_out() {
    let desk = Desk::with(postings(20));
    desk.load().exits(0);
    desk.sql().execute_batch("DELETE FROM postings WHERE id = 7").unwrap();
    let line = ["back-out", "last", "--yes", "--reason", "x"];
    desk.run(&line).exits(2).says(&["19 rows of this run", "promoted 20", "crossfoot attest"]);
    assert_eq!(desk.final_rows(), 19);
    desk.run(&["show", "last"]).exits(0).prints(&["promoted"]);
}

#[test]
fn rows_that_replaced_others_are_not_backed_out() {
    let desk = Desk::with(postings(20));
    desk.put_job("job.toml", &[("mode = \"append\"", "mode = \"upsert\"")]);
    desk.load().exits(0);
    let line = ["back-out", "last", "--yes", "--reason", "x"];
    desk.run(&line).exits(2).says(&["upsert", "load the earlier source again"]);
    assert_eq!(desk.final_rows(), 20);
}

#[test]
fn four_eyes_see_a_run_go_as_they_saw_it_come() {
    let desk = Desk::with(postings(20));
    desk.put_job("job.toml", &[("[limits]", "[approval]\nfour_eyes = true\n\n[limits]")]);
    let by = |who, line: &[&str]| desk.run(&[line, &["--operator", who]].concat());
    by("anna", &["run", "job.toml", "--source", "in.csv"]).exits(3);
    by("ben", &["approve", "--yes"]).exits(0);
    let line = ["back-out", "last", "--yes", "--reason", "wrong file"];
    by("anna", &line).exits(2).says(&["opened the run", "another person must back it out"]);
    assert_eq!(desk.final_rows(), 20);
    by("cleo", &line).exits(0);
    assert_eq!(desk.final_rows(), 0);
}

#[test]
fn attaching_needs_a_database_with_partitions() {
    let desk = Desk::with(postings(20));
    desk.put_job("job.toml", &[("[[record]]", "[[record]]\npromotion = \"attach\"")]);
    desk.load().exits(2).says(&["SQLite has no partitions", "promotion"]);
    desk.run(&["runs"]).exits(0).prints(&["no runs"]);
}
