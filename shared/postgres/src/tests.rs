//! The store's contract on a real server, each test in a database of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use conformance::{Database, Subject, store_conformance};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};
use store::{Store, StoreError};

use super::connect::{PostgresSettings, PostgresStore};

/// A database that goes with the test.
pub(crate) struct Own {
    server: String,
    name: String,
}

impl Own {
    fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn settings(&self) -> PostgresSettings {
        PostgresSettings { max_connections: Some(8), ..PostgresSettings::of_url(&self.url()) }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // Dropping waits for a checkpoint; a server that is the tests' own goes as a whole.
        if std::env::var_os("CROSSFOOT_TEST_PRIVATE").is_some() {
            return;
        }
        let (server, name) = (self.server.clone(), self.name.clone());
        // The test's own runtime may be at its end.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                if let Ok(mut connection) = PgConnection::connect(&server).await {
                    let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                    drop(connection.execute(AssertSqlSafe(sql)).await);
                }
            });
        });
        drop(dropped.join());
    }
}

#[async_trait]
impl Database for Own {
    async fn execute(&self, sql: &str) -> Result<(), String> {
        let mut connection = PgConnection::connect(&self.url()).await.map_err(|error| error.to_string())?;
        let done = connection.execute(AssertSqlSafe(sql.to_owned())).await;
        done.map(drop).map_err(|error| error.to_string())
    }

    async fn count(&self, sql: &str) -> Result<u64, String> {
        let mut connection = PgConnection::connect(&self.url()).await.map_err(|error| error.to_string())?;
        let row =
            connection.fetch_one(AssertSqlSafe(sql.to_owned())).await.map_err(|error| error.to_string())?;
        let count: i64 = row.try_get(0).map_err(|error| error.to_string())?;
        u64::try_from(count).map_err(|error| error.to_string())
    }

    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(PostgresStore::open(&self.settings()).await?))
    }
}

pub(crate) async fn own() -> Own {
    own_with("").await
}

/// A database made with these options.
pub(crate) async fn own_with(options: &str) -> Own {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server =
        std::env::var("CROSSFOOT_TEST_POSTGRES").expect("CROSSFOOT_TEST_POSTGRES says where a server is");
    let name = format!("cf_store_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(&server).await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name} {options}"))).await.unwrap();
    Own { server, name }
}

pub(crate) async fn make() -> Subject {
    let own = own().await;
    let store = own.open().await.unwrap();
    Subject {
        store,
        database: Box::new(own),
        foreign: None,
        decimal: "numeric(42,4)",
        audit: |table, statement| {
            format!(
                "CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {statement}; RETURN NULL; END $$;
                 CREATE TRIGGER audit AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION audit()"
            )
        },
    }
}

store_conformance!(make, ignore = "needs PostgreSQL: run ./test");
