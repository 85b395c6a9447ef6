//! Traces as a collector gets them: spans of a run, from its coordinator to its workers, with the run's ID as their
//! trace. Built with the feature `otlp` only.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

#[allow(dead_code, reason = "shared with the other tests")]
#[path = "cli/desk.rs"]
mod desk;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use desk::{Desk, Ended, Going, postings};

/// A span as it was received.
#[derive(Debug, Clone, Default)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    kind: u64,
    has_failed: bool,
    attributes: BTreeMap<String, String>,
}

/// The value of a field of a message of Protocol Buffers.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return value;
        }
    }
    panic!("a number of more than ten bytes");
}

/// The fields of a message, with their numbers.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Value<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                fields.push((key >> 3, Value::Number(varint(&mut bytes))));
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut bytes)).unwrap(),
            5 => 4,
            other => panic!("wire type {other}"),
        };
        let (value, rest) = bytes.split_at(length);
        bytes = rest;
        fields.push((key >> 3, Value::Bytes(value)));
    }
    fields
}

/// The messages that are field `number` of `bytes`.
fn inner(bytes: &[u8], number: u64) -> Vec<&[u8]> {
    let of = |(found, value)| match value {
        Value::Bytes(bytes) if found == number => Some(bytes),
        _ => None,
    };
    fields(bytes).into_iter().filter_map(of).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(of: Vec<&[u8]>) -> BTreeMap<String, String> {
    let one = |attribute: &[u8]| {
        let value = match fields(inner(attribute, 2)[0]).remove(0) {
            (_, Value::Number(number)) => number.to_string(),
            (_, Value::Bytes(bytes)) => text(bytes),
        };
        (text(inner(attribute, 1)[0]), value)
    };
    of.into_iter().map(one).collect()
}

fn span(bytes: &[u8]) -> Span {
    let mut span = Span { attributes: attributes(inner(bytes, 9)), ..Span::default() };
    for (number, value) in fields(bytes) {
        match (number, value) {
            (1, Value::Bytes(trace)) => span.trace = hex(trace),
            (2, Value::Bytes(id)) => span.id = hex(id),
            (4, Value::Bytes(parent)) => span.parent = hex(parent),
            (5, Value::Bytes(name)) => span.name = text(name),
            (6, Value::Number(kind)) => span.kind = kind,
            (15, Value::Bytes(status)) => {
                span.has_failed = fields(status).iter().any(|field| matches!(field, (3, Value::Number(2))));
            }
            _ => {}
        }
    }
    span
}

/// What a collector got.
#[derive(Debug, Default)]
struct Got {
    spans: Vec<Span>,
    resource: BTreeMap<String, String>,
    heads: Vec<String>,
}

/// A collector.
struct Collector {
    at: SocketAddr,
    got: Arc<Mutex<Got>>,
}

impl Collector {
    /// One that takes what comes, or, if `answers` is false, says nothing to it.
    fn new(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let collector = Self { at: listener.local_addr().unwrap(), got: Arc::default() };
        let got = Arc::clone(&collector.got);
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                if answers {
                    take(stream, &got);
                } else {
                    silent.push(stream);
                }
            }
        });
        collector
    }

    /// Runs the job with spans sent here.
    fn run(&self, desk: &Desk, settings: &[(&str, &str)]) -> Ended {
        run(desk, &[&[("OTEL_EXPORTER_OTLP_ENDPOINT", &*format!("http://{}", self.at))], settings].concat())
    }
}

fn run(desk: &Desk, settings: &[(&str, &str)]) -> Ended {
    let line = ["run", "job.toml", "--source", "in.csv", "--chunk-bytes", "4000"];
    let mut command = desk.command(&line);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OTEL") {
            command.env_remove(name);
        }
    }
    command.envs(settings.iter().copied());
    Going::start(line.join(" "), command, Vec::new()).end()
}

fn take(stream: TcpStream, got: &Mutex<Got>) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        let line = line.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    {
        let mut got = got.lock().unwrap();
        got.heads.push(head);
        for resource_spans in inner(&body, 1) {
            got.resource = attributes(inner(inner(resource_spans, 1)[0], 1));
            for scope_spans in inner(resource_spans, 2) {
                got.spans.extend(inner(scope_spans, 2).into_iter().map(span));
            }
        }
    }
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\nconnection: \
                  close\r\n\r\n";
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
}

#[test]
fn the_spans_of_a_run_are_one_trace_from_its_coordinator_to_its_workers() {
    let desk = Desk::with(postings(500));
    let collector = Collector::new(true);
    let named = [("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret"), ("OTEL_SERVICE_NAME", "loads")];
    collector.run(&desk, &named).exits(0);
    let run = desk.run(&["runs", "--json"]).exits(0).json()[0]["run_id"].as_str().unwrap().to_owned();
    let chunks = desk.number("SELECT count(*) FROM crossfoot_chunk");
    let got = collector.got.lock().unwrap();
    assert!(got.heads.iter().all(|head| head.starts_with("post /v1/traces ")), "{:?}", got.heads);
    assert!(got.heads.iter().all(|head| head.contains("x-key: secret")), "{:?}", got.heads);
    assert_eq!(got.resource["service.name"], "loads");
    for span in &got.spans {
        assert_eq!(span.trace, run.replace('-', ""), "the trace is the run: {span:?}");
        assert_eq!(span.attributes["crossfoot.run_id"], run, "{span:?}");
        assert!(!span.has_failed, "{span:?}");
    }
    let called = |name: &str| -> Vec<&Span> { got.spans.iter().filter(|span| span.name == name).collect() };
    let one = |name: &str| -> &Span {
        let found = called(name);
        assert_eq!(found.len(), 1, "{name}: {:?}", got.spans);
        found[0]
    };
    let root = one("run");
    assert_eq!((root.parent.as_str(), root.attributes["crossfoot.outcome"].as_str()), ("", "promoted"));
    let (load, settle) = (one("load"), one("settle"));
    assert_eq!((&load.parent, &settle.parent, &one("promote").parent), (&root.id, &root.id, &settle.id));
    // Each chunk is a child of what handed it out, and its batch a child of that.
    let (processed, written) = (called("process"), called("write"));
    assert!(
        chunks > 3 && processed.len() as u64 == chunks && written.len() as u64 == chunks,
        "{:?}",
        got.spans
    );
    for span in &processed {
        assert_eq!((&span.parent, span.kind), (&load.id, 5), "{span:?}");
    }
    for span in &written {
        let parent = processed.iter().find(|processed| processed.id == span.parent);
        let chunk_no = &span.attributes["crossfoot.chunk_no"];
        assert_eq!(parent.map(|parent| &parent.attributes["crossfoot.chunk_no"]), Some(chunk_no), "{span:?}");
    }
    let records = |spans: &[&Span]| -> u64 {
        spans.iter().map(|span| span.attributes["crossfoot.records"].parse::<u64>().unwrap()).sum()
    };
    let read_back = called("read back");
    assert!(read_back.iter().all(|span| [&load.id, &settle.id].contains(&&span.parent)), "{read_back:?}");
    assert_eq!((records(&processed), records(&written), records(&read_back)), (500, 500, 500));
}

#[test]
fn no_load_waits_for_a_collector_or_fails_for_it() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://user:word@{nobody}/token");
    let desk = Desk::with(postings(500));
    let ended = run(&desk, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]).exits(0).prints(&["RECONCILED"]);
    assert_eq!(ended.err.matches("traces cannot be exported").count(), 1, "{}", ended.err);
    assert!(!ended.err.contains("word") && !ended.err.contains("/token"), "{}", ended.err);
    let silent = Collector::new(false);
    let desk = Desk::with(postings(500));
    let began = Instant::now();
    silent.run(&desk, &[]).exits(0).prints(&["RECONCILED"]);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn nothing_is_sent_unless_it_is_asked_for() {
    let collector = Collector::new(true);
    for (settings, says) in [
        (&[("OTEL_SDK_DISABLED", "true")][..], None),
        (&[("OTEL_TRACES_EXPORTER", "none")], None),
        (&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], Some("only http/protobuf is supported")),
    ] {
        let ended = collector.run(&Desk::with(postings(10)), settings).exits(0);
        assert_eq!(says.is_some_and(|says| ended.err.contains(says)), says.is_some(), "{}", ended.err);
    }
    run(&Desk::with(postings(10)), &[]).exits(0);
    assert!(collector.got.lock().unwrap().heads.is_empty());
}
