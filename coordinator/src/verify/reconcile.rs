//! The reconciliation of one run: evidence gathered, checks made and kept, differences pinpointed.

use std::sync::Arc;

use domain::balance::AmountBalance;
use domain::bytes::ByteEvidence;
use domain::check::{CheckResult, Stage};
use domain::counts::WorkerShare;
use domain::declared::Declared;
use domain::event_kind::EventKind;
use domain::footing::{FootingFinding, Given, Outcome};
use domain::ids::RunId;
use domain::keys::{KeyEvidence, KeysCounted};
use domain::layout::Mode;
use domain::reconcile::{
    DecodedTwice, Reconciliation, RuleEvidence, SourceEvidence, StagingEvidence, reconcile_staging,
};
use domain::report::LevelTotals;
use domain::rule::{Condition, Rule, RuleOutcome};
use domain::totals::ControlTotals;
use domain::trend::{Figures, TrendEvidence};
use job::Job;
use platform::clock::Clock;
use source::SourceFile;
use store::model::{KeyCounts, RulesApplied, Run, SplitTotals};
use store::rules::Keys;
use store::{Fence, Store, StoreError};

use crate::progress::stage;
use crate::report::summary::Summary;
use crate::report::trends::{figures, looked_at};
use crate::split::wanted::OpenSourceError;
use crate::verify::pinpoint::{PinpointError, decode_again};
use crate::verify::verifier::{Verified, Verify, VerifyError};
use domain::round_trip::DecodeProofReport;

/// The result of reconciling staging.
#[derive(Debug)]
pub struct StagingOutcome {
    /// The checks; [`Reconciliation::permit`] makes a permit of them, if none failed.
    pub reconciliation: Reconciliation,
    /// Everything the report shows.
    pub summary: Summary,
    /// The numbers of the chunks that differ, in order, without duplicates.
    pub differing: Vec<u64>,
    /// Totals that the source declares of itself and that are wrong.
    pub footing: Vec<FootingFinding>,
    /// Whether rules keep records out of final.
    pub excludes: bool,
}

/// What reconciling works with.
pub struct Reconcile<'a> {
    /// The ledger and the tables.
    pub store: &'a dyn Store,
    /// The clock that the times of checks are taken from.
    pub clock: &'a dyn Clock,
    /// The job that the run executes.
    pub job: &'a Arc<Job>,
    /// The run to reconcile, as the ledger has it.
    pub run: &'a Run,
    /// The right to change it.
    pub fence: Fence,
    /// Who says whether keys are new.
    pub keys: Keys,
    /// What changed about the source since it was opened, in words.
    pub source_changed: Option<String>,
    /// The source, to be decoded again; `None` when the run went through in one go.
    pub decode_again: Option<Result<SourceFile, OpenSourceError>>,
}

impl Reconcile<'_> {
    /// Applies the rules, has staging read back by way of `verify`, and compares.
    ///
    /// # Errors
    /// [`VerifyError`] when it could not be done; a failed check is not an error.
    pub async fn staging(
        mut self,
        verify: Verify<'_>,
        split: &SplitTotals,
        progress: impl Fn(u64),
    ) -> Result<StagingOutcome, VerifyError> {
        let to_decode = self.decode_again.take();
        let apply = || self.store.apply_rules(self.fence, self.job, self.keys);
        let RulesApplied { outcomes, keys } = fault::around!("rules.apply", apply().await)?;
        stage(self.run.run_id, "rules applied");
        let excludes = keys.held + keys.merged > 0;
        let verified = verify.staging(split.header_bytes, excludes, progress).await?;
        let (source_again, also_differing) = self.source_again(to_decode).await?;
        let workers = self.workers().await?;
        let rules = self
            .job
            .rules
            .iter()
            .zip(&outcomes)
            .map(|(rule, outcome)| rule_evidence(rule, *outcome, self.job));
        let evidence = StagingEvidence {
            run_id: self.run.run_id,
            types: self.job.types(),
            amount_names: self.job.amount_names(),
            layout: self.job.layout_digest(),
            source: self.source(split, &verified),
            source_again,
            decoded_beside: verified.decoded_beside,
            refused_messages: self.refused_messages().await?,
            ledger: verified.ledger.clone(),
            bytes: verified.bytes.clone(),
            filler_any: self.job.records.iter().map(|record| record.filler_any).collect(),
            decode_proof_off: !self.job.decode_proof,
            staging: verified.staging.clone(),
            workers: workers.clone(),
            declared: declared(self.run, self.job)?,
            footing: verified.footing.clone(),
            rules: rules.collect(),
            keys: key_evidence(self.job, self.keys, &keys),
            reject_limit: self.job.reject_limit,
            rules_differing: keys.rules_differing,
            loaded_before: self.loaded_before(split).await?,
            again: self.run.again,
            trends: Some(self.trends(split, &verified).await?),
            held: keys.held,
            merged: keys.merged,
            to_promote: verified.to_promote.clone(),
        };
        let reconciliation = reconcile_staging(&evidence, self.clock.now_ms());
        let footed = verified.footing.as_ref().and_then(|footing| footing.as_ref().ok());
        let summary = Summary {
            levels: vec![
                level(Stage::Source, &verified.ledger.accepted),
                level(Stage::Staging, &verified.staging.totals),
            ],
            balance: evidence.balance(),
            bytes: evidence
                .bytes
                .balance(&evidence.types, evidence.source.bytes_tiled, evidence.source.header_bytes)
                .ok(),
            decode_proof: Some(decode_proof(self.job, &verified.bytes, verified.ledger.accepted.records)),
            amounts: amounts(&evidence, &verified),
            workers,
            rejects: self.store.reject_groups(self.run.run_id).await?,
            sequences: footed.map(Outcome::values).unwrap_or_default(),
        };
        let footing = footed.map(|footing| footing.findings().to_vec()).unwrap_or_default();
        let mut differing = verified.differing;
        differing.extend(also_differing);
        differing.sort_unstable();
        differing.dedup();
        Ok(StagingOutcome { reconciliation, summary, differing, footing, excludes })
    }

    /// How many messages that claimed to be of this run were refused. Of very many the log counts most.
    async fn refused_messages(&self) -> Result<u64, StoreError> {
        const PAGE: u32 = 1000;
        let (mut refused, mut after) = (0, 0);
        loop {
            let events = self.store.run_events(self.run.run_id, after, PAGE).await?;
            let Some(last) = events.last() else { return Ok(refused) };
            after = last.seq;
            for event in events.iter().filter(|event| event.entry.kind == EventKind::MessageRefused.name()) {
                let detail: serde_json::Value = serde_json::from_str(&event.entry.detail).unwrap_or_default();
                refused += 1 + detail["refused_since_the_last_entry"].as_u64().unwrap_or(0);
            }
        }
    }

    async fn source_again(
        &self,
        source: Option<Result<SourceFile, OpenSourceError>>,
    ) -> Result<(DecodedTwice, Vec<u64>), StoreError> {
        let source = match source {
            None => return Ok((DecodedTwice::NotNeeded, Vec::new())),
            Some(Err(OpenSourceError::StreamGone)) => return Ok((DecodedTwice::Gone, Vec::new())),
            Some(Err(error)) => return Ok((DecodedTwice::Failed(error.to_string()), Vec::new())),
            Some(Ok(source)) if source.bytes_on_disk().is_none() => {
                return Ok((DecodedTwice::Gone, Vec::new()));
            }
            Some(Ok(source)) => source,
        };
        let again = match decode_again(self.store, self.run.run_id, self.job, source).await {
            Ok(again) => again,
            Err(PinpointError::Store(error)) => return Err(error),
            Err(error) => return Ok((DecodedTwice::Failed(error.to_string()), Vec::new())),
        };
        let places: Vec<_> = self.job.row_rules().map(|(place, _)| place).collect();
        let kept = self.store.breach_digests(self.run.run_id, &places).await?;
        let rules_differing =
            kept.iter().zip(&again.breaches).filter(|(kept, found)| kept != found).count() as u64;
        Ok((
            DecodedTwice::Decoded {
                fingerprint: again.fingerprint,
                chunks_differing: again.differing.len() as u64,
                rules_differing,
            },
            again.differing,
        ))
    }

    fn source(&self, split: &SplitTotals, verified: &Verified) -> SourceEvidence {
        // The splitter holds back as many bytes from the end as the job says; what it read beyond them is in chunks.
        let footer_bytes = self.job.format.outside.footer_bytes as u64;
        SourceEvidence {
            chunks: split.chunks,
            records: split.records,
            bytes: split.bytes,
            bytes_tiled: verified.bytes_tiled + footer_bytes,
            header_bytes: split.header_bytes + footer_bytes,
            first_gap: verified.first_gap,
            sha256_before: self.run.source_sha256,
            sha256_split: split.sha256,
            stream_interrupted: self.run.source_sha256.is_none() && self.run.interrupted,
            changed: self.source_changed.clone(),
            bytes_on_disk: split.bytes_on_disk,
        }
    }

    /// In a run that was never interrupted every report must have come.
    async fn workers(&self) -> Result<Vec<WorkerShare>, StoreError> {
        let mut shares = self.store.worker_shares(self.run.run_id, self.job).await?;
        if !self.run.interrupted {
            for share in &mut shares {
                share.unreported_chunks = 0;
            }
        }
        Ok(shares)
    }

    /// The run compared with those before it. The same bytes loaded again would only be compared with themselves, and
    /// are not told apart: whoever insists on them knows.
    async fn trends(&self, split: &SplitTotals, verified: &Verified) -> Result<TrendEvidence, StoreError> {
        let sums = verified.ledger.accepted.sums.0.iter().copied();
        let now = Figures {
            at_ms: self.run.opened_at_ms,
            records: split.records,
            rejects: verified.ledger.rejected,
            amounts: self.job.amount_names().into_iter().zip(sums).collect(),
        };
        let rules = self.job.trends.clone();
        let limit = looked_at(&rules);
        let is_part = self.run.resends.is_some();
        let history = match is_part {
            true => Vec::new(),
            false => self.store.history(&self.run.job, Some(self.run.run_id), true, limit).await?,
        };
        let history = history.iter().filter_map(|past| figures(&past.run, past.summary.as_deref()));
        Ok(TrendEvidence { rules, now, history: history.collect(), is_part })
    }

    async fn loaded_before(&self, split: &SplitTotals) -> Result<Vec<RunId>, StoreError> {
        let runs = self.store.runs_with_source(&self.run.job, &split.sha256).await?;
        let promoted = runs.iter().filter(|run| {
            run.state == domain::lifecycle::RunState::Promoted && run.run_id != self.run.run_id
        });
        // An empty source has nothing to load twice.
        Ok(if split.records == 0 { Vec::new() } else { promoted.map(|run| run.run_id).collect() })
    }
}

/// What the sender declared, in a file of its own or in the job.
pub(crate) fn declared(run: &Run, job: &Job) -> Result<Option<Declared>, StoreError> {
    match &run.declared {
        Some(text) => serde_json::from_str(text)
            .map(Some)
            .map_err(|error| StoreError::Damaged { what: format!("declared totals: {error}") }),
        None => Ok(job.declared.clone()),
    }
}

/// What values that the source's records declare are compared with: those of the sender, and the numbers of the
/// promoted run before this one.
pub(crate) async fn given(store: &dyn Store, run: &Run, job: &Job) -> Result<Given, StoreError> {
    let Some(plan) = &job.footing else { return Ok(Given::default()) };
    let mut values = job.declared.as_ref().map(|declared| declared.values.clone()).unwrap_or_default();
    values.extend(declared(run, job)?.map(|declared| declared.values).unwrap_or_default());
    let mut given = Given { values, ..Given::default() };
    if plan.has_sequences()
        && let Some(before) = store.promoted_before(run.run_id).await?
        && let Some(text) = store.checks(before.run_id).await?.summary
    {
        let summary: Summary = serde_json::from_str(&text).map_err(|error| StoreError::Damaged {
            what: format!("summary of run {}: {error}", before.run_id),
        })?;
        given.previous = summary.sequences;
    }
    Ok(given)
}

/// What is known of the keys of record types that are appended; an upsert merges equal keys, so there is nothing to
/// check.
pub(crate) fn key_evidence(job: &Job, asked: Keys, counts: &KeyCounts) -> Vec<KeyEvidence> {
    let types = job.layouts().zip(&counts.by_type);
    let appended = types.filter(|(layout, _)| layout.mode == Mode::Append && !layout.key.is_empty());
    appended
        .map(|(layout, keys)| KeyEvidence {
            record: (!layout.among.is_alone()).then(|| layout.record.clone()),
            fields: layout.key_names(),
            counted: (asked == Keys::Count).then_some(KeysCounted {
                duplicates: keys.duplicates,
                already_in_final: keys.already_in_final,
            }),
        })
        .collect()
}

/// What encoding the accepted records came to, with the names of record types and fields.
#[must_use]
pub fn decode_proof(job: &Job, bytes: &ByteEvidence, accepted: u64) -> DecodeProofReport {
    let names = job.records.iter().map(|record| {
        let fields = record.own.fields.iter().map(|field| field.name.clone());
        (record.own.record.clone(), fields.collect())
    });
    let names: Vec<_> = names.collect();
    DecodeProofReport::of(&bytes.shares.round_trips, &names, accepted, !job.decode_proof)
}

/// A rule, with what the job says of it and what came of it.
#[must_use]
pub fn rule_evidence(rule: &Rule, outcome: RuleOutcome, job: &Job) -> RuleEvidence {
    let name = |at: &usize| job.records[rule.record].layout.fields[*at].name.clone();
    let list = |fields: &[usize]| fields.iter().map(name).collect::<Vec<_>>().join(", ");
    let demands = match &rule.condition {
        Condition::Row(predicate) => predicate.text().to_owned(),
        Condition::Unique { fields } => format!("unique ({})", list(fields)),
        Condition::References { fields, table, columns } => {
            format!("({}) is found in {table} ({})", list(fields), columns.join(", "))
        }
        Condition::Balance { sum, by, to } if by.is_empty() => format!("sum of {} = {to}", name(sum)),
        Condition::Balance { sum, by, to } => format!("sum of {} = {to} per ({})", name(sum), list(by)),
    };
    RuleEvidence { name: rule.name.clone(), demands, on_breach: rule.on_breach, outcome }
}

/// Control totals at one level, for the report.
#[must_use]
pub fn level(stage: Stage, totals: &ControlTotals) -> LevelTotals {
    LevelTotals {
        stage,
        records: totals.records,
        sums: totals.sums.0.clone(),
        fingerprint: totals.fingerprint(),
    }
}

fn amounts(evidence: &StagingEvidence, verified: &Verified) -> Vec<AmountBalance> {
    let names = evidence.amount_names.iter().enumerate();
    names
        .map(|(at, field)| AmountBalance {
            field: field.clone(),
            source: verified.ledger.accepted.sums.0[at],
            staging: verified.staging.totals.sums.0[at],
            rejected: verified.ledger.rejected_sums.0[at],
            to_promote: verified.to_promote.sums.0[at],
            final_: None,
        })
        .collect()
}

/// Adds what was found in final to the summary.
pub fn add_final(summary: &mut Summary, totals: &ControlTotals) {
    summary.levels.retain(|level| level.stage != Stage::Final);
    summary.levels.push(level(Stage::Final, totals));
    for (at, amount) in summary.amounts.iter_mut().enumerate() {
        amount.final_ = totals.sums.0.get(at).copied();
    }
}

/// The names of the checks that failed, for the log and the run's note.
#[must_use]
pub fn failed_names(checks: &[CheckResult]) -> Vec<&str> {
    let failed = checks.iter().filter(|check| check.verdict == domain::check::Verdict::Fail);
    failed.map(|check| check.name.as_str()).collect()
}
