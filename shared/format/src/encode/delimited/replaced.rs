//! One field of a delimited record in its usual form, and which bytes of the record it replaces.

use std::ops::Range;

use domain::record::{RawField, Tag};

use super::DelimitedEncoder;
use crate::encode::CannotWrite;
use crate::lines::Whole;

impl DelimitedEncoder {
    /// Puts the usual form of a value into `room`; returns which bytes of the record are the field's at `index`.
    pub(in crate::encode) fn form_of(
        &mut self,
        record: &[u8],
        index: usize,
        value: RawField<'_>,
        room: &mut Vec<u8>,
    ) -> Result<Range<usize>, CannotWrite> {
        let Self { columns, order, form, lines, joined, text } = self;
        let Whole::Start(length) = lines.whole(record, joined).0 else {
            return Err(CannotWrite::SeveralLines);
        };
        let column = columns.get(index).ok_or(CannotWrite::Computed)?;
        let place = match order {
            None => index,
            Some(order) => order.iter().position(|of| *of == Some(index)).ok_or(CannotWrite::NoPlace)?,
        };
        let (whole, mut start) = (record.get(..length).unwrap_or(record), 0);
        for _ in 0..place {
            let (_, passed) =
                whole.get(start..).and_then(|rest| form.held(rest, false)).ok_or(CannotWrite::NoPlace)?;
            start += passed;
            if whole.get(start) != Some(&form.separator) {
                return Err(CannotWrite::NoPlace);
            }
            start += 1;
        }
        let rest = whole.get(start..).ok_or(CannotWrite::NoPlace)?;
        let (_, length) = form.held(rest, column.is_rest).ok_or(CannotWrite::NoPlace)?;
        form.usual(column, value, text, room).ok_or(CannotWrite::NoForm)?;
        let is_bare = form.quote.is_none() && form.escape.is_none() && !column.is_rest;
        if is_bare && text.iter().any(|byte| *byte == form.separator || matches!(*byte, b'\n' | b'\r')) {
            // Nothing would tell it from the end of the field.
            return Err(CannotWrite::NoForm);
        }
        if column.is_rest && value.tag != Tag::Null {
            // It ends with the record: its separators and quotes are data.
            room.clone_from(text);
        }
        Ok(start..start + length)
    }
}
