//! `doctor`: checks whether a fleet can run with these settings, and how to fix what prevents it.

use std::path::Path;

use broker::rabbitmq::{Rabbit, RabbitSettings};
use coordinator::ops::attendance::{ALIVE, has_service, waiting_runs};
use coordinator::ops::attestations::{self, Attestations, AttestedStanding};
use coordinator::ops::held::{Held, held};
use coordinator::ops::schedules::standings;
use domain::counts::Role;
use domain::process_role::ProcessRole;
use domain::schedule::Standing;
use domain::visible::visible;
use domain::words::plural;
use platform::clock::{Clock as _, SystemClock, iso};
use platform::files::open_to_others;
use platform::health::{Finding, Verdict};
use platform::secret::seems_to_hold_a_secret;
use postgres::PostgresStore;
use settings::Settings;
use sqlite::SqliteStore;
use store::Store;
use store::views::NewestRun;

use super::restored;
use crate::args::{Doctor, Global};
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json};
use crate::wiring;

/// Runs `crossfoot doctor`: reports on broker and store, with a remedy for each problem.
pub(crate) async fn doctor(global: &Global, args: &Doctor) -> Result<Done, Failure> {
    let settings = wiring::settings(global, None)?;
    // Problems with the store are reported below.
    let store = wiring::store(&settings, false).await.ok();
    let identity = match &store {
        Some(store) => store.identity().await.ok(),
        None => None,
    };
    let of_rabbit = RabbitSettings { store: identity, ..wiring::rabbit_settings(&settings) };
    if args.take_queues {
        wiring::require_broker(&settings)?;
        if identity.is_none() {
            return Err(Failure::usage(
                "cannot open the store, so it cannot take the queues; run `crossfoot doctor` without \
                 --take-queues to see why",
            ));
        }
        Rabbit::take_queues(&of_rabbit).await?;
    }
    let mut all = of_broker(&settings, &of_rabbit).await;
    all.extend(of_store(&settings, args.role).await);
    all.extend(of_sources(&settings));
    if let Some(store) = &store {
        all.extend(of_schedules(&**store, SystemClock.now_ms()).await);
        all.extend(of_attestations(&**store, SystemClock.now_ms()).await);
    }
    let is_bad = all.iter().any(|one| one.verdict == Verdict::Bad);
    if global.json {
        print_json(&all)?;
    } else {
        print(&text(&all))?;
    }
    Ok(if is_bad { Done::Unfinished } else { Done::Well })
}

async fn of_broker(settings: &Settings, of_rabbit: &RabbitSettings) -> Vec<Finding> {
    if wiring::is_embedded(settings) {
        let detail = "memory: the fleet runs inside `crossfoot run`; other processes cannot join it";
        return vec![Finding::ok("broker", detail)];
    }
    if let Err(failure) = wiring::require_broker_url(settings) {
        return vec![Finding::error("broker", failure.message())];
    }
    let mut all = Rabbit::diagnose(of_rabbit).await;
    if !settings.broker.authenticate {
        let advice = "remove `authenticate = false` under [broker] in every process";
        all.push(Finding::warn(
            "messages",
            "not sealed: anyone who can publish to the queues is trusted",
            advice,
        ));
    }
    all
}

/// Says whether the places below which workers of this process may read sources are there.
fn of_sources(settings: &Settings) -> Vec<Finding> {
    let name = "worker sources";
    if let Err(failure) = wiring::parts(settings) {
        return vec![Finding::error(name, failure.message())];
    }
    let folders = settings.worker.sources.iter().filter(|place| !place.contains("://"));
    let look = |place: &String| match std::fs::read_dir(place) {
        Ok(_) => Finding::ok(name, format!("{} can be read", visible(place))),
        Err(error) => Finding::warn(
            name,
            format!("{}: {error}", visible(place)),
            "mount it, or let this user read it; until then processors here hand chunks by reference back",
        ),
    };
    folders.map(look).collect()
}

async fn of_store(settings: &Settings, role: Option<ProcessRole>) -> Vec<Finding> {
    let is_open =
        |store: &dyn Store| Finding::ok("store", format!("{} opens, and its schema is current", store.url()));
    if wiring::is_postgres(settings) {
        let store = match PostgresStore::open(&wiring::postgres_settings(settings)).await {
            Ok(store) => store,
            Err(error) => return vec![Finding::error("store", error)],
        };
        let mut all = vec![is_open(&store)];
        all.extend(store.diagnose().await);
        all.push(store.diagnose_role(role).await);
        all.extend(of_log(&store).await);
        all.extend(restored::of_checkpoints(settings, &store).await);
        let mut looked = Vec::new();
        for layout in restored::layouts(&store).await.unwrap_or_default() {
            looked.push((layout.final_table.name.to_string(), store.strangers(&layout).await));
        }
        all.extend(restored::of_final(looked));
        if wiring::is_embedded(settings) {
            all.extend(of_submitted(&store).await);
        } else {
            all.extend(of_fleet(&store).await);
        }
        return all;
    }
    let store = match wiring::store(settings, false).await {
        Ok(store) => store,
        Err(failure) => return vec![Finding::error("store", failure.message())],
    };
    let mut all = vec![is_open(&*store)];
    all.extend(wiring::sqlite_path(settings).and_then(|path| of_file(&path)));
    all.extend(of_log(&*store).await);
    all.extend(restored::of_checkpoints(settings, &*store).await);
    if let Ok(file) = SqliteStore::open_existing(settings.store.url.reveal()).await {
        let mut looked = Vec::new();
        for layout in restored::layouts(&*store).await.unwrap_or_default() {
            looked.push((layout.final_table.name.to_string(), file.strangers(&layout).await));
        }
        all.extend(restored::of_final(looked));
    }
    if wiring::is_embedded(settings) {
        all.extend(of_submitted(&*store).await);
    } else {
        let advice = "use postgres:// if workers run on other machines";
        all.push(Finding::warn(
            "store",
            "the store is a file, so all workers must run on this machine",
            advice,
        ));
        all.extend(of_fleet(&*store).await);
    }
    all
}

/// Says when the next run of each job with a schedule is expected, and warns about those that are missing.
async fn of_schedules(store: &dyn Store, now_ms: i64) -> Vec<Finding> {
    let standings = match standings(store, now_ms).await {
        Ok(standings) => standings,
        Err(error) => return vec![Finding::error("schedules", error)],
    };
    let finding = |(run, standing): (NewestRun, Standing)| {
        let job = visible(&run.job);
        let next = standing.next_at_ms.map_or("none".into(), iso);
        match standing.missed_at_ms {
            Some(missed) => Finding::warn(
                "schedule",
                format!("job {job}: no run was opened for {}; the next is expected at {next}", iso(missed)),
                "find out why its file did not arrive; a run of the job ends this warning",
            ),
            None => Finding::ok("schedule", format!("job {job}: the next run is expected at {next}")),
        }
    };
    standings.into_iter().map(finding).collect()
}

/// Says when the next attestation of each job that asks for them is due, and warns about those that are overdue or
/// failed.
async fn of_attestations(store: &dyn Store, now_ms: i64) -> Vec<Finding> {
    let standings = match attestations::standings(store, &mut Attestations::default()).await {
        Ok(standings) => standings,
        Err(error) => return vec![Finding::error("attestations", error)],
    };
    let mut all = Vec::new();
    for AttestedStanding { of, within, due, failed } in standings {
        let job = visible(&of.job);
        let (since, until) = (iso(due.since_ms), iso(due.due_ms));
        all.extend(failed.iter().map(|one| {
            let detail = format!(
                "job {job}: final did not hold what run {} promoted when it was attested at {} (event {})",
                one.run_id,
                iso(one.at_ms),
                one.seq
            );
            let advice =
                "find out what changed the rows; an attestation of the run that reconciles ends this warning";
            Finding::warn("attestation", detail, advice)
        }));
        all.push(match due.is_over(now_ms) {
            true => Finding::warn(
                "attestation",
                format!(
                    "job {job}: no attestation reconciled since {since}, and one was due within {within}"
                ),
                &format!("crossfoot attest {}", of.run_id),
            ),
            false => {
                Finding::ok("attestation", format!("job {job}: the next attestation is due until {until}"))
            }
        });
    }
    all
}

/// Warns about runs that wait for a coordinator service, if these settings cannot have one.
async fn of_submitted(store: &dyn Store) -> Option<Finding> {
    /// The maximum number of runs that are counted.
    const COUNTED: u32 = 1000;
    match waiting_runs(store, COUNTED).await {
        Ok(runs) if runs.is_empty() => None,
        Ok(runs) => Some(Finding::warn(
            "coordinator",
            format!(
                "submitted and waiting for a coordinator service: {}, the oldest {}",
                plural(runs.len() as u64, "run"),
                runs[0].run_id
            ),
            "the broker memory: has no coordinator service; set `url` under [broker], or resume or cancel the runs",
        )),
        Err(error) => Some(Finding::error("coordinator", error)),
    }
}

/// Warns if other users can read the file, which holds rows, rejects and the masking key.
fn of_file(path: &Path) -> Option<Finding> {
    let mode = open_to_others(path)?;
    let path = path.display();
    let advice = format!("chmod 600 {path}, and {path}-wal and {path}-shm if they exist");
    Some(Finding::warn("store", format!("other users can read {path} (mode {mode})"), &advice))
}

/// Searches the evidence log for passwords, because earlier versions recorded some.
async fn of_log(store: &dyn Store) -> Option<Finding> {
    /// The maximum number of events that the finding lists.
    const NAMED: usize = 5;
    const PAGE: u32 = 1000;
    let (mut after, mut found, mut named) = (0, 0_u64, Vec::new());
    loop {
        let events = match store.events(after, PAGE).await {
            Ok(events) => events,
            Err(error) => return Some(Finding::error("evidence log", error)),
        };
        let Some(last) = events.last() else { break };
        after = last.seq;
        for event in events {
            if seems_to_hold_a_secret(&event.entry.detail) || seems_to_hold_a_secret(&event.entry.actor) {
                found += 1;
                if named.len() < NAMED {
                    named.push(event.seq.to_string());
                }
            }
        }
    }
    let (events, hold) = if found == 1 { ("event", "holds") } else { ("events", "hold") };
    let more = if found > named.len() as u64 { " and others" } else { "" };
    (found > 0).then(|| {
        Finding::warn(
            "evidence log",
            format!(
                "{found} {events} {hold} what looks like a password in a URL: {events} {}{more}",
                named.join(", ")
            ),
            "change that password; the log is append-only and keeps it, and so do the packs of those runs",
        )
    })
}

fn of_held(held: Held) -> Finding {
    let detail = format!("chunk {} of run {}: {}", held.chunk_no, held.run_id, held.said);
    Finding::warn("chunk in hand", detail, held.advice)
}

async fn of_fleet(store: &dyn Store) -> Vec<Finding> {
    let workers = match store.fleet(Some(ALIVE)).await {
        Ok(workers) => workers,
        Err(error) => return vec![Finding::error("fleet", error)],
    };
    let stuck = match held(store, None).await {
        Ok(held) => held.into_iter().map(of_held).collect(),
        Err(error) => vec![Finding::error("fleet", error)],
    };
    let service = match has_service(store).await {
        Ok(true) => Finding::ok("coordinator", "a coordinator service is running"),
        Ok(false) => Finding::warn(
            "coordinator",
            "no coordinator service is running, so submitted runs wait",
            "start one with `crossfoot coordinator` (`crossfoot run` does not need one)",
        ),
        Err(error) => Finding::error("coordinator", error),
    };
    let workers = [Role::Processor, Role::Writer].into_iter().map(|role| {
        let alive: Vec<_> =
            workers.iter().filter(|worker| worker.role == role && worker.stopped_at_ms.is_none()).collect();
        let mut hosts: Vec<_> = alive.iter().map(|worker| worker.host.as_str()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let what = format!("{}s", role.name());
        match alive.len() {
            0 => {
                let advice = format!("start one with `crossfoot worker --role {}`", role.name());
                Finding::warn(what, format!("no {} is running", role.name()), &advice)
            }
            count => Finding::ok(what, format!("{count} running on {}", hosts.join(", "))),
        }
    });
    std::iter::once(service).chain(workers).chain(stuck).collect()
}

fn text(all: &[Finding]) -> String {
    let width = all.iter().map(|one| one.what.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for one in all {
        let mark = match one.verdict {
            Verdict::Ok => "✓",
            Verdict::Warn => "!",
            Verdict::Bad => "✗",
        };
        out.push_str(&format!("{mark} {:width$}  {}\n", one.what, one.detail));
        if let Some(advice) = &one.advice {
            out.push_str(&format!("  {:width$}  → {advice}\n", ""));
        }
    }
    let count = |verdict| all.iter().filter(|one| one.verdict == verdict).count();
    let (warn, bad) = (count(Verdict::Warn) as u64, count(Verdict::Bad) as u64);
    out.push_str(&match (warn, bad) {
        (0, 0) => "no problems found\n".to_owned(),
        (_, 0) => format!("{}, no errors\n", plural(warn, "warning")),
        (_, _) => format!("{} to fix before anything can run\n", plural(bad, "problem")),
    });
    out
}
