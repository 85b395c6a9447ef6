//! The source's side: split by one thread, decoded by several, folded in order.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use coordinator::split::splitter::CutChunk;
use coordinator::split::{ChunkLimits, SplitError, split};
use domain::bytes::ByteEvidence;
use domain::cause::{RejectExample, RejectGroup};
use domain::comparison::LoadWorker;
use domain::constraint::ReasonCode;
use domain::fingerprint::Hash;
use domain::footing::{Fold, Footing, FootingError, Given, Outcome};
use domain::reconcile::{LedgerEvidence, SourceEvidence};
use domain::record::{self, RawRecord};
use domain::rule::RuleOutcome;
use job::Job;
use job::chunk::{ChunkDecoder, DecodedChunk};
use job::records::Records;
use source::SourceFile;
use store::model::{ChunkCut, SplitTotals};

use crate::CompareError;
use crate::pace::Pace;
use crate::work::Pieces;

/// The length of a chunk in bytes. It does not matter to the result.
pub(crate) const CHUNK: ChunkLimits = ChunkLimits { bytes: 1 << 20, records: 0 };

/// How many kinds of reject are told apart.
const GROUPS_MAX: usize = 1000;

/// How many texts of one kind of reject are told apart.
const DETAILS_MAX: usize = 100;

/// What a source was decoded to.
pub(crate) struct Decoded {
    pub(crate) split: SplitTotals,
    pub(crate) ledger: LedgerEvidence,
    pub(crate) bytes: ByteEvidence,
    pub(crate) bytes_tiled: u64,
    pub(crate) first_gap: Option<u64>,
    pub(crate) footing: Option<Result<Outcome, FootingError>>,
    pub(crate) rules: Vec<RuleOutcome>,
    pub(crate) rejects: Vec<RejectGroup>,
    pub(crate) workers: Vec<LoadWorker>,
}

impl Decoded {
    /// Takes in what splitting came to.
    pub(crate) fn was_split(&mut self, job: &Job, split: SplitTotals) {
        self.bytes_tiled += split.header_bytes + job.format.outside.footer_bytes as u64;
        self.split = split;
    }

    /// What was seen of the source, for its checks.
    pub(crate) fn evidence(
        &self,
        job: &Job,
        sha256_before: Option<Hash>,
        changed: Option<String>,
    ) -> SourceEvidence {
        SourceEvidence {
            chunks: self.split.chunks,
            records: self.split.records,
            bytes: self.split.bytes,
            bytes_tiled: self.bytes_tiled,
            header_bytes: self.split.header_bytes + job.format.outside.footer_bytes as u64,
            first_gap: self.first_gap,
            sha256_before,
            sha256_split: self.split.sha256,
            stream_interrupted: false,
            changed,
            bytes_on_disk: self.split.bytes_on_disk,
        }
    }
}

/// Takes the records of one target.
pub(crate) trait RecordSink: Send {
    /// Takes a record that begins `offset` bytes into the source's content.
    fn record(&mut self, record: &RawRecord<'_>, offset: u64) -> io::Result<()>;
}

/// One chunk, decoded, without its rows.
pub(crate) struct Part {
    pub(crate) cut: ChunkCut,
    pub(crate) decoded: DecodedChunk,
}

/// The kinds of reject, each with the records of it.
pub(crate) type Groups = BTreeMap<(Option<String>, ReasonCode), Group>;

pub(crate) struct Group {
    records: u64,
    first: u64,
    details: BTreeMap<String, u64>,
}

/// Decodes the whole source. `feeds` makes what takes the records of each target for one decoder; for each target, those
/// of all decoders are returned. `footings` keeps those of the chunks.
pub(crate) fn decode<F: RecordSink>(
    job: &Arc<Job>,
    source: &SourceFile,
    decoders: usize,
    given: &Given,
    pace: &Pace,
    feeds: &(dyn Fn() -> Vec<F> + Sync),
    footings: Option<&mut Pieces>,
) -> Result<(Decoded, Vec<Vec<F>>), CompareError> {
    let reader = source.reader()?;
    let (cut_sender, cuts) = sync_channel(decoders * 2);
    let cuts = Mutex::new(cuts);
    let (part_sender, parts) = sync_channel(decoders * 2);
    thread::scope(|scope| {
        let splitter =
            scope.spawn(move || split(reader, job, CHUNK, move |chunk| cut_sender.send(chunk).is_ok()));
        let workers: Vec<_> = (0..decoders)
            .map(|at| {
                let (cuts, sender) = (&cuts, part_sender.clone());
                scope.spawn(move || decoder(at, job, cuts, &sender, pace, feeds()))
            })
            .collect();
        drop(part_sender);
        let folded = fold(job, &parts, given, footings);
        // Decoders end when nobody takes their parts any more, and the splitter when they do.
        drop(parts);
        let mut ended = Vec::new();
        for worker in workers {
            ended.push(worker.join().unwrap_or(Err(CompareError::Ended("a decoder")))?);
        }
        let split = splitter.join().unwrap_or(Err(SplitError::Stopped));
        let (mut decoded, mut groups) = (folded?, Groups::new());
        decoded.was_split(job, split?);
        let mut fed: Vec<_> = job.targets.iter().map(|_| Vec::new()).collect();
        for one in ended {
            decoded.workers.push(one.worker);
            merge(&mut groups, one.groups);
            fed.iter_mut().zip(one.feeds).for_each(|(all, feed)| all.push(feed));
        }
        decoded.rejects = reject_groups(groups);
        Ok((decoded, fed))
    })
}

struct EndedDecoder<F> {
    worker: LoadWorker,
    groups: Groups,
    feeds: Vec<F>,
}

fn decoder<F: RecordSink>(
    at: usize,
    job: &Arc<Job>,
    cuts: &Mutex<Receiver<CutChunk>>,
    parts: &SyncSender<Result<Part, CompareError>>,
    pace: &Pace,
    mut feeds: Vec<F>,
) -> Result<EndedDecoder<F>, CompareError> {
    let mut decoder = ChunkDecoder::new(job).map_err(CompareError::Job)?;
    let mut records = Records::new(job).map_err(CompareError::Job)?;
    let mut worker =
        LoadWorker { name: format!("decoder {}", at + 1), parts: 0, records: 0, rejected: 0, busy_ms: 0 };
    let mut groups = Groups::new();
    let mut busy = std::time::Duration::ZERO;
    loop {
        let chunk = match cuts.lock() {
            Ok(cuts) => cuts.recv(),
            Err(_) => break,
        };
        let Ok(chunk) = chunk else { break };
        let began = Instant::now();
        let done = decoder.decode(chunk.cut.start(), &chunk.bytes).map_err(CompareError::from).and_then(
            |mut decoded| {
                each_record(job, &mut records, &chunk, &mut decoded, |target, row, offset| {
                    feeds[target].record(row, offset)
                })?;
                worker.rejected += decoded.rejects.len() as u64;
                note_all(&mut groups, &mut decoded);
                Ok(decoded)
            },
        );
        worker.parts += 1;
        worker.records += chunk.cut.records;
        busy += began.elapsed();
        pace.records.fetch_add(chunk.cut.records, std::sync::atomic::Ordering::Relaxed);
        let is_over = done.is_err();
        if parts.send(done.map(|decoded| Part { cut: chunk.cut, decoded })).is_err() || is_over {
            break;
        }
    }
    worker.busy_ms = u64::try_from(busy.as_millis()).unwrap_or(u64::MAX);
    Ok(EndedDecoder { worker, groups, feeds })
}

/// Hands each accepted record of a decoded chunk that is compared to `take`: its target's place, the record, and where
/// it begins in the source's content. The rows are gone then.
pub(crate) fn each_record(
    job: &Job,
    records: &mut Records,
    chunk: &CutChunk,
    decoded: &mut DecodedChunk,
    mut take: impl FnMut(usize, &RawRecord<'_>, u64) -> io::Result<()>,
) -> Result<(), CompareError> {
    let cut = &chunk.cut;
    let found = records.find(cut.first_record_no, cut.ends_source, &chunk.bytes);
    let found = found.map_err(|error| CompareError::Job(error.to_string()))?;
    let offsets: Vec<_> = found.iter().map(|found| cut.offset + found.at as u64).collect();
    for (at, target) in job.targets.iter().enumerate() {
        let fields = target.plan.layout.fields.len();
        let rows = std::mem::take(&mut decoded.rows[target.record]);
        for row in record::records(&rows, fields) {
            let row = row.map_err(|error| CompareError::Job(error.to_string()))?;
            let nth = row.record_no.0 - cut.first_record_no.0;
            let offset = usize::try_from(nth).ok().and_then(|nth| offsets.get(nth).copied());
            take(at, &row, offset.unwrap_or(cut.offset))?;
        }
    }
    decoded.rows.clear();
    Ok(())
}

/// Notes a chunk's rejects. Their bytes are in the source; from then on only their number counts.
pub(crate) fn note_all(groups: &mut Groups, decoded: &mut DecodedChunk) {
    for reject in &mut decoded.rejects {
        note(groups, reject);
        (reject.raw, reject.reasons) = Default::default();
    }
}

/// Takes the footing of the next chunk in. What cannot be folded ends it.
pub(crate) fn fold_one(footing: &mut Option<Result<Fold, FootingError>>, job: &Job, bytes: &[u8]) {
    if let (Some(Ok(fold)), Some(plan)) = (&mut *footing, &job.footing) {
        let folded = Footing::from_bytes(plan, bytes).and_then(|of_chunk| fold.chunk(&of_chunk));
        if let Err(fault) = folded {
            *footing = Some(Err(fault));
        }
    }
}

/// Folds the chunks in their order, whatever the order in which they come.
pub(crate) fn fold(
    job: &Arc<Job>,
    parts: &Receiver<Result<Part, CompareError>>,
    given: &Given,
    mut footings: Option<&mut Pieces>,
) -> Result<Decoded, CompareError> {
    let mut out = Decoded {
        split: SplitTotals {
            chunks: 0,
            records: 0,
            bytes: 0,
            header_bytes: 0,
            bytes_on_disk: 0,
            sha256: Hash([0; 32]),
        },
        ledger: LedgerEvidence {
            chunks: 0,
            bytes: 0,
            chunks_unbalanced: 0,
            records: 0,
            rejected: 0,
            accepted: job.no_totals(0),
            rejected_sums: job.no_sums(),
        },
        bytes: ByteEvidence::none(job.records.len()),
        bytes_tiled: 0,
        first_gap: None,
        footing: None,
        rules: vec![RuleOutcome::default(); job.row_rules().count()],
        rejects: Vec::new(),
        workers: Vec::new(),
    };
    let mut footing = job.footing.as_ref().map(|plan| Ok(Fold::new(plan, given.clone())));
    let (mut waiting, mut next, mut end) = (BTreeMap::new(), 0, None);
    for part in parts {
        let part = part?;
        waiting.insert(part.cut.chunk_no.0, part);
        while let Some(Part { cut, decoded }) = waiting.remove(&next) {
            next += 1;
            if end.is_some_and(|end| end != cut.offset) {
                out.first_gap.get_or_insert(cut.offset);
            }
            end = Some(cut.offset + cut.bytes);
            out.bytes_tiled += cut.bytes;
            let ledger = &mut out.ledger;
            ledger.chunks += 1;
            ledger.bytes += cut.bytes;
            ledger.records += decoded.records();
            ledger.rejected += decoded.rejects.len() as u64;
            ledger.chunks_unbalanced += u64::from(decoded.records() != cut.records);
            ledger.accepted.merge(&decoded.accepted)?;
            ledger.rejected_sums.merge(&decoded.rejected_sums)?;
            out.bytes.chunk(cut.chunk_no.0, cut.bytes, Some(&decoded.bytes));
            for (sum, more) in out.rules.iter_mut().zip(&decoded.rules) {
                sum.examined += more.examined;
                sum.breached += more.breached;
            }
            if let Some(pieces) = &mut footings {
                pieces.write(&decoded.footing)?;
            }
            fold_one(&mut footing, job, &decoded.footing);
        }
    }
    out.footing = footing.map(|fold| fold.and_then(Fold::finish));
    Ok(out)
}

fn note(groups: &mut Groups, reject: &job::chunk::RejectedRecord) {
    let mut seen = Vec::new();
    for reason in &reject.reasons {
        let kind = (reason.field.clone(), reason.code);
        if groups.len() >= GROUPS_MAX && !groups.contains_key(&kind) {
            continue;
        }
        let group = groups.entry(kind.clone()).or_insert_with(|| Group {
            records: 0,
            first: reject.record_no.0,
            details: BTreeMap::new(),
        });
        if !seen.contains(&kind) {
            group.records += 1;
            group.first = group.first.min(reject.record_no.0);
            seen.push(kind);
        }
        if group.details.len() < DETAILS_MAX || group.details.contains_key(&reason.detail) {
            *group.details.entry(reason.detail.clone()).or_default() += 1;
        }
    }
}

fn merge(groups: &mut Groups, more: Groups) {
    for (kind, more) in more {
        match groups.entry(kind) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(more);
            }
            std::collections::btree_map::Entry::Occupied(mut group) => {
                let group = group.get_mut();
                group.records += more.records;
                group.first = group.first.min(more.first);
                for (detail, count) in more.details {
                    if group.details.len() < DETAILS_MAX || group.details.contains_key(&detail) {
                        *group.details.entry(detail).or_default() += count;
                    }
                }
            }
        }
    }
}

/// The kinds of reject, the most frequent first.
pub(crate) fn reject_groups(groups: Groups) -> Vec<RejectGroup> {
    let mut all: Vec<_> = groups
        .into_iter()
        .map(|((field, code), Group { records, first, details })| {
            let mut most: Vec<_> = details.into_iter().collect();
            most.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            let only = (most.len() == 1).then(|| most[0].0.clone());
            let is_counted = only.is_none() && code == ReasonCode::RecordType;
            let examples = most.into_iter().take(if is_counted { 3 } else { 0 });
            let examples = examples.map(|(detail, records)| RejectExample { detail, records }).collect();
            RejectGroup { field, code, records, first_record_no: first, detail: only, examples }
        })
        .collect();
    all.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.first_record_no.cmp(&b.first_record_no)));
    all.truncate(20);
    all
}
