//! The usual form of a value, whatever the field holds now.

use domain::record::{RawField, Tag};

use super::{FieldEncoder, Form, Manner, Written, moment};
use crate::cobol::{Empty, Fill, Fills, FloatForm, HighValues, LowValues, OnDate, TextForm};
use crate::encode::cobol::digits::Stored;
use crate::encode::cobol::float;
use crate::field::Trim;

impl FieldEncoder {
    /// Puts the usual form of `value` into `room`, `bytes` long as the field is. `None` where it has none that fits.
    pub(in super::super) fn write(
        &self,
        value: RawField<'_>,
        bytes: usize,
        room: &mut Vec<u8>,
    ) -> Option<()> {
        room.clear();
        if value.tag == Tag::Null {
            return self.null(bytes, room);
        }
        match &self.form {
            Form::Raw => {
                (value.tag == Tag::Bytes).then_some(())?;
                room.extend_from_slice(value.content);
            }
            Form::Text(form, written) => self.padded(form, written.as_deref(), value, bytes, room)?,
            Form::Number { to, digits, .. } => digits.append(&to.stored(value)?, room)?,
            Form::Edited { to, edited, .. } => {
                let text = edited.print(&to.stored(value)?, Manner::default())?;
                self.page.append(text.as_bytes(), room)?;
            }
            Form::Moment { form, digits, count, .. } => {
                digits.append(&moment::spelt(*form, value, *count)?, room)?;
            }
            Form::Db2Timestamp { has_offset, .. } => {
                let (text, offset): (_, &[u8]) = match has_offset {
                    true => (moment::db2_at(value, b"+00:00", false)?, b"+00:00"),
                    false => (moment::db2(value)?, b""),
                };
                let length = bytes.checked_sub(offset.len())?.min(text.len());
                self.page.append(text.get(..length)?, room)?;
                self.page.append(offset, room)?;
                room.resize(bytes, self.page.space);
            }
            Form::Float(form) => self.float(*form, value, bytes, room)?,
        }
        (room.len() == bytes).then_some(())
    }

    fn float(&self, form: FloatForm, value: RawField<'_>, bytes: usize, room: &mut Vec<u8>) -> Option<()> {
        float::append(value.content, form, bytes, room).filter(|()| value.tag == Tag::Text)
    }

    /// Text and its padding, which is in front where the field is justified.
    fn padded(
        &self,
        form: &TextForm,
        written: Option<&Written>,
        value: RawField<'_>,
        bytes: usize,
        room: &mut Vec<u8>,
    ) -> Option<()> {
        let mut text = Vec::with_capacity(bytes);
        match written {
            None if value.tag == Tag::Text => text.extend_from_slice(value.content),
            None => return None,
            Some(written) => written.write(value, &mut text)?,
        }
        let mut encoded = Vec::with_capacity(bytes);
        self.page.append(&text, &mut encoded)?;
        let pads = bytes.checked_sub(encoded.len())?;
        // Where nothing is padding, only text of the field's own length fits.
        let pad = self.pad(form).or((pads == 0).then_some(0))?;
        if form.justified {
            room.resize(pads, pad);
            room.append(&mut encoded);
        } else {
            room.append(&mut encoded);
            room.resize(bytes, pad);
        }
        Some(())
    }

    /// The byte that fills a text up.
    fn pad(&self, form: &TextForm) -> Option<u8> {
        match form.trim {
            Trim::None => (form.low_values == LowValues::Padding).then_some(0x00),
            _ => Some(self.page.space),
        }
    }

    /// What stands for NULL, if anything does: spaces before low-values before high-values.
    fn null(&self, bytes: usize, room: &mut Vec<u8>) -> Option<()> {
        let space = self.page.space;
        let of = |fills: &Fills, is_number: &dyn Fn(u8) -> bool| {
            let known = [(space, fills.spaces), (0x00, fills.low_values), (0xFF, fills.high_values)];
            known
                .into_iter()
                .find(|(byte, fill)| *fill == Fill::Null && !is_number(*byte))
                .map(|(byte, _)| byte)
        };
        let byte = match &self.form {
            Form::Raw | Form::Float(_) => None,
            Form::Text(form, written)
                if (form.empty == Empty::Null || written.is_some()) && self.pad(form).is_some() =>
            {
                self.pad(form)
            }
            Form::Text(form, _) if form.low_values == LowValues::Null => Some(0x00),
            Form::Text(form, _) if form.high_values == HighValues::Null => Some(0xFF),
            Form::Text(..) => None,
            Form::Number { digits, fills, .. } => of(fills, &|byte| digits.is_number(byte)),
            Form::Edited { fills, .. } | Form::Db2Timestamp { fills, .. } => of(fills, &|_| false),
            Form::Moment { digits, count, zeros, nines, fills, .. } => {
                let digit = if *zeros == OnDate::Null {
                    Some(b'0')
                } else {
                    (*nines == OnDate::Null).then_some(b'9')
                };
                if let Some(digit) = digit {
                    digits.append(&Stored::of_one_digit(digit, *count, *count)?, room)?;
                    return (room.len() == bytes).then_some(());
                }
                of(fills, &|byte| digits.is_number(byte))
            }
        };
        room.resize(bytes, byte?);
        Some(())
    }
}
