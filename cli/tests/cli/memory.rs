//! Memory does not grow with the source.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Duration;

use super::desk::{Desk, Going};

/// How much a process may need, whatever its source's size: 200 MB.
const KILOBYTES_MAX: u64 = 200_000;

/// The most memory that the command has had in use so far, in KiB: Linux says so.
pub(crate) fn high_water_mark(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Lets it come to its end, and returns the most memory that it had in use, in KiB.
fn peak(going: Going) -> u64 {
    let mut peak = 0;
    while !going.ends_within(Duration::from_millis(10)) {
        peak = high_water_mark(going.pid()).unwrap_or(0).max(peak);
    }
    going.end().exits(0);
    peak
}

/// Writes `megabytes` of records of about `record_bytes` each; how many they are.
fn write_source(desk: &Desk, megabytes: usize, record_bytes: usize) -> usize {
    let mut out = BufWriter::new(File::create(desk.path("in.csv")).unwrap());
    let records = megabytes * 1_000_000 / record_bytes;
    out.write_all(b"id,booked_on,amount,text\n").unwrap();
    for id in 1..=records {
        let head = format!("{id},2024-02-29,{}.00,", id % 1000);
        writeln!(out, "{head}{:x<1$}", id * 7919, record_bytes - head.len() - 1).unwrap();
    }
    out.flush().unwrap();
    records
}

/// The peak of a load of `megabytes`, in KiB.
fn peak_of(megabytes: usize, record_bytes: usize) -> u64 {
    let desk = Desk::new();
    desk.put_job("job.toml", &[("text(40)", "text(4000)")]);
    let records = write_source(&desk, megabytes, record_bytes);
    // The allocator keeps a heap for each thread that was ever busy, and a small load does not fill them all: two
    // heaps, so
    // that what is compared is what the program holds.
    let mut command = desk.command(&["run", "job.toml", "--source", "in.csv"]);
    command.env("MALLOC_ARENA_MAX", "2");
    let peak = peak(Going::start("run".into(), command, Vec::new()));
    assert_eq!(desk.final_rows(), records as u64);
    peak
}

/// Loads a small and a large source; even the small one is larger than the window of work and the database's caches.
pub(crate) fn stays_flat(small_mb: usize, large_mb: usize, record_bytes: usize) {
    let (small, large) = (peak_of(small_mb, record_bytes), peak_of(large_mb, record_bytes));
    let figures = format!("peak memory: {small} KiB for {small_mb} MB, {large} KiB for {large_mb} MB");
    eprintln!("{figures}");
    assert!(small > 0, "no memory was seen in use");
    assert!(large * 10 <= small * 13, "{figures}");
    assert!(large < KILOBYTES_MAX, "{figures}");
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /proc")]
fn a_source_four_times_as_large_needs_no_more_memory() {
    stays_flat(40, 160, 2000);
}
