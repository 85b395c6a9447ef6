//! A load that another program made: a source's records in tables of its own, by plain `INSERT` statements, and what
//! comparing them with the source comes to. Nothing of a run takes part in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use compare::{Compare, DifferenceFile, Pace, Source, Workers};
use coordinator::split::declare::declare;
use coordinator::verify::reconcile::failed_names;
use domain::comparison::{Difference, DifferenceKind, EqualitySet, LoadOutcome};
use domain::record::records;
use domain::table::TableName;
use job::Job;
use job::records::Records;
use job::target::{Relation, TargetTable};
use platform::causes::chain;
use platform::clock::SystemClock;
use source::{Location, SourceFile};
use store::names::columns;
use tokio::sync::mpsc::Sender;

use crate::defect::{Evidence, Located};
use crate::scenario::{Field, Scenario, Stop, Strike, Struck};
use crate::sql::{Dialect, quoted, quoted_table};

/// The column in which the other program notes the record's number.
pub(crate) const LINE: &str = "line_of_source";

/// Rows in one statement.
const ROWS: usize = 100;

/// Memory of a comparison.
const MEMORY: usize = 16 << 20;

/// The table of the record type at `place`.
pub(crate) fn table_of(place: usize) -> String {
    quoted(&format!("load_by_another_program_{place}"))
}

/// `WHERE` of a record's row.
pub(crate) fn is_line(record_no: u64) -> String {
    format!("{} = {record_no}", quoted(LINE))
}

/// A difference that must be found, exactly there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) kind: DifferenceKind,
    /// The record; `None` of a row that no record has.
    pub(crate) record_no: Option<u64>,
    /// The fields that must differ, and no others; `None`: whichever.
    pub(crate) fields: Option<BTreeSet<String>>,
}

impl Expected {
    pub(crate) const fn of(kind: DifferenceKind, record_no: u64) -> Self {
        Self { kind, record_no: Some(record_no), fields: None }
    }

    pub(crate) const fn extra() -> Self {
        Self { kind: DifferenceKind::Extra, record_no: None, fields: None }
    }
}

/// A source that another program loaded.
pub(crate) struct Loaded<'a> {
    pub(crate) field: Field<'a>,
    /// The job, whose targets are the other program's tables.
    pub(crate) job: Job,
    source: PathBuf,
    /// Where the records begin that can be damaged.
    offsets: BTreeMap<u64, u64>,
}

impl Scenario<'_> {
    /// The comparison of a record type's records with their rows; `None` if there is none, or rows replace each other.
    pub(crate) fn compared(&self, place: usize) -> Option<TargetTable> {
        let targets = TargetTable::of_details(&self.fixture.job.records);
        let is_it =
            |table: &TargetTable| table.record == place && table.plan.has_key() && !table.plan.merges();
        targets.into_iter().find(is_it)
    }
}

/// Compares what another program loaded undamaged, exactly and with every equality declared.
pub(crate) async fn undamaged(scenario: &Scenario<'_>) -> Result<(), Stop> {
    let field = scenario.field().await?;
    let source = scenario.fixture.source.clone();
    let mut loaded = match Loaded::of(field, source).await {
        Err(Stop::NotHere(_)) => return Ok(()),
        loaded => loaded?,
    };
    for every_equality in [false, true] {
        if every_equality {
            loaded.declare_equalities();
        }
        let (evidence, differences) = loaded.compared(&[], 0).await?;
        let what = evidence.refusal.clone().or_else(|| evidence.failed_checks.first().cloned());
        if let Some(what) = what {
            return Err(Stop::Failed(format!(
                "an undamaged load by another program is not reconciled: {what}; {differences} differences"
            )));
        }
    }
    loaded.field.shadow.remove().await;
    Ok(())
}

impl<'a> Loaded<'a> {
    /// Loads `source` into tables of its own, in a fresh shadow.
    pub(crate) async fn of(field: Field<'a>, source: PathBuf) -> Result<Self, Stop> {
        let mut job = Job::clone(field.job());
        job.targets = TargetTable::of_details(&job.records);
        if job.targets.is_empty() {
            field.shadow.remove().await;
            return Err(Stop::NotHere("the job has no details"));
        }
        for table in &mut job.targets {
            let name = table_of(table.record);
            let sql = format!(
                "CREATE TABLE {name} AS SELECT {}, CAST(0 AS BIGINT) AS {} FROM {} WHERE 1 = 0",
                columns("", table.columns.iter().map(String::as_str)),
                quoted(LINE),
                quoted_table(&table.plan.layout.final_table.name),
            );
            field.alter(&sql).await?;
            let parsed = TableName::parse(&name).map_err(|error| error.to_string())?;
            table.relation = Relation::Table(parsed);
        }
        // In an edited source the record after a sample can be its copy.
        let samples = field.scenario.fixture.survey.samples.iter();
        let wanted: BTreeSet<_> = samples.flat_map(|one| [one.record_no, one.record_no + 1]).collect();
        let (sender, mut statements) = tokio::sync::mpsc::channel(4);
        let loading = {
            let (job, source, dialect) = (Arc::new(job.clone()), source.clone(), field.scenario.dialect());
            tokio::task::spawn_blocking(move || statements_of(&job, &source, dialect, &wanted, &sender))
        };
        while let Some(sql) = statements.recv().await {
            field.alter(&sql).await?;
        }
        let offsets = loading.await.map_err(|error| error.to_string())??;
        Ok(Self { field, job, source, offsets })
    }

    /// The comparison of a record type.
    pub(crate) fn target(&mut self, place: usize) -> Option<&mut TargetTable> {
        self.job.targets.iter_mut().find(|table| table.record == place)
    }

    /// Declares every equality for every field that is no key.
    pub(crate) fn declare_equalities(&mut self) {
        for table in &mut self.job.targets {
            let layout = Arc::clone(&table.plan.layout);
            for field in table.plan.fields.iter_mut().filter(|field| !field.is_key) {
                field.equal = EqualitySet::ALL.concerning(&layout.fields[field.at].ty);
            }
        }
    }

    /// Compares, and says whether exactly `expected` was found, `of` differences in all; and how many there were.
    async fn compared(&self, expected: &[Expected], of: u64) -> Result<(Evidence, u64), Stop> {
        let shadow = &self.field.shadow;
        let key = shadow.store.masking_key().await.map_err(|error| chain(&error))?;
        if self.job.is_sensitive() {
            self.job.masks.give_key(&key);
        }
        let file = SourceFile::open(Location::file(&self.source), self.job.compression)
            .map_err(|error| chain(&error))?;
        let list = shadow.path("differences.jsonl");
        drop(std::fs::remove_file(&list));
        let compare = Compare {
            job: Arc::new(self.job.clone()),
            source: Source::File(file),
            target: shadow.target().await.map_err(|error| chain(&error))?,
            declared: None,
            workers: Workers { decoders: 2, readers: 2, comparers: 2 },
            memory: MEMORY,
            folder: std::env::temp_dir(),
            work: None,
            fleet: None,
            differences: Some(DifferenceFile::create(&list).map_err(|error| error.to_string())?),
            pace: Arc::new(Pace::new(None)),
            clock: Arc::new(SystemClock),
        };
        let report = match Box::pin(compare.run()).await {
            Ok(report) => report,
            Err(error) => {
                return Ok((Evidence { refusal: Some(chain(&error)), ..Evidence::default() }, 0));
            }
        };
        let failed = failed_names(&report.checks).into_iter().map(String::from).collect();
        let mut evidence = Evidence { failed_checks: failed, ..Evidence::default() };
        if report.outcome == LoadOutcome::NotReconciled {
            let closest = self.closest(&list, expected).map_err(|error| error.to_string())?;
            let is_exact = report.differences == of;
            evidence.located = Some(closest.filter(|_| is_exact).unwrap_or(Located::Run));
        }
        Ok((evidence, report.differences))
    }

    /// How closely the list names every difference that must be found; `None` if it does not name one.
    fn closest(&self, list: &Path, expected: &[Expected]) -> std::io::Result<Option<Located>> {
        let mut found = vec![None; expected.len()];
        for line in BufReader::new(std::fs::File::open(list)?).lines() {
            let one: Difference = serde_json::from_str(&line?)?;
            for (expected, found) in expected.iter().zip(&mut found) {
                *found = (*found).max(self.names(&one, expected));
            }
        }
        Ok(found.into_iter().try_fold(Located::Field, |closest, one| Some(closest.min(one?))))
    }

    fn names(&self, one: &Difference, expected: &Expected) -> Option<Located> {
        let offset = expected.record_no.map(|record_no| self.offsets.get(&record_no).copied());
        // A row without a record is named by its key alone.
        let is_there = match offset {
            Some(offset) => offset.is_some() && one.byte_offset == offset,
            None => one.byte_offset.is_none() && !one.key.is_empty(),
        };
        if one.kind != expected.kind || one.record_no != expected.record_no || !is_there {
            return None;
        }
        let fields: BTreeSet<_> = one.fields.iter().map(|field| field.field.clone()).collect();
        match &expected.fields {
            Some(wanted) => Some(if *wanted == fields { Located::Field } else { Located::Record }),
            None => Some(Located::Record),
        }
    }

    /// The load is damaged; this is what the comparison says of it. `of`: how many differences there must be.
    pub(crate) async fn over(self, expected: &[Expected], of: u64, told: String) -> Strike {
        let evidence = self.compared(expected, of).await.map(|(evidence, _)| evidence);
        self.field.shadow.remove().await;
        Ok(Struck { evidence: evidence?, told })
    }
}

/// Makes the statements that load a source, and notes where the `wanted` records begin.
fn statements_of(
    job: &Arc<Job>,
    source: &Path,
    dialect: Dialect,
    wanted: &BTreeSet<u64>,
    sender: &Sender<String>,
) -> Result<BTreeMap<u64, u64>, Stop> {
    let file = SourceFile::open(Location::file(source), job.compression).map_err(|error| chain(&error))?;
    let mut records = Records::new(job)?;
    let (mut offsets, mut fault) = (BTreeMap::new(), None);
    let read = declare(job, &file, |chunk, decoded| {
        let found = records.find(chunk.cut.first_record_no, chunk.cut.ends_source, &chunk.bytes);
        let found = found.unwrap_or_default();
        let places = found.iter().map(|found| (found.record_no.0, chunk.cut.offset + found.at as u64));
        offsets.extend(places.filter(|(record_no, _)| wanted.contains(record_no)));
        for table in &job.targets {
            match statements(table, &decoded.rows[table.record], dialect) {
                Some(made) => made.into_iter().for_each(|sql| drop(sender.blocking_send(sql))),
                None => fault = Some("a value is not of its field's type"),
            }
        }
    });
    read.map_err(|error| chain(&error))?;
    match fault {
        Some(fault) => Err(Stop::Failed(fault.into())),
        None => Ok(offsets),
    }
}

/// The statements that load these records of one type.
fn statements(table: &TargetTable, rows: &[u8], dialect: Dialect) -> Option<Vec<String>> {
    let (layout, name) = (&table.plan.layout, table_of(table.record));
    let into = format!(
        "INSERT INTO {name} ({}, {})",
        columns("", table.columns.iter().map(String::as_str)),
        quoted(LINE)
    );
    let (mut lines, mut out) = (Vec::new(), Vec::new());
    for record in records(rows, layout.fields.len()) {
        let record = record.ok()?;
        let mut literals = Vec::with_capacity(table.columns.len() + 1);
        for (field, raw) in layout.fields.iter().zip(record.fields()).take(table.columns.len()) {
            literals.push(dialect.literal(&raw.value(&field.ty)?));
        }
        if table.plan.merges() {
            // Of records that replace each other the last counts.
            let key = table.plan.fields.iter().filter(|field| field.is_key);
            let is_key: Vec<_> = key
                .map(|field| format!("{} = {}", quoted(&table.columns[field.at]), literals[field.at]))
                .collect();
            out.push(format!("DELETE FROM {name} WHERE {}", is_key.join(" AND ")));
        }
        literals.push(record.record_no.0.to_string());
        lines.push(format!("({})", literals.join(", ")));
        if lines.len() == ROWS || table.plan.merges() {
            out.push(format!("{into} VALUES {}", lines.join(", ")));
            lines.clear();
        }
    }
    if !lines.is_empty() {
        out.push(format!("{into} VALUES {}", lines.join(", ")));
    }
    Some(out)
}
