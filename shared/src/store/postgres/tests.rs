//! The contract on a real server, and what only PostgreSQL has to answer for.
//!
//! `CROSSFOOT_TEST_POSTGRES` names a server where databases may be made. Without it the tests say so and pass, unless
//! `CROSSFOOT_INSIST` is set.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use super::{PostgresSettings, PostgresStore};
use crate::store::conformance::{Database, Subject, store_conformance};
use crate::store::{Store, StoreError};

/// The server, or nothing, said aloud.
pub(super) fn server() -> Option<PgConnectOptions> {
    let url = std::env::var("CROSSFOOT_TEST_POSTGRES").ok();
    if url.is_none() {
        let insists = std::env::var_os("CROSSFOOT_INSIST").is_some();
        assert!(!insists, "CROSSFOOT_TEST_POSTGRES must name a server here");
        // Past the test runner, which keeps what passing tests print to itself.
        let said = b"SKIPPED: CROSSFOOT_TEST_POSTGRES names no server\n";
        drop(std::io::stderr().write_all(said));
    }
    url.map(|url| url.parse().unwrap())
}

/// A database that goes with the test.
pub(super) struct Own {
    options: PgConnectOptions,
    name: String,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The server has 100 connections, and each database may use more than ten.
static ROOM: Semaphore = Semaphore::const_new(4);

/// The migrated database that the others are copies of.
static TEMPLATE: OnceCell<String> = OnceCell::const_new();

async fn make_database(options: &PgConnectOptions, template: Option<&str>) -> String {
    let name = format!("crossfoot_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut connection = options.connect().await.unwrap();
    let of = template.map(|template| format!(" TEMPLATE {template}")).unwrap_or_default();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}{of}"))).await.unwrap();
    connection.close().await.unwrap();
    name
}

impl Own {
    pub(super) async fn make(options: &PgConnectOptions) -> Self {
        Self { options: options.clone(), name: make_database(options, None).await }
    }

    pub(super) fn settings(&self) -> PostgresSettings {
        let url = self.options.clone().database(&self.name).to_url_lossy().to_string();
        PostgresSettings { max_connections: Some(8), ..PostgresSettings::of_url(&url) }
    }

    pub(super) async fn connect(&self) -> PgConnection {
        self.options.clone().database(&self.name).connect().await.unwrap()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let (options, name) = (self.options.clone(), self.name.clone());
        // A thread of its own: the test's runtime may be on its way out.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connection = options.connect().await.unwrap();
                let drop = AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
                connection.execute(drop).await.unwrap();
            });
        });
        drop(dropped.join());
    }
}

#[async_trait]
impl Database for Own {
    async fn execute(&self, sql: &str) -> Result<(), String> {
        let mut connection = self.connect().await;
        let done = connection.execute(AssertSqlSafe(sql.to_owned())).await;
        done.map(drop).map_err(|error| error.to_string())
    }

    async fn count(&self, sql: &str) -> Result<u64, String> {
        let mut connection = self.connect().await;
        let row = sqlx::query(AssertSqlSafe(format!("SELECT ({sql})::bigint AS n")))
            .fetch_one(&mut connection)
            .await
            .map_err(|error| error.to_string())?;
        Ok(row.get::<i64, _>("n").unsigned_abs())
    }

    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(PostgresStore::open(&self.settings()).await?))
    }
}

async fn make() -> Subject {
    let options = server().unwrap();
    let template = TEMPLATE
        .get_or_init(async || {
            let name = make_database(&options, None).await;
            let url = options.clone().database(&name).to_url_lossy().to_string();
            PostgresStore::open(&PostgresSettings::of_url(&url)).await.unwrap().pool.close().await;
            name
        })
        .await;
    let own = Own { name: make_database(&options, Some(template)).await, options };
    let store = own.open().await.unwrap();
    Subject { store, database: Box::new(own), foreign: None }
}

async fn ready() -> Option<SemaphorePermit<'static>> {
    server()?;
    Some(ROOM.acquire().await.unwrap())
}

store_conformance!(make, ready);
