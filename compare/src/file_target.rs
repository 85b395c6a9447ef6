//! A file as the target: what another program wrote, described by a job file of its own.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use async_trait::async_trait;
use coordinator::split::{ChunkLimits, split};
use domain::comparison::{Cell, TargetSummary};
use domain::record::{self, RawField, Tag};
use job::Job;
use job::chunk::ChunkDecoder;
use source::{Identity, SourceFile};
use store::target::{Prepared, Relation, RowSink, Target, TargetError, TargetReader, Wanted};

const CHUNK: ChunkLimits = ChunkLimits { bytes: 1 << 20, records: 0 };

/// A file that is read as a table: its records are the rows, its fields the columns.
#[derive(Debug)]
pub struct FileTarget {
    job: Arc<Job>,
    source: Arc<SourceFile>,
}

impl FileTarget {
    /// The file `source`, which `job` describes.
    #[must_use]
    pub fn new(job: Arc<Job>, source: SourceFile) -> Self {
        Self { job, source: Arc::new(source) }
    }

    fn unreadable(&self, reason: impl Into<String>) -> TargetError {
        TargetError::Unreadable { location: self.source.location().to_string(), reason: reason.into() }
    }

    /// The record type that a table's name stands for: its own name, or that of its final table; with one, that one.
    fn record(&self, wanted: &Wanted) -> Result<usize, TargetError> {
        if wanted.filter.is_some() {
            return Err(self.unreadable("a file cannot be filtered; remove `filter` under [[target]]"));
        }
        let Relation::Table(table) = &wanted.relation else {
            return Err(self.unreadable("a file cannot be queried; name a `table` under [[target]], or none"));
        };
        if self.job.records.len() == 1 {
            return Ok(0);
        }
        let layouts = self
            .job
            .layouts()
            .map(|layout| layout.record == table.to_string() || layout.final_table.name == *table);
        let places: Vec<_> = layouts.enumerate().filter(|(_, is_it)| *is_it).map(|(at, _)| at).collect();
        match places[..] {
            [only] => Ok(only),
            _ => Err(self
                .unreadable(format!("its job has no record type `{table}`, nor one with that final table"))),
        }
    }
}

#[async_trait]
impl Target for FileTarget {
    fn summary(&self) -> TargetSummary {
        TargetSummary {
            location: self.source.location().to_string(),
            kind: format!("a file, described by job {}", self.job.name),
            snapshot: "it is read once".into(),
        }
    }

    fn described_by(&self) -> String {
        let job = self.job.digest;
        match self.source.identity() {
            Some(Identity { one, length, modified_ns }) => {
                format!("job {job}, file {one} of {length} bytes, modified at {modified_ns} ns")
            }
            None => format!("job {job}"),
        }
    }

    async fn prepare(&self, wanted: Wanted) -> Result<Prepared, TargetError> {
        let layout = &self.job.records[self.record(&wanted)?].layout;
        let places = wanted.columns.iter().map(|column| {
            let at = layout.index_of(&column.name);
            at.map(|at| at.to_string())
                .ok_or_else(|| self.unreadable(format!("its job has no field `{}`", column.name)))
        });
        let types = places.collect::<Result<_, _>>()?;
        Ok(Prepared { parts: vec![layout.among.place.to_string()], types, wanted })
    }

    async fn reader(&self) -> Result<Box<dyn TargetReader>, TargetError> {
        Ok(Box::new(FileReader { job: Arc::clone(&self.job), source: Arc::clone(&self.source) }))
    }
}

struct FileReader {
    job: Arc<Job>,
    source: Arc<SourceFile>,
}

#[async_trait]
impl TargetReader for FileReader {
    async fn read(
        &mut self,
        table: &Prepared,
        part: usize,
        rows: &mut dyn RowSink,
    ) -> Result<u64, TargetError> {
        let unreadable =
            |reason: String| TargetError::Unreadable { location: self.source.location().to_string(), reason };
        let number = |text: &String| text.parse::<usize>().map_err(|error| unreadable(error.to_string()));
        let Some(place) = table.parts.get(part) else { return Ok(0) };
        let (place, columns) =
            (number(place)?, table.types.iter().map(number).collect::<Result<Vec<_>, _>>()?);
        let reader = self.source.reader().map_err(|error| unreadable(error.to_string()))?;
        let mut decoder = ChunkDecoder::new(&self.job).map_err(unreadable)?;
        let fields = self.job.records[place].layout.fields.len();
        let (job, mut count) = (&self.job, 0);
        tokio::task::block_in_place(|| {
            thread::scope(|scope| {
                let (sender, cuts) = sync_channel(4);
                let splitter =
                    scope.spawn(move || split(reader, job, CHUNK, move |chunk| sender.send(chunk).is_ok()));
                for chunk in cuts {
                    let decoded = decoder
                        .decode(chunk.cut.start(), &chunk.bytes)
                        .map_err(|error| unreadable(error.to_string()))?;
                    if let Some(reject) = decoded.rejects.first() {
                        let field = reject.reasons.first().and_then(|reason| reason.field.as_deref());
                        let code =
                            reject.reasons.first().map_or_else(String::new, |reason| reason.code.to_string());
                        return Err(unreadable(format!(
                            "record {} at byte {} does not match its job ({code}{}); correct the job file, or the file",
                            reject.record_no,
                            reject.offset,
                            field.map(|field| format!(", field `{field}`")).unwrap_or_default(),
                        )));
                    }
                    for row in record::records(&decoded.rows[place], fields) {
                        let row = row.map_err(|error| unreadable(error.to_string()))?;
                        let all: Vec<_> = row.fields().collect();
                        let cells: Vec<_> =
                            columns.iter().map(|at| all.get(*at).map_or(Cell::Null, cell)).collect();
                        rows.row(&cells)?;
                        count += 1;
                    }
                }
                match splitter.join() {
                    Ok(Ok(_)) => Ok(count),
                    Ok(Err(error)) => Err(unreadable(error.to_string())),
                    Err(_) => Err(unreadable("the thread that reads it ended".into())),
                }
            })
        })
    }
}

/// A field as a cell.
fn cell<'a>(raw: &RawField<'a>) -> Cell<'a> {
    let text = std::str::from_utf8(raw.content);
    match (raw.tag, text) {
        (Tag::Null, _) => Cell::Null,
        (Tag::Bytes, _) => Cell::Bytes(raw.content),
        (Tag::Boolean, _) => Cell::Boolean(raw.content == [1]),
        (Tag::Integer, _) => raw
            .content
            .try_into()
            .map_or(Cell::Other("integer", ""), |bytes| Cell::Integer(i64::from_be_bytes(bytes))),
        (Tag::Text, Ok(text)) => Cell::Text(text),
        (Tag::Decimal, Ok(text)) => Cell::Number(text),
        (Tag::Date, Ok(text)) => Cell::Date(text),
        (Tag::Timestamp, Ok(text)) => Cell::Timestamp(text),
        (Tag::Instant, Ok(text)) => Cell::Instant(text),
        (Tag::Foreign, Ok(text)) => Cell::Other("value", text),
        (_, Err(_)) => Cell::Other("value", "that is not text"),
    }
}
