//! COMP, COMP-4, COMP-5, BINARY: two's complement integers.

use super::spec::ByteOrder;
use super::zoned::Wrong;

/// Reads binary numbers of one form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Binary {
    pub(super) signed: bool,
    pub(super) order: ByteOrder,
}

impl Binary {
    /// The integer that the bytes, 1 to 16 of them, are.
    pub(super) fn read(&self, bytes: &[u8]) -> Result<i128, Wrong> {
        // Most are of 2, 4 or 8 bytes in one order; the compiler makes each a single load.
        match (self.order, bytes) {
            (ByteOrder::BigEndian, &[a, b]) => {
                let value = [a, b];
                Ok(if self.signed {
                    i16::from_be_bytes(value).into()
                } else {
                    u16::from_be_bytes(value).into()
                })
            }
            (ByteOrder::BigEndian, &[a, b, c, d]) => {
                let value = [a, b, c, d];
                Ok(if self.signed {
                    i32::from_be_bytes(value).into()
                } else {
                    u32::from_be_bytes(value).into()
                })
            }
            (ByteOrder::BigEndian, &[a, b, c, d, e, f, g, h]) => {
                let value = [a, b, c, d, e, f, g, h];
                Ok(if self.signed {
                    i64::from_be_bytes(value).into()
                } else {
                    u64::from_be_bytes(value).into()
                })
            }
            _ => self.read_any(bytes),
        }
    }

    fn read_any(&self, bytes: &[u8]) -> Result<i128, Wrong> {
        let high = match self.order {
            ByteOrder::BigEndian => bytes.first(),
            ByteOrder::LittleEndian => bytes.last(),
        };
        let is_negative = self.signed && high.is_some_and(|high| *high >= 0x80);
        let mut whole = [if is_negative { 0xFF } else { 0 }; 16];
        let start = whole.len().checked_sub(bytes.len()).ok_or(Wrong::TooLarge)?;
        match self.order {
            ByteOrder::BigEndian => whole[start..].copy_from_slice(bytes),
            ByteOrder::LittleEndian => {
                for (to, from) in whole[start..].iter_mut().zip(bytes.iter().rev()) {
                    *to = *from;
                }
            }
        }
        let value = i128::from_be_bytes(whole);
        // Past the positive half of 128 bits an unsigned number has more digits than can be held.
        if !self.signed && value < 0 { Err(Wrong::TooLarge) } else { Ok(value) }
    }
}
