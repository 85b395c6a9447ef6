//! Inputs that are made to fill memory or stacks are refused early, by name.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::desk::{Desk, Going, postings};
use super::memory::high_water_mark;

/// The most memory that refusing may take, in KiB.
const KILOBYTES_MAX: u64 = 200_000;

/// Nothing here takes as long; reading the whole would.
const PATIENCE: Duration = Duration::from_secs(60);

/// A gzip file of `times` members, each of 16 MiB of one byte.
fn gzip_of(byte: u8, times: usize) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&vec![byte; 16 << 20]).unwrap();
    gzip.finish().unwrap().repeat(times)
}

/// Runs the command to its end: with the most memory that it had in use, in KiB.
fn measured(desk: &Desk, line: &[&str]) -> (super::desk::Ended, u64) {
    let (began, mut peak) = (Instant::now(), 0);
    let mut command = desk.command(line);
    command.env("MALLOC_ARENA_MAX", "2");
    let going = Going::start(line.join(" "), command, Vec::new());
    while !going.ends_within(Duration::from_millis(5)) {
        peak = high_water_mark(going.pid()).unwrap_or(0).max(peak);
        assert!(began.elapsed() < PATIENCE, "{line:?} is not refused within {PATIENCE:?}");
    }
    (going.end(), peak)
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /proc")]
fn an_endless_line_in_a_small_gzip_file_is_refused_early() {
    // 10 GiB in 10 MB: 640 members.
    let desk = Desk::new();
    let mut bomb = GzEncoder::new(Vec::new(), Compression::default());
    bomb.write_all(b"id,booked_on,amount,text\n1,2024-02-29,1.00,").unwrap();
    desk.put("in.csv.gz", [bomb.finish().unwrap(), gzip_of(b'x', 640)].concat());
    let (ended, peak) = measured(&desk, &["run", "job.toml", "--source", "in.csv.gz"]);
    ended.exits(3).says(&["record 1", "within 1048576 bytes"]);
    assert!(peak < KILOBYTES_MAX, "{peak} KiB");
    assert_eq!(desk.final_rows(), 0);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /proc")]
fn content_that_is_inflated_beyond_reason_is_refused_before_it_is_read() {
    // A header of nothing but blanks, which `fingerprint` reads as well.
    let desk = Desk::new();
    desk.put_job("job.toml", &[("header = true", "header = true\nrecord_bytes_max = 4194304")]);
    let line = [vec![b'x'; 4_000_000], vec![b'\n']].concat();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(b"id,booked_on,amount,text\n").unwrap();
    (0..25).for_each(|_| gzip.write_all(&line).unwrap());
    desk.put("in.csv.gz", gzip.finish().unwrap().repeat(100));
    let (ended, peak) = measured(&desk, &["fingerprint", "job.toml", "--source", "in.csv.gz"]);
    ended.exits(3).says(&["more than 1000 for each", "decompress it first"]);
    assert!(peak < KILOBYTES_MAX, "{peak} KiB");
}

#[test]
fn nesting_without_end_is_refused_before_the_stack_ends() {
    let desk = Desk::with(postings(3));
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    desk.put("declared.json", deep("[", "]"));
    desk.run(&["run", "job.toml", "--source", "in.csv", "--declared", "declared.json"])
        .exits(2)
        .says(&["declared.json"]);
    desk.put("deep.toml", format!("x = {}", deep("[", "]")));
    desk.run(&["check", "deep.toml"]).exits(2).says(&["deep.toml"]);
    desk.put("crossfoot.toml", format!("x = {}", deep("{a=", "}")));
    desk.run(&["runs"]).exits(2);
}
