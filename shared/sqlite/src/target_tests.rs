//! An SQLite file as a target, held to the contract of targets.

use conformance::targets::shows_values_as_stored;
use conformance::targets::sql::{placed, sqlite};

use super::SqliteTarget;

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_comes_as_it_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let (statements, held) = placed("sample", sqlite, &[]);
    rusqlite::Connection::open(&path).unwrap().execute_batch(&statements.join(";")).unwrap();
    let target = SqliteTarget::open(&format!("sqlite:{}", path.display())).unwrap();
    shows_values_as_stored(&target, &held).await;
}
