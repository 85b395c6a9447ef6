//! A soak: run after run under random faults, and processes that live through all of them grow neither in memory nor in
//! open files. `CROSSFOOT_SOAK_MINUTES` says for how long; without it nothing is done.

use std::time::{Duration, Instant};

use super::ground::{Ground, Who, let_pass};
use super::links::{Link, address};
use crate::desk::Going;
use crate::servers::{PATIENCE, servers};

/// What one process takes at one moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    rss_kb: u64,
    files: u64,
}

fn sample(going: &Going) -> Sample {
    let status = std::fs::read_to_string(format!("/proc/{}/status", going.pid())).expect("it is alive");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let rss_kb = line.trim().trim_end_matches(" kB").trim().parse().unwrap();
    let files = std::fs::read_dir(format!("/proc/{}/fd", going.pid())).unwrap().count() as u64;
    Sample { rss_kb, files }
}

/// The middle of what was seen in a stretch.
fn middle(samples: &[Sample], of: fn(&Sample) -> u64) -> u64 {
    let mut all: Vec<_> = samples.iter().map(of).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

/// The last third is as the second: what grew at the start has settled by then.
fn is_flat(who: &str, samples: &[Sample]) -> Result<(), String> {
    let third = samples.len() / 3;
    if third < 5 {
        return Err(format!("{who}: only {} samples; soak for longer", samples.len()));
    }
    let (second, last) = (&samples[third..2 * third], &samples[2 * third..]);
    let figures = |of: fn(&Sample) -> u64| (middle(second, of), middle(last, of));
    let (memory, files) = (figures(|one| one.rss_kb), figures(|one| one.files));
    eprintln!("{who}: {} then {} KiB, {} then {} open files", memory.0, memory.1, files.0, files.1);
    if memory.1 > memory.0 + memory.0 / 10 + 2048 || files.1 > files.0 + 4 {
        return Err(format!("{who} grows: KiB {memory:?}, open files {files:?}"));
    }
    Ok(())
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL, and minutes: CROSSFOOT_SOAK_MINUTES=10"]
fn run_after_run_under_random_faults_takes_no_more_than_the_first() {
    let Some(minutes) =
        std::env::var("CROSSFOOT_SOAK_MINUTES").ok().and_then(|text| text.parse::<u64>().ok())
    else {
        return;
    };
    let mut random = fastrand::Rng::with_seed(17);
    let mut ground = Ground::on(servers());
    // Loaded again and again, the rows are the same.
    ground.fleet.desk.put_job("job.toml", &[("mode = \"append\"", "mode = \"upsert\"")]);
    let (amqp, store) = (ground.fleet.servers.amqp.clone(), ground.fleet.store());
    let links = [Link::to(address(&amqp)), Link::to(address(&store))];
    let over = || {
        vec![
            ("CROSSFOOT__BROKER__URL".to_owned(), links[0].url(&amqp)),
            ("CROSSFOOT__STORE__URL".to_owned(), links[1].url(&store)),
        ]
    };
    // The first three live through everything; the others die.
    for who in Who::ALL {
        ground.start(who, over());
    }
    for who in Who::ALL {
        ground.start(who, Vec::new());
    }
    let (began, mut runs, mut faults, mut all) = (Instant::now(), 0_u32, 0_u32, vec![Vec::new(); 3]);
    while began.elapsed() < Duration::from_secs(minutes * 60) {
        let line = ["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "8000", "--again", "--wait"];
        let submitted = ground.fleet.start(&line);
        let mut struck = Instant::now();
        let (started, mut left) = (Instant::now(), 2);
        while !submitted.ends_within(Duration::from_millis(50)) {
            assert!(started.elapsed() < PATIENCE, "run {runs} does not end");
            ground.replace_the_dead();
            if left > 0 && struck.elapsed() > Duration::from_millis(random.u64(200..1500)) {
                (struck, left, faults) = (Instant::now(), left - 1, faults + 1);
                let mortal = random.usize(3..6);
                match random.u8(..5) {
                    0 => ground.members[mortal].going.signal("KILL"),
                    1 => {
                        ground.members[mortal].going.signal("STOP");
                        let_pass(Duration::from_secs(1));
                        ground.members[mortal].going.signal("CONT");
                    }
                    2 => links[0].cut(),
                    3 => links[1].cut(),
                    _ => {
                        let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
                        ground.fleet.value(others);
                    }
                }
            }
        }
        submitted.end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
        runs += 1;
        for (samples, member) in all.iter_mut().zip(&ground.members) {
            samples.push(sample(&member.going));
        }
    }
    eprintln!("{runs} runs, {faults} faults in {minutes} minutes");
    assert_eq!(ground.number("SELECT count(*) FROM crossfoot_run WHERE state = 'promoted'"), u64::from(runs));
    assert_eq!(ground.number("SELECT count(*) FROM postings"), ground.records());
    let grown: Vec<_> =
        Who::ALL.iter().zip(&all).filter_map(|(who, samples)| is_flat(who.word(), samples).err()).collect();
    assert!(grown.is_empty(), "{}", grown.join("\n"));
}
