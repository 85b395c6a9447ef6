//! Proving one record: its leaf, and the way from there to the root.

use std::sync::Arc;

use domain::event_kind::EventKind;
use domain::forest::Forest;
use domain::ids::{RecordNo, RunId};
use domain::inclusion::PathBuilder;
use domain::pack::proof::{
    FORMAT, FORMAT_VERSION, Proof, RecomputedFrom, STATEMENT_FORMAT, Statement, fingerprint, leaf,
};
use domain::report::Outcome;
use domain::retention;
use job::Job;
use serde_json::json;
use source::{Location, SourceFile};
use store::model::{ChunkRow, Run};
use store::stored_job;
use store::walk::LedgerWalk;

use super::error::PackError;
use super::json;
use super::keys::Signer;
use super::leaves::{Leaves, RawRecord, raw};
use crate::context::coordinator::Coordinator;
use crate::split::again::{SourceAgain, SourceAgainError};
use crate::verify::pinpoint::PinpointError;

/// A proof, and what it is of.
#[derive(Debug, Clone)]
pub struct Proved {
    /// The proof. Nothing of the record is in it.
    pub proof: Proof,
    /// The content of the record's leaf.
    pub canonical: Vec<u8>,
    /// The record's bytes as the source has them, without line end or length; none where the source is gone.
    pub record: Option<Vec<u8>>,
}

/// A record's chunk, taken apart.
struct Chunk {
    row: ChunkRow,
    leaves: Leaves,
    record: Option<Vec<u8>>,
    parents: Vec<u64>,
    from: RecomputedFrom,
}

impl Coordinator {
    /// Proves that a record is in the source of a run as it was loaded; `source` is where it is now, if not where the
    /// run was begun from. Where it is gone, staging is read back. That a proof was made is an event of the log.
    ///
    /// # Errors
    /// [`PackError::NotProvable`] when there is no such record, or neither source nor staging give what was loaded.
    pub async fn prove(
        &self,
        run_id: RunId,
        record_no: RecordNo,
        source: Option<Location>,
        signer: Option<&Signer>,
    ) -> Result<Proved, PackError> {
        let not = |reason: String| PackError::NotProvable { run_id, record_no, reason };
        let run = self.store.run(run_id).await?;
        let job = Arc::new(stored_job(&*self.store, &run.job_digest).await?);
        let records = match run.split {
            Some(split) if (1..=split.records).contains(&record_no.0) => split.records,
            Some(split) => return Err(not(format!("the source has records 1 to {}", split.records))),
            None => return Err(not("the source was never read completely".into())),
        };
        let row = self.chunk_of(run_id, record_no).await?.ok_or_else(|| {
            match run.removed.has(retention::Part::Runs) {
                true => not("the chunks of the run were removed by retention".into()),
                false => not("no chunk in the ledger contains it".into()),
            }
        })?;
        let chunk = self.taken_apart(&run, &job, row, record_no, source).await?;
        let (tree, canonical, became) = chunk
            .leaves
            .of(record_no)
            .ok_or_else(|| not("it is neither among the rows nor the rejects".into()))?;
        let mut path =
            PathBuilder::new(record_no.leaf(), records).ok_or_else(|| not("it has no leaf".into()))?;
        let mut whole = Forest::of_types(0, job.records.len());
        let mut ledger = LedgerWalk::new(&*self.store, run_id);
        while let Some(row) = ledger.next().await? {
            let number = row.cut.chunk_no;
            let unfit = |error| not(format!("the tree of chunk {number}: {error}"));
            let committed =
                row.committed.ok_or_else(|| not(format!("chunk {number} was never committed")))?;
            whole.append(&committed.tree).map_err(unfit)?;
            let of_tree = committed
                .tree
                .trees()
                .get(tree)
                .ok_or_else(|| not(format!("chunk {number} lacks a tree")))?;
            if number == chunk.row.cut.chunk_no {
                chunk.leaves.ranges(tree, &row.cut).try_for_each(|leaf| path.take(&leaf)).map_err(unfit)?;
            } else {
                path.take(of_tree).map_err(unfit)?;
            }
        }
        let path = path.finish().map_err(|error| not(format!("the ledger is incomplete: {error}")))?;
        let roots: Vec<_> = whole.trees().iter().filter_map(|tree| tree.root()).collect();
        let statement = Statement {
            format: STATEMENT_FORMAT.into(),
            format_version: FORMAT_VERSION,
            run_id: run_id.to_string(),
            job: run.job.clone(),
            job_digest: run.job_digest,
            layout_digest: job.layout_digest(),
            outcome: Outcome::of(run.state),
            records,
            fingerprint: fingerprint(&roots),
            stated_at_ms: self.clock.now_ms(),
            signed_by: signer.map(|signer| signer.public().map(|key| key.id())).transpose()?,
        };
        let text = String::from_utf8_lossy(&json::compact(&statement)?).into_owned();
        let detail = json!({
            "record_no": record_no,
            "fingerprint": statement.fingerprint,
            "signed_by": statement.signed_by,
        });
        self.store.log(self.entry(run_id, EventKind::Proved, &detail)).await?;
        let proof = Proof {
            format: FORMAT.into(),
            format_version: FORMAT_VERSION,
            run_id: statement.run_id,
            job_digest: run.job_digest,
            record_no,
            parents: chunk.parents.clone(),
            became,
            recomputed_from: chunk.from,
            types: job.types(),
            tree,
            tree_size: records,
            leaf_no: record_no.leaf(),
            leaf: leaf(canonical),
            path,
            fingerprint: statement.fingerprint,
            roots,
            signature: signer.map(|signer| domain::hex::encode(&signer.sign(text.as_bytes()))),
            statement: text,
        };
        Ok(Proved { proof, canonical: canonical.to_vec(), record: chunk.record })
    }

    async fn chunk_of(&self, run_id: RunId, record_no: RecordNo) -> Result<Option<ChunkRow>, PackError> {
        let mut ledger = LedgerWalk::new(&*self.store, run_id);
        while let Some(row) = ledger.next().await? {
            let first = row.cut.first_record_no.0;
            if (first..first.saturating_add(row.cut.records)).contains(&record_no.0) {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// The chunk from the source, if that still has what was loaded; else from staging.
    async fn taken_apart(
        &self,
        run: &Run,
        job: &Arc<Job>,
        row: ChunkRow,
        record_no: RecordNo,
        source: Option<Location>,
    ) -> Result<Chunk, PackError> {
        let not = |reason: String| PackError::NotProvable { run_id: run.run_id, record_no, reason };
        let is_named = source.is_some();
        let location = source.unwrap_or_else(|| Location::parse(&run.source));
        let from_source = match location.is_stream() {
            true => Err("it came from standard input".to_owned()),
            false => from_source(job, &row, record_no, location).map_err(|error| error.to_string()),
        };
        let why = match from_source {
            Ok((leaves, RawRecord { content, parents })) => {
                let chunk =
                    Chunk { row, leaves, record: Some(content), parents, from: RecomputedFrom::Source };
                return if chunk.is_what_was_loaded() {
                    Ok(chunk)
                } else {
                    Err(not("the source's bytes do not match their chunk in the ledger".into()))
                };
            }
            Err(why) if is_named => return Err(not(why)),
            Err(why) => why,
        };
        let gone = |what: &str| {
            not(format!(
                "the source is not available ({why}), and {what}; pass a copy of the source with `--source FILE`"
            ))
        };
        if run.removed.has(retention::Part::Staging) {
            return Err(gone("staging was purged"));
        }
        if job.has_parents() || job.has_rows() {
            return Err(gone("staging does not show which records precede its chunk"));
        }
        let leaves = Leaves::read_back(&*self.store, run.run_id, job, row.cut.chunk_no.0).await?;
        let chunk = Chunk { row, leaves, record: None, parents: Vec::new(), from: RecomputedFrom::Staging };
        if chunk.is_what_was_loaded() { Ok(chunk) } else { Err(gone("staging differs from what was loaded")) }
    }
}

impl Chunk {
    /// Whether its leaves give the trees that the ledger has.
    fn is_what_was_loaded(&self) -> bool {
        let committed = self.row.committed.as_ref();
        committed.is_some_and(|committed| {
            let mut trees = committed.tree.trees().iter().enumerate();
            trees.all(|(tree, expected)| self.leaves.give(tree, &self.row.cut, expected))
        })
    }
}

fn from_source(
    job: &Arc<Job>,
    row: &ChunkRow,
    record_no: RecordNo,
    location: Location,
) -> Result<(Leaves, RawRecord), PinpointError> {
    let source = SourceFile::open(location, job.compression).map_err(SourceAgainError::from)?;
    let bytes = SourceAgain::open(job, &source)?.bytes(row)?;
    let mut decoder = SourceAgain::decoder(job)?;
    let bad = |reason: String| SourceAgainError::Decode { chunk_no: row.cut.chunk_no, reason };
    let decoded = decoder.decode(row.cut.start(), &bytes).map_err(|error| bad(error.to_string()))?;
    let leaves = Leaves::decoded(job, &decoded)?;
    let record =
        raw(job, &row.cut, &bytes, record_no).ok_or_else(|| bad("cannot frame the record".into()))?;
    Ok((leaves, record))
}
