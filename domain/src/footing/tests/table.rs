//! What passes, and what fails by name.

use std::collections::BTreeMap;

use super::*;

/// A change to a good file, and a piece of each check that fails for it.
type Spoiled = (fn(&mut Vec<Rec>), &'static [&'static str]);

#[test]
fn a_file_whose_every_total_is_right_passes_every_check() {
    let checks = checks(&plan(batches()), &good());
    assert_eq!(failed(&checks), [""; 0]);
    let shown: Vec<_> = checks.iter().map(|c| format!("{}: {} = {}", c.name, c.expected, c.actual)).collect();
    assert_eq!(
        shown,
        [
            "control batch: 2 closing = 2 closing",
            "control batch: entries: 2 of 2 foot: 3 = 2 of 2 foot: 3",
            "control batch: cents: 2 of 2 foot: 7.50 = 2 of 2 foot: 7.50",
            "control file: 1 trailer = 1 trailer",
            "control file: records: 9 = 9",
            "control file: total: 7.75 = 7.75",
            "control file: hash: 60 = 60",
            "control file: blocks: 3 = 3",
        ]
    );
}

#[test]
fn whatever_is_wrong_fails_by_name() {
    let table: &[Spoiled] = &[
        (
            |r| drop(r.remove(3)),
            &[
                "batch: entries [fail]: 2 of 2 foot: 3 / 1 of 2 foot: 2: first, declared against computed: record 4: 2 against 1",
                "file: records",
                "file: total",
                "file: hash",
                "file: blocks [fail]: 3 / 2",
            ],
        ),
        (|r| r[2] = rec(ENTRY, ["10.51", "40"]), &["batch: cents", "file: total [fail]: 7.75 / 7.76"]),
        (|r| r[6] = rec(ENTRY, ["-3.00", "31"]), &["file: hash [fail]: 60 / 61"]),
        // No trailer: the file is partial.
        (
            |r| drop(r.pop()),
            &[
                "control file [fail]: 1 trailer / 0 trailer: no trailer: the file is incomplete",
                "file: records [fail]: nothing declared",
                "file: total",
                "file: hash",
                "file: blocks",
            ],
        ),
        (
            |r| r.push(rec(TRAILER, ["9", "7.75", "60", "3"])),
            &[
                "control file [fail]: 1 trailer / 2 trailer: record 10 declares the totals of the file again",
                "file: records [fail]: 9 / 10",
            ],
        ),
        // A scope that does not close, twice over.
        (
            |r| {
                r.remove(4);
                r[7] = rec(TRAILER, ["8", "7.75", "60", "2"]);
            },
            &[
                "control batch [fail]: 2 closing / 1 closing: the scope opened at record 2 is still open when \
                 record 5 opens the next",
            ],
        ),
        (
            |r| {
                r.remove(7);
                r[7] = rec(TRAILER, ["8", "7.75", "60", "2"]);
            },
            &["control batch [fail]: 2 closing / 1 closing: the scope opened at record 6 is not closed"],
        ),
        // A control outside its scope, and entries that no control vouches for.
        (
            |r| {
                r.remove(5);
                r[7] = rec(TRAILER, ["8", "7.75", "60", "2"]);
            },
            &["control batch [fail]: 1 closing / 2 closing: record 7 closes a scope that is not open"],
        ),
        (
            |r| r.swap(0, 2),
            &[
                "control batch [fail]: 2 closing / 2 closing: 1 record is outside every scope",
                "batch: entries",
                "batch: cents",
            ],
        ),
        (
            |r| *r = vec![r.pop().unwrap()],
            &[
                "control batch [fail]: at least 1 closing / 0 closing",
                "batch: entries",
                "batch: cents",
                "file: records",
                "file: total",
                "file: hash",
                "file: blocks",
            ],
        ),
        (
            |r| r.clear(),
            &[
                "control batch [fail]",
                "batch: entries",
                "batch: cents",
                "control file [fail]",
                "file: records",
                "file: total",
                "file: hash",
                "file: blocks",
            ],
        ),
        // An amount that cannot be read is a sum that is not known, whatever it comes to.
        (
            |r| r[2].broken = Some(0),
            &[
                "batch: cents [fail]",
                "file: total [fail]: 7.75 / -2.75: first, declared against computed: record 9: 7.75 against -2.75 (1 record could not be read",
            ],
        ),
        (
            |r| {
                r[3] = rec(ENTRY, ["0.00", "90"]);
                r[3].broken = Some(0);
                r[8] = rec(TRAILER, ["9", "7.50", "60", "3"]);
            },
            &["file: total [fail]: 7.50 / 7.50"],
        ),
        (|r| r[3].broken = Some(1), &["batch: cents [fail]", "file: hash"]),
        // So is a declaration.
        (
            |r| r[8].broken = Some(1),
            &["file: total [fail]: not known / 7.75: first, declared against computed: record 9: not known \
                 against 7.75 (the declared value could not be read)"],
        ),
        // Lines and records are not the same.
        (|r| r[3].lines = 5, &["file: blocks [fail]: 3 / 4"]),
        // Records of no type count as sent.
        (
            |r| r.insert(1, Rec { ty: None, values: vec![], broken: None, lines: 1 }),
            &["file: records [fail]: 9 / 10"],
        ),
        (
            |r| r[2] = rec(ENTRY, ["999999999999999999999999999999999999.99", "40"]),
            &["batch: cents", "file: total"],
        ),
    ];
    for (at, (spoil, fragments)) in table.iter().enumerate() {
        let mut records = good();
        spoil(&mut records);
        let failed = failed(&checks(&plan(batches()), &records));
        assert_eq!(failed.len(), fragments.len(), "{at}: {failed:#?}");
        for fragment in *fragments {
            assert!(failed.iter().any(|failed| failed.contains(fragment)), "{at}: {fragment}: {failed:#?}");
        }
    }
}

#[test]
fn a_sum_past_38_digits_fails_and_one_that_comes_back_does_not() {
    let huge = "999999999999999999999999999999999999.99";
    let negative = format!("-{huge}");
    let totals = vec![total(1, sums(ENTRY, 0, None))];
    let plan = plan(vec![control("file", TRAILER, Cover::File, totals)]);
    let there = [rec(ENTRY, [huge, "1"]), rec(ENTRY, [huge, "1"])];
    let back = [rec(ENTRY, [&negative, "1"]), rec(ENTRY, [&negative, "1"])];
    let trailer = [rec(TRAILER, ["0", "0.00", "0", "0"])];
    let over: Vec<_> = there.iter().chain(&trailer).cloned().collect();
    assert!(failed(&checks(&plan, &over))[0].contains("does not fit 38 digits"));
    let even: Vec<_> = there.iter().chain(&back).chain(&trailer).cloned().collect();
    for cuts in [&[][..], &[1], &[2], &[3, 1]] {
        assert_eq!(failed(&outcome(&plan, &even, cuts, Given::default()).checks(0)), [""; 0]);
    }
}

#[test]
fn signs_are_left_off_where_the_sum_is_of_magnitudes() {
    let mut measure = sums(ENTRY, 0, None);
    measure.what = What::Sum { absolute: true };
    let plan = plan(vec![control("file", TRAILER, Cover::File, vec![total(1, measure)])]);
    let records =
        [rec(ENTRY, ["-3.00", "1"]), rec(ENTRY, ["1.25", "1"]), rec(TRAILER, ["0", "4.25", "0", "0"])];
    assert_eq!(failed(&checks(&plan, &records)), [""; 0]);
}

#[test]
fn a_group_declares_the_sum_of_what_its_accounts_declare() {
    let accounts = control("account", CLOSE, Cover::From(vec![OPEN]), vec![total(0, counts(&[ENTRY]))]);
    let group = control("group", TRAILER, Cover::From(vec![HEADER]), vec![total(0, sums(CLOSE, 0, None))]);
    let plan = plan(vec![accounts, group]);
    assert!(failed(&checks(&plan, &good()))[0].contains("control group: records [fail]: 9 / 3"));
    let mut records = good();
    records[8] = rec(TRAILER, ["3", "0", "0", "0"]);
    assert_eq!(failed(&checks(&plan, &records)), [""; 0]);
}

#[test]
fn a_header_declares_what_follows_and_a_trailer_without_an_opening_what_precedes() {
    let following = control("ahead", OPEN, Cover::Following, vec![total(0, counts(&[ENTRY]))]);
    let preceding = control("behind", CLOSE, Cover::Preceding, vec![total(0, counts(&[ENTRY]))]);
    let plan = plan(vec![following, preceding]);
    let entry = || rec(ENTRY, ["1", "1"]);
    let records = vec![
        rec(OPEN, ["2"]),
        entry(),
        entry(),
        rec(CLOSE, ["2", "0"]),
        rec(OPEN, ["0"]),
        rec(CLOSE, ["0", "0"]),
        rec(OPEN, ["1"]),
        entry(),
        rec(CLOSE, ["1", "0"]),
    ];
    assert_eq!(failed(&checks(&plan, &records)), [""; 0]);
    let behind = records.iter().cloned().chain([entry()]).collect::<Vec<_>>();
    let said = failed(&checks(&plan, &behind));
    assert!(said[0].contains("ahead: kind") && said[1].contains("control behind [fail]"), "{said:#?}");
    let before = [entry()].into_iter().chain(records).collect::<Vec<_>>();
    let said = failed(&checks(&plan, &before));
    assert!(said[0].contains("control ahead [fail]") && said[1].contains("behind: entries"), "{said:#?}");
}

#[test]
fn an_optional_control_that_is_not_there_is_vacuous_and_never_passed() {
    let mut file = control("file", TRAILER, Cover::File, vec![total(0, counts(&[ENTRY]))]);
    file.optional = true;
    let checks = checks(&plan(vec![file]), &[rec(ENTRY, ["1", "1"])]);
    assert!(checks.iter().all(|check| check.verdict == Verdict::Vacuous), "{checks:#?}");
}

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_declared_value_is_what_it_must_be_and_a_sequence_goes_on() {
    let demanding = |wanted: Wanted, field: usize| {
        let mut header = control("header", HEADER, Cover::File, vec![]);
        header.demands = vec![Demand { field, wanted }];
        plan(vec![header])
    };
    let sequence = || Wanted::Sequence { first: 1, last: Some(99) };
    let equals = |text: &str| Wanted::Equals(Expected(Literal::Text(text.into())));
    let given = || Wanted::Given("day".into());
    //  what is wanted, of which field, what the header says, given, previous, verdict of the check
    type Row<'a> = (Wanted, usize, [&'a str; 2], &'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)], Verdict);
    let table: Vec<Row<'_>> = vec![
        (equals("EUR"), 1, ["7", "EUR"], &[], &[], Verdict::Pass),
        (equals("EUR"), 1, ["7", "USD"], &[], &[], Verdict::Fail),
        (given(), 1, ["7", "2024-02-29"], &[("day", "2024-02-29")], &[], Verdict::Pass),
        (given(), 1, ["7", "2024-02-29"], &[("day", "2024-03-01")], &[], Verdict::Fail),
        (given(), 1, ["7", "2024-02-29"], &[("other", "2024-02-29")], &[], Verdict::Fail),
        (given(), 0, ["7", ""], &[("day", "07.0")], &[], Verdict::Pass),
        (sequence(), 0, ["7", ""], &[], &[("header.file_no", "6")], Verdict::Pass),
        (sequence(), 0, ["7", ""], &[], &[("header.file_no", "7")], Verdict::Fail),
        (sequence(), 0, ["8", ""], &[], &[("header.file_no", "6")], Verdict::Fail),
        (sequence(), 0, ["1", ""], &[], &[("header.file_no", "99")], Verdict::Pass),
        (sequence(), 0, ["100", ""], &[], &[("header.file_no", "99")], Verdict::Fail),
        (sequence(), 0, ["7", ""], &[], &[("header.file_no", "six")], Verdict::Fail),
        (sequence(), 0, ["7", ""], &[], &[], Verdict::Vacuous),
        (sequence(), 0, ["seven", ""], &[], &[], Verdict::Fail),
    ];
    for (wanted, field, said, given, previous, verdict) in table {
        let plan = demanding(wanted, field);
        let given = Given { values: values(given), previous: values(previous) };
        let outcome = outcome(&plan, &[rec(HEADER, said)], &[], given);
        let check = &outcome.checks(0)[1];
        assert_eq!(check.verdict, verdict, "{said:?} {check:?}");
        let is_sequence = check.name.ends_with("in sequence");
        if is_sequence && said[0] != "seven" {
            assert_eq!(outcome.values(), values(&[("header.file_no", said[0])]));
        }
    }
    // Several in one source follow each other.
    let mut headers = control("header", HEADER, Cover::Following, vec![]);
    headers.demands = vec![Demand { field: 0, wanted: sequence() }];
    let plan = plan(vec![headers]);
    let run = |numbers: &[&str]| {
        let records: Vec<_> = numbers.iter().map(|n| rec(HEADER, [n, ""])).collect();
        failed(
            &outcome(
                &plan,
                &records,
                &[1],
                Given { previous: values(&[("header.file_no", "4")]), ..Given::default() },
            )
            .checks(0),
        )
        .len()
    };
    assert_eq!((run(&["5", "6", "7"]), run(&["5", "7", "8"]), run(&["6", "7"])), (0, 1, 1));
}

#[test]
fn a_plan_that_would_check_nothing_is_refused() {
    let table = [
        control("c", 9, Cover::File, vec![total(0, counts(&[ENTRY]))]),
        control("c", TRAILER, Cover::File, vec![]),
        control("c", TRAILER, Cover::File, vec![total(9, counts(&[ENTRY]))]),
        control("c", TRAILER, Cover::File, vec![total(0, counts(&[]))]),
        control("c", TRAILER, Cover::File, vec![total(0, counts(&[9]))]),
        control("c", TRAILER, Cover::File, vec![total(0, sums(HEADER, 1, None))]),
        control("c", TRAILER, Cover::File, vec![total(0, counts(&[ENTRY])), total(0, counts(&[OPEN]))]),
        control("c", TRAILER, Cover::From(vec![]), vec![total(0, counts(&[ENTRY]))]),
        control("c", TRAILER, Cover::From(vec![TRAILER]), vec![total(0, counts(&[ENTRY]))]),
        control("c", TRAILER, Cover::File, vec![Total { blocks_of: Some(0), ..total(0, counts(&[ENTRY])) }]),
        control(
            "c",
            TRAILER,
            Cover::File,
            vec![Total { last_digits: Some(39), ..total(0, counts(&[ENTRY])) }],
        ),
    ];
    for control in table {
        assert!(FootingPlan::new(&layouts(), vec![control.clone()]).is_err(), "{control:?}");
    }
    let twice = vec![control("c", TRAILER, Cover::File, vec![total(0, counts(&[ENTRY]))]); 2];
    assert!(FootingPlan::new(&layouts(), twice).is_err());
}

#[test]
fn findings_are_bounded_and_counted() {
    let plan = plan(vec![control("batch", CLOSE, Cover::Preceding, vec![total(0, counts(&[ENTRY]))])]);
    let records = vec![rec(CLOSE, ["5", "0"]); 250];
    let outcome = outcome(&plan, &records, &[3, 90], Given::default());
    assert_eq!((outcome.findings().len(), outcome.findings_left_out()), (100, 150));
    assert_eq!(outcome.findings()[99].record_no, RecordNo(100));
    assert_eq!(amount(&outcome.findings()[0].expected), amount("5"));
}

#[test]
fn records_and_chunks_that_are_not_the_next_are_refused() {
    let plan = plan(batches());
    let mut footer = FootingBuilder::new(&plan, RecordNo(5));
    assert!(matches!(footer.record(None, RecordNo(6), 1, &[], |_| true), Err(FootingError::Order { .. })));
    let mut fold = Fold::new(&plan, Given::default());
    fold.chunk(&footing(&plan, &good()[..3], 1)).unwrap();
    assert!(matches!(fold.chunk(&footing(&plan, &good()[4..], 5)), Err(FootingError::Order { .. })));
    assert!(matches!(fold.chunk(&footing(&plan, &good()[..3], 1)), Err(FootingError::Order { .. })));
}
