//! A look at the source before it is damaged: what its sender would declare of it, and records that damage can be done
//! to. Kept in bounded memory: a few records for each thing that a field may hold.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use coordinator::split::declare::{DeclareError, declare};
use domain::amount::Amount;
use domain::declared::Declared;
use domain::layout::Layout;
use domain::record::{RecordError, records};
use domain::value::Value;
use jiff::civil::{Date, DateTime};
use job::Job;
use job::records::{Found, Records};
use platform::causes::chain;
use source::{SourceError, SourceFile};
use thiserror::Error;

/// A value that owns its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owned {
    Null,
    Text(String),
    Integer(i64),
    Decimal(Amount),
    Date(Date),
    Timestamp(DateTime),
    Instant(DateTime),
    Boolean(bool),
    Bytes(Vec<u8>),
}

impl Owned {
    pub(crate) fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Text(text) => Self::Text((*text).into()),
            Value::Integer(integer) => Self::Integer(*integer),
            Value::Decimal(amount) => Self::Decimal(*amount),
            Value::Date(date) => Self::Date(*date),
            Value::Timestamp(at) => Self::Timestamp(*at),
            Value::Instant(at) => Self::Instant(*at),
            Value::Boolean(truth) => Self::Boolean(*truth),
            Value::Bytes(bytes) => Self::Bytes((*bytes).into()),
        }
    }

    /// The value with its text and bytes borrowed.
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::Text(text),
            Self::Integer(integer) => Value::Integer(*integer),
            Self::Decimal(amount) => Value::Decimal(*amount),
            Self::Date(date) => Value::Date(*date),
            Self::Timestamp(at) => Value::Timestamp(*at),
            Self::Instant(at) => Value::Instant(*at),
            Self::Boolean(truth) => Value::Boolean(*truth),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }

    /// What kind of content it is: records are kept for each.
    fn trait_of(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Text(text) if text.is_empty() => 1,
            Self::Text(text) if !text.is_ascii() => 2,
            Self::Text(text) if text.contains('|') => 3,
            Self::Text(text) if text.trim().contains(' ') => 4,
            Self::Text(text) if text.starts_with('0') && text.len() > 1 => 5,
            Self::Decimal(amount) if amount.is_zero() => 6,
            Self::Decimal(amount) if amount.digits() >= 29 => 7,
            Self::Timestamp(at) | Self::Instant(at) if at.subsec_nanosecond() != 0 => 8,
            Self::Integer(0) => 9,
            _ => 10,
        }
    }
}

/// A record that damage can be done to.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// The place of its type among the job's.
    pub(crate) place: usize,
    /// The record's number in the source.
    pub(crate) record_no: u64,
    /// Its values, field by field.
    pub(crate) values: Vec<Owned>,
}

/// Where a record lies in the source's content, framing included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) record_no: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// What was seen of a source.
#[derive(Debug, Clone)]
pub(crate) struct Survey {
    /// What its sender would declare.
    pub(crate) declared: Declared,
    /// How many records the source has.
    pub(crate) records: u64,
    /// Accepted records, by type.
    pub(crate) by_type: Vec<u64>,
    /// Records to damage, in order.
    pub(crate) samples: Vec<Sample>,
    /// Rejects, at most a few.
    pub(crate) rejects: Vec<u64>,
    /// Where some records lie: the first ones and the last.
    pub(crate) extents: Vec<Extent>,
    /// Where some records of the first type that has several lie.
    pub(crate) details: Vec<Extent>,
    /// Whether the source's bytes are its content, so that it can be edited.
    pub(crate) is_plain: bool,
}

/// Rejects that are kept.
const REJECTS: usize = 8;
/// Samples of each kind of content of each field.
const SAMPLES_EACH: usize = 2;
/// Extents of the first records that are kept.
const EXTENTS: usize = 64;
/// How many samples are kept in all.
const SAMPLES_MAX: usize = 4000;

/// Why a source cannot be surveyed.
#[derive(Debug, Error)]
pub(crate) enum SurveyError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] SourceError),
    /// The job's formats cannot be used.
    #[error("{0}")]
    Job(String),
    /// It cannot be read to its end.
    #[error("{}", chain(.0))]
    Declare(#[from] DeclareError),
    /// A record's canonical form cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A record's canonical form is not of its layout.
    #[error("a value is not of its field's type")]
    Value,
}

/// Reads the whole source once.
///
/// # Errors
/// [`SurveyError`] says what is wrong with it.
pub(crate) fn survey(job: &Arc<Job>, path: &Path) -> Result<Survey, SurveyError> {
    let source = SourceFile::open(source::Location::file(path), job.compression)?;
    let mut records = Records::new(job).map_err(SurveyError::Job)?;
    let mut kept = Kept { by_type: vec![0; job.records.len()], ..Kept::default() };
    let mut fault = None;
    let surveyed = declare(job, &source, |chunk, decoded| {
        let cut = &chunk.cut;
        let room = REJECTS.saturating_sub(kept.rejects.len());
        kept.rejects.extend(decoded.rejects.iter().take(room).map(|reject| reject.record_no.0));
        for ((place, layout), rows) in job.layouts().enumerate().zip(&decoded.rows) {
            kept.by_type[place] += decoded.accepted.by_type[place];
            if let Err(error) = kept.look(place, layout, rows) {
                fault.get_or_insert(error);
            }
        }
        let found = records.find(cut.first_record_no, cut.ends_source, &chunk.bytes);
        kept.place(cut.offset, &found.unwrap_or_default());
    });
    if let Some(fault) = fault {
        return Err(fault);
    }
    let (mut declared, split) = surveyed?;
    declared.values = job.declared.as_ref().map(|declared| declared.values.clone()).unwrap_or_default();
    let details = kept.details();
    let mut extents = kept.first;
    extents.extend(kept.last);
    kept.samples.sort_by_key(|sample| sample.record_no);
    Ok(Survey {
        declared,
        records: split.records,
        by_type: kept.by_type,
        samples: kept.samples,
        rejects: kept.rejects,
        extents,
        details,
        is_plain: split.bytes == split.bytes_on_disk,
    })
}

#[derive(Default)]
struct Kept {
    samples: Vec<Sample>,
    seen: HashMap<(usize, usize, u8), usize>,
    by_type: Vec<u64>,
    rejects: Vec<u64>,
    first: Vec<Extent>,
    last: Option<Extent>,
}

impl Kept {
    fn look(&mut self, place: usize, layout: &Layout, rows: &[u8]) -> Result<(), SurveyError> {
        for record in records(rows, layout.fields.len()) {
            if self.samples.len() >= SAMPLES_MAX {
                return Ok(());
            }
            let record = record?;
            let mut values = Vec::with_capacity(layout.fields.len());
            for (field, raw) in layout.fields.iter().zip(record.fields()) {
                let value = raw.value(&field.ty).ok_or(SurveyError::Value)?;
                values.push(Owned::of(&value));
            }
            let mut wanted = false;
            for (at, value) in values.iter().enumerate() {
                let count = self.seen.entry((place, at, value.trait_of())).or_default();
                if *count < SAMPLES_EACH {
                    *count += 1;
                    wanted = true;
                }
            }
            if wanted {
                self.samples.push(Sample { place, record_no: record.record_no.0, values });
            }
        }
        Ok(())
    }

    /// Notes where records are. Elements of tables are no records that could be taken out of the source.
    fn place(&mut self, offset: u64, found: &[Found]) {
        for found in found.iter().filter(|found| !found.is_element()) {
            let bytes = (found.next - found.at) as u64;
            let extent = Extent { record_no: found.record_no.0, offset: offset + found.at as u64, bytes };
            if self.first.len() < EXTENTS {
                self.first.push(extent);
            } else {
                self.last = Some(extent);
            }
        }
    }

    /// Extents of records of the type that has most samples among the first records.
    fn details(&self) -> Vec<Extent> {
        let mut counts: HashMap<usize, usize> = HashMap::new();
        let has_extent = |sample: &&Sample| self.first.iter().any(|one| one.record_no == sample.record_no);
        for sample in self.samples.iter().filter(has_extent) {
            *counts.entry(sample.place).or_default() += 1;
        }
        let Some((place, _)) = counts.into_iter().max_by_key(|(place, count)| (*count, usize::MAX - place))
        else {
            return Vec::new();
        };
        let is_one = |extent: &&Extent| {
            self.samples.iter().any(|sample| sample.place == place && sample.record_no == extent.record_no)
        };
        self.first.iter().filter(is_one).copied().collect()
    }
}

/// A change of a file: the bytes at an offset are replaced.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    pub(crate) offset: u64,
    pub(crate) removed: u64,
    pub(crate) inserted: Vec<u8>,
}

/// Copies `from` to `to` with `edits`, which are in order of offset and do not overlap.
///
/// # Errors
/// Of the file system, or when an edit lies beyond the end.
pub(crate) fn edited(from: &Path, to: &Path, edits: &[Edit]) -> std::io::Result<()> {
    let mut reader = BufReader::new(File::open(from)?);
    let mut out = BufWriter::new(File::create(to)?);
    let mut position = 0;
    for edit in edits {
        let between =
            edit.offset.checked_sub(position).ok_or_else(|| std::io::Error::other("edits overlap"))?;
        let copied = std::io::copy(&mut Read::by_ref(&mut reader).take(between), &mut out)?;
        let skipped = std::io::copy(&mut Read::by_ref(&mut reader).take(edit.removed), &mut std::io::sink())?;
        if copied != between || skipped != edit.removed {
            return Err(std::io::Error::other("an edit lies behind the end"));
        }
        out.write_all(&edit.inserted)?;
        position = edit.offset + edit.removed;
    }
    std::io::copy(&mut reader, &mut out)?;
    out.flush()
}

/// The bytes of `extent` in the file.
///
/// # Errors
/// Of the file system.
pub(crate) fn bytes_of(path: &Path, extent: Extent) -> std::io::Result<Vec<u8>> {
    use std::io::{Seek, SeekFrom};
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(extent.offset))?;
    let mut bytes = vec![0; usize::try_from(extent.bytes).map_err(std::io::Error::other)?];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
