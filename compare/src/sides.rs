//! Both sides brought together by several workers, and the list of what is wrong.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use domain::comparison::{Difference, DifferenceKind, LoadWorker, Pairing, Plan};

use crate::differences::DifferenceFile;
use crate::error::CompareError;
use crate::join::{Differences, join, kept};
use crate::run::{Compare, Read, SORTER_MIN, millis};
use crate::sort::{SLICES, Sorted, Sorter};

/// How many differences a report shows.
const SHOWN: usize = 20;

/// The most that is read of a run at a time, and the least.
const READ_MAX: usize = 256 << 10;
const READ_MIN: usize = 4 << 10;

/// What both sides amount to once they are brought together.
pub(crate) struct Joined {
    pub(crate) pairings: Vec<(Pairing, u64)>,
    pub(crate) workers: Vec<LoadWorker>,
    pub(crate) differences: u64,
    pub(crate) first: Vec<Difference>,
}

/// Both sides brought together, and not told yet.
pub(crate) struct Met {
    pub(crate) sides: Vec<Sides>,
    pairings: Vec<Pairing>,
    rows: Vec<u64>,
    workers: Vec<LoadWorker>,
    pub(crate) found: Sorted,
}

/// One table, both of its sides sorted.
pub(crate) struct Sides {
    plan: Arc<Plan>,
    pub(crate) source: Sorted,
    pub(crate) target: Sorted,
}

impl Compare {
    /// Brings the sides together.
    pub(crate) fn met(&self, sources: Vec<Vec<Sorter>>, read: Vec<Read>) -> Result<Met, CompareError> {
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
        let mut pairings: Vec<_> = sides.iter().map(|side| Pairing::new(&side.plan)).collect();
        let (mut workers, mut found) = (Vec::new(), Vec::new());
        for (worker, of_tables, differences) in done {
            for (sum, more) in pairings.iter_mut().zip(&of_tables) {
                sum.merge(more)?;
            }
            workers.push(worker);
            found.push(differences);
        }
        Ok(Met { sides, pairings, rows, workers, found: Sorted::of(found)? })
    }

    /// Writes every difference in the order of the source, and says which of them are unstable.
    pub(crate) fn told(
        &self,
        met: Met,
        unstable: &[HashSet<u64>],
        mut file: Option<DifferenceFile>,
    ) -> Result<Joined, CompareError> {
        let Met { sides, mut pairings, rows, workers, found } = met;
        // What was sorted is no longer needed, and its files are given back.
        drop(sides);
        let mut first = Vec::new();
        let buffer = self.buffer(found.width(), 1);
        for slice in 0..SLICES {
            let mut merge = found.slice(slice, buffer)?;
            while let Some((_, bytes)) = merge.peek() {
                let (json, number, table) = kept(bytes).ok_or(CompareError::Ended("a temporary file"))?;
                let is_unstable = unstable.get(table).is_some_and(|numbers| numbers.contains(&number));
                if first.len() < SHOWN || file.is_some() || is_unstable {
                    let mut difference: Difference =
                        serde_json::from_slice(json).map_err(std::io::Error::other)?;
                    // What repeats a key in the source does so whatever the target holds.
                    let is_unstable = is_unstable && difference.kind != DifferenceKind::Repeated;
                    if is_unstable {
                        let plan = &self.job.targets[table].plan;
                        let fields = difference.fields.iter().filter_map(|one| plan.place_of(&one.field));
                        pairings[table].unsettle(difference.kind, fields);
                        difference.kind = DifferenceKind::Unstable;
                    }
                    if let Some(file) = &mut file {
                        let told = serde_json::to_vec(&difference).map_err(std::io::Error::other)?;
                        file.write(&difference, if is_unstable { &told } else { json })?;
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
    pub(crate) fn buffer(&self, width: usize, workers: usize) -> usize {
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
        let sorter = Sorter::new(&self.folder, (self.memory / comparers / 4).max(SORTER_MIN));
        let mut differences = Differences { sorter, table: 0 };
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
            // A job has far fewer targets.
            differences.table = u16::try_from(table).unwrap_or(u16::MAX);
            let before = pairing.records + pairing.rows;
            let buffer = self.buffer(side.source.width() + side.target.width(), comparers);
            let (source, target) = (side.source.slice(slice, buffer)?, side.target.slice(slice, buffer)?);
            join(&side.plan, source, target, pairing, &mut differences, &self.pace)?;
            worker.parts += 1;
            worker.records += pairing.records + pairing.rows - before;
        }
        worker.busy_ms = millis(began.elapsed());
        Ok((worker, pairings, differences.sorter))
    }
}
