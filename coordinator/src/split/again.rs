//! Reads the source again, chunk by chunk, and compares it with the bytes that were loaded.

use std::io::Read;
use std::sync::Arc;

use domain::fingerprint::Hash;
use domain::ids::ChunkNo;
use job::Job;
use job::chunk::{ChunkDecoder, DecodedChunk};
use job::records::Records;
use source::{Reader, SourceError, SourceFile};
use store::model::ChunkRow;
use thiserror::Error;

/// Why the source could not be read again.
#[derive(Debug, Error)]
pub enum SourceAgainError {
    /// It cannot be read again.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its bytes are not those that were loaded.
    #[error("chunk {chunk_no} of the source differs from what was loaded; the source was changed")]
    SourceChanged {
        /// The chunk whose bytes differ.
        chunk_no: ChunkNo,
    },
    /// A chunk could not be decoded again.
    #[error("chunk {chunk_no}: {reason}")]
    Decode {
        /// The chunk that could not be decoded.
        chunk_no: ChunkNo,
        /// Why decoding failed, in words.
        reason: String,
    },
}

/// The source read again, forward only, chunk by chunk.
pub struct SourceAgain {
    reader: Reader,
    position: u64,
    decoder: ChunkDecoder,
    records: Records,
}

/// A chunk as the source has it.
pub struct Expected {
    /// Its rows, rejects and totals.
    pub decoded: DecodedChunk,
    /// Where each record begins in the source's content.
    pub offsets: Vec<u64>,
}

impl SourceAgain {
    /// What decodes the job's chunks.
    ///
    /// # Errors
    /// [`SourceAgainError::Decode`] when the job's formats cannot be used.
    pub fn decoder(job: &Arc<Job>) -> Result<ChunkDecoder, SourceAgainError> {
        ChunkDecoder::new(job).map_err(|reason| SourceAgainError::Decode { chunk_no: ChunkNo(0), reason })
    }

    /// Opens the source again, at its beginning.
    ///
    /// # Errors
    /// [`SourceAgainError`] when it cannot be read a second time.
    pub fn open(job: &Arc<Job>, source: &SourceFile) -> Result<Self, SourceAgainError> {
        let decoder = Self::decoder(job)?;
        let records = Records::new(job);
        let records = records.map_err(|reason| SourceAgainError::Decode { chunk_no: ChunkNo(0), reason })?;
        Ok(Self { reader: source.reader()?, position: 0, decoder, records })
    }

    /// The bytes of a chunk that lies after all those asked for before.
    ///
    /// # Errors
    /// [`SourceAgainError::SourceChanged`] when they are not those that were loaded.
    pub fn bytes(&mut self, row: &ChunkRow) -> Result<Vec<u8>, SourceAgainError> {
        let cut = &row.cut;
        let changed = || SourceAgainError::SourceChanged { chunk_no: cut.chunk_no };
        let skip = cut.offset.checked_sub(self.position).ok_or_else(changed)?;
        let skipped = std::io::copy(&mut Read::by_ref(&mut self.reader).take(skip), &mut std::io::sink());
        self.position += skipped.map_err(|error| self.reader.explain(error))?;
        let mut bytes = Vec::new();
        let read = Read::by_ref(&mut self.reader).take(cut.bytes).read_to_end(&mut bytes);
        self.position += read.map_err(|error| self.reader.explain(error))? as u64;
        if Hash::of(&bytes) != cut.sha256 {
            return Err(changed());
        }
        Ok(bytes)
    }

    /// Reads and decodes a chunk that lies after all those asked for before.
    ///
    /// # Errors
    /// [`SourceAgainError::SourceChanged`] when its bytes are not those that were loaded.
    pub fn chunk(&mut self, row: &ChunkRow) -> Result<Expected, SourceAgainError> {
        let bytes = self.bytes(row)?;
        let cut = &row.cut;
        let decoded = self.decoder.decode(cut.start(), &bytes).map_err(|error| SourceAgainError::Decode {
            chunk_no: cut.chunk_no,
            reason: error.to_string(),
        })?;
        let found = self.records.find(cut.first_record_no, cut.ends_source, &bytes).map_err(|error| {
            SourceAgainError::Decode { chunk_no: cut.chunk_no, reason: error.to_string() }
        })?;
        let offsets = found.iter().map(|found| cut.offset + found.at as u64).collect();
        Ok(Expected { decoded, offsets })
    }
}
