//! Bytes of a record that its layout gives to nobody: after the last field, or in the room of occurrences that a count
//! does not cover. What is there is checked, because dropping it unseen could drop data.

use domain::constraint::ReasonCode;

use super::fault::Fault;

/// What may be in bytes that the layout assigns to no field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Padding {
    /// Spaces and low-values (0x00), and only where the layout itself has room: a record may not be longer.
    #[default]
    LaidOut,
    /// Spaces and low-values, however long the record is.
    Blank,
    /// Anything, however long the record is.
    Any,
}

impl Padding {
    /// Whether a record may be longer than its layout.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Blank | Self::Any)
    }

    /// Why the bytes from `start` to `end` of the record are no padding; `None` when they are.
    pub(crate) fn objection(
        self,
        record: &[u8],
        (start, end): (usize, usize),
        space: u8,
        place: impl FnOnce() -> String,
    ) -> Option<Fault> {
        if self == Self::Any {
            return None;
        }
        let bytes = record.get(start..end.min(record.len()))?;
        let first = bytes.iter().position(|byte| *byte != space && *byte != 0)?;
        Some(objection(bytes.len(), start, first, place()))
    }
}

#[cold]
fn objection(length: usize, start: usize, first: usize, place: String) -> Fault {
    let (bytes, belong, are) =
        if length == 1 { ("byte", "belongs", "is") } else { ("bytes", "belong", "are") };
    Fault::new(
        ReasonCode::Padding,
        format!(
            "{length} {bytes} {place}, from offset {start}, {belong} to no field and {are} not blank; the first is \
             at offset {}",
            start + first
        ),
    )
}

/// What FILLER may hold, as long as the longest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blanks {
    space: u8,
    zero: u8,
    spaces: Vec<u8>,
    zeros: Vec<u8>,
    lows: Vec<u8>,
}

impl Blanks {
    pub(crate) fn new(space: u8, longest: usize) -> Self {
        // The page's zero: 0xF0 where the space is EBCDIC's.
        let zero = if space == 0x40 { 0xF0 } else { b'0' };
        let of = |byte: u8| vec![byte; longest];
        Self { space, zero, spaces: of(space), zeros: of(zero), lows: of(0) }
    }

    /// Where the bytes hold data. Nearly all FILLER is of one byte, which one comparison of slices tells.
    pub(crate) fn data_in(&self, bytes: &[u8], is_packed: bool) -> Option<usize> {
        let alike = |blank: &[u8]| blank.get(..bytes.len()) == Some(bytes);
        if alike(&self.spaces) || alike(&self.lows) || alike(&self.zeros) {
            return None;
        }
        // The sign of a packed zero.
        let bytes = match bytes.split_last() {
            Some((0x0C | 0x0D | 0x0F, digits)) if is_packed => digits,
            _ => bytes,
        };
        bytes.iter().position(|byte| *byte != self.space && *byte != self.zero && *byte != 0)
    }
}
