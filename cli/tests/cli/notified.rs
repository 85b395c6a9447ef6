//! Who is told of a verdict: a webhook, a command. Neither changes the exit code, and one that fails is in the log.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use coordinator::context::notify::Notify;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::desk::{CONTENT, Desk, Going, csv, postings};

/// A request that was heard: its headers in lower case, and its body.
pub(crate) struct Heard {
    headers: String,
    body: String,
}

/// Listens, answers each request with the next of `answers`, and hands on what came.
pub(crate) fn listener(answers: &'static [&'static str]) -> (String, Receiver<Heard>) {
    let (place, heard) = listener_through(answers, |stream| stream);
    (format!("http://{place}/hook"), heard)
}

/// The same, through TLS.
fn encrypted_listener(answers: &'static [&'static str]) -> (String, Receiver<Heard>) {
    platform::tls::install();
    let key = PrivateKeyDer::from_pem_file(tls("server.key")).unwrap();
    let certificates = platform::tls::of_file(&tls("server.pem")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, key).unwrap();
    let config = Arc::new(config);
    let (place, heard) = listener_through(answers, move |stream| {
        StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream)
    });
    (format!("https://{place}/hook"), heard)
}

pub(crate) fn tls(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

fn listener_through<S: Read + Write>(
    answers: &'static [&'static str],
    through: impl Fn(TcpStream) -> S + Send + 'static,
) -> (String, Receiver<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let (sender, heard) = channel();
    thread::spawn(move || {
        'next: for (answer, stream) in answers.iter().zip(listener.incoming()) {
            let mut stream = through(stream.unwrap());
            let mut reader = BufReader::new(&mut stream);
            let (mut headers, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                // A client that does not trust the certificate says so, and goes.
                if reader.read_line(&mut line).is_err() {
                    continue 'next;
                }
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
                headers.push_str(&lower);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            drop(sender.send(Heard { headers, body: String::from_utf8(body).unwrap() }));
        }
    });
    (place, heard)
}

pub(crate) fn heard(receiver: &Receiver<Heard>) -> (String, Value, String) {
    let heard = receiver.recv_timeout(Duration::from_secs(30)).unwrap();
    (heard.headers, serde_json::from_str(&heard.body).unwrap(), heard.body)
}

pub(crate) const RUN: [&str; 4] = ["run", "job.toml", "--source", "in.csv"];

#[test]
fn a_verdict_is_posted_signed_and_without_any_record() {
    let (url, receiver) = listener(&["204 No Content"]);
    let desk = Desk::with(postings(20));
    desk.put("secret", "a long secret\n");
    desk.put("crossfoot.toml", format!("[notify]\nwebhook = \"{url}\"\nwebhook_secret_file = \"secret\"\n"));
    desk.run(&RUN).exits(0);
    let (headers, told, body) = heard(&receiver);
    assert_eq!(
        (&told["outcome"], &told["job"], &told["records"]),
        (&"reconciled".into(), &"postings".into(), &20.into())
    );
    assert_eq!(told["failed"], Value::Array(Vec::new()));
    let schema = desk.run(&["schema", "webhook"]).exits(0).json();
    jsonschema::validate(&schema, &told).unwrap();
    let signature = Notify::signature(b"a long secret", body.as_bytes()).unwrap();
    assert!(headers.contains(&format!("x-crossfoot-signature: {signature}")), "{headers}");
    assert!(headers.starts_with("post /hook "), "{headers}");
    assert!(!body.contains(CONTENT));
}

#[test]
fn a_webhook_that_is_busy_is_tried_again_and_the_failed_checks_are_named() {
    let (url, receiver) = listener(&["503 Busy", "200 OK"]);
    // The second posting has no such day, and no reject is allowed.
    let desk = Desk::with(csv(&["1,2024-02-28,10.00,a", "2,2024-02-30,-10.00,b"]));
    desk.put("crossfoot.toml", format!("[notify]\nwebhook = \"{url}\"\non = [\"not-reconciled\"]\n"));
    desk.run(&RUN).exits(1);
    heard(&receiver);
    let (_, told, _) = heard(&receiver);
    assert_eq!(told["outcome"], "not-reconciled");
    assert!(told["failed"].as_array().unwrap().contains(&"rejects within the limit".into()), "{told}");
    // Whoever is told counts as `runs` does, and hears of the rejects.
    let listed = desk.run(&["runs", "--json"]).exits(0).json();
    assert_eq!((&told["records"], &told["rejected"]), (&listed[0]["records"], &1.into()));
    assert_eq!(told["records"], 2);
    assert_eq!(desk.number("SELECT count(*) FROM crossfoot_event WHERE kind = 'notification-failed'"), 0);
}

#[test]
fn a_webhook_that_refuses_is_a_warning_and_an_event_and_no_other_verdict() {
    let (url, receiver) = listener(&["403 Forbidden"]);
    let desk = Desk::with(postings(20));
    desk.put("crossfoot.toml", format!("[notify]\nwebhook = \"{url}\"\n"));
    desk.run(&RUN).exits(0).says(&["cannot send the notification of the verdict", "403"]);
    heard(&receiver);
    assert_eq!(desk.number("SELECT count(*) FROM crossfoot_event WHERE kind = 'notification-failed'"), 1);
    desk.run(&["audit", "verify"]).exits(0);
    // AND what is not asked for is not told
    desk.put("crossfoot.toml", format!("[notify]\nwebhook = \"{url}\"\non = [\"unfinished\"]\n"));
    desk.run(&[&RUN[..], &["--again"]].concat());
    assert_eq!(desk.number("SELECT count(*) FROM crossfoot_event WHERE kind = 'notification-failed'"), 1);
}

#[test]
fn a_command_gets_the_verdict_on_its_standard_input_and_is_stopped_when_it_hangs() {
    let desk = Desk::with(postings(20));
    let command = "[notify]\ncommand = [\"sh\", \"-c\", \"cat > told.json; echo $CROSSFOOT_OUTCOME of $CROSSFOOT_JOB > word\"]\n";
    desk.put("crossfoot.toml", command);
    desk.run(&[&RUN[..], &["--pause-after", "staged"]].concat()).exits(3);
    let read = |name: &str| std::fs::read_to_string(desk.path(name)).unwrap();
    assert_eq!(read("word"), "awaiting-approval of postings\n");
    let told: Value = serde_json::from_str(&read("told.json")).unwrap();
    assert_eq!(told["outcome"], "awaiting-approval");
    desk.run(&["approve", "--yes"]).exits(0);
    assert_eq!(read("word"), "reconciled of postings\n");
    desk.put("crossfoot.toml", "[notify]\ncommand = [\"sleep\", \"600\"]\ntimeout_seconds = 1\n");
    desk.run(&[&RUN[..], &["--again"]].concat()).says(&["sleep did not exit within 1 s"]);
}

#[test]
fn settings_that_make_no_sense_are_refused_before_anything_is_loaded() {
    let desk = Desk::with(postings(20));
    for (lines, words) in [
        ("webhook = \"ftp://x\"", "must start with http"),
        ("on = [\"sometimes\"]", "invalid notify.on `sometimes`"),
        ("webhook_secret_file = \"nowhere\"", "notify.webhook_secret_file nowhere"),
        ("webhok = \"x\"", "webhok"),
    ] {
        desk.put("crossfoot.toml", format!("[notify]\n{lines}\n"));
        desk.run(&RUN).exits(2).says(&[words]);
        let has_store = desk.path("crossfoot.db").exists();
        assert_eq!(if has_store { desk.final_rows() } else { 0 }, 0, "{lines}");
    }
}

/// What broker and database trust, the webhook trusts too: the system's authorities, and those of `[tls] ca_file`.
#[test]
fn a_webhook_is_told_if_its_authority_is_trusted_and_only_then() {
    let (right, other) = (tls("authority.pem"), tls("other.pem"));
    let line = |section: &str, file: &Path| format!("[{section}]\nca_file = \"{}\"\n", file.display());
    let cases = [
        // The variable stands for the system's own authorities, whatever these are here.
        (Some(&right), String::new(), true),
        (Some(&other), String::new(), false),
        (Some(&other), line("tls", &right), true),
        (Some(&right), line("tls", &other), true),
        (Some(&other), line("notify", &right), true),
        // Only those of `notify.ca_file`.
        (Some(&right), line("notify", &other) + &line("tls", &right), false),
        (None, line("tls", &right), true),
        (None, line("tls", &other), false),
    ];
    let is_told_as_expected = |(system, settings, is_told): (Option<&PathBuf>, String, bool)| {
        let desk = Desk::with(postings(5));
        let (url, receiver) = encrypted_listener(&["204 No Content"; 3]);
        let settings = match settings.strip_prefix("[notify]\n") {
            Some(rest) => format!("[notify]\nwebhook = \"{url}\"\n{rest}"),
            None => format!("[notify]\nwebhook = \"{url}\"\n{settings}"),
        };
        desk.put("crossfoot.toml", &settings);
        let mut command = desk.command(&RUN);
        command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
        if let Some(system) = system {
            command.env("SSL_CERT_FILE", system);
        }
        let ended = Going::start("run".into(), command, Vec::new()).end().exits(0);
        if is_told {
            assert_eq!(heard(&receiver).1["outcome"], "reconciled", "{settings}");
        } else {
            ended.says(&["cannot send the notification", "UnknownIssuer"]);
        }
    };
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| is_told_as_expected(case));
        }
    });
}

#[test]
fn a_file_of_authorities_that_cannot_be_used_is_refused_before_anything_is_loaded() {
    let desk = Desk::with(postings(5));
    desk.put("empty.pem", "");
    for (file, words) in [("nowhere.pem", "no such file"), ("empty.pem", "it contains no certificate")] {
        desk.put("crossfoot.toml", format!("[tls]\nca_file = \"{file}\"\n"));
        desk.run(&RUN).exits(2).says(&["tls.ca_file", file, words]);
        assert!(!desk.path("crossfoot.db").exists());
    }
}
