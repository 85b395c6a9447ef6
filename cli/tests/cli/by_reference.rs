//! Chunks by reference where everything is one process, and sources that cannot be read in parts.

use std::io::Write as _;

use super::desk::{Desk, Ended, Going, postings};

/// With chunks by reference.
fn by_reference(desk: &Desk, line: &[&str], input: &[u8]) -> Ended {
    let mut command = desk.command(line);
    command.env("CROSSFOOT__FLEET__CHUNKS", "by-reference");
    Going::start(line.join(" "), command, input.to_vec()).end()
}

const RUN: [&str; 6] = ["run", "job.toml", "--source", "in.csv", "--chunk-bytes", "5000"];

#[test]
fn a_run_by_reference_in_one_process_proves_what_a_run_inline_proves() {
    let (inline, referring) = (Desk::with(postings(3000)), Desk::with(postings(3000)));
    inline.run(&RUN).exits(0);
    by_reference(&referring, &RUN, b"").exits(0).prints(&["RECONCILED"]);
    let (of_inline, of_referring) = (inline.report(), referring.report());
    for part in ["levels", "balance"] {
        assert_eq!(of_inline[part], of_referring[part], "{part}");
    }
    assert_eq!(referring.final_rows(), 3000);
    assert!(referring.number("SELECT count(*) FROM crossfoot_chunk") > 10);
    // Bytes are counted as they are where messages hold them.
    let bytes = "SELECT sum(bytes) FROM crossfoot_report WHERE role = 'processor'";
    assert_eq!(inline.number(bytes), referring.number(bytes));
}

#[test]
fn a_source_that_cannot_be_read_in_parts_is_refused_by_name_before_a_run_is_opened() {
    let desk = Desk::with(postings(10));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&postings(10)).unwrap();
    desk.put("in.csv.gz", gzip.finish().unwrap());
    let runs = || {
        if desk.path("crossfoot.db").exists() { desk.number("SELECT count(*) FROM crossfoot_run") } else { 0 }
    };
    for (line, says) in [
        (&["run", "job.toml", "--source", "in.csv.gz"][..], "the source is compressed"),
        (&["submit", "job.toml", "--source", "in.csv.gz"], "the source is compressed"),
        (&["run", "job.toml", "--source", "-"], "the source can be read only once"),
    ] {
        let ended = by_reference(&desk, line, &postings(10)).exits(2);
        ended.says(&[says, "chunks = \"inline\"", "no run was opened"]);
        assert_eq!(runs(), 0);
    }
    desk.run(&["run", "job.toml", "--source", "in.csv.gz"]).exits(0);
}

/// Whoever drives a run decides how its chunks travel, and the source may have moved since it was opened.
#[test]
fn a_run_that_was_submitted_inline_is_driven_by_reference_or_named_as_one_that_cannot_be() {
    let desk = Desk::with(postings(500));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&postings(600)).unwrap();
    desk.put("in.csv.gz", gzip.finish().unwrap());
    desk.run(&["submit", "job.toml", "--source", "in.csv.gz"]).exits(0);
    let ended = by_reference(&desk, &["resume", "last"], b"").exits(3);
    ended.says(&["in.csv.gz", "the source is compressed"]);
    desk.run(&["cancel", "--yes", "last"]).exits(0);

    desk.run(&["submit", "job.toml", "--source", "in.csv"]).exits(0);
    std::fs::rename(desk.path("in.csv"), desk.path("moved.csv")).unwrap();
    let ended = by_reference(&desk, &["resume", "last", "--source", "moved.csv"], b"").exits(0);
    ended.says(&["its chunks travel with their bytes"]).prints(&["RECONCILED"]);
    assert_eq!(desk.final_rows(), 500);
}
