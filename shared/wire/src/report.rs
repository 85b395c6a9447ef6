//! What workers report. In the code it is one of four things; on the wire it is one row of numbers for all of them.

use bincode::enc::Encoder;
use bincode::error::EncodeError;
use bincode::{Decode, Encode};
use domain::counts::Role;
use domain::ids::WorkerId;

use crate::RunBytes;
use crate::codec::{Implausible, Message, counts};

/// Worker to coordinator: what came of a chunk, or that a range of chunks was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerReport {
    /// The run that the report is about.
    pub run_id: RunBytes,
    /// The number of the chunk; for a range, of its first chunk.
    pub chunk_no: u64,
    /// The worker that did the work, even if another one reports it.
    pub worker: WorkerId,
    /// What the worker did, or failed to do.
    pub work: Work,
}

/// What a worker did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A processor decoded the chunk.
    Processed(ChunkCounts),
    /// A writer committed the chunk's batch.
    Written {
        /// The processor of the batch.
        processor: WorkerId,
        /// The counts of the batch that was committed.
        counts: ChunkCounts,
    },
    /// The worker gave the chunk up.
    Failed {
        /// The role in which the worker gave the chunk up.
        role: Role,
        /// Why the chunk failed, in words for the log.
        reason: String,
    },
    /// The range that begins with the chunk was read back from staging.
    ReadBack {
        /// How many records were read back.
        records: u64,
        /// Time spent, in microseconds.
        busy_us: u64,
    },
}

/// What a worker counted for one chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChunkCounts {
    /// Records that were decoded or received: accepted and rejected.
    pub records: u64,
    /// Accepted (processor) or written to staging (writer).
    pub accepted: u64,
    /// Rejected (processor) or kept as rejects (writer).
    pub rejected: u64,
    /// Bytes that the worker processed: the chunk's or the batch's.
    pub bytes: u64,
    /// Time spent, in microseconds.
    pub busy_us: u64,
}

const PROCESSOR: u8 = 0;
const WRITER: u8 = 1;
const READER: u8 = 2;

/// A report as it travels.
#[derive(Debug, Encode, Decode)]
pub struct RawReport {
    run_id: RunBytes,
    chunk_no: u64,
    role: u8,
    worker: u32,
    /// The worker's own number; for a writer, the number of the processor whose batch it committed.
    processor: u32,
    records: u64,
    accepted: u64,
    rejected: u64,
    bytes: u64,
    busy_us: u64,
    /// Why the chunk failed, if it did; the counts are then 0.
    failure: Option<String>,
}

impl From<&WorkerReport> for RawReport {
    fn from(report: &WorkerReport) -> Self {
        let own = report.worker;
        let (role, processor, counts, failure) = match &report.work {
            Work::Processed(counts) => (PROCESSOR, own, *counts, None),
            Work::Written { processor, counts } => (WRITER, *processor, *counts, None),
            Work::Failed { role, reason } => {
                let role = if *role == Role::Processor { PROCESSOR } else { WRITER };
                (role, own, ChunkCounts::default(), Some(reason.clone()))
            }
            &Work::ReadBack { records, busy_us } => (
                READER,
                own,
                ChunkCounts { records, accepted: records, rejected: 0, bytes: 0, busy_us },
                None,
            ),
        };
        let ChunkCounts { records, accepted, rejected, bytes, busy_us } = counts;
        Self {
            run_id: report.run_id,
            chunk_no: report.chunk_no,
            role,
            worker: own.0,
            processor: processor.0,
            records,
            accepted,
            rejected,
            bytes,
            busy_us,
            failure,
        }
    }
}

impl Encode for WorkerReport {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        RawReport::from(self).encode(encoder)
    }
}

impl Message for WorkerReport {
    const KIND: u8 = 3;
    type Body = RawReport;

    fn from_body(body: RawReport) -> Result<Self, Implausible> {
        let RawReport { run_id, chunk_no, role, worker, processor, failure, .. } = body;
        let RawReport { records, accepted, rejected, bytes, busy_us, .. } = body;
        counts(&[
            ("chunk_no", chunk_no),
            ("records", records),
            ("accepted", accepted),
            ("rejected", rejected),
            ("bytes", bytes),
            ("busy_us", busy_us),
        ])?;
        let counts = ChunkCounts { records, accepted, rejected, bytes, busy_us };
        let work = match (role, failure) {
            (PROCESSOR, Some(reason)) => Work::Failed { role: Role::Processor, reason },
            // Nobody sends that reading back failed; were it sent, it would count as any other failure.
            (WRITER | READER, Some(reason)) => Work::Failed { role: Role::Writer, reason },
            (PROCESSOR, None) => Work::Processed(counts),
            (WRITER, None) => Work::Written { processor: WorkerId(processor), counts },
            (READER, None) => Work::ReadBack { records, busy_us },
            _ => return Err(Implausible::UnknownRole(role)),
        };
        Ok(Self { run_id, chunk_no, worker: WorkerId(worker), work })
    }
}
