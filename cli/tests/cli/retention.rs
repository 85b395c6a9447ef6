//! Retention: what is old goes, what something needs stays, and nothing that is gone becomes a wrong number.

use super::desk::{Desk, postings};

const OLD: &str =
    "UPDATE crossfoot_run SET opened_at_ms = opened_at_ms - 9000000, ended_at_ms = ended_at_ms - 9000000";

/// A desk with a promoted run, a failed one, a cancelled one that waited, and the job's last, all old.
fn desk() -> Desk {
    let desk = Desk::with(postings(100));
    let load = ["run", "job.toml", "--source", "in.csv"];
    desk.run(&load).exits(0);
    // Again the same keys: their rows are refused, and kept as findings.
    desk.put("in.csv", postings(90));
    desk.run(&load).exits(1);
    desk.put("in.csv", "id,booked_on,amount,text\n1000,2026-01-01,1.00,x\n");
    desk.run(&load).exits(0);
    desk.sql().execute_batch(OLD).unwrap();
    desk
}

fn id(desk: &Desk, nth: u32) -> String {
    let sql = format!("SELECT run_id FROM crossfoot_run ORDER BY run_id LIMIT 1 OFFSET {nth}");
    desk.sql().query_row(&sql, [], |row| row.get(0)).unwrap()
}

fn count(desk: &Desk, sql: &str) -> u64 {
    desk.sql().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn old_rows_are_listed_then_removed_with_an_event_and_the_rest_stays() {
    let desk = desk();
    let (first, second, last) = (id(&desk, 0), id(&desk, 1), id(&desk, 2));
    // Nothing is configured, and nothing goes by itself.
    desk.run(&["retention"]).exits(2).says(&["no retention is configured", "[retention]"]);
    desk.run(&["retention", "--staging", "3h"]).exits(0).prints(&["parts of 0 runs (staging = \"3h\")"]);
    // GIVEN an age: it is listed what would go, and why the last run stays.
    desk.put("crossfoot.toml", "[retention]\nstaging = \"2h\"\n");
    let listed = desk.run(&["retention", "--json"]).exits(0).json();
    assert_eq!(listed["applied"], false);
    let runs = listed["runs"].as_array().unwrap();
    assert_eq!(runs.iter().map(|run| run["run_id"].as_str().unwrap()).collect::<Vec<_>>(), [&first, &second]);
    assert_eq!((&runs[0]["rows"], &runs[1]["rows"]), (&100.into(), &90.into()));
    assert_eq!(runs[0]["parts"], serde_json::json!(["staging", "rejects", "reports"]));
    assert_eq!(
        (&listed["kept"][0]["run_id"], &listed["kept"][0]["why"]),
        (&last.as_str().into(), &"last".into())
    );
    desk.run(&["retention"]).exits(0).prints(&[
        "190 rows",
        "nothing was changed",
        "it is the last run of its job",
    ]);
    let staged = "SELECT count(*) FROM stg_postings";
    assert_eq!(count(&desk, staged), 191);
    let before = desk.run(&["report", &first, "--json"]).exits(0).json();
    let explained = desk.run(&["explain", &second, "--json"]).exits(0).json();
    assert_eq!(explained["findings_total"], 90);
    // WHEN it is applied, which takes a reason
    desk.run(&["retention", "--apply"]).exits(2);
    desk.run(&["retention", "--apply", "--reason", "as agreed"])
        .exits(0)
        .prints(&["removed", "2 runs", "190 rows"]);
    // THEN they are gone, the last run's are not, and final is as it was.
    assert_eq!(count(&desk, staged), 1);
    assert_eq!(count(&desk, "SELECT count(*) FROM postings"), 101);
    desk.run(&["retention"]).exits(0).prints(&["parts of 0 runs"]);
    // The log names each removal with its counts, and verifies.
    desk.run(&["audit", "verify"]).exits(0);
    let detail: String = desk
        .sql()
        .query_row(
            "SELECT detail FROM crossfoot_event WHERE kind = 'purged' AND run_id = ?1",
            [&first],
            |row| row.get(0),
        )
        .unwrap();
    let detail: serde_json::Value = serde_json::from_str(&detail).unwrap();
    assert_eq!(
        (&detail["by"], &detail["rows"], &detail["reason"]),
        (&"retention".into(), &100.into(), &"as agreed".into())
    );
    // What is gone is said, and every figure of the verdict is what it was.
    let after = desk.run(&["report", &first, "--json"]).exits(0).json();
    for part in ["outcome", "levels", "balance", "checks", "workers"] {
        assert_eq!(before[part], after[part], "{part}");
    }
    let said = "removed by retention on ";
    desk.run(&["show", &first]).exits(0).prints(&[said, "counts and checks are the verdict's"]);
    desk.run(&["explain", &second]).exits(0).says(&[said]);
    desk.run(&["rejects", &second]).exits(0).says(&[said]).prints(&["purged"]);
}

#[test]
fn what_something_needs_is_kept_and_named() {
    let desk = desk();
    // A run that waits for approval, and one that is cut short: both old.
    desk.put("in.csv", "id,booked_on,amount,text\n2000,2026-01-01,1.00,x\n");
    desk.run(&["run", "job.toml", "--source", "in.csv", "--pause-after", "staged"]).exits(3);
    desk.sql().execute_batch(&format!("{OLD} WHERE state = 'awaiting-approval'")).unwrap();
    // Nobody says how many records of the first run are held back: they may be nowhere else.
    let first = id(&desk, 0);
    desk.sql().execute("UPDATE crossfoot_run SET summary = NULL WHERE run_id = ?1", [&first]).unwrap();
    let listed = desk.run(&["retention", "--staging", "2h", "--json"]).exits(0).json();
    let why: Vec<_> =
        listed["kept"].as_array().unwrap().iter().map(|kept| kept["why"].as_str().unwrap()).collect();
    assert_eq!(why, ["open", "held", "last-promoted", "awaits-approval"], "{listed:#}");
    // Of the first run only its findings go, which are in no final decision's way.
    let parts: Vec<_> = listed["runs"].as_array().unwrap().iter().map(|run| &run["parts"]).collect();
    let (findings, all) =
        (serde_json::json!(["reports"]), serde_json::json!(["staging", "rejects", "reports"]));
    assert_eq!(parts, [&findings, &all]);
    desk.put("crossfoot.toml", "[retention]\nstaging = \"soon\"\n");
    desk.run(&["runs"]).exits(2).says(&["invalid retention.staging", "as in `90d` or `36h`"]);
}

#[test]
fn each_part_has_an_age_of_its_own() {
    let desk = desk();
    let (first, second) = (id(&desk, 0), id(&desk, 1));
    desk.put("crossfoot.toml", "[retention]\nstaging = \"2h\"\nrejects = \"90d\"\nreports = \"90d\"\n");
    let listed = desk.run(&["retention", "--json"]).exits(0).json();
    assert_eq!(listed["keeps"], "staging = \"2h\", rejects = \"90d\", reports = \"90d\"");
    desk.run(&["retention", "--apply", "--reason", "as agreed"])
        .exits(0)
        .prints(&["2 runs", "staging: 90 rows"]);
    assert_eq!(count(&desk, "SELECT count(*) FROM stg_postings"), 1);
    // Findings are there, and the run is not called purged.
    desk.run(&["explain", &second])
        .exits(0)
        .prints(&["90 records"])
        .says(&["staging rows were removed by retention"]);
    let log = desk.run(&["audit", "log", &first]).exits(0);
    log.prints(&["parts-removed", "as agreed"]);
    // A pack of it is whole but for staging, which no pack has.
    desk.run(&["audit", "keygen", "-o", "me"]).exits(0);
    let is_verified = |pack: &str| {
        desk.run(&["audit", "export", &second, "-o", pack, "--key", "me.key"]).exits(0);
        desk.run(&["audit", "verify", pack, "--key", "me.pub"]).exits(0).prints(&["VERIFIED"]);
    };
    is_verified("pack.tar");
    // With the last of its parts it is purged.
    desk.run(&["retention", "--reports", "2h", "--rejects", "2h", "--apply", "--reason", "as agreed"])
        .exits(0);
    assert_eq!(count(&desk, "SELECT count(*) FROM crossfoot_run WHERE purged"), 2);
    is_verified("later.tar");
    desk.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_run_that_is_removed_is_named_and_one_in_final_keeps_its_verdict() {
    let desk = desk();
    let (first, second) = (id(&desk, 0), id(&desk, 1));
    let before = desk.run(&["report", &first, "--json"]).exits(0).json();
    let shown = desk.run(&["show", &first, "--json"]).exits(0).json();
    let listed = desk.run(&["retention", "--runs-per-job", "1", "--json"]).exits(0).json();
    let forgotten: Vec<_> = listed["runs"].as_array().unwrap().iter().map(|run| &run["forgotten"]).collect();
    assert_eq!(forgotten, [false, true], "{listed:#}");
    assert_eq!(listed["runs"][1]["because"], "number");
    desk.run(&["retention", "--runs-per-job", "1", "--apply", "--reason", "as agreed"])
        .exits(0)
        .prints(&["2 runs", "the run itself"]);
    // The one that was not reconciled is gone from the ledger: it is said, by its whole ID and by its end.
    let ledger = "SELECT count(*) FROM crossfoot_run";
    assert_eq!(count(&desk, ledger), 2);
    let said = ["of job postings (not-reconciled) was removed by retention on ", "audit log"];
    for typed in [second.as_str(), &second[24..]] {
        for command in ["show", "report", "explain", "workers"] {
            desk.run(&[command, typed]).exits(2).says(&said);
        }
    }
    desk.run(&["runs"]).exits(0).says(&["1 run was removed by retention"]);
    desk.run(&["audit", "log", &second[24..]]).exits(0).prints(&[
        "not-reconciled",
        "run-removed",
        "as agreed",
    ]);
    desk.run(&["audit", "verify"]).exits(0);
    // The one in final has its verdict and its figures, and no chunks.
    assert_eq!(count(&desk, &format!("SELECT count(*) FROM crossfoot_chunk WHERE run_id = '{first}'")), 0);
    let after = desk.run(&["report", &first, "--json"]).exits(0).json();
    for part in ["outcome", "levels", "balance", "checks", "workers", "source"] {
        assert_eq!(before[part], after[part], "{part}");
    }
    assert_eq!(desk.run(&["show", &first, "--json"]).exits(0).json()["progress"], shown["progress"]);
    desk.run(&["show", &first]).exits(0).prints(&["chunks and workers' counts were removed by retention"]);
    desk.run(&["audit", "export", &first, "-o", "pack.tar", "--unsigned"])
        .exits(2)
        .says(&["were removed by retention"]);
    // The same bytes are not loaded twice, and the run can be backed out.
    desk.put("in.csv", postings(100));
    desk.run(&["run", "job.toml", "--source", "in.csv"]).exits(2).says(&["--again"]);
    desk.run(&["back-out", &first, "--reason", "the wrong day", "--yes"]).exits(0);
    assert_eq!(count(&desk, "SELECT count(*) FROM postings"), 1);
    // Then nothing of it is in final, and it is removed too.
    desk.sql().execute_batch(OLD).unwrap();
    desk.run(&["retention", "--runs", "2h", "--apply", "--reason", "as agreed"])
        .exits(0)
        .prints(&["the run itself"]);
    assert_eq!(count(&desk, ledger), 1);
    desk.run(&["audit", "verify"]).exits(0);
}

#[test]
fn staging_is_kept_up_to_a_size_and_its_pages_are_used_again() {
    let desk = Desk::new();
    let load = |first: u64| {
        let mut text = String::from("id,booked_on,amount,text\n");
        (first..first + 30_000).for_each(|id| text.push_str(&format!("{id},2024-02-29,1.00,{:040}\n", id)));
        desk.put("in.csv", text);
        desk.run(&["run", "job.toml", "--source", "in.csv"]).exits(0);
    };
    let pages = || count(&desk, "PRAGMA page_count");
    [0, 100_000, 200_000].into_iter().for_each(load);
    let staged = "SELECT count(DISTINCT run_id) FROM stg_postings";
    // Each is about 2 MB: the last run stays in any case, and the one before it does not fit any more.
    desk.run(&["retention", "--staging-bytes", "3MiB", "--apply", "--reason", "the disk"])
        .exits(0)
        .prints(&["2 runs", "exceeds the size of staging"]);
    assert_eq!(count(&desk, staged), 1);
    desk.run(&["retention", "--staging-bytes", "3MiB"]).exits(0).prints(&["parts of 0 runs"]);
    // What was freed is used by the next run: the file grows by what final takes, if at all.
    let before = pages();
    load(300_000);
    assert!(pages() <= before + before / 20, "{before} pages became {}", pages());
    desk.run(&["audit", "verify"]).exits(0);
}
