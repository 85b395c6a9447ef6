//! Where a chunk's bytes went (INV-13), record by record as they are decoded.

use domain::bytes::{ByteClass, ByteCounts, BytePlace, ByteShares, TooManyBytes};
use domain::ids::RecordNo;
use format::{Decoded, Frame};

/// A record's extent in its source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// The record's number in its source, from 1.
    pub(crate) record_no: RecordNo,
    /// Where its frame begins in the source's content, in bytes.
    pub(crate) offset: u64,
    /// The frame, as the framer found it; an element of a table has no framing.
    pub(crate) frame: Frame,
    /// How many bytes of the content are not those of elements that are records of their own.
    pub(crate) own: usize,
    /// How many of these are elements that hold nothing and are skipped.
    pub(crate) skipped: usize,
}

impl Extent {
    /// A byte of the record's content.
    const fn place(&self, at: usize) -> BytePlace {
        BytePlace { record_no: self.record_no.0, offset: self.offset + (self.frame.start + at) as u64 }
    }
}

/// What the decoder says of an accepted record's own bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    bytes: ByteCounts,
    data_in_filler: Option<usize>,
}

impl From<&Decoded<'_>> for Told {
    fn from(decoded: &Decoded<'_>) -> Self {
        Self { bytes: *decoded.bytes(), data_in_filler: decoded.data_in_filler() }
    }
}

/// The account of a chunk that is being decoded.
#[derive(Debug)]
pub(crate) struct Account(pub(crate) ByteShares);

impl Account {
    /// Nothing yet, for `types` record types.
    pub(crate) fn new(types: usize) -> Self {
        Self(ByteShares::none(types))
    }

    /// Counts a record of the type at `place` that was accepted. What the decoder says must make the content that the
    /// framer found: neither knows of the other.
    pub(crate) fn accepted(&mut self, place: usize, of: Extent, told: Told) -> Result<(), TooManyBytes> {
        let counts = self.0.of_type(Some(place));
        counts.add(ByteClass::Framing, of.frame.framing() as u64)?;
        let mut bytes = told.bytes;
        bytes.add(ByteClass::Padding, of.skipped as u64)?;
        counts.merge(&bytes)?;
        if !bytes.make(of.own as u64) {
            self.0.unaccounted.note(of.place(0));
        }
        if let (Some(at), Some(places)) = (told.data_in_filler, self.0.filler_data.get_mut(place)) {
            places.note(of.place(at));
        }
        Ok(())
    }

    /// Counts an accepted record that was encoded again, or was not.
    pub(crate) const fn encoded(&mut self, is_proved: bool) {
        let trips = &mut self.0.round_trips;
        let count = if is_proved { &mut trips.proved } else { &mut trips.unproved };
        *count = count.saturating_add(1);
    }

    /// Counts a record that was rejected, whole but for elements that are records of their own; `place` is that of its
    /// type, if it has one.
    pub(crate) fn rejected(&mut self, place: Option<usize>, of: Extent) -> Result<(), TooManyBytes> {
        let counts = self.0.of_type(place);
        counts.add(ByteClass::Framing, of.frame.framing() as u64)?;
        counts.add(ByteClass::Rejects, of.own as u64)
    }
}
