//! Sources in an object store, against a server that speaks S3 (`tests/objects`). Built with the feature `cloud` only.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

#[allow(dead_code, reason = "shared with the other tests")]
#[path = "cli/desk.rs"]
mod desk;

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU32, Ordering};

use desk::{Desk, Going, csv, postings, until};
use flate2::Compression;
use flate2::write::GzEncoder;
use source::object::{Object, ObjectError, Place};
use source::{Location, PartError, Parts};

/// A bucket of its own for each test.
struct Bucket(String);

impl Bucket {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("b{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let server = std::env::var("CROSSFOOT_TEST_S3").expect("run this with tests/objects");
        let host = server.strip_prefix("http://").unwrap();
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        let body = "<CreateBucketConfiguration><LocationConstraint>eu-central-1</LocationConstraint>\
                    </CreateBucketConfiguration>";
        write!(
            stream,
            "PUT /{name} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        Self(name)
    }

    fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.0)
    }

    fn place(&self, key: &str) -> Place {
        Place::open(&self.url(key)).unwrap()
    }

    fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        self.place(key).write(bytes.as_ref().to_vec()).unwrap();
    }

    fn names(&self, prefix: &str) -> Vec<String> {
        self.place(prefix).list().unwrap().into_iter().map(|about| about.name).collect()
    }

    fn text(&self, key: &str) -> String {
        String::from_utf8(self.place(key).small(1 << 20).unwrap().unwrap().to_vec()).unwrap()
    }
}

/// One posting with this id.
fn posting(id: u64) -> Vec<u8> {
    csv(&[&format!("{id},2024-02-29,10.00,a")])
}

#[test]
fn an_object_is_loaded_as_the_file_is_also_compressed_and_over_many_requests() {
    let bucket = Bucket::new();
    // Longer than three requests ask for.
    let rows = postings(300_000);
    assert!(rows.len() > 13 << 20, "{}", rows.len());
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&rows).unwrap();
    bucket.put("in/Größe 1%.csv", &rows);
    bucket.put("in/rows.csv.gz", gzip.finish().unwrap());
    let job = [("holds = \"abs(amount) <= 1000.00\"", "holds = \"amount >= 0.00\"")];

    let of_file = Desk::with(&rows);
    of_file.put_job("job.toml", &job);
    of_file.load().exits(0);
    let expected = of_file.report();
    for key in ["in/Größe 1%.csv", "in/rows.csv.gz"] {
        let desk = Desk::new();
        desk.put_job("job.toml", &job);
        let url = bucket.url(key);
        desk.run(&["run", "job.toml", "--source", &url, "--verify-source", "full"]).exits(0);
        let report = desk.report();
        assert_eq!(report["levels"][2]["records"], 300_000);
        assert_eq!(report["levels"], expected["levels"], "{key}");
        assert_eq!(report["balance"], expected["balance"], "{key}");
        assert_eq!(report["source"]["location"], url.as_str());
        assert_eq!(desk.final_rows(), 300_000);
        // The same bytes are refused, and the run's source is read again for what asks for it.
        desk.run(&["run", "job.toml", "--source", &url]).exits(2).says(&["--again"]);
        desk.run(&["attest", "last"]).exits(0);
    }
}

#[test]
fn a_job_file_names_an_object_and_what_is_wrong_with_one_is_said() {
    let bucket = Bucket::new();
    bucket.put("in/a.csv", posting(1));
    let desk = Desk::new();
    let source = format!("[source]\npath = \"{}\"\n", bucket.url("in/a.csv"));
    desk.put_job("job.toml", &[("[source]\n", &source)]);
    desk.run(&["check", "job.toml"]).exits(0);
    desk.run(&["run", "job.toml"]).exits(0);

    let missing = bucket.url("in/none.csv");
    desk.run(&["run", "job.toml", "--source", &missing]).exits(2).says(&[&missing, "does not exist"]);
    let no_bucket = "s3://no-such-bucket-at-all/a.csv";
    desk.run(&["run", "job.toml", "--source", no_bucket]).exits(2).says(&[no_bucket]);
    let with_secret = "s3://user:secret@bucket/a.csv";
    let ended = desk.run(&["run", "job.toml", "--source", with_secret]).exits(2);
    assert!(!ended.err.contains("secret"), "{ended}");
    ended.says(&["credentials belong into the environment"]);
}

#[test]
fn another_object_of_the_same_name_is_never_mixed_with_the_one_that_was_opened() {
    let bucket = Bucket::new();
    let (first, second) = (vec![b'a'; 13 << 20], vec![b'b'; 13 << 20]);
    bucket.put("in/a.csv", &first);
    let object = Object::open(&bucket.url("in/a.csv")).unwrap();
    let mut reader = object.reader();
    let mut begin = vec![0; 1000];
    reader.read_exact(&mut begin).unwrap();
    assert_eq!(begin, first[..1000]);
    bucket.put("in/a.csv", &second);
    let mut rest = Vec::new();
    let error = reader.read_to_end(&mut rest).unwrap_err();
    assert!(rest.iter().all(|byte| *byte == b'a'), "bytes of both objects were mixed");
    let error = error.downcast::<ObjectError>().unwrap();
    assert_eq!(error, ObjectError::Replaced);
    assert!(reader.read(&mut begin).is_err(), "it ends as if all had been read");
    assert_ne!(object.now().unwrap().unwrap(), *object.about());
}

#[test]
fn a_part_of_an_object_is_read_below_the_prefix_that_is_allowed_and_nowhere_else() {
    let bucket = Bucket::new();
    bucket.put("in/a.csv", b"0123456789");
    bucket.put("secret.csv", b"0123456789");
    bucket.put("inside/a.csv", b"0123456789");
    let parts = Parts::below(&[bucket.url("in")]).unwrap();
    let read = |key: &str, offset, length| parts.read(&Location::parse(bucket.url(key)), offset, length);
    assert_eq!(read("in/a.csv", 3, 4).unwrap(), b"3456");
    assert_eq!(read("in/a.csv", 0, 10).unwrap(), b"0123456789");
    assert!(read("in/a.csv", 8, 4).unwrap_err().is_of_the_source());
    for key in ["secret.csv", "in/../secret.csv", "inside/a.csv"] {
        assert!(matches!(read(key, 0, 1), Err(PartError::NotAllowed { .. })), "{key}");
    }
    assert!(matches!(read("in/none.csv", 0, 1), Err(PartError::Unreachable { .. })));
    // Another object of its name is read, and whoever compares digests sees that it is another one.
    bucket.put("in/a.csv", b"abcdefghij");
    assert_eq!(read("in/a.csv", 3, 4).unwrap(), b"defg");
    bucket.put("in/a.csv", b"abc");
    assert!(read("in/a.csv", 3, 4).unwrap_err().is_of_the_source());
}

#[test]
fn a_run_by_reference_reads_each_chunk_of_an_object_by_itself() {
    let bucket = Bucket::new();
    bucket.put("in/rows.csv", postings(5000));
    let (inline, referring) = (Desk::new(), Desk::new());
    let url = bucket.url("in/rows.csv");
    let line = ["run", "job.toml", "--source", &url, "--chunk-bytes", "20000"];
    inline.run(&line).exits(0);
    let mut command = referring.command(&line);
    command.env("CROSSFOOT__FLEET__CHUNKS", "by-reference");
    Going::start(line.join(" "), command, Vec::new()).end().exits(0);
    assert_eq!(inline.report()["levels"], referring.report()["levels"]);
    assert_eq!(referring.final_rows(), 5000);
}

#[test]
fn of_several_who_create_an_object_one_succeeds() {
    let bucket = Bucket::new();
    let place = bucket.place("in/.crossfoot/a.claim.1");
    let made: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| place.create("me"))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(made.iter().filter(|one| one.is_ok()).count(), 1, "{made:?}");
    assert!(made.iter().all(|one| matches!(one, Ok(()) | Err(ObjectError::Exists))), "{made:?}");
}

/// The arguments of a watch of `in` in a bucket.
fn watch<'a>(urls: &'a [String; 3], more: &[&'a str]) -> Vec<&'a str> {
    let mut line = vec!["watch", &urls[0], "--job", "job.toml", "--match", "*.csv", "--settle", "0s"];
    line.extend(["--done", &urls[1], "--failed", &urls[2], "--every", "200ms"]);
    line.extend(more);
    line
}

fn urls(bucket: &Bucket) -> [String; 3] {
    ["in", "in/done", "failed"].map(|prefix| bucket.url(prefix))
}

#[test]
fn objects_that_arrive_are_loaded_once_and_moved() {
    let (bucket, desk) = (Bucket::new(), Desk::new());
    for (key, bytes) in [
        ("in/b.csv", posting(2)),
        ("in/a.csv", posting(1)),
        ("in/c.csv", csv(&["x,2024-02-29,1.00,b"])),
        ("in/d.csv", posting(1)),
        ("in/e.csv.part", posting(5)),
        ("in/notes.txt", b"hello".to_vec()),
        ("in/below/f.csv", posting(6)),
    ] {
        bucket.put(key, bytes);
    }
    let urls = urls(&bucket);
    desk.run(&watch(&urls, &["--once"]))
        .exits(2)
        .says(&["1 with a temporary name", "1 not matched"])
        .prints(&["a.csv: run", "reconciled and promoted; moved to s3://", "not reconciled", "refused: run"]);
    assert_eq!(bucket.names("in/done"), ["a.csv", "b.csv"]);
    assert_eq!(bucket.names("failed"), ["c.csv", "c.csv.why.txt", "d.csv", "d.csv.why.txt"]);
    assert_eq!(bucket.names("in"), ["e.csv.part", "notes.txt"]);
    assert_eq!(bucket.names("in/.crossfoot"), Vec::<String>::new());
    assert!(bucket.text("failed/c.csv.why.txt").contains("NOT RECONCILED"));
    assert_eq!(desk.final_rows(), 2);
    // A name that is taken gets the run's id, and nothing is overwritten.
    bucket.put("in/a.csv", posting(7));
    desk.run(&watch(&urls, &["--once"])).exits(0);
    let done = bucket.names("in/done");
    assert!(done.len() == 3 && done[1].starts_with("a.csv.0"), "{done:?}");
    assert_eq!(bucket.text("in/done/a.csv").into_bytes(), posting(1));
}

#[test]
fn objects_that_stay_are_marked_and_a_trigger_says_when_one_is_complete() {
    let (bucket, desk) = (Bucket::new(), Desk::new());
    let url = bucket.url("in");
    let line = ["watch", &url, "--job", "job.toml", "--settle", "0s", "--trigger", "{name}.ok", "--once"];
    bucket.put("in/a.csv", posting(1));
    desk.run(&line).exits(0).says(&["a.csv: waiting for its trigger file"]);
    bucket.put("in/a.csv.ok", "");
    desk.run(&line).exits(0).prints(&["a.csv", "reconciled and promoted"]);
    assert_eq!(desk.run(&line).exits(0).out, "");
    assert_eq!(bucket.names("in"), ["a.csv", "a.csv.ok"]);
    assert_eq!(desk.number("SELECT count(*) FROM crossfoot_run"), 1);
    // A control file says what must be in its source.
    let declared = [
        "watch",
        &url,
        "--job",
        "job.toml",
        "--settle",
        "0s",
        "--declared",
        "{stem}.json",
        "--match",
        "c*",
        "--once",
    ];
    bucket.put("in/c.csv", posting(3));
    bucket.put("in/c.json", "{\"records\": 2}");
    desk.run(&declared).exits(1).prints(&["c.csv", "not reconciled"]);
    bucket.put("in/c.json", "{\"records\": ");
    bucket.put("in/c.csv", posting(4));
    desk.run(&declared).exits(2).prints(&["refused", "cannot read declared totals s3://"]);
}

#[test]
fn a_watcher_that_dies_is_followed_by_another_and_two_share_a_prefix() {
    let (bucket, desk) = (Bucket::new(), Desk::new());
    let urls = urls(&bucket);
    // Killed with a file at hand: the claim is there, and its process is not.
    bucket.put("in/a.csv", postings(150_000));
    desk.put_job("job.toml", &[("holds = \"abs(amount) <= 1000.00\"", "holds = \"amount >= 0.00\"")]);
    let first = desk.start(&watch(&urls, &[]));
    until("the first watcher claims the file", || {
        bucket.names("in/.crossfoot").iter().any(|name| name.starts_with("a.csv.claim."))
    });
    first.kill();
    assert_eq!(bucket.names("in"), ["a.csv"]);
    let going = [desk.start(&watch(&urls, &[])), desk.start(&watch(&urls, &[]))];
    for id in 0..6 {
        bucket.put(&format!("in/x{id}.csv"), posting(1_000_000 + id));
    }
    until("all files are moved", || bucket.names("in/done").len() + bucket.names("failed").len() == 7);
    for one in going {
        one.signal("TERM");
        one.end().exits(0);
    }
    assert_eq!(bucket.names("failed"), Vec::<String>::new());
    assert_eq!(desk.final_rows(), 150_006);
    assert_eq!(desk.number("SELECT count(*) FROM crossfoot_run WHERE state = 'promoted'"), 7);
    assert_eq!(bucket.names("in/.crossfoot"), Vec::<String>::new());
}
