//! `kill -9` at any moment, and again while going on: nothing is lost, nothing is doubled, and the fingerprint is
//! that of a run which nobody disturbed.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::desk::{Desk, postings};

const RECORDS: u64 = 60_000;
const KILLS: u32 = 12;
const RUN: [&str; 6] = ["run", "job.toml", "--source", "in.csv", "--chunk-bytes", "20000"];

/// A number below `bound`, another one each time.
fn random(bound: u64) -> u64 {
    RandomState::new().hash_one(0) % bound.max(1)
}

/// A moment within the `part`th of `parts` of `whole`.
fn moment(whole: Duration, part: u32, parts: u32) -> Duration {
    let of_part = whole / parts;
    of_part * part + Duration::from_micros(random(u64::try_from(of_part.as_micros()).unwrap()))
}

/// Where the last run stands; `None` when none was opened.
fn state(desk: &Desk) -> Option<String> {
    if !desk.path("crossfoot.db").exists() {
        return None;
    }
    let runs = desk.run(&["runs", "--json"]).exits(0).json();
    runs.as_array().unwrap().first().map(|run| run["state"].as_str().unwrap().to_owned())
}

/// Goes on with the last run, or begins one if none was opened.
fn next_line(desk: &Desk) -> Vec<&'static str> {
    if state(desk).is_some() { vec!["resume"] } else { RUN.to_vec() }
}

fn is_as_if_nothing_had_been(desk: &Desk, levels: &Value, what: &str) {
    let report = desk.report();
    assert_eq!(&report["levels"], levels, "{what}");
    assert_eq!(report["outcome"], "reconciled", "{what}");
    assert_eq!(desk.final_rows(), RECORDS, "{what}");
    for (query, expected) in [
        ("SELECT count(DISTINCT id) FROM postings", RECORDS),
        ("SELECT count(*) FROM stg_postings", RECORDS),
        ("SELECT count(DISTINCT record_no) FROM stg_postings", RECORDS),
        ("SELECT count(*) FROM crossfoot_run", 1),
        ("SELECT count(*) FROM crossfoot_event WHERE kind = 'promoted'", 1),
    ] {
        assert_eq!(desk.number(query), expected, "{what}: {query}");
    }
    desk.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_run_that_is_killed_at_any_moment_goes_on_to_the_same_end() {
    let desk = Desk::with(postings(RECORDS));
    let started = Instant::now();
    desk.run(&RUN).exits(0);
    let whole = started.elapsed();
    let levels = desk.report()["levels"].clone();
    let mut states = BTreeSet::new();
    for kill in 0..KILLS {
        let desk = Desk::with(postings(RECORDS));
        let after = moment(whole, kill, KILLS);
        let going = desk.start(&RUN);
        going.ends_within(after);
        going.kill();
        let state = state(&desk);
        let mut what = format!("killed after {after:?} of {whole:?}, when it was {state:?}");
        // Every other run is killed once more, while it goes on with what the first left it.
        if kill % 2 == 1 {
            let after = moment(whole, random(4).try_into().unwrap(), 5);
            let going = desk.start(&next_line(&desk));
            going.ends_within(after);
            going.kill();
            what.push_str(&format!(", and again after {after:?}"));
        }
        let ended = desk.run(&next_line(&desk));
        assert_eq!(ended.code, Some(0), "{what}: {ended}");
        is_as_if_nothing_had_been(&desk, &levels, &what);
        states.insert(state);
    }
    let loading = Some("loading".to_owned());
    assert!(states.contains(&loading), "no kill met a run at work: {states:?}");
}

#[test]
fn a_run_that_is_killed_over_and_over_comes_end_all_the_same() {
    let whole = Desk::with(postings(RECORDS));
    let started = Instant::now();
    whole.run(&RUN).exits(0);
    let (took, levels) = (started.elapsed(), whole.report()["levels"].clone());
    let desk = Desk::with(postings(RECORDS));
    for _ in 0..4 {
        let going = desk.start(&next_line(&desk));
        going.ends_within(took / 4 + moment(took / 3, 0, 1));
        going.kill();
    }
    desk.run(&next_line(&desk)).exits(0);
    is_as_if_nothing_had_been(&desk, &levels, "killed four times");
}

#[test]
fn the_dead_are_recognised_at_once_and_their_lease_is_not_waited_for() {
    let desk = Desk::with(postings(RECORDS));
    let going = desk.start(&RUN);
    going.until_it_says("loading");
    going.kill();
    // A lease runs for 20 seconds, which nobody has to sit out.
    let started = Instant::now();
    let ended = desk.start(&["resume"]).end_within(Duration::from_secs(15)).exits(0);
    assert!(started.elapsed() < Duration::from_secs(15), "{ended}");
}
