//! The report as JUnit XML: one suite for the run, one test case for each check, so that a pipeline shows them as
//! tests.
//!
//! The shape is the one that the Ant task writes and that Jenkins, GitLab and GitHub read: `testsuites`, `testsuite`,
//! `properties`, `testcase` with `failure` or `skipped` and `system-out`. What had nothing to compare is skipped, never
//! passed; a warning passes, and says so in its output and in a property. A run without a verdict is an `error`.
//!
//! Written here, and not with `quick-junit`: that leaves out control characters where the report must show them, has no
//! count of skipped cases, and writes times with an offset, which the schema does not allow.

use std::fmt::Write;

use domain::check::{CheckResult, Verdict};
use domain::report::{CheckCounts, LogHead, Outcome, Report};
use domain::visible::is_unseen;

/// What a document is made of.
#[derive(Debug, Clone, Copy)]
pub struct Suite<'a> {
    /// The suite's name: the job's.
    pub name: &'a str,
    /// What identifies the suite.
    pub id: &'a str,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
    /// When it began: milliseconds since 1970, UTC.
    pub at_ms: i64,
    /// Its properties, by name.
    pub properties: &'a [(&'a str, &'a str)],
    /// The checks, each of which is a test case.
    pub checks: &'a [CheckResult],
    /// How the checks came out.
    pub counts: CheckCounts,
    /// Why there is no verdict, if there is none.
    pub error: Option<&'a str>,
}

/// The report as an XML document.
#[must_use]
pub fn junit(report: &Report) -> String {
    let errors = unfinished(report);
    let head = report
        .log_head
        .map(LogHead::parts)
        .map(|(event, hash)| format!("{event}:{hash}"))
        .unwrap_or_default();
    let sha256 = report.source.sha256.map(|hash| hash.to_string()).unwrap_or_default();
    document(&Suite {
        name: &report.job,
        id: &report.run_id,
        elapsed_ms: report.elapsed_ms,
        at_ms: report.opened_at_ms,
        properties: &[
            ("run_id", report.run_id.as_str()),
            ("outcome", report.outcome.name()),
            ("crossfoot_version", &report.crossfoot_version),
            ("source", &report.source.location),
            ("source_sha256", &sha256),
            ("log_head", &head),
        ],
        checks: &report.checks,
        counts: report.counts,
        error: errors.as_deref(),
    })
}

/// A suite of checks as an XML document.
#[must_use]
pub fn document(suite: &Suite<'_>) -> String {
    let tests = suite.checks.len() + usize::from(suite.error.is_some());
    let (failures, skipped, errors) =
        (suite.counts.failed, suite.counts.vacuous, usize::from(suite.error.is_some()));
    let time = seconds(suite.elapsed_ms);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites name=\"crossfoot\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{time}\">"
    );
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" id=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" \
         skipped=\"{skipped}\" time=\"{time}\" timestamp=\"{}\">",
        text(suite.name),
        text(suite.id),
        timestamp(suite.at_ms),
    );
    out.push_str("    <properties>\n");
    for (name, value) in suite.properties {
        let _ = writeln!(out, "      <property name=\"{name}\" value=\"{}\"/>", text(value));
    }
    for check in suite.checks.iter().filter(|check| check.verdict == Verdict::Warn) {
        let (name, message) = (text(&check.name), text(&check.message));
        let _ = writeln!(out, "      <property name=\"warning: {name}\" value=\"{message}\"/>");
    }
    out.push_str("    </properties>\n");
    for check in suite.checks {
        case(check, &mut out);
    }
    if let Some(why) = suite.error {
        let why = text(why);
        let _ = writeln!(
            out,
            "    <testcase classname=\"run\" name=\"the run came to a verdict\" time=\"0\">\n      \
             <error type=\"unfinished\" message=\"{why}\">{why}</error>\n    </testcase>"
        );
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// What keeps the run from having a verdict; a green suite must not stand for it.
fn unfinished(report: &Report) -> Option<String> {
    match report.outcome {
        Outcome::Reconciled | Outcome::NotReconciled => None,
        outcome => {
            let note = report.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
            Some(format!("the run is {}{note}", outcome.name()))
        }
    }
}

fn case(check: &CheckResult, out: &mut String) {
    let (class, name) = (check.stage.name(), text(&check.name));
    let _ = write!(out, "    <testcase classname=\"{class}\" name=\"{name}\" time=\"0\"");
    let sides = || {
        let invariant = check.invariant.map(|one| format!("{}\n", one.number())).unwrap_or_default();
        let CheckResult { message, expected, actual, discrepancy, .. } = check;
        text(&format!(
            "{invariant}{message}\nexpected:    {expected}\nactual:      {actual}\ndiscrepancy: {discrepancy}"
        ))
    };
    let message = text(&check.message);
    let kind = check.kind.name();
    let _ = match check.verdict {
        Verdict::Pass => writeln!(out, "/>"),
        Verdict::Fail => writeln!(
            out,
            ">\n      <failure type=\"{kind}\" message=\"{message}\">{}</failure>\n    </testcase>",
            sides()
        ),
        Verdict::Vacuous => {
            writeln!(out, ">\n      <skipped message=\"{message}\"/>\n    </testcase>")
        }
        Verdict::Warn => {
            writeln!(out, ">\n      <system-out>warning: {}</system-out>\n    </testcase>", sides())
        }
    };
}

/// ISO 8601 without a zone, as the schema has it; it is UTC.
fn timestamp(at_ms: i64) -> String {
    platform::clock::iso(at_ms).split('.').next().unwrap_or_default().to_owned()
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// `content` for an attribute or an element. XML 1.0 has no place for most control characters, not even escaped: they
/// are shown as `\u{..}`, as everywhere in Crossfoot.
fn text(content: &str) -> String {
    let mut out = String::with_capacity(content.len());
    for c in content.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                out.extend(c.escape_unicode())
            }
            // A reference is the same text to whoever parses it, and does nothing to whoever looks at it.
            unseen if is_unseen(unseen) => {
                let _ = write!(out, "&#x{:x};", u32::from(unseen));
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use roxmltree::{Document, Node};

    use super::*;
    use crate::report::fixture;

    fn children<'a>(of: Node<'a, 'a>, name: &'static str) -> Vec<Node<'a, 'a>> {
        of.children().filter(|child| child.has_tag_name(name)).collect()
    }

    /// What Jenkins' and the Ant task's schemas have in common.
    fn holds_to_the_schema(xml: &str) {
        let document = Document::parse(xml).unwrap_or_else(|error| panic!("{error}\n{xml}"));
        let root = document.root_element();
        assert_eq!(root.tag_name().name(), "testsuites");
        let suites = children(root, "testsuite");
        assert_eq!(suites.len(), 1);
        let suite = suites[0];
        let number = |name: &str| suite.attribute(name).unwrap().parse::<usize>().unwrap();
        let cases = children(suite, "testcase");
        let with =
            |name: &'static str| cases.iter().filter(|case| !children(**case, name).is_empty()).count();
        assert_eq!(number("tests"), cases.len());
        assert_eq!(number("failures"), with("failure"));
        assert_eq!(number("skipped"), with("skipped"));
        assert_eq!(number("errors"), with("error"));
        suite.attribute("time").unwrap().parse::<f64>().unwrap();
        suite.attribute("timestamp").unwrap().parse::<jiff::civil::DateTime>().unwrap();
        let order: Vec<_> =
            suite.children().filter(Node::is_element).map(|one| one.tag_name().name()).collect();
        assert_eq!(order[0], "properties");
        assert!(order[1..].iter().all(|name| *name == "testcase"), "{order:?}");
        for case in cases {
            assert!(case.attribute("classname").is_some_and(|class| !class.is_empty()));
            assert!(case.attribute("name").is_some_and(|name| !name.is_empty()));
            let inside: Vec<_> =
                case.children().filter(Node::is_element).map(|one| one.tag_name().name()).collect();
            assert!(inside.len() <= 1, "{inside:?}");
            assert!(inside.iter().all(|name| ["failure", "skipped", "error", "system-out"].contains(name)));
        }
    }

    #[test]
    fn every_check_is_a_test_case() {
        for report in [fixture::reconciled(), fixture::failed()] {
            let xml = junit(&report);
            holds_to_the_schema(&xml);
            let document = Document::parse(&xml).unwrap();
            let cases: Vec<_> = document.descendants().filter(|one| one.has_tag_name("testcase")).collect();
            assert_eq!(cases.len(), report.checks.len());
            for (case, check) in cases.iter().zip(&report.checks) {
                assert_eq!(case.attribute("name"), Some(check.name.as_str()));
                assert_eq!(case.attribute("classname"), Some(check.stage.name()));
                let failure = case.children().find(|one| one.has_tag_name("failure"));
                assert_eq!(failure.is_some(), check.verdict == Verdict::Fail, "{}", check.name);
                if let Some(failure) = failure {
                    let text = failure.text().unwrap();
                    assert!(text.contains(&check.expected) && text.contains(&check.actual), "{text}");
                }
            }
        }
    }

    #[test]
    fn what_xml_has_no_place_for_is_shown_all_the_same() {
        let mut report = fixture::failed();
        report.job = "a<b>&\"c'\u{0}\u{1b}[31m\u{ffff}]]>".into();
        report.checks[0].verdict = Verdict::Fail;
        report.checks[0].actual = "line\nbreak\r\u{8}\t<x/>".into();
        report.counts = domain::report::CheckCounts::of(&report.checks);
        let xml = junit(&report);
        holds_to_the_schema(&xml);
        let document = Document::parse(&xml).unwrap();
        let suite = document.root_element().first_element_child().unwrap();
        assert_eq!(suite.attribute("name"), Some("a<b>&\"c'\\u{0}\\u{1b}[31m\\u{ffff}]]>"));
        assert!(xml.contains("line&#10;break\\u{d}\\u{8}&#9;&lt;x/&gt;"), "{xml}");
    }

    #[test]
    fn a_run_without_a_verdict_is_an_error_and_a_warning_is_told() {
        let mut report = fixture::reconciled();
        report.outcome = Outcome::AwaitingApproval;
        report.checks[0].verdict = Verdict::Warn;
        report.checks[1].verdict = Verdict::Vacuous;
        report.counts = domain::report::CheckCounts::of(&report.checks);
        let xml = junit(&report);
        holds_to_the_schema(&xml);
        assert!(xml.contains("errors=\"1\"") && xml.contains("awaiting approval"), "{xml}");
        assert!(xml.contains("<system-out>warning: ") && xml.contains("<skipped "), "{xml}");
        assert!(xml.contains("<property name=\"warning: "), "{xml}");
    }
}
