//! What the reports of one run say, held against its verdict and against each other.

use coordinator::report::format;
use coordinator::report::html::html;
use coordinator::report::junit::junit;
use coordinator::report::text::{Style, text};
use domain::check::Verdict;
use domain::report::{Outcome, Report};
use serde_json::Value;

/// # Panics
/// When the text, the HTML page, the JUnit document or the JSON of a run contradicts its verdict: a sign of difference
/// beside a run that reconciled, none beside one that did not, other counts of failures; or when the JSON has other
/// figures than the others.
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
    if let Some(bytes) = &report.bytes {
        // The balance in bytes is that of the checks beside it.
        let check = |name: &str| report.checks.iter().find(|check| check.name == name).unwrap();
        let all = check(domain::bytes::ACCOUNTED);
        assert_eq!(all.expected, bytes.source.to_string());
        assert_eq!(all.actual, bytes.classes.total().unwrap().to_string());
        let both = [all.verdict, check(domain::bytes::BY_CHUNK).verdict];
        assert_eq!(bytes.holds(), both == [Verdict::Pass; 2], "{bytes:?}");
        assert!(bytes.is_consistent(), "{bytes:?}");
        assert!(bytes.holds() || bytes.chunks_uncounted > 0 || report.outcome != Outcome::Reconciled);
    } else {
        assert!(report.balance.is_none(), "a reconciled run has a balance in bytes");
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
    let json = serde_json::to_value(report).unwrap();
    assert_eq!(&serde_json::from_value::<Report>(json.clone()).unwrap(), report, "{json:#}");
    hold_json(&json, &[("text", &shown[1]), ("HTML", &page)], &document);
}

/// Reads the JSON as a machine does, without the types that it was made from, and holds it to the other renderings.
fn hold_json(json: &Value, people: &[(&str, &String)], junit: &str) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (outcome, checks) = (text(&json["outcome"]), list(&json["checks"]));
    let word = outcome.replace('-', " ");
    for (what, rendered) in people {
        assert!(rendered.to_lowercase().contains(&word), "{what} does not say {word}:\n{rendered}");
    }
    assert!(junit.contains(&format!("name=\"outcome\" value=\"{word}\"")), "{junit}");
    // The counts are those of the checks that stand beside them.
    let of = |verdict: &str| checks.iter().filter(|check| check["verdict"] == verdict).count();
    for (key, verdict) in [("passed", "pass"), ("failed", "fail"), ("warned", "warn"), ("vacuous", "vacuous")]
    {
        assert_eq!(json["counts"][key], of(verdict), "{key}: {json:#}");
    }
    let all_passed = of("pass") > 0 && of("fail") + of("warn") == 0;
    assert_eq!(json["all_passed"], all_passed, "{json:#}");
    assert!(outcome != "reconciled" || of("fail") == 0, "{json:#}");
    assert!(outcome != "not-reconciled" || of("fail") > 0, "{json:#}");
    for check in &checks {
        let differs = !text(&check["discrepancy"]).is_empty();
        assert!(check["verdict"] != "pass" || !differs, "passed, but differs: {check:#}");
    }
    assert_eq!(
        junit.matches("<testcase classname=\"").count() - junit.matches("classname=\"run\"").count(),
        checks.len()
    );
    let (cause, leads) = (json["leading_cause"].as_object(), "of records rejected (");
    for (what, rendered) in people {
        assert_eq!(rendered.contains(leads), cause.is_some(), "{what} and the leading cause:\n{rendered}");
    }
    // The control totals, figure by figure.
    for level in list(&json["levels"]) {
        let records = level["records"].as_u64().unwrap();
        let mut figures = vec![format::count(records)];
        figures.extend(list(&level["sums"]).iter().map(|sum| format::grouped(&text(sum))));
        figures.extend(level["fingerprint"].as_str().map(|root| root[..16].to_owned()));
        for (what, rendered) in people {
            for figure in &figures {
                assert!(rendered.contains(figure), "{what} lacks {figure} of {level:#}:\n{rendered}");
            }
        }
    }
    if let Some(head) = json["log_head"].as_object() {
        let head = format!("{}:{}", head["seq"], text(&head["hash"]));
        assert!(junit.contains(&head), "JUnit lacks the log's head {head}:\n{junit}");
        for (what, rendered) in people {
            assert!(
                rendered.contains(&text(&json["log_head"]["hash"])[..16]),
                "{what} lacks {head}:\n{rendered}"
            );
        }
    }
}
