//! What an operator needs at night: lists that can be searched, verdicts as exit codes, reasons that are kept, and no
//! command that acts on a run nobody meant.

use super::desk::{Desk, csv, postings};

const GOOD: &str = "1,2024-02-29,10.00,rent";
const BAD: &str = "2,2024-02-30,10.00,rent";

fn two_runs() -> Desk {
    let desk = Desk::with(csv(&[GOOD]));
    desk.load().exits(0);
    desk.put("in.csv", csv(&[GOOD, BAD]));
    desk.load().exits(1);
    desk
}

#[test]
fn runs_are_listed_by_job_outcome_and_time_with_the_reason_of_a_failure() {
    let desk = two_runs();
    let listed = |line: &[&str]| desk.run(&[&["runs", "--json"], line].concat()).exits(0).json();
    let number = |line: &[&str]| listed(line).as_array().unwrap().len();
    assert_eq!((number(&[]), number(&["--job", "postings"]), number(&["--job", "other"])), (2, 2, 0));
    assert_eq!((number(&["--outcome", "reconciled"]), number(&["--outcome", "not-reconciled"])), (1, 1));
    assert_eq!((number(&["--since", "1h"]), number(&["--since", "2999-01-01"])), (2, 0));
    desk.run(&["runs"]).exits(0).prints(&["rejected records: 1 (at most 0 allowed)"]);
    desk.run(&["runs", "--outcome", "fine"]).exits(2).says(&["reconciled, not-reconciled"]);
    desk.run(&["runs", "--since", "yesterday"]).exits(2).says(&["2026-11-27"]);
}

#[test]
fn show_and_report_exit_with_the_verdict_when_asked_to() {
    let desk = two_runs();
    for command in ["show", "report"] {
        desk.run(&[command]).exits(0);
        desk.run(&[command, "--exit-code"]).exits(1);
        desk.run(&[command, "--exit-code", "--json"]).exits(1);
    }
    desk.run(&["report"]).exits(0).prints(&["crossfoot rejects"]);
}

#[test]
fn no_command_acts_on_one_of_several_runs_unless_it_is_named() {
    let desk = two_runs();
    desk.run(&["purge"]).exits(2).says(&[
        "could mean 2 runs",
        "postings (not-reconciled)",
        "postings (promoted)",
    ]);
    desk.run(&["purge", "last"]).exits(2).says(&["--yes"]);
    desk.run(&["purge", "last", "--yes"]).exits(0);
    // One is left that can be purged, so that there is no doubt which; a script says so all the same.
    desk.run(&["purge"]).exits(2).says(&["--yes"]);
    desk.run(&["purge", "--yes"]).exits(0);
}

#[test]
fn a_wrong_header_leaves_no_run_behind_and_other_failures_leave_their_reason() {
    let desk = Desk::with("booked_on,id,amount,no_such\n2024-02-29,1,10.00,rent\n");
    desk.load().exits(2).says(&["column 4, `no_such`, is no field", "no run was opened"]);
    desk.run(&["runs"]).exits(0).prints(&["no runs"]);
    let source = postings(5);
    desk.put("in.csv", [&source[..], b"6,2024-02-29,1.00,\"never closed\n"].concat());
    desk.load().exits(3);
    desk.run(&["show"]).exits(0).prints(&["note", "does not close"]);
    desk.run(&["runs", "--outcome", "unfinished"]).exits(0).prints(&["does not close"]);
}
