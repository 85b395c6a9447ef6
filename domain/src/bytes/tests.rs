//! The balance in bytes as a table, and what makes it fail.

#![allow(clippy::type_complexity, reason = "a table's type is its heading")]

use super::*;
use crate::check::Verdict;

fn counts(of: [u64; 7]) -> ByteCounts {
    let [framing, fields, filler, unused_views, left_out, padding, rejects] = of;
    ByteCounts { framing, fields, filler, unused_views, left_out, padding, rejects }
}

fn chunk(of: [u64; 7]) -> ByteShares {
    ByteShares { types: vec![counts(of)], filler_data: vec![Places::default()], ..ByteShares::default() }
}

fn verdicts(evidence: &ByteEvidence, tiled: u64, went_through: bool) -> [Verdict; 2] {
    let checks = evidence.checks(&["a".into()], (tiled, 5), &[false], went_through, 0);
    [checks[0].verdict, checks[1].verdict]
}

#[test]
fn the_classes_make_the_source_in_all_and_chunk_by_chunk() {
    use Verdict::{Fail, Pass};
    #[rustfmt::skip]
    let table: [(&str, &[(u64, [u64; 7])], u64, [Verdict; 2]); 6] = [
        // chunks: length, framing fields filler views left-out padding rejects; source with 5 bytes outside
        ("all",                  &[(100, [10, 40, 20, 10, 5, 5, 10])],                         105, [Pass, Pass]),
        ("none",                 &[],                                                            5, [Pass, Pass]),
        ("a byte is missing",    &[(100, [10, 39, 20, 10, 5, 5, 10])],                         105, [Fail, Fail]),
        ("counted twice",        &[(100, [10, 40, 40, 10, 5, 5, 10])],                         105, [Fail, Fail]),
        ("two faults cancel",    &[(50, [0, 49, 0, 0, 0, 0, 0]), (50, [0, 51, 0, 0, 0, 0, 0])], 105, [Pass, Fail]),
        ("a chunk is missing",   &[(50, [0, 50, 0, 0, 0, 0, 0])],                               105, [Fail, Pass]),
    ];
    for (name, chunks, tiled, expected) in table {
        let mut evidence = ByteEvidence::none(1);
        for (at, (bytes, of)) in chunks.iter().enumerate() {
            evidence.chunk(at as u64, *bytes, Some(&chunk(*of)));
        }
        assert_eq!(verdicts(&evidence, tiled, true), expected, "{name}");
        let balance = evidence.balance(&["a".into()], tiled, 5).unwrap();
        assert_eq!(balance.holds(), expected == [Pass, Pass], "{name}");
        assert!(balance.is_consistent(), "{name}");
    }
}

#[test]
fn a_record_that_does_not_add_up_fails_its_chunk_though_the_chunk_adds_up() {
    let mut shares = chunk([0, 100, 0, 0, 0, 0, 0]);
    shares.unaccounted.note(BytePlace { record_no: 1_017, offset: 5_000 });
    let mut evidence = ByteEvidence::none(1);
    evidence.chunk(3, 100, Some(&shares));
    let checks = evidence.checks(&["a".into()], (105, 5), &[false], true, 0);
    assert_eq!([checks[0].verdict, checks[1].verdict], [Verdict::Pass, Verdict::Fail]);
    assert_eq!(checks[0].message, "5 framing + 100 fields");
    assert_eq!(
        checks[1].message,
        "chunks in which bytes are counted twice or not at all; the first is chunk 3; 1 record, the first is record \
         1,017, at byte 5,000"
    );
}

#[test]
fn chunks_of_an_earlier_version_are_a_warning_and_never_in_a_run_of_one_version() {
    let mut evidence = ByteEvidence::none(1);
    evidence.chunk(0, 50, Some(&chunk([0, 50, 0, 0, 0, 0, 0])));
    evidence.chunk(1, 50, None);
    assert_eq!(verdicts(&evidence, 105, false), [Verdict::Warn, Verdict::Pass]);
    assert_eq!(verdicts(&evidence, 105, true), [Verdict::Fail, Verdict::Pass]);
    // More bytes than there are is no matter of versions.
    assert_eq!(verdicts(&evidence, 50, false), [Verdict::Fail, Verdict::Pass]);
    // Classes that make the source although a chunk's are unknown are wrong.
    assert_eq!(verdicts(&evidence, 55, true), [Verdict::Fail, Verdict::Pass]);
}

#[test]
fn filler_that_holds_data_is_a_warning_unless_the_job_lets_it_pass() {
    let mut shares = chunk([0, 90, 10, 0, 0, 0, 0]);
    shares.filler_data[0].note(BytePlace { record_no: 7, offset: 61 });
    let mut evidence = ByteEvidence::none(1);
    evidence.chunk(0, 100, Some(&shares));
    let checks = |any| evidence.checks(&["a".into()], (100, 0), &[any], true, 0);
    let warning = checks(false).pop().unwrap();
    assert_eq!(
        (&*warning.name, warning.verdict, &*warning.actual),
        ("filler holds no data", Verdict::Warn, "1")
    );
    assert!(warning.message.contains("the first is record 7, at byte 61"), "{}", warning.message);
    assert_eq!(checks(true).len(), 2);
    assert_eq!(evidence.balance(&["a".into()], 100, 0).unwrap().types[0].filler_data.records, 1);
}

#[test]
fn sums_that_do_not_fit_are_errors_and_fail() {
    let mut all = counts([u64::MAX, 0, 0, 0, 0, 0, 0]);
    assert_eq!(all.add(ByteClass::Framing, 1), Err(TooManyBytes));
    assert_eq!(all.add_times(&counts([0, 2, 0, 0, 0, 0, 0]), u64::MAX), Err(TooManyBytes));
    assert_eq!(counts([u64::MAX, 1, 0, 0, 0, 0, 0]).total(), Err(TooManyBytes));
    let mut evidence = ByteEvidence::none(1);
    evidence.chunk(0, u64::MAX, Some(&chunk([u64::MAX, 0, 0, 0, 0, 0, 0])));
    evidence.chunk(1, 1, Some(&chunk([1, 0, 0, 0, 0, 0, 0])));
    assert_eq!((evidence.chunks_off, evidence.first_off), (1, Some(1)));
    // Shares of another number of types cannot be added.
    evidence.chunk(2, 0, Some(&ByteShares::none(2)));
    assert_eq!(evidence.chunks_off, 2);
}

#[test]
fn the_first_places_are_kept_and_all_are_counted() {
    let mut places = Places::default();
    (1..=5).for_each(|record_no| places.note(BytePlace { record_no, offset: 10 * record_no }));
    let mut both = Places { records: 1, first: vec![BytePlace { record_no: 1, offset: 0 }] };
    both.merge(&places).unwrap();
    assert_eq!((places.records, places.first.len(), both.records, both.first.len()), (5, 3, 6, 3));
}
