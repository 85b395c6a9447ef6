//! `doctor`: whether a fleet could work here, and what is to be done if not.

use domain::counts::Role;
use serde::Serialize;
use shared::broker::rabbitmq::{Rabbit, Verdict as OfBroker};
use shared::clock::{Clock, SystemClock};
use shared::config::Settings;
use shared::store::Store;
use shared::store::postgres::PostgresStore;

use crate::args::Global;
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json};
use crate::wiring;

/// A worker that gave no sign of life for so long is not counted; they give one every five seconds.
const ALIVE_MS: i64 = 16_000;

/// How it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Looked {
    what: String,
    verdict: Verdict,
    detail: String,
    advice: Option<String>,
}

fn looked(what: &str, verdict: Verdict, detail: impl Into<String>, advice: Option<&str>) -> Looked {
    Looked { what: what.into(), verdict, detail: detail.into(), advice: advice.map(Into::into) }
}

/// `crossfoot doctor`.
pub(crate) async fn doctor(global: &Global) -> Result<Done, Failure> {
    let settings = wiring::settings(global, None)?;
    let mut all = of_broker(&settings).await;
    all.extend(of_store(&settings).await);
    let is_bad = all.iter().any(|one| one.verdict == Verdict::Bad);
    if global.json {
        print_json(&all)?;
    } else {
        print(&text(&all))?;
    }
    Ok(if is_bad { Done::Unfinished } else { Done::Well })
}

async fn of_broker(settings: &Settings) -> Vec<Looked> {
    if wiring::is_embedded(settings) {
        let detail = "memory: the fleet is in the process of `crossfoot run`; other processes cannot join it";
        return vec![looked("broker", Verdict::Ok, detail, None)];
    }
    if !settings.broker.url.starts_with("amqp") {
        let said = wiring::broker(settings).await.err().map_or_else(String::new, |failure| failure.message());
        return vec![looked("broker", Verdict::Bad, said, None)];
    }
    let found = Rabbit::diagnose(&wiring::rabbit_settings(&settings.broker)).await;
    found
        .into_iter()
        .map(|one| Looked {
            what: one.what,
            verdict: match one.verdict {
                OfBroker::Ok => Verdict::Ok,
                OfBroker::Warn => Verdict::Warn,
                OfBroker::Bad => Verdict::Bad,
            },
            detail: one.detail,
            advice: one.advice,
        })
        .collect()
}

async fn of_store(settings: &Settings) -> Vec<Looked> {
    let store = match wiring::store(settings, false).await {
        Ok(store) => store,
        Err(failure) => return vec![looked("store", Verdict::Bad, failure.message(), None)],
    };
    let mut all =
        vec![looked("store", Verdict::Ok, format!("{} is open, its schema known", store.url()), None)];
    if wiring::is_postgres(settings) {
        all.extend(of_postgres(settings).await);
    } else if !wiring::is_embedded(settings) {
        let advice = "use postgres:// where workers are on other machines";
        all.push(looked("store", Verdict::Warn, "a file: all workers must be on this machine", Some(advice)));
    }
    if !wiring::is_embedded(settings) {
        all.extend(of_fleet(&*store).await);
    }
    all
}

/// Settings of the server on which the proof rests.
async fn of_postgres(settings: &Settings) -> Vec<Looked> {
    let store = match PostgresStore::open(&wiring::postgres_settings(&settings.store)).await {
        Ok(store) => store,
        Err(error) => return vec![looked("database", Verdict::Bad, error.to_string(), None)],
    };
    let facts = match store.facts().await {
        Ok(facts) => facts,
        Err(error) => return vec![looked("database", Verdict::Bad, error.to_string(), None)],
    };
    let mut all = Vec::new();
    let is_known = facts.version_num >= 120_000;
    all.push(looked(
        "database version",
        if is_known { Verdict::Ok } else { Verdict::Bad },
        format!("PostgreSQL {}", facts.version),
        (!is_known).then_some("upgrade to PostgreSQL 12 or later"),
    ));
    let durable = facts.fsync && facts.full_page_writes;
    all.push(looked(
        "database durability",
        if durable { Verdict::Ok } else { Verdict::Bad },
        format!("fsync {}, full_page_writes {}", on(facts.fsync), on(facts.full_page_writes)),
        (!durable).then_some("switch both on: what was acknowledged must survive a crash of the server"),
    ));
    all.push(looked(
        "database permissions",
        if facts.may_create { Verdict::Ok } else { Verdict::Bad },
        format!(
            "user {} may {}create tables in schema {}",
            facts.user,
            if facts.may_create { "" } else { "not " },
            facts.schema
        ),
        (!facts.may_create)
            .then_some("GRANT CREATE ON SCHEMA to the user: staging has a partition for each run"),
    ));
    let free = facts.max_connections.saturating_sub(facts.connections);
    all.push(looked(
        "database connections",
        if free >= 20 { Verdict::Ok } else { Verdict::Warn },
        format!("{} of {} in use", facts.connections, facts.max_connections),
        (free < 20).then_some("each process of the fleet takes up to 16: raise max_connections, or lower [store] max_connections"),
    ));
    all
}

const fn on(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

async fn of_fleet(store: &dyn Store) -> Vec<Looked> {
    let now_ms = SystemClock.now_ms();
    let workers = match store.fleet(now_ms - ALIVE_MS).await {
        Ok(workers) => workers,
        Err(error) => return vec![looked("fleet", Verdict::Bad, error.to_string(), None)],
    };
    [Role::Processor, Role::Writer]
        .into_iter()
        .map(|role| {
            let alive: Vec<_> = workers
                .iter()
                .filter(|worker| worker.role == role && worker.stopped_at_ms.is_none())
                .collect();
            let mut hosts: Vec<_> = alive.iter().map(|worker| worker.host.as_str()).collect();
            hosts.sort_unstable();
            hosts.dedup();
            let what = format!("{}s", role.name());
            match alive.len() {
                0 => {
                    let advice = format!("start some: `crossfoot worker --role {}`", role.name());
                    looked(&what, Verdict::Warn, "none gives a sign of life", Some(&advice))
                }
                count => looked(&what, Verdict::Ok, format!("{count} alive, on {}", hosts.join(", ")), None),
            }
        })
        .collect()
}

fn text(all: &[Looked]) -> String {
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
    let (warn, bad) = (count(Verdict::Warn), count(Verdict::Bad));
    out.push_str(&match (warn, bad) {
        (0, 0) => "everything is as it should be\n".to_owned(),
        (_, 0) => format!("it works; {warn} to know about\n"),
        (_, _) => format!("{bad} to mend before anything can run\n"),
    });
    out
}
