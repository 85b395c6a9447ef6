//! Connections that die without a word, locks that somebody holds, and sessions whose process is frozen.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use conformance::{APPEND, Database as _, LASTS, Loading, entry, job, row};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _, Row as _};
use store::{Claim, Log as _, StoreError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::connect::{Lock, PostgresSettings, PostgresStore, lock};
use super::tests::{make, own};

/// A dead connection is known for one within this.
const KNOWN: Duration = Duration::from_secs(75);

/// What passes between us and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Passes {
    Everything,
    /// Only flows that begin from now on.
    NewFlows,
    Nothing,
}

/// A firewall that forgets flows and tells nobody.
struct Firewall {
    address: SocketAddr,
    passes: Arc<watch::Sender<Passes>>,
}

impl Firewall {
    async fn before(url: &str) -> Self {
        let url = url::Url::parse(url).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let passes = Arc::new(watch::Sender::new(Passes::Everything));
        let seen = Arc::clone(&passes);
        tokio::spawn(async move {
            while let Ok((ours, _)) = listener.accept().await {
                let Ok(theirs) = TcpStream::connect(&server).await else { continue };
                let began = *seen.borrow();
                let (our_reader, our_writer) = ours.into_split();
                let (their_reader, their_writer) = theirs.into_split();
                tokio::spawn(pour(our_reader, their_writer, began, seen.subscribe()));
                tokio::spawn(pour(their_reader, our_writer, began, seen.subscribe()));
            }
        });
        Self { address, passes }
    }

    fn settings(&self, of: &PostgresSettings) -> PostgresSettings {
        let mut url = url::Url::parse(of.url.reveal()).unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        PostgresSettings { url: url.as_str().into(), ..of.clone() }
    }
}

async fn pour(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    began: Passes,
    mut passes: watch::Receiver<Passes>,
) {
    let mut block = vec![0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut block).await {
        // Neither side is told: both sockets stay open.
        let passing = passes.wait_for(|now| *now <= began && *now != Passes::Nothing).await;
        if passing.map(drop).is_err() || to.write_all(&block[..read]).await.is_err() {
            return;
        }
    }
}

async fn is_lost<T>(work: impl Future<Output = Result<T, StoreError>>) {
    let began = Instant::now();
    let Err(error) = timeout(KNOWN, work).await.expect("it is waited for in silence") else {
        panic!("it went on");
    };
    assert!(error.is_transient(), "{error}");
    assert!(began.elapsed() > Duration::from_secs(3), "{error} after {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn what_is_under_way_on_a_flow_that_was_forgotten_ends_and_can_be_done_again() {
    let own = own().await;
    let firewall = Firewall::before(own.settings().url.reveal()).await;
    let store = PostgresStore::open(&firewall.settings(&own.settings())).await.unwrap();
    let (begun, is_begun) = tokio::sync::oneshot::channel();
    let writing = store.change(move |connection| {
        Box::pin(async move {
            connection.execute("CREATE TABLE half (n bigint)").await?;
            let _ = begun.send(());
            // The answer comes when the flow is forgotten.
            connection.execute("SELECT pg_sleep(2)").await?;
            Ok(())
        })
    });
    let forgotten = async {
        is_begun.await.unwrap();
        firewall.passes.send_replace(Passes::NewFlows);
    };
    let reading =
        async { sqlx::query("SELECT pg_sleep(4)").fetch_all(&store.pool).await.map_err(StoreError::from) };
    tokio::join!(is_lost(writing), is_lost(reading), forgotten);
    // Over new flows it can be done again, and nothing of the first attempt is there.
    let there =
        sqlx::query("SELECT to_regclass('half') IS NOT NULL AS x").fetch_one(&store.pool).await.unwrap();
    assert!(!there.get::<bool, _>("x"));
    store.log(entry(None, "again")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_server_that_cannot_be_reached_any_more_is_not_waited_for() {
    let own = own().await;
    let firewall = Firewall::before(own.settings().url.reveal()).await;
    let store = PostgresStore::open(&firewall.settings(&own.settings())).await.unwrap();
    let reading =
        async { sqlx::query("SELECT pg_sleep(600)").fetch_all(&store.pool).await.map_err(StoreError::from) };
    let cut = async {
        let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
        conformance::until(async || own.count(asleep).await.unwrap() > 0).await;
        firewall.passes.send_replace(Passes::Nothing);
    };
    tokio::join!(is_lost(reading), cut);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_long_statement_is_waited_for_as_long_as_the_server_works_on_it() {
    let own = own().await;
    let store = PostgresStore::open(&own.settings()).await.unwrap();
    // Longer than whatever is silent though nothing is done; and whatever the server's default says.
    own.execute("ALTER DATABASE %s SET statement_timeout = '1s'".replace("%s", own.name()).as_str())
        .await
        .unwrap();
    sqlx::query("SELECT pg_sleep(50)").fetch_all(&store.pool).await.unwrap();
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run ./test"]
async fn what_the_server_cancelled_or_timed_out_may_be_done_again() {
    let own = own().await;
    for (sql, code) in [
        ("SET statement_timeout = '10ms'; SELECT pg_sleep(9)", "57014"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "57P01"),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '55P03'; END $$", "55P03"),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '25P03'; END $$", "25P03"),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '57P05'; END $$", "57P05"),
    ] {
        let mut connection = PgConnection::connect(own.settings().url.reveal()).await.unwrap();
        let error = StoreError::from(connection.execute(sql).await.map(drop).unwrap_err());
        assert!(error.is_transient() && error.to_string().contains(code), "{code}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn whoever_takes_a_run_up_ends_its_promotion_and_not_another_ones() {
    let subject = make().await;
    let job = job(APPEND, "");
    let promoting = Loading::begin(&subject.store, &job, 1).await;
    let permit = promoting.stage(&[vec![row(1, "a", "1.00")]]).await;
    let mut promotion =
        promoting.store.begin_promotion(promoting.fence, &permit, &promoting.job).await.unwrap();
    promotion.insert().await.unwrap();
    let other = Loading::begin(&subject.store, &job, 2).await;
    other.store.acquire_lease(other.run_id, "other", LASTS, Claim::Evict).await.unwrap();
    // A living owner keeps its promotion.
    let held = subject.store.acquire_lease(promoting.run_id, "other", LASTS, Claim::IfFree).await;
    assert!(matches!(held, Err(StoreError::LeaseHeld { .. })), "{held:?}");
    let began = Instant::now();
    subject.store.acquire_lease(promoting.run_id, "operator", LASTS, Claim::Evict).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let late = promotion.commit(&[], "{}", entry(Some(promoting.run_id), "promoted")).await;
    assert!(late.is_err(), "an older fence commits nothing");
    assert_eq!(subject.database.count("SELECT count(*) FROM entries").await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_session_that_rests_in_a_transaction_of_the_ledger_is_ended_by_who_waits_for_it() {
    let own = own().await;
    let (frozen, store) = (
        PostgresStore::open(&own.settings()).await.unwrap(),
        PostgresStore::open(&own.settings()).await.unwrap(),
    );
    let (mut session, _) = frozen.begin().await.unwrap();
    lock(&mut session, Lock::Log).await.unwrap();
    let began = Instant::now();
    store.log(entry(None, "all the same")).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(session.execute("COMMIT").await.is_err(), "it was taken back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_lock_that_was_not_to_be_had_in_time_is_told_with_who_holds_it() {
    let own = own().await;
    let store = PostgresStore::open(&own.settings()).await.unwrap();
    own.execute("CREATE TABLE somebodys (n bigint)").await.unwrap();
    let mut somebody = PgConnection::connect(own.settings().url.reveal()).await.unwrap();
    somebody.execute("SET application_name = 'somebody'; BEGIN; LOCK TABLE somebodys").await.unwrap();
    let waiting = store.change(|connection| {
        Box::pin(async move {
            connection.execute("SET LOCAL lock_timeout = '2s'; SELECT * FROM somebodys").await?;
            Ok(())
        })
    });
    let told = waiting.await.unwrap_err();
    let text = told.to_string();
    assert!(
        told.is_transient() && text.contains("application somebody") && text.contains("idle in transaction"),
        "{text}"
    );
    // Somebody else's session is nobody's to end.
    somebody.execute("SELECT 1").await.unwrap();
}
