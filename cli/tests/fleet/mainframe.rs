//! A mainframe file of several record types, through a fleet: as one process loads it, and exact to 31 digits.

use crate::desk::postings;
use crate::servers::{Fleet, servers};

const COPYBOOK: &str = "       01  LEDGER-RECORD.
           05  KIND                PIC X.
           05  NUM                 PIC 9(5) COMP.
           05  POSTING.
               10  AMOUNT          PIC S9(29)V99 COMP-3.
               10  FILLER          PIC X(4).
           05  TOTALS REDEFINES POSTING.
               10  RECORDS         PIC 9(9) COMP.
               10  TOTAL           PIC S9(29)V99 COMP-3.
";

const JOB: &str = r#"[job]
name = "ledger"

[source]
format   = "copybook"
copybook = "ledger.cpy"
encoding = "cp037"

[[record]]
name    = "account"
role    = "header"
when    = { field = "kind", in = ["A"] }
leave_out = ["POSTING"]
staging = "stg_accounts"
final   = "accounts"

[[record]]
name    = "posting"
when    = { field = "kind", in = ["P"] }
parent  = "account"
amounts = ["amount"]
staging = "stg_entries"
final   = "entries"

[[record]]
name    = "trailer"
role    = "trailer"
when    = { field = "kind", in = ["T"] }
views   = ["TOTALS"]
staging = "stg_trailers"
final   = "trailers"

[declared]
records = { from = "trailer", field = "records" }
amounts."posting.amount" = { from = "trailer", field = "total" }
"#;

/// Packed decimal of 31 digits: 16 bytes.
fn packed(value: i128) -> Vec<u8> {
    let sign = if value < 0 { 'd' } else { 'c' };
    let digits = format!("{:031}{sign}", value.unsigned_abs());
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Two accounts and their postings, each of 29 digits before the point, and a trailer. Also the sum, in hundredths.
fn ledger(postings: u32) -> (Vec<u8>, i128) {
    let (mut out, mut sum) = (Vec::new(), 0_i128);
    let record = |kind: u8, number: u32, rest: &[u8], out: &mut Vec<u8>| {
        out.push(kind);
        out.extend(number.to_be_bytes());
        out.extend(rest);
        out.resize(out.len().next_multiple_of(25), 0x40);
    };
    for number in 0..postings {
        if number % (postings / 2) == 0 {
            record(0xc1, number / (postings / 2), &[], &mut out);
        }
        // Past what a float, or 64 bits, can tell apart.
        let amount = 90_071_992_547_409_930_000_000_001_i128 * i128::from(number % 7) - i128::from(number);
        sum += amount;
        record(0xd7, number, &packed(amount), &mut out);
    }
    let totals = [&postings.to_be_bytes()[..], &packed(sum)].concat();
    record(0xe3, 0, &totals, &mut out);
    (out, sum)
}

fn decimal(hundredths: i128) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", hundredths.unsigned_abs() / 100, hundredths.unsigned_abs() % 100)
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_mainframe_file_of_several_record_types_is_loaded_exactly() {
    let fleet = Fleet::new(servers(), postings(1));
    let (bytes, sum) = ledger(3000);
    fleet.desk.put("ledger.cpy", COPYBOOK);
    fleet.desk.put("ledger.toml", JOB);
    fleet.desk.put("ledger.dat", &bytes);
    let (_coordinator, _workers) = (fleet.coordinator(), fleet.workers());
    let line = ["submit", "ledger.toml", "--source", "ledger.dat", "--chunk-bytes", "3000", "--wait"];
    fleet.run(&line).exits(0).prints(&["RECONCILED"]);
    let sent = fleet.desk.run(&["fingerprint", "ledger.toml", "--source", "ledger.dat"]).exits(0).json();
    let report = fleet.run(&["report", "--json"]).exits(0).json();
    assert_eq!(report["levels"].as_array().unwrap().len(), 3);
    for level in report["levels"].as_array().unwrap() {
        assert_eq!(level["fingerprint"], sent["fingerprint"], "{level}");
        assert_eq!(level["records"], 3003, "{level}");
    }
    // The database's own NUMERIC, exact to the last of 31 digits.
    assert_eq!(fleet.value("SELECT sum(amount) FROM entries"), decimal(sum));
    assert_eq!(fleet.value("SELECT total FROM trailers"), decimal(sum));
    assert_eq!(fleet.number("SELECT count(*) FROM accounts"), 2);
    assert_eq!(fleet.number("SELECT count(*) FROM entries WHERE parent_record_no = 1"), 1500);
    assert_eq!(fleet.number("SELECT count(*) FROM entries WHERE parent_record_no = 1502"), 1500);
    // Workers' shares are of all types together.
    let of_tables = "SELECT count(*) FROM (SELECT worker_id FROM stg_accounts UNION ALL SELECT worker_id FROM stg_entries UNION ALL SELECT worker_id FROM stg_trailers) AS staged WHERE worker_id =";
    for worker in report["workers"].as_array().unwrap().iter().filter(|worker| worker["role"] == "writer") {
        let staged = fleet.number(&format!("{of_tables} {}", worker["worker_id"]));
        assert_eq!(worker["ledger"]["accepted"], staged, "{worker}");
    }
    // A posting that was lost on the way: the trailer says so, and nothing of it is in final.
    let mut short = bytes.clone();
    short.drain(25..50);
    fleet.desk.put("short.dat", &short);
    let line = ["submit", "ledger.toml", "--source", "short.dat", "--chunk-bytes", "3000", "--wait"];
    fleet.run(&line).exits(1).prints(&["NOT RECONCILED", "3000", "2999"]);
    assert_eq!(fleet.number("SELECT count(*) FROM entries"), 3000);
}

const ORDERS: &str = "       01  ORDERS.
           05  ORDER-NO   PIC 9(5).
           05  LINES-CNT  PIC X(2).
           05  ORDER-LINE OCCURS 0 TO 20 TIMES DEPENDING ON LINES-CNT.
               10  SKU    PIC X(4).
               10  AMOUNT PIC S9(7)V99 SIGN TRAILING SEPARATE.
           05  ORDER-SUM  PIC S9(9)V99 SIGN TRAILING SEPARATE.
";

const ORDERS_JOB: &str = r#"[job]
name = "orders"

[source]
format   = "copybook"
copybook = "orders.cpy"
encoding = "ascii"
framing  = "line"

[[record]]
name    = "orders"
amounts = ["order_sum"]

[[record]]
name    = "line"
parent  = "orders"
rows    = "ORDER-LINE"
element = "line_no"
amounts = ["amount"]
"#;

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn elements_of_a_table_are_rows_beside_those_of_their_records() {
    let fleet = Fleet::new(servers(), postings(1));
    let (mut source, mut lines, mut all) = (String::new(), 0_u64, 0_i64);
    let cents = |cents: i64, digits: usize| {
        format!("{:0digits$}{}", cents.unsigned_abs(), if cents < 0 { '-' } else { '+' })
    };
    for order in 0..2000_i64 {
        let count = order * 7 % 21;
        let amounts: Vec<_> = (0..count).map(|line| order * 1001 - line * 77_777).collect();
        let of_lines = amounts.iter().enumerate().map(|(at, one)| format!("S{at:03}{}", cents(*one, 9)));
        let of_lines = of_lines.collect::<String>();
        let sum = amounts.iter().sum::<i64>();
        source.push_str(&format!("{order:05}{count:02}{of_lines}{}\n", cents(sum, 11)));
        lines += amounts.len() as u64;
        all += sum;
    }
    fleet.desk.put("orders.cpy", ORDERS);
    fleet.desk.put("orders.toml", ORDERS_JOB);
    fleet.desk.put("orders.dat", &source);
    let (_coordinator, _workers) = (fleet.coordinator(), fleet.workers());
    let line = ["submit", "orders.toml", "--source", "orders.dat", "--chunk-bytes", "20000", "--wait"];
    fleet.run(&line).exits(0).prints(&["RECONCILED"]);
    // As one process numbers and digests them, in one chunk.
    let sent = fleet.desk.run(&["fingerprint", "orders.toml", "--source", "orders.dat"]).exits(0).json();
    let report = fleet.run(&["report", "--json"]).exits(0).json();
    for level in report["levels"].as_array().unwrap() {
        assert_eq!(level["fingerprint"], sent["fingerprint"], "{level}");
        assert_eq!(level["records"], 2000 + lines, "{level}");
    }
    assert_eq!(fleet.value("SELECT sum(amount) FROM line"), decimal(all.into()));
    assert_eq!(fleet.value("SELECT sum(order_sum) FROM orders"), decimal(all.into()));
    let odd = "SELECT count(*) FROM orders o LEFT JOIN (SELECT parent_record_no, sum(amount) AS amount, count(*) AS lines,
        max(line_no) AS last FROM line GROUP BY parent_record_no) l ON l.parent_record_no = o.last_record_no
        WHERE coalesce(l.amount, 0) <> o.order_sum OR coalesce(l.lines, 0) <> o.lines_cnt::int
        OR coalesce(l.last, 0) <> o.lines_cnt::int";
    assert_eq!(fleet.number(odd), 0);
}
