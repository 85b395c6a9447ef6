//! A user's desk: a directory of its own with a job file in it, and the binary at hand. Every wait is bounded.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

/// No command of a test takes longer; what does hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Stands in the text of every record, so that a record's content is recognised wherever it turns up.
pub(crate) const CONTENT: &str = "IBAN-DE-4711";

/// The job `job.toml` of each desk.
pub(crate) const JOB: &str = r#"[job]
name = "postings"

[source]
format = "delimited"
header = true

[[record]]
name = "posting"
key = ["id"]
amounts = ["amount"]
staging = "stg_postings"
final = "postings"
mode = "append"

[[record.field]]
name = "id"
type = "integer"

[[record.field]]
name = "booked_on"
type = "date"

[[record.field]]
name = "amount"
type = "decimal(15,2)"
required = true

[[record.field]]
name = "text"
type = "text(40)"

[[rule]]
name = "no posting above a thousand"
holds = "abs(amount) <= 1000.00"

[limits]
rejects = 0
"#;

/// A source of [`JOB`] with these rows.
pub(crate) fn csv(rows: &[&str]) -> Vec<u8> {
    let mut text = String::from("id,booked_on,amount,text\n");
    for row in rows {
        text.push_str(row);
        text.push('\n');
    }
    text.into_bytes()
}

/// A sound source of [`JOB`] with this many records.
pub(crate) fn postings(records: u64) -> Vec<u8> {
    let mut text = String::from("id,booked_on,amount,text\n");
    for id in 1..=records {
        let (day, euros, cents) = (1 + id % 28, id % 1000, id % 100);
        text.push_str(&format!("{id},2024-02-{day:02},{euros}.{cents:02},{CONTENT} {}\n", id * 7919));
    }
    text.into_bytes()
}

/// Waits until something is so, for a minute at most.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// See the module.
pub(crate) struct Desk {
    dir: TempDir,
}

impl Desk {
    /// A desk with `job.toml` on it.
    pub(crate) fn new() -> Self {
        let desk = Self { dir: tempfile::tempdir().unwrap() };
        desk.put("job.toml", JOB);
        desk
    }

    /// A desk with `job.toml` and the source `in.csv` on it.
    pub(crate) fn with(source: impl AsRef<[u8]>) -> Self {
        let desk = Self::new();
        desk.put("in.csv", source);
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Writes the job file `name`: [`JOB`] with each `(this, that)` replaced.
    pub(crate) fn put_job(&self, name: &str, changes: &[(&str, &str)]) {
        let mut job = JOB.to_owned();
        for (this, that) in changes {
            assert!(job.contains(this), "the job has no `{this}` to replace");
            job = job.replacen(this, that, 1);
        }
        self.put(name, job);
    }

    /// The command line, in this directory, with no settings from outside.
    pub(crate) fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crossfoot"));
        command.args(line).current_dir(self.dir.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CROSSFOOT") {
                command.env_remove(name);
            }
        }
        command
    }

    pub(crate) fn start(&self, line: &[&str]) -> Going {
        Going::start(line.join(" "), self.command(line), Vec::new())
    }

    pub(crate) fn run(&self, line: &[&str]) -> Ended {
        self.start(line).end()
    }

    /// With `input` on standard input.
    pub(crate) fn pipe(&self, line: &[&str], input: &[u8]) -> Ended {
        Going::start(line.join(" "), self.command(line), input.to_vec()).end()
    }

    /// Loads `in.csv` with `job.toml`.
    pub(crate) fn load(&self) -> Ended {
        self.run(&["run", "job.toml", "--source", "in.csv"])
    }

    /// The database itself, to look at it or to damage it.
    pub(crate) fn sql(&self) -> Connection {
        let connection = Connection::open(self.path("crossfoot.db")).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        connection
    }

    /// One number from the database.
    pub(crate) fn number(&self, query: &str) -> u64 {
        self.sql().query_row(query, [], |row| row.get(0)).unwrap()
    }

    /// How many rows final holds; none, if it is not there.
    pub(crate) fn final_rows(&self) -> u64 {
        let is_there = "SELECT count(*) FROM sqlite_schema WHERE name = 'postings'";
        if self.number(is_there) == 0 { 0 } else { self.number("SELECT count(*) FROM postings") }
    }

    /// The report of the last run.
    pub(crate) fn report(&self) -> Value {
        self.run(&["report", "--json"]).exits(0).json()
    }
}

/// What has been heard from a command so far.
#[derive(Default)]
struct Heard {
    out: Vec<u8>,
    err: Vec<u8>,
    pipes_closed: u8,
}

/// A command at work. It does not outlive the test.
pub(crate) struct Going {
    line: String,
    child: Child,
    heard: Arc<(Mutex<Heard>, Condvar)>,
}

impl Going {
    pub(crate) fn start(line: String, mut command: Command, input: Vec<u8>) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that does not read its input closes the pipe: that is its right.
        thread::spawn(move || drop(stdin.write_all(&input)));
        let heard = Arc::<(Mutex<Heard>, Condvar)>::default();
        listen(child.stdout.take().unwrap(), &heard, |heard| &mut heard.out);
        listen(child.stderr.take().unwrap(), &heard, |heard| &mut heard.err);
        Self { line, child, heard }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `is_so`; says whether it came to that in time.
    fn wait(&self, at_most: Duration, is_so: impl Fn(&Heard) -> bool) -> bool {
        let (heard, changed) = &*self.heard;
        let guard = heard.lock().unwrap();
        let (guard, _) = changed.wait_timeout_while(guard, at_most, |heard| !is_so(heard)).unwrap();
        is_so(&guard)
    }

    /// Waits for the end, but no longer than this; says whether it has come.
    pub(crate) fn ends_within(&self, at_most: Duration) -> bool {
        self.wait(at_most, |heard| heard.pipes_closed == 2)
    }

    /// Waits until standard error has `text` in it, or the command ends.
    pub(crate) fn until_it_says(&self, text: &str) {
        let says = |heard: &Heard| String::from_utf8_lossy(&heard.err).contains(text);
        self.wait(PATIENCE, |heard| heard.pipes_closed == 2 || says(heard));
        // A copy: a test that fails leaves nothing locked to those who listen.
        let said = String::from_utf8_lossy(&self.heard.0.lock().unwrap().err).into_owned();
        assert!(said.contains(text), "`{}` never says `{text}`, but: {said}", self.line);
    }

    /// What it has said on standard error so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.heard.0.lock().unwrap().err).into_owned()
    }

    /// Ends it as `kill -9` does, at whatever it is doing. Does nothing to one that has ended.
    pub(crate) fn kill(mut self) {
        drop(self.child.kill());
        assert!(self.ends_within(PATIENCE), "`{}` survives kill -9", self.line);
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status().unwrap();
        assert!(status.success(), "kill -s {name}");
    }

    pub(crate) fn end(self) -> Ended {
        self.end_within(PATIENCE)
    }

    /// What a command that does not end has said, and what each of its threads waits for in the kernel.
    fn so_far(&self) -> String {
        let said = String::from_utf8_lossy(&self.heard.0.lock().unwrap().err).into_owned();
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).into_iter().flatten().flatten();
        let waits = tasks.map(|task| {
            let of = |name| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
            format!("{} {}", of("comm").trim(), of("wchan"))
        });
        format!(", having said: {said}\nits threads: {}", waits.collect::<Vec<_>>().join(", "))
    }

    pub(crate) fn end_within(mut self, at_most: Duration) -> Ended {
        assert!(self.ends_within(at_most), "`{}` takes more than {at_most:?}{}", self.line, self.so_far());
        let status = self.child.wait().unwrap();
        let heard = self.heard.0.lock().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("what is printed is UTF-8");
        let line = self.line.clone();
        let ended = Ended { line, code: status.code(), out: text(&heard.out), err: text(&heard.err) };
        ended.is_decent();
        ended
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn listen(
    mut pipe: impl Read + Send + 'static,
    heard: &Arc<(Mutex<Heard>, Condvar)>,
    into: fn(&mut Heard) -> &mut Vec<u8>,
) {
    let heard = Arc::clone(heard);
    thread::spawn(move || {
        let mut block = [0; 8192];
        loop {
            let read = pipe.read(&mut block).unwrap_or(0);
            let mut so_far = heard.0.lock().unwrap();
            into(&mut so_far).extend_from_slice(&block[..read]);
            so_far.pipes_closed += u8::from(read == 0);
            heard.1.notify_all();
            if read == 0 {
                break;
            }
        }
    });
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    line: String,
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// What must never be: a panic, an exit code without a meaning, a record's content on standard error.
    fn is_decent(&self) {
        assert!(matches!(self.code, Some(0..=3)), "exit code {:?}: {self}", self.code);
        for never in ["panicked", "RUST_BACKTRACE", CONTENT] {
            assert!(!self.err.contains(never), "`{never}` on standard error: {self}");
        }
    }

    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Standard error has each of these in it.
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.err.contains(word), "standard error does not say `{word}`: {self}");
        }
        self
    }

    /// Standard output has each of these in it, wherever its lines are wrapped.
    pub(crate) fn prints(self, words: &[&str]) -> Self {
        let unwrapped = self.out.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(
                self.out.contains(word) || unwrapped.contains(word),
                "standard output does not say `{word}`: {self}"
            );
        }
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("not JSON: {error}: {self}"))
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, code, out, err } = self;
        write!(
            f,
            "`crossfoot {line}` exits with {code:?}\n--- standard error:\n{err}\n--- standard output:\n{out}"
        )
    }
}
