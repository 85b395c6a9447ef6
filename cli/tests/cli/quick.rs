//! `crossfoot reconcile --quick`: totals only, and never the word of a whole comparison.

use rusqlite::Connection;

use super::desk::{Desk, csv};

/// A desk whose records another program loaded into `ledger` of `t.db`, which `damage` then changes.
fn desk(damage: &str) -> Desk {
    let desk =
        Desk::with(csv(&["1,2024-02-01,10.00,rent", "2,2024-02-02,-20.50,", "3,2024-02-03,0.01,\"\""]));
    let target = "\n[target]\ntable = \"ledger\"\n\n[limits]";
    desk.put("job.toml", super::desk::JOB.replace("\n[limits]", target));
    let load = "CREATE TABLE ledger (id INTEGER, booked_on TEXT, amount, text TEXT);
        INSERT INTO ledger VALUES (2, '2024-02-02', '-20.50', NULL), (3, '2024-02-03', '0.01', ''),
            (1, '2024-02-01', '10.00', 'rent');";
    Connection::open(desk.path("t.db")).unwrap().execute_batch(&format!("{load}{damage}")).unwrap();
    desk
}

const QUICK: [&str; 7] =
    ["reconcile", "job.toml", "--source", "in.csv", "--target", "sqlite:t.db", "--quick"];

#[test]
fn totals_that_agree_are_never_called_reconciled() {
    let desk = desk("");
    let ended = desk.run(&QUICK).exits(0);
    let ended = ended.prints(&[
        "TOTALS AGREE",
        "values were not compared",
        "What this does not see",
        "different keys",
    ]);
    assert!(!ended.out.to_uppercase().contains("RECONCILED"), "{}", ended.out);
    let json = desk.run(&[&QUICK[..], &["--json"]].concat()).exits(0).json();
    assert_eq!((json["quick"].as_bool(), json["outcome"].as_str()), (Some(true), Some("totals-agree")));
    let log = desk.run(&["audit", "log"]).exits(0);
    let log = log.prints(&["load-looked-at", "totals-agree"]);
    assert!(!log.out.contains("load-compared"), "{}", log.out);
    desk.run(&["audit", "verify"]).exits(0);
}

#[test]
fn what_totals_cannot_see_is_seen_by_the_comparison() {
    let changed_places =
        "UPDATE ledger SET amount = CASE id WHEN 1 THEN '-20.50' WHEN 2 THEN '10.00' ELSE amount END";
    for hidden in [changed_places, "UPDATE ledger SET text = 'tenr' WHERE id = 1"] {
        let desk = desk(hidden);
        desk.run(&QUICK).exits(0).prints(&["TOTALS AGREE"]);
        desk.run(&QUICK[..6]).exits(1).prints(&["NOT RECONCILED"]);
    }
}

#[test]
fn each_total_that_differs_is_named_and_exits_with_1() {
    for (damage, told) in [
        ("UPDATE ledger SET amount = '0.02' WHERE id = 3", "sum of amount, quick look"),
        ("UPDATE ledger SET text = NULL WHERE id = 3", "NULLs of text, quick look"),
        ("DELETE FROM ledger WHERE id = 2", "rows, quick look"),
        ("UPDATE ledger SET id = 1 WHERE id = 2", "different keys, quick look"),
        ("UPDATE ledger SET booked_on = '2024-02-04' WHERE id = 3", "highest booked_on, quick look"),
        ("UPDATE ledger SET booked_on = '01.02.2024' WHERE id = 3", "type of booked_on, quick look"),
    ] {
        let ended = desk(damage).run(&QUICK).exits(1);
        ended.prints(&["TOTALS DIFFER", told]);
    }
}

#[test]
fn floats_are_not_summed_and_what_totals_cannot_say_is_refused() {
    let floats = desk("UPDATE ledger SET amount = CAST(amount AS REAL)");
    floats.run(&QUICK).exits(0).prints(&["TOTALS AGREE", "floats cannot be summed exactly"]);
    floats.run(&[&QUICK[..], &["--differences", "d.csv"]].concat()).exits(2).says(&["--differences"]);
    let desk = desk("");
    let job = std::fs::read_to_string(desk.path("job.toml")).unwrap();
    desk.put("job.toml", job.replace("[limits]", "extra = \"allowed\"\n[limits]"));
    desk.run(&QUICK).exits(2).says(&["rows of other loads", "`filter`", "without --quick"]);
}

#[test]
fn a_database_and_a_file_are_looked_at_too() {
    let desk = desk("");
    std::fs::copy(desk.path("t.db"), desk.path("core.db")).unwrap();
    let from = ["reconcile", "job.toml", "--from", "sqlite:core.db", "--target", "sqlite:t.db", "--quick"];
    desk.run(&from).exits(0).prints(&["TOTALS AGREE", "3 rows"]);
    Connection::open(desk.path("core.db")).unwrap().execute_batch("DELETE FROM ledger").unwrap();
    Connection::open(desk.path("t.db")).unwrap().execute_batch("DELETE FROM ledger").unwrap();
    desk.run(&from).exits(1).prints(&["TOTALS DIFFER", "the source is empty"]);
    desk.put("landed.csv", std::fs::read(desk.path("in.csv")).unwrap());
    desk.put_job("landed.toml", &[]);
    let file = ["reconcile", "job.toml", "--source", "in.csv", "--target", "landed.csv"];
    desk.run(&[&file[..], &["--target-job", "landed.toml", "--quick"]].concat())
        .exits(0)
        .prints(&["TOTALS AGREE"]);
}
