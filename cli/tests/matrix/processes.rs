//! Processes that are killed, stopped and restarted in mid-run, whose clocks are wrong or jump, whose messages all come
//! twice, and that have no room on their disk.

use std::path::Path;
use std::time::Duration;

use super::ground::{Ground, Outcome, Who, let_pass};
use super::pairs::{Lab, Pair, Servers};

/// Where Debian's package puts the library that shifts clocks.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
];

/// Longer than a lease (12 s) and than two heartbeats of RabbitMQ (10 s each).
const LONG: Duration = Duration::from_secs(22);

pub(crate) fn pairs() -> Vec<Pair> {
    let mut pairs = Vec::new();
    for who in Who::ALL {
        let mut at = |kind, place: String, in_subset, strike: fn(&Lab, Who) -> Outcome| {
            let strike = Box::new(move |lab: &Lab| strike(lab, who));
            pairs.push(Pair { kind, place, in_subset, servers: Servers::Shared, strike });
        };
        let word = who.word();
        at("kill -9", format!("{word}, while it loads"), who == Who::Coordinator, killed);
        at("kill -9", format!("each {word} that comes, three times"), false, killed_again);
        at(
            "stopped for 22 s, then continued",
            format!("{word}, while it loads"),
            who == Who::Processor,
            stopped,
        );
        at("restarted (SIGTERM)", format!("{word}, while it loads"), who == Who::Writer, restarted);
        at("every message comes twice", word.to_owned(), false, doubled);
        at("no room for temporary files", word.to_owned(), false, full_disk);
        if library().is_none() {
            eprintln!("SKIPPED: clocks, because libfaketime is not installed");
            continue;
        }
        at("clock an hour ahead", word.to_owned(), false, |lab, who| clock(lab, who, "+3600s"));
        at("clock an hour behind", word.to_owned(), false, |lab, who| clock(lab, who, "-3600s"));
        at("clock jumps by an hour in mid-run", word.to_owned(), who == Who::Coordinator, clock_jumps);
    }
    let of_all = |kind, strike: fn(&Lab) -> Outcome| Pair {
        kind,
        place: "all processes".into(),
        in_subset: false,
        servers: Servers::Shared,
        strike: Box::new(strike),
    };
    pairs.push(of_all("kill -9", |lab| {
        let mut ground = loading(lab);
        ground.strikes();
        for member in &ground.members {
            member.going.signal("KILL");
        }
        ground.reconciles()
    }));
    pairs.push(of_all("every message comes twice", |lab| {
        let mut ground = Ground::fleet(lab.servers(), |_| twice());
        ground.strikes();
        ground.submit();
        ground.reconciles()
    }));
    pairs.push(of_all("stopped for 22 s, then continued", |lab| {
        let mut ground = loading(lab);
        for member in &ground.members {
            member.going.signal("STOP");
        }
        ground.strikes();
        // None is replaced: the whole host was asleep.
        let_pass(LONG);
        for member in &ground.members {
            member.going.signal("CONT");
        }
        ground.reconciles()
    }));
    pairs
}

fn setting(name: &str, value: &str) -> (String, String) {
    (name.into(), value.into())
}

/// A fleet, with a standby, that has committed some chunks.
pub(crate) fn loading(lab: &Lab) -> Ground {
    loading_with(lab, |_| Vec::new())
}

pub(crate) fn loading_with(lab: &Lab, settings: impl Fn(Who) -> Vec<(String, String)>) -> Ground {
    let ground = if lab.own.is_some() { Ground::long_on(lab.servers()) } else { Ground::on(lab.servers()) };
    let mut ground = ground.with_fleet(settings);
    ground.start(Who::Coordinator, Vec::new());
    ground.submit();
    ground.until_it_loads();
    ground
}

fn signal(ground: &Ground, who: Who, name: &str) {
    let member = ground.members.iter().find(|member| member.who == who).unwrap();
    member.going.signal(name);
}

fn killed(lab: &Lab, who: Who) -> Outcome {
    let mut ground = loading(lab);
    ground.strikes_down(who);
    signal(&ground, who, "KILL");
    ground.reconciles()
}

fn killed_again(lab: &Lab, who: Who) -> Outcome {
    let mut ground = loading(lab);
    ground.strikes();
    for times in 1..=3_u64 {
        signal(&ground, who, "KILL");
        let committed = ground.committed();
        ground.until("the next step", |ground| ground.is_over() || ground.committed() > committed + times);
    }
    ground.reconciles()
}

fn stopped(lab: &Lab, who: Who) -> Outcome {
    let mut ground = loading(lab);
    ground.strikes_down(who);
    signal(&ground, who, "STOP");
    // In the meantime another takes its place, as an orchestrator has it.
    let began = std::time::Instant::now();
    ground.until("22 s are over, or the run is", |ground| ground.is_over() || began.elapsed() > LONG);
    ground.wake();
    ground.reconciles()
}

fn restarted(lab: &Lab, who: Who) -> Outcome {
    let mut ground = loading(lab);
    ground.strikes_down(who);
    signal(&ground, who, "TERM");
    ground.reconciles()
}

fn twice() -> Vec<(String, String)> {
    vec![setting("CROSSFOOT_TEST_DOUBLES_MESSAGES", "1")]
}

fn doubled(lab: &Lab, whose: Who) -> Outcome {
    let mut ground = Ground::fleet(lab.servers(), |who| if who == whose { twice() } else { Vec::new() });
    ground.strikes();
    ground.submit();
    ground.reconciles()
}

fn library() -> Option<&'static str> {
    LIBRARIES.into_iter().find(|path| Path::new(path).exists())
}

fn clock(lab: &Lab, whose: Who, by: &str) -> Outcome {
    let shifted = [("LD_PRELOAD", library().unwrap()), ("FAKETIME", by), ("DONT_FAKE_MONOTONIC", "1")]
        .map(|(n, v)| setting(n, v));
    let mut ground =
        Ground::fleet(lab.servers(), |who| if who == whose { shifted.to_vec() } else { Vec::new() });
    ground.strikes();
    ground.submit();
    ground.reconciles()
}

fn clock_jumps(lab: &Lab, whose: Who) -> Outcome {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "+0\n").unwrap();
    let path = file.path().display().to_string();
    let shifted = [
        ("LD_PRELOAD", library().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", &path),
        ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ]
    .map(|(name, value)| setting(name, value));
    let mut ground = loading_with(lab, |who| if who == whose { shifted.to_vec() } else { Vec::new() });
    ground.strikes();
    std::fs::write(file.path(), "+3600\n").unwrap();
    ground.reconciles()
}

/// A file system of a few pages, which are taken.
fn full_disk(lab: &Lab, whose: Who) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let full = Mounted::on(dir.path(), "64k");
    let ballast = dir.path().join("ballast");
    // Writing ends where the room does.
    drop(std::fs::write(&ballast, vec![0; 1 << 20]));
    let path = dir.path().display().to_string();
    let tmp = vec![setting("TMPDIR", &path)];
    let mut ground = Ground::fleet(lab.servers(), |who| if who == whose { tmp.clone() } else { Vec::new() });
    ground.strikes();
    ground.submit();
    let outcome = ground.reconciles();
    drop(full);
    outcome
}

/// A file system in memory, of a fixed size, until it is dropped.
pub(crate) struct Mounted(std::path::PathBuf);

impl Mounted {
    pub(crate) fn on(path: &Path, size: &str) -> Self {
        let options = format!("size={size}");
        let line = ["-t", "tmpfs", "-o", &options, "tmpfs"];
        let status = std::process::Command::new("mount").args(line).arg(path).status().unwrap();
        assert!(status.success(), "a file system in memory cannot be mounted: this pair needs root");
        Self(path.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg("-l").arg(&self.0).status());
    }
}
