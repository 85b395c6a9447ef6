//! RabbitMQ and PostgreSQL restarted in mid-run. Servers of the test's own, which it stops at its end.

use std::path::PathBuf;
use std::process::Command;

use crate::desk::postings;
use crate::fleet::servers::{Fleet, PATIENCE, Servers, until};

struct Own {
    dir: tempfile::TempDir,
}

impl Own {
    fn start() -> Self {
        let own = Self { dir: tempfile::tempdir().unwrap() };
        own.servers(&["start"], &[]);
        own
    }

    fn servers(&self, what: &[&str], which: &[&str]) {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/servers");
        let ended = Command::new(script).args(what).arg(self.dir.path()).args(which).output().unwrap();
        assert!(ended.status.success(), "{what:?} {which:?}: {}", String::from_utf8_lossy(&ended.stderr));
    }

    fn urls(&self) -> Servers {
        let env = std::fs::read_to_string(self.dir.path().join("env")).unwrap();
        let of = |name: &str| {
            let line = env.lines().find(|line| line.contains(name)).unwrap();
            line.split_once('=').unwrap().1.to_owned()
        };
        Servers { amqp: of("CROSSFOOT_TEST_AMQP"), postgres: of("CROSSFOOT_TEST_POSTGRES") }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/servers");
        drop(Command::new(script).arg("stop").arg(self.dir.path()).output());
    }
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn rabbitmq_and_postgresql_are_restarted_and_the_run_reconciles() {
    const RECORDS: u64 = 60_000;
    let own = Own::start();
    let fleet = Fleet::new(own.urls(), postings(RECORDS));
    let (_coordinator, _workers) = (fleet.coordinator(), fleet.workers());
    let submit = ["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "8000", "--wait"];
    let submitted = fleet.start(&submit);
    let chunks = fleet.desk.path("in.csv").metadata().unwrap().len() / 8000;
    until("some chunks are committed", || fleet.committed() > chunks / 8);
    own.servers(&["restart"], &["rabbitmq"]);
    until("more chunks are committed", || fleet.committed() > chunks / 3);
    own.servers(&["restart"], &["postgres"]);
    submitted.end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
    fleet.is_sound(RECORDS);
}
