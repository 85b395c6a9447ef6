//! A quick look: both sides' totals, without sorting records or bringing them together.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use domain::amount::Amount;
use domain::check::{self, Stage, Subject, Verdict};
use domain::comparison::{
    Cell, ContentLook, NOT_SEEN, Plan, QuickOutcome, QuickReport, QuickTable, TableTotals, compare_totals,
    no_source_rows, refused,
};
use domain::invariants::Invariant;
use domain::record::RawRecord;
use domain::report::{CheckCounts, SourceSummary};
use source::SourceFile;
use store::target::{Prepared, RowSink, Target, TargetError};
use store::totals::AskedField;

use crate::content::KnownContent;
use crate::entries::{Side, hash_of};
use crate::error::CompareError;
use crate::join::key_names;
use crate::pace::Pace;
use crate::run::{Compare, Source, before, millis, summary_of, summary_of_tables};
use crate::sort::{SLICES, Sorted, Sorter};
use crate::source::RecordSink;

/// The version of the shape of [`QuickReport`].
const REPORT_VERSION: u32 = 1;

/// How much is read of a sorted run at a time.
const BUFFER: usize = 64 << 10;

/// Adds up records or rows of one table, and keeps their keys to count the different ones.
struct Adder {
    plan: Arc<Plan>,
    totals: TableTotals,
    keys: Sorter,
    row: Vec<u8>,
    key: Vec<u8>,
    /// The side, and how fast it may be read; of a file's records, the decoder counts.
    pace: Option<(Arc<Pace>, Side)>,
}

impl Adder {
    fn new(plan: &Arc<Plan>, folder: &Path, bytes_max: usize) -> Self {
        Self {
            plan: Arc::clone(plan),
            totals: TableTotals::none(plan),
            keys: Sorter::new(folder, bytes_max),
            row: Vec::new(),
            key: Vec::new(),
            pace: None,
        }
    }

    /// Adds the row that was put into `self.row`.
    fn add(&mut self) -> io::Result<()> {
        self.totals.add(&self.plan, &self.row);
        if self.plan.has_key() {
            self.key.clear();
            self.plan.put_key(&mut self.key, &self.row);
            self.keys.push(hash_of(&self.key), &self.key)?;
        }
        Ok(())
    }
}

impl RecordSink for Adder {
    fn record(&mut self, record: &RawRecord<'_>, _: u64) -> io::Result<()> {
        self.row.clear();
        self.plan.put_own(&mut self.row, record);
        self.add()
    }
}

impl RowSink for Adder {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TargetError> {
        if let Some((pace, side)) = &self.pace {
            pace.one_row(*side);
        }
        self.row.clear();
        self.plan.put_cells(&mut self.row, cells);
        Ok(self.add()?)
    }
}

/// Takes the one row of a statement that asks for totals.
struct OneRow<'a> {
    query: &'a store::totals::TotalsQuery,
    totals: Option<TableTotals>,
}

impl RowSink for OneRow<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TargetError> {
        self.totals = self.query.totals(cells);
        Ok(())
    }
}

/// What several adders of one table amount to.
fn together(plan: &Plan, adders: Vec<Adder>) -> Result<TableTotals, CompareError> {
    let mut totals = TableTotals::none(plan);
    let mut keys = Vec::new();
    for adder in adders {
        totals.merge(plan, &adder.totals);
        keys.push(adder.keys);
    }
    if plan.has_key() {
        totals.keys = Some(different(keys)?);
    }
    Ok(totals)
}

/// How many different keys there are.
fn different(sorters: Vec<Sorter>) -> Result<u64, CompareError> {
    let sorted = Sorted::of(sorters)?;
    let (mut count, mut last) = (0, None::<(u64, Vec<u8>)>);
    for slice in 0..SLICES {
        let mut merge = sorted.slice(slice, BUFFER)?;
        while let Some((number, key)) = merge.peek() {
            if last.as_ref().is_none_or(|(of, bytes)| *of != number || bytes != key) {
                count += 1;
                last = Some((number, key.to_vec()));
            }
            merge.advance()?;
        }
    }
    Ok(count)
}

impl Compare {
    /// Compares totals, and reports. Needs a runtime of several threads.
    ///
    /// # Errors
    /// [`CompareError`] when it could not be finished; totals that differ are no error.
    pub async fn quick(mut self) -> Result<QuickReport, CompareError> {
        let (began, started_at_ms) = (Instant::now(), self.clock.now_ms());
        self.job = self.job_of_source()?;
        if let Some(why) = self.job.targets.iter().find_map(|table| refused(&table.plan)) {
            return Err(CompareError::Job(why));
        }
        let this = Arc::new(self);
        let tables = this.prepared(&*this.target, Side::Target).await?;
        let report = match &this.source {
            Source::File(file) => this.quick_of_file(file, tables).await?,
            Source::Tables(source) => {
                let from = this.prepared(&**source, Side::Source).await?;
                let of_source = this.totals(&**source, &from, Side::Source).await?;
                let of_target = this.totals(&*this.target, &tables, Side::Target).await?;
                let summary = summary_of_tables(&**source, &|said| said);
                let rows = of_source.0.iter().map(|totals| totals.rows).sum();
                let mut report = this.quick_report(summary, &of_source.0, of_target);
                report.records = rows;
                if rows == 0 {
                    report.checks.insert(0, no_source_rows(this.clock.now_ms()));
                }
                report
            }
        };
        Ok(QuickReport { started_at_ms, elapsed_ms: millis(began.elapsed()), ..concluded(report) })
    }

    async fn quick_of_file(
        self: &Arc<Self>,
        file: &SourceFile,
        tables: Vec<Prepared>,
    ) -> Result<QuickReport, CompareError> {
        let (before, sha256_before) = before(file)?;
        let decoding = {
            let this = Arc::clone(self);
            tokio::task::spawn_blocking(move || {
                let plans: Vec<_> = this.plans().map(|(_, plan)| plan).collect();
                let feeds =
                    || plans.iter().map(|plan| Adder::new(plan, &this.folder, this.share())).collect();
                this.decoded_into::<Adder>(&feeds, None)
            })
        };
        let of_target = self.totals(&*self.target, &tables, Side::Target).await;
        let decoded = decoding.await.unwrap_or(Err(CompareError::Ended("the thread that decodes")));
        let (decoded, adders) = decoded?;
        let changed = before.and_then(|before| file.changed_since(&before));
        let of_source = self.plans().zip(adders).map(|((_, plan), adders)| together(&plan, adders));
        let of_source = of_source.collect::<Result<Vec<_>, _>>()?;
        let source = decoded.evidence(&self.job, sha256_before, changed);
        let mut report = self.quick_report(summary_of(file, &source), &of_source, of_target?);
        (report.records, report.rejected) = (source.records, decoded.ledger.rejected);
        let (mut checks, not_compared) = self.checks(Some((&decoded, &source)), &[]);
        checks.append(&mut report.checks);
        Ok(QuickReport { checks, not_compared, ..report })
    }

    /// The totals of every table, and whether the database itself made all of them.
    async fn totals(
        self: &Arc<Self>,
        of: &dyn Target,
        tables: &[Prepared],
        side: Side,
    ) -> Result<(Vec<TableTotals>, bool), CompareError> {
        let (mut all, mut by_aggregates) = (Vec::new(), true);
        let mut reader = of.reader().await?;
        for (prepared, (_, plan)) in tables.iter().zip(self.plans()) {
            let asked: Vec<_> = plan
                .fields
                .iter()
                .map(|field| AskedField {
                    ty: plan.layout.fields[field.at].ty,
                    equal: field.equal,
                    is_key: field.is_key,
                })
                .collect();
            if let Some(query) = of.totals(prepared, &asked) {
                let prepared = of.prepare(query.wanted.clone()).await?;
                let mut row = OneRow { query: &query, totals: None };
                reader.read(&prepared, 0, &mut row).await?;
                all.push(row.totals.ok_or_else(|| TargetError::Unreadable {
                    location: of.summary().location,
                    reason: "its totals cannot be read; compare without --quick".into(),
                })?);
                continue;
            }
            by_aggregates = false;
            let mut adder = Adder::new(&plan, &self.folder, self.share());
            adder.pace = Some((Arc::clone(&self.pace), side));
            for part in 0..prepared.parts.len() {
                reader.read(prepared, part, &mut adder).await?;
            }
            all.push(together(&plan, vec![adder])?);
        }
        of.unchanged().await?;
        Ok((all, by_aggregates))
    }

    /// The report, but for what is known of a file, its verdict, and when it began.
    fn quick_report(
        &self,
        source: SourceSummary,
        of_source: &[TableTotals],
        (of_target, by_aggregates): (Vec<TableTotals>, bool),
    ) -> QuickReport {
        let (mut checks, mut tables) = (Vec::new(), Vec::new());
        for ((table, source), target) in self.job.targets.iter().zip(of_source).zip(&of_target) {
            checks.extend(compare_totals(&table.plan, source, target, self.clock.now_ms()));
            tables.push(QuickTable {
                record: table.plan.layout.record.clone(),
                table: table.shown(),
                filter: table.filter.clone(),
                key: key_names(&table.plan),
                left_out: table.plan.left_out().map(str::to_owned).collect(),
                records: source.rows,
                rows: target.rows,
            });
        }
        QuickReport {
            report_version: REPORT_VERSION,
            quick: true,
            crossfoot_version: env!("CARGO_PKG_VERSION").into(),
            job: self.job.name.clone(),
            job_digest: self.job.digest,
            outcome: QuickOutcome::TotalsDiffer,
            started_at_ms: 0,
            elapsed_ms: 0,
            source,
            records: 0,
            rejected: 0,
            target: self.target.summary(),
            by_aggregates,
            counts: CheckCounts::of(&checks),
            checks,
            tables,
            not_compared: Vec::new(),
            content: None,
            not_seen: NOT_SEEN.iter().map(|text| (*text).to_owned()).collect(),
            log_head: None,
        }
    }
}

/// What is known of rows that were read elsewhere and earlier, such as by a run whose evidence pack is at hand.
#[derive(Debug, Clone)]
pub struct Known {
    /// Where that is known from.
    pub source: SourceSummary,
    /// Records of the source, accepted and rejected.
    pub records: u64,
    /// Of these, rejects.
    pub rejected: u64,
    /// Rows of all tables together.
    pub rows: u64,
    /// The sums of the amounts, in the order of the job's.
    pub sums: Vec<Amount>,
    /// What is known of their content.
    pub content: Option<KnownContent>,
}

impl Compare {
    /// Compares the totals of the target's rows with what is known of them, without a source, and their content where
    /// they name their records. Needs a runtime of several threads.
    ///
    /// # Errors
    /// [`CompareError`] when it could not be finished; totals that differ are no error.
    pub async fn quick_of(self, known: Known) -> Result<QuickReport, CompareError> {
        let (began, started_at_ms) = (Instant::now(), self.clock.now_ms());
        let this = Arc::new(self);
        let tables = this.prepared(&*this.target, Side::Target).await?;
        let (of_target, by_aggregates) = this.totals(&*this.target, &tables, Side::Target).await?;
        let at_ms = this.clock.now_ms();
        let subject = |what: String| Subject::new(Stage::Target, Invariant::LoadEqual, what);
        let rows = of_target.iter().map(|totals| totals.rows).sum();
        let told = "rows that the run had in final = rows of the run in the target";
        let mut checks = vec![check::count(subject("rows of the run".into()), known.rows, rows, told, at_ms)];
        let columns = this.plans().zip(&of_target).flat_map(|((_, plan), totals)| {
            let places: Vec<_> = plan.amounts().collect();
            places
                .into_iter()
                .map(|place| place.and_then(|place| totals.columns.get(place)))
                .collect::<Vec<_>>()
        });
        for ((name, expected), column) in this.job.amount_names().into_iter().zip(&known.sums).zip(columns) {
            let told =
                format!("{name} over the rows that the run had in final = over its rows in the target");
            let sum = column.filter(|column| column.floats == 0 && !column.is_closed).and_then(|of| of.sum);
            let subject = subject(format!("sum of {name}, of the run"));
            let actual = sum.unwrap_or_else(|| Amount::zero(0));
            let mut check = check::amount_total(subject, *expected, actual, told, at_ms);
            if sum.is_none() {
                check.verdict = Verdict::Vacuous;
                check.discrepancy = String::new();
                check.message =
                    format!("{name}: nothing to compare: the target's values cannot be summed exactly");
            }
            checks.push(check);
        }
        let (content, of_content) = this.content(known.content, known.records).await?;
        checks.extend(of_content);
        let report = this.quick_report(known.source, &of_target, (of_target.clone(), by_aggregates));
        let not_seen = match content.compared {
            true => not_seen_of(&content),
            false => report.not_seen,
        };
        let report = QuickReport {
            checks,
            content: Some(content),
            not_seen,
            records: known.records,
            rejected: known.rejected,
            started_at_ms,
            elapsed_ms: millis(began.elapsed()),
            ..report
        };
        Ok(concluded(report))
    }
}

/// What a fingerprint does not tell.
fn not_seen_of(content: &ContentLook) -> Vec<String> {
    let mut not_seen = vec!["which record or row a difference is in".to_owned()];
    if !content.not_covered.is_empty() {
        let fields = content.not_covered.join(", ");
        not_seen.push(format!("values of fields that the fingerprint does not cover: {fields}"));
    }
    not_seen
}

/// The report with the verdict that its checks come to.
fn concluded(report: QuickReport) -> QuickReport {
    let failed = report.checks.iter().any(|check| check.verdict == Verdict::Fail);
    let is_of_content = report.content.as_ref().is_some_and(|content| content.compared);
    let outcome = match (is_of_content, failed) {
        (false, false) => QuickOutcome::TotalsAgree,
        (false, true) => QuickOutcome::TotalsDiffer,
        (true, false) => QuickOutcome::ContentAgrees,
        (true, true) => QuickOutcome::ContentDiffers,
    };
    QuickReport { outcome, counts: CheckCounts::of(&report.checks), ..report }
}
