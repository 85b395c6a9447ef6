//! Final tables that were there before Crossfoot: with columns, names, keys and triggers of their own.

use std::sync::Arc;

use job::Job;
use store::model::EntryKind;
use store::rules::Keys;
use store::{Promotion, StoreError};

use super::fixture::{APPEND, KEYLESS, Loading, NULL, Record, UPSERT, canonical, collect, entry, job, row};
use super::{Subject, soon};

/// A job with the columns `ID no`, `account` and `Amount` in the table `Daily Entries`.
fn own(key: &str, of_record: &str) -> Arc<Job> {
    let mut text = job(key, "").text.clone();
    for (from, to) in [
        ("final = \"entries\"", format!("final = '\"Daily Entries\"'\n{of_record}")),
        ("name = \"id\"", "name = \"id\"\ncolumn = \"ID no\"".into()),
        ("name = \"amt\"", "name = \"amt\"\ncolumn = \"Amount\"".into()),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, &to);
    }
    Arc::new(Job::parse("own.toml", &text).unwrap())
}

/// Makes the table `Daily Entries`, in another order and with a column that the job does not know; `more` stands among
/// its columns.
async fn make_own(subject: &Subject, more: &str) {
    let sql = format!(
        "CREATE TABLE \"Daily Entries\" (note VARCHAR(9) DEFAULT 'none' NOT NULL, \"Amount\" {}, account TEXT{more},
         \"ID no\" BIGINT)",
        subject.decimal
    );
    subject.execute(&sql).await;
}

const UNIQUE: &str = "CREATE UNIQUE INDEX daily ON \"Daily Entries\" (\"ID no\")";

async fn begin(loading: &Loading, chunks: &[Vec<Record<'_>>]) -> Box<dyn Promotion> {
    let permit = loading.stage(chunks).await;
    soon(loading.store.begin_promotion(loading.fence, &permit, &loading.job)).await.unwrap()
}

/// What is read back from final: the bytes of each record, `None` where it is absent.
async fn read(promotion: &mut Box<dyn Promotion>) -> Vec<Option<Vec<u8>>> {
    let found = collect(promotion.read_final(0).await).await.unwrap();
    found.into_iter().map(|one| (one.kind == EntryKind::Row).then_some(one.bytes)).collect()
}

fn bytes(record_no: u64, record: &Record<'_>) -> Option<Vec<u8>> {
    match record {
        Record::Row(values) => Some(canonical(record_no, values)),
        Record::Reject(_) => None,
    }
}

async fn commit(promotion: Box<dyn Promotion>, loading: &Loading) {
    promotion.commit(&[], "{}", entry(Some(loading.run_id), "promoted")).await.unwrap();
}

pub(crate) async fn a_table_of_the_users_takes_rows_into_its_own_columns(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    make_own(&subject, ", load_id VARCHAR(36)").await;
    subject.execute(UNIQUE).await;
    let records = [row(7, "a", "-12345678901234567890.10"), row(-1, NULL, NULL), row(2, "b", "0.00")];
    let first = Loading::begin(&subject.store, &own(APPEND, "run_column = \"load_id\""), 1).await;
    let mut promotion = begin(&first, &[records[..2].to_vec(), records[2..].to_vec()]).await;
    assert_eq!(promotion.insert().await.unwrap(), 3);
    let expected: Vec<_> = (1..).zip(&records).map(|(no, record)| bytes(no, record)).collect();
    // Twice: however it is read, it is the same.
    assert_eq!(read(&mut promotion).await, expected);
    assert_eq!(read(&mut promotion).await, expected);
    commit(promotion, &first).await;
    let of =
        |run| format!("SELECT count(*) FROM \"Daily Entries\" WHERE load_id = '{run}' AND note = 'none'");
    assert_eq!(subject.count(&of(first.run_id)).await, 3);

    // An upsert leaves alone what it does not write.
    subject.execute("UPDATE \"Daily Entries\" SET note = 'kept'").await;
    let later = Loading::begin(&subject.store, &own(UPSERT, "run_column = \"load_id\""), 2).await;
    let records = [row(7, "new", "1.00"), row(8, "new", "2.00")];
    let mut promotion = begin(&later, &[records.to_vec()]).await;
    assert_eq!(promotion.insert().await.unwrap(), 2);
    assert_eq!(read(&mut promotion).await, [bytes(1, &records[0]), bytes(2, &records[1])]);
    commit(promotion, &later).await;
    assert_eq!(subject.count("SELECT count(*) FROM \"Daily Entries\"").await, 4);
    let kept =
        "SELECT count(*) FROM \"Daily Entries\" WHERE note = 'kept' AND \"ID no\" = 7 AND account = 'new'";
    assert_eq!(subject.count(kept).await, 1);

    // Its keys are known.
    let again = Loading::begin(&subject.store, &own(APPEND, "run_column = \"load_id\""), 3).await;
    again.load(&[vec![row(8, "x", "1.00"), row(9, "x", "1.00")]]).await;
    let applied = again.store.apply_rules(again.fence, &again.job, Keys::Count).await.unwrap();
    assert_eq!(applied.keys.already_in_final, 1);
}

pub(crate) async fn a_table_without_a_key_takes_run_and_number_into_its_own_columns(
    make: &impl AsyncFn() -> Subject,
) {
    let subject = make().await;
    make_own(&subject, ", \"Load\" TEXT, line BIGINT").await;
    subject.execute("CREATE UNIQUE INDEX daily ON \"Daily Entries\" (line, \"Load\")").await;
    let job = own(KEYLESS, "run_column = \"Load\"\nrecord_no_column = \"line\"");
    for number in 1..=2 {
        let loading = Loading::begin(&subject.store, &job, number).await;
        let same = row(1, "a", "1.00");
        let mut promotion = begin(&loading, &[vec![same.clone(), same.clone()]]).await;
        assert_eq!(promotion.insert().await.unwrap(), 2);
        assert_eq!(read(&mut promotion).await, [bytes(1, &same), bytes(2, &same)]);
        commit(promotion, &loading).await;
    }
    assert_eq!(subject.count("SELECT count(*) FROM \"Daily Entries\" WHERE line = 2").await, 2);
}

pub(crate) async fn a_table_of_runs_says_which_run_wrote_a_row(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    make_own(&subject, "").await;
    subject.execute(UNIQUE).await;
    subject.execute("INSERT INTO \"Daily Entries\" (\"ID no\", account) VALUES (5, 'not ours')").await;
    let job = own(UPSERT, "run_table = \"daily_runs\"");
    let records = [row(5, "a", "1.00"), row(6, "b", "2.00")];
    let first = Loading::begin(&subject.store, &job, 1).await;
    let mut promotion = begin(&first, &[records.to_vec()]).await;
    // Nothing is inserted yet: what has the key is not this run's.
    assert_eq!(read(&mut promotion).await, [None, None]);
    assert_eq!(promotion.insert().await.unwrap(), 2, "rows of the table of runs are not counted");
    assert_eq!(read(&mut promotion).await, [bytes(1, &records[0]), bytes(2, &records[1])]);
    commit(promotion, &first).await;
    let later = Loading::begin(&subject.store, &job, 2).await;
    let mut promotion = begin(&later, &[records[1..].to_vec()]).await;
    assert_eq!(read(&mut promotion).await, [None], "it is the first run's");
    assert_eq!(promotion.insert().await.unwrap(), 1);
    assert_eq!(read(&mut promotion).await, [bytes(1, &records[1])]);
    commit(promotion, &later).await;
    for (run, id) in [(first.run_id, 5), (later.run_id, 6)] {
        let sql = format!("SELECT count(*) FROM daily_runs WHERE last_run_id = '{run}' AND id = {id}");
        assert_eq!(subject.count(&sql).await, 1, "{id}");
    }
    // A promotion that is left leaves nothing there either.
    let left = Loading::begin(&subject.store, &job, 3).await;
    let mut promotion = begin(&left, &[vec![row(9, "c", "1.00")]]).await;
    promotion.insert().await.unwrap();
    promotion.rollback().await.unwrap();
    assert_eq!(subject.count("SELECT count(*) FROM daily_runs").await, 2);
}

pub(crate) async fn a_trigger_that_is_listed_may_change_other_tables(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    make_own(&subject, ", last_run_id TEXT").await;
    subject.execute(UNIQUE).await;
    subject.execute("CREATE TABLE seen (n BIGINT)").await;
    let table = "\"Daily Entries\"";
    subject.execute(&(subject.audit)(table, "INSERT INTO seen VALUES (1)")).await;
    let insert = async |number: u8, of_record: &str| {
        let loading = Loading::begin(&subject.store, &own(APPEND, of_record), number).await;
        let id = i64::from(number) * 10;
        let mut promotion = begin(&loading, &[vec![row(id, "a", "1.00"), row(id + 1, "b", "1.00")]]).await;
        let changed = promotion.insert().await.unwrap();
        assert_eq!(read(&mut promotion).await.iter().flatten().count(), 2);
        commit(promotion, &loading).await;
        changed
    };
    assert_eq!(insert(1, "").await, 4, "rows of any table count");
    assert_eq!(insert(2, "triggers = [\"audit\"]").await, 2, "only final's rows count");
    assert_eq!(subject.count("SELECT count(*) FROM seen").await, 4);
    // A list that does not name it, or names another, is refused.
    match subject.store.prepare(&own(APPEND, "triggers = [\"other\"]")).await {
        Err(StoreError::TableDiffers { differences, .. }) => {
            assert!(differences.iter().any(|one| one.contains("lists other")), "{differences:?}");
            assert!(differences.iter().any(|one| one.contains("audit is not listed")), "{differences:?}");
        }
        prepared => panic!("{prepared:?}"),
    }
    // What a listed trigger does to final itself still counts.
    subject.execute("DELETE FROM seen").await;
    let drop = if subject.foreign.is_some() { "DROP TRIGGER audit" } else { "DROP FUNCTION audit CASCADE" };
    subject.execute(drop).await;
    let meddles = format!("UPDATE {table} SET note = 'changed' WHERE \"ID no\" = 10");
    subject.execute(&(subject.audit)(table, &meddles)).await;
    assert_eq!(insert(3, "triggers = [\"audit\"]").await, 4);
}

pub(crate) async fn a_final_table_that_cannot_be_used_is_refused_by_name(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let columns = format!("note TEXT, \"Amount\" {}, account TEXT, \"ID no\" BIGINT", subject.decimal);
    let table = [
        (format!("CREATE TABLE t ({columns}); CREATE VIEW {{}} AS SELECT * FROM t"), "it is a view"),
        (format!("CREATE TABLE {{}} ({columns}, last_run_id TEXT)"), "primary key is none"),
        (
            format!("CREATE TABLE {{}} ({columns}, last_run_id TEXT, PRIMARY KEY (\"ID no\", account))"),
            "but the job needs (ID no)",
        ),
        (format!("CREATE TABLE {{}} ({columns}, PRIMARY KEY (\"ID no\"))"), "`run_column`"),
        (
            format!(
                "CREATE TABLE {{}} ({columns}, more BIGINT NOT NULL, last_run_id TEXT, PRIMARY KEY (\"ID no\"))"
            ),
            "column more BIGINT is NOT NULL without a default",
        ),
        (
            format!(
                "CREATE TABLE {{}} ({}, last_run_id TEXT, PRIMARY KEY (\"ID no\"))",
                columns.replace(subject.decimal, "DOUBLE PRECISION")
            ),
            "column Amount is",
        ),
        (
            format!(
                "CREATE TABLE {{}} ({}, last_run_id TEXT, PRIMARY KEY (\"ID no\"))",
                columns.replace("account TEXT", "account TEXT GENERATED ALWAYS AS (note) STORED")
            ),
            "column account is generated",
        ),
        (
            format!("CREATE TABLE {{}} ({columns}, last_run_id BIGINT, PRIMARY KEY (\"ID no\"))"),
            "column last_run_id",
        ),
        (
            format!(
                "CREATE TABLE {{}} ({}, last_run_id TEXT, PRIMARY KEY (\"ID no\"))",
                columns.replace("\"Amount\"", "amt")
            ),
            "column Amount ",
        ),
    ];
    for (sql, says) in table {
        subject.execute(&sql.replace("{}", "\"Daily Entries\"")).await;
        match subject.store.prepare(&own(APPEND, "")).await {
            Err(StoreError::TableDiffers { table, differences }) => {
                assert_eq!(table, "\"Daily Entries\"");
                let said = differences.iter().any(|one| one.to_lowercase().contains(&says.to_lowercase()));
                assert!(said, "{says}: {differences:?}");
            }
            prepared => panic!("{says}: {prepared:?}"),
        }
        assert!(subject.database.count("SELECT count(*) FROM stg_entries").await.is_err(), "{says}");
        let kind = if sql.contains("VIEW") { "VIEW" } else { "TABLE" };
        subject.execute(&format!("DROP {kind} \"Daily Entries\"")).await;
    }
}
