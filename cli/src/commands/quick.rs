//! `reconcile --quick`: compares totals, and says that it compared no values.

use std::sync::Arc;

use compare::quick_text;
use domain::comparison::{QuickOutcome, QuickReport};
use domain::event_kind::EventKind;
use domain::fingerprint::Hash;
use domain::ids::RunId;
use domain::report::LogHead;
use serde_json::json;
use settings::Settings;
use store::Store;

use super::context::noted;
use super::reconcile::{Sides, comparison, failure};
use crate::args::{Comparing, Global};
use crate::outcome::{Done, Failure};
use crate::output::{style, tell, tell_json};

/// Compares totals, notes the result as a quick look in the evidence log, and prints it.
pub(super) async fn look(
    global: &Global,
    settings: &Settings,
    store: &Arc<dyn Store>,
    args: &Comparing,
    sides: Sides,
) -> Result<Done, Failure> {
    let (compare, telling) = comparison(global, args, sides, None, None);
    let done = Box::pin(compare.quick()).await;
    telling.abort();
    conclude(global, settings, store, None, done.map_err(failure)?).await
}

/// Notes a quick look in the evidence log, and prints it.
pub(super) async fn conclude(
    global: &Global,
    settings: &Settings,
    store: &Arc<dyn Store>,
    run_id: Option<RunId>,
    mut report: QuickReport,
) -> Result<Done, Failure> {
    let event = noted(settings, store, EventKind::LoadLookedAt, &detail(&report, run_id)?).await?;
    report.log_head = Some(LogHead::Named { seq: event.seq, hash: event.hash });
    let instead = format!("{}; event {} of the evidence log says so", report.outcome.name(), event.seq);
    if global.json {
        tell_json(&report, &instead);
    } else {
        tell(&quick_text(&report, style()), &instead);
    }
    Ok(match report.outcome {
        QuickOutcome::TotalsAgree | QuickOutcome::ContentAgrees => Done::Well,
        QuickOutcome::TotalsDiffer | QuickOutcome::ContentDiffers => Done::NotReconciled,
    })
}

/// What the evidence log keeps. It holds no values of records, and says that only totals were compared.
fn detail(report: &QuickReport, run_id: Option<RunId>) -> Result<serde_json::Value, Failure> {
    let text = crate::output::json(report)?;
    Ok(json!({
        "quick": true,
        "run": run_id,
        "job": report.job,
        "job_digest": report.job_digest,
        "outcome": report.outcome,
        "source": report.source,
        "records": report.records,
        "rejected": report.rejected,
        "target": report.target,
        "tables": report.tables,
        "checks": report.counts,
        "content": report.content,
        "failed": coordinator::verify::reconcile::failed_names(&report.checks),
        "report_sha256": Hash::of(text.as_bytes()),
    }))
}
