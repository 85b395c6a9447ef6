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
use crate::entries::{SourceFeed, TargetFeed};
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

/// What is compared, and with what means.
pub struct Compare {
    /// The job that describes the source and the target's tables.
    pub job: Arc<Job>,
    /// The source.
    pub source: SourceFile,
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
        self.job = of_source(&self.job, &self.source)?;
        let differences = self.differences.take();
        let this = Arc::new(self);
        let tables = this.prepared().await?;
        let before = this.source.identity();
        let sha256_before = match &before {
            Some(_) => Some(tokio::task::block_in_place(|| this.source.sha256(&|| false, &|_| {}))?),
            None => None,
        };
        let decoding = {
            let this = Arc::clone(&this);
            tokio::task::spawn_blocking(move || this.decoded())
        };
        let read = this.read(tables).await;
        let decoded = decoding.await.unwrap_or(Err(CompareError::Ended("the thread that decodes")));
        let (mut decoded, (read, readers)) = (decoded?, read?);
        let changed = before.and_then(|before| this.source.changed_since(&before));
        let sorters = std::mem::take(&mut decoded.sorters);
        let joined = tokio::task::block_in_place(|| this.joined(sorters, read, differences))?;
        let source = SourceEvidence {
            chunks: decoded.split.chunks,
            records: decoded.split.records,
            bytes: decoded.split.bytes,
            bytes_tiled: decoded.bytes_tiled,
            header_bytes: decoded.split.header_bytes + this.job.format.outside.footer_bytes as u64,
            first_gap: decoded.first_gap,
            sha256_before,
            sha256_split: decoded.split.sha256,
            stream_interrupted: false,
            changed,
            bytes_on_disk: decoded.split.bytes_on_disk,
        };
        let mut workers = decoded.workers.clone();
        workers.extend(readers);
        workers.extend(joined.workers.iter().cloned());
        let report = this.report(&decoded, &source, joined, workers);
        Ok(LoadReport {
            started_at_ms,
            elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            ..report
        })
    }

    fn plans(&self) -> impl Iterator<Item = (&TargetTable, Arc<Plan>)> {
        self.job.targets.iter().map(|table| (table, Arc::new(table.plan.clone())))
    }

    /// How much of the memory one of so many sorters gets.
    fn share(&self) -> usize {
        let sorters = (self.workers.decoders + self.workers.readers) * self.job.targets.len().max(1);
        (self.memory / sorters).max(SORTER_MIN)
    }

    async fn prepared(&self) -> Result<Vec<Prepared>, CompareError> {
        if self.job.targets.is_empty() {
            return Err(CompareError::Job(
                "the job has no record type whose records a target could hold".into(),
            ));
        }
        let mut all = Vec::new();
        for table in &self.job.targets {
            let columns = table.plan.fields.iter().zip(&table.columns).map(|(field, name)| WantedColumn {
                name: name.clone(),
                ty: table.plan.layout.fields[field.at].ty,
            });
            let wanted = Wanted {
                relation: table.relation.clone(),
                filter: table.filter.clone(),
                columns: columns.collect(),
            };
            all.push(self.target.prepare(wanted).await?);
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
        decode(&self.job, &self.source, self.workers.decoders.max(1), &given, &self.pace, &feeds)
    }

    /// Has the target read by several connections, part by part.
    async fn read(
        self: &Arc<Self>,
        tables: Vec<Prepared>,
    ) -> Result<(Vec<Read>, Vec<LoadWorker>), CompareError> {
        let tables = Arc::new(tables);
        let parts: Vec<_> = tables
            .iter()
            .enumerate()
            .flat_map(|(table, of)| (0..of.parts.len()).map(move |part| (table, part)))
            .collect();
        let readers = self.workers.readers.clamp(1, parts.len().max(1));
        let queue = Arc::new(Mutex::new(parts.into_iter()));
        let mut reading = tokio::task::JoinSet::new();
        for at in 0..readers {
            let (this, tables, queue) = (Arc::clone(self), Arc::clone(&tables), Arc::clone(&queue));
            reading.spawn(async move {
                let mut feeds: Vec<_> = this
                    .plans()
                    .map(|(_, plan)| (TargetFeed::new(&plan, &this.folder, this.share(), &this.pace), 0_u64))
                    .collect();
                let mut reader = this.target.reader().await?;
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
        decoded: &Decoded,
        source: &SourceEvidence,
        joined: Joined,
        workers: Vec<LoadWorker>,
    ) -> LoadReport {
        let job = &self.job;
        let types: Vec<_> = job
            .targets
            .iter()
            .zip(joined.pairings)
            .map(|(table, (pairing, read))| TypeComparison {
                plan: table.plan.clone(),
                pairing,
                accepted: decoded.ledger.accepted.by_type.get(table.record).copied().unwrap_or(0),
                read,
            })
            .collect();
        let (names, amounts) = (job.types(), job.amount_names());
        let filler_any: Vec<_> = job.records.iter().map(|record| record.filler_any).collect();
        let level = SourceLevel {
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
        };
        let evidence = LoadEvidence {
            source: level,
            footing: decoded.footing.as_ref(),
            rules: rules(job, &decoded.rules),
            types: &types,
        };
        let mut checks = reconcile_load(&evidence, self.clock.now_ms());
        checks.extend(not_compared(job, &decoded.ledger.accepted.by_type, self.clock.now_ms()));
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
            source: SourceSummary {
                location: self.source.location().to_string(),
                bytes: source.bytes_on_disk,
                sha256: Some(source.sha256_split),
                chunks: source.chunks,
            },
            records: source.records,
            rejected: decoded.ledger.rejected,
            fingerprint: decoded.ledger.accepted.fingerprint(),
            target: self.target.summary(),
            checks,
            counts,
            tables: job.targets.iter().zip(&types).map(|(table, of)| compared(table, of)).collect(),
            rejects: decoded.rejects.clone(),
            bytes: decoded.bytes.balance(&names, source.bytes_tiled, source.header_bytes).ok(),
            decode_proof: Some(decode_proof(job, decoded)),
            workers,
            differences: joined.differences,
            first_differences: joined.first,
            log_head: None,
        }
    }
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
