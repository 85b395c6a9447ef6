//! Several record types in one source: which of them a record is, and its decoding as such.

use std::sync::Arc;

use format::{Decoded, Decoder};

use crate::{Job, When};

/// One record type's decoder, and what its records hold.
#[derive(Debug, Clone)]
struct Typed {
    decoder: Decoder,
    when: Vec<When>,
}

/// Determines each record's type, and decodes the record.
#[derive(Debug, Clone)]
pub struct Selector {
    types: Vec<Typed>,
}

impl Selector {
    /// For the records of `job`.
    ///
    /// # Errors
    /// In words, when the job's formats cannot be used.
    pub fn new(job: &Job) -> Result<Self, String> {
        let types = job.records.iter().map(|record| {
            let decoder = Decoder::new(&record.format, Arc::clone(&record.own))?;
            Ok(Typed { decoder, when: record.when.clone() })
        });
        Ok(Self { types: types.collect::<Result<_, String>>()? })
    }

    /// The place, among the job's record types, of the first that the record is of; `None`: it is of none.
    #[must_use]
    pub fn type_of(&mut self, record: &[u8]) -> Option<usize> {
        self.types.iter_mut().position(|Typed { decoder, when }| {
            when.iter().all(|when| decoder.peek(record, when.field).is_some_and(|value| when.holds(&value)))
        })
    }

    /// Where the field at `index` of a record of the type at `place` is, and its length; see [`Decoder::place`].
    pub fn field_place(&mut self, place: usize, record: &[u8], index: usize) -> Option<(usize, usize)> {
        self.types.get_mut(place)?.decoder.place(record, index)
    }

    /// Decodes a record of the type at `place`.
    pub fn decode<'a>(&'a mut self, place: usize, record: &'a [u8]) -> Option<Decoded<'a>> {
        self.types.get_mut(place).map(|typed| typed.decoder.decode(record))
    }
}
