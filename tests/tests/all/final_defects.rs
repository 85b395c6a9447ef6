//! Final damaged inside the promotion's own window, by triggers on the final table: whatever they do, final is left as
//! it was, and the record and field are named.

use coordinator::run::Drive;
use domain::check::{Stage, Verdict};
use tests::fleet::{Bench, Ended};
use tests::jobs;
use tests::ledger::Ledger;

/// The rows of final, all columns.
fn rows(bench: &Bench) -> Vec<String> {
    let sql = bench.sql();
    let query = "SELECT json_array(id, account, booked_on, amount, quantity, text, checked, booked_at, hex(token), last_run_id) FROM ledger ORDER BY id";
    let mut statement = sql.prepare(query).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Loads 30 postings over 5 that are there already (numbers 1001 to 1005), with `trigger` on final.
async fn promoted_under(mode: &str, trigger: &str) -> (Bench, Ended) {
    let bench = Bench::new().await;
    let job = jobs::ledger().record(&format!("key = [\"id\"]\namounts = [\"amount\"]\nmode = \"{mode}\""));
    let mut earlier = Ledger::random(40, 5);
    (1001..).zip(&mut earlier.0).for_each(|(id, posting)| posting.id = id);
    bench.load(&job, &earlier.csv()).await.promoted();
    let before = rows(&bench);
    let mut ledger = Ledger::random(41, 30);
    (ledger.0[6].cents, ledger.0[7].cents) = (1000, 2000);
    let request = bench.request(&job, &ledger.csv());
    bench.execute(trigger);
    let run_id = bench.open(&request).await.unwrap();
    let ended = bench.drive(run_id, &Drive::default()).await.not_reconciled();
    assert_eq!(rows(&bench), before, "{trigger}");
    assert!(
        ended.failed().iter().all(|check| check.stage == Stage::Final),
        "{trigger}: {:#?}",
        ended.failed()
    );
    (bench, ended)
}

/// Record, field and both values of each finding.
fn told(ended: &Ended) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let findings = ended.report.findings.iter();
    findings
        .map(|finding| {
            assert_eq!(finding.stage, Stage::Final);
            format!(
                "{} {} {} {} {}",
                finding.difference.name(),
                finding.record_no,
                text(&finding.field),
                text(&finding.expected),
                text(&finding.actual)
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_changes_a_value_is_found_with_record_field_and_both_values() {
    for mode in ["append", "upsert"] {
        let (_, ended) = promoted_under(
            mode,
            "CREATE TRIGGER t AFTER INSERT ON ledger WHEN new.id = 7 BEGIN UPDATE ledger SET amount = '10.01' WHERE id = 7; END",
        )
        .await;
        assert_eq!(told(&ended), ["field differs 7 amount 10.00 10.01"]);
        assert_eq!(ended.check("sum of amount, staging to final").discrepancy, "+0.01");
    }
    let (_, ended) = promoted_under(
        "append",
        "CREATE TRIGGER t AFTER INSERT ON ledger WHEN new.id = 7 BEGIN UPDATE ledger SET text = 'x' WHERE id = 7; END",
    )
    .await;
    assert!(told(&ended)[0].starts_with("field differs 7 text "), "{:?}", told(&ended));
    assert_eq!(ended.check("fingerprint, staging to final").verdict, Verdict::Fail);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_drops_a_row_is_found() {
    for trigger in [
        "CREATE TRIGGER t BEFORE INSERT ON ledger WHEN new.id = 7 BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TRIGGER t AFTER INSERT ON ledger WHEN new.id = 7 BEGIN DELETE FROM ledger WHERE id = 7; END",
    ] {
        let (_, ended) = promoted_under("append", trigger).await;
        assert_eq!(told(&ended), ["missing 7 - id 7 not there"], "{trigger}");
        assert_eq!(ended.check("final rows").discrepancy, "-1");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_exchanges_two_values_is_found_though_the_sum_is_right() {
    let (_, ended) = promoted_under(
        "append",
        "CREATE TRIGGER t AFTER INSERT ON ledger WHEN new.id = 8 BEGIN
             UPDATE ledger SET amount = CASE id WHEN 7 THEN '20.00' ELSE '10.00' END WHERE id IN (7, 8); END",
    )
    .await;
    assert_eq!(told(&ended), ["field differs 7 amount 10.00 20.00", "field differs 8 amount 20.00 10.00"]);
    assert_eq!(ended.check("sum of amount, staging to final").verdict, Verdict::Pass);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_touches_other_rows_is_found_by_how_many_changed() {
    let copy = "INSERT INTO ledger SELECT id + 5000, account, booked_on, amount, quantity, text, checked, booked_at, token, last_run_id, last_record_no FROM ledger WHERE id = 7;";
    let table = [
        // a row more, of this run or of another
        (copy.to_owned(), "+1"),
        (copy.replace("last_run_id FROM", "'other' FROM"), "+1"),
        // an earlier run's row deleted or changed
        ("DELETE FROM ledger WHERE id = 1001;".into(), "+1"),
        ("UPDATE ledger SET amount = '0.00' WHERE id = 1001;".into(), "+1"),
        // one more and one less
        (format!("{copy} DELETE FROM ledger WHERE id = 1001;"), "+2"),
        // a row of another table
        ("INSERT INTO elsewhere VALUES (1);".into(), "+1"),
    ];
    for (action, discrepancy) in table {
        let trigger = format!(
            "CREATE TABLE elsewhere (n); CREATE TRIGGER t AFTER INSERT ON ledger WHEN new.id = 7 BEGIN {action} END"
        );
        let (bench, ended) = promoted_under("append", &trigger).await;
        assert_eq!(ended.check("rows changed by the promotion").discrepancy, discrepancy, "{action}");
        assert_eq!(bench.number("SELECT count(*) FROM elsewhere"), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_drops_one_row_and_adds_another_is_found() {
    let (_, ended) = promoted_under(
        "append",
        "CREATE TRIGGER t BEFORE INSERT ON ledger WHEN new.id = 7 BEGIN
             INSERT INTO ledger VALUES (5007, new.account, new.booked_on, new.amount, new.quantity, new.text, new.checked, new.booked_at, new.token, new.last_run_id, new.last_record_no);
             SELECT RAISE(IGNORE); END",
    )
    .await;
    // THEN neither the number of rows nor the number of changes gives it away, but the records do
    assert_eq!(ended.check("rows changed by the promotion").verdict, Verdict::Pass);
    assert_eq!(told(&ended), ["missing 7 - id 7 not there"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_final_table_that_refuses_a_row_leaves_nothing_and_another_run_succeeds_without_the_cause() {
    let bench = Bench::new().await;
    let ledger = Ledger::random(42, 30);
    let request = bench.request(&jobs::ledger(), &ledger.csv());
    let run_id = bench.open(&request).await.unwrap();
    bench.execute("CREATE TRIGGER t BEFORE INSERT ON ledger WHEN new.id = 7 BEGIN SELECT RAISE(ABORT, 'no sevens here'); END");
    let ended = bench.drive(run_id, &Drive::default()).await.not_reconciled();
    assert!(ended.check("rows taken by final").message.contains("no sevens here"));
    assert_eq!(bench.final_rows(), 0);
    bench.execute("DROP TRIGGER t");
    bench.run(&request).await.promoted();
    assert_eq!(bench.final_rows(), 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_final_table_that_may_replace_other_rows_is_refused() {
    let bench = Bench::new().await;
    let request = bench.request(&jobs::ledger(), &Ledger::random(42, 30).csv());
    let run_id = bench.open(&request).await.unwrap();
    let sql: String = bench
        .sql()
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'ledger'", [], |row| row.get(0))
        .unwrap();
    let replacing = sql.replacen("\"account\"", "\"account\" TEXT UNIQUE ON CONFLICT REPLACE, --", 1);
    assert_ne!(sql, replacing);
    bench.execute(&format!("DROP TABLE ledger; {replacing}"));
    let error = bench.drive_with(&bench.coordinator(), run_id, &Drive::default()).await.unwrap_err();
    assert!(error.to_string().contains("ON CONFLICT"), "{error}");
    assert_eq!(bench.final_rows(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_runs_on_the_same_bytes_one_is_promoted() {
    // GIVEN two runs that both came past the first look, as two that start at once do
    let bench = Bench::new().await;
    let keyless = jobs::ledger().record("amounts = [\"amount\"]");
    let request = bench.request(&keyless, &Ledger::random(7, 30).csv());
    let first = bench.open(&request).await.unwrap();
    let again = coordinator::open::RunRequest { again: true, ..request };
    let second = bench.open(&again).await.unwrap();
    bench.execute("UPDATE crossfoot_run SET again = 0");
    // WHEN both are driven
    bench.drive(first, &Drive::default()).await.promoted();
    let ended = bench.drive(second, &Drive::default()).await.not_reconciled();
    // THEN the second is refused
    assert!(!ended.failed().is_empty());
    assert_eq!(bench.final_rows(), 30);
}
