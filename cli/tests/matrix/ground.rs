//! What a fault strikes: a fleet at work on a small source, seen from outside, and what must hold at its end.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::desk::{Going, postings};
use crate::servers::{Fleet, PATH, PATIENCE, Servers, psql};

/// How many records a source has: enough that a run has some twenty chunks, few enough that it takes a second.
const RECORDS: u64 = 3000;

/// Where a fault takes seconds to come, the run is not to be over by then.
const RECORDS_OF_LONG: u64 = 40_000;
const CHUNK_BYTES: &str = "8000";

/// Which process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Coordinator,
    Processor,
    Writer,
}

impl Who {
    pub(crate) const ALL: [Self; 3] = [Self::Coordinator, Self::Processor, Self::Writer];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Processor => "processor",
            Self::Writer => "writer",
        }
    }
}

/// What becomes of a pair.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// From the fault to the first step forward after it.
    pub(crate) recovered: Duration,
    /// From the fault to the verdict.
    pub(crate) ended: Duration,
    /// The verdict, in words.
    pub(crate) verdict: &'static str,
}

/// A process of the fleet.
pub(crate) struct Member {
    pub(crate) who: Who,
    pub(crate) name: String,
    pub(crate) going: Going,
    settings: Vec<(String, String)>,
    is_frozen: bool,
}

/// See the module.
pub(crate) struct Ground {
    pub(crate) fleet: Fleet,
    pub(crate) members: Vec<Member>,
    pub(crate) submitted: Option<Going>,
    watch: Watch,
    names: usize,
    struck: Option<Struck>,
    records: u64,
}

/// When a fault struck, and by what it is told that its effect is over.
struct Struck {
    at: Instant,
    progress: u64,
    until: Until,
}

/// Besides a step forward.
enum Until {
    Nothing,
    /// Another coordinator drives the run than in this epoch.
    Driven(u64),
    /// Nothing that this worker had begun waits any more.
    Begun(String),
}

/// Looks at most this often.
const LOOK: Duration = Duration::from_millis(20);

/// A pause between two looks at other processes, which tell nobody.
#[allow(clippy::disallowed_methods, reason = "a pause between two looks, not a wait for time")]
pub(crate) fn look_again() {
    std::thread::sleep(LOOK);
}

/// Lets `time` pass, for faults that last.
pub(crate) fn let_pass(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        look_again();
    }
}

impl Ground {
    /// A database and queues of its own, and no process yet.
    pub(crate) fn on(servers: Servers) -> Self {
        Self::of(RECORDS, servers)
    }

    /// With a source that takes a while.
    pub(crate) fn long_on(servers: Servers) -> Self {
        Self::of(RECORDS_OF_LONG, servers)
    }

    fn of(records: u64, servers: Servers) -> Self {
        let fleet = Fleet::new(servers, postings(records));
        let watch = Watch::new(fleet.store());
        Self { fleet, members: Vec::new(), submitted: None, watch, names: 0, struck: None, records }
    }

    /// A coordinator, a processor and a writer, each with what `settings` says of it.
    pub(crate) fn fleet(servers: Servers, settings: impl Fn(Who) -> Vec<(String, String)>) -> Self {
        Self::on(servers).with_fleet(settings)
    }

    pub(crate) fn with_fleet(mut self, settings: impl Fn(Who) -> Vec<(String, String)>) -> Self {
        for who in Who::ALL {
            self.start(who, settings(who));
        }
        self
    }

    pub(crate) fn start(&mut self, who: Who, settings: Vec<(String, String)>) -> usize {
        let (name, going) = self.process(who, &settings);
        match who {
            Who::Coordinator => going.until_it_says("coordinator started"),
            Who::Processor | Who::Writer => going.until_it_says("started"),
        }
        self.members.push(Member { who, name, going, settings, is_frozen: false });
        self.members.len() - 1
    }

    /// As [`Ground::start`], without waiting for it: it may be struck while it starts.
    pub(crate) fn launch(&mut self, who: Who, settings: Vec<(String, String)>) -> usize {
        let (name, going) = self.process(who, &settings);
        self.members.push(Member { who, name, going, settings, is_frozen: false });
        self.members.len() - 1
    }

    fn process(&mut self, who: Who, settings: &[(String, String)]) -> (String, Going) {
        self.names += 1;
        let name = format!("{}{}", who.word(), self.names);
        let settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let going = match who {
            Who::Coordinator => self.fleet.start_with(&["coordinator"], &settings),
            who => {
                let line = ["worker", "--role", who.word(), "--slots", "1", "--name", &name];
                self.fleet.start_with(&line, &settings)
            }
        };
        (name, going)
    }

    pub(crate) fn submit(&mut self) {
        self.submit_with(&[]);
    }

    pub(crate) fn submit_with(&mut self, settings: &[(&str, &str)]) {
        let line = ["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", CHUNK_BYTES, "--wait"];
        self.submitted = Some(self.fleet.start_with(&line, settings));
    }

    /// Waits until something is so, or a process that died is replaced and it is so then.
    pub(crate) fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}; {}", self.standing());
            self.replace_the_dead();
            look_again();
        }
    }

    /// As an orchestrator does: what died is started again, and for what is frozen another is started beside it. What
    /// comes instead knows nothing of the fault.
    pub(crate) fn replace_the_dead(&mut self) {
        for at in 0..self.members.len() {
            let member = &mut self.members[at];
            let is_gone = member.going.ends_within(Duration::ZERO);
            let is_frozen = !is_gone && !member.is_frozen && is_stopped(member.going.pid());
            if !is_gone && !is_frozen {
                continue;
            }
            let who = member.who;
            let settings: Vec<_> = std::mem::take(&mut member.settings);
            let settings: Vec<_> =
                settings.into_iter().filter(|(name, _)| !name.starts_with("CROSSFOOT_FAULT")).collect();
            let (name, going) = self.process(who, &settings);
            let next = Member { who, name, going, settings, is_frozen: false };
            if is_gone {
                self.members[at] = next;
            } else {
                self.members[at].is_frozen = true;
                self.members.push(next);
            }
        }
    }

    /// Wakes those that are frozen, which are the zombies then. Says whether there were any.
    pub(crate) fn wake(&mut self) -> bool {
        let mut any = false;
        for member in self.members.iter_mut().filter(|member| member.is_frozen) {
            if is_stopped(member.going.pid()) {
                member.going.signal("CONT");
                any = true;
            }
        }
        any
    }

    /// How far the run is: any step forward makes it more.
    pub(crate) fn progress(&mut self) -> u64 {
        self.watch.number(
            "SELECT (SELECT count(*) FROM crossfoot_chunk WHERE state = 'committed')
                  + (SELECT coalesce(max(seq), 0) FROM crossfoot_event)",
        )
    }

    pub(crate) fn committed(&mut self) -> u64 {
        self.watch.number("SELECT count(*) FROM crossfoot_chunk WHERE state = 'committed'")
    }

    pub(crate) fn number(&mut self, query: &str) -> u64 {
        self.watch.number(query)
    }

    pub(crate) const fn records(&self) -> u64 {
        self.records
    }

    pub(crate) fn state(&mut self) -> String {
        self.watch.ask("SELECT state FROM crossfoot_run").unwrap_or_default()
    }

    pub(crate) fn is_over(&mut self) -> bool {
        matches!(self.state().as_str(), "promoted" | "not-reconciled" | "cancelled")
    }

    /// Waits until a third of the chunks are committed.
    pub(crate) fn until_it_loads(&mut self) {
        self.until("chunks are committed", |ground| ground.committed() >= 5);
    }

    /// The fault strikes now.
    pub(crate) fn strikes(&mut self) {
        self.strikes_until(Until::Nothing);
    }

    /// The first process of the kind is struck now, so that another must do its work.
    pub(crate) fn strikes_down(&mut self, who: Who) {
        let until = match (who, self.members.iter().find(|member| member.who == who)) {
            (Who::Coordinator, _) => {
                Until::Driven(self.number("SELECT coalesce(max(epoch), 0) FROM crossfoot_run"))
            }
            (_, Some(member)) => Until::Begun(member.name.clone()),
            (_, None) => Until::Nothing,
        };
        self.strikes_until(until);
    }

    fn strikes_until(&mut self, until: Until) {
        let progress = self.progress();
        self.struck = Some(Struck { at: Instant::now(), progress, until });
    }

    /// Whether what the fault struck is at work again.
    fn is_at_work_again(&mut self, until: &Until) -> bool {
        match until {
            Until::Nothing => true,
            Until::Driven(epoch) => self.number("SELECT coalesce(max(epoch), 0) FROM crossfoot_run") > *epoch,
            Until::Begun(name) => {
                let waits = format!(
                    "SELECT count(*) FROM crossfoot_chunk c JOIN crossfoot_worker w ON w.worker_id = c.started_by
                     WHERE c.state = 'split' AND c.processor_starts + c.writer_starts > 0 AND w.name = '{name}'"
                );
                self.number(&waits) == 0
            }
        }
    }

    /// The run goes on to its verdict, unattended, and everything of it is as if nothing had happened to it.
    pub(crate) fn reconciles(mut self) -> Outcome {
        let outcome = self.goes_on();
        self.ends_sound();
        outcome
    }

    /// Waits for the first step forward, and for the verdict, which is that it reconciled.
    pub(crate) fn goes_on(&mut self) -> Outcome {
        let Struck { at, progress, until } = self.struck.take().expect("a fault has struck");
        let mut recovered = None;
        self.until("the run is promoted", |ground| {
            let (now, is_over) = (ground.progress(), ground.is_over());
            if recovered.is_none() && (is_over || now > progress && ground.is_at_work_again(&until)) {
                recovered = Some(at.elapsed());
            }
            is_over
        });
        let ended = at.elapsed();
        assert_eq!(self.state(), "promoted", "{}", self.standing());
        Outcome { recovered: recovered.unwrap_or(ended), ended, verdict: "reconciled" }
    }

    /// Zombies that are awake by now change nothing; the submitter is told; every row and count is right.
    pub(crate) fn ends_sound(&mut self) {
        if self.wake() {
            let_pass(Duration::from_millis(1500));
        }
        if let Some(submitted) = self.submitted.take() {
            submitted.end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
        }
        self.fleet.is_sound(self.records);
        self.rows_are_the_source();
        assert_eq!(self.number("SELECT count(*) FROM crossfoot_event WHERE kind = 'promoted'"), 1);
        for member in &self.members {
            let said = member.going.said();
            assert!(!said.contains("panicked"), "{}: {said}", member.who.word());
        }
    }

    /// Row for row, final and staging are the source.
    fn rows_are_the_source(&self) {
        let source = String::from_utf8(postings(self.records)).unwrap();
        let (_, rows) = source.split_once('\n').unwrap();
        for (table, order) in [("postings", "id"), ("stg_postings", "record_no")] {
            let copy = format!(
                "COPY (SELECT id, booked_on, amount, text FROM {table} ORDER BY {order}) TO STDOUT (FORMAT csv)"
            );
            assert!(
                psql(&self.fleet.store(), &copy) == rows.trim(),
                "{table} is not the source, row for row"
            );
        }
    }

    /// Where it stands, for a message about what did not come.
    fn standing(&mut self) -> String {
        let run = self
            .watch
            .ask("SELECT state || ' ' || coalesce(note, '') || ' epoch ' || epoch FROM crossfoot_run");
        let chunks = self.watch.ask(
            "SELECT string_agg(s, ', ') FROM (SELECT state || ': ' || count(*) AS s FROM crossfoot_chunk GROUP BY state) x",
        );
        let said = self.members.iter().map(|member| {
            let said = member.going.said();
            let last: Vec<_> = said.lines().rev().take(6).collect();
            format!(
                "\n{} says last: {}",
                member.who.word(),
                last.into_iter().rev().collect::<Vec<_>>().join("\n  ")
            )
        });
        format!("run {run:?}, chunks {chunks:?}{}", said.collect::<String>())
    }
}

/// Whether a process is stopped, as SIGSTOP stops it (proc(5), field 3 of `stat`).
pub(crate) fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

#[allow(clippy::zombie_processes, reason = "waited for when it is dropped")]
fn psql_session(url: &str) -> Child {
    Command::new("psql")
        .args(["-XAtq", url])
        .env("PGOPTIONS", format!("{PATH} -cstatement_timeout=5s"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("psql is installed")
}

/// A session of psql that is asked one question after the other.
struct Watch {
    url: String,
    session: Option<(Child, ChildStdin, BufReader<ChildStdout>)>,
}

impl Watch {
    const fn new(url: String) -> Self {
        Self { url, session: None }
    }

    fn number(&mut self, query: &str) -> u64 {
        self.ask(query).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// The one value; none if the server does not answer, or there is no such table or row.
    fn ask(&mut self, query: &str) -> Option<String> {
        if self.session.is_none() {
            let mut child = psql_session(&self.url);
            let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
            self.session = Some((child, stdin, stdout));
        }
        let (_, stdin, stdout) = self.session.as_mut()?;
        let asked = write!(stdin, "{query};\n\\echo .\n").and_then(|()| stdin.flush());
        let (mut line, mut answer) = (String::new(), None);
        while asked.is_ok() && stdout.read_line(&mut line).is_ok_and(|read| read > 0) {
            if line.trim() == "." {
                return answer;
            }
            answer.get_or_insert_with(|| line.trim().to_owned());
            line.clear();
        }
        self.end();
        None
    }

    fn end(&mut self) {
        if let Some((mut child, ..)) = self.session.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}
