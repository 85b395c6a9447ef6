//! Rejects that are corrected and loaded again: written as rows that a person edits, read back, and put together as a
//! source of its own.
//!
//! ```text
//! rejects ─ edit ─► rows ─ a person ─► rows ─ prepare ─► records, framed like the source ─► a run of the same job
//! ```

mod csv;
mod sheet;

use std::collections::HashSet;
use std::io::{self, BufRead, Write};

use format::{Form, Framer, frames};
use job::Job;
use job::select::Standing;
use source::Compression;
use store::model::{RejectRow, Run};
use store::resends::Original;
use store::{Store, StoreError};
use thiserror::Error;

pub use self::csv::CsvError;
use self::csv::{Rows, put_row};
pub use self::sheet::Sheet;

const PAGE: u32 = 500;

/// Why nothing was resent.
#[derive(Debug, Error)]
pub enum ResendError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file of rows cannot be read.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// The file of records cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
    /// The job's rejects cannot be loaded by themselves.
    #[error("rejects of job {job} cannot be resent: {why}")]
    Job {
        /// The job's name.
        job: String,
        /// Why not, and what to do instead.
        why: String,
    },
    /// A row is not one of the run's rejects, or was changed in a way that no record says.
    #[error("line {line}: {what}")]
    Row {
        /// The line at which the row begins.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// No row was changed.
    #[error(
        "no row differs from the reject that it was made from, so there is nothing to resend; change a cell"
    )]
    Nothing,
}

/// Rejects that are elements of tables are no records of the source by themselves.
#[derive(Debug, Clone, Error)]
#[error(
    "elements of `{table}` are records of their own in job {job}, and the bytes of one are no record of the source; \
     correct the source and load it as a new run (`--json` shows the bytes of each reject)"
)]
pub struct ElementsError {
    table: String,
    job: String,
}

/// Whether rejects of `job` can be written as records of a source.
///
/// # Errors
/// [`ElementsError`].
pub fn can_be_written(job: &Job) -> Result<(), ElementsError> {
    match job.records.iter().find_map(|record| record.rows.as_ref()) {
        Some(rows) => Err(ElementsError { table: rows.table.clone(), job: job.name.clone() }),
        None => Ok(()),
    }
}

/// Records that are ready to be loaded.
#[derive(Debug, Default)]
pub struct Prepared {
    /// What each record was before, in the order in which they were written.
    pub records: Vec<Original>,
    /// How many bytes were written.
    pub bytes: u64,
    /// Rows that were not changed: they stay rejects.
    pub unchanged: u64,
    /// Rejects that had no row: they stay rejects.
    pub missing: u64,
}

/// Whether rejects of `job` can be loaded as a source of their own.
///
/// # Errors
/// [`ResendError::Job`]: something in the job relates records to the whole of their source, which a part of it would
/// fail or, worse, pass without having been compared.
pub fn can_be_resent(job: &Job) -> Result<(), ResendError> {
    let no = |why: &str| Err(ResendError::Job { job: job.name.clone(), why: why.into() });
    if job.footing.is_some() {
        return no(
            "its controls compare records with headers, trailers or sequence numbers of the whole source, \
                   which a part of it cannot satisfy; correct the source and load it as a new run",
        );
    }
    if job.records.iter().any(|record| record.position.is_some()) {
        return no(
            "a record type is told by its position in the source, which the records do not have any more; \
                   correct the source and load it as a new run",
        );
    }
    if let Err(error) = can_be_written(job) {
        return no(&error.to_string());
    }
    if job.has_parents() {
        return no(
            "its records belong to the parents before them in the source; correct the source and load it as a \
                   new run",
        );
    }
    if job.format.outside.header_bytes > 0 || job.format.outside.footer_bytes > 0 {
        return no(
            "its source has bytes before or after its records, which are not in the ledger; write the rejects \
                   with `--raw`, and load them with a job of their own",
        );
    }
    if matches!(job.compression, Compression::Gzip | Compression::Zstd) {
        return no(
            "its source must be compressed, and resent records are not; set compression = \"auto\" for later \
                   runs, and load these with `--raw` and a job of their own",
        );
    }
    Ok(())
}

/// What precedes the first record: lines that are no records, and the header row, in formats that have them.
#[must_use]
pub fn preamble(job: &Job) -> Vec<u8> {
    let Form::Delimited(form) = &job.format.form else { return Vec::new() };
    let mut out = vec![b'\n'; form.lead_lines];
    let record = job.records.iter().find(|record| record.position.is_none()).or(job.records.first());
    let (true, Some(record)) = (form.header, record) else { return out };
    let own = || {
        let named = record.own.fields.iter().zip(&record.format.fields);
        named
            .filter(|(_, of)| of.sum_of.is_none())
            .map(|(field, of)| of.header.clone().unwrap_or_else(|| field.name.clone()))
            .collect()
    };
    let names: Vec<String> = job.columns.clone().unwrap_or_else(own);
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            out.push(form.separator);
        }
        let needs = |byte: u8| byte == form.separator || Some(byte) == form.quote || byte == b'\n';
        match form.quote.filter(|_| name.bytes().any(needs)) {
            Some(quote) => {
                out.push(quote);
                for byte in name.bytes() {
                    out.extend(std::iter::repeat_n(byte, if byte == quote { 2 } else { 1 }));
                }
                out.push(quote);
            }
            None => out.extend_from_slice(name.as_bytes()),
        }
    }
    if form.trailing_separator {
        out.push(form.separator);
    }
    out.push(b'\n');
    out
}

/// Writes the run's rejects as rows to edit. Returns how many there are.
///
/// # Errors
/// [`ResendError`] of the store or the file.
pub async fn edit(
    store: &dyn Store,
    run: &Run,
    job: &Job,
    out: &mut (dyn Write + Send),
) -> Result<u64, ResendError> {
    let mut sheet = Sheet::new(job).map_err(|what| StoreError::Damaged { what })?;
    let mut text = String::new();
    put_row(sheet.columns().iter().map(String::as_str), &mut text);
    let (mut after, mut written) = (0, 0);
    loop {
        out.write_all(text.as_bytes())?;
        let rows = store.rejects(run.run_id, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.record_no.0;
        text.clear();
        for row in &rows {
            let cells = sheet.cells(row, standing(run, row));
            put_row(cells.iter().map(String::as_str), &mut text);
            written += 1;
        }
    }
    out.flush()?;
    Ok(written)
}

fn standing(run: &Run, row: &RejectRow) -> Standing {
    let last = run.split.map(|split| split.records);
    Standing { is_first: row.record_no.0 == 1, is_last: Some(row.record_no.0) == last }
}

/// Reads edited rows, and writes the records that were changed, framed like the source.
///
/// # Errors
/// [`ResendError`]; what was written is then of no use.
pub async fn prepare(
    store: &dyn Store,
    run: &Run,
    job: &Job,
    from: impl BufRead + Send,
    out: &mut (dyn Write + Send),
) -> Result<Prepared, ResendError> {
    can_be_resent(job)?;
    let mut sheet = Sheet::new(job).map_err(|what| StoreError::Damaged { what })?;
    let framer = Framer::new(&job.format);
    let mut rows = Rows::new(from);
    let header = rows.row()?.map(|(_, cells)| cells);
    if header.as_deref() != Some(sheet.columns()) {
        let mut expected = String::new();
        put_row(sheet.columns().iter().map(String::as_str), &mut expected);
        let what = format!(
            "the first row must name the columns as `crossfoot rejects --edit` writes them, with commas between them: {}",
            expected.trim_end()
        );
        return Err(ResendError::Row { line: 1, what });
    }
    let mut done = Prepared::default();
    let mut known = HashSet::new();
    let mut framed = preamble(job);
    while let Some((line, cells)) = rows.row()? {
        let wrong = |what: String| ResendError::Row { line, what };
        if cells.len() != sheet.columns().len() {
            let what = format!("the row has {} cells; expected {}", cells.len(), sheet.columns().len());
            return Err(wrong(what));
        }
        let number = cells[0].parse::<u64>().ok().filter(|number| number.to_string() == cells[0]);
        let number = number.ok_or_else(|| wrong("`record_no` is not a record number".into()))?;
        if !known.insert(number) {
            return Err(wrong(format!("record {number} has a row before this one")));
        }
        let Some(reject) = store.reject(run.run_id, number).await? else {
            return Err(wrong(format!("record {number} is not a reject of run {}", run.run_id)));
        };
        let about = |what: String| ResendError::Row { line, what: format!("record {number}: {what}") };
        let corrected = sheet.mend(&reject, standing(run, &reject), &cells).map_err(about)?;
        let Some(record) = corrected else {
            done.unchanged += 1;
            continue;
        };
        let begin = framed.len();
        framer.write(&record, &mut framed).map_err(|error| about(error.to_string()))?;
        let mut found = frames(&framer, &framed[begin..]);
        let is_one = matches!(found.next(), Some(Ok((_, content))) if content == record);
        if !is_one || found.next().is_some() {
            return Err(about("its bytes would not be found again as one record of the source".into()));
        }
        out.write_all(&framed)?;
        done.bytes += framed.len() as u64;
        framed.clear();
        done.records.push(Original { record_no: number, offset: reject.offset });
    }
    if done.records.is_empty() {
        return Err(ResendError::Nothing);
    }
    out.flush()?;
    let rejects = store.reject_counts(run.run_id).await?.total;
    done.missing = rejects.saturating_sub(known.len() as u64);
    Ok(done)
}
