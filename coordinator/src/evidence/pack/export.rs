//! Writing a pack: the run's evidence out of the store, part by part, in memory that does not grow with the run.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use domain::checkpoint::Head;
use domain::counts::WorkerShare;
use domain::event::Event;
use domain::event_kind::EventKind;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use domain::pack::chunks::{ChunkTotals, ChunkWalk};
use domain::pack::lines::{
    ChunkLine, CommittedLine, Link, LogLine, RejectLine, RunFacts, SplitFacts, TreeLine, Versions,
    WorkerVersion,
};
use domain::pack::{Manifest, Part, manifest, parts_digest};
use domain::report::Report;
use domain::retention::{self, Parts};
use job::Job;
use serde_json::json;
use store::model::{ChunkRow, Run};
use store::walk::LedgerWalk;
use store::{Store, StoreError, stored_job};

use super::error::PackError;
use super::json;
use super::keys::Signer;
use super::masked::masked_raw;
use super::write::Writer;
use crate::context::coordinator::Coordinator;
use crate::report::{html, summary};

/// How many rejects or events are fetched at a time.
const PAGE: u32 = 500;

/// A pack that was written.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The manifest, as it was written into the pack.
    pub manifest: Manifest,
    /// The length of the pack's file, in bytes.
    pub bytes: u64,
}

impl Coordinator {
    /// Writes the pack of a run to `path`, which must not be there, and notes that in the log.
    ///
    /// # Errors
    /// [`PackError`]; the file is not there then.
    pub async fn export(
        &self,
        run_id: RunId,
        path: &Path,
        signer: Option<&Signer>,
    ) -> Result<Exported, PackError> {
        let file = |error: std::io::Error| PackError::File { path: path.into(), error };
        if path.exists() {
            return Err(PackError::Exists { path: path.into() });
        }
        let run = self.store.run(run_id).await?;
        if matches!(run.state, RunState::Loading | RunState::Staged) {
            return Err(PackError::NotOver { run_id, state: run.state });
        }
        if run.removed.has(retention::Part::Runs) {
            return Err(PackError::Removed { run_id });
        }
        let beside = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let named = tempfile::Builder::new()
            .prefix(".crossfoot-pack-")
            // Names, accounts, amounts: its owner hands it on to whom it is meant for.
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(beside)
            .map_err(file)?;
        let mut writer = Writer::new(named);
        let export = Export { store: &*self.store, run: &run, path, writer: &mut writer };
        let (report, chunks, facts) = export.before_the_log().await?;
        let now = self.store.run(run_id).await?;
        if (now.state, now.epoch, now.removed) != (run.state, run.epoch, run.removed) {
            return Err(PackError::WentOn { run_id });
        }
        let signed_by = signer.map(|signer| signer.public().map(|key| key.id())).transpose()?;
        let detail = json!({
            "parts_sha256": parts_digest(writer.parts()),
            "signed_by": signed_by,
            "version": env!("CARGO_PKG_VERSION"),
        });
        let exported = self.store.log(self.entry(run_id, EventKind::Exported, &detail)).await?;
        self.put_log(&run, &exported, &mut writer, path).await?;
        let manifest = Manifest {
            format: manifest::FORMAT.into(),
            format_version: manifest::FORMAT_VERSION,
            crossfoot_version: env!("CARGO_PKG_VERSION").into(),
            run_id: run_id.to_string(),
            job: run.job.clone(),
            job_digest: run.job_digest,
            outcome: report.outcome,
            fingerprint: chunks.fingerprint(facts.split.as_ref(), facts.types.len()),
            exported_at_ms: exported.entry.at_ms,
            exported_by: exported.entry.actor.clone(),
            log_head: Head { seq: exported.seq, hash: exported.hash },
            signed_by,
            parts: writer.parts().to_vec(),
        };
        let text = json::pretty(&manifest)?;
        writer.part(Part::Manifest, &text).map_err(file)?;
        if let Some(signer) = signer {
            writer.part(Part::Signature, &signer.sign(&text)).map_err(file)?;
        }
        let (named, bytes) = writer.finish().map_err(file)?;
        named.persist_noclobber(path).map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => PackError::Exists { path: path.into() },
            _ => file(error.error),
        })?;
        Ok(Exported { manifest, bytes })
    }

    /// The log from the run's first event to the export.
    async fn put_log(
        &self,
        run: &Run,
        exported: &Event,
        writer: &mut Writer,
        path: &Path,
    ) -> Result<(), PackError> {
        let file = |error| PackError::File { path: path.into(), error };
        let run_id = run.run_id.to_string();
        let damaged = |what: &str| StoreError::Damaged { what: format!("the log of run {run_id}: {what}") };
        let first = self.store.first_event(run.run_id).await?.ok_or_else(|| damaged("it has no events"))?;
        let mut part = writer.open(Part::Log).map_err(file)?;
        let mut after = first.saturating_sub(1);
        while after < exported.seq {
            let events = self.store.events(after, PAGE).await?;
            if events.is_empty() {
                return Err(damaged("its end was cut off").into());
            }
            for event in events {
                after = event.seq;
                if after > exported.seq {
                    break;
                }
                let is_own = event.entry.run_id.as_deref() == Some(&*run_id);
                let line = match is_own {
                    true => LogLine::Event(event),
                    false => {
                        LogLine::Link(Link { seq: event.seq, previous: event.previous, hash: event.hash })
                    }
                };
                part.write(&json::line(&line)?).map_err(file)?;
            }
        }
        part.close().map_err(file)
    }
}

/// An export under way.
struct Export<'a> {
    store: &'a dyn Store,
    run: &'a Run,
    path: &'a Path,
    writer: &'a mut Writer,
}

impl Export<'_> {
    fn file(&self) -> impl Fn(std::io::Error) -> PackError + use<> {
        let path = self.path.to_owned();
        move |error| PackError::File { path: path.clone(), error }
    }

    fn part(&mut self, part: Part, content: &[u8]) -> Result<(), PackError> {
        let file = self.file();
        self.writer.part(part, content).map_err(file)
    }

    /// Writes every part that precedes the log.
    async fn before_the_log(mut self) -> Result<(Report, ChunkTotals, RunFacts), PackError> {
        let job = stored_job(self.store, &self.run.job_digest).await?;
        let report = summary::report(self.store, self.run.run_id).await?;
        let facts = facts(self.run, &job)?;
        self.part(Part::Job, job.text.as_bytes())?;
        let versions = self.versions(&report).await?;
        self.part(Part::Versions, &json::pretty(&versions)?)?;
        self.part(Part::Run, &json::pretty(&facts)?)?;
        self.part(Part::Report, &json::pretty(&report)?)?;
        let page = html::html(&report).map_err(|error| PackError::Unmade(error.to_string()))?;
        self.part(Part::Page, page.as_bytes())?;
        self.part(Part::Checks, &json::compact(&report.checks)?)?;
        self.part(Part::Workers, &json::pretty(&report.workers)?)?;
        let chunks = self.chunks().await?;
        self.rejects(&job).await?;
        Ok((report, chunks, facts))
    }

    async fn versions(&self, report: &Report) -> Result<Versions, PackError> {
        let had_a_hand = |id| report.workers.iter().any(|share: &WorkerShare| share.worker_id == id);
        let workers = self.store.fleet(None).await?.into_iter().filter(|worker| had_a_hand(worker.worker_id));
        let url = self.store.url();
        Ok(Versions {
            crossfoot: env!("CARGO_PKG_VERSION").into(),
            pack_format: manifest::FORMAT_VERSION,
            report_version: report.report_version,
            store: if url.starts_with("sqlite") { "sqlite" } else { "postgres" }.into(),
            workers: workers
                .map(|worker| WorkerVersion {
                    worker_id: worker.worker_id,
                    name: worker.name,
                    role: worker.role,
                    host: worker.host,
                    version: worker.version,
                })
                .collect(),
        })
    }

    async fn chunks(&mut self) -> Result<ChunkTotals, PackError> {
        let file = self.file();
        let mut walk = ChunkWalk::default();
        let mut ledger = LedgerWalk::new(self.store, self.run.run_id);
        let mut part = self.writer.open(Part::Chunks).map_err(&file)?;
        while let Some(row) = ledger.next().await? {
            let line = chunk(row);
            walk.take(&line);
            part.write(&json::line(&line)?).map_err(&file)?;
        }
        part.close().map_err(&file)?;
        Ok(walk.finish())
    }

    async fn rejects(&mut self, job: &Job) -> Result<(), PackError> {
        let file = self.file();
        let run_id = self.run.run_id;
        let mut part = self.writer.open(Part::Rejects).map_err(&file)?;
        let mut after = 0;
        loop {
            let rows = self.store.rejects(run_id, after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            if last.record_no.0 <= after {
                let what = format!("the rejects of run {run_id} are not in chunk order");
                return Err(StoreError::Damaged { what }.into());
            }
            after = last.record_no.0;
            for row in rows {
                let line = RejectLine {
                    record_no: row.record_no,
                    chunk_no: row.chunk_no,
                    offset: row.offset,
                    worker_id: row.worker_id,
                    raw: masked_raw(job, &row.raw),
                    raw_bytes: row.raw.len() as u64,
                    reasons: row.reasons,
                };
                part.write(&json::line(&line)?).map_err(&file)?;
            }
        }
        part.close().map_err(&file)
    }
}

fn facts(run: &Run, job: &Job) -> Result<RunFacts, PackError> {
    let declared = run.declared.as_deref().map(serde_json::from_str).transpose();
    let declared =
        declared.map_err(|error| StoreError::Damaged { what: format!("declared totals: {error}") })?;
    Ok(RunFacts {
        run_id: run.run_id.to_string(),
        job: run.job.clone(),
        job_digest: run.job_digest,
        types: job.types(),
        layout_digest: job.layout_digest(),
        state: run.state,
        source: run.source.clone(),
        source_bytes: run.source_bytes,
        source_sha256: run.source_sha256,
        split: run.split.map(|split| SplitFacts {
            chunks: split.chunks,
            records: split.records,
            bytes: split.bytes,
            // What the splitter counts as header is all that is before the first chunk.
            header_bytes: split.header_bytes,
            footer_bytes: job.format.outside.footer_bytes as u64,
            bytes_on_disk: split.bytes_on_disk,
            sha256: split.sha256,
        }),
        declared,
        chunk_bytes: run.chunk_bytes,
        chunk_records: run.chunk_records,
        again: run.again,
        pause_after_staged: run.pause_after_staged,
        submitted: run.submitted,
        opened_by: run.actor.clone(),
        opened_at_ms: run.opened_at_ms,
        ended_at_ms: run.ended_at_ms,
        interrupted: run.interrupted,
        purged: run.purged,
        removed: run.removed.without(if run.purged { Parts::ROWS } else { Parts::NONE }).list(),
        note: run.note.clone(),
    })
}

fn chunk(row: ChunkRow) -> ChunkLine {
    let cut = row.cut;
    ChunkLine {
        chunk_no: cut.chunk_no,
        offset: cut.offset,
        bytes: cut.bytes,
        first_record_no: cut.first_record_no,
        records: cut.records,
        parents: cut.parents,
        sha256: cut.sha256,
        state: row.state,
        reason: row.reason,
        committed: row.committed.map(|committed| CommittedLine {
            processor: committed.processor,
            writer: committed.writer,
            bytes_in: committed.bytes_in,
            records_in: committed.records_in,
            accepted: committed.accepted,
            by_type: committed.by_type,
            rejected: committed.rejected,
            sums: committed.sums.0,
            rejected_sums: committed.rejected_sums.0,
            rules: committed.rules,
            footing: domain::hex::encode(&committed.footing),
            bytes: committed.bytes,
            trees: committed.tree.trees().iter().map(TreeLine::from).collect(),
        }),
    }
}
