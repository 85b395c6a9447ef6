//! Any cut gives the same outcome, and it is that of a reckoning over the whole list.

use proptest::prelude::*;

use super::*;

/// A file that foots, of these batches of amounts in cents and codes.
fn file(batches: &[Vec<(i64, i64)>]) -> Vec<Rec> {
    let cents = |n: i64| Amount::new(n.into(), 2).unwrap().to_string();
    let mut records = vec![rec(HEADER, ["7", ""])];
    let (mut all, mut hash) = (0, 0);
    for batch in batches {
        records.push(rec(OPEN, ["1"]));
        let mut low = 0;
        for (amount, code) in batch {
            records.push(rec(ENTRY, [&cents(*amount), &code.to_string()]));
            all += amount;
            hash += code;
            low += if *code < 50 { *amount } else { 0 };
        }
        records.push(rec(CLOSE, [&batch.len().to_string(), &low.to_string()]));
    }
    let count = records.len() + 1;
    let said = [count.to_string(), cents(all), (hash % 100).to_string(), count.div_ceil(4).to_string()];
    records.push(rec(TRAILER, said.each_ref().map(String::as_str)));
    records
}

/// What is done to a record of a file.
#[derive(Debug, Clone)]
enum Change {
    Drop(usize),
    Double(usize),
    Swap(usize, usize),
    Break(usize),
    Foreign(usize),
    Lines(usize),
    CutAt(usize),
}

fn changed(mut records: Vec<Rec>, changes: &[Change]) -> Vec<Rec> {
    for change in changes {
        let n = records.len();
        if n == 0 {
            break;
        }
        match change {
            Change::Drop(at) => drop(records.remove(at % n)),
            Change::Double(at) => records.insert(at % n, records[at % n].clone()),
            Change::Swap(a, b) => records.swap(a % n, b % n),
            Change::Break(at) => {
                records[at % n].broken = Some(0).filter(|_| !records[at % n].values.is_empty())
            }
            Change::Foreign(at) => records[at % n] = Rec { ty: None, values: vec![], broken: None, lines: 1 },
            Change::Lines(at) => records[at % n].lines = 3,
            Change::CutAt(at) => records.truncate(at % n),
        }
    }
    records
}

fn change() -> impl Strategy<Value = Change> {
    let at = || 0..1000_usize;
    prop_oneof![
        at().prop_map(Change::Drop),
        at().prop_map(Change::Double),
        (at(), at()).prop_map(|(a, b)| Change::Swap(a, b)),
        at().prop_map(Change::Break),
        at().prop_map(Change::Foreign),
        at().prop_map(Change::Lines),
        at().prop_map(Change::CutAt),
    ]
}

fn batch() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((-1000..1000_i64, 0..100_i64), 0..5)
}

/// Whether each check of [`batches`] should pass, told from the whole list and in another way.
fn reckoned(records: &[Rec]) -> Vec<bool> {
    let of = |rec: &Rec, ty| rec.ty == Some(ty);
    let number = |rec: &Rec, at: usize| match (&rec.values[at], rec.broken == Some(at)) {
        (Literal::Decimal(amount), false) => Some(*amount),
        _ => None,
    };
    let sum = |entries: &[&Rec], at: usize| {
        let numbers: Option<Vec<_>> = entries.iter().map(|rec| number(rec, at)).collect();
        numbers.map(|all| all.into_iter().fold(Amount::zero(2), |sum, n| sum.checked_add(n).unwrap()))
    };
    // Batches: from each opening to the next opening or closing.
    let (mut whole, mut counts, mut cents, mut compared, mut openings) = (true, true, true, 0, 0);
    let mut covered = 0;
    let mut open: Option<usize> = None;
    for (at, rec) in records.iter().enumerate() {
        if of(rec, OPEN) {
            openings += 1;
            whole &= open.is_none();
            covered += open.map_or(0, |from| records[from..at].iter().filter(|rec| of(rec, ENTRY)).count());
            open = Some(at);
        } else if of(rec, CLOSE) {
            let Some(from) = open.take() else {
                whole = false;
                continue;
            };
            compared += 1;
            let entries: Vec<_> = records[from..at].iter().filter(|rec| of(rec, ENTRY)).collect();
            covered += entries.len();
            counts &= number(rec, 0) == Some(Amount::from(entries.len() as i64));
            let low: Vec<_> =
                entries.into_iter().filter(|rec| number(rec, 1).unwrap() < amount("50")).collect();
            let declared = number(rec, 1).map(|n| Amount::new(n.mantissa(), 2).unwrap());
            cents &= declared.is_some() && sum(&low, 0) == declared;
        }
    }
    covered += open.map_or(0, |from| records[from..].iter().filter(|rec| of(rec, ENTRY)).count());
    let entries: Vec<_> = records.iter().filter(|rec| of(rec, ENTRY)).collect();
    let closings = records.iter().filter(|rec| of(rec, CLOSE)).count();
    whole &= open.is_none() && closings > 0 && (covered == entries.len() || openings + closings == 0);
    let trailers: Vec<_> = records.iter().filter(|rec| of(rec, TRAILER)).collect();
    let Some(trailer) = trailers.first() else {
        return vec![whole, counts && compared > 0, cents && compared > 0, false, false, false, false, false];
    };
    let lines: u64 = records.iter().map(|rec| rec.lines).sum();
    let hash = sum(&entries, 1).map(|sum| Amount::new(sum.rescale(0).unwrap().mantissa() % 100, 0).unwrap());
    vec![
        whole,
        counts && compared > 0,
        cents && compared > 0,
        trailers.len() == 1,
        number(trailer, 0) == Some(Amount::from(records.len() as i64)),
        number(trailer, 1).is_some() && number(trailer, 1) == sum(&entries, 0),
        number(trailer, 2).is_some() && number(trailer, 2) == hash,
        number(trailer, 3) == Some(Amount::from(lines.div_ceil(4) as i64)),
    ]
}

proptest! {
    #[test]
    fn any_cut_gives_the_outcome_of_the_whole_list(
        batches_of in prop::collection::vec(batch(), 0..6),
        changes in prop::collection::vec(change(), 0..4),
        cuts in prop::collection::vec(0..7_usize, 0..12),
    ) {
        let records = changed(file(&batches_of), &changes);
        let plan = plan(batches());
        let whole = outcome(&plan, &records, &[], Given::default());
        let cut = outcome(&plan, &records, &cuts, Given::default());
        prop_assert_eq!(whole.checks(0), cut.checks(0));
        prop_assert_eq!(whole.findings(), cut.findings());
        let passed: Vec<_> = whole.checks(0).iter().map(|check| check.verdict == Verdict::Pass).collect();
        prop_assert_eq!(passed, reckoned(&records), "{:#?}", whole.checks(0));
    }

    #[test]
    fn a_file_that_is_cut_short_never_passes(
        batches_of in prop::collection::vec(batch(), 1..6),
        keep in 0..1000_usize,
    ) {
        let mut records = file(&batches_of);
        records.truncate(records.len() * keep / 1000);
        prop_assert!(!failed(&checks(&plan(batches()), &records)).is_empty());
    }

    #[test]
    fn bytes_that_nobody_wrote_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Footing::from_bytes(&plan(batches()), &bytes).is_err());
    }
}
