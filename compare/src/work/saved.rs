//! What a source was decoded to, in the form in which a journal keeps it.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};

use domain::amount::Amount;
use domain::bytes::{ByteEvidence, ByteShares};
use domain::cause::RejectGroup;
use domain::comparison::LoadWorker;
use domain::fingerprint::Hash;
use domain::footing::{Fold, FootingError, Given, Outcome};
use domain::forest::Forest;
use domain::hex;
use domain::reconcile::LedgerEvidence;
use domain::rule::RuleOutcome;
use domain::totals::{ControlTotals, Sums};
use job::Job;
use serde::{Deserialize, Serialize};
use store::model::SplitTotals;

use crate::source::{Decoded, fold_one};

/// The longest footing of one chunk that is read: longer than the chunk itself none can be by much.
const FOOTING_MAX: u32 = 256 << 20;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SavedDecoded {
    split: Split,
    ledger: Ledger,
    bytes: Bytes,
    bytes_tiled: u64,
    first_gap: Option<u64>,
    rules: Vec<RuleOutcome>,
    rejects: Vec<RejectGroup>,
    workers: Vec<LoadWorker>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Split {
    chunks: u64,
    records: u64,
    bytes: u64,
    header_bytes: u64,
    bytes_on_disk: u64,
    sha256: Hash,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ledger {
    chunks: u64,
    bytes: u64,
    chunks_unbalanced: u64,
    records: u64,
    rejected: u64,
    accepted: Totals,
    rejected_sums: Vec<Amount>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Totals {
    records: u64,
    by_type: Vec<u64>,
    sums: Vec<Amount>,
    tree: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Bytes {
    shares: ByteShares,
    chunks_off: u64,
    first_off: Option<u64>,
    chunks_uncounted: u64,
}

impl SavedDecoded {
    pub(super) fn of(decoded: &Decoded) -> Self {
        let Decoded { split, ledger, bytes, bytes_tiled, first_gap, footing: _, rules, rejects, workers } =
            decoded;
        let accepted = &ledger.accepted;
        Self {
            split: Split {
                chunks: split.chunks,
                records: split.records,
                bytes: split.bytes,
                header_bytes: split.header_bytes,
                bytes_on_disk: split.bytes_on_disk,
                sha256: split.sha256,
            },
            ledger: Ledger {
                chunks: ledger.chunks,
                bytes: ledger.bytes,
                chunks_unbalanced: ledger.chunks_unbalanced,
                records: ledger.records,
                rejected: ledger.rejected,
                accepted: Totals {
                    records: accepted.records,
                    by_type: accepted.by_type.clone(),
                    sums: accepted.sums.0.clone(),
                    tree: hex::encode(&accepted.tree.to_bytes()),
                },
                rejected_sums: ledger.rejected_sums.0.clone(),
            },
            bytes: Bytes {
                shares: bytes.shares.clone(),
                chunks_off: bytes.chunks_off,
                first_off: bytes.first_off,
                chunks_uncounted: bytes.chunks_uncounted,
            },
            bytes_tiled: *bytes_tiled,
            first_gap: *first_gap,
            rules: rules.clone(),
            rejects: rejects.clone(),
            workers: workers.clone(),
        }
    }

    /// What it was decoded to. `footings`: those of its chunks, where the job has controls.
    pub(super) fn decoded(self, job: &Job, given: Given, footings: Option<File>) -> Result<Decoded, String> {
        let Self { split, ledger, bytes, bytes_tiled, first_gap, rules, rejects, workers } = self;
        let accepted = ledger.accepted;
        let tree = hex::decode(&accepted.tree).ok_or("its journal holds no tree")?;
        let tree = Forest::from_bytes(&tree).map_err(|error| error.to_string())?;
        let footing = match (&job.footing, footings) {
            (None, None) => None,
            (Some(plan), Some(file)) => {
                let footing = folded(job, Fold::new(plan, given), file, split.chunks);
                Some(footing.map_err(|error| format!("the controls it holds cannot be read: {error}"))?)
            }
            _ => return Err("it lacks the source's controls, or has too many".into()),
        };
        Ok(Decoded {
            split: SplitTotals {
                chunks: split.chunks,
                records: split.records,
                bytes: split.bytes,
                header_bytes: split.header_bytes,
                bytes_on_disk: split.bytes_on_disk,
                sha256: split.sha256,
            },
            ledger: LedgerEvidence {
                chunks: ledger.chunks,
                bytes: ledger.bytes,
                chunks_unbalanced: ledger.chunks_unbalanced,
                records: ledger.records,
                rejected: ledger.rejected,
                accepted: ControlTotals {
                    records: accepted.records,
                    by_type: accepted.by_type,
                    sums: Sums(accepted.sums),
                    tree,
                },
                rejected_sums: Sums(ledger.rejected_sums),
            },
            bytes: ByteEvidence {
                shares: bytes.shares,
                chunks_off: bytes.chunks_off,
                first_off: bytes.first_off,
                chunks_uncounted: bytes.chunks_uncounted,
            },
            bytes_tiled,
            first_gap,
            footing,
            rules,
            rejects,
            workers,
        })
    }
}

/// Folds the footings of a file, one for each chunk, as they were folded when it was written.
fn folded(job: &Job, fold: Fold, file: File, chunks: u64) -> io::Result<Result<Outcome, FootingError>> {
    let mut reader = BufReader::new(file);
    let mut footing = Some(Ok(fold));
    let mut length = [0; 4];
    for _ in 0..chunks {
        reader.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        if length > FOOTING_MAX {
            return Err(io::Error::other("a footing is too long"));
        }
        let mut bytes = vec![0; length as usize];
        reader.read_exact(&mut bytes)?;
        fold_one(&mut footing, job, &bytes);
    }
    if !reader.fill_buf()?.is_empty() {
        return Err(io::Error::other("there are more than chunks"));
    }
    footing.map(|fold| fold.and_then(Fold::finish)).ok_or_else(|| io::Error::other("no controls"))
}
