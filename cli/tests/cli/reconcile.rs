//! `crossfoot reconcile`: the load of another program, compared with its source.

use rusqlite::Connection;

use super::desk::{Desk, csv};

const TARGET: &str = "\n[target]\ntable = \"ledger\"\ncolumns = { text = \"narrative\" }\n";

/// A desk whose records another program loaded into `ledger` of `t.db`, which `damage` then changes.
fn desk(damage: &str) -> Desk {
    let desk =
        Desk::with(csv(&["1,2024-02-01,10.00,rent", "2,2024-02-02,-20.50,", "3,2024-02-03,0.01,\"\""]));
    desk.put("job.toml", super::desk::JOB.replace("\n[limits]", &format!("{TARGET}\n[limits]")));
    let sql = Connection::open(desk.path("t.db")).unwrap();
    let load = "CREATE TABLE ledger (id INTEGER, booked_on TEXT, amount TEXT, narrative TEXT, loaded_by TEXT);
        INSERT INTO ledger VALUES (2, '2024-02-02', '-20.50', NULL, 'etl'), (3, '2024-02-03', '0.01', '', 'etl'),
            (1, '2024-02-01', '10.00', 'rent', 'etl');";
    sql.execute_batch(&format!("{load}{damage}")).unwrap();
    desk
}

const RECONCILE: [&str; 6] = ["reconcile", "job.toml", "--source", "in.csv", "--target", "sqlite:t.db"];

#[test]
fn an_undamaged_load_reconciles_and_nothing_is_written_to_it() {
    let desk = desk("");
    let before = std::fs::read(desk.path("t.db")).unwrap();
    let ended = desk.run(&RECONCILE).exits(0);
    ended.prints(&[
        "RECONCILED  3 records = 3 rows",
        "INV-15  target rows",
        "sum of amount, source to target",
    ]);
    assert_eq!(std::fs::read(desk.path("t.db")).unwrap(), before);
    assert!(!desk.path("t.db-wal").exists(), "no journal is left");
    let json = desk.run(&[&RECONCILE[..], &["--json"]].concat()).exits(0).json();
    assert_eq!(
        (json["outcome"].as_str(), json["tables"][0]["balance"]["equal"].as_u64()),
        (Some("reconciled"), Some(3))
    );
    desk.run(&["audit", "log"]).exits(0).prints(&["load-compared", "reconciled"]);
    desk.run(&["audit", "verify"]).exits(0);
}

#[test]
fn what_is_not_compared_stands_beside_the_verdict() {
    let desk = desk("UPDATE ledger SET narrative = 'other'");
    let job = std::fs::read_to_string(desk.path("job.toml")).unwrap();
    desk.put("job.toml", job.replace("[limits]", "leave_out = [\"text\"]\n[limits]"));
    desk.run(&RECONCILE).exits(0).prints(&["RECONCILED  3 records = 3 rows · 1 field left out", "text"]);
    let field = |name: &str, ty: &str| format!("[[record.field]]\nname = \"{name}\"\ntype = \"{ty}\"\n");
    let fields = [("id", "integer"), ("t", "text(10)"), ("a", "text(9)"), ("x", "text(9)")];
    let fields: String = fields.map(|(name, ty)| field(name, ty)).concat();
    let several = job
        .replace("header = true", "skip_lines = 1")
        .replace("mode = \"append\"", "mode = \"append\"\nwhen = { field = \"id\", in = [1, 2] }")
        .replacen("[[rule]]", &format!("[[record]]\nname = \"note\"\n{fields}\n[[rule]]"), 1)
        .replace("holds =", "record = \"posting\"\nholds =")
        .replace("[target]", "[target]\nrecord = \"posting\"");
    desk.put("job.toml", several);
    let sql = Connection::open(desk.path("t.db")).unwrap();
    let as_sent =
        "DELETE FROM ledger WHERE id = 3; UPDATE ledger SET narrative = CASE id WHEN 1 THEN 'rent' END";
    sql.execute_batch(as_sent).unwrap();
    desk.run(&RECONCILE).exits(0).prints(&["2 records = 2 rows · 1 record not compared (note)"]);
}

#[test]
fn a_cent_a_lost_row_and_an_empty_text_are_located_and_exit_with_1() {
    let desk = desk(
        "UPDATE ledger SET amount = '10.01' WHERE id = 1; UPDATE ledger SET narrative = NULL WHERE id = 3;
         DELETE FROM ledger WHERE id = 2; INSERT INTO ledger VALUES (4, NULL, NULL, NULL, NULL);",
    );
    let ended = desk.run(&[&RECONCILE[..], &["--differences", "d.csv"]].concat()).exits(1);
    ended.prints(&[
        "NOT RECONCILED",
        "nothing was changed in it",
        "would be equal under",
        "empty-is-null",
        "records without a row: expected 0, found 1",
    ]);
    let lines = std::fs::read_to_string(desk.path("d.csv")).unwrap();
    assert_eq!(
        lines.lines().collect::<Vec<_>>(),
        [
            "kind,record_type,record_no,byte_offset,key,field,source,target",
            "differs,posting,1,25,id=1,amount,10.00,10.01",
            "missing,posting,2,49,id=2,,,",
            "differs,posting,3,70,id=3,text,'',NULL",
            "extra,posting,,,id=4,,,",
        ]
    );
    desk.run(&["audit", "log"]).exits(0).prints(&["load-compared", "not-reconciled"]);
}

#[test]
fn a_database_is_compared_with_a_database_and_a_file_with_a_file() {
    let desk = desk("");
    std::fs::copy(desk.path("t.db"), desk.path("core.db")).unwrap();
    Connection::open(desk.path("t.db"))
        .unwrap()
        .execute_batch("UPDATE ledger SET amount = '11.00' WHERE id = 1")
        .unwrap();
    let from = ["reconcile", "job.toml", "--from", "sqlite:core.db", "--target", "sqlite:t.db"];
    desk.run(&from).exits(3).says(&["core.db", "text"]);
    let job = std::fs::read_to_string(desk.path("job.toml")).unwrap();
    desk.put("job.toml", job.replace("[limits]", "from_columns = { text = \"narrative\" }\n[limits]"));
    desk.run(&from).exits(1).prints(&["1 difference", "3 rows", "10.00", "11.00"]);
    // What a landing zone holds, with other columns in another order.
    desk.put("landed.csv", "narrative,amount,id,booked_on\nrent,10.00,1,2024-02-01\n,-20.50,2,2024-02-02\n\"\",0.01,3,2024-02-03\n");
    desk.put_job("landed.toml", &[("name = \"text\"", "name = \"narrative\"")]);
    let file = [
        "reconcile",
        "job.toml",
        "--source",
        "in.csv",
        "--target",
        "landed.csv",
        "--target-job",
        "landed.toml",
    ];
    desk.run(&file).exits(0).prints(&["RECONCILED  3 records = 3 rows"]);
    desk.put("landed.csv", "narrative,amount,id,booked_on\nrent,ten,1,2024-02-01\n");
    desk.run(&file).exits(3).says(&["landed.csv", "record 1", "field `amount`"]);
}

#[test]
fn a_promoted_run_is_attested_again_and_a_later_change_is_found() {
    let desk = Desk::with(csv(&["1,2024-02-01,10.00,rent", "2,2024-02-02,-20.50,"]));
    let run = ["run", "job.toml", "--source", "in.csv"];
    desk.run(&run).exits(0);
    let first = desk.report()["run_id"].as_str().unwrap().to_owned();
    desk.put("next.csv", csv(&["3,2024-02-03,1.00,more"]));
    desk.run(&["run", "job.toml", "--source", "next.csv"]).exits(0);
    desk.run(&["attest", &first]).exits(0).prints(&["RECONCILED  2 records = 2 rows"]);
    desk.run(&["attest", "last", "--source", "in.csv"]).exits(2).says(&["SHA-256", "--source FILE"]);
    desk.sql().execute_batch("UPDATE postings SET amount = '10.01' WHERE id = 1").unwrap();
    desk.run(&["attest", &first]).exits(1).prints(&["1 difference", "10.00", "10.01"]);
    desk.run(&["attest", "last"]).exits(0).prints(&["RECONCILED  1 record = 1 row"]);
    desk.run(&["audit", "log"]).exits(0).prints(&["attested", &first]);
    desk.run(&["audit", "verify"]).exits(0);
}

#[test]
fn what_cannot_be_compared_is_refused_and_told() {
    let desk = desk("");
    let with = |target: &str| desk.run(&["reconcile", "job.toml", "--source", "in.csv", "--target", target]);
    with("sqlite:none.db").exits(3).says(&["none.db", "no such file"]);
    with("oracle://h/d").exits(2).says(&["invalid target", "expected sqlite:PATH"]);
    with("in.csv").exits(2).says(&["a file needs --target-job"]);
    desk.put_job("other.toml", &[("[limits]", "[target]\ntable = \"ledger\"\n[limits]")]);
    let other = ["reconcile", "other.toml", "--source", "in.csv", "--target", "sqlite:t.db"];
    desk.run(&other).exits(3).says(&["cannot read the target sqlite:t.db", "text"]);
    desk.put("d.csv", "mine");
    desk.run(&[&RECONCILE[..], &["--differences", "d.csv"]].concat()).exits(2).says(&["d.csv"]);
    assert_eq!(std::fs::read_to_string(desk.path("d.csv")).unwrap(), "mine");
    // A record that does not match the job is no record of the target's, and is over the limit.
    desk.put("in.csv", csv(&["1,2024-02-01,10.00,rent", "2,2024-02-02,-20.50,", "3,2024-02-03,x,\"\""]));
    desk.run(&RECONCILE).exits(1).prints(&[
        "rejects within the limit",
        "rejected records: 1 (at most 0 allowed)",
        "rows of no record",
    ]);
}
