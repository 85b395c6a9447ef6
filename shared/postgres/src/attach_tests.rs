//! Promotion by attaching a run's partition.

use std::sync::Arc;

use conformance::{Loading, Record, Subject, collect, entry, job, row};
use domain::lifecycle::RunState;
use domain::retention::Parts;
use domain::table::TableName;
use job::Job;
use store::StoreError;
use store::model::{ChunkRange, EntryKind, Exclusion};
use store::rules::Keys;

use super::tests::make;

const ATTACH: &str = "key = [\"id\"]\npromotion = \"attach\"";

fn records() -> Vec<Vec<Record<'static>>> {
    vec![
        vec![row(3, "c", "3.00"), Record::Reject(b"x,y"), row(1, "a", "1.00")],
        vec![row(2, "b", "2.00"), row(4, "b", "4.00")],
    ]
}

async fn staged(subject: &Subject, job: &Arc<Job>, number: u8, chunks: &[Vec<Record<'_>>]) -> Loading {
    let loading = Loading::begin(&subject.store, job, number).await;
    loading.stage(chunks).await;
    loading
}

async fn count(subject: &Subject, sql: &str) -> u64 {
    subject.database.count(sql).await.unwrap()
}

/// The run's tables in the catalog: those of staging, and those of final.
async fn partitions(subject: &Subject, run: &Loading) -> (u64, u64) {
    let hex = run.run_id.to_string().replace('-', "");
    let of = |parent: &str| {
        format!(
            "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = to_regclass('{parent}') AND c.relname LIKE '%{hex}'"
        )
    };
    (count(subject, &of("stg_entries")).await, count(subject, &of("entries")).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_run_s_partition_becomes_final_s_with_every_row_s_origin() {
    let subject = make().await;
    let job = job(ATTACH, "");
    let loading = staged(&subject, &job, 1, &records()).await;
    let staging = loading.staging().await;
    let permit = loading.permit().await;
    let mut promotion = loading.store.begin_promotion(loading.fence, &permit, &job).await.unwrap();
    assert_eq!(promotion.insert().await.unwrap(), 4);
    for _ in 0..2 {
        let found = collect(promotion.read_final(0).await).await.unwrap();
        let rows: Vec<_> = staging.iter().filter(|one| one.kind == EntryKind::Row).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), rows, "in record order, as staged");
    }
    assert_eq!(count(&subject, "SELECT count(*) FROM entries").await, 0, "nobody sees it yet");
    assert_eq!(partitions(&subject, &loading).await, (1, 0));
    promotion.commit(&[], "{}", entry(Some(loading.run_id), "promoted")).await.unwrap();
    assert_eq!(partitions(&subject, &loading).await, (0, 1));
    let rows = format!(
        "SELECT count(*) FROM entries WHERE run_id = '{}' AND worker_id = {} AND (chunk_no, record_no, id) IN
         ((0, 1, 3), (0, 3, 1), (1, 4, 2), (1, 5, 4))",
        loading.run_id, loading.writer.0
    );
    assert_eq!(count(&subject, &rows).await, 4);
    assert_eq!(count(&subject, "SELECT count(*) FROM stg_entries").await, 0);
    // What is asked of staging later is answered from where the rows are.
    assert_eq!(loading.staging().await, staging);
    let shares = loading.store.worker_shares(loading.run_id, &job).await.unwrap();
    assert!(shares.iter().any(|share| share.worker_id == loading.writer), "{shares:?}");
    // The server looks after it from now on.
    let options = "SELECT count(*) FROM pg_class WHERE relname LIKE 'entries_%' AND reloptions::text LIKE '%autovacuum%'";
    assert_eq!(count(&subject, options).await, 0);
    let next = staged(&subject, &job, 2, &[vec![row(5, "e", "5.00")]]).await;
    assert_eq!(next.promote_staged().await, 1);
    assert_eq!(count(&subject, "SELECT count(*) FROM entries").await, 5);
    assert_eq!(loading.store.run(next.run_id).await.unwrap().state, RunState::Promoted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_key_that_is_not_new_is_refused_and_the_partition_stays_staging_s() {
    let subject = make().await;
    let job = job(ATTACH, "");
    staged(&subject, &job, 1, &[vec![row(1, "a", "1.00")]]).await.promote_staged().await;
    for (number, records, says) in [
        (2, vec![row(7, "a", "1.00"), row(7, "b", "1.00")], "unique constraint"),
        (3, vec![row(8, "a", "1.00"), row(1, "b", "1.00")], "1 key in final already"),
    ] {
        let loading = staged(&subject, &job, number, &[records]).await;
        let permit = loading.permit().await;
        let mut promotion = loading.store.begin_promotion(loading.fence, &permit, &job).await.unwrap();
        let refused = promotion.insert().await;
        assert!(
            matches!(&refused, Err(StoreError::FinalRefused { reason }) if reason.contains(says)),
            "{refused:?}"
        );
        promotion.rollback().await.unwrap();
        assert_eq!(partitions(&subject, &loading).await, (1, 0));
        assert_eq!(loading.staging().await.len(), 2);
        // The exact question names the records.
        let applied = loading.store.apply_rules(loading.fence, &job, Keys::Count).await.unwrap();
        assert_eq!(applied.keys.duplicates + applied.keys.already_in_final, 1);
    }
    assert_eq!(count(&subject, "SELECT count(*) FROM entries").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn held_records_stay_in_staging() {
    let subject = make().await;
    let rule = "[[rule]]\nname = \"once\"\nunique = [\"account\"]\non_breach = \"hold\"";
    let job = job(ATTACH, rule);
    let loading = staged(&subject, &job, 1, &records()).await;
    let permit = loading.permit().await;
    let mut promotion = loading.store.begin_promotion(loading.fence, &permit, &job).await.unwrap();
    assert_eq!(promotion.insert().await.unwrap(), 2);
    let found = collect(promotion.read_final(0).await).await.unwrap();
    let found: Vec<_> = found.iter().map(|one| (one.record_no, one.kind, one.excluded)).collect();
    let held = |record_no| (record_no, EntryKind::Absent, Some(Exclusion::Held));
    let row = |record_no| (record_no, EntryKind::Row, None);
    assert_eq!(found, [row(1), row(3), held(4), held(5)]);
    promotion.commit(&[], "{}", entry(Some(loading.run_id), "promoted")).await.unwrap();
    assert_eq!(partitions(&subject, &loading).await, (1, 1));
    assert_eq!(count(&subject, "SELECT count(*) FROM entries WHERE id IN (1, 3)").await, 2);
    assert_eq!(count(&subject, "SELECT count(*) FROM entries").await, 2);
    assert_eq!(count(&subject, "SELECT count(*) FROM stg_entries WHERE id IN (2, 4)").await, 2);
    assert_eq!(loading.staging().await.len(), 5, "four rows and a reject, wherever they are");
    // Purging takes what is staging's, and nothing of final.
    let log = entry(Some(loading.run_id), "purged");
    loading.store.remove(loading.fence, Parts::ROWS, &["stg_entries".into()], log).await.unwrap();
    assert_eq!(partitions(&subject, &loading).await, (0, 1));
    assert_eq!(count(&subject, "SELECT count(*) FROM entries").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_promotion_that_is_left_changes_nothing() {
    let subject = make().await;
    let rule = "[[rule]]\nname = \"once\"\nunique = [\"account\"]\non_breach = \"hold\"";
    let job = job(ATTACH, rule);
    let loading = staged(&subject, &job, 1, &records()).await;
    let before = loading.staging().await;
    for way in ["dropped", "rolled back"] {
        let permit = loading.permit().await;
        let mut promotion = loading.store.begin_promotion(loading.fence, &permit, &job).await.unwrap();
        assert_eq!(promotion.insert().await.unwrap(), 2);
        if way == "dropped" {
            drop(promotion);
        } else {
            promotion.rollback().await.unwrap();
        }
        assert_eq!(loading.staging().await, before, "{way}");
        assert_eq!(partitions(&subject, &loading).await, (1, 0), "{way}");
        assert_eq!(count(&subject, "SELECT count(*) FROM entries").await, 0, "{way}");
        let left = "SELECT count(*) FROM pg_class WHERE relname LIKE 'held0%'";
        assert_eq!(count(&subject, left).await, 0, "{way}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_run_without_a_row_attaches_nothing() {
    let subject = make().await;
    let job = job("promotion = \"attach\"", "");
    let loading = staged(&subject, &job, 1, &[vec![Record::Reject(b"x")]]).await;
    assert_eq!(loading.promote_staged().await, 0);
    assert_eq!(count(&subject, "SELECT count(*) FROM entries").await, 0);
    assert_eq!(loading.staging_in(ChunkRange::ALL).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_final_table_that_is_not_as_staging_is_refused_with_the_reason() {
    let subject = make().await;
    let job = job(ATTACH, "");
    let made = "run_id uuid NOT NULL, chunk_no bigint NOT NULL, record_no bigint NOT NULL, worker_id bigint NOT NULL,
                id bigint NOT NULL";
    let text = "account text COLLATE \"C\"";
    let by_run = "PARTITION BY LIST (run_id)";
    for (sql, says) in [
        (format!("CREATE TABLE entries ({made}, {text}, amt numeric(38,2))"), "not partitioned by LIST"),
        (
            format!("CREATE TABLE entries ({made}, {text}, amt numeric(38,2)) PARTITION BY LIST (id)"),
            "not partitioned",
        ),
        (
            format!("CREATE TABLE entries ({made}, account text, amt numeric(38,2)) {by_run}"),
            "collation \"C\"",
        ),
        (format!("CREATE TABLE entries ({made}, {text}, amt numeric(38,3)) {by_run}"), "numeric(38,3)"),
        (format!("CREATE TABLE entries ({made}, {text}) {by_run}"), "column amt numeric(38,2) is missing"),
        (
            format!("CREATE TABLE entries ({made}, {text}, amt numeric(38,2), x int) {by_run}"),
            "column x integer",
        ),
        (
            format!("CREATE TABLE entries ({made}, {text} NOT NULL, amt numeric(38,2)) {by_run}"),
            "account is NOT NULL",
        ),
        (
            format!("CREATE TABLE entries ({made}, {text}, amt numeric(38,2), CHECK (amt > 0)) {by_run}"),
            "entries_amt_check is not declared",
        ),
        (
            format!(
                "CREATE TABLE entries ({made}, {text}, amt numeric(38,2)) {by_run};
                 CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
                 CREATE TRIGGER audit BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION f()"
            ),
            "trigger audit does not run",
        ),
    ] {
        subject.database.execute(&sql).await.unwrap();
        let refused = subject.store.prepare(&job).await;
        let is_named = matches!(&refused, Err(StoreError::TableDiffers { differences, .. })
            if differences.iter().any(|one| one.contains(says)));
        assert!(is_named, "{says}: {refused:?}");
        subject.database.execute("DROP TABLE entries").await.unwrap();
    }
    // The user's own, with an index over all of it and columns in another order.
    subject
        .database
        .execute(&format!(
            "CREATE TABLE entries (amt numeric(38,2), {text}, {made}) {by_run}; CREATE INDEX ON entries (account)"
        ))
        .await
        .unwrap();
    let loading = staged(&subject, &job, 1, &records()).await;
    assert_eq!(loading.promote_staged().await, 4);
    assert_eq!(count(&subject, "SELECT count(*) FROM entries WHERE account = 'b' AND amt = 4.00").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn nobody_changes_the_partition_between_its_proof_and_its_commit() {
    let subject = make().await;
    let job = job(ATTACH, "");
    let loading = staged(&subject, &job, 1, &records()).await;
    let permit = loading.permit().await;
    let staging = loading.staging().await;
    let mut promotion = loading.store.begin_promotion(loading.fence, &permit, &job).await.unwrap();
    for is_inserted in [false, true] {
        if is_inserted {
            promotion.insert().await.unwrap();
        }
        for sql in [
            "SET lock_timeout = '200ms'; UPDATE stg_entries SET amt = 9",
            "SET lock_timeout = '200ms'; INSERT INTO entries SELECT * FROM stg_entries",
        ] {
            let refused = subject.database.execute(sql).await.unwrap_err();
            assert!(refused.contains("lock timeout"), "{refused}");
        }
        // The workers read it meanwhile, and wait for no lock.
        let read = tokio::time::timeout(std::time::Duration::from_secs(10), loading.staging()).await;
        assert_eq!(read.unwrap(), staging);
    }
    promotion.commit(&[], "{}", entry(Some(loading.run_id), "promoted")).await.unwrap();
    assert_eq!(count(&subject, "SELECT count(*) FROM entries WHERE amt = 9").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_value_that_final_requires_and_the_partition_lacks_is_refused_with_its_column() {
    let subject = make().await;
    let own =
        "CREATE TABLE entries (run_id uuid NOT NULL, chunk_no bigint NOT NULL, record_no bigint NOT NULL,
               worker_id bigint NOT NULL, id bigint NOT NULL, account text COLLATE \"C\", amt numeric(38,2))
               PARTITION BY LIST (run_id)";
    subject.database.execute(own).await.unwrap();
    let job = job(ATTACH, "");
    let loading = staged(&subject, &job, 1, &records()).await;
    let permit = loading.permit().await;
    subject.database.execute("UPDATE stg_entries SET id = NULL WHERE id = 4").await.unwrap();
    let mut promotion = loading.store.begin_promotion(loading.fence, &permit, &job).await.unwrap();
    let refused = promotion.insert().await;
    let is_named = matches!(&refused, Err(StoreError::FinalRefused { reason })
        if reason == "column \"id\" is NULL in 1 row");
    assert!(is_named, "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn staging_and_final_may_be_in_schemas_of_their_own() {
    let subject = make().await;
    subject.database.execute("CREATE SCHEMA work; CREATE SCHEMA bank").await.unwrap();
    let text = "[job]\nname = \"j\"\n[source]\nformat = \"delimited\"\n[[record]]\nname = \"r\"\nkey = [\"id\"]\n\
                amounts = [\"amt\"]\nstaging = \"work.stg\"\nfinal = 'bank.\"Daily Ledger\"'\npromotion = \"attach\"\n\
                [[record.field]]\nname = \"id\"\ntype = \"integer\"\n[[record.field]]\nname = \"account\"\n\
                type = \"text(9)\"\n[[record.field]]\nname = \"amt\"\ntype = \"decimal(9,2)\"\n";
    let job = Arc::new(Job::parse("j.toml", text).unwrap());
    let loading = staged(&subject, &job, 1, &[vec![row(1, "a", "1.00")]]).await;
    assert_eq!(loading.promote_staged().await, 1);
    let of_final = TableName::parse("bank.\"Daily Ledger\"").unwrap();
    assert_eq!(of_final.to_string(), "bank.\"Daily Ledger\"");
    assert_eq!(count(&subject, "SELECT count(*) FROM bank.\"Daily Ledger\"").await, 1);
    let there = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'bank' AND c.relkind = 'r'";
    assert_eq!(count(&subject, there).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn who_may_write_staging_may_not_write_final() {
    let subject = make().await;
    let job = job(ATTACH, "");
    let loading = staged(&subject, &job, 1, &records()).await;
    let hex = loading.run_id.to_string().replace('-', "");
    let grant = format!("GRANT SELECT, INSERT ON stg_entries_{hex} TO pg_monitor, PUBLIC");
    subject.database.execute(&grant).await.unwrap();
    loading.promote_staged().await;
    let may = |right: &str| {
        format!("SELECT has_table_privilege('pg_monitor', 'entries_{hex}', '{right}')::int::bigint")
    };
    assert_eq!(count(&subject, &may("INSERT")).await, 0);
    assert_eq!(count(&subject, &may("SELECT")).await, 1);
}
