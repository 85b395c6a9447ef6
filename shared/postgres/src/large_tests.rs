//! A final table that is large beside the run: nothing of it is read as a whole, and what is read is what is stored.

use conformance::{
    APPEND, KEYLESS, Loading, Record, Subject, UPSERT, canonical, collect, entry, job, row, until,
};
use store::model::{EntryKind, FindingPage};
use store::rules::Keys;

use super::tests::make;

/// Rows that are there before the run, with ids from 1.
const HELD: i64 = 20_000;

/// A trigger that makes of one record's account something else.
const ALTER_BEFORE: &[&str] = &[
    "CREATE FUNCTION alter_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF new.amt = 2 THEN new.account := 'altered'; END IF; RETURN new; END $$",
    "CREATE TRIGGER alter_it BEFORE INSERT OR UPDATE ON entries FOR EACH ROW EXECUTE FUNCTION alter_it()",
];
const ALTER_AFTER: &[&str] = &[
    "CREATE FUNCTION alter_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       UPDATE entries SET account = 'altered' WHERE amt = 2 AND last_run_id = new.last_run_id AND account <> 'altered';
       RETURN new; END $$",
    "CREATE TRIGGER alter_it AFTER INSERT ON entries FOR EACH ROW EXECUTE FUNCTION alter_it()",
];
/// Half of the rows go, and leave gaps that are known to the server.
const GAPS: &[&str] =
    &["ALTER TABLE entries SET (autovacuum_enabled = off)", "DELETE FROM entries WHERE amt % 2 = 0", VACUUM];
const VACUUM: &str = "VACUUM entries";

/// Sessions whose snapshots keep deleted rows from being removed: the server's own, that analyses tables, is one.
const SNAPSHOTS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL";

/// The key; what is done to final first; the ids of three records; whether rows go among older ones; whether one of
/// them is altered.
type Case = (&'static str, &'static [&'static str], [i64; 3], bool, bool);

/// Final with [`HELD`] rows of some older run, and whatever `changes` make of it.
async fn large(key: &str, changes: &[&str]) -> (Subject, Loading) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(key, ""), 1).await;
    let own = if key == KEYLESS { ", last_record_no" } else { "" };
    let number = if key == KEYLESS { ", n" } else { "" };
    let fill = format!(
        "INSERT INTO entries (id, account, amt, last_run_id{own})
         SELECT n, 'old', n, '00000000-0000-0000-0000-000000000000'{number} FROM generate_series(1, {HELD}) n"
    );
    for sql in [fill.as_str()].iter().chain(changes) {
        until(async || *sql != VACUUM || subject.database.count(SNAPSHOTS).await.unwrap() == 0).await;
        subject.database.execute(sql).await.unwrap();
    }
    (subject, loading)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn rows_are_read_as_they_are_stored_wherever_they_went() {
    let none: &[&str] = &[];
    let cases: [Case; 9] = [
        (APPEND, none, [40_000, -5, 30_000], false, false),
        (APPEND, GAPS, [40_000, -5, 30_000], true, false),
        (APPEND, ALTER_BEFORE, [40_000, -5, 30_000], false, true),
        (APPEND, ALTER_AFTER, [40_000, -5, 30_000], false, true),
        (KEYLESS, none, [1, 1, 2], false, false),
        (KEYLESS, GAPS, [1, 1, 2], true, false),
        (UPSERT, none, [7, 19_999, 30_000], false, false),
        (UPSERT, GAPS, [7, 19_999, 30_000], true, false),
        (UPSERT, ALTER_BEFORE, [7, 19_999, 30_000], false, true),
    ];
    for (nth, (key, changes, ids, is_among, is_altered)) in cases.into_iter().enumerate() {
        let (subject, loading) = large(key, changes).await;
        let records: Vec<_> =
            ids.iter().zip(["1.00", "2.00", "3.00"]).map(|(id, amt)| row(*id, "new", amt)).collect();
        let permit = loading.stage(&[records[..2].to_vec(), records[2..].to_vec()]).await;
        let mut promotion =
            loading.store.begin_promotion(loading.fence, &permit, &loading.job).await.unwrap();
        promotion.insert().await.unwrap();
        for _ in 0..2 {
            let found = collect(promotion.read_final(0).await).await.unwrap();
            assert_eq!(found.len(), 3, "case {nth}");
            for ((record_no, record), found) in (1..).zip(&records).zip(found) {
                let Record::Row(values) = record else { unreachable!() };
                let mut values = values.clone();
                if is_altered && record_no == 2 {
                    values[1] = domain::value::Value::Text("altered");
                }
                assert_eq!((found.kind, found.record_no), (EntryKind::Row, record_no), "case {nth}");
                assert_eq!(found.bytes, canonical(record_no, &values), "case {nth}");
            }
        }
        promotion.commit(&[], "{}", entry(Some(loading.run_id), "promoted")).await.unwrap();
        let among = format!(
            "SELECT count(*) FROM entries WHERE last_run_id = '{}' AND ctid < '(100,0)'",
            loading.run_id
        );
        let among = subject.database.count(&among).await.unwrap();
        assert_eq!(among > 0, is_among, "case {nth}: {among} rows are among older ones");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_row_that_a_trigger_takes_out_again_is_absent() {
    let drop_it: &[&str] = &[
        "CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           DELETE FROM entries WHERE amt = 2 AND last_run_id = new.last_run_id; RETURN new; END $$",
        "CREATE TRIGGER drop_it AFTER INSERT ON entries FOR EACH ROW EXECUTE FUNCTION drop_it()",
    ];
    let (_subject, loading) = large(APPEND, drop_it).await;
    let permit = loading.stage(&[vec![row(40_000, "new", "1.00"), row(40_001, "new", "2.00")]]).await;
    let mut promotion = loading.store.begin_promotion(loading.fence, &permit, &loading.job).await.unwrap();
    promotion.insert().await.unwrap();
    let found = collect(promotion.read_final(0).await).await.unwrap();
    let kinds: Vec<_> = found.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [EntryKind::Row, EntryKind::Absent]);
    promotion.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn keys_that_a_large_final_has_already_are_found_one_by_one() {
    let (_subject, loading) = large(APPEND, &[]).await;
    let held = [40_000, HELD, 1, 0, HELD + 1].map(|id| row(id, "new", "1.00"));
    loading.load(&[held[..2].to_vec(), held[2..].to_vec()]).await;
    let counts = loading.store.apply_rules(loading.fence, &loading.job, Keys::Count).await.unwrap().keys;
    assert_eq!((counts.already_in_final, counts.duplicates), (2, 0));
    let FindingPage { findings: found, total: all } =
        loading.store.breaches(loading.run_id, &loading.job, 0, 10).await.unwrap();
    assert_eq!(all, 2);
    let records: Vec<_> = found.iter().map(|one| one.record_no.0).collect();
    assert_eq!(records, [2, 3], "{found:?}");
}
