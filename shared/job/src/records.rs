//! The records of a chunk with their numbers, elements of tables among them, without decoding any.

use domain::ids::RecordNo;
use format::{FrameErrorAt, Framer, frames};
use thiserror::Error;

use crate::Job;
use crate::elements::{Elements, Parts, TooManyElements};
use crate::select::{Selector, Standing};

/// A record as it lies in its chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The record's number in its source, from 1.
    pub record_no: RecordNo,
    /// Where it begins in the chunk, framing included. An element has none, and begins where its bytes do.
    pub at: usize,
    /// Where its content begins in the chunk.
    pub start: usize,
    /// Where its content ends in the chunk.
    pub end: usize,
    /// Where the next record that is no element begins.
    pub next: usize,
    /// The place of its record type; `None` if it is of none, or if nobody has to know.
    pub place: Option<usize>,
    /// The number of the record whose element it is; itself, if it is none.
    pub within: RecordNo,
    /// Whether it is the first or the last record of the source.
    pub standing: Standing,
}

impl Found {
    /// Whether it is an element of another record's table.
    #[must_use]
    pub const fn is_element(&self) -> bool {
        self.within.0 != self.record_no.0
    }
}

/// Why the records of a chunk are not known.
#[derive(Debug, Error)]
pub enum RecordsError {
    /// The end of a record cannot be found.
    #[error("{}", .0.error)]
    Frame(FrameErrorAt),
    /// A record has too many elements.
    #[error("{error}")]
    TooMany {
        /// Where the record begins in the chunk.
        offset: usize,
        /// How many records precede it in the chunk.
        records: u64,
        /// What is wrong with it.
        error: TooManyElements,
    },
}

/// Finds the records of chunks.
#[derive(Debug, Clone)]
pub struct Records {
    framer: Framer,
    /// Tells record types, where the number of a record, or its parent's, depends on them.
    selector: Option<Selector>,
    elements: Option<Elements>,
    parts: Parts,
}

impl Records {
    /// For the records of `job`.
    ///
    /// # Errors
    /// In words, when the job's formats cannot be used.
    pub fn new(job: &Job) -> Result<Self, String> {
        let needs_types = job.has_rows() || job.has_parents();
        Ok(Self {
            framer: Framer::new(&job.format),
            selector: needs_types.then(|| Selector::new(job)).transpose()?,
            elements: Elements::new(job)?,
            parts: Parts::default(),
        })
    }

    /// The records of `bytes`, which are whole records and begin with the record numbered `first`. `ends_source`: the
    /// source ends with them.
    ///
    /// # Errors
    /// [`RecordsError`], which the splitter would have met too.
    pub fn find(
        &mut self,
        first: RecordNo,
        ends_source: bool,
        bytes: &[u8],
    ) -> Result<Vec<Found>, RecordsError> {
        let Self { framer, selector, elements, parts } = self;
        let (mut out, mut record_no) = (Vec::new(), first);
        let mut all = frames(framer, bytes);
        while let Some(frame) = all.next() {
            let (at, content) = frame.map_err(RecordsError::Frame)?;
            let (frame, next) = (all.latest(), at + all.latest().total);
            let standing =
                Standing { is_first: record_no.0 == 1, is_last: ends_source && next == bytes.len() };
            let place = selector.as_mut().and_then(|selector| selector.type_of(content, standing));
            let begin = at + frame.start;
            let whole = Found {
                record_no,
                at,
                start: begin,
                end: at + frame.end,
                next,
                place,
                within: record_no,
                standing,
            };
            out.push(whole);
            record_no.0 += 1;
            if let (Some(elements), Some(place)) = (&mut *elements, place) {
                let (offset, records) = (at, out.len() as u64 - 1);
                let too_many = |error| RecordsError::TooMany { offset, records, error };
                elements.of(place, content, parts).map_err(too_many)?;
                for part in parts.all.iter().skip(1) {
                    let (start, end) = (begin + part.bytes.start, begin + part.bytes.end);
                    let within = RecordNo(whole.record_no.0 + part.parent as u64);
                    let (place, standing) = (Some(part.place), Standing::default());
                    out.push(Found { record_no, at: start, start, end, next, place, within, standing });
                    record_no.0 += 1;
                }
            }
        }
        Ok(out)
    }
}
