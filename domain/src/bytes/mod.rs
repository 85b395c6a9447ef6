//! Where the bytes of a source went (INV-13): every byte of every record is of exactly one class.
//!
//! ```text
//! source bytes (after decompression) = framing + fields + filler + unused views + left out + padding + rejects
//! ```
//!
//! The left side is what the splitter cut; the right side is counted by the decoders, each class from the places that
//! the layout names. Neither is made of the other, so that a decoder that loses sight of a byte is found out.

mod balance;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::round_trip::{RoundTrips, TooManyValues};
use crate::words::grouped;

pub use balance::{ACCOUNTED, BY_CHUNK, ByteBalance, ByteEvidence, TypeBytes};

/// How many places are kept of what was noticed.
pub const PLACES_MAX: usize = 3;

macro_rules! classes {
    ($($name:ident $member:ident $words:literal, $text:literal;)*) => {
        /// What a byte of the source is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ByteClass {
            $(
                #[doc = $text]
                $name,
            )*
        }

        impl ByteClass {
            /// All of them, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The class as a person reads it.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }

            /// The class in one sentence.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }

        /// How many bytes are of each class.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct ByteCounts {
            $(
                #[doc = $text]
                pub $member: u64,
            )*
        }

        impl ByteCounts {
            /// How many bytes are of `class`.
            #[must_use]
            pub const fn of(&self, class: ByteClass) -> u64 {
                match class { $(ByteClass::$name => self.$member,)* }
            }

            const fn of_mut(&mut self, class: ByteClass) -> &mut u64 {
                match class { $(ByteClass::$name => &mut self.$member,)* }
            }
        }
    };
}

classes! {
    Framing framing "framing", "Line ends, lengths before records and blocks, delimiters, quotes, headers and footers of the file.";
    Fields fields "fields", "Bytes of a field that was decoded, and of numbers that decoding needs.";
    Filler filler "filler", "FILLER and slack bytes of a copybook, and gaps between the fields of a fixed layout.";
    UnusedViews unused_views "unused views", "Bytes that only a view (REDEFINES) which the record type does not use reaches.";
    LeftOut left_out "left out", "Items that the job leaves out (`leave_out`), and parts of columns that it drops.";
    Padding padding "padding", "Bytes after the layout's end or in the room of absent occurrences, checked unless `padding` is `any`.";
    Rejects rejects "rejects", "Records that were rejected, each whole but for its framing.";
}

/// More bytes than a count can hold; no source has so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the bytes of a class are more than can be counted")]
pub struct TooManyBytes;

impl ByteCounts {
    /// `bytes` of one class.
    #[must_use]
    pub const fn only(class: ByteClass, bytes: u64) -> Self {
        let mut counts =
            Self { framing: 0, fields: 0, filler: 0, unused_views: 0, left_out: 0, padding: 0, rejects: 0 };
        *counts.of_mut(class) = bytes;
        counts
    }

    /// Counts `bytes` more of a class.
    ///
    /// # Errors
    /// [`TooManyBytes`], with the counts left as they were.
    pub const fn add(&mut self, class: ByteClass, bytes: u64) -> Result<(), TooManyBytes> {
        let count = self.of_mut(class);
        match count.checked_add(bytes) {
            Some(sum) => {
                *count = sum;
                Ok(())
            }
            None => Err(TooManyBytes),
        }
    }

    /// Adds every class of `other`, `times` over.
    ///
    /// # Errors
    /// [`TooManyBytes`]; some classes may be added then.
    pub fn add_times(&mut self, other: &Self, times: u64) -> Result<(), TooManyBytes> {
        for class in ByteClass::ALL {
            let bytes = other.of(*class).checked_mul(times).ok_or(TooManyBytes)?;
            self.add(*class, bytes)?;
        }
        Ok(())
    }

    /// Adds every class of `other`.
    ///
    /// # Errors
    /// [`TooManyBytes`]; some classes may be added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), TooManyBytes> {
        self.add_times(other, 1)
    }

    /// The bytes of all classes together.
    ///
    /// # Errors
    /// [`TooManyBytes`].
    pub fn total(&self) -> Result<u64, TooManyBytes> {
        let all = ByteClass::ALL.iter().map(|class| self.of(*class));
        all.into_iter().try_fold(0_u64, u64::checked_add).ok_or(TooManyBytes)
    }

    /// Whether all classes together are exactly `bytes`.
    #[must_use]
    pub fn make(&self, bytes: u64) -> bool {
        self.total() == Ok(bytes)
    }
}

/// A record's place in its source: what may be shown of it without its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BytePlace {
    /// The record's number in its source, from 1.
    pub record_no: u64,
    /// The offset in the source's content, in bytes, of what was noticed.
    pub offset: u64,
}

/// Records at which something was noticed: how many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Places {
    /// How many records.
    pub records: u64,
    /// The first of them, at most three.
    pub first: Vec<BytePlace>,
}

impl Places {
    /// Counts one more record; records come in ascending order.
    pub fn note(&mut self, place: BytePlace) {
        self.records = self.records.saturating_add(1);
        if self.first.len() < PLACES_MAX {
            self.first.push(place);
        }
    }

    /// Adds those of a later part of the source.
    ///
    /// # Errors
    /// [`TooManyBytes`], if there are more records than can be counted.
    pub fn merge(&mut self, later: &Self) -> Result<(), TooManyBytes> {
        self.records = self.records.checked_add(later.records).ok_or(TooManyBytes)?;
        let room = PLACES_MAX.saturating_sub(self.first.len());
        self.first.extend(later.first.iter().take(room));
        Ok(())
    }

    /// The first place in words: `record 12, at byte 1,408`.
    #[must_use]
    pub fn first_in_words(&self) -> Option<String> {
        let BytePlace { record_no, offset } = self.first.first()?;
        Some(format!("record {}, at byte {}", grouped(*record_no), grouped(*offset)))
    }
}

/// Where the bytes of a chunk, or of all chunks of a run, went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByteShares {
    /// For each record type, its records' bytes by class, framing included.
    pub types: Vec<ByteCounts>,
    /// Bytes of records that are of no type: framing and rejects.
    pub untyped: ByteCounts,
    /// Records whose classes do not add up to the record's length.
    pub unaccounted: Places,
    /// For each record type, records whose FILLER holds something else than blanks, zeros or low-values.
    pub filler_data: Vec<Places>,
    /// What encoding the accepted records came to (INV-14).
    #[serde(default, skip_serializing_if = "RoundTrips::is_empty")]
    pub round_trips: RoundTrips,
}

impl ByteShares {
    /// Nothing yet, for `types` record types.
    #[must_use]
    pub fn none(types: usize) -> Self {
        Self {
            types: vec![ByteCounts::default(); types],
            filler_data: vec![Places::default(); types],
            ..Self::default()
        }
    }

    /// The shares of one record type; those of no type where there is no such type.
    pub fn of_type(&mut self, place: Option<usize>) -> &mut ByteCounts {
        match place.and_then(|place| self.types.get_mut(place)) {
            Some(of_type) => of_type,
            None => &mut self.untyped,
        }
    }

    /// Adds those of the next chunk.
    ///
    /// # Errors
    /// [`SharesError`] when they do not fit together.
    pub fn merge(&mut self, next: &Self) -> Result<(), SharesError> {
        if self.types.len() != next.types.len() || self.filler_data.len() != next.filler_data.len() {
            return Err(SharesError::OtherTypes { expected: self.types.len(), found: next.types.len() });
        }
        for (sum, of_type) in self.types.iter_mut().zip(&next.types) {
            sum.merge(of_type)?;
        }
        self.untyped.merge(&next.untyped)?;
        self.unaccounted.merge(&next.unaccounted)?;
        for (sum, of_type) in self.filler_data.iter_mut().zip(&next.filler_data) {
            sum.merge(of_type)?;
        }
        Ok(self.round_trips.merge(&next.round_trips)?)
    }

    /// The classes of all record types together.
    ///
    /// # Errors
    /// [`TooManyBytes`].
    pub fn classes(&self) -> Result<ByteCounts, TooManyBytes> {
        let mut all = self.untyped;
        for of_type in &self.types {
            all.merge(of_type)?;
        }
        Ok(all)
    }

    /// The bytes of all classes and all types together.
    ///
    /// # Errors
    /// [`TooManyBytes`].
    pub fn total(&self) -> Result<u64, TooManyBytes> {
        self.classes()?.total()
    }

    /// Whether the classes make `bytes` together, and each record's make that record.
    #[must_use]
    pub fn account_for(&self, bytes: u64) -> bool {
        self.unaccounted.records == 0 && self.total() == Ok(bytes)
    }
}

/// Why shares cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SharesError {
    /// They are of another number of record types.
    #[error("bytes are counted for {found} record types; expected {expected}")]
    OtherTypes {
        /// How many record types there are.
        expected: usize,
        /// How many were counted.
        found: usize,
    },
    /// A count does not fit.
    #[error(transparent)]
    TooMany(#[from] TooManyBytes),
    /// A count of values does not fit.
    #[error(transparent)]
    TooManyValues(#[from] TooManyValues),
}
