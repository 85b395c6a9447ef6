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

/// The records of 130 bytes that the program writes, and the lines that it displays; `None` without the compiler.
fn written(folder: &Path) -> Option<(Vec<u8>, Vec<String>)> {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("cobol");
    for name in ["every.cob", "every.cpy"] {
        std::fs::copy(programs.join(name), folder.join(name)).unwrap();
    }
    let compiled =
        Command::new("cobc").args(["-x", "every.cob", "-o", "every"]).current_dir(folder).status().ok()?;
    assert!(compiled.success());
    let ran = Command::new(folder.join("every")).current_dir(folder).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let shown = String::from_utf8(ran.stdout).unwrap();
    Some((std::fs::read(folder.join("every.dat")).unwrap(), shown.lines().map(str::to_owned).collect()))
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
    let Some((bytes, shown)) = written(folder.path()) else {
        // Past the test runner, which keeps what passing tests print to itself.
        drop(std::io::stderr().write_all(b"SKIPPED: no cobc (GnuCOBOL) to write a file with\n"));
        return;
    };
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
