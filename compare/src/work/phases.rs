//! The phases of a comparison: done, and kept if there is a folder for it, or taken from there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::comparison::{LoadWorker, ReadPhase};
use domain::fingerprint::Hash;
use job::target::{Relation, TargetTable};
use platform::clock::iso;
use source::Identity;
use store::target::{Prepared, Target};

use super::Pieces;
use super::journal::Kept;
use super::saved::SavedDecoded;
use crate::entries::{Side, SourceFeed, number_of};
use crate::error::CompareError;
use crate::run::{Compare, Read, Source, before, by_name};
use crate::sort::{KeptRuns, Sorter};
use crate::source::Decoded;

/// The phase in which a file is decoded.
const SOURCE: &str = "source";

/// A source that is a file, before it is read.
pub(crate) type FileBefore<'a> = (&'a source::SourceFile, Option<&'a Identity>, Option<Hash>);

impl Compare {
    /// Begins or resumes what the folder keeps, if there is one.
    pub(crate) fn begin(
        &self,
        file: Option<FileBefore<'_>>,
        from: Option<(&dyn Target, &[Prepared])>,
        target: &[Prepared],
    ) -> Result<(), CompareError> {
        match &self.work {
            Some(work) => work.begin(self.compares(file, from, target)?),
            None => Ok(()),
        }
    }

    /// What would be compared with what, as the journal of a folder has it: each value after words that say what it is.
    /// No row is read.
    ///
    /// # Errors
    /// [`CompareError`] when a side cannot be read, or is one that cannot be recognised.
    pub async fn described(mut self) -> Result<Vec<(String, String)>, CompareError> {
        self.job = self.job_of_source()?;
        let target = self.prepared(&*self.target, Side::Target).await?;
        match &self.source {
            Source::File(file) => {
                let (before, sha256) = before(file)?;
                self.compares(Some((file, before.as_ref(), sha256)), None, &target)
            }
            Source::Tables(source) => {
                let from = self.prepared(&**source, Side::Source).await?;
                self.compares(None, Some((&**source, &from)), &target)
            }
        }
    }

    fn compares(
        &self,
        file: Option<FileBefore<'_>>,
        from: Option<(&dyn Target, &[Prepared])>,
        target: &[Prepared],
    ) -> Result<Vec<(String, String)>, CompareError> {
        let digest = |text: String| Hash::of(text.as_bytes()).to_string();
        let mut of = vec![
            ("the version of crossfoot".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            // The order of the entries follows from a function that is the compiler's.
            ("the order of keys".into(), number_of(b"\0\0\0\x09crossfoot").to_string()),
            ("the SHA-256 of the job file".into(), self.job.digest.to_string()),
            (
                "the SHA-256 of what is compared".into(),
                digest(self.job.targets.iter().map(defined).collect()),
            ),
            ("the SHA-256 of what the sender declared".into(), digest(format!("{:?}", self.declared))),
        ];
        if let Some((file, before, sha256)) = file {
            let (Some(before), Some(sha256)) = (before, sha256) else {
                return Err(CompareError::Work(format!(
                    "{} can be read only once, so that its comparison cannot be resumed; compare without a folder",
                    file.location()
                )));
            };
            let Identity { one, length, modified_ns } = before;
            of.push(("the source".into(), file.location().to_string()));
            of.push((
                "the source's file".into(),
                format!("{one} of {length} bytes, modified at {modified_ns} ns"),
            ));
            of.push(("the source's SHA-256".into(), sha256.to_string()));
        }
        if let Some((source, tables)) = from {
            of.extend(database("source", source, tables));
        }
        of.extend(database("target", &*self.target, target));
        Ok(of)
    }

    /// A sorter, whose file has a name if the phase is kept.
    pub(crate) fn sorter(&self, phase: Option<&str>) -> Sorter {
        match (&self.work, phase) {
            (Some(work), Some(phase)) => Sorter::named(work.path(phase), self.share()),
            _ => Sorter::new(&self.folder, self.share()),
        }
    }

    /// The source decoded, and its records sorted.
    pub(crate) fn decoded(&self) -> Result<(Decoded, Vec<Vec<Sorter>>), CompareError> {
        if let Some(kept) = self.work.as_ref().and_then(|work| work.taken(SOURCE)) {
            return self.decoded_before(kept);
        }
        let began_at_ms = self.clock.now_ms();
        let footings = self.work.as_ref().filter(|_| self.job.footing.is_some());
        let mut footings = footings.map(|work| Pieces::create(work.path(SOURCE))).transpose()?;
        let (decoded, mut sorters) = match &self.fleet {
            Some(fleet) => {
                let sorters = self.job.targets.iter().map(|_| self.sorter(Some(SOURCE))).collect();
                self.decoded_by(fleet, sorters, footings.as_mut())?
            }
            None => self.decoded_here(footings.as_mut())?,
        };
        if let Some(work) = &self.work {
            work.done(Kept {
                name: SOURCE.into(),
                what: "the source".into(),
                opening: 0,
                began_at_ms,
                ended_at_ms: self.clock.now_ms(),
                rows: decoded.ledger.records,
                feeds: sorters.iter_mut().map(|of| kept(of)).collect::<Result<_, _>>()?,
                workers: Vec::new(),
                decoded: Some(SavedDecoded::of(&decoded)),
                footings: footings.map(Pieces::keep).transpose()?,
            })?;
        }
        Ok((decoded, sorters))
    }

    /// The source decoded by threads of this process.
    fn decoded_here(
        &self,
        footings: Option<&mut Pieces>,
    ) -> Result<(Decoded, Vec<Vec<Sorter>>), CompareError> {
        let plans: Vec<_> = self.plans().map(|(_, plan)| plan).collect();
        let feeds = || plans.iter().map(|plan| SourceFeed::new(plan, self.sorter(Some(SOURCE)))).collect();
        let (decoded, feeds) = self.decoded_into(&feeds, footings)?;
        let into_sorters = |feeds: Vec<SourceFeed>| feeds.into_iter().map(SourceFeed::into_sorter).collect();
        Ok((decoded, feeds.into_iter().map(into_sorters).collect()))
    }

    fn decoded_before(&self, kept: Kept) -> Result<(Decoded, Vec<Vec<Sorter>>), CompareError> {
        let Some(work) = &self.work else { return Err(CompareError::Ended("the folder")) };
        let refuse = |reason: String| work.refused(&reason);
        let saved = kept.decoded.ok_or_else(|| refuse("its journal says nothing of the source".into()))?;
        let footings = kept.footings.as_ref().map(|file| work.found(file)).transpose()?;
        let decoded = saved.decoded(&self.job, self.given(), footings).map_err(refuse)?;
        if kept.feeds.len() != self.job.targets.len() {
            return Err(refuse("its journal has other tables".into()));
        }
        let sorters = kept.feeds.iter().map(|of| self.found(of)).collect::<Result<_, _>>()?;
        self.pace.records.fetch_add(decoded.ledger.records, Ordering::Relaxed);
        Ok((decoded, sorters))
    }

    fn found(&self, kept: &[KeptRuns]) -> Result<Vec<Sorter>, CompareError> {
        let Some(work) = &self.work else { return Err(CompareError::Ended("the folder")) };
        let found = kept.iter().map(|runs| {
            let file = work.found(&runs.file)?;
            Sorter::found(&work.folder, runs, file).map_err(|reason| work.refused(&reason))
        });
        found.collect()
    }

    /// Has the tables of a database read; table by table, where each is kept.
    pub(crate) async fn read(
        self: &Arc<Self>,
        of: &Arc<dyn Target>,
        side: Side,
        tables: Vec<Prepared>,
    ) -> Result<(Vec<Read>, Vec<LoadWorker>), CompareError> {
        let tables = Arc::new(tables);
        let Some(work) = &self.work else {
            return self.read_only(of, side, &tables, (None, None), None).await;
        };
        let (mut all, mut workers) = (Vec::new(), Vec::new());
        for (at, table) in self.job.targets.iter().enumerate() {
            let phase = format!("{}-{at}", side.name());
            let (read, of_table) = match work.taken(&phase) {
                Some(kept) => {
                    let feeds = kept.feeds.first().map(Vec::as_slice).unwrap_or_default();
                    let sorters = tokio::task::block_in_place(|| self.found(feeds))?;
                    self.pace.taken(side, kept.rows);
                    (Read { sorters, rows: kept.rows }, kept.workers)
                }
                None => {
                    let began_at_ms = self.clock.now_ms();
                    let (mut read, workers) =
                        self.read_only(of, side, &tables, (Some(at), None), Some(&phase)).await?;
                    let mut read = read.swap_remove(at);
                    let ended_at_ms = self.clock.now_ms();
                    tokio::task::block_in_place(|| {
                        work.done(Kept {
                            name: phase.clone(),
                            what: format!("{} of record type {}", side.name(), table.plan.layout.record),
                            opening: 0,
                            began_at_ms,
                            ended_at_ms,
                            rows: read.rows,
                            feeds: vec![kept(&mut read.sorters)?],
                            workers: workers.clone(),
                            decoded: None,
                            footings: None,
                        })
                    })?;
                    (read, workers)
                }
            };
            all.push(read);
            for worker in of_table {
                let known = by_name(&mut workers, &worker.name);
                known.parts += worker.parts;
                known.records += worker.records;
                known.busy_ms += worker.busy_ms;
            }
        }
        Ok((all, workers))
    }

    /// As of when the tables of one side were read, where a database says `said` of what one process reads.
    pub(crate) fn moment(&self, side: Side, said: String) -> String {
        let side = format!("{}-", side.name());
        let mut read = self.work.as_ref().map(|work| work.phases()).unwrap_or_default();
        read.retain(|(_, name, _)| name.starts_with(&side));
        if read.iter().all(|(.., phase)| !phase.earlier) {
            return said;
        }
        let began = read.iter().map(|(.., phase)| phase.began_at_ms).min().map(iso).unwrap_or_default();
        let ended = read.iter().map(|(.., phase)| phase.ended_at_ms).max().map(iso).unwrap_or_default();
        if read.iter().all(|(opening, ..)| *opening == read[0].0) {
            return format!("{said}; read from {began} to {ended}, before the comparison was resumed");
        }
        let span = |phase: &ReadPhase| {
            format!("{} from {} to {}", phase.what, iso(phase.began_at_ms), iso(phase.ended_at_ms))
        };
        let spans: Vec<_> = read.iter().map(|(.., phase)| span(phase)).collect();
        format!(
            "NOT as of one moment: the comparison was resumed, and each process read its tables for itself ({}); within \
             one process: {said}",
            spans.join("; ")
        )
    }
}

/// What each of these sorters took, once it is on disk.
fn kept(sorters: &mut [Sorter]) -> Result<Vec<KeptRuns>, CompareError> {
    let kept: Result<Vec<_>, _> = sorters.iter_mut().map(Sorter::keep).collect();
    Ok(kept?.into_iter().flatten().collect())
}

/// What a database is, and which columns its tables have.
fn database(side: &str, of: &dyn Target, tables: &[Prepared]) -> [(String, String); 3] {
    let summary = of.summary();
    let columns = tables.iter().map(|table| format!("({})", table.types.join(", ")));
    [
        (format!("the {side}"), format!("{} ({}; {})", summary.location, summary.kind, summary.snapshot)),
        (format!("what describes the {side}"), of.described_by()),
        (format!("the types of the {side}'s columns"), columns.collect::<Vec<_>>().join(", ")),
    ]
}

/// Everything of a table that decides what is read and compared.
fn defined(table: &TargetTable) -> String {
    let relation = |relation: &Relation| format!("{relation:?}");
    let TargetTable { record, plan, filter, columns, writers, from, .. } = table;
    format!(
        "{record} {} {filter:?} {columns:?} {writers:?} {from:?} {:?} {:?} {:?} {}\n",
        relation(&table.relation),
        plan.layout,
        plan.fields,
        plan.extra,
        plan.names_writer
    )
}
