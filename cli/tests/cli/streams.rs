//! Standard output and standard error that are full, closed, or gone: the work goes on, and its verdict's exit code
//! stands.

use std::process::{Command, Stdio};

use super::desk::{Desk, postings};

/// Runs `line` in the desk's directory by a shell, with `redirected` after it; the exit code, and what was heard all
/// the same.
fn by_shell(desk: &Desk, line: &str, redirected: &str) -> (Option<i32>, String, String) {
    let script = format!("exec \"$0\" {line} {redirected}");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_crossfoot")]).current_dir(desk.path("."));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CROSSFOOT") {
            command.env_remove(name);
        }
    }
    // A warning in every run: a library that is asked to talk.
    let ended = command.stdin(Stdio::null()).env("CROSSFOOT_LOG", "trace").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

const RUN: &str = "run job.toml --source in.csv";

#[test]
fn a_log_that_cannot_be_written_stops_no_run() {
    for redirected in ["2>/dev/full", "2>&-", "2>/dev/full >/dev/full", "2>&- >&-"] {
        let desk = Desk::with(postings(200));
        let (code, ..) = by_shell(&desk, RUN, redirected);
        assert_eq!(code, Some(0), "{redirected}");
        assert_eq!(desk.final_rows(), 200);
        desk.put("in.csv", "id,booked_on,amount,text\nx,2024-02-01,1.00,a\n");
        let (code, ..) = by_shell(&desk, RUN, redirected);
        assert_eq!(code, Some(1), "not reconciled, {redirected}");
        let (code, ..) = by_shell(&desk, "run nowhere.toml", redirected);
        assert_eq!(code, Some(2), "{redirected}");
    }
}

#[test]
fn a_report_that_cannot_be_written_changes_no_verdict() {
    for (json, redirected) in [("", ">/dev/full"), ("--json", ">/dev/full"), ("", ">&-")] {
        let desk = Desk::with(postings(50));
        let (code, _, err) = by_shell(&desk, &format!("{RUN} {json}"), redirected);
        assert_eq!(code, Some(0), "{redirected}: {err}");
        assert_eq!(desk.final_rows(), 50);
        if redirected == ">/dev/full" {
            for says in ["cannot write to standard output", "promoted", "crossfoot report"] {
                assert!(err.contains(says), "{says}: {err}");
            }
        }
        desk.run(&["audit", "verify"]).exits(0);
        // What is only asked for, and cannot be written, has failed.
        let (code, ..) = by_shell(&desk, "report", ">/dev/full");
        assert_eq!(code, Some(3));
        // What was done stays done.
        let (code, _, err) = by_shell(&desk, "purge last --yes", ">/dev/full");
        assert_eq!((code, err.contains("deleted ")), (Some(0), true), "{err}");
        let (code, ..) = by_shell(&desk, "audit verify", ">/dev/full");
        assert_eq!(code, Some(0));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let desk = Desk::with(postings(50));
    desk.load().exits(0);
    let (code, ..) = by_shell(&desk, "report --format html", "| head -c 10; exit 0");
    assert_eq!(code, Some(0));
}
