//! Verdicts by e-mail: the verdict first, no record, no header that a value made; a server that is busy, refuses,
//! is not trusted or never answers changes no verdict.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::desk::{CONTENT, Desk, csv, postings};
use super::notified::{RUN, tls};

/// How a mail server behaves.
#[derive(Clone, Copy, Default)]
struct Manner {
    /// The recipient that it does not know.
    unknown: Option<&'static str>,
    /// How many connections it turns away for now.
    busy: usize,
    /// It encrypts after STARTTLS.
    starttls: bool,
    /// It encrypts from the first byte on.
    from_start: bool,
}

/// A message that the server took.
#[derive(Debug, Default, Clone)]
struct Mail {
    from: String,
    to: Vec<String>,
    data: String,
    login: String,
    is_encrypted: bool,
}

trait Line: Read + Write + Send {}
impl<S: Read + Write + Send> Line for S {}

/// One line, without its end; none when the client has gone.
fn line(stream: &mut Box<dyn Line>) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    bytes.truncate(bytes.len() - 2);
    Some(String::from_utf8(bytes).unwrap())
}

fn encrypted(stream: TcpStream) -> Box<dyn Line> {
    platform::tls::install();
    let key = PrivateKeyDer::from_pem_file(tls("server.key")).unwrap();
    let certificates = platform::tls::of_file(&tls("server.pem")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, key).unwrap();
    Box::new(StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream))
}

/// Speaks with one client until it goes.
fn talk(socket: TcpStream, manner: Manner, is_busy: bool, took: &SyncSender<Mail>) -> Option<()> {
    let mut mail = Mail { is_encrypted: manner.from_start, ..Mail::default() };
    let mut stream: Box<dyn Line> = match manner.from_start {
        true => encrypted(socket.try_clone().unwrap()),
        false => Box::new(socket.try_clone().unwrap()),
    };
    if is_busy {
        stream.write_all(b"421 come back later\r\n").ok()?;
        return None;
    }
    stream.write_all(b"220 test\r\n").ok()?;
    loop {
        let said = line(&mut stream)?;
        let answer = match said.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" if manner.starttls && !mail.is_encrypted => "250-test\r\n250 STARTTLS",
            "EHLO" => "250-test\r\n250 AUTH PLAIN",
            "STARTTLS" => {
                stream.write_all(b"220 go on\r\n").ok()?;
                stream = encrypted(socket.try_clone().unwrap());
                mail.is_encrypted = true;
                continue;
            }
            "AUTH" => {
                mail.login = said;
                "235 welcome"
            }
            "MAIL" => {
                mail.from = said;
                mail.to.clear();
                "250 ok"
            }
            "RCPT" if manner.unknown.is_some_and(|unknown| said.contains(unknown)) => "550 no such user here",
            "RCPT" => {
                mail.to.push(said);
                "250 ok"
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").ok()?;
                mail.data.clear();
                loop {
                    let text = line(&mut stream)?;
                    if text == "." {
                        break;
                    }
                    mail.data.push_str(text.strip_prefix('.').unwrap_or(&text));
                    mail.data.push('\n');
                }
                took.send(mail.clone()).ok()?;
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).ok()?;
    }
}

/// A mail server: its port, and what it takes.
fn server(manner: Manner) -> (u16, Receiver<Mail>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (took, taken) = sync_channel(16);
    thread::spawn(move || {
        for (at, stream) in listener.incoming().enumerate() {
            let took = took.clone();
            let socket = stream.unwrap();
            thread::spawn(move || talk(socket, manner, at < manner.busy, &took));
        }
    });
    (port, taken)
}

const TO: &str = "from = \"Crossfoot <crossfoot@ops.example>\"\nto = [\"on-call@ops.example\", \"Ledger <ledger@ops.example>\"]\n";

fn settings(server: &str) -> String {
    format!("[notify.email]\nserver = \"{server}\"\n{TO}")
}

fn next(taken: &Receiver<Mail>) -> Mail {
    taken.recv_timeout(Duration::from_secs(30)).unwrap()
}

fn headers(mail: &Mail) -> Vec<String> {
    let (headers, _) = mail.data.split_once("\n\n").unwrap();
    headers.lines().map(str::to_owned).collect()
}

const FAILED: &str = "SELECT count(*) FROM crossfoot_event WHERE kind = 'notification-failed'";

#[test]
fn a_verdict_is_mailed_with_the_verdict_first_and_no_record() {
    let (port, taken) = server(Manner::default());
    // The second posting has no such day, and no reject is allowed. The name of a rule tries to end the message.
    let desk = Desk::with(csv(&["1,2024-02-28,10.00,a", &format!("2,2024-02-30,-10.00,{CONTENT}")]));
    let name = "name = \"no posting above a thousand\\r\\n.\\r\\nMAIL FROM:<x@example.org>\"\nholds = \"amount > 999\"";
    let rule = "name = \"no posting above a thousand\"\nholds = \"abs(amount) <= 1000.00\"";
    desk.put_job("job.toml", &[(rule, name)]);
    desk.put("crossfoot.toml", settings(&format!("smtp://127.0.0.1:{port}")));
    desk.run(&RUN).exits(1);
    let mail = next(&taken);
    assert_eq!(mail.from, "MAIL FROM:<crossfoot@ops.example>");
    assert_eq!(mail.to, ["RCPT TO:<on-call@ops.example>", "RCPT TO:<ledger@ops.example>"]);
    let headers = headers(&mail);
    for line in [
        "Subject: Not reconciled: postings",
        "From: Crossfoot <crossfoot@ops.example>",
        "To: on-call@ops.example, Ledger <ledger@ops.example>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
    ] {
        assert!(headers.iter().any(|header| header == line), "{line}: {headers:?}");
    }
    assert!(headers.iter().any(|header| header.starts_with("Date: ")), "{headers:?}");
    let text = mail.data.replace("=\n", "");
    assert!(text.contains("\nNot reconciled: postings\nnone of this run's rows are in final\n"), "{text}");
    for part in ["Records:       2\n", "rejects within the limit", "no posting above a thousand\\r\\n.\\r\\n"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let run = desk.run(&["runs", "--json"]).exits(0).json()[0]["run_id"].as_str().unwrap().to_owned();
    assert!(text.contains(&format!("Next: crossfoot explain {run}\n")), "{text}");
    assert!(!mail.data.contains(CONTENT) && !mail.data.contains("2024-02-30"), "{text}");
    assert!(taken.try_recv().is_err(), "one message for all");
    assert_eq!(desk.number(FAILED), 0);
}

#[test]
fn a_server_that_is_busy_is_tried_again_and_one_that_is_encrypted_gets_the_password() {
    let (port, taken) = server(Manner { busy: 1, starttls: true, ..Manner::default() });
    let desk = Desk::with(postings(5));
    desk.put("password", "pass word\n");
    let login = "tls = \"required\"\nusername = \"ops\"\npassword_file = \"password\"\n";
    let trust = format!("[tls]\nca_file = \"{}\"\n", tls("authority.pem").display());
    desk.put("crossfoot.toml", settings(&format!("smtp://localhost:{port}")) + login + &trust);
    desk.run(&RUN).exits(0);
    let mail = next(&taken);
    assert!(mail.is_encrypted);
    // NUL, user, NUL, password.
    assert_eq!(mail.login, "AUTH PLAIN AG9wcwBwYXNzIHdvcmQ=");
    assert!(headers(&mail).contains(&"Subject: Reconciled: postings".to_owned()), "{}", mail.data);
    assert_eq!(desk.number(FAILED), 0);
    // From the first byte on.
    let (port, taken) = server(Manner { from_start: true, ..Manner::default() });
    desk.put("crossfoot.toml", settings(&format!("smtps://localhost:{port}")) + &trust);
    desk.run(&[&RUN[..], &["--again"]].concat());
    assert!(next(&taken).is_encrypted);
    // AND one whose authority is not trusted gets nothing
    let only = format!("[notify]\nca_file = \"{}\"\n", tls("other.pem").display());
    desk.put("crossfoot.toml", only + &settings(&format!("smtps://localhost:{port}")) + &trust);
    desk.run(&[&RUN[..], &["--again"]].concat()).says(&["cannot send the notification", "UnknownIssuer"]);
    assert!(taken.try_recv().is_err());
    assert_eq!(desk.number(FAILED), 1);
    // NOR does one that offers no STARTTLS
    let (port, taken) = server(Manner::default());
    desk.put(
        "crossfoot.toml",
        settings(&format!("smtp://localhost:{port}")) + "tls = \"required\"\n" + &trust,
    );
    desk.run(&[&RUN[..], &["--again"]].concat()).says(&["cannot send the notification", "STARTTLS"]);
    assert!(taken.try_recv().is_err());
}

#[test]
fn a_recipient_that_is_refused_does_not_keep_the_others_from_it() {
    let (port, taken) = server(Manner { unknown: Some("on-call@"), ..Manner::default() });
    let desk = Desk::with(postings(5));
    desk.put("crossfoot.toml", settings(&format!("smtp://127.0.0.1:{port}")));
    desk.run(&RUN).exits(0).says(&["on-call@ops.example", "no such user here"]);
    let mail = next(&taken);
    assert_eq!(mail.to, ["RCPT TO:<ledger@ops.example>"]);
    assert!(taken.try_recv().is_err(), "no one gets it twice");
    assert_eq!(desk.number(FAILED), 1);
    desk.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_server_that_never_answers_is_left_when_the_time_is_over() {
    // It is connected to, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let desk = Desk::with(postings(5));
    let limit = format!("[notify]\ntimeout_seconds = 1\n{}", settings(&format!("smtp://127.0.0.1:{port}")));
    desk.put("crossfoot.toml", limit);
    let began = Instant::now();
    desk.run(&RUN).exits(0).says(&["127.0.0.1 did not answer within 1 s, after 3 attempts"]);
    // Three attempts of a second, and pauses of one and of two.
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(desk.number(FAILED), 1);
}

#[test]
fn settings_of_e_mail_that_make_no_sense_are_refused_before_anything_is_loaded() {
    let desk = Desk::with(postings(5));
    desk.put("password", "hidden\n");
    for (lines, words) in [
        (format!("server = \"mail.example\"\n{TO}"), "notify.email, server: expected smtp://HOST:PORT"),
        (format!("server = \"smtp://u:hidden@mail.example\"\n{TO}"), "notify.email, server: "),
        ("server = \"smtp://mail.example\"\nfrom = \"a@b.example\"\n".into(), "notify.email, to: list 1 to 50"),
        (
            "server = \"smtp://mail.example\"\nfrom = \"a@b.example\\r\\nBcc: c@d.example\"\nto = [\"a@b.example\"]\n"
                .into(),
            "notify.email, from: `a@b.example\\r\\nBcc",
        ),
        (format!("server = \"smtp://mail.example\"\ntls = \"maybe\"\n{TO}"), "`maybe`"),
        (format!("server = \"smtp://mail.example\"\npassword_file = \"nowhere\"\n{TO}"), "password_file nowhere"),
        (
            format!(
                "server = \"smtp://mail.example\"\ntls = \"none\"\nusername = \"u\"\npassword_file = \"password\"\n{TO}"
            ),
            "without encryption",
        ),
        (format!("server = \"smtp://mail.example\"\nsubject = \"x\"\n{TO}"), "subject"),
    ] {
        desk.put("crossfoot.toml", format!("[notify.email]\n{lines}"));
        let ended = desk.run(&RUN).exits(2).says(&[words]);
        assert!(!ended.err.contains("hidden"), "{}", ended.err);
        let has_store = desk.path("crossfoot.db").exists();
        assert_eq!(if has_store { desk.final_rows() } else { 0 }, 0, "{lines}");
    }
}
