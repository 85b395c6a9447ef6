//! A file that another compiler's program wrote: GnuCOBOL writes every usage and displays every value. What is decoded
//! is what it displayed, and what is encoded from that is what it wrote, in the usual form of every field.
//!
//! Without `cobc` the test says so and passes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use domain::amount::Amount;
use domain::ids::RecordNo;
use domain::record::records;
use domain::round_trip::Equivalence;
use domain::value::Value;
use job::Job;
use job::chunk::{ChunkDecoder, Start};

const JOB: &str = r#"
[job]
name = "every"
[source]
format = "copybook"
copybook = "every.cpy"
encoding = "ascii"
[source.cobol]
ascii_signs = "micro-focus"
native_order = "little"
floats = "ieee"
[[record]]
name = "every"
staging = "stg_every"
final = "every"
[[record.field]]
name = "edited"
type = "decimal(9,2)"
[[record.field]]
name = "current_sum"
type = "decimal(7,2)"
"#;

/// The file that the program of this name writes, compiled with these options, and the lines that it displays; `None`
/// without the compiler.
fn written(folder: &Path, program: &str, options: &[&str], slides: &str) -> Option<(Vec<u8>, Vec<String>)> {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("cobol");
    for ending in ["cob", "cpy"] {
        let name = format!("{program}.{ending}");
        std::fs::copy(programs.join(&name), folder.join(&name)).unwrap();
    }
    let mut compiler = Command::new("cobc");
    let line = ["-x", &format!("{program}.cob"), "-o", program];
    let Ok(compiled) = compiler.args(options).args(line).current_dir(folder).status() else {
        // Past the test runner, which keeps what passing tests print to itself.
        drop(std::io::stderr().write_all(b"SKIPPED: no cobc (GnuCOBOL) to write a file with\n"));
        return None;
    };
    assert!(compiled.success());
    let ran = Command::new(folder.join(program)).env("SLIDES", slides).current_dir(folder).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let shown = String::from_utf8(ran.stdout).unwrap();
    let bytes = std::fs::read(folder.join(format!("{program}.dat"))).unwrap();
    Some((bytes, shown.lines().map(str::to_owned).collect()))
}

/// A number as COBOL displays it.
fn number(shown: &str) -> Amount {
    let (is_negative, digits) = match shown.trim().strip_suffix('-').or(shown.trim().strip_prefix('-')) {
        Some(rest) => (true, rest),
        None => (false, shown),
    };
    let digits: String = digits.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
    let amount: Amount = digits.parse().unwrap_or_else(|_| panic!("{shown}"));
    if is_negative { amount.negated() } else { amount }
}

/// Whether the decimal texts are the same number of so many digits.
fn is_near(one: &str, other: &str, digits: i32) -> bool {
    let (one, other): (f64, f64) = (one.parse().unwrap(), other.parse().unwrap());
    (one - other).abs() <= one.abs() * 10_f64.powi(-digits)
}

#[test]
fn what_another_compiler_wrote_is_decoded_as_it_displays_it_and_encoded_as_it_wrote_it() {
    let folder = tempfile::tempdir().unwrap();
    let Some((bytes, shown)) = written(folder.path(), "every", &[], "") else { return };
    let job = folder.path().join("job.toml");
    std::fs::write(&job, JOB).unwrap();
    let job = Arc::new(Job::read(&job).unwrap_or_else(|error| panic!("{error}")));
    let mut decoder = ChunkDecoder::new(&job).unwrap();
    let start = Start { first_record_no: RecordNo(1), offset: 0, parents: &[], ends_source: true };
    let chunk = decoder.decode(start, &bytes).unwrap();
    assert!(chunk.rejects.is_empty(), "{:?}", chunk.rejects.first().map(|reject| &reject.reasons));
    let layout = &job.records[0].layout;
    let mut compared = 0;
    for (record, line) in records(&chunk.rows[0], layout.fields.len()).zip(&shown) {
        let shown: Vec<&str> = line.trim_end_matches('|').split('|').collect();
        let fields: Vec<_> = record.unwrap().fields().collect();
        assert_eq!(fields.len(), shown.len());
        for ((field, spec), shown) in fields.iter().zip(&layout.fields).zip(&shown) {
            let value = field.value(&spec.ty).unwrap();
            let is_same = match (value, spec.name.as_str()) {
                (Value::Text(text), "short_float") => is_near(text, shown, 6),
                (Value::Text(text), "long_float") => is_near(text, shown, 14),
                (Value::Text(text), _) => text == shown.trim(),
                (other, _) => other.as_amount() == Some(number(shown)),
            };
            assert!(is_same, "{} is {}, displayed {shown}", spec.name, field.display());
            compared += 1;
        }
    }
    assert_eq!((compared, shown.len()), (500 * 19, 500));
    // Another program's bytes are the usual form of every value; but a zero of which digits were cut off keeps its
    // sign.
    let trips = &chunk.bytes.round_trips;
    let others: Vec<_> =
        trips.equivalences.iter().filter(|of| of.kind != Equivalence::NegativeZero).collect();
    assert_eq!((trips.proved, others.as_slice()), (500, &[][..]));
}

/// Two tables as rows: the lines of an order, and the taxes of a line. The currency stands after the lines.
const ORDERS: &str = r#"
[job]
name = "orders"
[source]
format = "copybook"
copybook = "orders.cpy"
encoding = "ascii"
framing = "rdw"
length_includes_header = false
[source.cobol]
ascii_signs = "micro-focus"
behind_tables = "FOLLOWING"
[[record]]
name = "orders"
[[record]]
name = "line"
parent = "orders"
rows = "ORDER-LINE"
element = "line_no"
amounts = ["amount"]
[[record]]
name = "tax"
parent = "line"
rows = "TAX"
amounts = ["levied"]
"#;

/// As another compiler lays tables of varying length out; the item after them moves, or is written where it stays.
#[test]
fn tables_that_another_compiler_wrote_are_the_rows_that_it_displays() {
    for (option, slides, following) in [("-fodoslide", "Y", "shift"), ("-fcomplex-odo", "N", "stay")] {
        let folder = tempfile::tempdir().unwrap();
        let Some((bytes, shown)) = written(folder.path(), "orders", &[option], slides) else { return };
        let path = folder.path().join("job.toml");
        std::fs::write(&path, ORDERS.replace("FOLLOWING", following)).unwrap();
        let job = Arc::new(Job::read(&path).unwrap_or_else(|error| panic!("{error}")));
        let start = Start { first_record_no: RecordNo(1), offset: 0, parents: &[], ends_source: true };
        let chunk = ChunkDecoder::new(&job).unwrap().decode(start, &bytes).unwrap();
        assert!(chunk.rejects.is_empty(), "{:?}", chunk.rejects.first().map(|reject| &reject.reasons));
        assert!(chunk.bytes.account_for(bytes.len() as u64));
        // By record number: order, SKU and amount of each line; order and currency; the amount of each tax.
        let rows = |place: usize| {
            let layout = &job.records[place].layout;
            records(&chunk.rows[place], layout.fields.len()).map(|row| {
                let row = row.unwrap();
                let values = row.fields().zip(&layout.fields);
                let values = values.map(|(raw, field)| raw.value(&field.ty).unwrap().to_string());
                (row.record_no.0.to_string(), values.collect::<Vec<_>>())
            })
        };
        let orders: std::collections::HashMap<_, _> = rows(0).collect();
        let mut taxes = rows(2);
        let mut lines = 0;
        for ((record_no, line), shown) in rows(1).zip(&shown) {
            let [order, no, sku, amount, one, two] = shown.split('|').collect::<Vec<_>>()[..] else {
                panic!()
            };
            let parent = &orders[&line[3]];
            assert_eq!((&*parent[0], &*parent[2]), (order.trim_start_matches('0'), "'EUR'"), "{shown}");
            assert_eq!(line[0], format!("'{}'", sku.trim()), "{shown}");
            assert_eq!(line[1].parse::<Amount>().unwrap(), number(amount), "{shown}");
            assert_eq!(line[2], no.trim_start_matches('0'), "{shown}");
            for (at, levied) in [one, two].into_iter().enumerate() {
                let (_, tax) = taxes.next().unwrap();
                assert_eq!(tax[0].parse::<Amount>().unwrap(), number(levied), "{shown}");
                assert_eq!(tax[1..], [(at + 1).to_string(), record_no.clone()], "{shown}");
            }
            lines += 1;
        }
        assert_eq!((lines, taxes.count(), orders.len()), (shown.len(), 0, 200));
        assert_eq!(chunk.bytes.round_trips.proved, 200 + 3 * shown.len() as u64);
    }
}
