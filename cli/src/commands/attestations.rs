//! `attest --history`: the attestations of a run, as the evidence log has them.

use coordinator::ops::views::attestations::{ListedAttestation, of_run};
use coordinator::report::format::{count, time_to_second, visible};
use coordinator::report::text::table::{Column, Grid};
use domain::comparison::LoadOutcome;
use jiff::Span;

use super::context::{find_run, open_store};
use crate::args::Global;
use crate::outcome::{Done, Failure};
use crate::output::{style, tell, tell_json};
use crate::printed::AttestedRun;

/// Runs `crossfoot attest --history`. It holds only if the newest attestation is reconciled, and not older than
/// `within`.
pub(super) async fn history(global: &Global, run: &str, within: Option<Span>) -> Result<Done, Failure> {
    let (_, store) = open_store(global).await?;
    let run_id = find_run(&*store, run).await?.run_id;
    let attestations = of_run(&*store, run_id).await?;
    let why = why_not(&attestations, within)?;
    let told = match &why {
        None => format!("run {run_id} was attested: the newest attestation is reconciled"),
        Some(why) => format!("run {run_id} is NOT attested: {why}"),
    };
    let done = if why.is_none() { Done::Well } else { Done::NotReconciled };
    if global.json {
        let whole = AttestedRun { run_id: run_id.to_string(), holds: why.is_none(), why, attestations };
        tell_json(&whole, &told);
    } else {
        tell(&format!("{}{told}", table(&attestations)), &told);
    }
    Ok(done)
}

/// Why the newest attestation does not suffice; `None` if it does.
fn why_not(attestations: &[ListedAttestation], within: Option<Span>) -> Result<Option<String>, Failure> {
    let Some(newest) = attestations.last() else { return Ok(Some("it never was".into())) };
    if newest.outcome == LoadOutcome::NotReconciled {
        return Ok(Some(format!("the newest attestation, event {}, is not reconciled", newest.seq)));
    }
    let Some(within) = within else { return Ok(None) };
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let oldest = now
        .checked_sub(within)
        .map_err(|error| Failure::usage(format!("invalid --within: {error}")))?
        .timestamp()
        .as_millisecond();
    Ok((newest.at_ms < oldest).then(|| {
        format!("the newest attestation is of {}, longer ago than {within:#}", time_to_second(newest.at_ms))
    }))
}

/// The attestations as a table; nothing where there are none.
pub(super) fn table(attestations: &[ListedAttestation]) -> String {
    if attestations.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new(vec![
        Column::left("attested"),
        Column::right("event"),
        Column::left("verdict"),
        Column::right("equal"),
        Column::right("replaced"),
        Column::right("differences"),
        Column::right("drift"),
        Column::left("by").shrinks_to(12),
        Column::left("target").shrinks_to(12),
    ]);
    for one in attestations {
        grid.row(vec![
            time_to_second(one.at_ms),
            count(one.seq),
            one.outcome.name().into(),
            count(one.equal),
            count(one.replaced),
            count(one.differences),
            if one.drift == 0 { "–".into() } else { format!("{:+}", one.drift) },
            visible(&one.actor),
            visible(&one.target),
        ]);
    }
    grid.render(style()) + "\n"
}
