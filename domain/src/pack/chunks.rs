//! A pack's chunks, walked once: whether they tile the source, and what they add up to. Memory does not grow with them.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::Contradiction;
use super::lines::{ChunkLine, CommittedLine, RejectLine, SplitFacts, TreeLine};
use crate::bytes::ByteEvidence;
use crate::counts::{Counts, Role};
use crate::fingerprint::Hash;
use crate::forest::Forest;
use crate::ids::WorkerId;
use crate::totals::Sums;

/// A digest over how many rejects each chunk has: SHA-256 over chunk number and count (8 bytes each, big-endian) of
/// every chunk that has some, in order. So two lists are compared without keeping either.
#[derive(Debug, Clone, Default)]
struct RejectsByChunk(Sha256);

impl RejectsByChunk {
    fn add(&mut self, chunk_no: u64, rejects: u64) {
        if rejects > 0 {
            self.0.update(chunk_no.to_be_bytes());
            self.0.update(rejects.to_be_bytes());
        }
    }

    fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

/// What a pack's chunks come to.
#[derive(Debug, Clone)]
pub struct ChunkTotals {
    /// How many chunks the pack has.
    pub chunks: u64,
    /// The sum of the chunks' lengths, in bytes.
    pub bytes: u64,
    /// The records of all chunks, as the splitter counted them.
    pub records: u64,
    /// Chunks that were committed.
    pub committed: u64,
    /// Bytes that were decoded.
    pub bytes_in: u64,
    /// Records that were decoded.
    pub records_in: u64,
    /// Records that were accepted, over the committed chunks.
    pub accepted: u64,
    /// Records that were rejected, over the committed chunks.
    pub rejected: u64,
    /// Where the bytes of the committed chunks went.
    pub bytes_by_class: ByteEvidence,
    /// Chunks in which records in are not accepted and rejected together.
    pub unbalanced: u64,
    /// Sums over the accepted; an error where they do not fit.
    pub sums: Result<Sums, Contradiction>,
    /// The trees of the committed chunks, joined; an error that names the first that does not follow.
    pub trees: Result<Option<Forest>, Contradiction>,
    /// The first place where chunks do not follow each other, in words.
    pub gap: Option<String>,
    /// What the ledger credits each worker with.
    pub workers: BTreeMap<(Role, WorkerId), Counts>,
    /// Digest of how many rejects each chunk has.
    pub rejects: Hash,
    /// The offset in the content at which the last chunk ends, in bytes.
    pub end: u64,
    /// The offset in the content at which the first chunk begins, in bytes.
    pub begin: u64,
}

impl ChunkTotals {
    /// The fingerprint, if every chunk of a source that was split to its end is committed and fits in.
    ///
    /// `types` is how many record types there are: a source without records has a fingerprint too.
    #[must_use]
    pub fn fingerprint(&self, split: Option<&SplitFacts>, types: usize) -> Option<Hash> {
        let split = split?;
        if self.committed != split.chunks || self.chunks != split.chunks {
            return None;
        }
        match self.trees.as_ref().ok()? {
            Some(forest) if forest.end() == split.records => forest.root(),
            None if split.records == 0 => Forest::of_types(0, types).root(),
            _ => None,
        }
    }
}

/// Takes a pack's chunks, one after the other.
#[derive(Debug)]
pub struct ChunkWalk {
    totals: ChunkTotals,
    rejects: RejectsByChunk,
    next_record: u64,
}

impl Default for ChunkWalk {
    fn default() -> Self {
        Self {
            totals: ChunkTotals {
                chunks: 0,
                bytes: 0,
                records: 0,
                committed: 0,
                bytes_in: 0,
                records_in: 0,
                accepted: 0,
                rejected: 0,
                bytes_by_class: ByteEvidence::default(),
                unbalanced: 0,
                sums: Ok(Sums(Vec::new())),
                trees: Ok(None),
                gap: None,
                workers: BTreeMap::new(),
                rejects: Hash::of(&[]),
                end: 0,
                begin: 0,
            },
            rejects: RejectsByChunk::default(),
            next_record: 1,
        }
    }
}

impl ChunkWalk {
    /// Adds the next chunk to the totals.
    pub fn take(&mut self, line: &ChunkLine) {
        let totals = &mut self.totals;
        let number = line.chunk_no.0;
        if totals.chunks == 0 {
            (totals.begin, totals.end) = (line.offset, line.offset);
        }
        let gap = if number != totals.chunks {
            Some(format!("found chunk {number} instead of chunk {}", totals.chunks))
        } else if line.offset != totals.end {
            Some(format!(
                "chunk {number} starts at byte {}, but the previous one ends at {}",
                line.offset, totals.end
            ))
        } else if line.first_record_no.0 != self.next_record {
            let (first, next) = (line.first_record_no, self.next_record);
            Some(format!("chunk {number} starts with record {first}, but record {next} is next"))
        } else {
            None
        };
        totals.gap = totals.gap.take().or(gap);
        totals.chunks += 1;
        totals.bytes = totals.bytes.saturating_add(line.bytes);
        totals.records = totals.records.saturating_add(line.records);
        totals.end = line.offset.saturating_add(line.bytes);
        self.next_record = line.first_record_no.0.saturating_add(line.records);
        let rejected = line.committed.as_ref().map_or(0, |committed| committed.rejected);
        self.rejects.add(number, rejected);
        if let Some(committed) = &line.committed {
            self.committed(line, committed);
        }
    }

    fn committed(&mut self, line: &ChunkLine, of: &CommittedLine) {
        let totals = &mut self.totals;
        totals.committed += 1;
        totals.bytes_by_class.chunk(line.chunk_no.0, line.bytes, of.bytes.as_ref());
        totals.bytes_in = totals.bytes_in.saturating_add(of.bytes_in);
        totals.records_in = totals.records_in.saturating_add(of.records_in);
        totals.accepted = totals.accepted.saturating_add(of.accepted);
        totals.rejected = totals.rejected.saturating_add(of.rejected);
        let by_type = of.by_type.iter().try_fold(0_u64, |sum, one| sum.checked_add(*one));
        let is_balanced = of.accepted.checked_add(of.rejected) == Some(of.records_in)
            && of.records_in == line.records
            && by_type == Some(of.accepted);
        totals.unbalanced += u64::from(!is_balanced);
        let number = line.chunk_no;
        if let Ok(sums) = &mut totals.sums {
            if sums.0.is_empty() {
                sums.0.clone_from(&of.sums);
            } else if sums.0.len() != of.sums.len() {
                totals.sums = Err(format!("chunk {number} has {} sums", of.sums.len()).into());
            } else if let Err(error) = sums.merge(&Sums(of.sums.clone())) {
                totals.sums = Err(format!("chunk {number}: {error}").into());
            }
        }
        let joined = match (&mut totals.trees, TreeLine::forest(&of.trees)) {
            (Err(_), _) => None,
            (Ok(_), Err(error)) => Some(format!("the tree of chunk {number}: {error}")),
            (Ok(Some(whole)), Ok(next)) => {
                whole.append(&next).err().map(|error| format!("the tree of chunk {number}: {error}"))
            }
            (Ok(none), Ok(first)) => {
                *none = Some(first);
                None
            }
        };
        if let Some(error) = joined {
            totals.trees = Err(error.into());
        }
        for (role, worker, accepted) in
            [(Role::Processor, of.processor, of.accepted), (Role::Writer, of.writer, of.accepted)]
        {
            let (records, rejected) = (of.records_in, of.rejected);
            let counts = totals.workers.entry((role, worker)).or_default();
            counts.chunks += 1;
            counts.records = counts.records.saturating_add(records);
            counts.accepted = counts.accepted.saturating_add(accepted);
            counts.rejected = counts.rejected.saturating_add(rejected);
        }
    }

    /// Ends the walk and returns the totals.
    #[must_use]
    pub fn finish(self) -> ChunkTotals {
        ChunkTotals { rejects: self.rejects.finish(), ..self.totals }
    }
}

/// What a pack's rejects come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectTotals {
    /// How many rejects the pack has.
    pub rejects: u64,
    /// The first that does not follow the one before it, in words.
    pub disorder: Option<String>,
    /// Digest of how many each chunk has.
    pub by_chunk: Hash,
}

/// The chunk of the latest reject, and how many it has so far.
#[derive(Debug, Clone, Copy)]
struct RejectedIn {
    chunk_no: u64,
    rejects: u64,
}

/// Takes a pack's rejects, one after the other.
#[derive(Debug, Default)]
pub struct RejectWalk {
    rejects: u64,
    last: u64,
    chunk: Option<RejectedIn>,
    disorder: Option<String>,
    by_chunk: RejectsByChunk,
}

impl RejectWalk {
    /// Adds the next reject to the totals.
    pub fn take(&mut self, line: &RejectLine) {
        let (record, chunk) = (line.record_no.0, line.chunk_no.0);
        if record <= self.last || self.chunk.is_some_and(|last| chunk < last.chunk_no) {
            let _ = self
                .disorder
                .get_or_insert_with(|| format!("record {record} of chunk {chunk} is out of order"));
        }
        if line.raw.as_ref().is_some_and(|raw| raw.len() as u64 != line.raw_bytes.saturating_mul(2)) {
            let _ = self
                .disorder
                .get_or_insert_with(|| format!("record {record} does not have the length that it declares"));
        }
        if line.reasons.is_empty() {
            let _ =
                self.disorder.get_or_insert_with(|| format!("record {record} was rejected without a reason"));
        }
        self.last = record;
        self.rejects += 1;
        match &mut self.chunk {
            Some(open) if open.chunk_no == chunk => open.rejects += 1,
            open => {
                if let Some(done) = open.replace(RejectedIn { chunk_no: chunk, rejects: 1 }) {
                    self.by_chunk.add(done.chunk_no, done.rejects);
                }
            }
        }
    }

    /// Ends the walk and returns the totals.
    #[must_use]
    pub fn finish(mut self) -> RejectTotals {
        if let Some(last) = self.chunk {
            self.by_chunk.add(last.chunk_no, last.rejects);
        }
        RejectTotals { rejects: self.rejects, disorder: self.disorder, by_chunk: self.by_chunk.finish() }
    }
}
