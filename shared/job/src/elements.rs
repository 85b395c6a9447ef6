//! A record and the elements of its tables that are records of their own: which bytes are whose.
//!
//! ```text
//! record 7            order  ████████████████░░░░░░██████   its own bytes, and 3 elements of 24
//!   record 8          line           ████████
//!   record 9          line                   ██████         with a table of its own
//!     record 10       tax                      ████
//!   record 11         line                         ░░░░     holds nothing: skipped, if the job says so
//! ```
//!
//! The splitter numbers them so, and decoding gives each of them a row: both ask here, so that a chunk has as many
//! records for one as for the other. How many a record has depends on its bytes alone, whether it is accepted or not.

use std::ops::Range;

use domain::limits::CHUNK_RECORDS_MAX;
use format::Form;
use format::cobol::elements::{CutShort, ElementFinder, Emptiness};
use format::copybook::plan::Element;
use thiserror::Error;

use crate::Job;

/// A record has more elements than a chunk may have records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the tables of one record have more than {CHUNK_RECORDS_MAX} elements that are records of their own")]
pub struct TooManyElements;

/// A record, or an element of one of its tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The place of its record type.
    pub place: usize,
    /// The element's number in its table, from 1; 0: it is the record itself.
    pub number: u64,
    /// Which of the parts its parent is; the record is its own.
    pub parent: usize,
    /// Where it is in the record's content.
    pub bytes: Range<usize>,
    /// How many of these bytes are not those of elements.
    pub own: usize,
    /// How many of its own bytes are elements that hold nothing and are skipped.
    pub skipped: usize,
    /// Its elements, skipped ones too, among [`Parts::elements`].
    pub elements: Range<usize>,
    /// Its table that ends after the record does: then it has no elements, and is a reject.
    pub cut_short: Option<CutShort>,
}

/// A record and its elements, in the order of their numbers: a parent precedes its elements.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// The record, then its elements.
    pub all: Vec<Part>,
    /// The elements of each part, as its layout places them in it.
    pub elements: Vec<Element>,
}

/// Finds the elements of records.
#[derive(Debug, Clone)]
pub struct Elements(Vec<OfType>);

/// What is known of one record type.
#[derive(Debug, Clone, Default)]
struct OfType {
    /// Finds the elements of its records, if they have some.
    finder: Option<ElementFinder>,
    /// Of each of its tables, the place of the elements' type.
    tables: Vec<usize>,
    /// Tells, of an element, whether it is skipped.
    emptiness: Option<Emptiness>,
}

impl Elements {
    /// For the records of `job`; `None`: no element is a record.
    ///
    /// # Errors
    /// In words, when the job's formats cannot be used.
    pub fn new(job: &Job) -> Result<Option<Self>, String> {
        if !job.has_rows() {
            return Ok(None);
        }
        let mut types = vec![OfType::default(); job.records.len()];
        for (place, record) in job.records.iter().enumerate() {
            let (Some(rows), Form::Copybook(form)) = (&record.rows, &record.format.form) else { continue };
            if rows.skips_empty {
                types[place].emptiness = Some(Emptiness::new(&form.record)?);
            }
            let tables = &mut types[rows.parent].tables;
            tables.resize(tables.len().max(rows.of + 1), 0);
            tables[rows.of] = place;
        }
        for (of_type, record) in types.iter_mut().zip(&job.records) {
            if let (false, Form::Copybook(form)) = (of_type.tables.is_empty(), &record.format.form) {
                of_type.finder = Some(ElementFinder::new(&form.record)?);
            }
        }
        Ok(Some(Self(types)))
    }

    /// Puts a record of the type at `place`, and its elements, into `parts`.
    ///
    /// # Errors
    /// [`TooManyElements`].
    pub fn of(&mut self, place: usize, content: &[u8], parts: &mut Parts) -> Result<(), TooManyElements> {
        parts.start(place, content.len());
        self.add_elements(0, content, parts)
    }

    /// Adds the elements of the part at `parent`, and theirs. A job has such tables in tables four deep at most.
    fn add_elements(
        &mut self,
        parent: usize,
        content: &[u8],
        parts: &mut Parts,
    ) -> Result<(), TooManyElements> {
        let Part { place, bytes, .. } = parts.all[parent].clone();
        let Some(of_type) = self.0.get_mut(place) else { return Ok(()) };
        let Some(finder) = &mut of_type.finder else { return Ok(()) };
        let mut elements = Vec::new();
        let found = finder.find(&content[bytes.clone()], &mut elements);
        parts.all[parent].cut_short = found.err();
        let tables = of_type.tables.clone();
        let first = parts.elements.len();
        parts.elements.extend_from_slice(&elements);
        parts.all[parent].elements = first..parts.elements.len();
        for element in elements {
            let Some(place) = tables.get(element.of).copied() else { continue };
            let length = element.end - element.start;
            let at = bytes.start + element.start..bytes.start + element.end;
            let emptiness = self.0.get_mut(place).and_then(|of_type| of_type.emptiness.as_mut());
            if emptiness.is_some_and(|emptiness| emptiness.is_empty(&content[at.clone()])) {
                parts.all[parent].skipped += length;
                continue;
            }
            if parts.all.len() as u64 >= CHUNK_RECORDS_MAX {
                return Err(TooManyElements);
            }
            parts.all[parent].own -= length;
            let (number, own) = (element.number as u64, length);
            parts.all.push(Part { number, parent, bytes: at, own, ..Part::whole(place, 0) });
            self.add_elements(parts.all.len() - 1, content, parts)?;
        }
        Ok(())
    }
}

impl Part {
    /// A record of `length` bytes without elements.
    const fn whole(place: usize, length: usize) -> Self {
        Self {
            place,
            number: 0,
            parent: 0,
            bytes: 0..length,
            own: length,
            skipped: 0,
            elements: 0..0,
            cut_short: None,
        }
    }

    /// Whether it is an element of another part.
    #[must_use]
    pub const fn is_element(&self) -> bool {
        self.number > 0
    }
}

impl Parts {
    /// Begins a record of the type at `place`, without elements so far.
    pub fn start(&mut self, place: usize, length: usize) {
        self.elements.clear();
        self.all.clear();
        self.all.push(Part::whole(place, length));
    }
}
