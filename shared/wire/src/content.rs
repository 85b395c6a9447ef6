//! The digest of everything that a chunk decodes to.

use domain::fingerprint::Hash;
use domain::ids::WorkerId;
use job::chunk::ChunkCut;
use job::chunk::{DecodedChunk, RejectedRecord};
use sha2::{Digest, Sha256};

use super::{Batch, Breach, ChunkCounts, Reject, RejectReason, RunBytes, WireAmount, wire_sums};

impl Batch {
    /// What `processor` sends for the chunk `cut` that decoded to `decoded`.
    #[must_use]
    pub fn of(run_id: RunBytes, cut: &ChunkCut, decoded: DecodedChunk, processor: WorkerId) -> Self {
        Self {
            run_id,
            chunk_no: cut.chunk_no.0,
            sha256: cut.sha256.0,
            first_record_no: cut.first_record_no.0,
            processor: processor.0,
            bytes_in: cut.bytes,
            records_in: decoded.records(),
            accepted: decoded.accepted.records,
            by_type: decoded.accepted.by_type,
            sums: wire_sums(&decoded.accepted.sums),
            rejected_sums: wire_sums(&decoded.rejected_sums),
            tree: decoded.accepted.tree.to_bytes(),
            rows: decoded.rows,
            rejects: decoded.rejects.into_iter().map(reject).collect(),
            rules: decoded.rules.into_iter().map(Into::into).collect(),
            footing: decoded.footing,
            // A job has far fewer than 2^32 rules.
            breaches: decoded
                .breaches
                .iter()
                .map(|breach| Breach {
                    record_no: breach.record_no.0,
                    rule: u32::try_from(breach.rule).unwrap_or(u32::MAX),
                })
                .collect(),
            shares: (&decoded.bytes).into(),
        }
    }

    /// What a processor counted for the chunk, the time it spent left out.
    #[must_use]
    pub fn counts(&self) -> ChunkCounts {
        ChunkCounts {
            records: self.records_in,
            accepted: self.accepted,
            rejected: self.rejects.len() as u64,
            bytes: self.bytes_in,
            busy_us: 0,
        }
    }

    /// SHA-256 over everything in the batch that the chunk's bytes and the job determine: counts, sums, tree, rows by
    /// way of the tree, where the bytes went, rejects with their reasons, footing, rules and breaches. Not over its
    /// worker. Two processes that decode the same chunk rightly get the same.
    #[must_use]
    pub fn content(&self) -> Hash {
        let mut hasher = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        let number = |value: u64| value.to_be_bytes();
        part(b"crossfoot chunk content 2");
        part(&self.sha256);
        for count in [self.chunk_no, self.first_record_no, self.bytes_in, self.records_in, self.accepted] {
            part(&number(count));
        }
        for of_type in &self.by_type {
            part(&number(*of_type));
        }
        for sums in [&self.sums, &self.rejected_sums] {
            part(&number(sums.len() as u64));
            for WireAmount(mantissa, scale) in sums {
                part(&mantissa.to_be_bytes());
                part(&[*scale]);
            }
        }
        for count in self.shares.numbers() {
            part(&number(count));
        }
        // The tree's leaves are the records in canonical form and the rejects' bytes.
        part(&self.tree);
        part(&self.footing);
        for rule in &self.rules {
            part(&number(rule.examined));
            part(&number(rule.breached));
        }
        for breach in &self.breaches {
            part(&number(breach.record_no));
            part(&breach.rule.to_be_bytes());
        }
        for reject in &self.rejects {
            part(&number(reject.record_no));
            part(&number(reject.offset));
            part(&number(reject.reasons.len() as u64));
            for reason in &reject.reasons {
                part(reason.field.as_deref().unwrap_or_default().as_bytes());
                part(reason.code.as_bytes());
                part(reason.detail.as_bytes());
            }
        }
        Hash(hasher.finalize().into())
    }
}

fn reject(record: RejectedRecord) -> Reject {
    let reasons = record.reasons.into_iter().map(|reason| RejectReason {
        field: reason.field,
        code: reason.code.name().to_owned(),
        detail: reason.detail,
    });
    Reject {
        record_no: record.record_no.0,
        offset: record.offset,
        raw: record.raw,
        reasons: reasons.collect(),
    }
}
