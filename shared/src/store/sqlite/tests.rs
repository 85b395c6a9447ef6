use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;

use super::connect::{SqliteStore, blocking, read_write};
use crate::store::conformance::{Database, Subject, store_conformance};
use crate::store::{Store, StoreError};

/// A database file that goes with the test.
struct File {
    path: PathBuf,
    _directory: TempDir,
}

impl File {
    fn url(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let path = self.path.clone();
        let done = blocking(move || Ok(work(&read_write(&path)?)?)).await;
        done.map_err(|error| error.to_string())
    }
}

#[async_trait]
impl Database for File {
    async fn execute(&self, sql: &str) -> Result<(), String> {
        let sql = sql.to_owned();
        self.with(move |connection| connection.execute_batch(&sql)).await
    }

    async fn count(&self, sql: &str) -> Result<u64, String> {
        let sql = sql.to_owned();
        self.with(move |connection| connection.query_row(&sql, [], |row| row.get(0))).await
    }

    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(SqliteStore::open(&self.url()).await?))
    }
}

async fn make() -> Subject {
    let directory = TempDir::new().unwrap();
    let file = File { path: directory.path().join("store.db"), _directory: directory };
    let store = file.open().await.unwrap();
    Subject { store, database: Box::new(file), foreign: Some("UPDATE stg_kinds SET flag = 2") }
}

store_conformance!(make);
