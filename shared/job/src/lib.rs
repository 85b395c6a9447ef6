//! The job: what to load and what must hold, declared in a TOML file.
//!
//! Read in two steps: [`file`] is what TOML says, [`meaning`] what it means. Everything that can be wrong with
//! a job is found here, with its line, before anything is opened or written.

mod account;
pub mod advice;
pub mod chain;
pub mod chunk;
mod columns;
pub mod copies;
pub mod decoders;
mod decoding;
pub mod elements;
mod encodings;
mod error;
mod file;
mod meaning;
mod proof;
pub mod records;
pub mod select;
mod shadow;
pub mod target;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;

use domain::approval::Approval;
use domain::declared::Declared;
use domain::fingerprint::Hash;
use domain::footing::FootingPlan;
use domain::layout::{Durability, Layout};
use domain::mask::Masks;
use domain::reconcile::RejectLimit;
use domain::rule::{Condition, Rule};
use domain::schedule::{Schedule, Span};
use domain::totals::{ControlTotals, Sums};
use domain::trend::TrendRules;
use domain::value::{Literal, Value, compare};
use format::spec::FormatSpec;
use platform::files::{TEXT_BYTES_MAX, read_small_text};
use source::Compression;

pub use columns::ColumnsError;
pub use encodings::{EncodingError, Encodings, Told};
pub use error::{JobError, Place, underlined};
pub use shadow::ShadowJob;

/// A job, understood and checked.
#[derive(Debug, Clone)]
pub struct Job {
    /// The job's name. Runs of jobs with one name are compared with each other.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The job file's text: it travels to workers and into the evidence.
    pub text: String,
    /// SHA-256 of the text.
    pub digest: Hash,
    /// Where the source is, unless the command line says so.
    pub source_path: Option<String>,
    /// How the source is compressed.
    pub compression: Compression,
    /// How records lie in it.
    pub format: FormatSpec,
    /// What kinds of record it has, in the order in which a record is matched with them. At least one.
    pub records: Vec<RecordType>,
    /// The names in the header row of the source that the job is for, where it was found that they matter.
    pub columns: Option<Vec<String>>,
    /// The encodings of which a source is in one, where the job leaves open which; see [`Job::in_encoding`].
    pub encodings: Option<Encodings>,
    /// How the content of sensitive fields is shown. They need a key: see [`store::stored_job`].
    pub masks: Masks,
    /// Whether accepted records are encoded again and compared with their bytes (INV-14).
    pub decode_proof: bool,
    /// What is declared of the source, outside of it.
    pub declared: Option<Declared>,
    /// What the source's own header and trailer records declare of it.
    pub footing: Option<Arc<FootingPlan>>,
    /// The row rules and set rules, in the job's order.
    pub rules: Vec<Rule>,
    /// How far a run's figures may be from those of the runs before it.
    pub trends: TrendRules,
    /// When a run is expected, if the job says so.
    pub schedule: Option<Schedule>,
    /// Within which time what the job promoted must be attested, if the job says so.
    pub attest_within: Option<Span>,
    /// The tables of a load that another program made: what `crossfoot reconcile` compares with.
    pub targets: Vec<target::TargetTable>,
    /// Where that load is, unless the command line says so.
    pub target_url: Option<String>,
    /// How many rejects are allowed.
    pub reject_limit: RejectLimit,
    /// Whether staging survives a crash of the database server.
    pub durability: Durability,
    /// What the job requires of the people who decide about its runs.
    pub approval: Approval,
}

/// A kind of record: how it is distinguished from the others, how its fields are written, what it consists of and where
/// it goes. Its place among the job's record types is its number in messages, the ledger and rules.
#[derive(Debug, Clone)]
pub struct RecordType {
    /// What it consists of and where it goes; where it has a parent, the parent's record number is the last field, and
    /// where it is an element of a table, the element's number the one before.
    pub layout: Arc<Layout>,
    /// What a record's own bytes hold: as `layout`, without the numbers of the parent and of the element.
    pub own: Arc<Layout>,
    /// The places of the types of which the latest record before it is its parent; none: it has no parent, or is an
    /// element of its parent's table.
    pub parents: Vec<usize>,
    /// The table of another record type whose elements its records are, if they are.
    pub rows: Option<Rows>,
    /// How its fields are written.
    pub format: FormatSpec,
    /// What it is for.
    pub role: RecordRole,
    /// What its fields hold if a record is of this type; nothing: every record is.
    pub when: Vec<When>,
    /// The place in the source of its only record; `None`: its records may be anywhere.
    pub position: Option<Position>,
    /// Whether its FILLER may hold anything (`filler = "any"`).
    pub filler_any: bool,
    /// The names of columns that become no field.
    pub leave_out: Vec<String>,
}

/// A table of a record type, whose elements are the records of another type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// The place of the record type that holds the table. Its records may be elements of a table themselves.
    pub parent: usize,
    /// The table's name.
    pub table: String,
    /// The table's place among those of the parent whose elements are records.
    pub of: usize,
    /// Whether an element that holds nothing is no record.
    pub skips_empty: bool,
}

/// What a record type is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordRole {
    /// It says something of what follows it.
    Header,
    /// It is what the source was sent for.
    Detail,
    /// It says something of what stands before it.
    Trailer,
}

/// A place in the source by which a record type is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The source's first record.
    First,
    /// The source's last record.
    Last,
}

/// A field of a record, and the values of which it has one if the record is of a type.
#[derive(Debug, Clone)]
pub struct When {
    /// The field's place in the type's layout.
    pub field: usize,
    /// The values that the field may have; one of them is enough.
    pub one_of: Vec<Literal>,
}

impl RecordType {
    /// The source's column that a field is. A field that is made of columns is none, and tells no record's type.
    fn column_of(&self, field: usize) -> usize {
        self.format.stage.as_ref().and_then(|stage| stage.column_of(field)).unwrap_or(field)
    }

    /// What the source's columns are: the fields, or what fields are made of.
    pub(crate) fn columns(&self) -> &Layout {
        self.format.stage.as_ref().map_or(&self.own, |stage| &stage.columns)
    }
}

impl When {
    /// Whether `value` is one of the values. NULL is none of them.
    #[must_use]
    pub fn holds(&self, value: &Value<'_>) -> bool {
        self.one_of.iter().any(|one| compare(value, &one.value()) == Some(Ordering::Equal))
    }
}

/// The JSON Schema of a job file, made from the types that read it.
#[must_use]
pub fn schema() -> schemars::Schema {
    file::schema()
}

impl Job {
    /// Reads and checks the job file at `path`.
    ///
    /// # Errors
    /// [`JobError`] when it cannot be read or is not a job.
    pub fn read(path: &Path) -> Result<Self, JobError> {
        let file = path.display().to_string();
        let text = read_small_text(path, TEXT_BYTES_MAX).map_err(|error| JobError {
            file: file.clone(),
            place: None,
            message: format!("cannot be read: {error}"),
            advice: Some("`crossfoot init --sample FILE` generates a job file".into()),
        })?;
        Self::parse(&file, &meaning::whole(&file, text, path.parent())?)
    }

    /// Checks the job file `text`; `file` is its name in messages.
    ///
    /// # Errors
    /// [`JobError`] with the line at fault.
    pub fn parse(file: &str, text: &str) -> Result<Self, JobError> {
        meaning::parse(file, text)
    }

    /// The job without what it requires of an approver: for a drill's shadow, which no person approves.
    ///
    /// # Errors
    /// [`JobError`], which would be a mistake of ours.
    pub fn unattended(&self) -> Result<Self, JobError> {
        if self.approval == Approval::default() {
            return Ok(self.clone());
        }
        self.rewritten(|text| {
            text.remove("approval");
        })
    }

    /// The job without the proof of its decoding (`decode_proof = "off"`), in its text as well: whoever reads the
    /// evidence finds it there.
    ///
    /// # Errors
    /// [`JobError`], which would be a mistake of ours.
    pub fn without_decode_proof(&self) -> Result<Self, JobError> {
        if !self.decode_proof {
            return Ok(self.clone());
        }
        self.rewritten(|text| {
            if let Some(source) = text.get_mut("source").and_then(toml::Value::as_table_mut) {
                source.insert("decode_proof".into(), "off".into());
            }
        })
    }

    /// The job whose text is this one's with a change.
    fn rewritten(&self, change: impl FnOnce(&mut toml::Table)) -> Result<Self, JobError> {
        let failed =
            |message: String| JobError { file: self.name.clone(), place: None, message, advice: None };
        let mut text: toml::Table = toml::from_str(&self.text).map_err(|error| failed(error.to_string()))?;
        change(&mut text);
        Self::parse(&self.name, &toml::to_string(&text).map_err(|error| failed(error.to_string()))?)
    }

    /// What the records of each type consist of and where they go.
    pub fn layouts(&self) -> impl Iterator<Item = &Arc<Layout>> {
        self.records.iter().map(|record| &record.layout)
    }

    /// The record types' names.
    #[must_use]
    pub fn types(&self) -> Vec<String> {
        self.layouts().map(|layout| layout.record.clone()).collect()
    }

    /// Whether there is more than one record type.
    #[must_use]
    pub fn has_types(&self) -> bool {
        self.records.len() > 1
    }

    /// Whether a field is sensitive: then nothing shows it in clear, and reasons against records quote none of them.
    #[must_use]
    pub const fn is_sensitive(&self) -> bool {
        self.masks.are_needed()
    }

    /// Whether records of a type have parents.
    #[must_use]
    pub fn has_parents(&self) -> bool {
        self.records.iter().any(|record| !record.parents.is_empty())
    }

    /// Whether elements of tables are records of their own.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        self.records.iter().any(|record| record.rows.is_some())
    }

    /// Whether a record type is told by being the source's last record.
    #[must_use]
    pub fn tells_the_last(&self) -> bool {
        self.records.iter().any(|record| record.position == Some(Position::Last))
    }

    /// The names of the summed fields in the order of every list of sums: type by type, and where there are several
    /// types as `record.field`.
    #[must_use]
    pub fn amount_names(&self) -> Vec<String> {
        amount_names(self.layouts())
    }

    /// Sums of nothing yet.
    #[must_use]
    pub fn no_sums(&self) -> Sums {
        Sums(self.layouts().flat_map(|layout| Sums::zero(&layout.amount_scales()).0).collect())
    }

    /// Totals of nothing yet; the next record is that of leaf `begin`.
    #[must_use]
    pub fn no_totals(&self, begin: u64) -> ControlTotals {
        ControlTotals::of_types(begin, self.layouts().map(|layout| &**layout))
    }

    /// A digest of every hashed field's name and type, type by type, and of what the fields are made of that are not
    /// columns. Fingerprints can only be compared when it is equal.
    #[must_use]
    pub fn layout_digest(&self) -> Hash {
        if self.records.iter().any(|record| record.format.stage.is_some()) {
            let mut bytes = b"crossfoot layouts 2\n".to_vec();
            for record in &self.records {
                let made = record.format.stage.as_ref().map(|stage| stage.definition.as_str());
                let (layout, made) = (&record.layout, made.unwrap_or_default());
                bytes.extend_from_slice(format!("{} {}\n{made}", layout.record, layout.digest()).as_bytes());
            }
            return Hash::of(&bytes);
        }
        if let [only] = &self.records[..] {
            return only.layout.digest();
        }
        let mut bytes = b"crossfoot layouts 1\n".to_vec();
        for layout in self.layouts() {
            bytes.extend_from_slice(format!("{} {}\n", layout.record, layout.digest()).as_bytes());
        }
        Hash::of(&bytes)
    }

    /// The row rules with their places among all rules.
    pub fn row_rules(&self) -> impl Iterator<Item = (usize, &Rule)> {
        self.rules.iter().enumerate().filter(|(_, rule)| matches!(rule.condition, Condition::Row(_)))
    }

    /// The set rules with their places among all rules.
    pub fn set_rules(&self) -> impl Iterator<Item = (usize, &Rule)> {
        self.rules.iter().enumerate().filter(|(_, rule)| !matches!(rule.condition, Condition::Row(_)))
    }
}

fn amount_names<'a>(layouts: impl Iterator<Item = &'a Arc<Layout>>) -> Vec<String> {
    let names = layouts.flat_map(|layout| {
        layout.amount_names().into_iter().map(|name| match layout.among.is_alone() {
            true => name,
            false => format!("{}.{name}", layout.record),
        })
    });
    names.collect()
}
