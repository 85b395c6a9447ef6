//! A drill as Markdown, for a repository.

use std::fmt::Write as _;

use coordinator::report::format::{time, visible};

use super::headline::headline;
use crate::defect::{DrillReport, Group, Located, Seen};

/// As Markdown: the tables for a project's documentation.
#[must_use]
pub fn markdown(report: &DrillReport) -> String {
    let (word, grounds) = headline(report);
    let cell = |text: &str| visible(text).replace('|', "\\|");
    let mut out = format!(
        "**{word}**: {grounds}. Job `{}`, shadows in {}, crossfoot {}, {}.\n",
        cell(&report.job),
        report.store,
        report.crossfoot_version,
        time(report.began_at_ms)
    );
    for group in Group::ALL {
        let title = group.title();
        let struck = report.defects.iter().filter(|one| one.id.starts_with(group.prefix()));
        let struck: Vec<_> = struck.collect();
        if struck.is_empty() {
            continue;
        }
        let _ = writeln!(
            out,
            "\n## {title}\n\n| | defect | violates | must be caught by | located at least to | result | caught by | located to |\n|---|---|---|---|---|---|---|---|"
        );
        for one in struck {
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
                located.map_or("", Located::name)
            );
        }
    }
    out
}
