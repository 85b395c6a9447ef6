//! Lengths before records, before blocks of records, and within records.

use super::error::{FrameError, UnframeableError};
use crate::cobol::ByteOrder;
use crate::spec::{LengthField, LengthKind, Prefix, PrefixForm};

/// The longest block that a descriptor of two bytes tells: 32,760 bytes on z/OS (DFSMS Using Data Sets).
pub(super) const BLOCK_BYTES_MAX: usize = 32_760;

/// The bit that tells an extended block descriptor, whose other 31 bits are all the length (large block interface).
const EXTENDED: u32 = 1 << 31;

/// The length of a record, or of a block, header included; `None`: more bytes are needed to tell.
type Told = Result<Option<usize>, FrameError>;

impl Prefix {
    /// Bytes of the prefix.
    pub(super) const fn width(self) -> usize {
        match self.form {
            PrefixForm::Two => 2,
            PrefixForm::Descriptor | PrefixForm::Four => 4,
        }
    }

    /// The record that begins with `bytes`.
    pub(super) fn record(self, bytes: &[u8], at_end: bool, max: usize) -> Told {
        self.told(bytes, at_end, 0, max, |header| match self.form {
            PrefixForm::Two => Ok(u64::from(self.two(header))),
            PrefixForm::Four => Ok(u64::from(self.four(header))),
            PrefixForm::Descriptor => {
                let (length, rest) = self.descriptor(header);
                // Byte 2 of IBM's descriptor is the segment control code; only 0 is a complete record.
                match (rest, self.order) {
                    (0, _) => Ok(u64::from(length)),
                    (rest, ByteOrder::BigEndian) if rest >> 8 != 0 => {
                        Err(FrameError::Spanned { control: (rest >> 8) as u8 })
                    }
                    (found, _) => Err(FrameError::NotZero { found }),
                }
            }
        })
    }

    /// The block that begins with `bytes`. It holds one record at least, of which the prefix is the least.
    pub(super) fn block(self, bytes: &[u8], at_end: bool, record_bytes_max: usize) -> Told {
        let max = record_bytes_max.max(BLOCK_BYTES_MAX);
        self.told(bytes, at_end, self.width(), max, |header| {
            if self.order == ByteOrder::BigEndian && self.four(header) & EXTENDED != 0 {
                return Ok(u64::from(self.four(header) & !EXTENDED));
            }
            match self.descriptor(header) {
                (length, 0) => Ok(u64::from(length)),
                (_, found) => Err(FrameError::NotZero { found }),
            }
        })
    }

    fn told(
        self,
        bytes: &[u8],
        at_end: bool,
        within_min: usize,
        max: usize,
        read: impl FnOnce(&[u8]) -> Result<u64, FrameError>,
    ) -> Told {
        let width = self.width();
        let Some(header) = bytes.get(..width) else { return truncated(bytes.len(), width, at_end) };
        let length = read(header)?;
        if length == 0 {
            return Err(FrameError::ZeroLength);
        }
        let (least, more) =
            if self.includes_itself { (width + within_min, 0) } else { (within_min, width as u64) };
        if length < least as u64 {
            return Err(FrameError::LengthTooSmall { length, least });
        }
        whole(length + more, bytes.len(), at_end, max)
    }

    /// Appends the prefix of a record of `content` bytes.
    pub(super) fn write(self, content: usize, out: &mut Vec<u8>) -> Result<(), UnframeableError> {
        let too_long = || UnframeableError::TooLong { bytes: content };
        if content == 0 && !self.includes_itself {
            return Err(UnframeableError::Empty);
        }
        let length = content + if self.includes_itself { self.width() } else { 0 };
        let length = u32::try_from(length).map_err(|_| too_long())?;
        let two = || u16::try_from(length).map_err(|_| too_long());
        let mut bytes = match self.form {
            PrefixForm::Four => length.to_be_bytes().to_vec(),
            PrefixForm::Two => two()?.to_be_bytes().to_vec(),
            PrefixForm::Descriptor => (u32::from(two()?) << 16).to_be_bytes().to_vec(),
        };
        if self.order == ByteOrder::LittleEndian {
            bytes.reverse();
        }
        out.append(&mut bytes);
        Ok(())
    }

    /// A descriptor's length, and its other half.
    fn descriptor(self, header: &[u8]) -> (u16, u16) {
        let both = self.four(header);
        ((both >> 16) as u16, both as u16)
    }

    fn two(self, header: &[u8]) -> u16 {
        number(header, self.order) as u16
    }

    fn four(self, header: &[u8]) -> u32 {
        number(header, self.order) as u32
    }
}

impl LengthField {
    /// The record that begins with `bytes`.
    pub(super) fn record(self, bytes: &[u8], at_end: bool, max: usize) -> Told {
        let least = self.start + self.width;
        let Some(field) = bytes.get(self.start..least) else { return truncated(bytes.len(), least, at_end) };
        let number = self.number(field).map_err(|at| FrameError::NoNumber { at: self.start + at })?;
        let length = i128::from(number) + i128::from(self.adds);
        match u64::try_from(length) {
            Ok(0) | Err(_) => Err(FrameError::ZeroLength),
            Ok(length) if length < least as u64 => Err(FrameError::LengthTooSmall { length, least }),
            Ok(length) => whole(length, bytes.len(), at_end, max),
        }
    }

    /// The number, or where in the field there is none.
    fn number(self, field: &[u8]) -> Result<u64, usize> {
        let append = |number: u64, digit: u8| number.checked_mul(10)?.checked_add(u64::from(digit));
        match self.kind {
            LengthKind::Binary(order) => {
                if field.len() > 8 {
                    return Err(0);
                }
                Ok(number(field, order))
            }
            LengthKind::Digits(zero) => field.iter().enumerate().try_fold(0, |number, (at, byte)| {
                let digit = byte.checked_sub(zero).filter(|digit| *digit <= 9).ok_or(at)?;
                append(number, digit).ok_or(at)
            }),
            LengthKind::Packed => {
                let last = field.len().saturating_sub(1);
                field.iter().enumerate().try_fold(0, |number, (at, byte)| {
                    let (high, low) = (byte >> 4, byte & 0xF);
                    let number = Some(high).filter(|digit| *digit <= 9).and_then(|d| append(number, d));
                    let number = number.ok_or(at)?;
                    if at < last {
                        return Some(low)
                            .filter(|digit| *digit <= 9)
                            .and_then(|d| append(number, d))
                            .ok_or(at);
                    }
                    // A, C, E and F are plus; B and D minus.
                    if matches!(low, 0xA | 0xC | 0xE | 0xF) { Ok(number) } else { Err(at) }
                })
            }
        }
    }
}

fn truncated(have: usize, want: usize, at_end: bool) -> Told {
    if at_end { Err(FrameError::TruncatedLength { have, want }) } else { Ok(None) }
}

/// Whether a record or block of this length, header included, is there.
fn whole(length: u64, have: usize, at_end: bool, max: usize) -> Told {
    let length = match usize::try_from(length) {
        Ok(length) if length <= max => length,
        _ => return Err(FrameError::LengthTooLarge { length, max }),
    };
    match have >= length {
        true => Ok(Some(length)),
        false if at_end => Err(FrameError::PastEnd { length, have }),
        false => Ok(None),
    }
}

/// The bytes as an unsigned number; of eight bytes at most.
fn number(bytes: &[u8], order: ByteOrder) -> u64 {
    let append = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
    match order {
        ByteOrder::BigEndian => bytes.iter().fold(0, append),
        ByteOrder::LittleEndian => bytes.iter().rev().fold(0, append),
    }
}
