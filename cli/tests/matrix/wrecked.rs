//! Servers that are restarted, killed, frozen, emptied and filled up, while a run is at work. Instances of the test's
//! own, one pair after the other.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::ground::{Ground, Outcome, Who, let_pass};
use super::pairs::{Lab, Pair, Servers};
use super::processes::{Mounted, loading};
use crate::own::Own;
use crate::servers::{try_psql, until};

pub(crate) fn pairs() -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut at = |kind, place: &str, in_subset, strike: fn(&Lab) -> Outcome| {
        let (place, strike) = (place.to_owned(), Box::new(strike));
        pairs.push(Pair { kind, place, in_subset, servers: Servers::Own, strike });
    };
    at("restarted", "RabbitMQ", false, |lab| struck(lab, |own| own.servers("restart", &["rabbitmq"])));
    at("restarted", "PostgreSQL", false, |lab| struck(lab, |own| own.servers("restart", &["postgres"])));
    at("restarted", "RabbitMQ and PostgreSQL", false, |lab| {
        struck(lab, |own| {
            own.servers("stop", &["rabbitmq", "postgres"]);
            own.servers("start", &["rabbitmq", "postgres"]);
        })
    });
    at("kill -9", "RabbitMQ", false, |lab| {
        struck(lab, |own| {
            kill("KILL", &[pid(own, "rabbitmq/pid")]);
            own.servers("start", &["rabbitmq"]);
        })
    });
    at("kill -9", "PostgreSQL", false, |lab| {
        struck(lab, |own| {
            let mut all = backends(own);
            all.insert(0, pid(own, "postgres/data/postmaster.pid"));
            kill("KILL", &all);
            // The server does not start while a process of the former one is there.
            until("they have ended", || {
                all.iter().all(|pid| !Path::new(&format!("/proc/{pid}/stat")).exists())
            });
            own.servers("start", &["postgres"]);
        })
    });
    at("stopped for 22 s, then continued", "RabbitMQ", false, |lab| {
        struck(lab, |own| {
            let pids = [pid(own, "rabbitmq/pid")];
            kill("STOP", &pids);
            let_pass(Duration::from_secs(22));
            kill("CONT", &pids);
        })
    });
    at("stopped for 22 s, then continued", "PostgreSQL", false, |lab| {
        struck(lab, |own| {
            let mut pids = backends(own);
            pids.insert(0, pid(own, "postgres/data/postmaster.pid"));
            kill("STOP", &pids);
            let_pass(Duration::from_secs(22));
            kill("CONT", &pids);
        })
    });
    at("reset, with all messages and queues gone", "RabbitMQ", false, |lab| {
        struck(lab, |own| {
            own.servers("stop", &["rabbitmq"]);
            std::fs::remove_dir_all(own.path().join("rabbitmq/mnesia")).unwrap();
            own.servers("start", &["rabbitmq"]);
        })
    });
    at("purged by hand", "RabbitMQ, all queues", true, |lab| emptied(lab, "purge_queue", None));
    for queue in ["chunks", "batches", "ranges", "counts"] {
        pairs.push(Pair {
            kind: "purged by hand",
            place: format!("RabbitMQ, the queue of {queue}"),
            in_subset: false,
            servers: Servers::Own,
            strike: Box::new(move |lab| emptied(lab, "purge_queue", Some(queue))),
        });
        pairs.push(Pair {
            kind: "deleted by hand",
            place: format!("RabbitMQ, the queue of {queue}"),
            in_subset: false,
            servers: Servers::Own,
            strike: Box::new(move |lab| emptied(lab, "delete_queue", Some(queue))),
        });
    }
    let mut at = |kind, place: &str, in_subset, strike: fn(&Lab) -> Outcome| {
        let (place, strike) = (place.to_owned(), Box::new(strike));
        pairs.push(Pair { kind, place, in_subset, servers: Servers::Own, strike });
    };
    at("memory alarm for 8 s (flow control)", "RabbitMQ", true, |lab| {
        let raised = ["set_vm_memory_high_watermark", "absolute", "1MB"];
        alarmed(lab, &raised, &["set_vm_memory_high_watermark", "0.6"])
    });
    at("disk alarm for 8 s", "RabbitMQ", false, |lab| {
        alarmed(lab, &["set_disk_free_limit", "100000GB"], &["set_disk_free_limit", "50MB"])
    });
    at("every connection closed", "RabbitMQ", false, |lab| {
        struck(lab, |own| drop(own.rabbitmqctl(&["close_all_connections", "by hand"])))
    });
    at("disk full for 10 s", "PostgreSQL", false, |_| database_full());
    pairs
}

fn pid(own: &Own, file: &str) -> u32 {
    let text = std::fs::read_to_string(own.path().join(file)).unwrap();
    text.lines().next().unwrap().trim().parse().unwrap()
}

/// The processes that the server of the database has started.
fn backends(own: &Own) -> Vec<u32> {
    let parent = pid(own, "postgres/data/postmaster.pid").to_string();
    let found = Command::new("ps").args(["-o", "pid=", "--ppid", &parent]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn kill(signal: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    // One that has ended meanwhile is no loss.
    drop(Command::new("kill").args(["-s", signal]).args(pids).output().unwrap());
}

/// A fleet at work, and a fault that is over when `fault` returns: what counts is the time from then.
fn struck(lab: &Lab, fault: fn(&Own)) -> Outcome {
    let mut ground = loading(lab);
    fault(lab.own.as_ref().unwrap());
    assert!(!ground.is_over(), "the run was over before the fault was");
    ground.strikes();
    ground.reconciles()
}

/// RabbitMQ raises an alarm, and takes no message until the alarm is cleared.
fn alarmed(lab: &Lab, raise: &[&str], clear: &[&str]) -> Outcome {
    let own = lab.own.as_ref().unwrap();
    let mut ground = loading(lab);
    // Raising takes a second or two, in which a fast fleet would end the run.
    signal_to(&ground, "STOP", |who| who != Who::Coordinator);
    own.rabbitmqctl(raise);
    signal_to(&ground, "CONT", |who| who != Who::Coordinator);
    let_pass(Duration::from_secs(8));
    assert!(!ground.is_over(), "the run ended although the broker took no message");
    own.rabbitmqctl(clear);
    ground.strikes();
    ground.reconciles()
}

fn signal_to(ground: &Ground, signal: &str, is_meant: impl Fn(Who) -> bool) {
    for member in ground.members.iter().filter(|member| is_meant(member.who)) {
        member.going.signal(signal);
    }
}

/// Queues lose what is in them, when there is something in each.
fn emptied(lab: &Lab, how: &str, queue: Option<&str>) -> Outcome {
    let own = lab.own.as_ref().unwrap();
    let mut ground = loading(lab);
    // Those who take messages are frozen, so that some wait.
    signal_to(&ground, "STOP", |who| who != Who::Coordinator || queue == Some("counts"));
    let prefix = ground.fleet.prefix().to_owned();
    for one in ["chunks", "batches", "ranges", "counts"] {
        if queue.is_none_or(|queue| queue == one) {
            own.rabbitmqctl(&[how, &format!("{prefix}crossfoot.{one}")]);
        }
    }
    signal_to(&ground, "CONT", |_| true);
    ground.strikes();
    ground.reconciles()
}

/// The database's files are in a file system of a fixed size, which fills up, and has room again.
fn database_full() -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("postgres")).unwrap();
    let mounted = Mounted::on(&dir.path().join("postgres"), "400m");
    let lab = Lab { own: Some(Own::start_in(dir)) };
    let own = lab.own.as_ref().unwrap();
    let mut ground = loading(&lab);
    let ballast = own.path().join("postgres/ballast");
    let file = std::fs::File::create(&ballast).unwrap();
    let filled = std::io::copy(&mut std::io::repeat(0), &mut &file);
    assert!(filled.is_err(), "the file system is full");
    let_pass(Duration::from_secs(10));
    std::fs::remove_file(&ballast).unwrap();
    drop(file);
    // A server whose log found no room has ended: as an operator does, it is started again.
    let postgres = lab.servers().postgres;
    until("the database answers", || {
        try_psql(&postgres, "SELECT 1").is_some() || own.try_servers("start", &["postgres"]).is_ok()
    });
    ground.strikes();
    let outcome = ground.reconciles();
    drop(lab);
    drop(mounted);
    outcome
}
