//! What the reports of one run say, held against its verdict and against each other.

use coordinator::report::html::html;
use coordinator::report::junit::junit;
use coordinator::report::text::{Style, text};
use domain::check::Verdict;
use domain::report::{Outcome, Report};

/// # Panics
/// When the text, the HTML page or the JUnit document of a run contradicts its verdict: a sign of difference beside
/// a run that reconciled, none beside one that did not, other counts of failures.
pub fn assert_consistent(report: &Report) {
    let failed = report.checks.iter().filter(|check| check.verdict == Verdict::Fail).count();
    let (page, document) = (html(report).unwrap(), junit(report));
    let shown = [80, 160].map(|width| text(report, Style::plain(width)));
    match report.outcome {
        Outcome::Reconciled => {
            let warned = report.checks.iter().any(|check| check.verdict == Verdict::Warn);
            assert_eq!((failed, report.counts.failed, report.all_passed), (0, 0, !warned));
        }
        Outcome::NotReconciled => assert!(failed > 0 && !report.all_passed),
        _ => {}
    }
    for text in &shown {
        let verdict = text.lines().next().unwrap();
        assert!(
            text.lines().rev().take(2).any(|line| line == verdict),
            "the verdict is not at the end:\n{text}"
        );
    }
    for (what, text, says_difference) in [
        ("text, 80 columns", &shown[0], ["≠", "✗"]),
        ("text, 160 columns", &shown[1], ["≠", "✗"]),
        ("HTML", &page, ["≠ differs", "✗"]),
        ("JUnit", &document, ["<failure", "<failure"]),
    ] {
        let says = says_difference.iter().any(|sign| text.contains(sign));
        assert_eq!(says, failed > 0, "{what} of a run with {failed} failed checks:\n{text}");
    }
    assert!(document.contains(&format!("failures=\"{failed}\"")), "{document}");
}
