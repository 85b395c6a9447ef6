//! Staging damaged by plain SQL between its proof and the approval: every kind of damage is found, named by record,
//! field, both values and worker, and nothing reaches final.

use coordinator::run::{Drive, Ending};
use domain::check::Stage;
use domain::finding::{Difference, Finding};
use domain::ids::RunId;
use tests::fleet::{Bench, Ended};
use tests::jobs;
use tests::ledger::{Ledger, Posting};

/// 40 postings in chunks of ten. Record 12 and record 13 are in chunk 1 and hold what the tests change.
fn ledger() -> Ledger {
    let mut ledger = Ledger::random(30, 40);
    let plain = |posting: &mut Posting, cents: i128, text: Option<&str>| {
        posting.cents = cents;
        posting.quantity = None;
        posting.text = text.map(Into::into);
    };
    plain(&mut ledger.0[11], 1999, Some(""));
    plain(&mut ledger.0[12], -50, None);
    plain(&mut ledger.0[13], 700, Some("Rent"));
    ledger
}

struct Damaged {
    bench: Bench,
    ended: Ended,
    findings: Vec<Finding>,
}

async fn staged() -> (Bench, RunId) {
    let bench = Bench::new().await;
    // Records 21 and 31 are rejects.
    let lines = String::from_utf8(ledger().csv()).unwrap();
    let spoiled = lines.replacen("\n21,", "\nxx,", 1).replacen("\n31,", "\nyy,", 1);
    assert_ne!(lines.len(), spoiled.replace("xx", "x").len());
    let job = jobs::ledger().and("[limits]\nrejects = 2\n[[rule]]\nname = \"has a text\"\nholds = \"text IS NOT NULL\"\non_breach = \"hold\"");
    let run_id = bench.stage(&job, spoiled.as_bytes()).await;
    (bench, run_id)
}

async fn damaged(sql: &str) -> Damaged {
    let (bench, run_id) = staged().await;
    bench.execute(sql);
    let ended = bench.approve(run_id).await.not_reconciled();
    assert_eq!(bench.final_rows(), 0, "{sql}");
    let findings = bench.findings(run_id).await;
    assert!(!findings.is_empty(), "{sql}: nothing is named; {:#?}", ended.failed());
    Damaged { bench, ended, findings }
}

impl Damaged {
    /// What was found, as a person would say it: difference, chunk, record, field, both values.
    fn told(&self) -> Vec<String> {
        let told = |finding: &Finding| {
            let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
            let (field, expected, actual) =
                (text(&finding.field), text(&finding.expected), text(&finding.actual));
            format!(
                "{} | {} | {} | {field} | {expected} | {actual}",
                finding.difference.name(),
                finding.chunk_no,
                finding.record_no
            )
        };
        self.findings.iter().map(told).collect()
    }

    fn failed(&self) -> Vec<&str> {
        self.ended.failed().iter().map(|check| check.name.as_str()).collect()
    }

    fn writer(&self, chunk_no: u64) -> i64 {
        self.bench.number(&format!("SELECT writer_id FROM crossfoot_chunk WHERE chunk_no = {chunk_no}"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staging_that_nobody_touched_is_promoted() {
    let (bench, run_id) = staged().await;
    let ended = bench.approve(run_id).await.promoted();
    assert!(ended.report.findings.iter().all(|finding| finding.difference == Difference::Rule));
    assert_eq!(bench.final_rows(), 38 - ended.report.balance.unwrap().held.cast_signed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_value_is_named_with_its_record_field_both_values_and_writer() {
    let table = [
        ("amount = '20.00'", "amount | 19.99 | 20.00"),
        ("amount = '19.990'", "amount | 19.99 | 19.990"),
        ("text = NULL", "text | '' | NULL"),
        ("text = ' '", "text | '' | ' '"),
        ("account = account || ' '", ""),
        ("quantity = 0", "quantity | NULL | 0"),
        ("booked_on = '2024-02-30'", ""),
        ("checked = 2", ""),
    ];
    for (change, told) in table {
        let damaged = damaged(&format!("UPDATE stg_ledger SET {change} WHERE record_no = 12")).await;
        let named = damaged.told();
        assert_eq!(named.len(), 1, "{change}: {named:#?}");
        assert!(
            named[0].starts_with("field differs | 1 | 12 | ") && named[0].ends_with(told),
            "{change}: {named:#?}"
        );
        let finding = &damaged.findings[0];
        assert_eq!(finding.stage, Stage::Staging);
        assert_eq!(i64::from(finding.worker_id.unwrap().0), damaged.writer(1), "{change}");
        assert!(damaged.failed().contains(&"fingerprint, source to staging"), "{change}");
    }
    let cent = damaged("UPDATE stg_ledger SET amount = '20.00' WHERE record_no = 12").await;
    assert_eq!(cent.ended.check("sum of amount, source to staging").discrepancy, "+0.01");
    let to_empty = damaged("UPDATE stg_ledger SET text = '' WHERE record_no = 13").await;
    assert_eq!(to_empty.told(), ["field differs | 1 | 13 | text | NULL | ''"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_of_another_type_is_found_even_if_it_prints_the_same() {
    // STRICT tables refuse such values, so the table is made anew without STRICT, as another tool might have
    let loosen = "CREATE TABLE loose AS SELECT * FROM stg_ledger; DROP TABLE stg_ledger;
        CREATE TABLE stg_ledger (run_id, chunk_no, record_no, worker_id, id, account, booked_on, amount, quantity, text, checked, booked_at, token);
        INSERT INTO stg_ledger SELECT * FROM loose;";
    for (change, told) in [
        (
            "amount = CAST('19.99' AS BLOB)",
            "amount | 19.99 | blob x\\'31392e3939\\' (not of the column's type)",
        ),
        ("amount = 19.99", "amount | 19.99 | real 19.99 (not of the column's type)"),
        ("id = '12'", "id | 12 | text \\'12\\' (not of the column's type)"),
        ("token = CAST(token AS TEXT)", ""),
    ] {
        let damaged = damaged(&format!("{loosen} UPDATE stg_ledger SET token = x'00' WHERE record_no = 12; UPDATE stg_ledger SET {change} WHERE record_no = 12")).await;
        assert!(
            damaged.told().iter().any(|told_of| told_of.ends_with(told)),
            "{change}: {:#?}",
            damaged.told()
        );
        assert!(damaged.findings.iter().all(|finding| finding.record_no.0 == 12), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_values_that_changed_places_are_found_though_the_sum_is_right() {
    let damaged = damaged(
        "UPDATE stg_ledger SET amount = CASE record_no WHEN 12 THEN '7.00' ELSE '19.99' END WHERE record_no IN (12, 14)",
    )
    .await;
    assert_eq!(
        damaged.told(),
        ["field differs | 1 | 12 | amount | 19.99 | 7.00", "field differs | 1 | 14 | amount | 7.00 | 19.99"]
    );
    assert_eq!(damaged.failed(), ["chunks as committed", "fingerprint, source to staging"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_row_is_named_with_who_wrote_it() {
    let damaged = damaged("DELETE FROM stg_ledger WHERE record_no = 12").await;
    assert_eq!(damaged.told(), ["missing | 1 | 12 | - | id 12 | not there"]);
    assert_eq!(i64::from(damaged.findings[0].worker_id.unwrap().0), damaged.writer(1));
    assert_eq!(damaged.ended.check("staging rows").discrepancy, "-1");
    assert!(damaged.failed().contains(&"writers agree"));
}

const COLUMNS: &str = "id, account, booked_on, amount, quantity, text, checked, booked_at, token";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_there_twice_is_found_wherever_the_copy_is_booked() {
    // chunk and record number of the copy, and what is said of it
    let table = [
        (1, 41, "extra | 1 | 41 | - | - | a copy of record 12"),
        (3, 12, "extra | 3 | 12 | - | - | a row with id 12"),
        (2, 21, "extra | 2 | 21 | - | - | "),
        (7, 99, "extra | 7 | 99 | - | - | "),
    ];
    for (chunk_no, record_no, told) in table {
        let copy = format!(
            "INSERT INTO stg_ledger (run_id, chunk_no, record_no, worker_id, {COLUMNS})
             SELECT run_id, {chunk_no}, {record_no}, worker_id, {COLUMNS} FROM stg_ledger WHERE record_no = 12 AND chunk_no = 1"
        );
        let damaged = damaged(&copy).await;
        assert!(
            damaged.told().iter().any(|told_of| told_of.starts_with(told)),
            "{chunk_no} {record_no}: {:#?}",
            damaged.told()
        );
        assert_eq!(damaged.ended.check("staging rows").discrepancy, "+1");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_booked_on_another_worker_or_another_chunk_is_found() {
    let other = damaged("UPDATE stg_ledger SET worker_id = worker_id + 100 WHERE record_no = 12").await;
    let writer = other.writer(1);
    assert_eq!(
        other.told(),
        [format!("wrong worker | 1 | 12 | worker_id | worker {writer} | worker {}", writer + 100)]
    );
    assert_eq!(other.failed(), ["chunks as committed", "writers agree"]);
    let moved = damaged("UPDATE stg_ledger SET chunk_no = 2 WHERE record_no = 12").await;
    assert_eq!(
        moved.told(),
        ["missing | 1 | 12 | - | id 12 | not there", "extra | 2 | 12 | - | - | a row with id 12"]
    );
    let chunk = damaged("UPDATE stg_ledger SET chunk_no = 9 WHERE chunk_no = 1").await;
    assert_eq!(chunk.findings.iter().filter(|finding| finding.difference == Difference::Missing).count(), 10);
    assert_eq!(chunk.findings.iter().filter(|finding| finding.difference == Difference::Extra).count(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_exchange_rows_one_for_one_are_found() {
    let (bench, run_id) = staged().await;
    let writers = bench.number("SELECT count(DISTINCT writer_id) FROM crossfoot_chunk");
    if writers < 2 {
        bench.execute("UPDATE stg_ledger SET worker_id = 77 WHERE record_no = 12");
    } else {
        // One row of each writer is booked on the other: every count per worker stays as it was.
        bench.execute(
            "CREATE TABLE pair AS SELECT min(record_no) AS record_no, worker_id FROM stg_ledger GROUP BY worker_id LIMIT 2;
             UPDATE stg_ledger SET worker_id = (SELECT p.worker_id FROM pair p WHERE p.record_no <> stg_ledger.record_no)
             WHERE record_no IN (SELECT record_no FROM pair)",
        );
    }
    let ended = bench.approve(run_id).await;
    assert_eq!((ended.ending, bench.final_rows()), (Ending::NotReconciled, 0));
    assert!(bench.findings(run_id).await.iter().all(|finding| finding.difference == Difference::Worker));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reject_that_was_deleted_or_altered_is_found() {
    let deleted = damaged("DELETE FROM crossfoot_reject WHERE record_no = 21").await;
    assert_eq!(deleted.told(), ["missing | 2 | 21 | - | - | not there"]);
    assert!(deleted.failed().contains(&"rejects kept"));
    let altered =
        damaged("UPDATE crossfoot_reject SET raw = CAST(raw || x'20' AS BLOB) WHERE record_no = 21").await;
    assert_eq!((altered.findings.len(), altered.findings[0].difference), (1, Difference::RawBytes));
    assert_eq!(altered.findings[0].record_no.0, 21);
    let other = damaged("UPDATE crossfoot_reject SET worker_id = 99 WHERE record_no = 21").await;
    assert_eq!((other.findings.len(), other.findings[0].difference), (1, Difference::Worker));
    let invented = damaged("INSERT INTO crossfoot_reject SELECT run_id, 0, 5, 0, worker_id, raw FROM crossfoot_reject WHERE record_no = 21").await;
    assert!(invented.findings.iter().all(|finding| finding.record_no.0 == 5), "{:#?}", invented.told());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breach_that_was_deleted_cannot_let_its_record_through() {
    let (bench, run_id) = staged().await;
    bench.execute("DELETE FROM crossfoot_breach WHERE record_no = 13");
    let ended = bench.approve(run_id).await.not_reconciled();
    assert!(ended.failed().iter().any(|check| check.name == "breaches kept"));
    assert_eq!(bench.final_rows(), 0);
    // AND one that was put on another record in its place, so that the number is right, neither
    let (bench, run_id) = staged().await;
    bench.execute("UPDATE crossfoot_breach SET record_no = 12 WHERE record_no = 13");
    let ended = bench.approve(run_id).await;
    assert_eq!((ended.ending, bench.final_rows()), (Ending::NotReconciled, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_was_altered_to_fit_damaged_staging_is_found_by_the_source() {
    // whoever edits the ledger's figures too still has the digests against them
    for sql in [
        "UPDATE crossfoot_chunk SET accepted = accepted - 1, records_in = records_in - 1, records = records - 1 WHERE chunk_no = 1; DELETE FROM stg_ledger WHERE record_no = 20",
        "UPDATE crossfoot_chunk SET sums = replace(sums, '.', '.') , accepted = accepted + 1 WHERE chunk_no = 1",
        "UPDATE crossfoot_chunk SET tree = (SELECT tree FROM crossfoot_chunk WHERE chunk_no = 1) WHERE chunk_no = 2",
        "UPDATE crossfoot_chunk SET bytes_in = bytes_in - 1 WHERE chunk_no = 1",
        "UPDATE crossfoot_chunk SET processor_id = 99 WHERE chunk_no = 1",
        "UPDATE crossfoot_chunk SET writer_id = 99 WHERE chunk_no = 1",
        "UPDATE crossfoot_chunk SET offset_bytes = offset_bytes + 1 WHERE chunk_no = 1",
        "UPDATE crossfoot_chunk SET state = 'split' WHERE chunk_no = 1",
        "DELETE FROM crossfoot_chunk WHERE chunk_no = 1",
        "DELETE FROM crossfoot_chunk WHERE chunk_no = 1; DELETE FROM stg_ledger WHERE chunk_no = 1",
        "UPDATE crossfoot_report SET accepted = accepted + 1 WHERE chunk_no = 1 AND role = 'writer'",
        "DELETE FROM crossfoot_report WHERE chunk_no = 1 AND role = 'processor'",
    ] {
        let (bench, run_id) = staged().await;
        bench.execute(sql);
        let ended = bench.approve(run_id).await;
        assert_eq!((ended.ending, bench.final_rows()), (Ending::NotReconciled, 0), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_text_was_altered_in_the_store_is_not_carried_out() {
    for change in
        ["replace(body, 'rejects = 2', 'rejects = 9')", "replace(body, 'text IS NOT NULL', '1 = 1')"]
    {
        let (bench, run_id) = staged().await;
        bench.execute(&format!("UPDATE crossfoot_job SET body = {change}"));
        // Who may approve is the job's to say, so that it is read before that.
        let error = bench.coordinator().approve(run_id, None).await.unwrap_err();
        assert!(error.to_string().contains("was altered"), "{error}");
        let how = Drive { approved: true, ..Drive::default() };
        let error = bench.drive_with(&bench.coordinator(), run_id, &how).await.unwrap_err();
        assert!(error.to_string().contains("was altered"), "{error}");
        assert_eq!(bench.final_rows(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_was_altered_while_the_run_was_paused_is_not_believed() {
    for damage in [
        "UPDATE crossfoot_chunk SET rejected_sums = '[\"1.00\",\"0\"]' WHERE chunk_no = 1",
        "UPDATE crossfoot_chunk SET records = 900000000000000000 WHERE chunk_no = 1",
        "UPDATE crossfoot_chunk SET sums = '[\"0.00\",\"0\"]' WHERE chunk_no = 1",
    ] {
        let bench = Bench::new().await;
        let run_id = bench.stage(&jobs::ledger(), &Ledger::random(3, 40).csv()).await;
        bench.execute(damage);
        bench.approve(run_id).await.not_reconciled();
        assert_eq!(bench.final_rows(), 0, "{damage}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_no_class_has_fail_the_run_by_their_invariant() {
    let (bench, run_id) = staged().await;
    // As a decoder would count that reads more bytes than there are; and one that reads none.
    bench.execute(
        "UPDATE crossfoot_chunk SET byte_shares = replace(byte_shares, '\"fields\":', '\"fields\":1') WHERE chunk_no = 1",
    );
    let ended = bench.approve(run_id).await.not_reconciled();
    let failed: Vec<_> = ended.failed().iter().map(|check| check.name.clone()).collect();
    let expected =
        ["every byte accounted for", "bytes accounted for, chunk by chunk", "chunks, source decoded again"];
    assert_eq!(failed, expected);
    assert!(ended.failed()[1].message.contains("the first is chunk 1"), "{:?}", ended.failed()[1]);
    assert_eq!(bench.final_rows(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_that_an_earlier_version_committed_is_a_warning_and_no_more() {
    let (bench, run_id) = staged().await;
    bench.execute("UPDATE crossfoot_chunk SET byte_shares = NULL WHERE chunk_no = 1");
    let ended = bench.approve(run_id).await.promoted();
    let bytes = ended.report.bytes.as_ref().unwrap();
    assert_eq!((bytes.chunks_uncounted, bytes.chunks_off, bytes.holds()), (1, 0, false));
}
