//! Whether a copy of final has the content that the run's evidence has the fingerprint of.
//!
//! Rows of final may name the record that they are of. Where a copy has kept these numbers, its rows in their order give
//! the fingerprint again. Where it has not, only totals can be compared, and the report says so.

use std::path::Path;
use std::sync::Arc;

use domain::check::CheckResult;
use domain::comparison::{Cell, ContentLook, CopyRows, content_checks, put_value};
use domain::fingerprint::Hash;
use domain::layout::Layout;
use domain::record;
use domain::totals::ControlTotals;
use domain::value::FieldType;
use job::target::TargetTable;
use store::target::{Prepared, RowSink, TargetError, Wanted, WantedColumn};

use crate::entries::Side;
use crate::error::CompareError;
use crate::pace::Pace;
use crate::run::Compare;
use crate::sort::{SLICES, Sorted, Sorter};

/// How much is read of a sorted run at a time.
const BUFFER: usize = 64 << 10;

/// What the evidence of a run says of the content of its rows in final.
#[derive(Debug, Clone, Copy)]
pub struct KnownContent {
    /// Final's fingerprint.
    pub fingerprint: Hash,
    /// Accepted records that are not in final: held back by rules, or merged into a later one.
    pub left_out: u64,
}

/// Takes rows with the number of their record as the last cell.
struct Numbered {
    layout: Arc<Layout>,
    sorter: Sorter,
    records: u64,
    /// Rows that name no record of the source.
    nowhere: u64,
    row: Vec<u8>,
    pace: Arc<Pace>,
}

impl RowSink for Numbered {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TargetError> {
        self.pace.one_row(Side::Target);
        let Some((record_no, values)) = cells.split_last() else { return Ok(()) };
        let record_no = match record_no {
            Cell::Integer(number) => u64::try_from(*number).ok(),
            Cell::Number(text) => text.parse().ok(),
            _ => None,
        };
        let Some(record_no) = record_no.filter(|number| (1..=self.records).contains(number)) else {
            self.nowhere += 1;
            return Ok(());
        };
        self.row.clear();
        for (field, cell) in self.layout.fields.iter().zip(values) {
            put_value(&mut self.row, &field.ty, cell);
        }
        Ok(self.sorter.push(record_no, &self.row)?)
    }
}

impl Numbered {
    fn new(layout: &Arc<Layout>, records: u64, folder: &Path, bytes_max: usize, pace: &Arc<Pace>) -> Self {
        Self {
            layout: Arc::clone(layout),
            sorter: Sorter::new(folder, bytes_max),
            records,
            nowhere: 0,
            row: Vec::new(),
            pace: Arc::clone(pace),
        }
    }

    /// The rows in the order of their records, hashed.
    fn finished(self) -> Result<(ControlTotals, u64), CompareError> {
        let layout = &self.layout;
        let mut rows = CopyRows::of(layout, self.records);
        rows.nowhere(self.nowhere);
        let sorted = Sorted::of([self.sorter])?;
        let mut bytes = Vec::new();
        for slice in 0..SLICES {
            let mut merge = sorted.slice(slice, BUFFER)?;
            while let Some((record_no, values)) = merge.peek() {
                bytes.clear();
                bytes.extend_from_slice(&record_no.to_be_bytes());
                bytes.extend_from_slice(values);
                let record = record::records(&bytes, layout.fields.len()).next();
                let record = record.and_then(Result::ok).ok_or(CompareError::Ended("a temporary file"))?;
                rows.row(layout, &record)?;
                merge.advance()?;
            }
        }
        Ok(rows.finished(layout))
    }
}

impl Compare {
    /// Whether the content was compared, and the checks of it. `records`: how many the source has.
    pub(crate) async fn content(
        self: &Arc<Self>,
        known: Option<KnownContent>,
        records: u64,
    ) -> Result<(ContentLook, Vec<CheckResult>), CompareError> {
        let (known, tables) = match self.numbered(known).await {
            Ok(found) => found,
            Err(why) => {
                let look = ContentLook { compared: false, why_not: Some(why), not_covered: Vec::new() };
                return Ok((look, Vec::new()));
            }
        };
        let mut reader = self.target.reader().await?;
        let (mut all, mut out_of_place, mut not_covered) = (None::<ControlTotals>, 0, Vec::new());
        for (table, prepared) in self.job.targets.iter().zip(&tables) {
            let layout = &table.plan.layout;
            let mut rows = Numbered::new(layout, records, &self.folder, self.share(), &self.pace);
            for part in 0..prepared.parts.len() {
                reader.read(prepared, part, &mut rows).await?;
            }
            let (totals, of_table) = tokio::task::block_in_place(|| rows.finished())?;
            out_of_place += of_table;
            let uncovered = layout.fields.iter().enumerate().filter(|(at, _)| !layout.hashed.contains(at));
            not_covered.extend(uncovered.map(|(_, field)| named(layout, &field.name)));
            all = Some(match all {
                None => totals,
                Some(before) => before.beside(totals)?,
            });
        }
        self.target.unchanged().await?;
        let found = all.and_then(|all| all.fingerprint()).ok_or(CompareError::Ended("the fingerprint"))?;
        let checks = content_checks(known.fingerprint, (found, out_of_place), self.clock.now_ms());
        Ok((ContentLook { compared: true, why_not: None, not_covered }, checks.into()))
    }

    /// The tables with the numbers of their rows' records, or in words why the content cannot be compared.
    async fn numbered(&self, known: Option<KnownContent>) -> Result<(KnownContent, Vec<Prepared>), String> {
        let known = known.ok_or("the pack has no fingerprint of final")?;
        if self.job.targets.len() > 1 && known.left_out > 0 {
            return Err("records of several types were held back or merged, and which type each is of is not in a copy"
                .into());
        }
        let mut tables = Vec::new();
        for table in &self.job.targets {
            let wanted = wanted(table)?;
            let prepared = self.target.prepare(wanted).await;
            tables.push(prepared.map_err(|error| {
                format!("the rows of {} do not name their records: {error}", table.shown())
            })?);
        }
        Ok((known, tables))
    }
}

/// All fields of a table's rows, and the number of their record.
fn wanted(table: &TargetTable) -> Result<Wanted, String> {
    let layout = &table.plan.layout;
    let record_no = match layout.key.is_empty() {
        true => Some(layout.final_table.record_no.as_str()),
        false => layout.lineage_column(),
    };
    let record_no =
        record_no.ok_or_else(|| format!("the rows of {} do not name their records", table.shown()))?;
    let fields = layout.columns().zip(&layout.fields);
    let columns = fields.map(|(name, field)| WantedColumn { name: name.to_owned(), ty: field.ty });
    let number = WantedColumn { name: record_no.to_owned(), ty: FieldType::Integer };
    Ok(Wanted {
        relation: table.relation.clone(),
        filter: table.filter.clone(),
        columns: columns.chain([number]).collect(),
    })
}

/// A field, with its record type where there are several.
fn named(layout: &Layout, field: &str) -> String {
    match layout.among.is_alone() {
        true => field.to_owned(),
        false => format!("{}.{field}", layout.record),
    }
}
