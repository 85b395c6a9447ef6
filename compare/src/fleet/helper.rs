//! What a worker does for comparisons.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use broker::Queue;
use bytes::Bytes;
use coordinator::split::splitter::CutChunk;
use domain::comparison::Cell;
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RecordNo, RunId, WorkerId};
use job::Job;
use job::chunk::{ChunkCut, ChunkDecoder};
use job::records::Records;
use job::target::TargetTable;
use post::{Post, Unread};
use store::target::{Prepared, RowSink, SharedReaders, SharedSnapshot, TargetError};
use tokio::sync::mpsc;
use wire::Batch;
use wire::comparison::{CompareAnswer, CompareTask, CompareWork, Done, Said, SourceChunk, TablePart};
use worker::Comparisons;
use worker::consume::Handled;

use super::pieces::{PIECE, put};
use super::plans::{digest, job_of};
use super::{ATTEMPT, WORKING, is_of};
use crate::entries::Side;
use crate::error::CompareError;
use crate::pace::Pace;
use crate::run::wanted;
use crate::source::each_record;

/// The most jobs that are kept. When there are more, all are parsed again.
const JOBS_MAX: usize = 8;

/// Does the work of comparisons in a worker's process.
pub struct Helper {
    post: Arc<Post>,
    readers: Option<Arc<dyn SharedReaders>>,
    host: String,
    jobs: Mutex<HashMap<Hash, Arc<Job>>>,
}

/// Why a task was not done.
enum Undone {
    /// Another worker would fare no better: whoever compares is told.
    Told(String),
    /// Broker or store are to blame: it is tried again.
    Later(String),
}

impl From<CompareError> for Undone {
    fn from(error: CompareError) -> Self {
        Self::Told(platform::causes::chain(&error))
    }
}

/// A task that was begun.
struct Begun<'a> {
    post: &'a Post,
    comparison: [u8; 16],
    task_no: u64,
    start: u64,
    worker: String,
    since: Instant,
}

impl Begun<'_> {
    async fn say(&self, said: Said) -> Result<(), Undone> {
        let answer = CompareAnswer {
            comparison: self.comparison,
            task_no: self.task_no,
            start: self.start,
            worker: self.worker.clone(),
            said,
        };
        let sent = self.post.send(Queue::Compared, ATTEMPT, &answer).await;
        sent.map_err(|error| Undone::Later(error.to_string()))
    }

    async fn done(&self, pieces: u32, entries: Vec<u64>, decoded: Option<Box<Batch>>) -> Result<(), Undone> {
        let busy_us = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.say(Said::Done(Done { pieces, entries, busy_us, decoded })).await
    }

    /// Says that it is being worked on, for as long as it is.
    async fn working(&self) -> Undone {
        loop {
            if let Err(error) = self.say(Said::Working).await {
                return error;
            }
            tokio::time::sleep(WORKING).await;
        }
    }
}

/// Entries of one piece, table by table.
struct Piece {
    tables: Vec<Vec<u8>>,
    bytes: usize,
    /// How many entries all pieces so far hold.
    entries: Vec<u64>,
}

impl Piece {
    fn new(tables: usize) -> Self {
        Self { tables: vec![Vec::new(); tables], bytes: 0, entries: vec![0; tables] }
    }

    /// Adds an entry. Returns the piece, if it is full.
    fn add(&mut self, table: usize, entry: &[u8]) -> std::io::Result<Option<Vec<Vec<u8>>>> {
        put(&mut self.tables[table], entry)?;
        self.entries[table] += 1;
        self.bytes += entry.len();
        Ok((self.bytes >= PIECE).then(|| self.take()))
    }

    fn take(&mut self) -> Vec<Vec<u8>> {
        self.bytes = 0;
        let next = vec![Vec::new(); self.tables.len()];
        std::mem::replace(&mut self.tables, next)
    }

    /// What is left of it.
    fn last(&mut self) -> Option<Vec<Vec<u8>>> {
        self.tables.iter().any(|of| !of.is_empty()).then(|| self.take())
    }
}

impl Helper {
    /// Works for comparisons, whose messages come by `post`, and reads databases by `readers`, if it may.
    #[must_use]
    pub fn new(post: Arc<Post>, readers: Option<Arc<dyn SharedReaders>>, host: &str) -> Self {
        Self { post, readers, host: host.to_owned(), jobs: Mutex::default() }
    }

    /// The job of a task, if this program compares as the process does that asks.
    async fn job(&self, task: &CompareTask) -> Result<Arc<Job>, Undone> {
        let key = Hash::of(format!("{:?}\n{}", task.tables, task.job).as_bytes());
        let known = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).get(&key).map(Arc::clone);
        if let Some(known) = known {
            return Ok(known);
        }
        let job = job_of(&task.job, &task.tables).map_err(Undone::Told)?;
        if digest(&job.targets) != task.plans {
            return Err(Undone::Told(
                "this worker compares otherwise than the process that asks; run the same release everywhere"
                    .into(),
            ));
        }
        if job.is_sensitive() {
            let key = self.post.store().masking_key().await;
            job.masks.give_key(&key.map_err(|error| Undone::Later(error.to_string()))?);
        }
        let job = Arc::new(job);
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.len() >= JOBS_MAX {
            jobs.clear();
        }
        jobs.insert(key, Arc::clone(&job));
        Ok(job)
    }

    async fn work(&self, begun: &Begun<'_>, task: CompareTask) -> Result<(), Undone> {
        let job = self.job(&task).await?;
        match task.work {
            CompareWork::Decode(chunk) => decode(begun, job, chunk).await,
            CompareWork::Read(part) => self.read(begun, &job, part).await,
        }
    }

    async fn read(&self, begun: &Begun<'_>, job: &Arc<Job>, part: TablePart) -> Result<(), Undone> {
        let at = part.table as usize;
        let Some(table) = job.targets.get(at) else {
            return Err(Undone::Told("there is no such table".into()));
        };
        let Some(readers) = self.readers.clone() else {
            return Err(Undone::Told(
                "this worker's store is no PostgreSQL database, so it has none to read; name one as `target` under \
                 [reconcile] in its settings"
                    .into(),
            ));
        };
        let (sender, mut pieces) = mpsc::channel(1);
        let (table, tables) = (table.clone(), job.targets.len());
        let reading = tokio::spawn(async move {
            let side = if part.is_source { Side::Source } else { Side::Target };
            let shared = SharedSnapshot { server: part.server, snapshot: part.snapshot };
            let prepared =
                Prepared { parts: vec![part.statement], types: part.types, wanted: wanted(&table, side) };
            let mut rows = Rows {
                at,
                side,
                table,
                pace: Pace::new(part.rows_per_second),
                piece: Piece::new(tables),
                sender,
                entry: Vec::new(),
                scratch: Vec::new(),
            };
            let mut reader = readers.reader(&shared).await?;
            let read = reader.read(&prepared, 0, &mut rows).await?;
            if let Some(last) = rows.piece.last() {
                rows.send(last)?;
            }
            Ok::<_, TargetError>((read, rows.piece.entries))
        });
        let mut no = 0;
        while let Some(entries) = pieces.recv().await {
            // Ending here ends the reader, which finds no one to send to.
            begun.say(Said::Piece { no, entries }).await?;
            no += 1;
        }
        let read =
            reading.await.map_err(|error| Undone::Told(platform::telemetry::ended(&error).to_owned()))?;
        let (rows, entries) = read.map_err(|error| Undone::Told(platform::causes::chain(&error)))?;
        if entries[at] != rows {
            return Err(Undone::Told(format!("{rows} rows were read, and {} kept", entries[at])));
        }
        begun.done(no, entries, None).await
    }
}

/// Takes rows of one table.
struct Rows {
    at: usize,
    side: Side,
    table: TargetTable,
    pace: Pace,
    piece: Piece,
    sender: mpsc::Sender<Vec<Vec<u8>>>,
    entry: Vec<u8>,
    scratch: Vec<u8>,
}

impl Rows {
    fn send(&self, piece: Vec<Vec<u8>>) -> std::io::Result<()> {
        // The database waits: it sends no more than is read.
        let sent = tokio::task::block_in_place(|| self.sender.blocking_send(piece));
        sent.map_err(|_| std::io::Error::other("no one takes what is read"))
    }
}

impl RowSink for Rows {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TargetError> {
        self.pace.one_row(Side::Target);
        let plan = &self.table.plan;
        self.entry.clear();
        match self.side {
            Side::Source => plan.put_source_row(&mut self.entry, &mut self.scratch, cells),
            Side::Target => plan.put_target(&mut self.entry, &mut self.scratch, cells),
        }
        if let Some(full) = self.piece.add(self.at, &self.entry)? {
            self.send(full)?;
        }
        Ok(())
    }
}

async fn decode(begun: &Begun<'_>, job: Arc<Job>, chunk: SourceChunk) -> Result<(), Undone> {
    let comparison = begun.comparison;
    // Decoding is work for a core, not for the runtime's threads.
    let decoded = platform::inline::run(move || decoded(&job, comparison, chunk)).await;
    let (pieces, entries, batch) =
        decoded.map_err(|error| Undone::Told(platform::telemetry::ended(&error).to_owned()))??;
    let mut no = 0;
    for entries in pieces {
        begun.say(Said::Piece { no, entries }).await?;
        no += 1;
    }
    begun.done(no, entries, Some(Box::new(batch))).await
}

/// The entries of a chunk's records, and what it was decoded to.
type DecodedPieces = (Vec<Vec<Vec<u8>>>, Vec<u64>, Batch);

fn decoded(job: &Arc<Job>, comparison: [u8; 16], chunk: SourceChunk) -> Result<DecodedPieces, CompareError> {
    let cut = ChunkCut {
        chunk_no: ChunkNo(chunk.chunk_no),
        offset: chunk.offset,
        bytes: chunk.bytes.len() as u64,
        first_record_no: RecordNo(chunk.first_record_no),
        records: chunk.records,
        parents: chunk.parents,
        ends_source: chunk.ends_source,
        sha256: Hash::of(&chunk.bytes),
        decoded: None,
    };
    let chunk = CutChunk { cut, bytes: chunk.bytes, disk_position: 0 };
    let mut decoder = ChunkDecoder::new(job).map_err(CompareError::Job)?;
    let mut records = Records::new(job).map_err(CompareError::Job)?;
    let mut decoded = decoder.decode(chunk.cut.start(), &chunk.bytes)?;
    let mut piece = Piece::new(job.targets.len());
    let (mut pieces, mut entry, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
    each_record(job, &mut records, &chunk, &mut decoded, |table, record, offset| {
        entry.clear();
        job.targets[table].plan.put_source(&mut entry, &mut scratch, record, offset);
        pieces.extend(piece.add(table, &entry)?);
        Ok(())
    })?;
    pieces.extend(piece.last());
    // Their bytes are in the source.
    decoded.rejects.iter_mut().for_each(|reject| reject.raw = Vec::new());
    decoded.breaches.clear();
    let batch = Batch::of(comparison, &chunk.cut, decoded, WorkerId(0));
    Ok((pieces, piece.entries, batch))
}

#[async_trait]
impl Comparisons for Helper {
    async fn handle(&self, worker: &str, body: &Bytes) -> Handled {
        let task = match self.post.read::<CompareTask>(body).await {
            Ok(opened) => opened.message,
            Err(Unread::Refused(error)) => return Handled::Refused(error.to_string()),
            Err(Unread::Store(error)) => return Handled::unless_transient(&error),
        };
        match self.post.store().comparison().await {
            Ok(lease) if is_of(lease.as_ref(), RunId::from_bytes(task.comparison)) => {}
            // Whoever asked has ended.
            Ok(_) => return Handled::Done,
            Err(error) => return Handled::unless_transient(&error),
        }
        let begun = Begun {
            post: &self.post,
            comparison: task.comparison,
            task_no: task.task_no,
            start: RandomState::new().hash_one(std::process::id()),
            worker: format!("{worker}@{}", self.host),
            since: Instant::now(),
        };
        let undone = tokio::select! {
            biased;
            done = self.work(&begun, task) => match done {
                Ok(()) => return Handled::Done,
                Err(undone) => undone,
            },
            undone = begun.working() => undone,
        };
        let told = match undone {
            Undone::Told(reason) => begun.say(Said::Failed(reason)).await,
            later @ Undone::Later(_) => Err(later),
        };
        match told {
            Err(Undone::Later(reason) | Undone::Told(reason)) => Handled::Postponed(reason),
            Ok(()) => Handled::Done,
        }
    }
}
