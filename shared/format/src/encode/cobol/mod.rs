//! Fields as COBOL lays them down: from a canonical value to the bytes that a program would have written.

mod counted;
mod digits;
mod edited;
mod float;
mod moment;
mod quick;
mod write;

use std::sync::Arc;

use domain::record::{RawField, Tag};
use domain::round_trip::{Equivalence, Equivalences};
use domain::value::FieldType;

pub(super) use self::counted::whole;
use self::digits::{Digits, Stored, ToStored};
use self::edited::{Edited, Manner};
use self::quick::Quick;
use super::characters::PageBytes;
use super::written::Written;
use crate::cobol::{
    Empty, FieldSpec, Fill, Fills, FloatForm, HighValues, Kind, LowValues, MomentForm, NumberForm, OnDate,
    TextForm, Usage,
};
use crate::field::{FieldForm, Trim};

/// Encodes one field of a copybook's record.
#[derive(Debug, Clone)]
pub(super) struct FieldEncoder {
    bytes: usize,
    page: Arc<PageBytes>,
    quick: Quick,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Raw,
    Text(TextForm, Option<Box<Written>>),
    Number {
        to: ToStored,
        digits: Digits,
        fills: Fills,
    },
    Edited {
        to: ToStored,
        edited: Edited,
        fills: Fills,
    },
    Moment {
        form: MomentForm,
        digits: Digits,
        count: usize,
        zeros: OnDate,
        nines: OnDate,
        fills: Fills,
        hour_24: bool,
    },
    Db2Timestamp {
        fills: Fills,
        hour_24: bool,
        has_offset: bool,
    },
    Float(FloatForm),
}

/// What a value is under BLANK WHEN ZERO, too.
const fn with_blanks(fills: Fills, blank_when_zero: bool) -> Fills {
    if blank_when_zero { Fills { spaces: Fill::Zero, ..fills } } else { fills }
}

impl FieldEncoder {
    /// `page`: the bytes of the field's code page.
    pub(super) fn new(spec: &FieldSpec, page: Arc<PageBytes>) -> Result<Self, String> {
        let digits = |form: &NumberForm| Digits::new(form, spec.page.is_ebcdic(), spec.bytes);
        let to = |digits: u8, scale: i8, usage: Option<Usage>| {
            ToStored::new(digits, scale, usage, &spec.column)
                .ok_or_else(|| format!("{} cannot be written as a number", spec.column))
        };
        let form = match &spec.kind {
            _ if spec.column == FieldType::Bytes => Form::Raw,
            Kind::Text(form) => {
                let written = match spec.column {
                    FieldType::Text { .. } => None,
                    ref other => {
                        let field = FieldForm {
                            trim: form.trim,
                            pattern: form.pattern.clone(),
                            truths: form.truths.clone(),
                            ..FieldForm::default()
                        };
                        Some(Box::new(Written::new(other, &field)?))
                    }
                };
                Form::Text(form.clone(), written)
            }
            Kind::Number(form) => Form::Number {
                to: to(form.digits, form.scale, Some(form.usage))?,
                digits: digits(form),
                fills: with_blanks(form.fills, form.blank_when_zero),
            },
            Kind::Edited(form) => Form::Edited {
                to: to(form.digits, form.scale, None)?,
                edited: Edited::new(&form.edits),
                fills: with_blanks(form.fills, form.blank_when_zero),
            },
            Kind::Moment { form, digits: number, zeros, nines, hour_24 } => Form::Moment {
                hour_24: *hour_24,
                form: *form,
                digits: digits(number),
                count: number.digits.into(),
                zeros: *zeros,
                nines: *nines,
                fills: with_blanks(number.fills, number.blank_when_zero),
            },
            Kind::Db2Timestamp { fills, hour_24 } => Form::Db2Timestamp {
                fills: *fills,
                hour_24: *hour_24,
                has_offset: spec.column == FieldType::Instant,
            },
            Kind::Float(form) => Form::Float(*form),
        };
        Ok(Self { bytes: spec.bytes, quick: Quick::new(spec, &page), page, form })
    }

    /// Whether `source` is `value` as the field writes it, and in which other forms than the usual one; `None` when it
    /// is not. The usual form is then in `room`.
    #[inline]
    pub(super) fn prove(
        &self,
        value: RawField<'_>,
        source: &[u8],
        room: &mut Vec<u8>,
    ) -> Option<Equivalences> {
        if self.quick.proves(value, source) {
            return Some(Equivalences::NONE);
        }
        self.encode(value, source, room)
    }

    /// As [`Self::prove`], by encoding the value.
    pub(super) fn encode(
        &self,
        value: RawField<'_>,
        source: &[u8],
        room: &mut Vec<u8>,
    ) -> Option<Equivalences> {
        room.clear();
        match &self.form {
            Form::Raw => {
                room.extend_from_slice(value.content);
                (value.tag == Tag::Bytes && room == source).then_some(Equivalences::NONE)
            }
            Form::Text(form, written) => self.text(form, written.as_deref(), value, source, room),
            Form::Number { to, digits, fills } => {
                if value.tag == Tag::Null {
                    return self.filled(*fills, Fill::Null, source, |byte| digits.is_number(byte));
                }
                let stored = to.stored(value)?;
                self.number(&stored, digits, *fills, source, room)
            }
            Form::Moment { form, digits, count, zeros, nines, fills, hour_24 } => {
                if value.tag != Tag::Null {
                    let stored = moment::spelt(*form, value, *count)?;
                    let own = self.number(&stored, digits, *fills, source, room);
                    return own.or_else(|| {
                        let stored = moment::spelt_as_hour_24(*form, value, *count).filter(|_| *hour_24)?;
                        let forms = self.number(&stored, digits, *fills, source, &mut Vec::new())?;
                        Some(forms.and(Equivalence::Date))
                    });
                }
                if let Some(forms) = self.filled(*fills, Fill::Null, source, |byte| digits.is_number(byte)) {
                    return Some(forms);
                }
                let form_digits = usize::from(form.digits());
                let is_time = matches!(form, MomentForm::HhMmSs | MomentForm::HhMmSsHh);
                let zero = (*zeros == OnDate::Null && !is_time).then_some((b'0', form_digits));
                let nine = |count| (*nines == OnDate::Null).then_some((b'9', count));
                // Whatever stands for no date, and is a number all the same, is found among these.
                let fills =
                    Fills { spaces: Fill::Reject, low_values: Fill::Reject, high_values: Fill::Reject };
                [zero, nine(form_digits), nine(*count)].into_iter().flatten().find_map(|(digit, of)| {
                    room.clear();
                    let stored = Stored::of_one_digit(digit, of, *count)?;
                    let forms = self.number(&stored, digits, fills, source, room)?;
                    Some(forms.and(Equivalence::Date))
                })
            }
            Form::Edited { to, edited, fills } => self.edited(*to, edited, *fills, value, source, room),
            Form::Db2Timestamp { fills, hour_24, has_offset } => {
                if value.tag == Tag::Null {
                    return self.filled(*fills, Fill::Null, source, |_| false);
                }
                if *has_offset {
                    return self.db2_with_offset(value, *hour_24, source, room);
                }
                let own = self.db2(moment::db2(value)?, source, room);
                own.or_else(|| {
                    let before = moment::db2_hour_24(value).filter(|_| *hour_24)?;
                    Some(self.db2(before, source, &mut Vec::new())?.and(Equivalence::Date))
                })
            }
            Form::Float(form) => {
                float::append(value.content, *form, self.bytes, room).filter(|()| value.tag == Tag::Text)?;
                if room == source {
                    return Some(Equivalences::NONE);
                }
                match form {
                    FloatForm::Hexadecimal => float::same_hexadecimal(room, source)
                        .then_some(Equivalences::only(Equivalence::Float)),
                    FloatForm::Ieee(_) => {
                        let mut minus = Vec::with_capacity(8);
                        float::append(b"-0", *form, self.bytes, &mut minus)?;
                        (value.content == b"0" && minus == source)
                            .then_some(Equivalences::only(Equivalence::NegativeZero))
                    }
                }
            }
        }
    }

    fn number(
        &self,
        stored: &Stored,
        digits: &Digits,
        fills: Fills,
        source: &[u8],
        room: &mut Vec<u8>,
    ) -> Option<Equivalences> {
        digits.append(stored, room)?;
        if room == source {
            return Some(Equivalences::NONE);
        }
        digits.other_sign(stored, room, source).or_else(|| {
            let is_zero = stored.is_zero();
            self.filled(fills, Fill::Zero, source, |byte| digits.is_number(byte)).filter(|_| is_zero)
        })
    }

    /// Whether the field is filled with bytes that stand for `wanted`. `is_number`: whether a field of such a byte is a
    /// number, and so stands for nothing else.
    fn filled(
        &self,
        fills: Fills,
        wanted: Fill,
        source: &[u8],
        is_number: impl Fn(u8) -> bool,
    ) -> Option<Equivalences> {
        let (first, rest) = source.split_first()?;
        if rest.iter().any(|byte| byte != first) {
            return None;
        }
        let fill = match *first {
            byte if byte == self.page.space => fills.spaces,
            0x00 => fills.low_values,
            0xFF => fills.high_values,
            _ => return None,
        };
        (fill == wanted && !is_number(*first)).then_some(Equivalences::only(Equivalence::Fill))
    }

    fn text(
        &self,
        form: &TextForm,
        written: Option<&Written>,
        value: RawField<'_>,
        source: &[u8],
        room: &mut Vec<u8>,
    ) -> Option<Equivalences> {
        let space = self.page.space;
        let is_pad = |byte: u8| {
            (byte == space && form.trim != Trim::None) || (byte == 0 && form.low_values == LowValues::Padding)
        };
        let both = form.trim == Trim::Both;
        let (pads_start, pads_end) = (both || form.justified, both || !form.justified);
        if value.tag == Tag::Null {
            if source.iter().all(|byte| is_pad(*byte)) {
                let allowed = form.empty == Empty::Null || written.is_some();
                let is_usual = source.iter().all(|byte| *byte == space);
                let other = Equivalences::only(Equivalence::Fill);
                return allowed.then_some(if is_usual { Equivalences::NONE } else { other });
            }
            let all = |wanted: u8| source.iter().all(|byte| *byte == wanted);
            let is_null = (all(0) && form.low_values == LowValues::Null)
                || (all(0xFF) && form.high_values == HighValues::Null);
            return is_null.then_some(Equivalences::only(Equivalence::Fill));
        }
        match written {
            None if value.tag == Tag::Text => self.page.append(value.content, room)?,
            None => return None,
            Some(written) => {
                let mut text = Vec::with_capacity(32);
                written.write(value, &mut text)?;
                self.page.append(&text, room)?;
            }
        }
        if written.is_none() {
            // What the text lost must be padding, and none may be left in it.
            let has_padding = (pads_start && room.first().is_some_and(|byte| is_pad(*byte)))
                || (pads_end && room.last().is_some_and(|byte| is_pad(*byte)))
                || (room.is_empty() && form.empty != Empty::Keep);
            if has_padding {
                return None;
            }
        }
        let start = if form.justified { source.len().checked_sub(room.len()) } else { Some(0) };
        if let Some(start) = start
            && let Some(held) = source.get(start..start + room.len())
            && held == room
            && around(source, start, start + room.len()).all(|byte| byte == space && is_pad(byte))
        {
            return Some(Equivalences::NONE);
        }
        let pads_before =
            if pads_start { source.iter().take_while(|byte| is_pad(**byte)).count() } else { 0 };
        let rest = source.get(pads_before..)?;
        let pads_after =
            if pads_end { rest.iter().rev().take_while(|byte| is_pad(**byte)).count() } else { 0 };
        let held = rest.get(..rest.len() - pads_after)?;
        let pads = Equivalences::only(Equivalence::Padding);
        if held == room {
            return Some(pads);
        }
        let text: Option<String> = held.iter().map(|byte| self.page.char_of(*byte)).collect();
        let forms = written?.other_notation(value, text?.as_bytes())?;
        let is_left = !form.justified && pads_before == 0;
        Some(if is_left { forms } else { forms.with(pads) })
    }

    fn edited(
        &self,
        to: ToStored,
        edited: &Edited,
        fills: Fills,
        value: RawField<'_>,
        source: &[u8],
        room: &mut Vec<u8>,
    ) -> Option<Equivalences> {
        if value.tag == Tag::Null {
            return self.filled(fills, Fill::Null, source, |_| false);
        }
        let stored = to.stored(value)?;
        let printed = |manner: Manner, room: &mut Vec<u8>| {
            room.clear();
            let text = edited.print(&stored, manner)?;
            self.page.append(text.as_bytes(), room)?;
            Some(room == source)
        };
        if printed(Manner::default(), room)? {
            return Some(Equivalences::NONE);
        }
        let is_zero = stored.is_zero();
        if is_zero && let Some(forms) = self.filled(fills, Fill::Zero, source, |_| false) {
            return Some(forms);
        }
        let mut other = Vec::with_capacity(source.len());
        for least in 0..=edited.digits_before_point() {
            for minus in [false, true].into_iter().filter(|minus| !minus || is_zero) {
                if printed(Manner { least, minus }, &mut other) == Some(true) {
                    let zeros = Equivalences::only(Equivalence::Notation);
                    return Some(match (least, minus) {
                        (0, _) => Equivalences::only(Equivalence::NegativeZero),
                        (_, false) => zeros,
                        (_, true) => zeros.and(Equivalence::NegativeZero),
                    });
                }
            }
        }
        None
    }

    fn db2(&self, text: [u8; 32], source: &[u8], room: &mut Vec<u8>) -> Option<Equivalences> {
        let kept = source.iter().rposition(|byte| *byte != self.page.space).map_or(0, |last| last + 1);
        let (usual, cut) = (source.len().min(text.len()), text.get(kept.min(text.len())..)?);
        self.page.append(&text[..usual], room)?;
        if room == source {
            return Some(Equivalences::NONE);
        }
        // Fewer digits after the seconds than there is room for, or none and no point.
        let is_short = kept == 19 || kept > 20;
        let is_zeros = cut.iter().all(|char| matches!(char, b'0' | b'.'));
        let forms = Equivalences::only(Equivalence::Date);
        (is_short && is_zeros && room.get(..kept) == source.get(..kept)).then_some(forms)
    }

    /// A timestamp with an offset: the usual one is +00:00, and any other that gives the instant is another form.
    fn db2_with_offset(
        &self,
        value: RawField<'_>,
        hour_24: bool,
        source: &[u8],
        room: &mut Vec<u8>,
    ) -> Option<Equivalences> {
        let space = self.page.space;
        let end = source.iter().rposition(|byte| *byte != space)? + 1;
        let at = end.checked_sub(6)?;
        let offset: Option<String> =
            source.get(at..end)?.iter().map(|byte| self.page.char_of(*byte)).collect();
        let offset = offset?;
        let local = source.get(..at)?;
        let own = self.db2(moment::db2_at(value, offset.as_bytes(), false)?, local, room);
        let Some(forms) = own else {
            let before = moment::db2_at(value, offset.as_bytes(), true).filter(|_| hour_24)?;
            return Some(self.db2(before, local, &mut Vec::new())?.and(Equivalence::Date));
        };
        let is_usual = offset == "+00:00" && end == source.len();
        Some(if is_usual { forms } else { forms.and(Equivalence::Date) })
    }
}

/// The bytes before `start` and from `end` on.
fn around(bytes: &[u8], start: usize, end: usize) -> impl Iterator<Item = u8> {
    let (before, after) = (bytes.get(..start).unwrap_or_default(), bytes.get(end..).unwrap_or_default());
    before.iter().chain(after).copied()
}
