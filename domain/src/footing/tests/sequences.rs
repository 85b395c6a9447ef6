//! Sequences: what is missing, repeated or out of order, whatever the chunks.

use proptest::prelude::*;

use super::*;
use crate::footing::sequence::{Due, Part as Numbers};

/// The number of each record: nothing if the record is not numbered, and nothing in that if it cannot be read.
type Numbered = Option<Option<i128>>;

fn of(start: Option<i64>, step: i64) -> Sequence {
    let fields = vec![(HEADER, 0), (ENTRY, 1)];
    Sequence { name: "numbers".into(), fields, start, step, restarts: vec![HEADER] }
}

/// All parts of a sequence whose records are cut into chunks of `size`: [`HEADER`] and [`ENTRY`] are numbered.
fn whole(sequence: &Sequence, records: &[(usize, Numbered)], size: usize) -> Numbers {
    let mut all = Numbers { tail: Due::Start, ..Numbers::default() };
    let mut record_no = 0;
    for chunk in records.chunks(size.max(1)) {
        let mut part = Numbers::default();
        for (ty, number) in chunk {
            record_no += 1;
            let ty = if number.is_some() { *ty } else { CLOSE };
            part.record(sequence, ty, RecordNo(record_no), |_| number.flatten());
        }
        all.chunk(sequence, &part);
    }
    all
}

fn entries(numbers: &[i128]) -> Vec<(usize, Numbered)> {
    numbers.iter().map(|number| (ENTRY, Some(Some(*number)))).collect()
}

#[test]
fn each_break_is_named_with_its_numbers_and_records() {
    let said = |sequence: &Sequence, records: &[(usize, Numbered)]| {
        let check = sequence.check(&whole(sequence, records, 3), 0);
        (check.verdict, check.message)
    };
    let one = of(Some(1), 1);
    let gap: Vec<i128> = (1..=450).chain(460..=500).collect();
    let table: [(&[i128], &str); 7] = [
        (&gap, "451-459 are missing after record 450"),
        (&[1, 2, 4, 5], "3 is missing after record 2"),
        (&[1, 2, 2, 3], "record 3 repeats 2 of record 2"),
        (&[1, 2, 1, 2], "record 3 has 1 after 2 of record 2, where 3 is due"),
        (&[2, 3], "record 1 has 2, but numbers start at 1"),
        (
            &[1, 3, 5, 7, 9],
            "2 is missing after record 1; 4 is missing after record 2; 6 is missing after record 3; and 1 break more",
        ),
        (
            &[3, 2, 5],
            "record 1 has 3, but numbers start at 1; record 2 has 2 after 3 of record 1, where 4 is due; 3-4 are missing after record 2",
        ),
    ];
    for (numbers, expected) in table {
        assert_eq!(said(&one, &entries(numbers)), (Verdict::Fail, expected.to_owned()));
    }
    assert_eq!(said(&of(None, 1), &entries(&[7, 8, 9])).0, Verdict::Pass);
    assert_eq!(said(&one, &entries(&[])), (Verdict::Vacuous, "no record of the source is numbered".into()));
    let tens = said(&of(Some(100), 10), &entries(&[100, 110, 150, 155]));
    assert_eq!(
        tens.1,
        "120-140 (in steps of 10) are missing after record 2; record 4 has 155 after 150 of record 3, where 160 is due"
    );
    assert_eq!(said(&of(None, -1), &entries(&[5, 4, 2])).1, "3 is missing after record 2");
    // A header begins anew, with its own number; a number that cannot be read hides the next, and fails itself.
    let header = (HEADER, Some(Some(1)));
    let restarted = [entries(&[1, 2]), vec![header], entries(&[2, 3]), vec![header, (ENTRY, None)]].concat();
    assert_eq!(said(&one, &restarted[2..]).0, Verdict::Pass);
    assert_eq!(said(&one, &restarted).0, Verdict::Pass);
    let unread = [entries(&[1]), vec![(ENTRY, Some(None))], entries(&[9, 10])].concat();
    assert_eq!(said(&one, &unread).1, "record 2 has no number that can be read");
    let wide = [entries(&[i128::MAX]), entries(&[i128::MIN])].concat();
    assert_eq!(said(&of(None, 1), &wide).0, Verdict::Fail);
}

#[test]
fn findings_are_bounded_and_the_rest_is_counted() {
    let numbers: Vec<i128> = (0..1000).map(|at| at * 2).collect();
    let sequence = of(None, 1);
    for size in [1, 7, 333, 2000] {
        let all = whole(&sequence, &entries(&numbers), size);
        assert_eq!((all.breaks.len(), all.more, all.numbered), (100, 899, 1000), "{size}");
        assert_eq!(sequence.findings(&all).count(), 100);
        assert_eq!(sequence.check(&all, 0).actual, "999 breaks");
    }
}

#[test]
fn a_plan_with_sequences_refuses_what_says_nothing() {
    let plan = || FootingPlan::new(&layouts(), Vec::new()).unwrap();
    let good = of(Some(1), 1);
    assert!(plan().numbered(vec![good.clone()]).is_ok());
    for (sequences, says) in [
        (vec![good.clone(), good.clone()], "same name"),
        (vec![Sequence { fields: vec![], ..good.clone() }], "no such field"),
        (vec![Sequence { fields: vec![(HEADER, 9)], ..good.clone() }], "no such field"),
        (vec![Sequence { fields: vec![(HEADER, 0), (HEADER, 1)], ..good.clone() }], "only one number"),
        (vec![Sequence { restarts: vec![99], ..good.clone() }], "no such record type"),
        (vec![Sequence { step: 0, ..good }], "step of 0"),
    ] {
        let error = plan().numbered(sequences).unwrap_err().to_string();
        assert!(error.starts_with("`numbers`") && error.contains(says), "{error}");
    }
}

/// A chunk's part goes through bytes, and a footing of another plan is refused.
#[test]
fn a_footing_with_sequences_is_read_back_as_it_was() {
    let plan =
        Arc::new(FootingPlan::new(&layouts(), Vec::new()).unwrap().numbered(vec![of(None, 1)]).unwrap());
    for numbers in [&["1", "2", "9", "9", "x", "-3"][..], &[], &["5"]] {
        let mut builder = FootingBuilder::new(&plan, RecordNo(40));
        for (at, number) in numbers.iter().enumerate() {
            let record = rec(ENTRY, ["1.00", number]);
            let values: Vec<_> = record.values.iter().map(Literal::value).collect();
            builder.record(record.ty, RecordNo(40 + at as u64), 1, &values, |_| true).unwrap();
        }
        let footing = builder.finish().unwrap();
        let bytes = footing.to_bytes(&plan);
        assert_eq!(Footing::from_bytes(&plan, &bytes).unwrap(), footing);
        for end in 0..bytes.len() {
            assert!(Footing::from_bytes(&plan, &bytes[..end]).is_err());
        }
        let other = FootingPlan::new(&layouts(), Vec::new()).unwrap().numbered(vec![of(None, 2)]).unwrap();
        assert!(Footing::from_bytes(&other, &bytes).is_err());
    }
}

proptest! {
    /// However the records are cut, what comes out is what one pass over all of them finds.
    #[test]
    fn chunks_make_no_difference(
        records in prop::collection::vec(
            (prop::sample::select(vec![HEADER, ENTRY, ENTRY, ENTRY]), prop::option::weighted(
                0.9, prop::option::weighted(0.9, 0..6_i128))),
            0..60),
        size in 1_usize..20, start in prop::option::of(0..3_i64), step in prop::sample::select(vec![1, 2, -1]),
    ) {
        let sequence = of(start, step);
        let all = whole(&sequence, &records, records.len().max(1));
        prop_assert_eq!(&whole(&sequence, &records, size), &all);
        // By hand: the number before, within the scope.
        let (mut due, mut breaks): (Option<Option<i128>>, _) = (Some(start.map(i128::from)), 0);
        for (ty, number) in &records {
            let Some(number) = number else { continue };
            if *ty == HEADER {
                due = Some(start.map(i128::from));
            }
            let is_due = match (due, number) {
                (_, None) => false,
                (Some(Some(due)), Some(number)) => due == *number,
                _ => true,
            };
            breaks += u64::from(!is_due);
            due = number.map(|number| Some(number + i128::from(step)));
        }
        prop_assert_eq!(all.breaks.len() as u64 + all.more, breaks);
    }
}
