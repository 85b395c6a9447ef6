use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use conformance::{APPEND, Database, LASTS, Loading, Subject, entry, job, row, store_conformance};
use domain::record::{self, Tag};
use domain::retention::Parts;
use store::{Claim, Identity as _, Runs as _, Store, StoreError};
use tempfile::TempDir;

use super::connect::{SqliteStore, blocking, read_write};

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
    Subject {
        store,
        database: Box::new(file),
        foreign: Some("UPDATE stg_kinds SET flag = 2"),
        decimal: "VARCHAR(40)",
        audit: |table, statement| {
            format!("CREATE TRIGGER audit AFTER INSERT ON {table} BEGIN {statement}; END")
        },
    }
}

store_conformance!(make);

#[tokio::test]
async fn a_table_that_is_not_strict_may_hold_what_its_types_cannot() {
    let subject = make().await;
    let loose = "CREATE TABLE STG_Entries (run_id TEXT NOT NULL, chunk_no INTEGER NOT NULL, record_no INTEGER NOT NULL,
                 worker_id INTEGER NOT NULL, id INTEGER, account TEXT, amt TEXT, PRIMARY KEY (run_id, chunk_no, record_no))";
    subject.database.execute(loose).await.unwrap();
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    loading.load(&[vec![row(1, "a\0b", "1.00"), row(2, "c", "2.00")]]).await;
    let tags = async || -> Vec<Tag> {
        let found = loading.staging().await;
        let record = record::records(&found[0].bytes, 3).next().unwrap().unwrap();
        record.fields().map(|field| field.tag).collect()
    };
    assert_eq!(tags().await, [Tag::Integer, Tag::Text, Tag::Decimal]);
    for (damage, expected) in [
        ("id = 'one'", [Tag::Foreign, Tag::Text, Tag::Decimal]),
        ("id = 1.5", [Tag::Foreign, Tag::Text, Tag::Decimal]),
        ("id = x'01', account = x'61'", [Tag::Foreign, Tag::Foreign, Tag::Decimal]),
        ("amt = x'312e3030'", [Tag::Foreign, Tag::Foreign, Tag::Foreign]),
    ] {
        subject.database.execute(&format!("UPDATE stg_entries SET {damage}")).await.unwrap();
        assert_eq!(tags().await, expected, "{damage}");
    }
    // SQLite's names know no case, and so the table under this name is purged too.
    let removed = loading
        .store
        .remove(loading.fence, Parts::ROWS, &["stg_entries".into()], entry(None, "purged"))
        .await
        .unwrap();
    assert_eq!((removed, loading.staging().await.len()), (2, 0));
}

#[tokio::test]
async fn an_event_cannot_be_replaced_either() {
    let subject = make().await;
    let event = subject.store.log(entry(None, "opened")).await.unwrap();
    for way in ["INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE"] {
        let sql = format!(
            "{way} INTO crossfoot_event SELECT seq, run_id, at_ms, 'x', actor, detail, previous, hash FROM crossfoot_event"
        );
        let _ = subject.database.execute(&sql).await;
        assert_eq!(subject.store.events(0, 10).await.unwrap(), std::slice::from_ref(&event), "{way}");
    }
}

#[tokio::test]
async fn a_url_that_cannot_be_opened_says_why() {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| format!("sqlite:{}", directory.path().join(name).display());
    std::fs::write(
        directory.path().join("text"),
        "no database, but long enough to be taken for one\n".repeat(99),
    )
    .unwrap();
    for url in ["", "sqlite:", "postgres://host/db", "store.db"] {
        let refused = SqliteStore::open(url).await.err();
        assert!(matches!(refused, Some(StoreError::BadUrl { .. })), "{url}: {refused:?}");
    }
    for url in [at(""), at("no/such/directory/store.db"), at("text")] {
        let refused = SqliteStore::open(&url).await.err();
        assert!(matches!(refused, Some(StoreError::Unreachable { .. })), "{url}: {refused:?}");
    }
    let refused = SqliteStore::open_existing(&at("missing.db")).await.err();
    assert!(matches!(refused, Some(StoreError::Unreachable { .. })), "{refused:?}");
    assert!(!directory.path().join("missing.db").exists());
    SqliteStore::open(&at("made.db")).await.unwrap();
    SqliteStore::open_existing(&at("made.db")).await.unwrap();
}

/// A new file is not in WAL mode yet, and SQLite does not wait for the lock that switching it takes.
#[tokio::test]
async fn a_store_that_another_process_is_just_making_is_waited_for() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE made (n INTEGER); BEGIN IMMEDIATE; INSERT INTO made VALUES (1)")
        .unwrap();
    let url = format!("sqlite:{}", path.display());
    let mut opening = tokio::spawn(async move { SqliteStore::open(&url).await.map(drop) });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut opening).await;
    assert!(early.is_err(), "it did not wait: {early:?}");
    other.execute_batch("COMMIT").unwrap();
    opening.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_new_store_is_made_by_eight_at_once() {
    for _ in 0..25 {
        let directory = TempDir::new().unwrap();
        let url = format!("sqlite:{}", directory.path().join("store.db").display());
        let opening: Vec<_> = (0..8)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { SqliteStore::open(&url).await })
            })
            .collect();
        for one in opening {
            one.await.unwrap().unwrap().runs(&Default::default(), 1).await.unwrap();
        }
    }
}

/// Nobody can end another process's transaction: whoever waits for it is told which file, and who has runs in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_is_told_of_a_process_that_does_not_stop_writing() {
    let directory = TempDir::new().unwrap();
    let file = File { path: directory.path().join("store.db"), _directory: directory };
    let store = file.open().await.unwrap();
    let loading = Loading::begin(&store, &job(APPEND, ""), 1).await;
    let frozen = read_write(&file.path).unwrap();
    frozen.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = std::time::Instant::now();
    let told = store.acquire_lease(loading.run_id, "operator", LASTS, Claim::Evict).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let text = told.to_string();
    assert!(told.is_transient(), "{text}");
    assert!(text.contains("store.db") && text.contains("are being driven by coordinator"), "{text}");
    frozen.execute_batch("ROLLBACK").unwrap();
    store.acquire_lease(loading.run_id, "operator", LASTS, Claim::Evict).await.unwrap();
}

/// What was agreed on before is read beside whoever writes, and takes no turn to write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_identity_wait_for_nobody_who_writes() {
    let directory = TempDir::new().unwrap();
    let file = File { path: directory.path().join("store.db"), _directory: directory };
    let store = file.open().await.unwrap();
    let (keys, identity) = (store.message_keys().await.unwrap(), store.identity().await.unwrap());
    let masking = store.masking_key().await.unwrap();
    let writes = read_write(&file.path).unwrap();
    writes.execute_batch("BEGIN IMMEDIATE").unwrap();
    let other = SqliteStore::open_existing(&file.url()).await.unwrap();
    let asked = async {
        assert_eq!(other.message_keys().await.unwrap().current.id(), keys.current.id());
        assert_eq!(other.identity().await.unwrap(), identity);
        assert_eq!(other.masking_key().await.unwrap(), masking);
    };
    tokio::time::timeout(Duration::from_secs(10), asked).await.expect("it waits for whoever writes");
    writes.execute_batch("ROLLBACK").unwrap();
}
