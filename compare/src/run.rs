//! A comparison from its beginning to its report.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use coordinator::split::of_source;
use domain::comparison::{LoadReport, LoadWorker, Plan};
use domain::declared::Declared;
use domain::fingerprint::Hash;
use domain::footing::Given;
use domain::reconcile::SourceEvidence;
use domain::report::SourceSummary;
use domain::value::FieldType;
use job::Job;
use job::target::{TargetTable, WRITER};
use platform::clock::Clock;
use source::{Identity, SourceFile};
use store::target::{Prepared, Target, Wanted, WantedColumn};

use crate::differences::DifferenceFile;
use crate::entries::{RowFeed, Side};
use crate::error::CompareError;
use crate::fleet::Fleet;
use crate::pace::Pace;
use crate::second::together;
use crate::sort::Sorter;
use crate::source::{Decoded, RecordSink, decode};
use crate::work::{Pieces, Work};

/// The least memory that one sorter gets.
pub(crate) const SORTER_MIN: usize = 1 << 20;

/// How many workers of each kind there are.
#[derive(Debug, Clone, Copy)]
pub struct Workers {
    /// Threads that decode the source.
    pub decoders: usize,
    /// Connections that read the target.
    pub readers: usize,
    /// Threads that bring both sides together.
    pub comparers: usize,
}

/// Where the records come from.
pub enum Source {
    /// A file, described by the job.
    File(SourceFile),
    /// A database, whose rows are taken as they are.
    Tables(Arc<dyn Target>),
}

/// What is compared, and with what means.
pub struct Compare {
    /// The job that describes the source and the target's tables.
    pub job: Arc<Job>,
    /// The source.
    pub source: Source,
    /// The target.
    pub target: Arc<dyn Target>,
    /// What the sender declared, if not in the job.
    pub declared: Option<Declared>,
    /// How many workers there are.
    pub workers: Workers,
    /// About how many bytes of records and rows are kept in memory.
    pub memory: usize,
    /// Where temporary files are made.
    pub folder: PathBuf,
    /// Where what is finished is kept, so that the comparison can be resumed.
    pub work: Option<Arc<Work>>,
    /// The workers that decode the source and read databases in place of this process's own threads.
    pub fleet: Option<Arc<Fleet>>,
    /// Takes every difference.
    pub differences: Option<DifferenceFile>,
    /// How far it is, and how fast it may read.
    pub pace: Arc<Pace>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The numbers of the keys whose rows are taken, table by table; `None`: all are.
type Only<'a> = Option<&'a [Arc<HashSet<u64>>]>;

/// What was read of one table: what each reader sorted of it.
pub(crate) struct Read {
    pub(crate) sorters: Vec<Sorter>,
    pub(crate) rows: u64,
}

impl Compare {
    /// Compares, and reports. Needs a runtime of several threads.
    ///
    /// # Errors
    /// [`CompareError`] when it could not be finished; a difference is no error.
    pub async fn run(mut self) -> Result<LoadReport, CompareError> {
        let (began, started_at_ms) = (Instant::now(), self.clock.now_ms());
        self.job = self.job_of_source()?;
        let differences = self.differences.take();
        let this = Arc::new(self);
        let tables = this.prepared(&*this.target, Side::Target).await?;
        let mut report = match &this.source {
            Source::File(file) => this.of_file(file, tables, differences).await?,
            Source::Tables(source) => this.of_tables(source, tables, differences).await?,
        };
        if let Some(work) = &this.work {
            report.resumed = work.resumed();
            report.target.snapshot = this.moment(Side::Target, report.target.snapshot);
        }
        Ok(LoadReport { started_at_ms, elapsed_ms: millis(began.elapsed()), ..report })
    }

    /// The job for this source: a file's columns are found by name, a database's rows have no order.
    pub(crate) fn job_of_source(&self) -> Result<Arc<Job>, CompareError> {
        Ok(match &self.source {
            Source::File(file) => of_source(&self.job, file)?,
            Source::Tables(_) => Arc::new(of_rows(&self.job)),
        })
    }

    /// Compares a file with the target.
    async fn of_file(
        self: &Arc<Self>,
        file: &SourceFile,
        tables: Vec<Prepared>,
        differences: Option<DifferenceFile>,
    ) -> Result<LoadReport, CompareError> {
        let (before, sha256_before) = before(file)?;
        self.begin(Some((file, before.as_ref(), sha256_before)), None, &tables)?;
        let decoding = {
            let this = Arc::clone(self);
            tokio::task::spawn_blocking(move || this.decoded())
        };
        let read = self.read(&self.target, Side::Target, tables).await;
        let decoded = decoding.await.unwrap_or(Err(CompareError::Ended("the thread that decodes")));
        let ((decoded, sorters), (read, readers)) = (decoded?, read?);
        let changed = before.and_then(|before| file.changed_since(&before));
        let by_type = &decoded.ledger.accepted.by_type;
        let accepted = |record: usize| by_type.get(record).copied().unwrap_or(0);
        let records = self.job.targets.iter().map(|table| accepted(table.record)).collect();
        let met = tokio::task::block_in_place(|| self.met(sorters, read))?;
        fault::point!("compare.met");
        let unstable = self.unstable(&self.target, Side::Target, &met).await?;
        let joined = tokio::task::block_in_place(|| self.told(met, &unstable, differences))?;
        fault::point!("compare.told");
        let source = decoded.evidence(&self.job, sha256_before, changed);
        let mut workers = decoded.workers.clone();
        workers.extend(readers);
        let summary = summary_of(file, &source);
        Ok(self.report(Some((&decoded, &source)), summary, records, joined, workers))
    }

    /// Compares the tables of a database with the target.
    async fn of_tables(
        self: &Arc<Self>,
        source: &Arc<dyn Target>,
        tables: Vec<Prepared>,
        differences: Option<DifferenceFile>,
    ) -> Result<LoadReport, CompareError> {
        let from = self.prepared(&**source, Side::Source).await?;
        self.begin(None, Some((&**source, &from)), &tables)?;
        let (of_source, of_target) = tokio::join!(
            self.read(source, Side::Source, from),
            self.read(&self.target, Side::Target, tables)
        );
        let ((of_source, mut workers), (of_target, readers)) = (of_source?, of_target?);
        workers.iter_mut().for_each(|worker| worker.name = format!("source {}", worker.name));
        workers.extend(readers);
        let records = of_source.iter().map(|read| read.rows).collect();
        let sorters = of_source.into_iter().map(|read| read.sorters).collect();
        let met = tokio::task::block_in_place(|| self.met(sorters, of_target))?;
        let unstable = together(
            self.unstable(source, Side::Source, &met).await?,
            self.unstable(&self.target, Side::Target, &met).await?,
        );
        let joined = tokio::task::block_in_place(|| self.told(met, &unstable, differences))?;
        let summary = summary_of_tables(&**source, &|said| self.moment(Side::Source, said));
        Ok(self.report(None, summary, records, joined, workers))
    }

    pub(crate) fn plans(&self) -> impl Iterator<Item = (&TargetTable, Arc<Plan>)> {
        self.job.targets.iter().map(|table| (table, Arc::new(table.plan.clone())))
    }

    /// How much of the memory one of so many sorters gets.
    pub(crate) fn share(&self) -> usize {
        let sorters = (self.workers.decoders + self.workers.readers) * self.job.targets.len().max(1);
        (self.memory / sorters).max(SORTER_MIN)
    }

    pub(crate) async fn prepared(&self, of: &dyn Target, side: Side) -> Result<Vec<Prepared>, CompareError> {
        if self.job.targets.is_empty() {
            return Err(CompareError::Job(
                "the job has no record type whose records a target could hold".into(),
            ));
        }
        let mut all = Vec::new();
        for table in &self.job.targets {
            all.push(of.prepare(wanted(table, side)).await?);
        }
        Ok(all)
    }

    /// Decodes the source, and hands its records to feeds.
    pub(crate) fn decoded_into<F: RecordSink>(
        &self,
        feeds: &(dyn Fn() -> Vec<F> + Sync),
        footings: Option<&mut Pieces>,
    ) -> Result<(Decoded, Vec<Vec<F>>), CompareError> {
        let Source::File(file) = &self.source else { return Err(CompareError::Ended("the source")) };
        decode(&self.job, file, self.workers.decoders.max(1), &self.given(), &self.pace, feeds, footings)
    }

    /// What the sender declared.
    pub(crate) fn given(&self) -> Given {
        let mut given = Given::default();
        for declared in [self.job.declared.as_ref(), self.declared.as_ref()].into_iter().flatten() {
            given.values.extend(declared.values.clone());
        }
        given
    }

    /// Has a database read by several connections, part by part: all tables, or the one at `table`; all rows, or those
    /// whose keys have these numbers, table by table. What is sorted in a phase can be kept.
    pub(crate) async fn read_only(
        self: &Arc<Self>,
        of: &Arc<dyn Target>,
        side: Side,
        tables: &Arc<Vec<Prepared>>,
        (table, only): (Option<usize>, Only<'_>),
        phase: Option<&str>,
    ) -> Result<(Vec<Read>, Vec<LoadWorker>), CompareError> {
        if let (Some(fleet), Some(shared), None) = (&self.fleet, of.shared(), only) {
            return self.read_by(fleet, (of, &shared), side, tables, table, phase).await;
        }
        let parts: Vec<_> = tables
            .iter()
            .enumerate()
            .filter(|(at, _)| table.is_none_or(|table| table == *at))
            .flat_map(|(table, of)| (0..of.parts.len()).map(move |part| (table, part)))
            .collect();
        let readers = self.workers.readers.min(of.readers_max()).clamp(1, parts.len().max(1));
        let queue = Arc::new(Mutex::new(parts.into_iter()));
        let mut reading = tokio::task::JoinSet::new();
        for at in 0..readers {
            let (of, tables, queue) = (Arc::clone(of), Arc::clone(tables), Arc::clone(&queue));
            let feeds = self.plans().enumerate().map(|(table, (_, plan))| {
                let feed = RowFeed::new(side, &plan, self.sorter(phase), &self.pace);
                (feed.only(only.map(|only| Arc::clone(&only[table]))), 0_u64)
            });
            let mut feeds: Vec<_> = feeds.collect();
            reading.spawn(async move {
                let mut reader = of.reader().await?;
                let mut worker = LoadWorker {
                    name: format!("reader {}", at + 1),
                    parts: 0,
                    records: 0,
                    rejected: 0,
                    busy_ms: 0,
                };
                let mut busy = Duration::ZERO;
                while let Some((table, part)) = next(&queue) {
                    let began = Instant::now();
                    let (feed, rows) = &mut feeds[table];
                    let count = reader.read(&tables[table], part, feed).await?;
                    *rows += count;
                    worker.records += count;
                    worker.parts += 1;
                    busy += began.elapsed();
                }
                worker.busy_ms = millis(busy);
                let done =
                    feeds.into_iter().map(|(feed, rows)| (feed.into_sorter(), rows)).collect::<Vec<_>>();
                Ok::<_, CompareError>((at, worker, done))
            });
        }
        let mut ended = Vec::new();
        while let Some(one) = reading.join_next().await {
            ended.push(one.unwrap_or(Err(CompareError::Ended("a reader")))?);
        }
        of.unchanged().await?;
        ended.sort_by_key(|(at, ..)| *at);
        let mut all: Vec<_> = tables.iter().map(|_| Read { sorters: Vec::new(), rows: 0 }).collect();
        let mut workers = Vec::new();
        for (_, worker, feeds) in ended {
            workers.push(worker);
            for (of, (sorter, rows)) in all.iter_mut().zip(feeds) {
                of.sorters.push(sorter);
                of.rows += rows;
            }
        }
        Ok((all, workers))
    }
}

/// What is read of a table, or of the query in its place.
pub(crate) fn wanted(table: &TargetTable, side: Side) -> Wanted {
    let (relation, filter, names) = match side {
        Side::Source => (&table.from.relation, &table.from.filter, &table.from.columns),
        Side::Target => (&table.relation, &table.filter, &table.columns),
    };
    let columns =
        table.plan.fields.iter().zip(names).map(|(field, name)| WantedColumn {
            name: name.clone(),
            ty: table.plan.layout.fields[field.at].ty,
        });
    let writer = (side == Side::Target && table.plan.names_writer)
        .then(|| WantedColumn { name: WRITER.to_owned(), ty: FieldType::Integer });
    Wanted { relation: relation.clone(), filter: filter.clone(), columns: columns.chain(writer).collect() }
}

pub(crate) fn next(queue: &Mutex<impl Iterator<Item = (usize, usize)>>) -> Option<(usize, usize)> {
    queue.lock().ok()?.next()
}

/// What the worker with this name did, among all; nothing yet, if it is new.
pub(crate) fn by_name<'a>(workers: &'a mut Vec<LoadWorker>, name: &str) -> &'a mut LoadWorker {
    let at = workers.iter().position(|worker| worker.name == name).unwrap_or_else(|| {
        let none = LoadWorker { name: name.to_owned(), parts: 0, records: 0, rejected: 0, busy_ms: 0 };
        workers.push(none);
        workers.len() - 1
    });
    &mut workers[at]
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What a file is before it is read, and its SHA-256, where it can be read twice.
pub(crate) fn before(file: &SourceFile) -> Result<(Option<Identity>, Option<Hash>), CompareError> {
    let before = file.identity();
    let sha256 = match &before {
        Some(_) => Some(tokio::task::block_in_place(|| file.sha256(&|| false, &|_| {}))?),
        None => None,
    };
    Ok((before, sha256))
}

/// What a report says of a source that is a database.
pub(crate) fn summary_of_tables(source: &dyn Target, moment: &dyn Fn(String) -> String) -> SourceSummary {
    let from = source.summary();
    let location = format!("{} ({}; {})", from.location, from.kind, moment(from.snapshot));
    SourceSummary { location, bytes: 0, sha256: None, chunks: 0 }
}

/// What a report says of the source.
pub(crate) fn summary_of(file: &SourceFile, source: &SourceEvidence) -> SourceSummary {
    SourceSummary {
        location: file.location().to_string(),
        bytes: source.bytes_on_disk,
        sha256: Some(source.sha256_split),
        chunks: source.chunks,
    }
}

/// The job for a source that is a database: its rows have no order, so that none replaces another.
pub(crate) fn of_rows(job: &Job) -> Job {
    let mut job = job.clone();
    for table in &mut job.targets {
        let layout = Arc::make_mut(&mut table.plan.layout);
        layout.mode = domain::layout::Mode::Append;
    }
    job
}
