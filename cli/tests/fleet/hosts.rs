//! The fleet across hosts: coordinator, servers, two processors and two writers, each in a network namespace with an
//! address of its own.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::desk::{Desk, Going, postings};
use crate::servers::PATIENCE;

fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests").join(name)
}

fn output(command: &mut Command) -> Output {
    command.output().expect("it can be started")
}

/// The namespaces and the servers in one of them; both go with the test.
struct Hosts {
    prefix: String,
    dir: tempfile::TempDir,
    urls: (String, String),
}

impl Hosts {
    fn up() -> Self {
        let prefix = format!("cf{}", std::process::id());
        let made = output(Command::new(script("hosts")).args(["up", &prefix]).args([
            "servers",
            "coordinator",
            "p1",
            "p2",
            "w1",
            "w2",
        ]));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut hosts =
            Self { prefix, dir: tempfile::tempdir().unwrap(), urls: (String::new(), String::new()) };
        let started = output(&mut hosts.servers("start"));
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        let env = std::fs::read_to_string(hosts.dir.path().join("env")).unwrap();
        let of = |name: &str| {
            let line = env.lines().find(|line| line.contains(name)).unwrap();
            line.split_once('=').unwrap().1.to_owned()
        };
        hosts.urls = (of("CROSSFOOT_TEST_AMQP"), of("CROSSFOOT_TEST_POSTGRES"));
        hosts
    }

    fn servers(&self, what: &str) -> Command {
        let host = format!("{}-servers", self.prefix);
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &host])
            .arg(script("servers"))
            .arg(what)
            .arg(self.dir.path())
            .env("CROSSFOOT_SERVERS_ADDRESS", "10.77.0.1");
        command
    }

    /// `crossfoot` on `host`.
    fn start(&self, host: &str, desk: &Desk, line: &[&str]) -> Going {
        let inner = desk.command(line);
        let mut command = Command::new("ip");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CROSSFOOT") {
                command.env_remove(name);
            }
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CROSSFOOT") {
                command.env_remove(name);
            }
        }
        command
            .args(["netns", "exec", &format!("{}-{host}", self.prefix)])
            .arg(inner.get_program())
            .args(inner.get_args())
            .current_dir(desk.path("."))
            .env("CROSSFOOT__BROKER__URL", &self.urls.0)
            .env("CROSSFOOT__STORE__URL", &self.urls.1);
        Going::start(format!("{} on {host}", line.join(" ")), command, Vec::new())
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        output(&mut self.servers("stop"));
        output(Command::new(script("hosts")).args(["down", &self.prefix]));
    }
}

#[test]
#[ignore = "needs RabbitMQ, PostgreSQL and network namespaces: run ./test"]
fn a_job_runs_across_hosts() {
    const RECORDS: u64 = 20_000;
    let (hosts, desk) = (Hosts::up(), Desk::with(postings(RECORDS)));
    let coordinator = hosts.start("coordinator", &desk, &["coordinator"]);
    coordinator.until_it_says("coordinator started");
    let workers: Vec<_> = [("processor", "p1"), ("processor", "p2"), ("writer", "w1"), ("writer", "w2")]
        .iter()
        .map(|(role, host)| {
            let line = ["worker", "--role", role, "--slots", "1", "--name", host];
            let worker = hosts.start(host, &desk, &line);
            worker.until_it_says("started");
            worker
        })
        .collect();
    let line = ["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "30000", "--wait"];
    hosts.start("coordinator", &desk, &line).end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
    let report = hosts.start("coordinator", &desk, &["report", "--json"]).end().exits(0).json();
    let sent = desk.run(&["fingerprint", "job.toml", "--source", "in.csv"]).exits(0).json();
    for level in report["levels"].as_array().unwrap() {
        assert_eq!(level["fingerprint"], sent["fingerprint"], "{level}");
    }
    let names: Vec<_> =
        report["workers"].as_array().unwrap().iter().map(|worker| worker["name"].clone()).collect();
    for name in ["p1", "p2", "w1", "w2"] {
        assert!(names.iter().any(|one| one == name), "{name} had no share: {names:?}");
    }
    drop((workers, coordinator));
}
