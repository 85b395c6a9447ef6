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
    desk.run(&["retention", "--staging", "3h"]).exits(0).prints(&["0 runs older than 3h"]);
    // GIVEN an age: it is listed what would go, and why the last run stays.
    desk.put("crossfoot.toml", "[retention]\nstaging = \"2h\"\n");
    let listed = desk.run(&["retention", "--json"]).exits(0).json();
    assert_eq!(listed["applied"], false);
    let runs = listed["runs"].as_array().unwrap();
    assert_eq!(runs.iter().map(|run| run["run_id"].as_str().unwrap()).collect::<Vec<_>>(), [&first, &second]);
    assert_eq!((&runs[0]["rows"], &runs[1]["rows"]), (&100.into(), &90.into()));
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
    desk.run(&["retention"]).exits(0).prints(&["0 runs older than 2h"]);
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
    assert_eq!(why, ["held", "last-promoted", "awaits-approval"], "{listed:#}");
    assert_eq!(listed["runs"].as_array().unwrap().len(), 1);
    desk.put("crossfoot.toml", "[retention]\nstaging = \"soon\"\n");
    desk.run(&["runs"]).exits(2).says(&["invalid retention.staging", "as in `90d` or `36h`"]);
}
