//! A drill as one HTML file, to be kept with the evidence.

use askama::Template;
use coordinator::report::format::{count, duration, time, visible};
use coordinator::report::html::STYLE;

use super::headline::headline;
use crate::defect::{DrillReport, Group, Located, Seen};

#[derive(Template)]
#[template(path = "drill.html")]
struct Page {
    style: &'static str,
    job: String,
    word: &'static str,
    class: &'static str,
    grounds: String,
    facts: Vec<(&'static str, String)>,
    undamaged: Vec<Run>,
    groups: Vec<(&'static str, Vec<Row>)>,
    version: String,
    drill_version: u32,
}

struct Run {
    stand: String,
    records: String,
    fingerprint: String,
    took: String,
    class: &'static str,
    verdict: String,
}

struct Row {
    id: String,
    strikes: String,
    what: String,
    told: String,
    invariant: String,
    must: String,
    must_locate: String,
    class: &'static str,
    seen: &'static str,
    by: String,
    located: &'static str,
    took: String,
}

/// The drill as one self-contained HTML file.
///
/// # Errors
/// When the template cannot be written out; it is compiled in, so nothing but memory can be missing.
pub fn html(report: &DrillReport) -> Result<String, askama::Error> {
    let (word, grounds) = headline(report);
    let class = |good: bool| if good { "pass" } else { "fail" };
    let undamaged = report.undamaged.iter().map(|run| Run {
        stand: visible(&run.stand),
        records: count(run.records),
        fingerprint: run.fingerprint.map_or_else(|| "none".into(), |hash| hash.to_string()),
        took: duration(run.elapsed_ms),
        class: class(run.reconciled),
        verdict: match run.reconciled {
            true => "reconciled".into(),
            false => format!("not reconciled: {}", visible(&run.why)),
        },
    });
    let rows = |group: Group| {
        let of_group = report.defects.iter().filter(|one| one.id.starts_with(group.prefix()));
        let row = of_group.map(|one| {
            let is_missed = one.judgement.seen == Seen::Missed;
            let why =
                if is_missed { format!("{}: {}", one.told, one.judgement.why) } else { one.told.clone() };
            Row {
                id: one.id.clone(),
                strikes: one.strikes.clone(),
                what: one.what.clone(),
                told: format!("{} ({})", visible(&why), one.stand),
                invariant: one.invariant.clone(),
                must: one.must.join(" or "),
                must_locate: one.must_locate.clone(),
                class: class(!is_missed),
                seen: one.judgement.seen.name(),
                by: visible(&one.judgement.by),
                located: one
                    .evidence
                    .located
                    .filter(|_| one.judgement.seen == Seen::Detected)
                    .map_or("", Located::name),
                took: duration(one.elapsed_ms),
            }
        });
        row.collect::<Vec<_>>()
    };
    let groups =
        Group::ALL.into_iter().map(|group| (group.title(), rows(group))).filter(|(_, rows)| !rows.is_empty());
    let mut facts = vec![
        ("Source", visible(&report.source)),
        ("Job file, SHA-256", report.job_digest.to_string()),
        ("Shadows in", format!("{}; the job's own tables were not touched", report.store)),
        ("Drilled", format!("{} by {}", time(report.began_at_ms), visible(&report.actor))),
        ("Took", duration(report.elapsed_ms)),
    ];
    if !report.not_covered.is_empty() {
        facts.push(("Fields that the job excludes from the fingerprint", report.not_covered.join(", ")));
    }
    Page {
        style: STYLE.trim_end(),
        job: visible(&report.job),
        word,
        class: class(report.is_effective()),
        grounds,
        facts,
        undamaged: undamaged.collect(),
        groups: groups.collect(),
        version: report.crossfoot_version.clone(),
        drill_version: report.drill_version,
    }
    .render()
}
