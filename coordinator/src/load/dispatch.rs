//! Handing chunks out: each is booked in the ledger, sealed, and published as the window has room for it.

use broker::Queue;
use domain::ids::RunId;
use domain::lifecycle::ChunkState;
use domain::travel::Travel;
use store::walk::LedgerWalk;
use store::{Store, StoreError};
use tokio::sync::mpsc;
use tokio::time::Instant;
use wire::{Chunk, ChunkBytes};

use crate::load::error::LoadError;
use crate::load::loading::Load;
use crate::load::window::{OnItsWay, Window};
use crate::split::splitter::CutChunk;

/// How many chunks at most are recorded in the ledger in one transaction.
const BOOK_MAX: usize = 32;

impl Load<'_> {
    /// Books each chunk, then hands it out, unless it is committed already.
    pub(crate) async fn dispatch(
        &self,
        mut cuts: mpsc::Receiver<CutChunk>,
        window: &Window,
    ) -> Result<(), LoadError> {
        let mut known = Known::of(self.store, self.fence.run_id).await?;
        let mut group = Vec::with_capacity(BOOK_MAX);
        let mut last_position = 0;
        while cuts.recv_many(&mut group, BOOK_MAX).await > 0 {
            let booked: Vec<_> = group.iter().map(|chunk: &CutChunk| chunk.cut.clone()).collect();
            fault::around!("chunks.record", self.store.add_chunks(self.fence, &booked).await)?;
            for chunk in group.drain(..) {
                let position = chunk.disk_position;
                let disk_bytes = position.saturating_sub(last_position);
                last_position = position;
                match known.state(chunk.cut.chunk_no.0).await? {
                    Some(ChunkState::Committed) => {
                        self.watch.send_modify(|now| {
                            now.done += chunk.cut.records;
                            now.chunks_committed += 1;
                            now.bytes_read = position;
                            now.bytes_loaded += disk_bytes;
                        });
                        self.committed(chunk.cut.chunk_no.0, length(&chunk)).await?;
                        continue;
                    }
                    // Only an operator puts it back.
                    Some(ChunkState::SetAside) => continue,
                    _ => {}
                }
                let entry = self.sealed(chunk, disk_bytes).await?;
                window.admit(&entry).await;
                // Model: `HandOut`.
                self.post.publish(Queue::Chunks, entry.body).await?;
                self.metrics.handed_out(entry.records, entry.bytes);
                self.watch.send_modify(|now| now.bytes_read = position);
            }
        }
        Ok(())
    }

    async fn sealed(&self, chunk: CutChunk, disk_bytes: u64) -> Result<OnItsWay, LoadError> {
        let (run_id, chunk_no, records) =
            (self.fence.run_id.to_bytes(), chunk.cut.chunk_no.0, chunk.cut.records);
        let length = length(&chunk);
        let bytes = match self.travel {
            Travel::Inline => ChunkBytes::Inline(chunk.bytes),
            Travel::ByReference => ChunkBytes::ByReference,
        };
        let message = Chunk { run_id, chunk_no, recount: false, bytes };
        let body = self.post.sealer(self.fence.epoch).await?.seal(&message).map_err(LoadError::Codec)?;
        Ok(OnItsWay { chunk_no, body, bytes: length, disk_bytes, records, since: Instant::now() })
    }
}

/// How many bytes of the source the chunk has, whether they are at hand or not.
fn length(chunk: &CutChunk) -> usize {
    usize::try_from(chunk.cut.bytes).unwrap_or(usize::MAX)
}

/// What the ledger knew of a run's chunks when it was acquired, walked in step with the splitter.
struct Known<'a> {
    walk: Option<LedgerWalk<'a>>,
    at: Option<(u64, ChunkState)>,
}

impl<'a> Known<'a> {
    async fn of(store: &'a dyn Store, run_id: RunId) -> Result<Self, StoreError> {
        let progress = store.progress(run_id).await?;
        let is_new = progress.committed == 0 && progress.set_aside == 0;
        Ok(Self { walk: (!is_new).then(|| LedgerWalk::new(store, run_id)), at: None })
    }

    async fn state(&mut self, chunk_no: u64) -> Result<Option<ChunkState>, StoreError> {
        let Some(walk) = &mut self.walk else { return Ok(None) };
        while self.at.is_none_or(|(at, _)| at < chunk_no) {
            match walk.next().await? {
                Some(row) => self.at = Some((row.cut.chunk_no.0, row.state)),
                None => return Ok(None),
            }
        }
        Ok(self.at.filter(|(at, _)| *at == chunk_no).map(|(_, state)| state))
    }
}
