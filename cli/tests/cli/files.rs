//! Files beside the source: who may read what is made, how much is read of what was named, and names that would act
//! on a terminal.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use super::desk::{Desk, csv, postings};

fn mode(desk: &Desk, name: &str) -> u32 {
    std::fs::metadata(desk.path(name)).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_holds_rows_is_for_its_owner_alone() {
    let desk = Desk::with(csv(&["1,2024-02-29,10.00,a", "x,2024-02-29,1.00,b"]));
    let going = desk.start(&["run", "job.toml", "--source", "in.csv", "--pause-after", "staged"]);
    going.end().exits(1);
    desk.run(&["rejects", "--raw", "raw.csv"]).exits(0);
    desk.run(&["audit", "export", "--unsigned", "-o", "p.tar"]).exits(0);
    desk.run(&["report", "--format", "html", "-o", "r.html"]).exits(0);
    for name in ["crossfoot.db", "raw.csv", "p.tar"] {
        assert_eq!(mode(&desk, name), 0o600, "{name}");
    }
    assert_eq!(mode(&desk, "r.html") & 0o400, 0o400, "a report is as the umask has it");
    let connection = desk.sql();
    connection
        .execute_batch("PRAGMA journal_mode = wal; CREATE TABLE one (a); INSERT INTO one VALUES (1)")
        .unwrap();
    for name in ["crossfoot.db-wal", "crossfoot.db-shm"] {
        assert_eq!(mode(&desk, name), 0o600, "{name}");
    }
    drop(connection);
    desk.run(&["doctor"]).exits(0);
    assert!(!desk.run(&["doctor"]).out.contains("chmod"));
    // One that is there keeps its mode, and is told of.
    std::fs::set_permissions(desk.path("crossfoot.db"), std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::set_permissions(desk.path("raw.csv"), std::fs::Permissions::from_mode(0o644)).unwrap();
    desk.run(&["doctor"]).exits(0).prints(&["0644", "chmod 600"]);
    desk.run(&["rejects", "--raw", "raw.csv"]).exits(0).says(&["other users can read raw.csv", "chmod 600"]);
    assert_eq!((mode(&desk, "crossfoot.db"), mode(&desk, "raw.csv")), (0o644, 0o644));
}

#[test]
fn what_is_no_small_regular_file_is_refused_with_its_name() {
    let desk = Desk::with(postings(5));
    let pipe = desk.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::File::create(desk.path("huge")).unwrap().set_len(10 << 30).unwrap();
    desk.run(&["audit", "keygen", "-o", "k"]).exits(0);
    desk.load().exits(0);
    let soon = Duration::from_secs(20);
    for (named, says) in [
        ("/dev/zero", "a device, not a regular file"),
        ("pipe", "a named pipe, not a regular file"),
        (".", "a directory, not a regular file"),
        ("huge", "10,737,418,240 bytes"),
    ] {
        for line in [
            &["check", named][..],
            &["run", named, "--source", "in.csv"],
            &["run", "job.toml", "--source", "in.csv", "--declared", named],
            &["runs", "--config", named],
            &["init", "--copybook", named],
            &["audit", "export", "--key", named, "-o", "none.tar"],
            &["audit", "verify", "--checkpoints", named],
        ] {
            desk.start(line).end_within(soon).exits(2).says(&[named, says]);
        }
        desk.put(
            "cobol.toml",
            format!(
                "[job]\nname = \"c\"\n[source]\nformat = \"copybook\"\ncopybook = \"{named}\"\nframing = \"fixed\"\n\
                 [[record]]\nname = \"r\"\nstaging = \"s\"\nfinal = \"f\"\n"
            ),
        );
        let ended = desk.start(&["check", "cobol.toml"]).end_within(soon).exits(2);
        ended.says(&["cobol.toml", named, says]);
        desk.put("crossfoot.toml", format!("[masking]\nkey_file = \"{named}\"\n"));
        desk.start(&["runs"]).end_within(soon).exits(2).says(&["masking.key_file", named, says]);
        std::fs::remove_file(desk.path("crossfoot.toml")).unwrap();
    }
}

#[test]
fn names_and_reasons_do_nothing_to_a_terminal() {
    let desk = Desk::with(postings(5));
    let name = "in\u{1b}]0;owned\u{7}\u{202e}vsc.\nRECONCILED.csv";
    desk.put(name, postings(5));
    let reason = "fine\u{1b}[2J\u{2066}\u{200f}\u{2028}\nfine";
    desk.run(&["run", "job.toml", "--source", name, "--reason", reason]).exits(0);
    let gone = format!("gone{name}");
    let mut said = vec![desk.run(&["run", "job.toml", "--source", &gone]).exits(2).err];
    for line in [
        &["runs"][..],
        &["show"],
        &["report"],
        &["audit", "log"],
        &["workers"],
        &["runs", "--json"],
        &["show", "--json"],
        &["report", "--json"],
        &["audit", "log", "--json"],
        &["report", "--format", "junit"],
    ] {
        let ended = desk.run(line).exits(0);
        if line.contains(&"--json") {
            ended.json();
        }
        said.push(ended.out);
        said.push(ended.err);
    }
    for text in said {
        let unseen = |c: char| {
            (c.is_control() && c != '\n' && c != '\t')
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        };
        assert!(!text.chars().any(unseen), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("RECONCILED.csv")), "{text}");
    }
    let kept = desk.run(&["runs", "--json"]).json();
    assert!(kept[0]["source"].as_str().unwrap().ends_with(name), "what is kept is what it was");
}

/// A job that pauses once staging is proven.
fn paused() -> Desk {
    let desk = Desk::with(postings(20));
    desk.run(&["run", "job.toml", "--source", "in.csv", "--pause-after", "staged"]).exits(3);
    desk
}

#[test]
fn a_source_that_is_away_is_waited_for() {
    let desk = paused();
    std::fs::rename(desk.path("in.csv"), desk.path("archived.csv")).unwrap();
    desk.put("other.csv", postings(21));
    let mut same_length = postings(20);
    let digit = same_length.iter().rposition(u8::is_ascii_digit).unwrap();
    same_length[digit] ^= 1;
    desk.put("same-length.csv", same_length);
    desk.run(&["approve", "--yes"]).exits(3).says(&["does not exist", "crossfoot approve", "--source FILE"]);
    desk.run(&["approve", "--yes", "--source", "other.csv"]).exits(3).says(&[
        "other.csv is not the run's source",
        "bytes",
        "--source THE_RIGHT_FILE",
    ]);
    desk.run(&["approve", "--yes", "--source", "same-length.csv"]).exits(3).says(&["SHA-256"]);
    desk.run(&["show"]).exits(0).prints(&["awaiting-approval"]);
    assert_eq!(desk.final_rows(), 0);
    desk.run(&["approve", "--yes", "--source", "archived.csv"]).exits(0).prints(&["RECONCILED"]);
    assert_eq!(desk.final_rows(), 20);
}

#[test]
fn a_wrong_source_for_resume_leaves_the_run_as_it_is() {
    let desk = Desk::with(postings(30_000));
    let going = desk.start(&["run", "job.toml", "--source", "in.csv", "--chunk-bytes", "5000"]);
    going.until_it_says("loading");
    going.signal("INT");
    going.end().exits(3);
    desk.put("wrong.csv", postings(29_999));
    desk.run(&["resume", "--source", "wrong.csv"]).exits(3).says(&[
        "wrong.csv is not the run's source",
        "crossfoot resume",
        "--source THE_RIGHT_FILE",
    ]);
    std::fs::rename(desk.path("in.csv"), desk.path("moved.csv")).unwrap();
    desk.run(&["resume"]).exits(3).says(&["in.csv", "does not exist", "--source FILE"]);
    desk.run(&["show"]).exits(0).prints(&["(loading)"]);
    desk.run(&["resume", "--source", "moved.csv"]).exits(0).prints(&["RECONCILED"]);
    assert_eq!(desk.final_rows(), 30_000);
}

#[test]
fn an_approver_who_is_late_is_told_who_was_first() {
    let desk = paused();
    desk.run(&["approve", "--yes", "--operator", "anna"]).exits(0);
    let ended = desk.run(&["approve", "--yes", "--operator", "ben"]);
    assert_ne!(ended.code, Some(0));
    let ended = ended.says(&["is promoted", "approved by anna@"]);
    assert!(!ended.err.contains("none of the rows of run"), "{ended}");
    // Two at once: whichever loses is told no untruth.
    let desk = paused();
    let both = ["anna", "ben"].map(|who| desk.start(&["approve", "--yes", "--operator", who]));
    let ended = both.map(super::desk::Going::end);
    assert!(ended.iter().any(|one| one.code == Some(0)), "{ended:?}");
    for loser in ended.iter().filter(|one| one.code != Some(0)) {
        assert!(!loser.err.contains("none of the rows of run"), "{loser}");
    }
    assert_eq!(desk.final_rows(), 20);
}

#[test]
fn more_columns_than_a_store_holds_are_refused_before_anything_is_made() {
    let desk = Desk::new();
    let columns: Vec<_> = (0..10_000).map(|at| format!("c{at}")).collect();
    desk.put("wide.csv", columns.join(",") + "\n" + &vec!["1"; 10_000].join(",") + "\n");
    let fields: String = columns
        .iter()
        .map(|name| format!("[[record.field]]\nname = \"{name}\"\ntype = \"integer\"\n"))
        .collect();
    desk.put(
        "wide.toml",
        format!(
            "[job]\nname = \"wide\"\n[source]\nformat = \"delimited\"\nheader = true\n[[record]]\nname = \"wide\"\n\
             staging = \"s\"\nfinal = \"f\"\n{fields}"
        ),
    );
    for line in [
        &["check", "wide.toml"][..],
        &["run", "wide.toml", "--source", "wide.csv"],
        &["init", "--sample", "wide.csv"],
    ] {
        desk.run(line).exits(2).says(&["10,000 fields", "a table in SQLite can have 1,996"]);
    }
    desk.run(&["check", "wide.toml", "--store", "postgres://h/d"])
        .exits(2)
        .says(&["a table in PostgreSQL can have 1,596"]);
}
