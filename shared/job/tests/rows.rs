//! Tables whose elements are records of their own: numbers, parents, bytes, rejects, and what is refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::fmt::Write as _;
use std::sync::Arc;

use domain::bytes::ByteClass;
use domain::check::Verdict;
use domain::footing::{Fold, Footing, Given};
use domain::ids::RecordNo;
use domain::record::records;
use job::Job;
use job::chunk::{ChunkDecoder, DecodedChunk, Start};
use job::records::Records;

#[path = "rows/any.rs"]
mod any;

const ORDERS: &str = "01 ORDERS.
  05 ORDER-NO PIC 9(3).
  05 LINES-CNT PIC X(2).
  05 ORDER-LINE OCCURS 0 TO 4 DEPENDING ON LINES-CNT.
     10 SKU PIC X(2).
     10 AMOUNT PIC 9(3)V99.
     10 TAX-CNT PIC 9.
     10 TAX OCCURS 0 TO 2 DEPENDING ON TAX-CNT.
        15 TAX-CODE PIC X.
        15 TAX-AMT PIC 99.
  05 CURRENCY PIC X(3).
";

const ORDER_TYPES: &str = "[[record]]
name = \"orders\"
[[record]]
name = \"line\"
parent = \"orders\"
rows = \"ORDER-LINE\"
element = \"line_no\"
amounts = [\"amount\"]
[[record]]
name = \"tax\"
parent = \"line\"
rows = \"TAX\"
amounts = [\"tax_amt\"]
";

fn text(copybook: &str, source: &str, types: &str) -> String {
    format!(
        "[job]\nname = \"case\"\n[source]\nformat = \"copybook\"\ncopybook = \"c\"\ncopybook_format = \"free\"\n\
         encoding = \"ascii\"\n{source}\n{types}\n[copybooks]\nc = \"\"\"\n{copybook}\"\"\"\n"
    )
}

fn job(copybook: &str, source: &str, types: &str) -> Arc<Job> {
    let text = text(copybook, source, types);
    Arc::new(Job::parse("job.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}")))
}

fn decoded(job: &Arc<Job>, source: &[u8]) -> Result<DecodedChunk, String> {
    let start = Start { first_record_no: RecordNo(1), offset: 0, parents: &[], ends_source: true };
    ChunkDecoder::new(job)?.decode(start, source).map_err(|error| error.to_string())
}

/// One line a record: its number, its type, its values or why it is a reject.
fn lines(job: &Job, chunk: &DecodedChunk) -> Vec<String> {
    let mut lines = Vec::new();
    for (record, rows) in job.records.iter().zip(&chunk.rows) {
        for raw in records(rows, record.layout.fields.len()) {
            let raw = raw.unwrap();
            let fields = raw.fields().zip(&record.layout.fields);
            let values: Vec<_> = fields.map(|(field, of)| field.value(&of.ty).unwrap().to_string()).collect();
            lines.push((raw.record_no.0, format!("{} {}", record.layout.record, values.join(" "))));
        }
    }
    for reject in &chunk.rejects {
        let reasons = reject.reasons.iter().map(|reason| format!("{}: {}", reason.code, reason.detail));
        let raw = String::from_utf8_lossy(&reject.raw);
        let reasons = reasons.collect::<Vec<_>>().join("; ");
        lines.push((reject.record_no.0, format!("REJECT at {} [{raw}] {reasons}", reject.offset)));
    }
    lines.sort();
    lines.into_iter().map(|(number, line)| format!("{number} {line}")).collect()
}

/// What a source is read as; every byte of it is accounted for, whatever becomes of its records.
fn read(job: &Arc<Job>, source: &[u8]) -> Vec<String> {
    let chunk = decoded(job, source).unwrap();
    assert!(chunk.bytes.account_for(source.len() as u64), "{:?}", chunk.bytes);
    let found = Records::new(job).unwrap().find(RecordNo(1), true, source).unwrap();
    assert_eq!(found.len() as u64, chunk.records(), "as many for the splitter as for the decoder");
    lines(job, &chunk)
}

/// Two orders: one of two lines, of which the second has two taxes, and one without lines.
const TWO: &str = "00102AA001500BB010002X01Y02EUR00200USD";

#[test]
fn elements_are_records_beside_their_parent_with_its_number_and_their_own() {
    let expected = [
        "1 orders 1 '02' 'EUR'",
        "2 line 'AA' 1.50 0 1 1",
        "3 line 'BB' 10.00 2 2 1",
        "4 tax 'X' 1 1 3",
        "5 tax 'Y' 2 2 3",
        "6 orders 2 '00' 'USD'",
    ];
    let layout = job(ORDERS, "framing = \"layout\"", ORDER_TYPES);
    assert_eq!(read(&layout, TWO.as_bytes()), expected);
    let totals = decoded(&layout, TWO.as_bytes()).unwrap().accepted;
    assert_eq!(totals.by_type, [2, 2, 2]);
    assert_eq!(totals.sums.0.iter().map(ToString::to_string).collect::<Vec<_>>(), ["11.50", "3"]);
    // Lines, and records in which nothing moves: the room of elements that are not there is the parent's padding.
    let line = job(ORDERS, "framing = \"line\"", ORDER_TYPES);
    assert_eq!(read(&line, TWO.replace("EUR", "EUR\n").as_bytes()), expected);
    let stay = job(ORDERS, "framing = \"line\"\ncobol = { behind_tables = \"stay\" }", ORDER_TYPES);
    let line = |text: &str| format!("{text:<14}");
    let full = |no: &str, count: &str, lines: [String; 4], end: &str| {
        format!("{no}{count}{}{end}\n", lines.map(|text| line(&text)).concat())
    };
    let none = || String::new();
    let staying = [
        full("001", "02", ["AA001500".into(), "BB010002X01Y02".into(), none(), none()], "EUR"),
        full("002", "00", [none(), none(), none(), none()], "USD"),
    ];
    assert_eq!(read(&stay, staying.concat().as_bytes()), expected);
    // What stands in such room is no padding: of the parent, or of the element.
    let in_parent = staying[0].replace("Y02              ", "Y02     Z        ");
    assert!(read(&stay, in_parent.as_bytes())[0].contains("padding: 28 bytes after the 2 occurrences of"));
    let in_element = staying[0].replace("AA001500 ", "AA001500Z");
    let found = read(&stay, in_element.as_bytes());
    assert!(
        found[1].contains("REJECT at 5 [AA001500Z     ] padding: 6 bytes after the 0 occurrences of"),
        "{found:#?}"
    );
    assert_eq!(found[0], expected[0]);
}

#[test]
fn a_reject_takes_its_elements_with_it_and_an_element_not_its_parent() {
    let job = job(ORDERS, "framing = \"line\"", ORDER_TYPES);
    let of = |record: &str| read(&job, format!("{record}\n").as_bytes());
    // A bad header: each element says whose it is, and what is wrong with itself.
    let found = of("0x102AA001500BB0100?2X01Y02EUR");
    assert!(found[0].starts_with("1 REJECT at 0 [0x102AA001500BB0100?2X01Y02EUR] type:"), "{found:#?}");
    assert_eq!(
        found[1],
        "2 REJECT at 5 [AA001500] parent: element 1 of `ORDER-LINE` in record 1, which was rejected"
    );
    let own = "3 REJECT at 13 [BB0100?2X01Y02] parent: element 2 of `ORDER-LINE` in record 1, which was rejected; type:";
    assert!(found[2].starts_with(own), "{found:#?}");
    assert_eq!(found[3], "4 REJECT at 21 [X01] parent: element 1 of `TAX` in record 3, which was rejected");
    assert_eq!(found.len(), 5);
    // Amounts of rejects are a term of the balance, as far as they can be read.
    let sums = decoded(&job, b"0x102AA001500BB0100?2X01Y02EUR\n").unwrap().rejected_sums;
    assert_eq!(sums.0.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1.50", "3"]);
    // A bad element: its parent is loaded, and so are its neighbours.
    let found = of("00102AA0015?0BB010001X01EUR");
    assert_eq!(found[0], "1 orders 1 '02' 'EUR'");
    assert!(found[1].starts_with("2 REJECT at 5 [AA0015?0] type:"), "{found:#?}");
    assert_eq!(found[2..], ["3 line 'BB' 10.00 1 2 1", "4 tax 'X' 1 1 3"]);
    // Of a number of occurrences that cannot be, nothing follows: the record is one reject, whole.
    for (record, why) in [
        ("001  AA001500EUR", "type: the number of occurrences of ORDERS.ORDER-LINE"),
        ("0010xAA001500EUR", "type: the number of occurrences of ORDERS.ORDER-LINE"),
        ("00105AA001500EUR", "range: ORDERS.ORDER-LINE occurs 5 times; allowed are 0 to 4"),
        ("00101AA00150xEUR", "type: the number of occurrences of ORDERS.ORDER-LINE.TAX(1)"),
        ("00102AA001500EUR", "field-count: the number of occurrences of ORDERS.ORDER-LINE.TAX(2)"),
    ] {
        let found = of(record);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].starts_with(&format!("1 REJECT at 0 [{record}] {why}")), "{found:#?}");
    }
}

const FIXED: &str = "01 R.
  05 ID PIC 9(2).
  05 SLOT OCCURS 3.
     10 NAME PIC X(2).
     10 QTY PIC S9(3) COMP-3.
     10 FILLER PIC X.
  05 AFTER PIC X.
";

const SLOTS: &str = "[[record]]\nname = \"r\"\n[[record]]\nname = \"slot\"\nparent = \"r\"\nrows = \"SLOT\"\n\
                     amounts = [\"qty\"]\n";

#[test]
fn an_element_that_holds_nothing_is_a_record_unless_the_job_skips_it() {
    let slots: [&[u8]; 3] = [b"AB\x00\x1C ", b"  \x00\x0C ", b"  \x00\x2D "];
    let source = [&b"07"[..], slots[0], slots[1], slots[2], b"Z"].concat();
    let all = ["1 r 7 'Z'", "2 slot 'AB' 1 1 1", "3 slot NULL 0 2 1", "4 slot NULL -2 3 1"];
    let plain = job(FIXED, "", SLOTS);
    assert_eq!(read(&plain, &source), all);
    let skip = job(FIXED, "", &format!("{SLOTS}empty = \"skip\"\n"));
    assert_eq!(read(&skip, &source), [all[0], all[1], "3 slot NULL -2 3 1"]);
    let padding =
        |job: &Arc<Job>| decoded(job, &source).unwrap().bytes.classes().unwrap().of(ByteClass::Padding);
    assert_eq!((padding(&plain), padding(&skip)), (0, 5));
    // Whatever is neither blank nor zero makes it a record again.
    for (at, byte, line) in [
        (7, b'C', "3 slot 'C' 0 2 1"),
        (10, 0x1D, "3 slot NULL -1 2 1"),
        (9, 0x10, "3 slot NULL 100 2 1"),
        (11, b'?', "3 slot NULL 0 2 1"),
    ] {
        let mut changed = source.clone();
        changed[at] = byte;
        assert_eq!(read(&skip, &changed)[2], line, "{at}");
    }
    // What is no number is no blank either.
    let mut changed = source.clone();
    changed[10] = 0x1A;
    assert!(read(&skip, &changed)[2].starts_with("3 REJECT"));
}

#[test]
fn a_record_that_ends_within_its_table_is_one_reject() {
    let job = job(
        "01 R.\n 05 ID PIC 9.\n 05 T PIC 9(2) OCCURS 3.\n",
        "framing = \"line\"",
        "[[record]]\nname = \"r\"\n\
        [[record]]\nname = \"t\"\nparent = \"r\"\nrows = \"T\"\n",
    );
    assert_eq!(read(&job, b"1102030\n"), ["1 r 1", "2 t 10 1 1", "3 t 20 2 1", "4 t 30 3 1"]);
    let cut = "REJECT at 0 [11020] field-count: the record has 5 bytes, but element 3 of R.T ends at 7";
    assert_eq!(read(&job, b"11020\n"), [format!("1 {cut}")]);
}

#[test]
fn a_record_has_no_more_elements_than_a_chunk_has_records() {
    let types = "[[record]]\nname = \"r\"\n[[record]]\nname = \"t\"\nparent = \"r\"\nrows = \"T\"\n";
    for (elements, fits) in [(49_999, true), (50_000, false)] {
        let job = job(&format!("01 R.\n 05 ID PIC 9.\n 05 T PIC X OCCURS {elements}.\n"), "", types);
        let source = format!("1{}", "x".repeat(elements));
        let found = Records::new(&job).unwrap().find(RecordNo(1), true, source.as_bytes());
        assert_eq!(found.is_ok_and(|found| found.len() == 50_000), fits);
        assert_eq!(decoded(&job, source.as_bytes()).is_ok_and(|chunk| chunk.records() == 50_000), fits);
    }
}

#[test]
fn a_chunk_decodes_to_the_same_however_the_source_is_cut() {
    let job = job(ORDERS, "framing = \"layout\"", ORDER_TYPES);
    let source: String = (0..40)
        .map(|order| {
            let lines = (0..order % 5).map(|line| match line % 3 {
                2 => "CC000011X09".to_owned(),
                taxes => format!("A{line}00{order:02}{line}{taxes}{}", "X01".repeat(taxes)),
            });
            format!("{order:03}0{}{}EUR", order % 5, lines.collect::<String>())
        })
        .collect();
    let whole = decoded(&job, source.as_bytes()).unwrap();
    assert!(whole.rejects.is_empty());
    let mut records = Records::new(&job).unwrap();
    let found = records.find(RecordNo(1), true, source.as_bytes()).unwrap();
    let begins: Vec<_> = found.iter().filter(|found| !found.is_element()).collect();
    for step in [1, 3, 7] {
        let (mut rows, mut tree) = (vec![Vec::new(); 3], job.no_totals(0).tree);
        for (at, first) in begins.iter().enumerate().step_by(step) {
            let end = begins.get(at + step).map_or(source.len(), |next| next.at);
            let start = Start {
                first_record_no: first.record_no,
                offset: first.at as u64,
                parents: &[],
                ends_source: end == source.len(),
            };
            let bytes = &source.as_bytes()[first.at..end];
            let chunk = ChunkDecoder::new(&job).unwrap().decode(start, bytes).unwrap();
            rows.iter_mut().zip(&chunk.rows).for_each(|(all, of_chunk)| all.extend_from_slice(of_chunk));
            tree.append(&chunk.accepted.tree).unwrap();
        }
        assert_eq!((rows, tree), (whole.rows.clone(), whole.accepted.tree.clone()), "{step}");
    }
}

#[test]
fn controls_count_records_of_the_file_and_elements_where_they_are_named() {
    let copybook = "01 R.\n 05 KIND PIC X.\n 05 N PIC 9.\n 05 T OCCURS 0 TO 3 DEPENDING ON N.\n 10 A PIC 9.\n\
                    01 E.\n 05 KIND PIC X.\n 05 E-COUNT PIC 9(2).\n 05 E-ITEMS PIC 9(2).\n 05 E-SUM PIC 9(2).\n";
    let types = "[[record]]\nname = \"r\"\nlevel_01 = \"R\"\nwhen = { field = \"kind\", in = [\"D\"] }\n\
        [[record]]\nname = \"t\"\nparent = \"r\"\nrows = \"T\"\namounts = [\"a\"]\n\
        [[record]]\nname = \"e\"\nlevel_01 = \"E\"\nrole = \"trailer\"\nwhen = { field = \"kind\", in = [\"E\"] }\n";
    let all = format!(
        "{types}[[control]]\nrecord = \"e\"\n[[control.total]]\nfield = \"e_count\"\ncount = \"*\"\n\
        [[control.total]]\nfield = \"e_items\"\ncount = \"t\"\n[[control.total]]\nfield = \"e_sum\"\nsum = \"t.a\"\n"
    );
    let details = format!("{types}[declared]\nrecords = {{ from = \"trailer\", field = \"e_count\" }}\n");
    for (controls, trailer, is_right) in [
        (&all, "E030306", true),
        (&all, "E060306", false),
        (&all, "E030406", false),
        (&all, "E030305", false),
        (&details, "E020000", true),
        (&details, "E050000", false),
    ] {
        let job = job(copybook, "framing = \"layout\"", controls);
        let source = format!("D3123D0{trailer}");
        let chunk = decoded(&job, source.as_bytes()).unwrap();
        assert_eq!(chunk.records(), 6);
        let plan = job.footing.as_ref().unwrap();
        let mut fold = Fold::new(plan, Given::default());
        fold.chunk(&Footing::from_bytes(plan, &chunk.footing).unwrap()).unwrap();
        let checks = fold.finish().unwrap().checks(0);
        let passes = checks.iter().all(|check| check.verdict == Verdict::Pass);
        assert_eq!(passes, is_right, "{trailer} {checks:#?}");
    }
}

#[test]
fn what_cannot_be_rows_is_refused_by_name() {
    let with = |line: &str| format!("[[record]]\nname = \"orders\"\n[[record]]\nname = \"line\"\n{line}\n");
    let outside =
        "01 R.\n 05 K PIC 9.\n 05 N PIC 9.\n 05 T OCCURS 2.\n 10 V PIC X OCCURS 0 TO 3 DEPENDING ON N.\n";
    let inside = "01 R.\n 05 K PIC 9.\n 05 T OCCURS 2.\n 10 S OCCURS 2.\n 15 A PIC X.\n";
    let mut deep = String::from("01 R.\n 05 K PIC 9.\n");
    let mut chain = String::from("[[record]]\nname = \"t0\"\n");
    for at in 1..=5 {
        let _ = writeln!(deep, " {:02} T{at} OCCURS 2.\n {:02} K{at} PIC 9.", at * 5, at * 5 + 5);
        let _ = write!(chain, "[[record]]\nname = \"t{at}\"\nparent = \"t{}\"\nrows = \"T{at}\"\n", at - 1);
    }
    let r = "[[record]]\nname = \"orders\"\n[[record]]\nname = \"line\"\nparent = \"orders\"\n";
    for (copybook, types, expected) in [
        (
            ORDERS,
            with("rows = \"ORDER-LINE\""),
            "record `line` does not say which record type holds the table",
        ),
        (ORDERS, with("parent = \"orders\"\nrows = \"LINES\""), "there is no table `LINES`"),
        (ORDERS, with("parent = \"orders\"\nrows = \"LINES\""), "tables: `ORDER-LINE`, `TAX`"),
        (ORDERS, with("parent = \"ords\"\nrows = \"ORDER-LINE\""), "there is no record `ords`"),
        (
            ORDERS,
            with("parent = [\"orders\", \"line\"]\nrows = \"ORDER-LINE\""),
            "one record type is the parent",
        ),
        (
            ORDERS,
            with("parent = \"line\"\nrows = \"ORDER-LINE\""),
            "the tables of these record types are inside each other",
        ),
        (ORDERS, with("element = \"n\""), "`element` needs `rows`"),
        (ORDERS, with("empty = \"skip\""), "`empty` needs `rows`"),
        (
            ORDERS,
            with("parent = \"orders\"\nrows = \"ORDER-LINE\"\nempty = \"drop\""),
            "expected row or skip",
        ),
        (
            ORDERS,
            with("parent = \"orders\"\nrows = \"ORDER-LINE\"\nrole = \"header\""),
            "`role` does not go with `rows`",
        ),
        (
            ORDERS,
            with("parent = \"orders\"\nrows = \"ORDER-LINE\"\nelement = \"sku\""),
            "a field of the element is called `sku`",
        ),
        (
            ORDERS,
            with("parent = \"orders\"\nrows = \"ORDER-LINE\"\nelement = \"run_id\""),
            "is a column that Crossfoot adds",
        ),
        (
            ORDERS,
            format!("{ORDER_TYPES}empty = \"row\"\n").replace("element = ", "empty = \"skip\"\nelement = "),
            "cannot be skipped",
        ),
        (ORDERS, with("parent = \"orders\"\nrows = \"TAX\""), "is inside a table whose elements are columns"),
        (inside, format!("{r}rows = \"S\"\n"), "`S` is inside a table whose elements are columns"),
        (outside, format!("{r}rows = \"T\"\n"), "`V` depends on `N`, which is outside the element"),
        (&deep, chain, "more than 4 tables whose elements are records are inside each other"),
        (
            ORDERS,
            format!(
                "{ORDER_TYPES}[[record]]\nname = \"again\"\nparent = \"orders\"\nrows = \"ORDER-LINE\"\n"
            ),
            "another record type has the elements of `ORDER-LINE`",
        ),
    ] {
        let error =
            Job::parse("job.toml", &text(copybook, "framing = \"line\"", &types)).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}\n{error}");
    }
}
