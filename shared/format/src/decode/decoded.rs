//! What decoding a record gives.

use domain::bytes::{ByteClass, ByteCounts};
use domain::constraint::Reason;
use domain::value::Value;

/// One record as decoded.
#[derive(Debug)]
pub struct Decoded<'a> {
    pub(super) values: Vec<Value<'a>>,
    pub(super) canonical: Option<&'a [u8]>,
    pub(super) decoded: &'a [bool],
    pub(super) reasons: &'a [Reason],
    /// Of which class the record's bytes are; nothing of a reject, which counts whole.
    pub(super) bytes: ByteCounts,
    /// Where FILLER holds data, in bytes from the record's beginning.
    pub(super) data_in_filler: Option<usize>,
    pub(super) home: &'a mut Vec<Value<'static>>,
}

impl<'a> Decoded<'a> {
    /// A record as far as it was decoded, of which no bytes are accounted for yet.
    pub(super) const fn unaccounted(
        values: Vec<Value<'a>>,
        decoded: &'a [bool],
        reasons: &'a [Reason],
        home: &'a mut Vec<Value<'static>>,
    ) -> Self {
        let bytes = ByteCounts::only(ByteClass::Fields, 0);
        Self { values, canonical: None, decoded, reasons, bytes, data_in_filler: None, home }
    }

    /// All values in layout order; NULL where a field could not be decoded.
    #[must_use]
    pub fn values(&self) -> &[Value<'a>] {
        &self.values
    }

    /// The fields of the record's own bytes in canonical form, one after the other, where decoding came by them; only
    /// of an accepted record.
    #[must_use]
    pub const fn canonical(&self) -> Option<&'a [u8]> {
        self.canonical
    }

    /// Adds a value that does not come from the record's bytes: a field after those of the decoder's layout.
    pub fn push(&mut self, value: Value<'a>) {
        self.values.push(value);
    }

    /// Puts another value in the place of a field's, as a decoder with a defect would: for a drill.
    pub fn replace(&mut self, index: usize, value: Value<'a>) {
        if let Some(of_field) = self.values.get_mut(index) {
            *of_field = value;
            self.canonical = None;
        }
    }

    /// Counts the record's bytes in another way, as a decoder with a defect would: for a drill.
    pub const fn recount(&mut self, bytes: ByteCounts) {
        self.bytes = bytes;
    }

    /// Every reason why the record is a reject, in field order; none when it is accepted.
    #[must_use]
    pub const fn reasons(&self) -> &'a [Reason] {
        self.reasons
    }

    /// Whether the field at `index` of the layout was decoded. One that merely breaks a constraint was: a
    /// reject's amounts are summed as far as they can be read.
    #[must_use]
    pub fn is_decoded(&self, index: usize) -> bool {
        self.decoded.get(index).copied().unwrap_or(false)
    }

    /// Of which class the record's own bytes are, as the decoder that read them counted. Only of an accepted record; a
    /// reject counts whole.
    #[must_use]
    pub const fn bytes(&self) -> &ByteCounts {
        &self.bytes
    }

    /// Where FILLER of an accepted record holds something else than blanks, zeros or low-values, in bytes from the
    /// record's beginning.
    #[must_use]
    pub const fn data_in_filler(&self) -> Option<usize> {
        self.data_in_filler
    }

    /// Whether no reason was found against the record.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        self.reasons.is_empty()
    }
}

impl Drop for Decoded<'_> {
    fn drop(&mut self) {
        *self.home = emptied(std::mem::take(&mut self.values));
    }
}

/// The list's memory, for values that borrow from elsewhere. Collecting in place is what the standard library
/// does for items of equal layout; were it ever not to, this would cost an allocation and nothing else.
pub(super) fn emptied<'b>(mut values: Vec<Value<'_>>) -> Vec<Value<'b>> {
    values.clear();
    values.into_iter().map(|_| Value::Null).collect()
}
