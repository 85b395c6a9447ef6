//! Where a pack's bytes went: the chunks' classes, added up again, against the report.

use super::chunks::ChunkTotals;
use super::lines::RunFacts;
use super::{Judged, Part, PartCheck};
use crate::bytes::ByteBalance;
use crate::check::Verdict;
use crate::report::{Outcome, Report};
use crate::round_trip::DecodeProofReport;
use crate::words::counted;

const CHECK: &str = "bytes by class add up to the report's";

/// What the checks about bytes by class must say: the check's name, what it expects and what it found.
pub(super) fn must(
    report: &Report,
    covered: u64,
    outside: u64,
    chunks: &ChunkTotals,
) -> Vec<(String, Option<String>, Option<String>)> {
    if report.bytes.is_none() {
        return Vec::new();
    }
    let sum = chunks.bytes_by_class.shares.total().ok().and_then(|sum| sum.checked_add(outside));
    let (all, by_chunk) = (crate::bytes::ACCOUNTED.into(), crate::bytes::BY_CHUNK.into());
    let mut must = vec![
        (all, Some(covered.to_string()), sum.map(|sum| sum.to_string())),
        (by_chunk, None, Some(chunks.bytes_by_class.chunks_off.to_string())),
    ];
    if report.decode_proof.is_some() {
        let proved = chunks.bytes_by_class.shares.round_trips.proved;
        must.push((crate::round_trip::PROVED.into(), None, Some(proved.to_string())));
    }
    must
}

/// The bytes of all chunks by class against those of the report.
#[must_use]
pub fn bytes(chunks: &ChunkTotals, run: &RunFacts, report: &Report) -> PartCheck {
    let part = Part::Chunks.name();
    let added = &chunks.bytes_by_class;
    let (Some(of_report), Some(split)) = (&report.bytes, &run.split) else {
        if report.balance.is_some() && added.chunks_uncounted < chunks.committed {
            let why = "the chunks say where their bytes went, but the report does not";
            return PartCheck::of(part, CHECK, Err(why.into()));
        }
        let why = "the run was never reconciled, or by a version that did not count bytes by class";
        return PartCheck::not_made(part, CHECK, why);
    };
    let outside = split.header_bytes.saturating_add(split.footer_bytes);
    let result =
        judged(chunks, (chunks.bytes.saturating_add(outside), outside), run, report).and_then(|said| {
            // A green verdict over bytes that nobody accounts for is told by nothing but this.
            let is_warned = report.checks.iter().any(|check| {
                check.name == crate::bytes::ACCOUNTED
                    && check.verdict == Verdict::Warn
                    && of_report.chunks_uncounted > 0
            });
            match report.outcome {
                Outcome::Reconciled if !of_report.holds() && !is_warned => {
                    Err("the run is reconciled, but not every byte is accounted for".into())
                }
                _ => Ok(said),
            }
        });
    let is_failed = report.checks.iter().any(|check| check.verdict == Verdict::Fail);
    match result {
        Err(why) if is_failed => PartCheck::not_made(part, CHECK, format!("{why}; checks of the run failed")),
        result => PartCheck::of(part, CHECK, result),
    }
}

fn judged(chunks: &ChunkTotals, (source, outside): (u64, u64), run: &RunFacts, report: &Report) -> Judged {
    let balance = chunks.bytes_by_class.balance(&run.types, source, outside);
    let balance = balance.map_err(|error| error.to_string())?;
    if report.bytes.as_ref() != Some(&balance) {
        let said = report.bytes.as_ref().map(ByteBalance::equation).unwrap_or_default();
        return Err(format!("the chunks have {}, the report has {said}", balance.equation()).into());
    }
    let trips = &chunks.bytes_by_class.shares.round_trips;
    // Fields have no names here; how many values of each form there are is known all the same.
    let added = DecodeProofReport::of(trips, &[], trips.proved, false);
    match &report.decode_proof {
        Some(proof) if proof.proved == added.proved && proof.by_kind() == added.by_kind() => {}
        None if trips.is_empty() => {}
        _ => return Err("what encoding the records again came to is not what the chunks say".into()),
    }
    Ok(format!("{} = {}", counted(source, "byte"), balance.equation()))
}
