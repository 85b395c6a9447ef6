//! Where the ledger is: in a schema of its own when it is new, and otherwise where it was.

use conformance::{APPEND, Database as _, Loading, job, row};
use std::sync::Arc;
use store::{Store, StoreError};

use super::connect::{PostgresSettings, PostgresStore};
use super::place::LedgerSchema;
use super::tests::{Own, own};

async fn open(own: &Own, schema: LedgerSchema) -> Result<Arc<dyn Store>, StoreError> {
    let store = PostgresStore::open(&PostgresSettings { schema, ..own.settings() }).await?;
    Ok(Arc::new(store))
}

async fn tables_in(own: &Own, schema: &str, like: &str) -> u64 {
    let sql =
        format!("SELECT count(*) FROM pg_tables WHERE schemaname = '{schema}' AND tablename LIKE '{like}'");
    own.count(&sql).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_new_store_keeps_its_tables_apart_from_the_jobs() {
    let own = own().await;
    let store = open(&own, LedgerSchema::Usual).await.unwrap();
    let loading = Loading::begin(&store, &job(APPEND, ""), 1).await;
    assert_eq!(loading.promote(&[vec![row(1, "a", "1.00"), row(2, "b", "2.00")]]).await, 2);
    assert_eq!(tables_in(&own, "public", "crossfoot%").await, 0);
    assert!(tables_in(&own, "crossfoot", "crossfoot_%").await > 10);
    assert_eq!(tables_in(&own, "crossfoot", "%entries%").await, 0);
    assert_eq!(tables_in(&own, "public", "%entries%").await, 3, "final, staging and its partition");
    // Nothing that lies in the way of its names is taken for its own.
    own.execute("CREATE TABLE public.crossfoot_run (run_id uuid, state text)").await.unwrap();
    let again = open(&own, LedgerSchema::Usual).await.unwrap();
    assert_eq!(again.run(loading.run_id).await.unwrap().run_id, loading.run_id);
    let named = open(&own, LedgerSchema::Named("crossfoot".into())).await.unwrap();
    assert_eq!(named.run(loading.run_id).await.unwrap().run_id, loading.run_id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_store_that_is_there_stays_where_it_is() {
    let own = own().await;
    let before = open(&own, LedgerSchema::SearchPath).await.unwrap();
    let loading = Loading::begin(&before, &job(APPEND, ""), 1).await;
    let store = open(&own, LedgerSchema::Usual).await.unwrap();
    assert_eq!(store.run(loading.run_id).await.unwrap().run_id, loading.run_id);
    assert_eq!(own.count("SELECT count(*) FROM pg_namespace WHERE nspname = 'crossfoot'").await.unwrap(), 0);
    // A second one beside it would not know what was loaded: it is not made by a setting alone.
    match open(&own, LedgerSchema::Named("elsewhere".into())).await.err() {
        Some(error @ StoreError::OtherSchema { .. }) => {
            assert!(error.is_usage(), "{error}");
            assert!(error.to_string().contains("in schema public"), "{error}");
        }
        opened => panic!("{opened:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_schema_can_be_named_and_a_url_that_sets_the_path_decides() {
    let named = own().await;
    open(&named, LedgerSchema::Named("audit".into())).await.unwrap();
    assert!(tables_in(&named, "audit", "crossfoot_%").await > 10);
    let by_url = own().await;
    by_url.execute("CREATE SCHEMA apart").await.unwrap();
    let url = format!("{}?options=-csearch_path%3Dapart", by_url.settings().url.reveal());
    let settings = PostgresSettings { schema: LedgerSchema::Usual, ..PostgresSettings::of_url(&url) };
    PostgresStore::open(&settings).await.unwrap();
    assert!(tables_in(&by_url, "apart", "crossfoot_%").await > 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn processes_that_open_a_new_database_together_make_one_schema() {
    let own = own().await;
    let openers: Vec<_> = (0..6)
        .map(|_| {
            let settings = PostgresSettings { schema: LedgerSchema::Usual, ..own.settings() };
            tokio::spawn(async move { PostgresStore::open(&settings).await.map(drop) })
        })
        .collect();
    for opener in openers {
        opener.await.unwrap().unwrap();
    }
    assert_eq!(tables_in(&own, "public", "crossfoot%").await, 0);
}
