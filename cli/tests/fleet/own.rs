//! Servers of a test's own, which it may restart, freeze and wipe, and which it stops at its end.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::servers::Servers;

/// Private RabbitMQ and PostgreSQL instances.
pub(crate) struct Own {
    dir: tempfile::TempDir,
}

impl Own {
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    /// In a folder that was prepared for them.
    pub(crate) fn start_in(dir: tempfile::TempDir) -> Self {
        let own = Self { dir };
        own.servers("start", &[]);
        own
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// What `tests/servers` does with them: `start`, `stop`, `restart`, `crash`.
    pub(crate) fn servers(&self, what: &str, which: &[&str]) {
        self.try_servers(what, which).unwrap_or_else(|said| panic!("{what} {which:?}: {said}"));
    }

    /// The same, where it may fail; what was said then.
    pub(crate) fn try_servers(&self, what: &str, which: &[&str]) -> Result<(), String> {
        let ended = Command::new(script()).arg(what).arg(self.dir.path()).args(which).output().unwrap();
        if ended.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ended.stderr).into_owned()) }
    }

    /// What RabbitMQ's own tool says.
    pub(crate) fn rabbitmqctl(&self, line: &[&str]) -> String {
        let ended =
            Command::new(script()).arg("rabbitmqctl").arg(self.dir.path()).args(line).output().unwrap();
        assert!(ended.status.success(), "{line:?}: {}", String::from_utf8_lossy(&ended.stderr));
        String::from_utf8_lossy(&ended.stdout).into_owned()
    }

    pub(crate) fn urls(&self) -> Servers {
        let env = std::fs::read_to_string(self.dir.path().join("env")).unwrap();
        let of = |name: &str| {
            let line = env.lines().find(|line| line.contains(name)).unwrap();
            line.split_once('=').unwrap().1.to_owned()
        };
        Servers { amqp: of("CROSSFOOT_TEST_AMQP"), postgres: of("CROSSFOOT_TEST_POSTGRES") }
    }
}

fn script() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/servers")
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(Command::new(script()).arg("stop").arg(self.dir.path()).output());
    }
}
