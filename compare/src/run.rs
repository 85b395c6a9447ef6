//! A comparison from its beginning to its report.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use coordinator::split::of_source;
use domain::check::Verdict;
use domain::comparison::{
    ComparedTable, Difference, EqualitySet, EqualityUse, LoadAmount, LoadBalance, LoadEvidence, LoadOutcome,
    LoadReport, LoadWorker, Pairing, Plan, TypeComparison, reconcile_load,
};
use domain::declared::Declared;
use domain::footing::Given;
use domain::reconcile::{RuleEvidence, SourceEvidence, SourceLevel};
use domain::report::{CheckCounts, SourceSummary};
use domain::round_trip::DecodeProofReport;
use domain::rule::{Condition, RuleOutcome};
use job::Job;
use job::target::TargetTable;
use platform::clock::Clock;
use source::SourceFile;
use store::target::{Prepared, Target, Wanted, WantedColumn};

use crate::differences::DifferenceFile;
use crate::entries::{RowFeed, Side, SourceFeed};
use crate::error::CompareError;
use crate::join::{join, key_names};
use crate::pace::Pace;
use crate::sort::{SLICES, Sorted, Sorter};
use crate::source::{Decoded, decode};

/// The version of the shape of [`LoadReport`].
const REPORT_VERSION: u32 = 1;

/// How many differences a report shows.
const SHOWN: usize = 20;

/// The least memory that one sorter gets.
const SORTER_MIN: usize = 1 << 20;

/// The most that is read of a run at a time, and the least.
const READ_MAX: usize = 256 << 10;
const READ_MIN: usize = 4 << 10;

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
    /// Takes every difference.
    pub differences: Option<DifferenceFile>,
    /// How far it is, and how fast it may read.
    pub pace: Arc<Pace>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What was read of one table.
struct Read {
    sorters: Vec<Sorter>,
    rows: u64,
}

impl Compare {
    /// Compares, and reports. Needs a runtime of several threads.
    ///
    /// # Errors
    /// [`CompareError`] when it could not be finished; a difference is no error.
    pub async fn run(mut self) -> Result<LoadReport, CompareError> {
        let (began, started_at_ms) = (Instant::now(), self.clock.now_ms());
        match &self.source {
            Source::File(file) => self.job = of_source(&self.job, file)?,
            Source::Tables(_) => self.job = Arc::new(of_rows(&self.job)),
        }
        let differences = self.differences.take();
        let this = Arc::new(self);
        let tables = this.prepared(&*this.target, Side::Target).await?;
        let report = match &this.source {
            Source::File(file) => this.of_file(file, tables, differences).await?,
            Source::Tables(source) => this.of_tables(source, tables, differences).await?,
        };
        Ok(LoadReport { started_at_ms, elapsed_ms: millis(began.elapsed()), ..report })
    }

    /// Compares a file with the target.
    async fn of_file(
        self: &Arc<Self>,
        file: &SourceFile,
        tables: Vec<Prepared>,
        differences: Option<DifferenceFile>,
    ) -> Result<LoadReport, CompareError> {
        let before = file.identity();
        let sha256_before = match &before {
            Some(_) => Some(tokio::task::block_in_place(|| file.sha256(&|| false, &|_| {}))?),
            None => None,
        };
        let decoding = {
            let this = Arc::clone(self);
            tokio::task::spawn_blocking(move || this.decoded())
        };
        let read = self.read(&self.target, Side::Target, tables).await;
        let decoded = decoding.await.unwrap_or(Err(CompareError::Ended("the thread that decodes")));
        let (mut decoded, (read, readers)) = (decoded?, read?);
        let changed = before.and_then(|before| file.changed_since(&before));
        let by_type = &decoded.ledger.accepted.by_type;
        let accepted = |record: usize| by_type.get(record).copied().unwrap_or(0);
        let records = self.job.targets.iter().map(|table| accepted(table.record)).collect();
        let sorters = std::mem::take(&mut decoded.sorters);
        let joined = tokio::task::block_in_place(|| self.joined(sorters, read, differences))?;
        let source = SourceEvidence {
            chunks: decoded.split.chunks,
            records: decoded.split.records,
            bytes: decoded.split.bytes,
            bytes_tiled: decoded.bytes_tiled,
            header_bytes: decoded.split.header_bytes + self.job.format.outside.footer_bytes as u64,
            first_gap: decoded.first_gap,
            sha256_before,
            sha256_split: decoded.split.sha256,
            stream_interrupted: false,
            changed,
            bytes_on_disk: decoded.split.bytes_on_disk,
        };
        let mut workers = decoded.workers.clone();
        workers.extend(readers);
        let summary = SourceSummary {
            location: file.location().to_string(),
            bytes: source.bytes_on_disk,
            sha256: Some(source.sha256_split),
            chunks: source.chunks,
        };
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
        let (of_source, of_target) = tokio::join!(
            self.read(source, Side::Source, from),
            self.read(&self.target, Side::Target, tables)
        );
        let ((of_source, mut workers), (of_target, readers)) = (of_source?, of_target?);
        workers.iter_mut().for_each(|worker| worker.name = format!("source {}", worker.name));
        workers.extend(readers);
        let records = of_source.iter().map(|read| read.rows).collect();
        let sorters = of_source.into_iter().map(|read| read.sorters).collect();
        let joined = tokio::task::block_in_place(|| self.joined(sorters, of_target, differences))?;
        let from = source.summary();
        let location = format!("{} ({}; {})", from.location, from.kind, from.snapshot);
        let summary = SourceSummary { location, bytes: 0, sha256: None, chunks: 0 };
        Ok(self.report(None, summary, records, joined, workers))
    }

    fn plans(&self) -> impl Iterator<Item = (&TargetTable, Arc<Plan>)> {
        self.job.targets.iter().map(|table| (table, Arc::new(table.plan.clone())))
    }

    /// How much of the memory one of so many sorters gets.
    fn share(&self) -> usize {
        let sorters = (self.workers.decoders + self.workers.readers) * self.job.targets.len().max(1);
        (self.memory / sorters).max(SORTER_MIN)
    }

    async fn prepared(&self, of: &dyn Target, side: Side) -> Result<Vec<Prepared>, CompareError> {
        if self.job.targets.is_empty() {
            return Err(CompareError::Job(
                "the job has no record type whose records a target could hold".into(),
            ));
        }
        let mut all = Vec::new();
        for table in &self.job.targets {
            let (relation, filter, names) = match side {
                Side::Source => (&table.from.relation, &table.from.filter, &table.from.columns),
                Side::Target => (&table.relation, &table.filter, &table.columns),
            };
            let columns = table.plan.fields.iter().zip(names).map(|(field, name)| WantedColumn {
                name: name.clone(),
                ty: table.plan.layout.fields[field.at].ty,
            });
            let wanted =
                Wanted { relation: relation.clone(), filter: filter.clone(), columns: columns.collect() };
            all.push(of.prepare(wanted).await?);
        }
        Ok(all)
    }

    fn decoded(&self) -> Result<Decoded, CompareError> {
        let plans: Vec<_> = self.plans().map(|(_, plan)| plan).collect();
        let feeds = || plans.iter().map(|plan| SourceFeed::new(plan, &self.folder, self.share())).collect();
        let mut given = Given::default();
        for declared in [self.job.declared.as_ref(), self.declared.as_ref()].into_iter().flatten() {
            given.values.extend(declared.values.clone());
        }
        let Source::File(file) = &self.source else { return Err(CompareError::Ended("the source")) };
        decode(&self.job, file, self.workers.decoders.max(1), &given, &self.pace, &feeds)
    }

    /// Has a database read by several connections, part by part.
    async fn read(
        self: &Arc<Self>,
        of: &Arc<dyn Target>,
        side: Side,
        tables: Vec<Prepared>,
    ) -> Result<(Vec<Read>, Vec<LoadWorker>), CompareError> {
        let tables = Arc::new(tables);
        let parts: Vec<_> = tables
            .iter()
            .enumerate()
            .flat_map(|(table, of)| (0..of.parts.len()).map(move |part| (table, part)))
            .collect();
        let readers = self.workers.readers.min(of.readers_max()).clamp(1, parts.len().max(1));
        let queue = Arc::new(Mutex::new(parts.into_iter()));
        let mut reading = tokio::task::JoinSet::new();
        for at in 0..readers {
            let (this, of, tables, queue) =
                (Arc::clone(self), Arc::clone(of), Arc::clone(&tables), Arc::clone(&queue));
            reading.spawn(async move {
                let mut feeds: Vec<_> = this
                    .plans()
                    .map(|(_, plan)| {
                        (RowFeed::new(side, &plan, &this.folder, this.share(), &this.pace), 0_u64)
                    })
                    .collect();
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

/// What both sides amount to once they are brought together.
struct Joined {
    pairings: Vec<(Pairing, u64)>,
    workers: Vec<LoadWorker>,
    differences: u64,
    first: Vec<Difference>,
}

fn next(queue: &Mutex<impl Iterator<Item = (usize, usize)>>) -> Option<(usize, usize)> {
    queue.lock().ok()?.next()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// One table, both of its sides sorted.
struct Sides {
    plan: Arc<Plan>,
    source: Sorted,
    target: Sorted,
}

impl Compare {
    /// Brings the sides together, and writes every difference in the order of the source.
    fn joined(
        &self,
        sources: Vec<Vec<Sorter>>,
        read: Vec<Read>,
        mut file: Option<DifferenceFile>,
    ) -> Result<Joined, CompareError> {
        let mut sides = Vec::new();
        let mut rows = Vec::new();
        for (((_, plan), source), read) in self.plans().zip(sources).zip(read) {
            rows.push(read.rows);
            sides.push(Sides { plan, source: Sorted::of(source)?, target: Sorted::of(read.sorters)? });
        }
        let comparers = self.workers.comparers.clamp(1, SLICES);
        let turn = AtomicUsize::new(0);
        let done = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..comparers)
                .map(|at| {
                    let (sides, turn) = (&sides, &turn);
                    scope.spawn(move || self.comparer(at, comparers, sides, turn))
                })
                .collect();
            let ended = workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or(Err(CompareError::Ended("a comparer"))));
            ended.collect::<Result<Vec<_>, _>>()
        })?;
        // What was sorted is no longer needed, and its files are given back.
        let mut pairings: Vec<_> = sides.iter().map(|side| Pairing::new(&side.plan)).collect();
        drop(sides);
        let (mut workers, mut found) = (Vec::new(), Vec::new());
        for (worker, of_tables, differences) in done {
            for (sum, more) in pairings.iter_mut().zip(&of_tables) {
                sum.merge(more)?;
            }
            workers.push(worker);
            found.push(differences);
        }
        let found = Sorted::of(found)?;
        let mut first = Vec::new();
        let buffer = self.buffer(found.width(), 1);
        for slice in 0..SLICES {
            let mut merge = found.slice(slice, buffer)?;
            while let Some((_, json)) = merge.peek() {
                if first.len() < SHOWN || file.is_some() {
                    let difference: Difference =
                        serde_json::from_slice(json).map_err(std::io::Error::other)?;
                    if let Some(file) = &mut file {
                        file.write(&difference, json)?;
                    }
                    if first.len() < SHOWN {
                        first.push(difference);
                    }
                }
                merge.advance()?;
            }
        }
        if let Some(file) = file {
            file.finish()?;
        }
        Ok(Joined {
            pairings: pairings.into_iter().zip(rows).collect(),
            workers,
            differences: found.entries,
            first,
        })
    }

    /// How much is read of each of `width` runs at a time, when so many workers do so.
    fn buffer(&self, width: usize, workers: usize) -> usize {
        (self.memory / width.max(1) / workers.max(1)).clamp(READ_MIN, READ_MAX)
    }

    fn comparer(
        &self,
        at: usize,
        comparers: usize,
        sides: &[Sides],
        turn: &AtomicUsize,
    ) -> Result<(LoadWorker, Vec<Pairing>, Sorter), CompareError> {
        let began = Instant::now();
        let mut pairings: Vec<_> = sides.iter().map(|side| Pairing::new(&side.plan)).collect();
        let mut differences = Sorter::new(&self.folder, (self.memory / comparers / 4).max(SORTER_MIN));
        let mut worker = LoadWorker {
            name: format!("comparer {}", at + 1),
            parts: 0,
            records: 0,
            rejected: 0,
            busy_ms: 0,
        };
        loop {
            let next = turn.fetch_add(1, Ordering::Relaxed);
            let (table, slice) = (next / SLICES, next % SLICES);
            let Some(side) = sides.get(table) else { break };
            let pairing = &mut pairings[table];
            let before = pairing.records + pairing.rows;
            let buffer = self.buffer(side.source.width() + side.target.width(), comparers);
            let (source, target) = (side.source.slice(slice, buffer)?, side.target.slice(slice, buffer)?);
            join(&side.plan, source, target, pairing, &mut differences, &self.pace)?;
            worker.parts += 1;
            worker.records += pairing.records + pairing.rows - before;
        }
        worker.busy_ms = millis(began.elapsed());
        Ok((worker, pairings, differences))
    }

    fn report(
        &self,
        of_file: Option<(&Decoded, &SourceEvidence)>,
        summary: SourceSummary,
        records: Vec<u64>,
        joined: Joined,
        mut workers: Vec<LoadWorker>,
    ) -> LoadReport {
        let job = &self.job;
        workers.extend(joined.workers);
        let of_all: u64 = records.iter().sum();
        let types: Vec<_> = job
            .targets
            .iter()
            .zip(joined.pairings)
            .zip(records)
            .map(|((table, (pairing, read)), accepted)| TypeComparison {
                plan: table.plan.clone(),
                pairing,
                accepted,
                read,
            })
            .collect();
        let (names, amounts) = (job.types(), job.amount_names());
        let filler_any: Vec<_> = job.records.iter().map(|record| record.filler_any).collect();
        let level = of_file.map(|(decoded, source)| SourceLevel {
            types: &names,
            amount_names: &amounts,
            layout: job.layout_digest(),
            source,
            ledger: &decoded.ledger,
            bytes: &decoded.bytes,
            filler_any: &filler_any,
            decode_proof_off: !job.decode_proof,
            went_through: true,
            declared: self.declared.as_ref().or(job.declared.as_ref()),
            reject_limit: job.reject_limit,
        });
        let evidence = LoadEvidence {
            source: level,
            footing: of_file.and_then(|(decoded, _)| decoded.footing.as_ref()),
            rules: of_file.map(|(decoded, _)| rules(job, &decoded.rules)).unwrap_or_default(),
            types: &types,
        };
        let mut checks = reconcile_load(&evidence, self.clock.now_ms());
        let by_type = of_file.map(|(decoded, _)| &decoded.ledger.accepted.by_type[..]).unwrap_or_default();
        checks.extend(not_compared(job, by_type, self.clock.now_ms()));
        let failed = checks.iter().any(|check| check.verdict == Verdict::Fail);
        let counts = CheckCounts::of(&checks);
        LoadReport {
            report_version: REPORT_VERSION,
            crossfoot_version: env!("CARGO_PKG_VERSION").into(),
            job: job.name.clone(),
            job_digest: job.digest,
            outcome: if failed { LoadOutcome::NotReconciled } else { LoadOutcome::Reconciled },
            started_at_ms: 0,
            elapsed_ms: 0,
            source: summary,
            records: of_file.map_or(of_all, |(_, source)| source.records),
            rejected: of_file.map_or(0, |(decoded, _)| decoded.ledger.rejected),
            fingerprint: of_file.and_then(|(decoded, _)| decoded.ledger.accepted.fingerprint()),
            target: self.target.summary(),
            checks,
            counts,
            tables: job.targets.iter().zip(&types).map(|(table, of)| compared(table, of)).collect(),
            rejects: of_file.map(|(decoded, _)| decoded.rejects.clone()).unwrap_or_default(),
            bytes: of_file.and_then(|(decoded, source)| {
                decoded.bytes.balance(&names, source.bytes_tiled, source.header_bytes).ok()
            }),
            decode_proof: of_file.map(|(decoded, _)| decode_proof(job, decoded)),
            workers,
            differences: joined.differences,
            first_differences: joined.first,
            log_head: None,
        }
    }
}

/// The job for a source that is a database: its rows have no order, so that none replaces another.
fn of_rows(job: &Job) -> Job {
    let mut job = job.clone();
    for table in &mut job.targets {
        let layout = Arc::make_mut(&mut table.plan.layout);
        layout.mode = domain::layout::Mode::Append;
    }
    job
}

/// Says of record types without a target that nothing was compared of them.
fn not_compared(job: &Job, by_type: &[u64], at_ms: i64) -> Vec<domain::check::CheckResult> {
    let types =
        job.records.iter().enumerate().filter(|(at, _)| job.targets.iter().all(|table| table.record != *at));
    types
        .map(|(at, record)| {
            let records = by_type.get(at).copied().unwrap_or(0);
            domain::comparison::not_compared(&record.layout.record, records, at_ms)
        })
        .collect()
}

/// Each rule, and whether it was evaluated here.
fn rules(job: &Job, outcomes: &[RuleOutcome]) -> Vec<(RuleEvidence, bool)> {
    let mut outcomes = outcomes.iter();
    let evidence = job.rules.iter().map(|rule| {
        let is_row = matches!(rule.condition, Condition::Row(_));
        let outcome =
            if is_row { outcomes.next().copied().unwrap_or_default() } else { RuleOutcome::default() };
        (coordinator::verify::reconcile::rule_evidence(rule, outcome, job), is_row)
    });
    evidence.collect()
}

fn decode_proof(job: &Job, decoded: &Decoded) -> DecodeProofReport {
    let names = job.records.iter().map(|record| {
        let fields = record.own.fields.iter().map(|field| field.name.clone());
        (record.own.record.clone(), fields.collect())
    });
    let names: Vec<_> = names.collect();
    let trips = &decoded.bytes.shares.round_trips;
    DecodeProofReport::of(trips, &names, decoded.ledger.accepted.records, !job.decode_proof)
}

/// What became of one table, for the report.
fn compared(table: &TargetTable, of: &TypeComparison) -> ComparedTable {
    let TypeComparison { plan, pairing, .. } = of;
    let name = |at: usize| plan.layout.fields[plan.fields[at].at].name.clone();
    let uses = |at: usize, set: EqualitySet, values: u64| EqualityUse {
        field: name(at),
        equalities: set.iter().collect(),
        values,
    };
    let mut declared = Vec::new();
    let mut would_be_equal = Vec::new();
    let mut differing = Vec::new();
    for (at, counts) in pairing.fields.iter().enumerate() {
        declared.extend(counts.under.iter().map(|(set, values)| uses(at, *set, *values)));
        // What is declared and was not needed is told as well: an auditor sees what would have been passed over.
        if counts.under.is_empty() && !plan.fields[at].equal.is_empty() {
            declared.push(uses(at, plan.fields[at].equal, 0));
        }
        would_be_equal.extend(counts.would_be.iter().map(|(set, values)| uses(at, *set, *values)));
        if counts.differing > 0 {
            differing.push((name(at), counts.differing));
        }
    }
    let names = plan.layout.amount_names();
    let amounts = names.into_iter().zip(plan.amounts()).enumerate().map(|(at, (field, place))| LoadAmount {
        field,
        source: pairing.source_sums.0[at],
        target: place.map(|_| pairing.target_sums.0[at]),
        not_summed: pairing.not_summed[at],
    });
    ComparedTable {
        record: plan.layout.record.clone(),
        table: table.shown(),
        filter: table.filter.clone(),
        key: key_names(plan),
        left_out: plan.left_out().map(str::to_owned).collect(),
        declared,
        balance: LoadBalance {
            accepted: pairing.records,
            merged: pairing.merged,
            equal: pairing.exact + pairing.equal,
            differing: pairing.differing,
            missing: pairing.missing,
            rows: pairing.rows,
            doubled: pairing.doubled,
            extra: pairing.extra,
            allowed: pairing.allowed,
        },
        amounts: amounts.collect(),
        differing,
        would_be_equal,
    }
}
