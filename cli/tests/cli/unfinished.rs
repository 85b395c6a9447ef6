//! Exit code 3: it could not be finished, or was told to wait. It says so, and how to go on; final stays empty.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::desk::{Desk, Ended, csv, postings};

const RUN: [&str; 4] = ["run", "job.toml", "--source", "in.csv"];

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

/// A run of `bytes` that cannot be finished. It leaves nothing in final, and can be cancelled.
fn stuck(bytes: &[u8]) -> Ended {
    let desk = Desk::with(bytes);
    let ended = desk.run(&[&RUN[..], &["--chunk-bytes", "1000"]].concat()).exits(3);
    assert_eq!(desk.final_rows(), 0);
    desk.run(&["show"]).exits(0).prints(&["unfinished"]);
    desk.run(&["resume"]).exits(3);
    desk.run(&["cancel", "--yes"]).exits(0);
    desk.run(&["audit", "verify"]).exits(0);
    ended.says(&["are in final", "load the corrected file as a new run", "crossfoot cancel"])
}

#[test]
fn a_gzip_file_that_is_cut_short_says_where_it_ends() {
    let packed = gzip(&postings(2000));
    let half = packed.len() / 2;
    stuck(&packed[..half]).says(&["in.csv", "truncated", &format!("at byte {half}"), "ask the sender for a"]);
}

#[test]
fn a_damaged_gzip_file_says_where_the_damage_was_noticed() {
    let mut packed = gzip(&postings(2000));
    let checksum = packed.len() - 6;
    packed[checksum] ^= 0xff;
    stuck(&packed).says(&["in.csv", "is corrupt", "byte", "checksum", "ask the sender for a"]);
    let mut trailing = gzip(&postings(20));
    let end = trailing.len();
    trailing.extend_from_slice(b"and a line of text\n");
    stuck(&trailing).says(&["extra bytes after", &format!("at byte {end}")]);
}

#[test]
fn a_quote_that_does_not_close_and_a_record_that_does_not_end_are_named_by_byte() {
    let open =
        csv(&["1,2024-02-29,1.00,IBAN-DE-4711", "2,2024-02-29,1.00,\"IBAN-DE-4711", "3,2024-02-29,1.00,c"]);
    stuck(&open).says(&["record 2, at byte 56", "quote opened at byte 18", "does not close"]);
    let long = csv(&["1,2024-02-29,1.00,IBAN-DE-4711", &"x".repeat(2 << 20)]);
    stuck(&long).says(&["record 2, at byte 56", "no record ends within 1048576 bytes"]);
}

#[test]
fn a_file_of_fixed_records_with_bytes_left_over_says_how_many() {
    let desk = Desk::with("0001 100002 2500");
    desk.put(
        "job.toml",
        "[job]\nname = \"fixed\"\n[source]\nformat = \"fixed\"\nframing = \"fixed\"\nrecord_bytes = 9\n\
         [[record]]\nname = \"r\"\nkey = [\"id\"]\namounts = [\"amount\"]\nstaging = \"stg\"\nfinal = \"postings\"\n\
         [[record.field]]\nname = \"id\"\ntype = \"integer\"\nstart = 1\nwidth = 4\n\
         [[record.field]]\nname = \"amount\"\ntype = \"decimal(5,2)\"\nstart = 5\nwidth = 5\n",
    );
    desk.load().exits(3).says(&["record 2, at byte 9", "7 bytes are left at the end, but a record has 9"]);
    assert_eq!(desk.final_rows(), 0);
}

#[test]
fn a_store_that_cannot_be_made_says_why_and_what_to_check() {
    let desk = Desk::with(postings(3));
    for url in ["sqlite:in.csv/x.db", "sqlite:nowhere/x.db", "sqlite:.", "sqlite:in.csv"] {
        let ended = desk.run(&[&RUN[..], &["--store", url]].concat()).exits(3);
        ended.says(&[url, "cannot open", "--store"]);
    }
    assert_eq!(std::fs::read(desk.path("in.csv")).unwrap(), postings(3), "the source is as it was");
    desk.run(&["runs"]).exits(3).says(&["crossfoot.db", "no such file", "--store"]);
    assert!(!desk.path("crossfoot.db").exists());
}

#[test]
fn a_run_that_pauses_is_promoted_once_it_is_approved() {
    let desk = Desk::with(postings(50));
    let ended = desk.run(&[&RUN[..], &["--pause-after", "staged"]].concat()).exits(3);
    ended.prints(&["AWAITING APPROVAL", "crossfoot approve"]);
    assert_eq!(desk.final_rows(), 0);
    desk.run(&["resume"]).exits(3).says(&["awaiting-approval", "nothing to resume"]);
    assert_eq!(desk.final_rows(), 0);
    let levels = desk.report()["levels"].clone();
    desk.run(&["approve", "--yes", "--reason", "looked at"]).exits(0).prints(&["RECONCILED"]);
    assert_eq!(desk.final_rows(), 50);
    assert_eq!(desk.report()["levels"][1], levels[1]);
    let reasons =
        "SELECT count(*) FROM crossfoot_event WHERE kind = 'approved' AND detail LIKE '%looked at%'";
    assert_eq!(desk.number(reasons), 1);
}

#[test]
fn ctrl_c_stops_within_seconds_and_says_how_to_go_on() {
    let whole = Desk::with(postings(30_000));
    whole.load().exits(0);
    for signal in ["INT", "TERM"] {
        let desk = Desk::with(postings(30_000));
        let going = desk.start(&[&RUN[..], &["--chunk-bytes", "5000"]].concat());
        going.until_it_says("loading");
        going.signal(signal);
        let ended = going.end_within(Duration::from_secs(10)).exits(3);
        ended.says(&["stopping", "stopped on request", "crossfoot resume"]);
        assert_eq!(desk.final_rows(), 0);
        desk.run(&["resume"]).exits(0).prints(&["RECONCILED"]);
        assert_eq!(desk.final_rows(), 30_000);
        assert_eq!(desk.report()["levels"], whole.report()["levels"]);
        desk.run(&["audit", "verify"]).exits(0);
    }
}

/// A small file system of its own; only root may make one.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    fn mount(path: PathBuf, kilobytes: u32) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let options = format!("size={kilobytes}k");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self { path });
        }
        eprintln!("SKIPPED: a small disk cannot be mounted here (that takes root)");
        None
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let mounted = Command::new("mount").args(["-o", &options]).arg(&self.path).status().unwrap();
        assert!(mounted.success(), "{options}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(&self.path).status());
    }
}

#[test]
fn a_full_disk_is_named_and_once_there_is_room_the_run_goes_on() {
    let whole = Desk::with(postings(20_000));
    whole.load().exits(0);
    // Full before the run is opened, while it loads, while it loads its last chunks, while it is promoted.
    for (kilobytes, is_opened) in [(300, false), (1500, true), (3000, true), (6000, true)] {
        let desk = Desk::with(postings(20_000));
        let Some(disk) = SmallDisk::mount(desk.path("disk"), kilobytes) else { return };
        let store = ["--store", "sqlite:disk/crossfoot.db"];
        let line = [&RUN[..], &["--chunk-bytes", "10000"], &store].concat();
        desk.run(&line).exits(3).says(&["full", "free some space"]);
        disk.remount("size=100m");
        let again = if is_opened { [&["resume"], &store[..]].concat() } else { line };
        desk.run(&again).exits(0).prints(&["RECONCILED"]);
        let report = desk.run(&[&["report", "--json"], &store[..]].concat()).exits(0).json();
        assert_eq!(report["levels"], whole.report()["levels"], "{kilobytes} KiB");
        desk.run(&[&["audit", "verify"], &store[..]].concat()).exits(0);
    }
}

#[test]
fn a_disk_that_may_not_be_written_to_is_named() {
    let desk = Desk::with(postings(20));
    let Some(disk) = SmallDisk::mount(desk.path("disk"), 10_000) else { return };
    disk.remount("ro");
    let line = [&RUN[..], &["--store", "sqlite:disk/crossfoot.db"]].concat();
    desk.run(&line).exits(3).says(&["disk/crossfoot.db", "cannot open", "--store"]);
    disk.remount("rw");
    desk.run(&line).exits(0);
}
