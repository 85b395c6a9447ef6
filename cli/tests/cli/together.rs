//! Several people at the same store at the same time: each gets what is due, and nothing is loaded twice.

use super::desk::{Desk, Ended, Going, postings};

const RECORDS: u64 = 5000;

/// Starts `lines` together; their exit codes must be, sorted, `expected`.
fn at_once(desk: &Desk, lines: &[&[&str]], expected: &[i32]) {
    let going: Vec<Going> = lines.iter().map(|line| desk.start(line)).collect();
    let ended: Vec<Ended> = going.into_iter().map(Going::end).collect();
    let mut codes: Vec<_> = ended.iter().map(|ended| ended.code.unwrap()).collect();
    codes.sort_unstable();
    let said = ended.iter().map(|ended| format!("{:?}: {}", ended.code, ended.err));
    assert_eq!(codes, expected, "{}", said.collect::<Vec<_>>().join("\n"));
}

#[test]
fn two_sources_are_loaded_into_a_new_store_at_the_same_time() {
    for _ in 0..3 {
        let desk = Desk::with(postings(RECORDS));
        desk.put_job("job.toml", &[("key = [\"id\"]\n", "")]);
        desk.put("other.csv", postings(RECORDS - 1));
        at_once(
            &desk,
            &[&["run", "job.toml", "--source", "in.csv"], &["run", "job.toml", "--source", "other.csv"]],
            &[0, 0],
        );
        assert_eq!(desk.final_rows(), 2 * RECORDS - 1);
        desk.run(&["audit", "verify"]).exits(0);
    }
}

#[test]
fn the_same_bytes_at_the_same_time_are_loaded_once() {
    for _ in 0..4 {
        let desk = Desk::with(postings(RECORDS));
        // Without a key, no unique index stands in the way.
        desk.put_job("job.toml", &[("key = [\"id\"]\n", "")]);
        let line: &[&str] = &["run", "job.toml", "--source", "in.csv"];
        at_once(&desk, &[line, line, line], &[0, 2, 2]);
        assert_eq!(desk.final_rows(), RECORDS);
        desk.run(&["audit", "verify"]).exits(0);
    }
}
