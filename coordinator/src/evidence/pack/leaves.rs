//! The leaves of one chunk, one by one: from the source's bytes, or from staging as it is read back.

use std::collections::HashMap;

use domain::fingerprint::{LeafKind, TreeRange};
use domain::ids::{RecordNo, RunId};
use domain::layout::Layout;
use domain::pack::proof::Became;
use domain::record::{self, RecordError};
use job::Job;
use job::chunk::DecodedChunk;
use job::records::Records;
use store::Store;
use store::model::{ChunkCut, ChunkRange, EntryKind};

use super::error::PackError;
use crate::verify::pinpoint::{ByChunk, EntryBytes};

/// A chunk's leaves that have content: of each record type's tree by record number.
#[derive(Debug, Default)]
pub(super) struct Leaves(Vec<HashMap<u64, Vec<u8>>>);

fn accepted(layout: &Layout, rows: &[u8], into: &mut HashMap<u64, Vec<u8>>) -> Result<(), RecordError> {
    for row in record::records(rows, layout.fields.len()) {
        let row = row?;
        let hashed = row.hashed_bytes(&layout.hashed);
        into.insert(row.record_no.0, [&[LeafKind::Accepted as u8], &hashed[..]].concat());
    }
    Ok(())
}

fn rejected(record_no: u64, raw: &[u8]) -> Vec<u8> {
    [&[LeafKind::Rejected as u8], &record_no.to_be_bytes()[..], raw].concat()
}

impl Leaves {
    /// Those of a decoded chunk.
    pub(super) fn decoded(job: &Job, chunk: &DecodedChunk) -> Result<Self, RecordError> {
        let mut trees = vec![HashMap::new(); job.records.len()];
        for ((layout, rows), into) in job.layouts().zip(&chunk.rows).zip(&mut trees) {
            accepted(layout, rows, into)?;
        }
        if let Some(first) = trees.first_mut() {
            for reject in &chunk.rejects {
                first.insert(reject.record_no.0, rejected(reject.record_no.0, &reject.raw));
            }
        }
        Ok(Self(trees))
    }

    /// Those of a chunk as staging and the rejects have it.
    pub(super) async fn read_back(
        store: &dyn Store,
        run_id: RunId,
        job: &Job,
        chunk_no: u64,
    ) -> Result<Self, PackError> {
        let unread = |error: RecordError| PackError::Unmade(format!("staging of chunk {chunk_no}: {error}"));
        let range = ChunkRange { first: chunk_no, end: chunk_no + 1 };
        let mut trees = Vec::new();
        for layout in job.layouts() {
            let mut tree = HashMap::new();
            let blocks = store.read_staging(run_id, layout, range).await;
            for EntryBytes { entry, bytes } in ByChunk::new(blocks).up_to(chunk_no).await? {
                match entry.kind {
                    EntryKind::Row => accepted(layout, &bytes, &mut tree).map_err(unread)?,
                    EntryKind::Reject if layout.among.has_rejects() => {
                        tree.insert(entry.record_no, rejected(entry.record_no, &bytes));
                    }
                    _ => {}
                }
            }
            trees.push(tree);
        }
        Ok(Self(trees))
    }

    /// The record's leaf: its tree, its content, and what the record became.
    pub(super) fn of(&self, record_no: RecordNo) -> Option<(usize, &[u8], Became)> {
        let found =
            self.0.iter().enumerate().find_map(|(tree, leaves)| Some((tree, leaves.get(&record_no.0)?)));
        found.map(|(tree, content)| {
            let is_reject = content.first() == Some(&(LeafKind::Rejected as u8));
            (tree, &content[..], if is_reject { Became::Rejected } else { Became::Accepted })
        })
    }

    /// The chunk's leaves of one tree, each as a range of its own.
    pub(super) fn ranges(&self, tree: usize, cut: &ChunkCut) -> impl Iterator<Item = TreeRange> + use<'_> {
        let (begin, records) = (cut.first_record_no.leaf(), cut.records);
        let leaves = self.0.get(tree);
        (begin..begin.saturating_add(records)).map(move |leaf| {
            let mut range = TreeRange::starting_at(leaf);
            match leaves.and_then(|leaves| leaves.get(&RecordNo::from_leaf(leaf).0)) {
                Some(content) => range.push(&[content]),
                None => range.push_other(),
            }
            range
        })
    }

    /// Whether one tree of the chunk is `expected`.
    pub(super) fn give(&self, tree: usize, cut: &ChunkCut, expected: &TreeRange) -> bool {
        let mut whole = TreeRange::starting_at(cut.first_record_no.leaf());
        self.ranges(tree, cut).all(|leaf| whole.append(&leaf).is_ok()) && whole == *expected
    }
}

/// A record as it is in the source.
pub(super) struct RawRecord {
    /// Its bytes, without what frames them; of an element, those of the record whose element it is.
    pub(super) content: Vec<u8>,
    /// The latest records of each type before it, where records have parents or elements that are records.
    pub(super) parents: Vec<u64>,
}

/// A record, found in the bytes of its chunk.
pub(super) fn raw(job: &Job, cut: &ChunkCut, bytes: &[u8], record_no: RecordNo) -> Option<RawRecord> {
    let mut parents = cut.parents.clone();
    if job.has_rows() {
        parents.resize(job.records.len(), 0);
    }
    let mut content = &[][..];
    for found in Records::new(job).ok()?.find(cut.first_record_no, cut.ends_source, bytes).ok()? {
        if !found.is_element() {
            content = &bytes[found.start..found.end];
        }
        if found.record_no == record_no {
            return Some(RawRecord { content: content.to_vec(), parents });
        }
        if let Some(latest) = found.place.and_then(|at| parents.get_mut(at)) {
            *latest = found.record_no.0;
        }
    }
    None
}
