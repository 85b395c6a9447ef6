//! Generated jobs, embedded and on PostgreSQL: undamaged runs all reconcile, with the fingerprint that an independent
//! computation gives; random damage to any byte of any row is never missed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use coordinator::open::RunRequest;
use coordinator::run::Ending;
use domain::check::{Stage, Verdict};
use fastrand::Rng;
use futures_util::StreamExt as _;
use postgres::{PostgresSettings, PostgresStore};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use store::Store;
use tests::fleet::Bench;
use tests::generated::Generated;
use tests::proof;

/// How many undamaged runs, on an embedded store; none of them may raise a false alarm.
const EMBEDDED: u64 = 160;
const ON_POSTGRES: u64 = 40;
/// How many runs get damage to a row, on an embedded store.
const DAMAGED: u64 = 80;
const DAMAGED_ON_POSTGRES: u64 = 30;
/// Runs at a time: they wait for the disk more than for a core.
const SIDE_BY_SIDE: usize = 4;

fn server() -> String {
    std::env::var("CROSSFOOT_TEST_POSTGRES").expect("CROSSFOOT_TEST_POSTGRES says where a server is")
}

/// A schema of the test's own, a store in it, and connections to damage it through.
async fn postgres(url: &str, schema: &str) -> (Arc<dyn Store>, PgPool) {
    let admin = PgPool::connect(url).await.unwrap();
    let made = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    admin.execute(AssertSqlSafe(made)).await.unwrap();
    admin.close().await;
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{separator}options=-csearch_path%3D{schema}");
    let store = PostgresStore::open(&PostgresSettings::of_url(&url)).await.unwrap();
    (Arc::new(store), PgPoolOptions::new().max_connections(4).connect_lazy(&url).unwrap())
}

async fn undamaged(bench: Bench, job: &Generated) {
    let request = bench.request_of("source", &job.job, &job.bytes);
    let ended = bench.run(&request).await;
    let failed: Vec<_> = ended.report.checks.iter().filter(|check| check.verdict == Verdict::Fail).collect();
    assert_eq!(ended.ending, Ending::Promoted, "a false alarm: {failed:#?}\n{}", job.job);
    let (records, _, fingerprint) = ended.level(Stage::Staging);
    assert_eq!(records, job.records);
    assert_eq!(ended.level(Stage::Final).0, job.records - job.held);
    if !job.leaves.is_empty() {
        assert_eq!(fingerprint, proof::fingerprint(&job.leaves), "{}", job.job);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undamaged_runs_of_generated_jobs_all_reconcile() {
    let runs = (0..EMBEDDED).map(|seed| async move {
        let job = Generated::of(seed);
        Box::pin(undamaged(Bench::with(job.setup).await, &job)).await;
    });
    futures_util::stream::iter(runs).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<_>>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn undamaged_runs_of_generated_jobs_all_reconcile_on_postgresql() {
    let (store, _hand) = postgres(&server(), "generated_undamaged").await;
    let runs = (EMBEDDED..EMBEDDED + ON_POSTGRES).map(|seed| {
        let store = Arc::clone(&store);
        async move {
            let job = Generated::of(seed);
            Box::pin(undamaged(Bench::on(store, job.setup), &job)).await;
        }
    });
    futures_util::stream::iter(runs).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<_>>().await;
}

/// Who damages a store.
enum Hand {
    Sqlite,
    Postgres(PgPool),
}

impl Hand {
    /// One text from the database.
    async fn text(&self, bench: &Bench, sql: &str) -> Option<String> {
        match self {
            Self::Sqlite => bench.sql().query_row(sql, [], |row| row.get(0)).unwrap(),
            Self::Postgres(pool) => {
                pool.fetch_one(AssertSqlSafe(sql.to_owned())).await.unwrap().try_get(0).unwrap()
            }
        }
    }

    /// Runs a statement; whether the database took it.
    async fn tries(&self, bench: &Bench, sql: &str) -> bool {
        match self {
            Self::Sqlite => bench.sql().execute_batch(sql).is_ok(),
            Self::Postgres(pool) => pool.execute(AssertSqlSafe(sql.to_owned())).await.is_ok(),
        }
    }

    /// What a column holds, as it may be written back.
    fn plain(&self, column: &str) -> String {
        match self {
            Self::Sqlite => format!(
                "CASE typeof({column}) WHEN 'blob' THEN hex({column}) ELSE CAST({column} AS TEXT) END"
            ),
            Self::Postgres(_) => format!("CAST({column} AS TEXT)"),
        }
    }

    /// What a column holds, as text that differs for any two values.
    fn shown(&self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("quote({column})"),
            Self::Postgres(_) => format!("coalesce(CAST({column} AS TEXT), '~null')"),
        }
    }
}

/// `text` with one of its bytes changed, so that it still is text.
fn one_byte_other(text: &str, random: &mut Rng) -> String {
    let mut bytes = text.as_bytes().to_vec();
    match (bytes.is_empty(), random.u64(..8)) {
        (true, _) | (_, 0) => bytes.push(b' '),
        (_, 1) => drop(bytes.pop()),
        _ => {
            let at = random.usize(..bytes.len());
            bytes[at] = *random.choice(b"0123456789 -.,azAZ'\"\\t").unwrap();
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn damaged(bench: Bench, hand: &Hand, job: &Generated, seed: u64) -> bool {
    let random = &mut Rng::with_seed(seed);
    // GIVEN a proven staging
    let request = RunRequest { pause_after_staged: true, ..bench.request_of("source", &job.job, &job.bytes) };
    let ended = bench.run(&request).await;
    assert_eq!(ended.ending, Ending::Paused, "{:#?}", ended.failed());
    let run_id = ended.run_id;
    // WHEN a byte of a random row is changed, as far as the database takes that
    let rows = job.records.max(1);
    let own = ["chunk_no", "record_no", "worker_id"];
    let column = match random.u64(..6) {
        0 => own[random.usize(..3)].to_owned(),
        _ => job.columns[random.usize(..job.columns.len())].clone(),
    };
    let (table, of_run) = (&job.staging, format!("run_id = '{run_id}'"));
    let record_no = 1 + random.u64(..rows);
    let at = format!("{of_run} AND record_no = {record_no}");
    let count = hand.text(&bench, &format!("SELECT CAST(count(*) AS TEXT) FROM {table} WHERE {at}")).await;
    if count.as_deref() != Some("1") {
        return false;
    }
    let before = hand.text(&bench, &format!("SELECT {} FROM {table} WHERE {at}", hand.plain(&column))).await;
    let other = match (before, random.u64(..10)) {
        (Some(_), 0) => "NULL".to_owned(),
        (before, _) => {
            format!("'{}'", one_byte_other(&before.unwrap_or_default(), random).replace('\'', "''"))
        }
    };
    let everything: Vec<_> =
        own.iter().map(|own| hand.shown(own)).chain(job.columns.iter().map(|one| hand.shown(one))).collect();
    let dump = match hand {
        Hand::Sqlite => {
            "SELECT coalesce(group_concat(row, ';'), '') FROM (SELECT {all} AS row FROM {table} WHERE {run} ORDER BY 1)"
        }
        Hand::Postgres(_) => {
            "SELECT coalesce(string_agg(row, ';' ORDER BY row), '') FROM (SELECT {all} AS row FROM {table} WHERE {run}) x"
        }
    };
    let dump = dump
        .replace("{all}", &everything.join(" || '|' || "))
        .replace("{table}", table)
        .replace("{run}", &of_run);
    let whole = hand.text(&bench, &dump).await;
    let sql = format!("UPDATE {table} SET {column} = {other} WHERE {at}");
    let is_damaged = hand.tries(&bench, &sql).await && hand.text(&bench, &dump).await != whole;
    // THEN it is found if and only if something is there that was not, and the record is named
    let ended = bench.approve(run_id).await;
    let expected = if is_damaged { Ending::NotReconciled } else { Ending::Promoted };
    assert_eq!(ended.ending, expected, "{sql}\n{}\n{:#?}", job.job, ended.failed());
    if is_damaged {
        let findings = bench.findings(run_id).await;
        assert!(findings.iter().any(|finding| finding.record_no.0 == record_no), "{sql}\n{findings:#?}");
        let final_rows = format!("SELECT CAST(count(*) AS TEXT) FROM {}", job.final_table);
        assert_eq!(hand.text(&bench, &final_rows).await.as_deref(), Some("0"), "{sql}");
    }
    is_damaged
}

/// The least number of damages that the database must have accepted, or the test proves little.
fn proves_enough(damages: &[bool], of: u64) {
    let done = damages.iter().filter(|done| **done).count() as u64;
    assert!(done * 3 >= of, "only {done} of {of} damages could be done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_damage_to_any_row_of_generated_jobs_is_never_missed() {
    let runs = (1000..1000 + DAMAGED).map(|seed| async move {
        let job = Generated::of(seed);
        Box::pin(damaged(Bench::with(job.setup).await, &Hand::Sqlite, &job, seed)).await
    });
    let damages = futures_util::stream::iter(runs).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<_>>().await;
    proves_enough(&damages, DAMAGED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn random_damage_to_any_row_of_generated_jobs_is_never_missed_on_postgresql() {
    let (store, pool) = postgres(&server(), "generated_damaged").await;
    let hand = &Hand::Postgres(pool);
    let runs = (2000..2000 + DAMAGED_ON_POSTGRES).map(|seed| {
        let store = Arc::clone(&store);
        async move {
            let job = Generated::of(seed);
            Box::pin(damaged(Bench::on(store, job.setup), hand, &job, seed)).await
        }
    });
    let damages = futures_util::stream::iter(runs).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<_>>().await;
    proves_enough(&damages, DAMAGED_ON_POSTGRES);
}
