//! `attest PACK` without the source: whether a copy has the content that final had, by the numbers of its rows' records.

use rusqlite::Connection;

use super::desk::{Desk, csv};
use super::rows::bad_orders;

const ATTEST: [&str; 8] = [
    "attest",
    "run.pack",
    "--target",
    "sqlite:copy.db",
    "--store",
    "sqlite:other.db",
    "--pack-key",
    "me.pub",
];

/// The pack of the desk's last run, and a copy of what it loaded.
fn copied(desk: &Desk) -> Connection {
    desk.run(&["audit", "keygen", "-o", "me"]).exits(0);
    desk.run(&["audit", "export", "last", "--key", "me.key", "-o", "run.pack"]).exits(0);
    std::fs::copy(desk.path("crossfoot.db"), desk.path("copy.db")).unwrap();
    Connection::open(desk.path("copy.db")).unwrap()
}

/// A run of [`super::desk::JOB`] with these changes, its pack, and a copy.
fn loaded(rows: &[&str], changes: &[(&str, &str)]) -> (Desk, Connection) {
    let desk = Desk::with(csv(rows));
    desk.put_job("job.toml", changes);
    desk.load().exits(0);
    let copy = copied(&desk);
    (desk, copy)
}

const THREE: [&str; 3] = ["1,2024-02-01,10.00,rent", "2,2024-02-02,-20.50,", "3,2024-02-03,0.01,x"];

#[test]
fn one_altered_text_is_found_although_counts_and_sums_agree() {
    let (desk, copy) = loaded(&THREE, &[]);
    let whole = desk.run(&ATTEST).exits(0).prints(&[
        "CONTENT AGREES",
        "fingerprint of the run's rows",
        "which record or row a difference is in",
    ]);
    assert!(!whole.out.contains("RECONCILED") && !whole.out.contains("TOTALS"), "{whole}");
    for (damage, repair) in [
        ("UPDATE postings SET text = 'rant' WHERE id = 1", "UPDATE postings SET text = 'rent' WHERE id = 1"),
        ("UPDATE postings SET text = 'rent ' WHERE id = 1", "UPDATE postings SET text = 'rent' WHERE id = 1"),
        ("UPDATE postings SET text = '' WHERE id = 2", "UPDATE postings SET text = NULL WHERE id = 2"),
        (
            "UPDATE postings SET booked_on = '2024-02-02' WHERE id = 3",
            "UPDATE postings SET booked_on = '2024-02-03' WHERE id = 3",
        ),
        // Values that changed places, and two errors that cancel out.
        (
            "UPDATE postings SET amount = CASE id WHEN 1 THEN '0.01' ELSE '10.00' END WHERE id IN (1, 3)",
            "UPDATE postings SET amount = CASE id WHEN 3 THEN '0.01' ELSE '10.00' END WHERE id IN (1, 3)",
        ),
        (
            "UPDATE postings SET last_record_no = 4 - last_record_no",
            "UPDATE postings SET last_record_no = 4 - last_record_no",
        ),
    ] {
        copy.execute_batch(damage).unwrap();
        let report = desk.run(&[&ATTEST[..], &["--json"]].concat()).exits(1).json();
        assert_eq!(report["outcome"], "content-differs", "{damage}");
        let checks = report["checks"].as_array().unwrap();
        let failed: Vec<_> = checks.iter().filter(|check| check["verdict"] == "fail").collect();
        assert_eq!(failed.len(), 1, "{damage}: {failed:?}");
        assert_eq!(failed[0]["name"], "fingerprint of the run's rows", "{damage}");
        copy.execute_batch(repair).unwrap();
        desk.run(&ATTEST).exits(0).prints(&["CONTENT AGREES"]);
    }
    // Rows that name no record, or one that another names, are no rows of the run, whatever they hold.
    for (damage, found) in [
        ("UPDATE postings SET last_record_no = 1 WHERE id = 2", 1),
        ("UPDATE postings SET last_record_no = 4 WHERE id = 2", 1),
        ("UPDATE postings SET last_record_no = -1", 3),
    ] {
        copy.execute_batch(&format!("SAVEPOINT whole; {damage}; RELEASE whole")).unwrap();
        let said = format!("rows of no record: expected 0, found {found}");
        desk.run(&ATTEST).exits(1).prints(&["CONTENT DIFFERS", &said]);
        copy.execute_batch("UPDATE postings SET last_record_no = id").unwrap();
    }
    copy.execute_batch(
        "INSERT INTO postings SELECT 9, booked_on, '0.00', text, last_run_id, 1 FROM postings WHERE id = 1",
    )
    .unwrap();
    desk.run(&ATTEST).exits(1).prints(&["rows of the run: expected 3, found 4", "rows of no record"]);
    let sql = Connection::open(desk.path("other.db")).unwrap();
    let detail = "SELECT detail FROM crossfoot_event WHERE kind = 'load-looked-at' ORDER BY seq LIMIT 1";
    let detail: String = sql.query_row(detail, [], |row| row.get(0)).unwrap();
    assert!(detail.contains("\"content\":{\"compared\":true}"), "{detail}");
}

#[test]
fn a_copy_whose_rows_name_no_records_has_only_totals() {
    let (desk, copy) = loaded(&THREE, &[]);
    copy.execute_batch("ALTER TABLE postings DROP COLUMN last_record_no; UPDATE postings SET text = 'other'")
        .unwrap();
    let ended = desk.run(&ATTEST).exits(0);
    let ended = ended.prints(&[
        "TOTALS AGREE",
        "values were not compared",
        "Content was not compared: the rows of postings do not name their records",
        "last_record_no",
    ]);
    assert!(!ended.out.contains("CONTENT") && !ended.out.contains("fingerprint of"), "{ended}");
    let report = desk.run(&[&ATTEST[..], &["--json"]].concat()).exits(0).json();
    assert_eq!((&report["outcome"], &report["content"]["compared"]), (&"totals-agree".into(), &false.into()));
    copy.execute_batch("UPDATE postings SET amount = '10.01' WHERE id = 1").unwrap();
    desk.run(&ATTEST).exits(1).prints(&["TOTALS DIFFER", "Content was not compared"]);
}

#[test]
fn what_the_fingerprint_does_not_cover_is_named() {
    let hashed = "mode = \"append\"\nhash = [\"id\", \"amount\"]";
    let (desk, copy) = loaded(&THREE, &[("mode = \"append\"", hashed)]);
    copy.execute_batch("UPDATE postings SET text = 'other'").unwrap();
    desk.run(&ATTEST)
        .exits(0)
        .prints(&["CONTENT AGREES", "values of fields that the fingerprint does not cover: booked_on, text"]);
    copy.execute_batch("UPDATE postings SET id = 4 WHERE id = 3").unwrap();
    desk.run(&ATTEST).exits(1).prints(&["CONTENT DIFFERS"]);
}

#[test]
fn records_that_are_not_in_final_are_no_difference() {
    // A reject, a record that a later one replaces, and one that a rule holds back.
    let rows = [
        "1,2024-02-01,10.00,rent",
        "x,2024-02-01,10.00,rent",
        "2,2024-02-02,-20.50,",
        "1,2024-02-01,11.00,later",
        "3,2024-02-03,5000.00,x",
        "4,2024-02-03,5.00,x",
    ];
    let changes = [
        ("mode = \"append\"", "mode = \"upsert\""),
        ("holds = \"abs(amount) <= 1000.00\"", "holds = \"abs(amount) <= 1000.00\"\non_breach = \"hold\""),
        ("rejects = 0", "rejects = 1"),
    ];
    let (desk, copy) = loaded(&rows, &changes);
    assert_eq!(desk.final_rows(), 3);
    desk.run(&ATTEST).exits(0).prints(&["CONTENT AGREES"]);
    copy.execute_batch("UPDATE postings SET text = 'rent' WHERE id = 1").unwrap();
    desk.run(&ATTEST).exits(1).prints(&["CONTENT DIFFERS"]);
}

#[test]
fn several_record_types_with_parents_elements_and_rejects_have_one_fingerprint() {
    let desk = bad_orders();
    drop(copied(&desk));
    desk.run(&ATTEST).exits(0).prints(&["CONTENT AGREES"]);
    for damage in [
        "UPDATE line SET sku = 'AB99' WHERE last_record_no = (SELECT min(last_record_no) FROM line)",
        "UPDATE tax SET parent_record_no = parent_record_no + 1 WHERE last_record_no = (SELECT max(last_record_no) FROM tax)",
        "UPDATE slot SET last_record_no = last_record_no + 1000 WHERE last_record_no = (SELECT max(last_record_no) FROM slot)",
    ] {
        std::fs::copy(desk.path("crossfoot.db"), desk.path("copy.db")).unwrap();
        Connection::open(desk.path("copy.db")).unwrap().execute_batch(damage).unwrap();
        desk.run(&ATTEST).exits(1).prints(&["CONTENT DIFFERS", "fingerprint of the run's rows"]);
    }
}
