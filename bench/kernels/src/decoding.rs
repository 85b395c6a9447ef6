//! What a coordinator and a processor do with a record: split, decode, proof, digest.

use std::hint::black_box;
use std::sync::Arc;

use domain::ids::RecordNo;
use domain::record;
use domain::totals::ControlTotals;
use format::{DecodeProof, Decoder, Framer, frames};

use crate::Work;
use crate::data::Source;

/// The size in bytes at which a chunk is cut: small, so that some are.
const CHUNK_BYTES: usize = 64 << 10;

/// The splitter's work but for hashing, in which it would vanish: chunks of whole records found.
pub(crate) fn split(source: &Source) -> Result<Work, String> {
    let (framer, bytes) = (Framer::new(&source.job.format), source.bytes.clone());
    Ok(Box::new(move || {
        let (mut at, mut records) = (0, 0);
        while at < bytes.len() {
            let taken = framer.take(black_box(&bytes[at..]), true, u64::MAX, CHUNK_BYTES);
            let taken = taken.map_err(|at| at.error.to_string())?;
            at += black_box(taken.bytes);
            records += taken.records;
        }
        Ok(records)
    }))
}

/// Framed, decoded, and written in canonical form.
pub(crate) fn decode(source: &Source) -> Result<Work, String> {
    let record = source.job.records.first().ok_or("no record type")?;
    let mut decoder = Decoder::new(&record.format, Arc::clone(&record.own))?;
    let (framer, bytes, mut out) = (Framer::new(&source.job.format), source.bytes.clone(), Vec::new());
    Ok(Box::new(move || {
        out.clear();
        let mut records = 0;
        for frame in frames(&framer, black_box(&bytes)) {
            let (_, content) = frame.map_err(|at| at.error.to_string())?;
            let decoded = decoder.decode(content);
            if let Some(reason) = decoded.reasons().first() {
                return Err(reason.detail.clone());
            }
            records += 1;
            record::begin(&mut out, RecordNo(records));
            match decoded.canonical() {
                Some(fields) => out.extend_from_slice(fields),
                None => decoded.values().iter().for_each(|value| record::put(&mut out, value)),
            }
        }
        black_box(&out);
        Ok(records)
    }))
}

/// The proof alone: canonical rows, each encoded again and compared with the content of its record.
pub(crate) fn prove(source: &Source) -> Result<Work, String> {
    let record = source.job.records.first().ok_or("no record type")?;
    let fields = record.own.fields.len();
    let mut proof = DecodeProof::new(&record.format, &record.own)?;
    let rows = source.decoded()?.rows.swap_remove(0);
    let (framer, bytes) = (Framer::new(&source.job.format), source.bytes.clone());
    let mut contents = Vec::new();
    for frame in frames(&framer, &bytes) {
        contents.push(frame.map_err(|at| at.error.to_string())?.1.to_vec());
    }
    Ok(Box::new(move || {
        let mut records = 0;
        for (content, row) in contents.iter().zip(record::records(black_box(&rows), fields)) {
            let row = row.map_err(|error| error.to_string())?;
            proof.prove(content, record::fields_of(row.bytes())).map_err(|differs| differs.detail)?;
            records += 1;
        }
        black_box(proof.take());
        Ok(records)
    }))
}

/// Count, sums and tree of canonical rows, as a processor and whoever reads them back make them.
pub(crate) fn digest(source: &Source) -> Result<Work, String> {
    let layout = Arc::clone(&source.job.records.first().ok_or("no record type")?.layout);
    let decoded = source.decoded()?;
    let (expected, rows) = (decoded.accepted, decoded.rows.into_iter().next().unwrap_or_default());
    Ok(Box::new(move || {
        let mut totals = ControlTotals::starting_at(RecordNo(1).leaf(), &layout);
        for row in record::records(black_box(&rows), layout.fields.len()) {
            let row = row.map_err(|error| error.to_string())?;
            totals.accept(&layout, &row).map_err(|error| error.to_string())?;
        }
        if totals == expected { Ok(totals.records) } else { Err("other totals than the decoder's".into()) }
    }))
}
