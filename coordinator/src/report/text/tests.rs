use comfy_table::Table;
use domain::check::Verdict;
use domain::finding::Finding;
use domain::ids::RecordNo;
use domain::report::Report;

use super::{Style, checks_table, findings_table, text, workers_table};
use crate::report::fixture;

const PLAIN: Style = Style::plain(100);

fn display_width(line: &str) -> u16 {
    let mut table = Table::new();
    table.add_row([line]);
    table.column_max_content_widths()[0]
}

fn reports() -> [(&'static str, Report); 4] {
    [
        ("reconciled", fixture::reconciled()),
        ("failed", fixture::failed()),
        ("held", fixture::held()),
        ("hostile", fixture::hostile()),
    ]
}

/// A terminal shows the end of a report.
#[test]
fn the_verdict_is_the_last_line_too_and_the_next_step_stands_above_it() {
    for (name, report) in reports() {
        let shown = text(&report, PLAIN);
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines.first(), lines.last(), "{name}");
    }
    let shown = text(&fixture::failed(), PLAIN);
    assert!(shown.lines().rev().nth(1).unwrap().starts_with("Next: crossfoot explain "), "{shown}");
}

#[test]
fn checks_that_passed_are_only_counted_on_a_terminal() {
    let brief = Style { lists_passed: false, ..PLAIN };
    let report = fixture::failed();
    let shown = checks_table(&report.checks, brief);
    for check in &report.checks {
        let is_listed = shown.contains(&format!("  {}", check.name));
        assert_eq!(is_listed, check.verdict != Verdict::Pass, "{}\n{shown}", check.name);
    }
    assert!(shown.contains("source    ✓  7 of 7 passed"), "{shown}");
    assert!(shown.contains("staging   ✓  2 of 5 passed") && shown.contains("report --all"), "{shown}");
}

#[test]
fn names_of_checks_are_whole_in_a_narrow_terminal() {
    for (_, report) in reports() {
        let shown = checks_table(&report.checks, Style::plain(60)).split_whitespace().collect::<String>();
        for check in &report.checks {
            let name = domain::visible::visible(&check.name).split_whitespace().collect::<String>();
            assert!(shown.contains(&name), "{name}\n{shown}");
        }
    }
}

#[test]
fn equal_findings_are_one_line() {
    let mut report = fixture::failed();
    let missing = report.findings[0].clone();
    report.findings =
        (0..20).map(|at| Finding { record_no: RecordNo(100 + at), ..missing.clone() }).collect();
    let shown = findings_table(&report.findings, 20, Style::plain(80));
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert!(shown.contains("100–119 (20 records)"), "{shown}");
    report.findings[7].field = Some("other".into());
    let shown = findings_table(&report.findings, 20, PLAIN);
    assert!(shown.contains("100–106 (7 records)") && shown.contains("108–119 (12 records)"), "{shown}");
    let two = findings_table(&report.findings[..2], 2, PLAIN);
    assert!(two.contains(" 100 ") && two.contains(" 101 "), "{two}");
}

#[test]
fn the_verdict_is_the_first_line() {
    let first = |report: &Report| text(report, PLAIN).lines().next().unwrap().to_owned();
    assert_eq!(
        first(&fixture::reconciled()),
        "RECONCILED  20 of 20 checks passed · 1,000,000 records · 3.2 s · 1 had nothing to compare"
    );
    assert!(
        first(&fixture::failed())
            .starts_with("NOT RECONCILED  4 of 17 checks failed · 1,000,000 records · 3.2 s · 1 warned")
    );
}

#[test]
fn no_line_is_wider_than_the_terminal_and_none_ends_in_blanks() {
    for (name, report) in reports() {
        for width in [60, 80, 100, 120, 200] {
            for line in text(&report, Style::plain(width)).lines() {
                assert!(display_width(line) <= width, "{name} at {width}: {line}");
                assert_eq!(line.trim_end(), line, "{name} at {width}");
            }
        }
    }
}

#[test]
fn escape_codes_come_with_colour_only_and_change_nothing_else() {
    for (name, report) in reports() {
        let plain = text(&report, PLAIN);
        assert!(!plain.contains(|c: char| c.is_control() && c != '\n'), "{name}");
        let mut coloured = text(&report, Style { colour: true, ..PLAIN });
        assert!(coloured.contains("\u{1b}["), "{name}");
        for code in ["0", "1", "2", "31", "32", "33"] {
            coloured = coloured.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(coloured, plain, "{name}");
    }
}

#[test]
fn every_check_appears_and_what_failed_says_everything() {
    let report = fixture::failed();
    for width in [80, 100, 120] {
        let shown = checks_table(&report.checks, Style::plain(width));
        for check in &report.checks {
            assert!(shown.contains(&check.name), "{} at {width}", check.name);
        }
        for needed in ["50,210,734.18", "50,210,630.58", "-103.60", "1 chunk differs", "INV-06"] {
            assert!(shown.contains(needed), "{needed} at {width}");
        }
        let root = report.levels[0].fingerprint.unwrap().to_string();
        assert!(width < 100 || shown.contains(&root), "a digest that differs is shown in full");
    }
}

#[test]
fn amounts_are_never_shortened() {
    for width in [80, 100, 120] {
        let shown = text(&fixture::hostile(), Style::plain(width));
        let longest = shown.matches("-12,345,678,901,234,567,890,123,456,789,012,345,678").count();
        assert_eq!(longest, 3, "at source, at staging, and in the amounts, at {width}");
    }
}

#[test]
fn workers_have_a_total_for_each_role_and_disagreement_is_told() {
    let good = workers_table(&fixture::reconciled(), PLAIN);
    assert_eq!(good.matches("total").count(), 2);
    assert_eq!((good.matches('✓').count(), good.matches('✗').count()), (6, 0));
    let bad = workers_table(&fixture::failed(), PLAIN).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(bad.contains("the tables have 486,840 of 486,842 due"), "{bad}");
    assert!(bad.contains("worker 1 (processor-a): the report of 1 chunk was lost"), "{bad}");
}

/// Every process counts its workers from one: in a fleet only the host tells `processor-1` from `processor-1`.
#[test]
fn workers_of_several_hosts_are_told_apart_in_a_narrow_place_too() {
    let narrow = Style::plain(80);
    let mut report = fixture::reconciled();
    assert!(!workers_table(&report, narrow).contains("batch-07"), "one host needs no column");
    report.workers[1].host = "batch-08".into();
    let shown = workers_table(&report, narrow);
    assert!(shown.contains("batch-07") && shown.contains("batch-08"), "{shown}");
    assert!(shown.lines().all(|line| display_width(line) <= 80), "{shown}");
}

#[test]
fn findings_say_how_many_more_there_are() {
    let report = fixture::failed();
    let shown = text(&report, PLAIN);
    assert!(shown.contains(&format!("1,203 more: crossfoot explain {}", report.run_id)));
    assert!(findings_table(&report.findings, 4, PLAIN).ends_with("4\n"), "no more, no line");
    assert!(findings_table(&[], 0, PLAIN).contains("No findings"));
}

#[test]
fn what_is_not_known_yet_is_said_or_left_out() {
    let mut report = fixture::reconciled();
    report.outcome = domain::report::Outcome::Unfinished;
    report.checks.clear();
    report.counts = domain::report::CheckCounts::default();
    report.levels.clear();
    report.balance = None;
    report.amounts.clear();
    report.workers.clear();
    report.ended_at_ms = None;
    report.log_head = None;
    report.source.sha256 = None;
    let shown = text(&report, PLAIN);
    assert!(shown.starts_with("UNFINISHED  no checks yet"), "{shown}");
    assert!(shown.contains("crossfoot resume") && shown.contains("not known"), "{shown}");
}
