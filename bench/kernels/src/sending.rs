//! What is sent of a chunk: the batch as a message, and its rows for the database.

use std::hint::black_box;
use std::sync::Arc;

use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RecordNo, StoreId, WorkerId};
use job::chunk::ChunkCut;
use wire::seal::{open, seal};
use wire::{Batch, BodyCompression, Sealing};

use crate::data::Source;
use crate::rows::{self, Rows};
use crate::{StoreError, Work};

const STORE: StoreId = StoreId::from_bytes([9; 16]);

/// What a processor makes of the source, as one chunk.
fn batch(source: &Source) -> Result<Batch, String> {
    let decoded = source.decoded()?;
    let cut = ChunkCut {
        chunk_no: ChunkNo(0),
        offset: 0,
        bytes: source.bytes.len() as u64,
        first_record_no: RecordNo(1),
        records: decoded.records(),
        parents: Vec::new(),
        ends_source: true,
        sha256: Hash::of(&source.bytes),
        decoded: None,
    };
    Ok(Batch::of([1; 16], &cut, decoded, WorkerId(1)))
}

/// The rows of a batch as the data of one COPY.
pub(crate) fn encode(source: &Source) -> Result<Work, String> {
    let layout = Arc::clone(&source.job.records.first().ok_or("no record type")?.layout);
    let batch = batch(source)?;
    Ok(Box::new(move || {
        let rows = black_box(&batch).rows.first().map(Vec::as_slice).unwrap_or_default();
        let of = Rows { batch: &batch, rows, accepted: batch.accepted };
        let encoded = rows::encode(&layout, of, WorkerId(2)).map_err(|error| match error {
            StoreError::Damaged { what: why }
            | StoreError::Unstorable { what: why }
            | StoreError::Database { reason: why } => why,
        })?;
        black_box(encoded);
        Ok(batch.accepted)
    }))
}

/// A batch as it travels, encoded by a processor and decoded by a writer. Without its seal, in which the rest would
/// vanish: `cargo bench -p wire --bench seal` is for that.
pub(crate) fn codec(source: &Source, compression: BodyCompression) -> Result<Work, String> {
    let batch = batch(source)?;
    Ok(Box::new(move || {
        let bytes = seal(black_box(&batch), STORE, 1, &Sealing::Off, compression)
            .map_err(|error| error.to_string())?;
        let opened = open::<Batch>(&bytes, STORE, &Sealing::Off).map_err(|error| error.to_string())?;
        Ok(opened.message.records_in)
    }))
}
