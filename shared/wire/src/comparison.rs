//! The messages of a comparison through a fleet: what a worker is to read, and what it read.

use bincode::{Decode, Encode};

use crate::codec::{Implausible, Message, counts};
use crate::{Batch, RunBytes, Travels};

/// Comparing process to worker: a chunk of the source to decode, or a part of a table to read.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CompareTask {
    /// The comparison.
    pub comparison: RunBytes,
    /// The task's number in the comparison, from 0.
    pub task_no: u64,
    /// The job file's text.
    pub job: String,
    /// Which tables the records are compared with.
    pub tables: ComparedTables,
    /// SHA-256 of how records are compared. A worker that comes to another one does not work on the task.
    pub plans: [u8; 32],
    /// What to read.
    pub work: CompareWork,
}

/// Which tables the records of a job are compared with.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ComparedTables {
    /// Those that the job names.
    OfJob,
    /// Those of a job whose source is a database: its rows have no order.
    OfRows,
    /// The job's final tables; for each, whether its rows say which later run they are of.
    Finals(Vec<bool>),
}

/// What a worker reads for a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum CompareWork {
    /// A chunk of the source.
    Decode(SourceChunk),
    /// A part of a table.
    Read(TablePart),
}

/// A chunk of a source that is compared.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SourceChunk {
    /// The chunk's number in its source, from 0.
    pub chunk_no: u64,
    /// The chunk's offset in the source's content, in bytes.
    pub offset: u64,
    /// The number of its first record, from 1.
    pub first_record_no: u64,
    /// How many records it has.
    pub records: u64,
    /// For each record type: the number of the latest record of it before the chunk.
    pub parents: Vec<u64>,
    /// Whether the source ends with it.
    pub ends_source: bool,
    /// The records, framing included.
    pub bytes: Vec<u8>,
}

/// A part of a table that is compared.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TablePart {
    /// The table's place among those that are compared.
    pub table: u32,
    /// Whether the table is of the source, and not of the target.
    pub is_source: bool,
    /// The statement that gives the part's rows.
    pub statement: String,
    /// The columns' types, as the database calls them.
    pub types: Vec<String>,
    /// The server and database that the statement is for.
    pub server: String,
    /// The snapshot that all connections share.
    pub snapshot: String,
    /// The most rows to read in a second; `None`: no bound.
    pub rows_per_second: Option<u64>,
}

/// Worker to comparing process: what it read, piece by piece.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CompareAnswer {
    /// The comparison.
    pub comparison: RunBytes,
    /// The task's number in the comparison.
    pub task_no: u64,
    /// A number of this start of the task, which no other start has.
    pub start: u64,
    /// The worker's name and host.
    pub worker: String,
    /// What it says.
    pub said: Said,
}

/// What a worker says of a task.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Said {
    /// It works on it.
    Working,
    /// A piece of what was read.
    Piece {
        /// The number of the piece, from 0.
        no: u32,
        /// For each table: its entries, each after its length (4 bytes, big-endian).
        entries: Vec<Vec<u8>>,
    },
    /// It has sent everything.
    Done(Done),
    /// It cannot be done, for this reason; another worker would fare no better.
    Failed(String),
}

/// What a worker did for a task.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Done {
    /// How many pieces it sent.
    pub pieces: u32,
    /// How many entries they hold, table by table.
    pub entries: Vec<u64>,
    /// Time spent, in microseconds.
    pub busy_us: u64,
    /// Of a chunk: what it was decoded to, without its rows and without the bytes of its rejects.
    pub decoded: Option<Box<Batch>>,
}

impl Message for CompareTask {
    const KIND: u8 = 6;
    type Body = Self;

    fn from_body(body: Self) -> Result<Self, Implausible> {
        counts(&[("task_no", body.task_no)])?;
        if let CompareWork::Decode(chunk) = &body.work {
            counts(&[
                ("chunk_no", chunk.chunk_no),
                ("offset", chunk.offset),
                ("first_record_no", chunk.first_record_no),
                ("records", chunk.records),
            ])?;
        }
        Ok(body)
    }
}

impl Message for CompareAnswer {
    const KIND: u8 = 7;
    type Body = Self;

    fn from_body(mut body: Self) -> Result<Self, Implausible> {
        counts(&[("task_no", body.task_no)])?;
        if let Said::Done(done) = &mut body.said {
            done.entries.iter().try_for_each(|entries| counts(&[("entries", *entries)]))?;
            done.decoded =
                done.decoded.take().map(|batch| Batch::from_body(*batch).map(Box::new)).transpose()?;
        }
        Ok(body)
    }
}

impl Travels for CompareTask {
    fn run_id(&self) -> RunBytes {
        self.comparison
    }

    fn chunk_no(&self) -> u64 {
        self.task_no
    }
}

impl Travels for CompareAnswer {
    fn run_id(&self) -> RunBytes {
        self.comparison
    }

    fn chunk_no(&self) -> u64 {
        self.task_no
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    fn answer(said: Said) -> CompareAnswer {
        CompareAnswer {
            comparison: [7; 16],
            task_no: 3,
            start: u64::MAX,
            worker: "processor-1@a".into(),
            said,
        }
    }

    #[test]
    fn tasks_and_answers_travel_as_they_are() {
        let chunk = SourceChunk {
            chunk_no: 1,
            offset: 2,
            first_record_no: 3,
            records: 4,
            parents: vec![5, 0],
            ends_source: true,
            bytes: b"bytes".to_vec(),
        };
        let part = TablePart {
            table: 1,
            is_source: true,
            statement: "COPY …".into(),
            types: vec!["text".into()],
            server: "1/2".into(),
            snapshot: "3".into(),
            rows_per_second: Some(100),
        };
        for (work, tables) in [
            (CompareWork::Decode(chunk), ComparedTables::OfJob),
            (CompareWork::Read(part), ComparedTables::Finals(vec![false, true])),
        ] {
            let task = CompareTask {
                comparison: [7; 16],
                task_no: 3,
                job: "job".into(),
                tables,
                plans: [9; 32],
                work,
            };
            assert_eq!(decode::<CompareTask>(&encode(&task).unwrap()).unwrap(), task);
        }
        let done = Done { pieces: 1, entries: vec![1, 0], busy_us: 5, decoded: None };
        let piece = Said::Piece { no: 0, entries: vec![b"\0\0\0\x01x".to_vec(), Vec::new()] };
        for said in [Said::Working, piece, Said::Done(done), Said::Failed("why".into())] {
            let answer = answer(said);
            assert_eq!(decode::<CompareAnswer>(&encode(&answer).unwrap()).unwrap(), answer);
        }
    }

    #[test]
    fn counts_that_no_source_has_are_refused() {
        let done = Done { pieces: 1, entries: vec![u64::MAX], busy_us: 5, decoded: None };
        assert!(decode::<CompareAnswer>(&encode(&answer(Said::Done(done))).unwrap()).is_err());
    }
}
