//! `watch`: files that arrive in a folder are loaded once each, whatever happens to the watcher, and moved away.

use std::path::Path;
use std::time::{Duration, Instant};

use super::desk::{Desk, csv, postings, until};

const ONCE: [&str; 11] =
    ["watch", "in", "--job", "job.toml", "--match", "*.csv", "--settle", "0s", "--done", "done", "--once"];
const FAILED: [&str; 2] = ["--failed", "failed"];

fn once(more: &[&'static str]) -> Vec<&'static str> {
    [&ONCE, more].concat()
}

/// A desk with an empty folder `in`.
fn desk() -> Desk {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("in")).unwrap();
    desk
}

/// One posting with this id.
fn posting(id: u64) -> Vec<u8> {
    csv(&[&format!("{id},2024-02-29,10.00,a")])
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

#[test]
fn files_are_loaded_once_in_the_order_of_their_names_and_moved() {
    let desk = desk();
    for (name, bytes) in [
        ("in/b.csv", posting(2)),
        ("in/a.csv", posting(1)),
        ("in/c.csv", csv(&["x,2024-02-29,1.00,b"])),
        ("in/d.csv", posting(1)),
        ("in/e.csv.part", posting(5)),
        ("in/.f.csv", posting(6)),
        ("in/notes.txt", b"hello".to_vec()),
    ] {
        desk.put(name, bytes);
    }
    std::os::unix::fs::symlink(desk.path("in/a.csv"), desk.path("in/g.csv")).unwrap();
    let ended = desk.run(&once(&FAILED)).exits(2);
    ended
        .says(&[
            "1 hidden",
            "1 with a temporary name",
            "1 not a regular file",
            "1 not matched",
            "1 of 4 files refused",
        ])
        .prints(&[
            "a.csv: run",
            "reconciled and promoted; moved to",
            "not reconciled",
            "refused: run",
            "`--again`",
        ]);
    assert_eq!(names(&desk.path("done")), ["a.csv", "b.csv"]);
    assert_eq!(names(&desk.path("failed")), ["c.csv", "c.csv.why.txt", "d.csv", "d.csv.why.txt"]);
    assert_eq!(names(&desk.path("in")), ["e.csv.part", "g.csv", "notes.txt"]);
    let why = |name: &str| std::fs::read_to_string(desk.path(&format!("failed/{name}.why.txt"))).unwrap();
    assert!(why("c.csv").contains("NOT RECONCILED"), "{}", why("c.csv"));
    assert!(why("d.csv").contains("loaded the same bytes"), "{}", why("d.csv"));
    assert_eq!(desk.final_rows(), 2);
    let order = "SELECT source FROM crossfoot_run ORDER BY opened_at_ms, run_id";
    let order: Vec<String> = {
        let sql = desk.sql();
        let mut query = sql.prepare(order).unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let ends: Vec<_> = order.iter().map(|path| path.rsplit('/').next().unwrap()).collect();
    assert_eq!(ends, ["a.csv", "b.csv", "c.csv"]);
    desk.run(&once(&FAILED)).exits(0);
    // A name that is taken gets the run's id, and nothing is overwritten.
    desk.put("in/a.csv", posting(7));
    desk.run(&once(&FAILED)).exits(0);
    let done = names(&desk.path("done"));
    assert_eq!(done.len(), 3);
    assert!(done[1].starts_with("a.csv.0"), "{done:?}");
    assert_eq!(std::fs::read(desk.path("done/a.csv")).unwrap(), posting(1));
}

#[test]
fn files_that_stay_are_marked_and_not_loaded_again() {
    let desk = desk();
    desk.put("in/a.csv", posting(1));
    desk.put("in/b.csv", csv(&["x,2024-02-29,1.00,b"]));
    let line = ["watch", "in", "--job", "job.toml", "--settle", "0s", "--once"];
    desk.run(&line).exits(1);
    for _ in 0..2 {
        let ended = desk.run(&line).exits(0);
        assert_eq!(ended.out, "");
    }
    assert_eq!(desk.number("SELECT count(*) FROM crossfoot_run"), 2);
    // Other content under the same name is another file.
    desk.put("in/b.csv", posting(2));
    desk.run(&line).exits(0).prints(&["b.csv", "reconciled and promoted"]);
    assert_eq!((names(&desk.path("in")), desk.final_rows()), (vec!["a.csv".into(), "b.csv".into()], 2));
}

#[test]
fn a_file_is_complete_when_it_rests_and_the_watch_ends_on_a_signal() {
    let desk = desk();
    let line = [
        "watch", "in", "--job", "job.toml", "--settle", "2s", "--every", "100ms", "--done", "done",
        "--failed", "failed",
    ];
    let going = desk.start(&line);
    going.until_it_says("watching");
    // Written to for longer than it must rest.
    let started = Instant::now();
    let mut rows = Vec::new();
    while started.elapsed() < Duration::from_secs(4) {
        rows.push(format!("{},2024-02-29,10.00,a", rows.len() + 1));
        let rows: Vec<_> = rows.iter().map(String::as_str).collect();
        desk.put("in/a.csv", csv(&rows));
        assert!(!desk.path("done/a.csv").exists());
        assert!(!going.ends_within(Duration::from_millis(300)));
    }
    until("the file is loaded", || desk.path("done/a.csv").exists());
    assert_eq!(desk.final_rows(), rows.len() as u64);
    assert_eq!(desk.number("SELECT count(*) FROM crossfoot_run"), 1);
    // The folder vanishes, as one of a container's volume does, and comes back.
    std::fs::rename(desk.path("in"), desk.path("away")).unwrap();
    going.until_it_says("cannot read");
    std::fs::rename(desk.path("away"), desk.path("in")).unwrap();
    going.until_it_says("can be read again");
    desk.put("in/b.csv", posting(900));
    until("the second is loaded", || desk.path("done/b.csv").exists());
    going.signal("TERM");
    going.end().exits(0);
}

#[test]
fn a_trigger_says_that_its_file_is_complete_and_is_used_once() {
    let desk = desk();
    // With the time to rest that there is without `--settle`, which a trigger makes needless.
    let line = ["watch", "in", "--job", "job.toml", "--trigger", "{name}.ok", "--done", "done", "--once"];
    desk.put("in/a.csv", posting(1));
    desk.run(&line).exits(0).says(&["a.csv: waiting for its trigger file"]);
    desk.put("in/a.csv.ok", "");
    desk.run(&line).exits(0).prints(&["a.csv", "reconciled"]);
    assert_eq!(names(&desk.path("done")), ["a.csv", "a.csv.ok"]);
    assert!(names(&desk.path("in")).is_empty());
    // Where files stay, the trigger of the file before is not that of the next.
    let stays = ["watch", "in", "--job", "job.toml", "--trigger", "{name}.ok", "--once"];
    desk.put("in/b.csv", posting(2));
    desk.put("in/b.csv.ok", "");
    desk.run(&stays).exits(0).prints(&["b.csv", "reconciled"]);
    desk.put("in/b.csv", posting(3));
    desk.run(&stays).exits(0).says(&["b.csv: waiting for its trigger file"]);
    desk.put("in/b.csv.ok", "again");
    desk.run(&stays).exits(0).prints(&["b.csv", "reconciled"]);
    assert_eq!(desk.final_rows(), 3);
}

#[test]
fn a_control_file_is_waited_for_and_checked() {
    let desk = desk();
    let line = once(&["--declared", "{stem}.json", "--failed", "failed", "--json"]);
    for (name, id) in [("in/a.csv", 1), ("in/b.csv", 2), ("in/c.csv", 3)] {
        desk.put(name, posting(id));
    }
    desk.put("in/a.json", r#"{"records": 1}"#);
    desk.put("in/b.json", r#"{"records": 2}"#);
    desk.put("in/c.json", "half of");
    let ended = desk.run(&line).exits(2);
    let lines: Vec<serde_json::Value> =
        ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["reconciled", "not-reconciled", "refused"]);
    assert!(lines[2]["why"].as_str().unwrap().contains("c.json") && lines[2]["run_id"].is_null());
    assert_eq!(names(&desk.path("done")), ["a.csv", "a.json"]);
    let failed = ["b.csv", "b.csv.why.txt", "b.json", "c.csv", "c.csv.why.txt", "c.json"];
    assert_eq!(names(&desk.path("failed")), failed);
    assert_eq!(desk.final_rows(), 1);
}

#[test]
fn a_file_whose_run_waits_for_approval_stays_until_it_is_decided() {
    let desk = desk();
    desk.put("in/a.csv", posting(1));
    desk.put("in/b.csv", posting(2));
    let line = once(&["--pause-after", "staged", "--failed", "failed"]);
    desk.run(&line).exits(3).prints(&["waiting for approval"]);
    desk.run(&line).exits(3);
    assert_eq!(names(&desk.path("in")), ["a.csv", "b.csv"]);
    desk.run(&["cancel", "last", "--yes"]).exits(0);
    desk.run(&["approve", "--yes"]).exits(0);
    desk.run(&line).exits(1).prints(&["cancelled"]);
    assert_eq!((names(&desk.path("done")), desk.final_rows()), (vec!["a.csv".to_owned()], 1));
    assert_eq!(names(&desk.path("failed")), ["b.csv", "b.csv.why.txt"]);
}

#[test]
fn a_watcher_that_is_killed_is_continued_by_the_next() {
    const RECORDS: u64 = 60_000;
    let desk = desk();
    desk.put("in/a.csv", postings(RECORDS));
    let line = once(&["--failed", "failed", "--chunk-bytes", "20000"]);
    for wait_ms in [700, 1500] {
        let going = desk.start(&line);
        going.ends_within(Duration::from_millis(wait_ms));
        going.kill();
    }
    desk.run(&line).exits(0);
    assert_eq!((names(&desk.path("done")), desk.final_rows()), (vec!["a.csv".to_owned()], RECORDS));
    assert_eq!(desk.number("SELECT count(*) FROM crossfoot_run"), 1);
    assert!(names(&desk.path("failed")).is_empty() && names(&desk.path("in")).is_empty());
    let left = std::fs::read_dir(desk.path("in/.crossfoot")).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| name.starts_with("probe.")), "{left:?}");
}

#[test]
fn two_watchers_share_a_folder_and_load_each_file_once() {
    let desk = desk();
    for id in 1..=12 {
        desk.put(&format!("in/{id:02}.csv"), posting(id));
    }
    let line = [
        "watch", "in", "--job", "job.toml", "--settle", "0s", "--every", "100ms", "--done", "done",
        "--failed", "failed",
    ];
    let watchers = [desk.start(&line), desk.start(&line)];
    until("all are moved", || desk.path("done").exists() && names(&desk.path("done")).len() == 12);
    for watcher in &watchers {
        watcher.signal("INT");
    }
    for watcher in watchers {
        watcher.end().exits(0);
    }
    assert_eq!((desk.final_rows(), desk.number("SELECT count(*) FROM crossfoot_run")), (12, 12));
    assert!(names(&desk.path("failed")).is_empty());
}

#[test]
fn what_is_wrong_with_the_command_is_told_before_anything_is_loaded() {
    let desk = desk();
    desk.put("in/a.csv", posting(1));
    for (line, says) in [
        (&["watch", "none", "--job", "job.toml"][..], "cannot watch none"),
        (&["watch", "job.toml", "--job", "job.toml"], "not a folder"),
        (&["watch", "in", "--job", "none.toml"], "none.toml"),
        (&["watch", "in", "--job", "job.toml", "--done", "in"], "a folder other than the watched one"),
        (&["watch", "in", "--job", "job.toml", "--done", "/proc"], "another file system"),
        (&["watch", "in", "--job", "job.toml", "--match", "[ab]"], "only * (any characters)"),
        (&["watch", "in", "--job", "job.toml", "--trigger", "x.ok"], "{name}"),
        (&["watch", "in", "--job", "job.toml", "--settle", "soon"], "10s"),
    ] {
        desk.run(line).exits(2).says(&[says]);
    }
    assert!(!desk.path("crossfoot.db").exists() && desk.path("in/a.csv").exists());
}
