//! What log, export and manifest say of the other parts, against these.

use super::chunks::ChunkTotals;
use super::content::{all, name, or_none, same};
use super::life::Life;
use super::lines::RunFacts;
use super::{Listed, Manifest, Part, PartCheck, parts_digest};
use crate::check::Verdict;
use crate::fingerprint::Hash;
use crate::report::{LogHead, Report};

/// The log's segment: whole, of this run, and in agreement with the run, the report and the checks.
#[must_use]
pub fn log(life: &Life, run: &RunFacts, report: &Report, checks_sha256: Hash) -> Vec<PartCheck> {
    let part = name(Part::Log);
    let chain = match (&life.broken, life.head) {
        (Some(why), _) => Err(why.clone().into()),
        (None, Some(head)) => {
            Ok(format!("{} events, {} of the run, head {}:{}", life.events, life.own, head.seq, head.hash))
        }
        (None, None) => Err("it is empty".into()),
    };
    let opened = life.opened.as_ref().map(|noted| &noted.detail);
    let told = all(
        format!("opened, and {}", run.state),
        [
            same("state", &life.state, &Some(run.state)),
            same("purged", &life.purged, &run.purged),
            same("removed", &life.removed, &run.removed()),
            same("job", &opened.and_then(|detail| detail.job.clone()), &Some(run.job.clone())),
            same("job digest", &opened.and_then(|detail| detail.job_digest), &Some(run.job_digest)),
            same(
                "SHA-256 of the source",
                &opened.and_then(|detail| detail.source_sha256),
                &run.source_sha256,
            ),
            same(
                "opened by",
                &life.opened.as_ref().map(|noted| noted.actor.as_str()),
                &Some(run.opened_by.as_str()),
            ),
        ],
    );
    let failed: Vec<_> = report.checks.iter().filter(|check| check.verdict == Verdict::Fail).collect();
    let failed: Vec<_> = failed.iter().map(|check| check.name.clone()).collect();
    let noted = match &life.verdict {
        Some(verdict) if verdict.detail.checks_sha256 != Some(checks_sha256) => Err(format!(
            "event {} ({}) recorded SHA-256 {}, but these have {checks_sha256}",
            verdict.seq,
            verdict.kind,
            or_none(verdict.detail.checks_sha256)
        )
        .into()),
        Some(verdict) => {
            let of_log = verdict.detail.failed.clone().unwrap_or_default();
            let said =
                format!("SHA-256 {checks_sha256}, recorded by event {} ({})", verdict.seq, verdict.kind);
            same("failed checks", &of_log, &failed).map(|()| said)
        }
        None if report.checks.is_empty() => Ok("there is no verdict, and there are no checks".into()),
        None => Err("there are checks, but no event of the log records them".into()),
    };
    let head = report.log_head.map(LogHead::parts);
    let head = head.map_or(Err("the report names no log head".into()), |(seq, hash)| {
        if life.found.iter().any(|found| (found.seq, found.hash) == (seq, hash)) {
            Ok(format!("event {seq} is in it"))
        } else {
            Err(format!("the report names {seq}:{hash}, which is not in the log").into())
        }
    });
    vec![
        PartCheck::of(part, "the chain is whole", chain),
        PartCheck::of(part, "tells the run's life", told),
        PartCheck::of(name(Part::Checks), "are those that the log's verdict noted", noted),
        PartCheck::of(part, "holds the head that the report notes", head),
    ]
}

/// The export's event against the parts before the log.
#[must_use]
pub fn export(life: &Life, before_the_log: &[Listed]) -> PartCheck {
    let digest = parts_digest(before_the_log);
    let result = match &life.exported {
        None => Err("the last event is not the export of the pack".into()),
        Some(noted) if noted.detail.parts_sha256 == Some(digest) => Ok(format!(
            "event {} records the {} parts before the log: {digest}",
            noted.seq,
            before_the_log.len()
        )),
        Some(noted) => Err(format!(
            "event {} recorded parts with digest {}, but these have {digest}",
            noted.seq,
            or_none(noted.detail.parts_sha256)
        )
        .into()),
    };
    PartCheck::of(name(Part::Log), "its last event is this export", result)
}

/// The manifest against everything that it repeats.
#[must_use]
pub fn manifest(
    manifest: &Manifest,
    run: &RunFacts,
    report: &Report,
    chunks: &ChunkTotals,
    life: &Life,
) -> PartCheck {
    let exported = life.exported.as_ref();
    let result = all(
        format!("run {}, {}", manifest.run_id, manifest.outcome.name()),
        [
            same("format", &super::manifest::FORMAT, &manifest.format.as_str()),
            same("crossfoot version", &report.crossfoot_version, &manifest.crossfoot_version),
            same("run", &run.run_id, &manifest.run_id),
            same("job", &run.job, &manifest.job),
            same("job digest", &run.job_digest, &manifest.job_digest),
            same("outcome", &report.outcome, &manifest.outcome),
            same(
                "fingerprint",
                &chunks.fingerprint(run.split.as_ref(), run.types.len()),
                &manifest.fingerprint,
            ),
            same("log head", &life.head, &Some(manifest.log_head)),
            same("exported", &exported.map(|noted| noted.at_ms), &Some(manifest.exported_at_ms)),
            same(
                "exported by",
                &exported.map(|noted| noted.actor.as_str()),
                &Some(manifest.exported_by.as_str()),
            ),
            same("signed by", &exported.and_then(|noted| noted.detail.signed_by), &manifest.signed_by),
        ],
    );
    PartCheck::of(name(Part::Manifest), "says what the parts say", result)
}
