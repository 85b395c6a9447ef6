//! Decoding beside the processors: of a sample of the chunks, or of all, the coordinator decodes the source's bytes
//! itself as it cuts them. What processors say a chunk holds is then not only their word.

use std::sync::Arc;

use domain::fingerprint::Hash;
use domain::ids::WorkerId;
use domain::reconcile::VerifySource;
use job::Job;
use job::chunk::ChunkDecoder;
use job::decoders::Decoders;
use wire::Batch;

use crate::split::splitter::{CutChunk, SplitError};

/// Decodes some of the chunks of a source.
pub(crate) struct Beside {
    verify: VerifySource,
    /// Decides which chunks are drawn; random, and known to no other process.
    secret: [u8; 16],
    decoder: ChunkDecoder,
}

impl Beside {
    /// What decodes the chunks of `job` that `verify` asks for.
    ///
    /// # Errors
    /// [`SplitError`] when the job's formats cannot be used, or no chance could be had.
    pub(crate) fn new(job: &Arc<Job>, verify: VerifySource, decoders: &Decoders) -> Result<Self, SplitError> {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).map_err(SplitError::Sample)?;
        Ok(Self { verify, secret, decoder: decoders.of_chunks(job).map_err(SplitError::Job)? })
    }

    /// Whether this chunk is decoded here.
    fn draws(&self, chunk_no: u64) -> bool {
        if self.verify == VerifySource::Full || chunk_no == 0 {
            return true;
        }
        let drawn = Hash::of(&[self.secret.as_slice(), &chunk_no.to_be_bytes()].concat()).0;
        u64::from(u16::from_be_bytes([drawn[0], drawn[1]])).is_multiple_of(VerifySource::ONE_IN)
    }

    /// What the chunk decodes to, if it is drawn. A chunk that cannot be decoded has nothing to compare: its processor
    /// fails on it as well, and the run says so.
    pub(crate) fn content(&mut self, chunk: &CutChunk) -> Option<Hash> {
        if !self.draws(chunk.cut.chunk_no.0) {
            return None;
        }
        let decoded = self.decoder.decode(chunk.cut.start(), &chunk.bytes).ok()?;
        // Whose run and whose work it is, is no part of the content.
        Some(Batch::of([0; 16], &chunk.cut, decoded, WorkerId(0)).content())
    }
}
