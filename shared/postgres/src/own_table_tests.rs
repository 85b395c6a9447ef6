//! Final tables of the user's own on PostgreSQL: types, schemas, and what is refused.

use std::sync::Arc;

use conformance::{APPEND, Loading, Record, Subject, collect, job, row};
use domain::amount::Amount;
use domain::retention::Parts;
use domain::table::TableName;
use domain::value::Value;
use job::Job;
use store::StoreError;
use store::model::EntryKind;
use store::rules::Keys;

use super::tests::make;

/// A job with fields of every kind; `final` is `final_table`.
fn every_kind(final_table: &str) -> Arc<Job> {
    let mut text = format!(
        "[job]\nname = \"kinds\"\n[source]\nformat = \"delimited\"\n[[record]]\nname = \"r\"\nkey = [\"code\", \"n\"]\n\
         staging = \"stg\"\nfinal = '{final_table}'\n"
    );
    for (name, ty) in [
        ("code", "text(3)"),
        ("n", "integer"),
        ("amount", "decimal(12,2)"),
        ("units", "decimal(9,0)"),
        ("day", "date"),
        ("moment", "timestamp"),
        ("seen", "timestamptz"),
        ("said", "text(20)"),
    ] {
        text.push_str(&format!("[[record.field]]\nname = \"{name}\"\ntype = \"{ty}\"\n"));
    }
    Arc::new(Job::parse("kinds.toml", &text).unwrap())
}

fn record<'a>(code: &'a str, n: i64, amount: &str, moment: &str, said: &'a str) -> Record<'a> {
    let decimal = |text: &str, scale| Value::Decimal(text.parse::<Amount>().unwrap().rescale(scale).unwrap());
    Record::Row(vec![
        Value::Text(code),
        Value::Integer(n),
        decimal(amount, 2),
        decimal("17", 0),
        Value::Date("2024-02-29".parse().unwrap()),
        Value::Timestamp(moment.parse().unwrap()),
        Value::Instant("2024-02-29T23:59:59.123".parse().unwrap()),
        if said.is_empty() { Value::Null } else { Value::Text(said) },
    ])
}

fn seen_at<'a>(record: Record<'a>, seen: &str) -> Record<'a> {
    let Record::Row(mut values) = record else { return record };
    values[6] = Value::Instant(seen.parse().unwrap());
    Record::Row(values)
}

const NARROW: &str = "CREATE DOMAIN money_amount AS numeric(7,3) CHECK (VALUE <> 13);
    CREATE TABLE kinds (
      said varchar(5), moment timestamp(3), seen timestamptz(3), day timestamp, units smallint, amount money_amount, code char(3),
      n integer, note text DEFAULT 'x', id bigint GENERATED ALWAYS AS IDENTITY,
      twice numeric GENERATED ALWAYS AS (units * 2) STORED, last_run_id varchar(40), UNIQUE (n, code))";

async fn staged(subject: &Subject, job: &Arc<Job>, number: u8, records: &[Record<'_>]) -> Loading {
    let loading = Loading::begin(&subject.store, job, number).await;
    loading.stage(&[records.to_vec()]).await;
    loading
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn columns_of_other_types_hold_what_they_can_and_give_it_back() {
    let subject = make().await;
    subject.database.execute(NARROW).await.unwrap();
    let job = every_kind("kinds");
    let records = [
        record("EUR", 2_147_483_647, "-9999.99", "2024-02-29T23:59:59.123", "fünf!"),
        record("AB ", -1, "0.00", "0001-01-01T00:00:00", ""),
    ];
    let loading = staged(&subject, &job, 1, &records).await;
    // A promotion has the rows of staging to itself.
    let (permit, staging) = (loading.permit().await, loading.staging().await);
    let mut promotion = loading.store.begin_promotion(loading.fence, &permit, &job).await.unwrap();
    assert_eq!(promotion.insert().await.unwrap(), 2);
    // In the order in which it is stored, and then joined by the server.
    for way in ["in order", "joined"] {
        let found = collect(promotion.read_final(0).await).await.unwrap();
        assert_eq!(found.len(), 2);
        for (one, staged) in found.iter().zip(&staging) {
            assert_eq!((one.kind, &one.bytes), (EntryKind::Row, &staged.bytes), "{way}");
        }
    }
    promotion.rollback().await.unwrap();
    let again = staged(&subject, &job, 2, &records).await;
    again.promote_staged().await;
    // A key is found again whatever its column is.
    let known = staged(&subject, &job, 3, &records).await;
    let applied = known.store.apply_rules(known.fence, &job, Keys::Count).await.unwrap();
    assert_eq!(applied.keys.already_in_final, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_value_that_a_column_does_not_hold_is_named_and_nothing_is_inserted() {
    let subject = make().await;
    subject.database.execute(NARROW).await.unwrap();
    let job = every_kind("kinds");
    let good = || record("EUR", 1, "1.00", "2024-02-29T00:00:00", "five5");
    let table = [
        (record("EUR", 2_147_483_648, "1.00", "2024-02-29T00:00:00", ""), "field n: 1 value"),
        (record("EU", 2, "1.00", "2024-02-29T00:00:00", ""), "field code: 1 value"),
        (record("EUR", 2, "10000.00", "2024-02-29T00:00:00", ""), "field amount: 1 value"),
        (record("EUR", 2, "1.00", "2024-02-29T00:00:00.0005", ""), "field moment: 1 value"),
        (
            seen_at(record("EUR", 2, "1.00", "2024-02-29T00:00:00", ""), "2024-02-29T00:00:00.0005"),
            "field seen: 1 value",
        ),
        // PostgreSQL itself cuts these blanks off and stores the rest.
        (record("EUR", 2, "1.00", "2024-02-29T00:00:00", "five5  "), "field said: 1 value"),
    ];
    for (number, (bad, says)) in (1..).zip(table) {
        let loading = staged(&subject, &job, number, &[good(), bad]).await;
        let permit = loading.permit().await;
        let mut promotion = loading.store.begin_promotion(loading.fence, &permit, &job).await.unwrap();
        match promotion.insert().await {
            Err(StoreError::FinalRefused { reason }) => {
                assert!(reason.contains(says) && reason.contains("record 2"), "{reason}");
                assert!(!reason.contains(';') || reason.matches("field").count() == 2, "{reason}");
            }
            inserted => panic!("{says}: {inserted:?}"),
        }
        promotion.rollback().await.unwrap();
        assert_eq!(subject.database.count("SELECT count(*) FROM kinds").await.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_trigger_that_changes_a_digit_beyond_the_fields_scale_is_found() {
    let subject = make().await;
    subject.database.execute(NARROW).await.unwrap();
    let alter = "CREATE FUNCTION alter_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.amount := new.amount + 0.001; RETURN new; END $$;
                 CREATE TRIGGER alter_it BEFORE INSERT ON kinds FOR EACH ROW EXECUTE FUNCTION alter_it()";
    subject.database.execute(alter).await.unwrap();
    let job = every_kind("kinds");
    let loading = staged(&subject, &job, 1, &[record("EUR", 1, "1.00", "2024-02-29T00:00:00", "")]).await;
    let (permit, staging) = (loading.permit().await, loading.staging().await);
    let mut promotion = loading.store.begin_promotion(loading.fence, &permit, &job).await.unwrap();
    promotion.insert().await.unwrap();
    let found = collect(promotion.read_final(0).await).await.unwrap();
    assert_ne!(found[0].bytes, staging[0].bytes);
    let text = String::from_utf8_lossy(&found[0].bytes).into_owned();
    assert!(text.contains("number 1.001"), "{text}");
}

/// A job whose every table is in a schema, and whose rule looks up a table in one.
fn in_schemas() -> Arc<Job> {
    let rule = "[[rule]]\nname = \"known\"\non_breach = \"hold\"\n\
                references = { fields = [\"account\"], table = 'bank.\"Known Accounts\"', columns = [\"acct no\"] }\n\
                [[rule]]\nname = \"balance\"\non_breach = \"warn\"\nbalance = { sum = \"amt\", by = [\"account\"], to = \"0\" }";
    let text = job(APPEND, rule)
        .text
        .replace("staging = \"stg_entries\"", "staging = \"work.stg_entries\"")
        .replace("final = \"entries\"", "final = 'bank.\"Daily Entries\"'\nrun_table = \"work.runs\"");
    Arc::new(Job::parse("in_schemas.toml", &text).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn tables_in_schemas_are_made_filled_read_and_purged_there() {
    let subject = make().await;
    let job = in_schemas();
    match subject.store.prepare(&job).await {
        Err(StoreError::TableDiffers { differences, .. }) => {
            assert!(differences[0].contains("no schema work"), "{differences:?}");
        }
        prepared => panic!("{prepared:?}"),
    }
    let made =
        "CREATE SCHEMA work; CREATE SCHEMA bank; CREATE TABLE bank.\"Known Accounts\" (\"acct no\" text);
                INSERT INTO bank.\"Known Accounts\" VALUES ('a'), ('b')";
    subject.database.execute(made).await.unwrap();
    // Tables of the same names elsewhere are others.
    subject
        .database
        .execute("CREATE TABLE \"Daily Entries\" (x int); CREATE TABLE stg_entries (x int)")
        .await
        .unwrap();
    let loading = Loading::begin(&subject.store, &job, 1).await;
    let records = vec![row(1, "a", "1.00"), row(2, "stranger", "2.00"), row(3, "b", "3.00")];
    let permit = loading.stage(&[records]).await;
    let breaches = loading.store.breaches(loading.run_id, &job, 0, 10).await.unwrap();
    assert_eq!(breaches.findings.len(), 1);
    let mut promotion = loading.store.begin_promotion(loading.fence, &permit, &job).await.unwrap();
    assert_eq!(promotion.insert().await.unwrap(), 2);
    let found = collect(promotion.read_final(0).await).await.unwrap();
    let kinds: Vec<_> = found.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [EntryKind::Row, EntryKind::Absent, EntryKind::Row]);
    promotion.commit(&[], "{}", conformance::entry(Some(loading.run_id), "promoted")).await.unwrap();
    for (sql, expected) in [
        ("SELECT count(*) FROM bank.\"Daily Entries\"", 2),
        ("SELECT count(*) FROM work.runs", 2),
        ("SELECT count(*) FROM work.stg_entries", 3),
        ("SELECT count(*) FROM pg_tables WHERE schemaname = 'work' AND tablename LIKE 'stg_entries_%'", 1),
        ("SELECT count(*) FROM stg_entries", 0),
    ] {
        assert_eq!(subject.database.count(sql).await.unwrap(), expected, "{sql}");
    }
    let shares = loading.store.worker_shares(loading.run_id, &job).await.unwrap();
    assert!(shares.iter().any(|share| share.table == 3), "{shares:?}");
    let staging = [TableName::parse("work.stg_entries").unwrap()];
    let log = conformance::entry(Some(loading.run_id), "purged");
    // Rows, breaches and findings.
    assert!(loading.store.remove(loading.fence, Parts::ROWS, &staging, log).await.unwrap() >= 3);
    assert_eq!(subject.database.count("SELECT count(*) FROM work.stg_entries").await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn what_would_lose_or_hide_rows_is_refused_before_anything_is_loaded() {
    let subject = make().await;
    let columns = "id bigint PRIMARY KEY, account text, amt numeric(38,2), last_run_id uuid";
    let table = [
        ("CREATE RULE lost AS ON INSERT TO entries DO INSTEAD NOTHING", "rule lost rewrites"),
        ("CREATE RULE also AS ON UPDATE TO entries DO ALSO SELECT 1", "rule also rewrites"),
        ("ALTER TABLE entries ALTER id ADD GENERATED ALWAYS AS IDENTITY", "GENERATED ALWAYS AS IDENTITY"),
        ("ALTER TABLE entries SET UNLOGGED", "unlogged"),
        ("ALTER TABLE entries ALTER amt TYPE real", "a float does not hold decimals exactly"),
        ("ALTER TABLE entries ALTER amt TYPE money", "money rounds"),
        (
            "ALTER TABLE entries DROP CONSTRAINT entries_pkey, ADD UNIQUE (id) DEFERRABLE",
            "primary key is none",
        ),
        (
            "ALTER TABLE entries DROP CONSTRAINT entries_pkey; CREATE UNIQUE INDEX ON entries (id) WHERE id > 5",
            "primary key is none",
        ),
    ];
    for (sql, says) in table {
        let made = format!("DROP TABLE IF EXISTS entries; CREATE TABLE entries ({columns}); {sql}");
        subject.database.execute(&made).await.unwrap();
        match subject.store.prepare(&job(APPEND, "")).await {
            Err(StoreError::TableDiffers { differences, .. }) => {
                assert!(differences.iter().any(|one| one.contains(says)), "{says}: {differences:?}");
            }
            prepared => panic!("{says}: {prepared:?}"),
        }
    }
    let two_names = job(APPEND, "").text.replace("\"stg_entries\"", "\"public.entries\"");
    let two_names = Job::parse("two.toml", &two_names).unwrap();
    subject.database.execute(&format!("DROP TABLE entries; CREATE TABLE entries ({columns})")).await.unwrap();
    assert!(matches!(subject.store.prepare(&two_names).await, Err(StoreError::TableDiffers { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_partitioned_table_takes_the_rows_of_a_job_that_lists_its_triggers() {
    let subject = make().await;
    let made = "CREATE TABLE entries (id bigint PRIMARY KEY, account text, amt numeric(38,2), last_run_id uuid)
                PARTITION BY RANGE (id);
                CREATE TABLE low PARTITION OF entries FOR VALUES FROM (0) TO (10);
                CREATE TABLE high PARTITION OF entries FOR VALUES FROM (10) TO (100); CREATE TABLE seen (n bigint)";
    subject.database.execute(made).await.unwrap();
    subject.database.execute(&(subject.audit)("entries", "INSERT INTO seen VALUES (1)")).await.unwrap();
    let listed =
        job(APPEND, "").text.replace("final = \"entries\"", "final = \"entries\"\ntriggers = [\"audit\"]");
    let listed = Arc::new(Job::parse("listed.toml", &listed).unwrap());
    let loading = Loading::begin(&subject.store, &listed, 1).await;
    assert_eq!(loading.promote(&[vec![row(1, "a", "1.00"), row(11, "b", "1.00")]]).await, 2);
    // Without room for a row the promotion is refused, and says so.
    let crowded = Loading::begin(&subject.store, &listed, 2).await;
    let permit = crowded.stage(&[vec![row(100, "a", "1.00")]]).await;
    let mut promotion = crowded.store.begin_promotion(crowded.fence, &permit, &listed).await.unwrap();
    match promotion.insert().await {
        Err(StoreError::FinalRefused { reason }) => assert!(reason.contains("no partition"), "{reason}"),
        inserted => panic!("{inserted:?}"),
    }
}
