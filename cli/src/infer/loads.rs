//! Whatever a sample looks like, the job that `init` writes for it loads it: every record, with nothing against it.

use format::{Decoder, Framer, header_names};
use job::Job;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{InferError, infer};

/// Column names as files have them: usual ones, words of SQL, signs, blanks, umlauts, digits, names of Crossfoot's own
/// columns, and none at all. Few enough that they are often doubled.
const NAMES: [&str; 24] = [
    "id",
    "Id",
    "Amount",
    "amount",
    "Größe",
    "Straße 2",
    "order",
    "select",
    "group by",
    "a b",
    "a_b",
    "a.b",
    "%",
    "#",
    "",
    " ",
    "2024",
    "run_id",
    "record no",
    "日付",
    "e\u{301}t\u{e9}",
    "O'Brien",
    "last_run_id",
    "Preis (€)",
];

/// A value of some kind, as it is meant: the sample's writer quotes it where it must.
fn value(kind: usize) -> BoxedStrategy<String> {
    match kind {
        0 => "[0-9]{1,6}".boxed(),
        1 => "-?[0-9]{1,5}\\.[0-9]{1,4}".boxed(),
        2 => {
            (1950..2050_u32, 1..13_u32, 1..29_u32).prop_map(|(y, m, d)| format!("{y}-{m:02}-{d:02}")).boxed()
        }
        3 => {
            (1950..2050_u32, 1..13_u32, 1..29_u32).prop_map(|(y, m, d)| format!("{d:02}.{m:02}.{y}")).boxed()
        }
        4 => (1..13_u32, 0..24_u32, 0..60_u32)
            .prop_map(|(month, hour, minute)| format!("2024-{month:02}-07T{hour:02}:{minute:02}:09+01:00"))
            .boxed(),
        5 => (1..13_u32, 0..24_u32, 0..60_u32)
            .prop_map(|(month, hour, minute)| format!("2024-{month:02}-07 {hour:02}:{minute:02}:09.5"))
            .boxed(),
        6 => prop::sample::select(&["true", "false", "TRUE", "Y", "N", "yes"][..])
            .prop_map(String::from)
            .boxed(),
        7 => "[a-zA-ZäöüÄß ]{0,12}".boxed(),
        8 => "[a-z0-9,;|\\t\"' \n\\\\.-]{0,10}".boxed(),
        9 => prop::sample::select(
            &["NULL", "\\N", "n/a", "-", "0", "00012", "1e5", "+7", "1,234.50", "0x1f"][..],
        )
        .prop_map(String::from)
        .boxed(),
        10 => "[0-9]{17,40}".boxed(),
        _ => Just(String::new()).boxed(),
    }
}

/// A file of rows and columns, as a program writes it that quotes what needs quotes.
fn sample() -> impl Strategy<Value = Vec<u8>> {
    let shape = (2..6_usize, 1..12_usize, 0..4_usize, any::<bool>(), 0..4_u8);
    shape.prop_flat_map(|(columns, rows, separator, has_header, style)| {
        let separator = [",", ";", "|", "\t"][separator];
        let names = prop::collection::vec(prop::sample::select(&NAMES[..]), columns);
        let kinds = prop::collection::vec((0..12_usize, 0..12_usize, 0..6_u8), columns);
        let cells = kinds.prop_flat_map(move |kinds| {
            let column = |(kind, other, mix): (usize, usize, u8)| {
                // Most columns hold values of one kind, and some of them now and then another, or nothing.
                let mixed = match mix {
                    0 => prop_oneof![4 => value(kind), 1 => value(other)].boxed(),
                    1 => prop_oneof![4 => value(kind), 1 => Just(String::new())].boxed(),
                    _ => value(kind),
                };
                prop::collection::vec(mixed, rows)
            };
            kinds.into_iter().map(column).collect::<Vec<_>>()
        });
        (names, cells).prop_map(move |(names, cells)| {
            let line_end = if style & 1 == 0 { "\n" } else { "\r\n" };
            let quoted = |cell: &str| {
                let must = cell.contains(['"', '\n', '\r']) || cell.contains(separator);
                match must || style & 2 != 0 {
                    true => format!("\"{}\"", cell.replace('"', "\"\"")),
                    false => cell.to_owned(),
                }
            };
            let mut lines = Vec::new();
            if has_header {
                lines.push(names.iter().map(|name| quoted(name)).collect::<Vec<_>>());
            }
            lines.extend((0..rows).map(|row| cells.iter().map(|column| quoted(&column[row])).collect()));
            let lines = lines.into_iter().map(|cells| cells.join(separator) + line_end);
            lines.collect::<String>().into_bytes()
        })
    })
}

/// What is wrong with the sample as the job reads it; `None` when every record is accepted.
fn objection(text: &str, sample: &[u8]) -> Option<String> {
    let job = match Job::parse("sample.toml", text) {
        Ok(job) => job,
        Err(error) => return Some(error.to_string()),
    };
    let framer = Framer::new(&job.format);
    let mut at = framer.preamble(sample, true).ok()??;
    if job.has_header() {
        match header_names(&job.format, &sample[..at]).map(|names| job.with_columns(&names)) {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(_))) => return Some("the columns are in another order than the fields".into()),
            Ok(Err(error)) => return Some(error.to_string()),
            Err(error) => return Some(error.to_string()),
        }
    }
    let mut decoder = match Decoder::new(&job.format, job.records[0].own.clone()) {
        Ok(decoder) => decoder,
        Err(error) => return Some(error),
    };
    while at < sample.len() {
        let frame = match framer.next(&sample[at..], true) {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(error) => return Some(error.to_string()),
        };
        let decoded = decoder.decode(&sample[at + frame.start..at + frame.end]);
        if let Some(reason) = decoded.reasons().first() {
            return Some(format!("at byte {at}: {reason:?}"));
        }
        at += frame.total;
    }
    None
}

#[test]
fn a_job_that_is_inferred_loads_its_own_sample() {
    let config =
        Config { cases: 1500, failure_persistence: None, max_shrink_iters: 4000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let inferred = std::cell::Cell::new(0_u32);
    let outcome = runner.run(&sample(), |sample| {
        let shown = String::from_utf8_lossy(&sample).into_owned();
        match infer("sample", &sample, true) {
            // It says what it cannot tell, and writes no job.
            Err(InferError::NotDelimited { .. } | InferError::Empty | InferError::NotText { .. }) => {}
            Err(error) => prop_assert!(false, "{shown:?}: {error}"),
            // A row that would be rejected is named in the notes.
            Ok(job) if job.notes.iter().any(|note| note.contains("would be rejected")) => {}
            Ok(job) => {
                inferred.set(inferred.get() + 1);
                let objection = objection(&job.text, &sample);
                prop_assert!(objection.is_none(), "{shown:?}\n{}\n{objection:?}", job.text);
            }
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    assert!(inferred.get() > 1000, "only {} of the samples were understood", inferred.get());
}
