//! What the forms of a drill's document have in common, and its form for a repository.

use std::fmt::Write as _;

use domain::defect::{DrillReport, Seen};

use super::format::{duration, plural, time};

/// The catalogue's groups: the beginning of a number, and a title.
pub(super) const GROUPS: [(&str, &str); 11] = [
    ("CNT", "Counts"),
    ("AMT", "Amounts"),
    ("CON", "Content"),
    ("STR", "Structure"),
    ("HND", "Hands"),
    ("BUS", "The bus"),
    ("LED", "Ledger"),
    ("SRC", "Source"),
    ("DCL", "Declared"),
    ("PRM", "Promotion"),
    ("LOG", "Log and pack"),
];

/// A word for the whole, and what it rests on.
pub(super) fn headline(report: &DrillReport) -> (&'static str, String) {
    let missed = report.count(Seen::Missed);
    let reconciled = report.undamaged.iter().filter(|run| run.reconciled).count();
    let word = if report.is_effective() { "EFFECTIVE" } else { "NOT EFFECTIVE" };
    let all = report.defects.len();
    let grounds = match all {
        0 => "no defects were injected, because the undamaged run did not reconcile".to_owned(),
        _ => format!(
            "{} of {} caught ({} detected, {} withstood, {} prevented) · {reconciled} of {} reconciled · {}",
            all - missed,
            plural(all as u64, "defect"),
            report.count(Seen::Detected),
            report.count(Seen::Withstood),
            report.count(Seen::Prevented),
            plural(report.undamaged.len() as u64, "undamaged job"),
            duration(report.elapsed_ms)
        ),
    };
    (word, grounds)
}

/// As Markdown: the table that stands in a project's documentation.
#[must_use]
pub fn markdown(report: &DrillReport) -> String {
    let (word, grounds) = headline(report);
    let cell = |text: &str| super::format::visible(text).replace('|', "\\|");
    let mut out = format!(
        "**{word}**: {grounds}. Job `{}`, shadows in {}, crossfoot {}, {}.\n",
        cell(&report.job),
        report.store,
        report.crossfoot_version,
        time(report.began_at_ms)
    );
    for (prefix, title) in GROUPS {
        let group: Vec<_> = report.defects.iter().filter(|one| one.id.starts_with(prefix)).collect();
        if group.is_empty() {
            continue;
        }
        let _ = writeln!(
            out,
            "\n## {title}\n\n| | defect | violates | must be caught by | located at least to | result | caught by | located to |\n|---|---|---|---|---|---|---|---|"
        );
        for one in group {
            let located = one.evidence.located.filter(|_| one.judgement.seen == Seen::Detected);
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                one.id,
                cell(&one.what),
                one.invariant,
                cell(&one.must.join(" or ")),
                one.must_locate,
                one.judgement.seen.name(),
                cell(&one.judgement.by),
                located.map_or("", domain::defect::Located::name)
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::GROUPS;

    #[test]
    fn every_defect_of_the_catalogue_is_in_a_group_and_so_in_the_report() {
        for defect in domain::defect::CATALOGUE {
            assert!(GROUPS.iter().any(|(prefix, _)| defect.id.starts_with(prefix)), "{}", defect.id);
        }
    }
}
