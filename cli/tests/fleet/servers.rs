//! A fleet on servers: a database and queues of its own, processes that do not outlive the test.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::desk::{Desk, Ended, Going};

/// Whatever is waited for comes within this time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(150);

/// Where the servers are.
#[derive(Debug, Clone)]
pub(crate) struct Servers {
    pub(crate) amqp: String,
    pub(crate) postgres: String,
}

/// The servers that `./test` set up.
pub(crate) fn servers() -> Servers {
    let of = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} must say where a server is"));
    Servers { amqp: of("CROSSFOOT_TEST_AMQP"), postgres: of("CROSSFOOT_TEST_POSTGRES") }
}

/// Waits until `is_so`, and fails the test if it does not come to that.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        // What is waited for is in another process, which tells nobody.
        #[allow(clippy::disallowed_methods, reason = "a pause between two looks, not a wait for time")]
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A fleet's surroundings.
pub(crate) struct Fleet {
    pub(crate) desk: Desk,
    pub(crate) servers: Servers,
    database: String,
    prefix: String,
}

impl Fleet {
    /// A desk with `job.toml` and the source `in.csv`, a database and queues of its own.
    pub(crate) fn new(servers: Servers, source: impl AsRef<[u8]>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("cf_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let fleet =
            Self { desk: Desk::with(source), servers, prefix: format!("{name}."), database: name.clone() };
        psql(&fleet.servers.postgres, &format!("CREATE DATABASE {name}"));
        fleet
    }

    /// What stands before the names of its queues.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The store's URL.
    pub(crate) fn store(&self) -> String {
        let (server, _) = self.servers.postgres.rsplit_once('/').unwrap();
        format!("{server}/{}", self.database)
    }

    /// A command of this fleet, with settings besides.
    pub(crate) fn start_with(&self, line: &[&str], settings: &[(&str, &str)]) -> Going {
        Going::start(line.join(" "), self.command_with(line, settings), Vec::new())
    }

    /// The same, not started.
    pub(crate) fn command_with(&self, line: &[&str], settings: &[(&str, &str)]) -> Command {
        let mut command = self.desk.command(line);
        command
            .env("CROSSFOOT__BROKER__URL", &self.servers.amqp)
            .env("CROSSFOOT__BROKER__PREFIX", &self.prefix)
            .env("CROSSFOOT__STORE__URL", self.store())
            .env("CROSSFOOT__STORE__MAX_CONNECTIONS", "6")
            .envs(settings.iter().copied());
        command
    }

    pub(crate) fn start(&self, line: &[&str]) -> Going {
        self.start_with(line, &[])
    }

    pub(crate) fn run(&self, line: &[&str]) -> Ended {
        self.start(line).end_within(PATIENCE)
    }

    pub(crate) fn coordinator(&self) -> Going {
        let going = self.start(&["coordinator"]);
        going.until_it_says("coordinator started");
        going
    }

    pub(crate) fn worker(&self, role: &str, name: &str) -> Going {
        let going = self.start(&["worker", "--role", role, "--slots", "1", "--name", name]);
        going.until_it_says("started");
        going
    }

    /// Two processors and two writers.
    pub(crate) fn workers(&self) -> Vec<Going> {
        vec![
            self.worker("processor", "p1"),
            self.worker("processor", "p2"),
            self.worker("writer", "w1"),
            self.worker("writer", "w2"),
        ]
    }

    /// What the sender computes of `in.csv`: records, sums and fingerprint.
    pub(crate) fn fingerprint(&self) -> Value {
        self.desk.run(&["fingerprint", "job.toml", "--source", "in.csv"]).exits(0).json()
    }

    /// What a query of one value finds.
    pub(crate) fn value(&self, query: &str) -> String {
        psql(&self.store(), query)
    }

    pub(crate) fn number(&self, query: &str) -> u64 {
        self.value(query).parse().unwrap_or(0)
    }

    /// The first column of a query's rows.
    pub(crate) fn numbers(&self, query: &str) -> Vec<u64> {
        self.value(query).lines().map(|line| line.parse().unwrap_or(0)).collect()
    }

    /// How many chunks of the last run are committed; none before the ledger is there.
    pub(crate) fn committed(&self) -> u64 {
        try_psql(&self.store(), "SELECT count(*) FROM crossfoot_chunk WHERE state = 'committed'")
            .and_then(|count| count.parse().ok())
            .unwrap_or(0)
    }

    /// Everything of the last run is as if nothing had happened to it.
    pub(crate) fn is_sound(&self, records: u64) {
        let sent = self.fingerprint();
        let report = self.run(&["report", "--json"]).exits(0).json();
        assert_eq!(report["outcome"], "reconciled");
        for level in report["levels"].as_array().unwrap() {
            assert_eq!(level["fingerprint"], sent["fingerprint"], "{level}");
            assert_eq!(level["records"], records, "{level}");
        }
        assert_eq!(report["levels"].as_array().unwrap().len(), 3);
        for query in [
            "SELECT count(*) FROM postings",
            "SELECT count(DISTINCT id) FROM postings",
            "SELECT count(*) FROM stg_postings",
            "SELECT count(DISTINCT record_no) FROM stg_postings",
        ] {
            assert_eq!(self.number(query), records, "{query}");
        }
        // Each hand's share: as reported, in the ledger, and counted by the database itself.
        for worker in report["workers"].as_array().unwrap() {
            assert_eq!(worker["reported"], worker["ledger"], "{worker}");
            if worker["role"] == "writer" {
                let id = &worker["worker_id"];
                let of_table =
                    self.number(&format!("SELECT count(*) FROM stg_postings WHERE worker_id = {id}"));
                assert_eq!(worker["ledger"]["accepted"], of_table, "{worker}");
            }
        }
        self.run(&["audit", "verify"]).exits(0);
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // Dropping waits for a checkpoint; a server that is the tests' own goes as a whole.
        if std::env::var_os("CROSSFOOT_TEST_PRIVATE").is_some() {
            return;
        }
        let drop_it = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.database);
        drop(try_psql(&self.servers.postgres, &drop_it));
    }
}

/// Where a client finds the job's tables, and Crossfoot's own.
pub(crate) const PATH: &str = "-csearch_path=public,crossfoot";

/// What `query` finds, as psql prints it bare.
pub(crate) fn psql(url: &str, query: &str) -> String {
    try_psql(url, query).unwrap_or_else(|| panic!("{query}"))
}

/// The same; none if the server fails.
pub(crate) fn try_psql(url: &str, query: &str) -> Option<String> {
    let ended = Command::new("psql")
        .args(["-XAtq", "-c", query, url])
        .env("PGOPTIONS", PATH)
        .output()
        .expect("psql is installed");
    ended.status.success().then(|| String::from_utf8(ended.stdout).unwrap().trim().to_owned())
}
