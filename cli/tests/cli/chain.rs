//! `crossfoot reconcile CHAIN`: from a sender's file over a landing file to a table, hop by hop.

use rusqlite::Connection;

use super::desk::{Desk, csv};

const CHAIN: &str = r#"[chain]
name = "postings"
[[hop]]
name = "landing"
job = "job.toml"
source = "in.csv"
target = "landing.txt"
target_job = "landing.toml"
[[hop]]
name = "warehouse"
target = "sqlite:t.db"
[[hop]]
name = "mart"
target = "sqlite:m.db"
"#;

/// The landing file has other separators, another order of columns, and is described by a job of its own.
const LANDING: &str = r#"[job]
name = "landing"
[source]
format = "delimited"
separator = "|"
[[record]]
name = "posting"
key = ["id"]
amounts = ["amount"]
staging = "stg"
final = "ledger"
[[record.field]]
name = "id"
type = "integer"
[[record.field]]
name = "amount"
type = "decimal(15,2)"
[[record.field]]
name = "booked_on"
type = "date"
[[record.field]]
name = "text"
type = "text(40)"
[target]
columns = { text = "narrative" }
from_columns = { text = "narrative" }
"#;

pub(super) const ROWS: [&str; 3] =
    ["3|0.01|2024-02-03|\"\"", "1|10.00|2024-02-01|rent", "2|-20.50|2024-02-02|"];

const TABLE: &str = "CREATE TABLE ledger (id INTEGER, booked_on TEXT, amount TEXT, narrative TEXT);
    INSERT INTO ledger VALUES (2, '2024-02-02', '-20.50', NULL), (3, '2024-02-03', '0.01', ''),
        (1, '2024-02-01', '10.00', 'rent');";

/// Three hops without a fault; then `damage` changes the table of the warehouse, or of the mart.
pub(super) fn desk(landing: &[&str], warehouse: &str, mart: &str) -> Desk {
    let desk =
        Desk::with(csv(&["1,2024-02-01,10.00,rent", "2,2024-02-02,-20.50,", "3,2024-02-03,0.01,\"\""]));
    desk.put("chain.toml", CHAIN);
    desk.put("landing.toml", LANDING);
    desk.put("landing.txt", landing.join("\n"));
    for (name, damage) in [("t.db", warehouse), ("m.db", mart)] {
        Connection::open(desk.path(name)).unwrap().execute_batch(&format!("{TABLE}{damage}")).unwrap();
    }
    desk
}

#[test]
fn a_chain_without_a_fault_is_reconciled_from_end_to_end() {
    let desk = desk(&ROWS, "", "");
    let papers = ["reconcile", "chain.toml", "--evidence", "proof.json", "--html", "page.html"];
    desk.run(&papers).exits(0).prints(&[
        "RECONCILED  chain postings · 3 hops · 3 records → 3 equal rows",
        "landing → warehouse, posting: rows",
        "warehouse → mart, posting: sum of amount",
    ]);
    for hop in ["landing", "warehouse", "mart"] {
        // Unsigned, it is consistent and not vouched for.
        let verified = desk.run(&["audit", "verify", &format!("proof-{hop}.json")]).exits(1);
        verified.prints(&["its balance adds up", "is consistent"]);
        assert!(desk.path(&format!("page-{hop}.html")).exists());
    }
    let events =
        |kind: &str| desk.number(&format!("SELECT count(*) FROM crossfoot_event WHERE kind = '{kind}'"));
    assert_eq!((events("load-compared"), events("chain-compared")), (3, 1));
    let json = desk.run(&["reconcile", "chain.toml", "--json"]).exits(0).json();
    assert_eq!(json["outcome"], "reconciled");
    assert_eq!(json["hops"][2]["report"]["tables"][0]["balance"]["equal"], 3);
}

#[test]
fn what_is_lost_is_named_at_the_hop_that_lost_it() {
    let lost = desk(&ROWS, "DELETE FROM ledger WHERE id = 2;", "DELETE FROM ledger WHERE id = 2;");
    let ended = lost.run(&["reconcile", "chain.toml", "--differences", "d.csv"]).exits(1);
    ended.prints(&[
        "NOT RECONCILED  chain postings · 3 hops · 1 difference at warehouse",
        "At hop warehouse",
        "missing",
    ]);
    let lines = |hop: &str| std::fs::read_to_string(lost.path(&format!("d-{hop}.csv"))).unwrap();
    assert_eq!(lines("landing").lines().count(), 1);
    assert_eq!(lines("warehouse").lines().nth(1), Some("missing,posting,3,45,id=2,,,"));
    assert_eq!(lines("mart").lines().count(), 1);

    let changed = desk(&ROWS, "", "UPDATE ledger SET amount = '10.01' WHERE id = 1;");
    changed.run(&["reconcile", "chain.toml"]).exits(1).prints(&["1 difference at mart", "10.01"]);

    let fewer = desk(&ROWS[..2], "", "");
    fewer
        .run(&["reconcile", "chain.toml"])
        .exits(1)
        .prints(&["1 difference at landing · 1 difference at warehouse"]);
}

#[test]
fn what_happens_between_two_hops_is_seen() {
    // The mart is made of a part of the warehouse: each hop is equal by itself.
    let desk = desk(&ROWS, "", "DELETE FROM ledger WHERE id = 2;");
    let part = LANDING.replace("[target]", "[target]\nfrom_filter = \"id <> 2\"");
    desk.put("mart.toml", part);
    desk.put(
        "chain.toml",
        CHAIN.replace("target = \"sqlite:m.db\"", "target = \"sqlite:m.db\"\njob = \"mart.toml\""),
    );
    desk.run(&["reconcile", "chain.toml"]).exits(1).prints(&[
        "NOT RECONCILED  chain postings · 3 hops · 2 failed checks between hops",
        "warehouse → mart, posting: rows",
    ]);
}

#[test]
fn what_a_chain_says_is_not_said_beside_it() {
    let desk = desk(&ROWS, "", "");
    desk.run(&["reconcile", "chain.toml", "--target", "sqlite:t.db"])
        .exits(2)
        .says(&["`--target`", "chain file"]);
    desk.put("chain.toml", CHAIN.replace("target = \"sqlite:m.db\"", ""));
    desk.run(&["reconcile", "chain.toml"]).exits(2).says(&["missing field `target`"]);
    desk.put("chain.toml", CHAIN.replace("landing.toml", "none.toml"));
    desk.run(&["reconcile", "chain.toml"]).exits(2).says(&["none.toml", "hop `landing`"]);
}
