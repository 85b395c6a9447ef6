//! A source that is split here, and decoded by processors.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use broker::Queue;
use coordinator::split::splitter::CutChunk;
use coordinator::split::{SplitError, split};
use domain::comparison::LoadWorker;
use domain::constraint::Reason;
use domain::ids::RecordNo;
use domain::totals::ControlTotals;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use job::chunk::{ChunkCut, DecodedChunk, RejectedRecord};
use store::reason_code;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use wire::comparison::{CompareWork, SourceChunk};
use wire::{Batch, FoundTotals, sums};

use super::{Answer, Compared, Fleet, failed};
use crate::entries::number_of;
use crate::error::CompareError;
use crate::run::{Compare, Source, by_name, millis};
use crate::sort::Sorter;
use crate::source::{CHUNK, Decoded, Groups, Part, fold, note_all, reject_groups};
use crate::work::Pieces;

/// Memory for each chunk that is with the fleet: its bytes, and what comes back of it.
const OF_A_CHUNK: usize = 4 << 20;

/// How many chunks are with the fleet at a time, whatever the memory.
const WINDOW: std::ops::RangeInclusive<usize> = 4..=256;

/// What came of the chunks that the fleet decoded.
struct Fed {
    workers: Vec<LoadWorker>,
    groups: Groups,
    sorters: Vec<Sorter>,
}

impl Compare {
    /// Has the source decoded by `fleet`. Returns what it was decoded to, and for each target what was sorted of it.
    pub(crate) fn decoded_by(
        &self,
        fleet: &Fleet,
        sorters: Vec<Sorter>,
        footings: Option<&mut Pieces>,
    ) -> Result<(Decoded, Vec<Vec<Sorter>>), CompareError> {
        let Source::File(file) = &self.source else { return Err(CompareError::Ended("the source")) };
        let of = Compared::of(self)?;
        let reader = file.reader()?;
        let (runtime, job) = (Handle::current(), &self.job);
        let (cut_sender, cuts) = mpsc::channel::<CutChunk>(2);
        let (part_sender, parts) = sync_channel(2);
        thread::scope(|scope| {
            let splitter = scope.spawn(move || {
                split(reader, job, CHUNK, move |chunk| cut_sender.blocking_send(chunk).is_ok())
            });
            let feeder = scope.spawn(move || {
                let fed = Fed { workers: Vec::new(), groups: Groups::new(), sorters };
                runtime.block_on(self.fed(fleet, &of, cuts, &part_sender, fed))
            });
            let folded = fold(job, &parts, &self.given(), footings);
            drop(parts);
            let fed = feeder.join().unwrap_or(Err(CompareError::Ended("the thread that asks the fleet")));
            let split = splitter.join().unwrap_or(Err(SplitError::Stopped));
            // Why the fleet could not comes first: the others ended because of it.
            let fed = match (fed, &split) {
                (Ok(fed), _) => fed,
                (Err(error), _) => return Err(error),
            };
            let mut decoded = folded?;
            decoded.was_split(job, split?);
            decoded.workers = fed.workers;
            decoded.rejects = reject_groups(fed.groups);
            Ok((decoded, fed.sorters.into_iter().map(|sorter| vec![sorter]).collect()))
        })
    }

    /// Hands out the chunks as they are cut, and takes in what workers answer, in whatever order.
    async fn fed(
        &self,
        fleet: &Fleet,
        of: &Compared,
        mut cuts: mpsc::Receiver<CutChunk>,
        parts: &SyncSender<Result<Part, CompareError>>,
        mut fed: Fed,
    ) -> Result<Fed, CompareError> {
        let window = (self.memory / OF_A_CHUNK).clamp(*WINDOW.start(), *WINDOW.end());
        let (mut asked, mut is_cut) = (FuturesUnordered::new(), false);
        loop {
            tokio::select! {
                chunk = cuts.recv(), if !is_cut && asked.len() < window => match chunk {
                    Some(CutChunk { cut, bytes, .. }) => asked.push(async move {
                        let work = CompareWork::Decode(on_the_wire(&cut, bytes));
                        (cut, fleet.ask(Queue::Comparisons, of, work).await)
                    }),
                    None => is_cut = true,
                },
                Some((cut, answer)) = asked.next() => {
                    let part = self.take(&mut fed, cut, answer?)?;
                    self.pace.records.fetch_add(part.cut.records, Ordering::Relaxed);
                    if parts.send(Ok(part)).is_err() {
                        // Folding has failed, and says why.
                        return Ok(fed);
                    }
                }
                else => return Ok(fed),
            }
        }
    }

    /// Takes in what a worker made of the chunk `cut`.
    fn take(&self, fed: &mut Fed, cut: ChunkCut, mut answer: Answer) -> Result<Part, CompareError> {
        let sorters = &mut fed.sorters;
        answer.each(|table, entry| match sorters.get_mut(table) {
            Some(sorter) => sorter.push(number_of(entry), entry),
            None => Err(std::io::Error::other("a worker read a table that no one asked for")),
        })?;
        let batch =
            answer.decoded.take().ok_or_else(|| failed(format!("{}: a chunk is not decoded", answer.worker)));
        let mut decoded = decoded_of(*batch?, &cut)
            .map_err(|what| failed(format!("{}: chunk {}: {what}", answer.worker, cut.chunk_no)))?;
        if decoded.rules.len() != self.job.row_rules().count() {
            return Err(failed(format!("{}: chunk {}: it has other rules", answer.worker, cut.chunk_no)));
        }
        let worker = by_name(&mut fed.workers, &format!("decoder {}", answer.worker));
        worker.parts += 1;
        worker.records += cut.records;
        worker.rejected += decoded.rejects.len() as u64;
        worker.busy_ms += millis(answer.busy);
        note_all(&mut fed.groups, &mut decoded);
        Ok(Part { cut, decoded })
    }
}

fn on_the_wire(cut: &ChunkCut, bytes: Vec<u8>) -> SourceChunk {
    SourceChunk {
        chunk_no: cut.chunk_no.0,
        offset: cut.offset,
        first_record_no: cut.first_record_no.0,
        records: cut.records,
        parents: cut.parents.clone(),
        ends_source: cut.ends_source,
        bytes,
    }
}

/// What the chunk `cut` was decoded to, as a worker says it; or what does not fit the chunk.
fn decoded_of(batch: Batch, cut: &ChunkCut) -> Result<DecodedChunk, String> {
    // It hashes the bytes that it decodes: these are the ones that were cut.
    if batch.sha256 != cut.sha256.0 || batch.chunk_no != cut.chunk_no.0 {
        return Err("other bytes were decoded than those that were split".into());
    }
    let totals = FoundTotals { by_type: batch.by_type, sums: batch.sums, tree: batch.tree };
    let accepted = ControlTotals::try_from(totals).map_err(|error| error.to_string())?;
    if accepted.records != batch.accepted {
        return Err("its counts contradict each other".into());
    }
    let rejects = batch.rejects.into_iter().map(|reject| {
        let reasons = reject.reasons.into_iter().map(|reason| {
            let code =
                reason_code(&reason.code).ok_or_else(|| format!("unknown reason `{}`", reason.code))?;
            Ok(Reason { field: reason.field, code, detail: reason.detail })
        });
        Ok(RejectedRecord {
            record_no: RecordNo(reject.record_no),
            offset: reject.offset,
            raw: Vec::new(),
            reasons: reasons.collect::<Result<_, String>>()?,
        })
    });
    Ok(DecodedChunk {
        rows: Vec::new(),
        rejects: rejects.collect::<Result<_, String>>()?,
        accepted,
        rejected_sums: sums(batch.rejected_sums).map_err(|error| error.to_string())?,
        rules: batch.rules.into_iter().map(Into::into).collect(),
        breaches: Vec::new(),
        footing: batch.footing,
        bytes: (&batch.shares).into(),
    })
}
