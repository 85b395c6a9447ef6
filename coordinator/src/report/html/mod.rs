//! A report as one HTML file: no script, nothing fetched, made to be read, printed and kept.

mod bytes;
mod decoding;
mod view;
mod workers;

use askama::Template;
use domain::report::Report;

/// The style sheet of every page that crossfoot makes.
pub const STYLE: &str = include_str!("../../../templates/style.css");

/// The report as one self-contained HTML file.
///
/// # Errors
/// When the template cannot be written out; it is compiled in, so nothing but memory can be missing.
pub fn html(report: &Report) -> Result<String, askama::Error> {
    view::Page::of(report).render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{fixture, format};

    #[test]
    fn the_verdict_every_check_and_every_digest_are_there_in_full() {
        let report = fixture::failed();
        let page = html(&report).unwrap();
        assert!(page.contains("Not reconciled"));
        for check in &report.checks {
            let name = check.name.replace('<', "&#60;").replace('>', "&#62;");
            assert!(page.contains(&name), "{name}");
            assert!(page.contains(&format::time(check.at_ms)));
        }
        let plain = page.replace("<wbr>", "");
        for level in &report.levels {
            assert!(plain.contains(&level.fingerprint.unwrap().to_string()));
        }
        for needed in ["50,210,734.18", "50,210,630.58", "-103.60", "≠", "crossfoot audit verify"] {
            assert!(page.contains(needed), "{needed}");
        }
        assert!(page.contains(&format!("crossfoot explain {}", report.run_id)));
    }

    /// A reader at night looks at the top of the page.
    #[test]
    fn what_failed_stands_before_what_is_right() {
        let page = html(&fixture::failed()).unwrap();
        let order = ["id=\"failed\"", "id=\"findings\"", "id=\"levels\"", "id=\"checks\"", "id=\"workers\""];
        let places = order.map(|id| page.find(id).unwrap());
        assert!(places.is_sorted(), "{places:?}");
        assert!(!html(&fixture::reconciled()).unwrap().contains("id=\"failed\""));
    }

    /// A tooltip cannot be printed.
    #[test]
    fn every_invariant_that_is_named_is_explained() {
        let report = fixture::failed();
        let page = html(&report).unwrap();
        let list = &page[page.find("id=\"invariants\"").unwrap()..];
        for invariant in report.checks.iter().filter_map(|check| check.invariant) {
            let line = format!("<dt>{}</dt><dd>{}</dd>", invariant.number(), invariant.text());
            let line = line.replace('\'', "&#39;");
            assert!(list.contains(&line), "{line}");
        }
    }

    #[test]
    fn nothing_hostile_becomes_markup() {
        let page = html(&fixture::hostile()).unwrap();
        for markup in ["<script", "<img", "<b>", "\u{1b}", "\u{202e}"] {
            assert!(!page.contains(markup), "{markup}");
        }
        assert_eq!(page.matches("</style>").count(), 1);
        assert!(page.contains("&#60;script&#62;alert(1)"));
    }

    #[test]
    fn the_file_needs_nothing_else_and_is_the_same_every_time() {
        for report in [fixture::reconciled(), fixture::failed(), fixture::held()] {
            let page = html(&report).unwrap();
            for outside in ["http:", "https:", "src=", "url(", "@import", "<link"] {
                assert!(!page.contains(outside), "{outside}");
            }
            assert_eq!(page, html(&report).unwrap());
            assert_eq!(page.matches("<table").count(), page.matches("<caption").count());
        }
    }

    #[test]
    fn a_run_that_has_only_begun_has_a_page_too() {
        let mut report = fixture::reconciled();
        report.outcome = domain::report::Outcome::Unfinished;
        report.checks.clear();
        report.levels.clear();
        report.balance = None;
        report.amounts.clear();
        report.workers.clear();
        report.ended_at_ms = None;
        report.log_head = None;
        let page = html(&report).unwrap();
        assert!(page.contains("Unfinished") && page.contains("crossfoot resume"));
    }
}
