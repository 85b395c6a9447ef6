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
