//! The whole numbers on which the places of fields depend: how often a table occurs, how long a text is. Read here by
//! themselves, so that a decoder that loses count is found out.

use crate::cobol::{ByteOrder, FieldSpec, Kind, SignPlace, Usage};

/// The number that the bytes of a field hold, if it is one; a negative number is none.
pub(in super::super) fn whole(spec: &FieldSpec, bytes: &[u8]) -> Option<i128> {
    let digits = |digits: &mut dyn Iterator<Item = u8>| {
        let mut sum = 0_i128;
        for digit in digits {
            sum = sum.checked_mul(10)?.checked_add(i128::from(digit)).filter(|_| digit < 10)?;
        }
        Some(sum)
    };
    let form = match &spec.kind {
        Kind::Number(form) => form,
        // Digits in a picture of X.
        _ => {
            let zone = if spec.page.is_ebcdic() { 0xF0 } else { 0x30 };
            let space = spec.page.space();
            let end = bytes.iter().rposition(|byte| *byte != space)? + 1;
            let start = bytes.iter().position(|byte| *byte != space)?;
            return digits(&mut bytes.get(start..end)?.iter().map(|byte| byte ^ zone));
        }
    };
    if form.scale != 0 {
        return None;
    }
    match form.usage {
        Usage::Zoned(place) => {
            let bytes = match place {
                SignPlace::TrailingSeparate => bytes.split_last()?.1,
                SignPlace::LeadingSeparate => bytes.split_first()?.1,
                _ => bytes,
            };
            digits(&mut bytes.iter().map(|byte| match byte {
                // Overpunches of ASCII that are positive.
                b'{' if !spec.page.is_ebcdic() => 0,
                b'A'..=b'I' if !spec.page.is_ebcdic() => byte - b'A' + 1,
                byte => byte & 0x0F,
            }))
        }
        Usage::Packed { .. } => {
            let (last, front) = bytes.split_last()?;
            let pairs = front.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
            digits(&mut pairs.chain([last >> 4]))
        }
        Usage::PackedUnsigned => digits(&mut bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F])),
        Usage::Binary { order, .. } => {
            let add = |sum: i128, byte: &u8| sum.checked_mul(256)?.checked_add(i128::from(*byte));
            match order {
                ByteOrder::BigEndian => bytes.iter().try_fold(0_i128, add),
                ByteOrder::LittleEndian => bytes.iter().rev().try_fold(0_i128, add),
            }
        }
    }
}
