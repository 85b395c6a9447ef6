//! What the forms of a drill's document have in common.

use coordinator::report::format::{duration, plural};

use crate::defect::{DrillReport, Seen};

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
