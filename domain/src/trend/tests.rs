//! Trends as a table: the history, the run, and what is said of it.

use super::*;

const MONDAY: i64 = 1_704_067_200_000; // 2024-01-01
const DAY: i64 = 86_400_000;

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn figures(at_ms: i64, records: u64, rejects: u64, amt: &str) -> Figures {
    Figures { at_ms, records, rejects, amounts: vec![("amt".into(), amount(amt))] }
}

fn declared(change: impl FnOnce(&mut TrendRules)) -> TrendRules {
    let mut rules = TrendRules { is_declared: true, ..TrendRules::default() };
    change(&mut rules);
    rules
}

#[test]
fn a_figure_far_from_its_history_is_warned_of() {
    use Verdict::{Pass, Vacuous, Warn};
    // history (newest first) | now | percent allowed | verdict | discrepancy
    let table: [(&[&str], &str, u32, Verdict, &str); 16] = [
        (&["100", "100", "100", "100", "100"], "100", 10, Pass, ""),
        (&["100", "100", "100", "100", "100"], "110", 10, Pass, ""),
        (&["100", "100", "100", "100", "100"], "111", 10, Warn, "+11.0 %"),
        (&["100", "100", "100", "100", "100"], "90", 10, Pass, ""),
        (&["100", "100", "100", "100", "100"], "89", 10, Warn, "-11.0 %"),
        // What was there before is not far off, however far from the median.
        (&["100", "20", "100", "100", "100"], "20", 10, Pass, ""),
        (&["100", "20", "100", "100", "100"], "19", 10, Warn, "-81.0 %"),
        // One odd run does not move the median.
        (&["100", "1000000", "100", "100", "100"], "60", 30, Warn, "-40.0 %"),
        (&["41020", "43771", "42310", "42000", "43000"], "25386", 40, Pass, ""),
        (&["41020", "43771", "42310", "42000", "43000"], "25300", 40, Warn, "-40.2 %"),
        (&["100", "100", "100", "100"], "1", 10, Vacuous, ""),
        (&[], "1", 10, Vacuous, ""),
        (&["0", "0", "0", "0", "0"], "0", 10, Pass, ""),
        (&["0", "0", "0", "0", "0"], "1", 10, Warn, "from zero"),
        (&["-100", "-100", "-100", "-100", "-100"], "-150.00", 40, Warn, "-50.0 %"),
        (&["0.01", "0.01", "0.01", "0.01", "0.01"], "0.02", 99, Warn, "+100.0 %"),
    ];
    for (history, now, share, verdict, discrepancy) in table {
        let rules = declared(|rules| {
            (rules.records, rules.amounts) = (None, Some(share * 10_000));
        });
        let history = history.iter().map(|amt| figures(MONDAY, 1, 0, amt)).collect();
        let evidence =
            TrendEvidence { rules, now: figures(MONDAY + DAY, 1, 0, now), history, is_part: false };
        let checks = checks(&evidence, 7);
        assert_eq!(checks.len(), 1);
        let found = (checks[0].verdict, checks[0].discrepancy.as_str());
        assert_eq!(found, (verdict, discrepancy), "{now}: {checks:?}");
    }
}

#[test]
fn the_history_is_told_with_its_figures() {
    let history: Vec<_> = [41_020, 43_771, 42_000, 42_310, 42_500, 43_000]
        .iter()
        .enumerate()
        .map(|(week, records)| figures(MONDAY - 7 * DAY * week as i64, *records, 0, "1"))
        .collect();
    let evidence = TrendEvidence {
        is_part: false,
        rules: declared(|rules| rules.records = Some(400_000)),
        now: figures(MONDAY + 7 * DAY, 25_340, 0, "1"),
        history,
    };
    let checks = checks(&evidence, 7);
    assert_eq!(checks[0].name, "trend of records");
    assert_eq!(checks[0].expected, "41,020 to 43,771 on 6 Mondays, median 42,405");
    assert_eq!((checks[0].actual.as_str(), checks[0].discrepancy.as_str()), ("25,340", "-40.2 %"));
    assert_eq!(
        checks[0].message,
        "-40.2 % compared with the median of 6 Mondays, and below all of them; allowed: 40.0 %"
    );
    assert_eq!(checks[0].verdict, Verdict::Warn);
    let failing = TrendEvidence { rules: TrendRules { fails: true, ..evidence.rules.clone() }, ..evidence };
    assert_eq!(super::checks(&failing, 7)[0].verdict, Verdict::Fail);
}

#[test]
fn mondays_are_compared_with_mondays_if_there_are_enough() {
    // Five Mondays of 10 records, and all other days of 1000.
    let history: Vec<_> = (1..=35)
        .map(|back| MONDAY - DAY * back)
        .map(|at_ms| figures(at_ms, if weekday(at_ms) == 0 { 10 } else { 1000 }, 0, "1"))
        .collect();
    let verdict = |same_weekday, records, history: &[Figures]| {
        let evidence = TrendEvidence {
            is_part: false,
            rules: declared(|rules| (rules.same_weekday, rules.runs) = (same_weekday, 200)),
            now: figures(MONDAY, records, 0, "1"),
            history: history.to_vec(),
        };
        checks(&evidence, 7)[0].verdict
    };
    assert_eq!(verdict(SameWeekday::Auto, 10, &history), Verdict::Pass);
    assert_eq!(verdict(SameWeekday::Auto, 1000, &history), Verdict::Warn, "no Monday had as many");
    assert_eq!(verdict(SameWeekday::Never, 1000, &history), Verdict::Pass);
    assert_eq!(verdict(SameWeekday::Auto, 1000, &history[..28]), Verdict::Pass, "four Mondays are too few");
    assert_eq!(verdict(SameWeekday::Always, 1000, &history[..28]), Verdict::Vacuous);
}

#[test]
fn a_job_that_says_nothing_hears_only_of_what_is_far_off() {
    let history: Vec<_> = (0..6).map(|_| figures(MONDAY, 100, 0, "1")).collect();
    let of = |records, history: &[Figures]| {
        let now = figures(MONDAY, records, 50, "99999999");
        checks(
            &TrendEvidence { rules: TrendRules::default(), now, history: history.to_vec(), is_part: false },
            7,
        )
    };
    assert_eq!(of(100, &history), []);
    assert_eq!(of(51, &history), []);
    assert_eq!(of(49, &history)[0].verdict, Verdict::Warn);
    assert_eq!(of(1, &history[..4]), [], "too short a history is no news either");
}

#[test]
fn days_and_figures_are_what_they_are_called() {
    assert_eq!(weekday_name(weekday(MONDAY)), "Monday");
    assert_eq!(weekday_name(weekday(0)), "Thursday");
    assert_eq!(weekday_name(weekday(-1)), "Wednesday");
    for (value, shown) in [("0", "0"), ("-1234567.80", "-1,234,567.80"), ("999", "999"), ("1000", "1,000")] {
        assert_eq!(grouped(amount(value)), shown);
    }
    for (parts, shown) in [(-402_000, "-40.2 %"), (0, "0.0 %"), (400, "0.0 %"), (1_500_000, "+150.0 %")] {
        assert_eq!(percent(parts), shown);
    }
}

#[test]
fn sums_of_38_digits_are_compared_without_overflow() {
    let nines = "9".repeat(38);
    let values = vec![amount(&nines); 5];
    let usual = Usual::of(values).unwrap();
    assert_eq!(usual.deviation(amount("0")), Some(-1_000_000));
    assert!(
        usual.is_far(amount(&format!("-{nines}")), 1_000_000)
            || usual.deviation(amount(&format!("-{nines}"))).is_none()
    );
    let even = Usual::of(vec![amount(&nines), amount(&nines), amount("1.5"), amount("1.6")]).unwrap();
    assert!(even.least == amount("1.5"));
}
