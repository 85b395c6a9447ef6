//! Infers a job file from a sample of a delimited file.
//!
//! ```text
//! bytes ─ sample ─► text ─ dialect ─► rows ─┬─ header: does the first row name the columns
//!                                           ├─ types, dates, names: what a column holds and is called
//!                                           ├─ keys: which columns identify a record
//!                                           └─ write: the job file
//! ```
//!
//! A sample proves nothing about the rest of the file. The inference errs on the safe side (text rather than a
//! number that would lose its zeros), and reports each choice in the file and in the notes.

mod columns;
pub(crate) mod copybook;
mod dates;
mod dialect;
mod elements;
pub(crate) mod fits;
mod header;
mod keys;
mod names;
pub(crate) mod plausible;
mod record_types;
mod rows;
mod sample;
mod types;
pub(crate) mod write;

#[cfg(test)]
mod loads;
#[cfg(test)]
mod tests;

use columns::Columns;
use dialect::Found;
use thiserror::Error;

/// An inferred job file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inferred {
    /// The text of the job file, in TOML.
    pub(crate) text: String,
    /// Points that the user should check, one sentence each.
    pub(crate) notes: Vec<String>,
}

/// Why nothing can be inferred from a sample.
#[derive(Debug, Error)]
pub(crate) enum InferError {
    /// It is something else than delimited text.
    #[error("the sample {0}")]
    Foreign(&'static str),
    /// There is nothing in it.
    #[error("the sample is empty")]
    Empty,
    /// It is not text.
    #[error("the sample is not plain text: {controls} of its {bytes} bytes are control characters")]
    NotText {
        /// How many control characters it has.
        controls: usize,
        /// How long it is.
        bytes: usize,
    },
    /// Its lines end in a way that no job can name.
    #[error("the sample's lines end with CR only; convert them to LF or CRLF")]
    CrOnly,
    /// Nothing separates its fields.
    #[error("{}", not_delimited(*longest))]
    NotDelimited {
        /// The length of its longest line in bytes.
        longest: usize,
    },
    /// It holds no whole record.
    #[error("the sample has no line end, so it holds no complete record")]
    NoLineEnd,
    /// What was inferred is no job.
    #[error("the generated job file is invalid, which is a bug in crossfoot: {0}")]
    Invalid(job::JobError),
}

/// Infers the job `name` from `sample`, the first bytes of a file or (`whole_file`) all of them. Unless it is
/// the whole file, its last line is assumed to be incomplete.
///
/// # Errors
/// [`InferError`] says why nothing can be inferred.
pub(crate) fn infer(name: &str, sample: &[u8], whole_file: bool) -> Result<Inferred, InferError> {
    let mut notes = Vec::new();
    let (text, encoding) = sample::text(sample, whole_file)?;
    if encoding != sample::Encoding::Utf8 {
        let assumed = if encoding == sample::Encoding::Latin1 { "latin-1" } else { "windows-1252" };
        notes.push(format!(
            "the sample is not UTF-8; assuming {assumed}: look for wrong letters in the preview of `crossfoot check`"
        ));
    }
    let longest = || text.lines().map(str::len).max().unwrap_or(0);
    let found =
        dialect::find(&text, whole_file).ok_or_else(|| InferError::NotDelimited { longest: longest() })?;
    if found.rows.is_empty() {
        return Err(InferError::NoLineEnd);
    }
    note_odd_rows(&found, &mut notes);
    let columns = Columns::find(&found, &mut notes);
    let key = keys::find(&columns, &mut notes);
    let text = write::job_file(name, encoding, &found, &columns, &key);
    match job::Job::parse("the inferred job", &text) {
        Ok(_) => Ok(Inferred { text, notes }),
        Err(error) => Err(InferError::Invalid(error)),
    }
}

/// The maximum number of line numbers in a note.
const LISTED_MAX: usize = 3;

fn note_odd_rows(found: &Found<'_>, notes: &mut Vec<String>) {
    if !found.odd_lines.is_empty() {
        let listed: Vec<String> = found.odd_lines.iter().take(LISTED_MAX).map(ToString::to_string).collect();
        let more = if found.odd_lines.len() > LISTED_MAX { ", ..." } else { "" };
        notes.push(format!(
            "{} of {} rows would be rejected, because they do not have {} fields like the others or their quotes \
             are unbalanced (line {}{more})",
            found.odd_lines.len(),
            found.rows.len() + found.odd_lines.len(),
            found.width,
            listed.join(", ")
        ));
    }
    if let Some(line) = found.blank_line {
        notes.push(format!("line {line} is empty and would be rejected, because every line is a record"));
    }
    if found.trailing_separator {
        notes.push(
            "every row ends with the separator, which is read as the end of the row and not as an extra \
         empty column"
                .into(),
        );
    }
}

fn not_delimited(longest: usize) -> String {
    format!(
        "no separator (`,` `;` `|` or tab) splits the lines into equal numbers of fields, and only delimited samples \
         can be inferred. For fixed positions (the longest line has {longest} bytes), start from this job file:\n\n\
         [job]\nname = \"NAME\"\n\n[source]\nformat = \"fixed\"\n\n[[record]]\nname = \"RECORD\"\n\
         staging = \"stg_NAME\"\nfinal = \"NAME\"\n\n[[record.field]]\nname = \"FIELD\"\ntype = \"text(10)\"\n\
         start = 1   # from 1, in bytes\nwidth = 10\n"
    )
}
