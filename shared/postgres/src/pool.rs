//! The store's connections.
//!
//! A pool of our own, because of what it must know and must never do. It knows the server's number of each session,
//! by which [`super::watched`] asks what becomes of it. And it takes a connection back only from one who says that
//! nothing is under way on it: whatever is given up half-way, timed out or dropped closes its connection, and the
//! next one is new.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use sqlx::postgres::{
    PgConnectOptions, PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres,
};
use sqlx::{AssertSqlSafe, Connection as _, Either, Execute, Executor, Row as _, SqlStr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::sessions::SESSION;
use super::sessions::Watcher;
use super::watched::Watch;

/// How long one of the pool's connections is waited for, and a server that is just starting.
const ACQUIRE: Duration = Duration::from_secs(60);

/// How long making a connection may take.
pub(crate) const CONNECT: Duration = Duration::from_secs(20);

/// A connection that was used this recently is not asked whether it still is one.
const FRESH: Duration = Duration::from_secs(1);

/// How long it may take to answer.
const PING: Duration = Duration::from_secs(5);

/// A connection unused for this long is closed rather than used: the network may have forgotten it.
const IDLE_MAX: Duration = Duration::from_secs(600);

/// A server that is just starting is tried again after this.
const AGAIN: Duration = Duration::from_millis(200);

/// The most connections that are open.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: PgConnectOptions,
    /// Where each session looks for names, if not where the server says.
    path: Option<String>,
    max: u32,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
    watcher: Arc<Watcher>,
}

#[derive(Debug)]
struct Idle {
    connection: PgConnection,
    pid: i32,
    since: Instant,
}

/// A connection in use. Dropped, it is closed; [`Session::keep`] hands it back.
#[derive(Debug)]
pub(crate) struct Session {
    connection: PgConnection,
    pid: i32,
    pool: Arc<Inner>,
    place: OwnedSemaphorePermit,
}

impl std::ops::Deref for Session {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl std::ops::DerefMut for Session {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Session {
    /// Hands the connection back: nothing is under way on it, and no transaction open.
    pub(crate) fn keep(self) {
        let Self { connection, pid, pool, place } = self;
        pool.idle().push(Idle { connection, pid, since: Instant::now() });
        drop(place);
    }

    /// Watches over what it does.
    pub(crate) fn watch(&self) -> Watch {
        Watch::new(Arc::clone(&self.pool.watcher), self.pid)
    }
}

impl Inner {
    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    pub(crate) fn new(options: PgConnectOptions, path: Option<String>, max: u32) -> Self {
        Self {
            inner: Arc::new(Inner {
                watcher: Arc::new(Watcher::new(options.clone())),
                options,
                path,
                max,
                places: Arc::new(Semaphore::new(usize::try_from(max).unwrap_or(Semaphore::MAX_PERMITS))),
                idle: Mutex::default(),
            }),
        }
    }

    /// How many connections it may have at a time.
    pub(crate) fn max(&self) -> u32 {
        self.inner.max
    }

    /// A connection that answered just now, or a new one.
    ///
    /// # Errors
    /// [`sqlx::Error::PoolTimedOut`] when none was free in time; otherwise why there is no connection.
    pub(crate) fn acquire(&self) -> BoxFuture<'static, Result<Session, sqlx::Error>> {
        Box::pin(Self::acquired(Arc::clone(&self.inner)))
    }

    async fn acquired(inner: Arc<Inner>) -> Result<Session, sqlx::Error> {
        let until = Instant::now() + ACQUIRE;
        let place = timeout_at(until, Arc::clone(&inner.places).acquire_owned())
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)?;
        loop {
            // A statement of its own: the list is not locked while the connection is asked.
            let next = inner.idle().pop();
            let Some(Idle { mut connection, pid, since }) = next else { break };
            if since.elapsed() > IDLE_MAX {
                continue;
            }
            if since.elapsed() > FRESH {
                match timeout(PING, connection.ping()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => continue,
                    Err(_) => {
                        // Cut off in silence. The others went the same way, and would each take as long to find out.
                        inner.idle().clear();
                        continue;
                    }
                }
            }
            return Ok(Session { connection, pid, pool: inner, place });
        }
        loop {
            match connect(&inner.options).await {
                Ok((mut connection, pid)) => {
                    if let Some(path) = &inner.path {
                        connection.execute(AssertSqlSafe(format!("SET search_path = {path}"))).await?;
                    }
                    return Ok(Session { connection, pid, pool: inner, place });
                }
                Err(error) if is_starting(&error) && Instant::now() + AGAIN < until => sleep(AGAIN).await,
                Err(error) => return Err(error),
            }
        }
    }
}

/// Makes a connection, sends it its first settings, and learns its number.
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<(PgConnection, i32), sqlx::Error> {
    let connected = timeout(CONNECT, async {
        let mut connection = PgConnection::connect_with(options).await?;
        let rows = connection.fetch_all(SESSION).await?;
        let pid = rows.first().ok_or(sqlx::Error::RowNotFound)?.try_get("pid")?;
        Ok((connection, pid))
    });
    connected.await.unwrap_or_else(|_| {
        let why = format!("no answer within {} s", CONNECT.as_secs());
        Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, why)))
    })
}

/// Whether the server refuses only for the moment: nothing listens yet, it starts or stops, or it is full.
fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some("57P03" | "53300") => true,
            // An operator lets nobody into this database for now.
            Some("55000") => error.message().contains("not currently accepting connections"),
            _ => false,
        },
        _ => false,
    }
}

/// A single query on whichever connection is free. Its rows are gathered first: they are pages, counts and single rows.
/// A reader without a time limit takes a [`Session`].
impl<'p> Executor<'p> for &Pool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let pool = self.clone();
        let all = async move {
            let mut session = pool.acquire().await?;
            let watch = session.watch();
            let rows =
                session.connection.fetch_many(query).inspect(|_| watch.heard()).try_collect::<Vec<_>>();
            let rows = watch.over("a query", rows).await?;
            session.keep();
            Ok::<_, sqlx::Error>(stream::iter(rows.into_iter().map(Ok)))
        };
        stream::once(all).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let pool = self.clone();
        Box::pin(async move {
            let mut session = pool.acquire().await?;
            let watch = session.watch();
            let row = watch.over("a query", session.connection.fetch_optional(query)).await?;
            session.keep();
            Ok(row)
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'p: 'e,
    {
        let pool = self.clone();
        Box::pin(async move {
            let mut session = pool.acquire().await?;
            let watch = session.watch();
            let statement = watch.over("a query", session.connection.prepare_with(sql, parameters)).await?;
            session.keep();
            Ok(statement)
        })
    }
}
