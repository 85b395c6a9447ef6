//! Tables of a mainframe file whose elements are rows of tables of their own, from the file to the last row.

use super::browser::Console;
use super::desk::Desk;

const COPYBOOK: &str = "       01  ORDERS.
           05  ORDER-NO    PIC 9(5).
           05  LINES-CNT   PIC X(2).
           05  ORDER-LINE  OCCURS 0 TO 9 TIMES DEPENDING ON LINES-CNT.
               10  SKU     PIC X(4).
               10  AMOUNT  PIC S9(7)V99 COMP-3.
               10  TAX-CNT PIC 9.
               10  TAX     OCCURS 0 TO 3 TIMES DEPENDING ON TAX-CNT.
                   15  RATE   PIC 9(2).
                   15  LEVIED PIC S9(5)V99 COMP-3.
           05  SLOT        PIC X(3) OCCURS 2 TIMES.
           05  ORDER-SUM   PIC S9(9)V99 COMP-3.
";

fn job(source: &str) -> String {
    format!(
        "[job]\nname = \"orders\"\n[source]\nformat = \"copybook\"\ncopybook = \"orders.cpy\"\n{source}\n\
         [[record]]\nname = \"orders\"\namounts = [\"order_sum\"]\n\
         [[record]]\nname = \"line\"\nparent = \"orders\"\nrows = \"ORDER-LINE\"\nelement = \"line_no\"\n\
         amounts = [\"amount\"]\n\
         [[record]]\nname = \"tax\"\nparent = \"line\"\nrows = \"TAX\"\namounts = [\"levied\"]\n\
         [[record]]\nname = \"slot\"\nparent = \"orders\"\nrows = \"SLOT\"\nempty = \"skip\"\n\
         [[rule]]\nname = \"rates\"\nrecord = \"tax\"\nholds = \"rate <= 20\"\n"
    )
}

/// Digits, capitals and blanks in EBCDIC.
fn ebcdic(text: &str) -> Vec<u8> {
    let byte = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0' + 0xF0,
        b'A'..=b'I' => byte - b'A' + 0xC1,
        _ => 0x40,
    };
    text.bytes().map(byte).collect()
}

/// A packed number of so many digits.
fn packed(number: i64, digits: usize) -> Vec<u8> {
    let sign = if number < 0 { 'd' } else { 'c' };
    let text = format!("{:0digits$}{sign}", number.unsigned_abs());
    let text = format!("{text:0>width$}", width = text.len().next_multiple_of(2));
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// What a file of orders adds up to.
#[derive(Default)]
struct Expected {
    lines: u64,
    taxes: u64,
    slots: u64,
    amount: i64,
    levied: i64,
}

/// Orders of 0 to 9 lines, each with 0 to 3 taxes; `stays`: every table has room for all.
fn orders(count: usize, stays: bool) -> (Vec<Vec<u8>>, Expected) {
    let mut sums = Expected::default();
    let records = (0..count).map(|order| {
        let lines = order * 7 % 10;
        let (mut out, mut sum) = (ebcdic(&format!("{order:05}{lines:02}")), 0);
        let tax = |rate: usize, levied: i64| [ebcdic(&format!("{rate:02}")), packed(levied, 7)].concat();
        let room = |used: usize, most: usize, bytes: usize| {
            vec![0x40; if stays { (most - used) * bytes } else { 0 }]
        };
        for line in 0..lines {
            let (amount, taxes) = ((order * 1000 + line * 13) as i64 - 5000, (order + line) % 4);
            sum += amount;
            sums.amount += amount;
            out.extend(ebcdic(&format!("AB{line:02}")));
            out.extend(packed(amount, 9));
            out.extend(ebcdic(&taxes.to_string()));
            for at in 0..taxes {
                let levied = (order * 10 + line + at) as i64;
                sums.levied += levied;
                out.extend(tax(at + 1, levied));
            }
            out.extend(room(taxes, 3, 6));
            sums.taxes += taxes as u64;
        }
        out.extend(room(lines, 9, 10 + 3 * 6));
        sums.lines += lines as u64;
        out.extend(ebcdic(if order % 3 == 0 { "A      " } else { "AB BC " })[..6].to_vec());
        sums.slots += if order % 3 == 0 { 1 } else { 2 };
        out.extend(packed(sum, 11));
        out
    });
    (records.collect(), sums)
}

/// With a length before each record, which counts itself.
fn with_lengths(records: &[Vec<u8>]) -> Vec<u8> {
    let framed = records.iter().flat_map(|record| {
        let length = u16::try_from(record.len() + 4).unwrap().to_be_bytes();
        [&length[..], &[0, 0], record].concat()
    });
    framed.collect()
}

/// The exact sum of a column of amounts of two decimal places, which SQLite holds as text.
fn sum(desk: &Desk, column: &str, table: &str) -> i64 {
    let cents = format!("SELECT coalesce(sum(CAST(replace({column}, '.', '') AS INTEGER)), 0) FROM {table}");
    desk.sql().query_row(&cents, [], |row| row.get(0)).unwrap()
}

#[test]
fn elements_of_tables_are_rows_whatever_the_chunks_and_wherever_the_fields_after_them_stand() {
    for (stays, framing) in [(false, "rdw"), (false, "layout"), (true, "rdw"), (true, "fixed")] {
        let desk = Desk::new();
        let (records, expected) = orders(60, stays);
        let is_framed = framing == "rdw";
        desk.put("orders.cpy", COPYBOOK);
        desk.put("orders.dat", if is_framed { with_lengths(&records) } else { records.concat() });
        let following = if stays { "stay" } else { "shift" };
        let keys = format!("framing = \"{framing}\"\ncobol.behind_tables = \"{following}\"");
        desk.put("orders.toml", job(&keys));
        let all = 60 + expected.lines + expected.taxes + expected.slots;
        let mut fingerprints = Vec::new();
        for chunk_records in [1, 50, 333, 50_000] {
            desk.put("crossfoot.toml", format!("[fleet]\nchunk_records = {chunk_records}\n"));
            let run = desk.run(&["run", "orders.toml", "--source", "orders.dat", "--again"]).exits(0);
            run.prints(&["RECONCILED", "INV-13  every byte accounted for"]);
            let report = desk.report();
            assert_eq!(report["levels"][0]["records"], all, "{framing} {stays}");
            fingerprints.push(report["levels"][2]["fingerprint"].clone());
        }
        let sent = desk.run(&["fingerprint", "orders.toml", "--source", "orders.dat"]).exits(0).json();
        assert!(fingerprints.iter().all(|one| *one == sent["fingerprint"]), "{fingerprints:?}");
        let last = "last_run_id = (SELECT max(last_run_id) FROM orders)";
        let number = |query: &str| desk.number(&format!("{query} AND {last}"));
        assert_eq!(number("SELECT count(*) FROM orders WHERE true"), 60);
        assert_eq!(number("SELECT count(*) FROM line WHERE true"), expected.lines);
        assert_eq!(number("SELECT count(*) FROM tax WHERE true"), expected.taxes);
        assert_eq!(number("SELECT count(*) FROM slot WHERE true"), expected.slots);
        assert_eq!(sum(&desk, "amount", &format!("line WHERE {last}")), expected.amount);
        assert_eq!(sum(&desk, "levied", &format!("tax WHERE {last}")), expected.levied);
        // The lines of an order add up to what it says of itself, and are numbered.
        let odd = "SELECT count(*) FROM orders o WHERE CAST(replace(o.order_sum, '.', '') AS INTEGER) <>
            (SELECT coalesce(sum(CAST(replace(l.amount, '.', '') AS INTEGER)), 0) FROM line l
             WHERE l.parent_record_no = o.last_record_no AND l.last_run_id = o.last_run_id)
            OR CAST(o.lines_cnt AS INTEGER) <> (SELECT count(DISTINCT l.line_no) FROM line l
             WHERE l.parent_record_no = o.last_record_no AND l.last_run_id = o.last_run_id
             AND l.line_no BETWEEN 1 AND CAST(o.lines_cnt AS INTEGER) AND l.sku = printf('AB%02d', l.line_no - 1))";
        assert_eq!(desk.number(odd), 0);
        let strangers = "SELECT count(*) FROM tax t LEFT JOIN line l ON l.last_record_no = t.parent_record_no
             AND l.last_run_id = t.last_run_id WHERE l.sku IS NULL OR t.element_no > l.tax_cnt";
        assert_eq!(desk.number(strangers), 0);
    }
}

/// A run of orders with a bad record and a bad element.
pub(super) fn bad_orders() -> Desk {
    let desk = Desk::new();
    let (mut records, _) = orders(6, false);
    desk.put("orders.cpy", COPYBOOK);
    desk.put("orders.toml", format!("{}[limits]\nrejects = 25\n", job("framing = \"rdw\"")));
    // The second order has seven lines, and its number is none: none of it is loaded. In the third, of four lines, an
    // amount is none: it is loaded without that line.
    records[1][0] = 0x40;
    let at = 7 + 4;
    records[2][at + 4] = 0x0A;
    desk.put("orders.dat", with_lengths(&records));
    desk.run(&["run", "orders.toml", "--source", "orders.dat"]).exits(0).prints(&["RECONCILED", "parent"]);
    desk
}

#[test]
fn a_bad_record_a_bad_element_and_what_becomes_of_rejects() {
    let desk = bad_orders();
    assert_eq!(desk.number("SELECT count(*) FROM orders"), 5);
    assert_eq!(desk.number("SELECT count(*) FROM line"), (4 - 1) + 1 + 8 + 5);
    let rejects = desk.run(&["rejects", "last", "--json"]).exits(0).json();
    let rejects = rejects.as_array().unwrap();
    let codes: Vec<_> = rejects.iter().map(|one| one["reasons"][0]["code"].as_str().unwrap()).collect();
    assert_eq!(codes.iter().filter(|code| **code == "type").count(), 2, "{codes:?}");
    assert!(codes[2..9].iter().all(|code| *code == "parent"), "{codes:?}");
    desk.run(&["rejects", "last"])
        .exits(0)
        .prints(&["element 1 of `ORDER-LINE` in record 3, which was rejected"]);
    for line in [
        &["rejects", "last", "--raw", "raw.dat"][..],
        &["rejects", "last", "--edit", "rows.csv"],
        &["resend", "last", "--from", "rows.csv"],
    ] {
        desk.put("rows.csv", "");
        desk.run(line).exits(2).says(&["elements of `ORDER-LINE` are records of their own in job orders"]);
    }
    // The console says the same, and advises no command that would be refused.
    let console = Console::new(&desk);
    let run = desk.report()["run_id"].as_str().unwrap().to_owned();
    let summary = console.get(&format!("/runs/{run}/rejects/summary"));
    for key in ["not_written", "not_resent"] {
        let why = summary[key].as_str().unwrap();
        assert!(
            why.contains("elements of `ORDER-LINE` are records of their own in job orders"),
            "{key}: {why}"
        );
    }
    let raw = console.ask("GET", &format!("/api/v1/runs/{run}/rejects.raw"), &[], "");
    raw.is_problem(409, &["elements of `ORDER-LINE`"]);
}

#[test]
fn an_element_is_shown_proved_and_held_to_rules() {
    let desk = Desk::new();
    let (records, _) = orders(6, false);
    desk.put("orders.cpy", COPYBOOK);
    desk.put("orders.toml", job("framing = \"rdw\""));
    desk.put("orders.dat", with_lengths(&records));
    let check = desk.run(&["check", "orders.toml", "--source", "orders.dat", "--records", "8"]).exits(0);
    check.prints(&["record 2 (slot)", "record 3 (orders)", "record 4 (line)", "record 5 (tax)"]);
    desk.put("crossfoot.toml", "[fleet]\nchunk_records = 9\n");
    desk.run(&["run", "orders.toml", "--source", "orders.dat"]).exits(0).prints(&["RECONCILED"]);
    desk.run(&["audit", "keygen", "-o", "me"]).exits(0);
    for record in ["1", "2", "3", "4", "5", "30"] {
        let prove = ["prove", "--record", record, "-o", "p.json", "--record-out", "r.bin", "--key", "me.key"];
        desk.run(&prove).exits(0);
        let with = ["p.json", "--record", "r.bin", "--job", "orders.toml", "--key", "me.pub"];
        desk.run(&[&["audit", "verify"][..], &with].concat()).exits(0).prints(&["decoded with the job"]);
        // Another record is none of it.
        desk.put("other.bin", &records[5]);
        let other = ["audit", "verify", "p.json", "--record", "other.bin", "--job", "orders.toml"];
        desk.run(&other).exits(1);
        std::fs::remove_file(desk.path("p.json")).unwrap();
        std::fs::remove_file(desk.path("r.bin")).unwrap();
    }
    // A row rule about an element names it.
    desk.put("strict.toml", job("framing = \"rdw\"").replace("rate <= 20", "rate <= 2"));
    desk.run(&["run", "strict.toml", "--source", "orders.dat", "--again"]).exits(1).prints(&["rates"]);
}
