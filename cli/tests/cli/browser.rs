//! A console that is served, and what a browser or a program asks of it: requests byte by byte, so that a test can lie
//! in every header.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::desk::{Desk, Going};

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A console at work.
pub(crate) struct Console {
    pub(crate) going: Going,
    /// The address that it printed, such as `127.0.0.1:34567`.
    pub(crate) at: String,
}

/// What a request was answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) headers: String,
    /// As they were sent.
    written: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let pairs = self.written.lines().filter_map(|line| line.split_once(": "));
        pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    /// The cookie `name` that it sets, as a browser sends it back; and whether that ends it.
    pub(crate) fn cookie(&self, name: &str) -> Option<(String, bool)> {
        let begins = format!("{name}=");
        let set = self.all("set-cookie").into_iter().find(|set| set.starts_with(&begins))?;
        Some((set.split(';').next().unwrap().to_owned(), set.contains("Max-Age=0")))
    }

    /// A problem with this status that says each of these.
    pub(crate) fn is_problem(&self, status: u16, words: &[&str]) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.headers.contains("content-type: application/problem+json"), "{self:?}");
        assert_eq!(self.json()["status"], status, "{self:?}");
        for word in words {
            assert!(self.body.contains(word), "it does not say `{word}`: {self:?}");
        }
    }
}

/// The address that a command printed for its console.
pub(crate) fn address(going: &Going) -> String {
    going.until_it_says("console: http://");
    let said = going.said();
    let (_, rest) = said.split_once("console: http://").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

impl Console {
    pub(crate) fn new(desk: &Desk) -> Self {
        Self::with(desk, &[])
    }

    pub(crate) fn with(desk: &Desk, options: &[&str]) -> Self {
        Self::of(desk.start(&[&["console", "--listen", "127.0.0.1:0"], options].concat()))
    }

    /// The console that a command serves.
    pub(crate) fn of(going: Going) -> Self {
        let at = address(&going);
        Self { going, at }
    }

    fn connect(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> BufReader<TcpStream> {
        connect(&self.at, method, path, headers, body)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        answer_of(&self.at, method, path, headers, body)
    }

    /// What `path` under `/api/v1` answers.
    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", &format!("/api/v1{path}"), &[], "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// Does something with a run, as the page does.
    pub(crate) fn act(&self, run: &str, act: &str, reason: Option<&str>) -> Answer {
        let session = self.get("/session");
        let csrf = session["csrf"].as_str().unwrap();
        let body = serde_json::json!({ "reason": reason }).to_string();
        self.ask("POST", &format!("/api/v1/runs/{run}/acts/{act}"), &[("x-csrf-token", csrf)], &body)
    }

    /// The stream of what is new, from this piece of news on.
    pub(crate) fn watch(&self, last: Option<&str>) -> Stream {
        let last: Vec<_> = last.map(|last| ("last-event-id", last)).into_iter().collect();
        let mut reader = self.connect("GET", "/api/v1/events", &last, "");
        let (status, headers) = head(&mut reader);
        assert!(
            status == 200 && headers.to_ascii_lowercase().contains("text/event-stream"),
            "{status} {headers}"
        );
        Stream { reader }
    }

    /// Waits until what `path` answers is so.
    pub(crate) fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let value = self.get(path);
            if is_so(&value) {
                return value;
            }
            assert!(began.elapsed() < PATIENCE, "{path} stays {value}");
            // What is waited for is in another process, which tells nobody.
            #[allow(clippy::disallowed_methods, reason = "a pause between two looks, not a wait for time")]
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops it as Ctrl-C does.
    pub(crate) fn stop(self) {
        self.going.signal("INT");
        self.going.end().exits(0);
    }
}

/// Sends a request to whatever listens at `at`.
fn connect(at: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        request.push_str(&format!("host: {}\r\n", at));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        request.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    write!(stream, "{request}\r\n{body}").unwrap();
    BufReader::new(stream)
}

/// What whatever listens at `at` answers.
pub(crate) fn answer_of(at: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut reader = connect(at, method, path, headers, body);
    let (status, written) = head(&mut reader);
    let mut body = Vec::new();
    reader.read_to_end(&mut body).unwrap();
    let headers = written.to_ascii_lowercase();
    Answer { status, headers, written, body: String::from_utf8(body).unwrap() }
}

fn head(reader: &mut impl BufRead) -> (u16, String) {
    let (mut status, mut headers) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if status == 0 {
            status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {line}")).parse().unwrap();
        }
        if line.trim().is_empty() {
            return (status, headers);
        }
        headers.push_str(&line);
    }
}

/// A stream of server-sent events.
pub(crate) struct Stream {
    reader: BufReader<TcpStream>,
}

/// One piece of news.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

impl Stream {
    /// The next piece of news; `None` when the stream has ended.
    pub(crate) fn next(&mut self) -> Option<News> {
        let mut news = News { id: String::new(), kind: String::new(), data: Value::Null };
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            // The sizes of the chunks of the body are lines of their own, which no field begins.
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => news.id = id.into(),
                Some(("event", kind)) => news.kind = kind.into(),
                Some(("data", data)) => news.data = serde_json::from_str(data).unwrap(),
                _ if line.trim().is_empty() && !news.kind.is_empty() => return Some(news),
                _ => {}
            }
        }
    }

    /// The first piece of news that is so.
    pub(crate) fn until(&mut self, is_so: impl Fn(&News) -> bool) -> News {
        loop {
            let news = self.next().expect("the stream goes on");
            if is_so(&news) {
                return news;
            }
        }
    }
}
