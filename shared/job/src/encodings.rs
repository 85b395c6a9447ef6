//! A source that may be in one of several encodings: which one it is, its first records show.
//!
//! The encoding is a fact of each source. Its name takes the list's place in the job's text, and so is a part of the
//! job's digest: workers, resumed runs, evidence and proofs all read the same characters.

use std::ops::Range;

use domain::words::plural;
use format::{Framer, frames};
use thiserror::Error;

use crate::Job;
use crate::error::JobError;
use crate::select::{Selector, Standing};

/// The encodings that a job lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encodings {
    /// Their names, as the job has them.
    pub names: Vec<String>,
    /// Where the list is in the job's text.
    pub(crate) span: Range<usize>,
}

/// How many of a source's first records are of a type that a `when` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// The records whose type is told.
    pub told: u64,
    /// All that were looked at.
    pub of: u64,
}

/// Why it cannot be said which encoding a source is in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "cannot tell which encoding the source is in: {0}; if it is a file of this job, name it (`encoding` under [source])"
)]
pub struct EncodingError(pub String);

impl Encodings {
    /// The job's text with one of the encodings in the list's place.
    pub(crate) fn chosen(&self, text: &str, name: &str) -> String {
        let mut chosen = text.to_owned();
        chosen.replace_range(self.span.clone(), &toml::Value::from(name).to_string());
        chosen
    }

    /// The one in which records are of types that a `when` tells; `tried` has the figures of each. A source without a
    /// record is in the first, for nothing in it is read.
    ///
    /// # Errors
    /// [`EncodingError`] when none or more than one is.
    pub fn found(&self, tried: &[Told]) -> Result<&str, EncodingError> {
        let fitting: Vec<_> = self.names.iter().zip(tried).filter(|(_, told)| told.told > 0).collect();
        let of = tried.iter().map(|told| told.of).max().unwrap_or(0);
        match (&fitting[..], &self.names[..]) {
            ([(name, _)], _) => Ok(name),
            ([], [first, ..]) if of == 0 => Ok(first),
            ([], _) => {
                let first = match of {
                    1 => "its first record is not".to_owned(),
                    _ => format!("none of its first {} is", plural(of, "record")),
                };
                let names = self.names.join(", ");
                Err(EncodingError(format!("{first} of a type that a `when` tells in any of {names}")))
            }
            (several, _) => {
                let shown =
                    several.iter().map(|(name, told)| format!("{name} ({} of {})", told.told, told.of));
                let shown = shown.collect::<Vec<_>>().join(" and ");
                Err(EncodingError(format!("a `when` tells the type of records in {shown}")))
            }
        }
    }
}

impl Job {
    /// The job for a source in the encoding `name`, one of those that it lists.
    ///
    /// # Errors
    /// [`JobError`], which would be a mistake of ours: each was tried when the job was read.
    pub fn in_encoding(&self, name: &str) -> Result<Self, JobError> {
        let Some(listed) = &self.encodings else { return Ok(self.clone()) };
        let mut job = Self::parse(&self.name, &listed.chosen(&self.text, name))?;
        job.masks = self.masks.clone();
        Ok(job)
    }

    /// How many of the records in `bytes` are of a type that a `when` tells. What cannot be framed ends the count.
    ///
    /// # Errors
    /// In words, when the job's formats cannot be used.
    pub fn told_in(&self, bytes: &[u8]) -> Result<Told, String> {
        let mut selector = Selector::new(self)?;
        let mut all = Told::default();
        for frame in frames(&Framer::new(&self.format), bytes) {
            let Ok((_, content)) = frame else { break };
            let place = selector.type_of(content, Standing::default());
            let is_told = place.and_then(|at| self.records.get(at)).is_some_and(|of| !of.when.is_empty());
            all.told += u64::from(is_told);
            all.of += 1;
        }
        Ok(all)
    }
}
