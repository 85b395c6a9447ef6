//! Dates and times as numbers spell them, and as Db2 writes timestamps.

use domain::record::{RawField, Tag};
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};

use super::digits::Stored;
use crate::cobol::MomentForm;

/// The digits of a canonical date, `YYYY-MM-DD`: year, month, day.
fn date(text: &[u8]) -> Option<([u8; 4], [u8; 2], [u8; 2])> {
    match *text {
        [a, b, c, d, b'-', e, f, b'-', g, h] => Some(([a, b, c, d], [e, f], [g, h])),
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0_u32, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))
}

/// The three digits of a day of the year.
fn day_of_year(year: u32, month: u32, day: u32) -> Option<[u8; 3]> {
    const BEFORE: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let before = BEFORE.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    let of_year = before + day + u32::from(is_leap && month > 2);
    let digit = |divisor: u32| u8::try_from(of_year / divisor % 10).ok().map(|digit| b'0' + digit);
    Some([digit(100)?, digit(10)?, digit(1)?])
}

/// The digits of a day's number from 1582-10-15 on, by way of its Julian day number (Fliegel and Van Flandern).
fn lilian(year: u32, month: u32, day: u32) -> Option<[u8; 7]> {
    let before_march = 14_u32.checked_sub(month)? / 12;
    let (years, months) = (year + 4800 - before_march, month + 12 * before_march - 3);
    let julian = day + (153 * months + 2) / 5 + 365 * years + years / 4 - years / 100 + years / 400 - 32_045;
    let number = julian.checked_sub(2_299_160).filter(|number| *number > 0)?;
    format!("{number:07}").into_bytes().try_into().ok()
}

/// The years that two digits can mean are the hundred from `start` on.
fn two_digits(year: [u8; 4], start: i16) -> Option<[u8; 2]> {
    let (full, start) = (number(&year)?, u32::try_from(start).ok()?);
    (start..start + 100).contains(&full).then_some([year[2], year[3]])
}

/// The digit that counts the centuries from 1900 on, and the year's last two.
fn century_digit(year: [u8; 4]) -> Option<[u8; 3]> {
    let centuries = (number(&year)? / 100).checked_sub(19).filter(|centuries| *centuries < 10)?;
    Some([b'0' + u8::try_from(centuries).ok()?, year[2], year[3]])
}

/// The digits of a date or time: 14 at most.
#[derive(Default)]
struct Spelling {
    digits: [u8; 14],
    length: usize,
}

impl Spelling {
    fn extend(&mut self, digits: impl IntoIterator<Item = u8>) {
        for digit in digits {
            if let Some(room) = self.digits.get_mut(self.length) {
                *room = digit;
                self.length += 1;
            }
        }
    }

    fn written(&self) -> &[u8] {
        &self.digits[..self.length]
    }
}

/// What the number in a field of `count` digits is that spells the value.
pub(super) fn spelt(form: MomentForm, value: RawField<'_>, count: usize) -> Option<Stored> {
    let mut digits = Spelling::default();
    match (form, value.tag) {
        (MomentForm::HhMmSs, Tag::Text) => match *value.content {
            [a, b, b':', c, d, b':', e, f] => digits.extend([a, b, c, d, e, f]),
            _ => return None,
        },
        (MomentForm::HhMmSsHh, Tag::Text) => match *value.content {
            [a, b, b':', c, d, b':', e, f, b'.', g, h] => digits.extend([a, b, c, d, e, f, g, h]),
            _ => return None,
        },
        (MomentForm::YyyyMmDdHhMmSs, Tag::Timestamp) => {
            let (day, clock) = value.content.split_at_checked(10)?;
            let (year, month, day) = date(day)?;
            match *clock {
                [b' ', a, b, b':', c, d, b':', e, f, b'.', b'0', b'0', b'0', b'0', b'0', b'0'] => {
                    digits.extend(year.into_iter().chain(month).chain(day));
                    digits.extend([a, b, c, d, e, f]);
                }
                _ => return None,
            }
        }
        (_, Tag::Date) => {
            let (year, month, day) = date(value.content)?;
            let of_year = || day_of_year(number(&year)?, number(&month)?, number(&day)?);
            match form {
                MomentForm::YyyyMmDd => digits.extend(year.into_iter().chain(month).chain(day)),
                MomentForm::YyMmDd { window_start } => {
                    digits.extend(two_digits(year, window_start)?.into_iter().chain(month).chain(day));
                }
                MomentForm::CyyMmDd => {
                    digits.extend(century_digit(year)?.into_iter().chain(month).chain(day))
                }
                MomentForm::DdMmYyyy => digits.extend(day.into_iter().chain(month).chain(year)),
                MomentForm::DdMmYy { window_start } => {
                    digits.extend(day.into_iter().chain(month).chain(two_digits(year, window_start)?));
                }
                MomentForm::MmDdYyyy => digits.extend(month.into_iter().chain(day).chain(year)),
                MomentForm::MmDdYy { window_start } => {
                    digits.extend(month.into_iter().chain(day).chain(two_digits(year, window_start)?));
                }
                MomentForm::YyyyDdd => digits.extend(year.into_iter().chain(of_year()?)),
                MomentForm::YyDdd { window_start } => {
                    digits.extend(two_digits(year, window_start)?.into_iter().chain(of_year()?));
                }
                MomentForm::CyyDdd => digits.extend(century_digit(year)?.into_iter().chain(of_year()?)),
                MomentForm::Lilian => digits.extend(lilian(number(&year)?, number(&month)?, number(&day)?)?),
                MomentForm::YyyyMmDdHhMmSs | MomentForm::HhMmSs | MomentForm::HhMmSsHh => return None,
            }
        }
        _ => return None,
    }
    Stored::of_spelling(digits.written(), count)
}

/// The hour 24 of the day before a midnight, in canonical form.
fn hour_24(value: RawField<'_>) -> Option<[u8; 26]> {
    let (day, clock) = value.content.split_at_checked(10)?;
    (value.tag == Tag::Timestamp && clock == b" 00:00:00.000000").then_some(())?;
    let day: Date = std::str::from_utf8(day).ok()?.parse().ok()?;
    format!("{} 24:00:00.000000", day.yesterday().ok()?).into_bytes().try_into().ok()
}

/// What the number is that spells a midnight as the hour 24 of the day before.
pub(super) fn spelt_as_hour_24(form: MomentForm, value: RawField<'_>, count: usize) -> Option<Stored> {
    let content = hour_24(value)?;
    spelt(form, RawField { content: &content, ..value }, count)
}

/// A midnight as Db2 writes it by the hour 24 of the day before.
pub(super) fn db2_hour_24(value: RawField<'_>) -> Option<[u8; 32]> {
    let content = hour_24(value)?;
    db2(RawField { content: &content, ..value })
}

/// An instant as Db2 writes it at an offset from UTC, given as `+02:00`; the offset itself is left out. `as_hour_24`: a
/// midnight there is the hour 24 of the day before.
pub(super) fn db2_at(value: RawField<'_>, offset: &[u8], as_hour_24: bool) -> Option<[u8; 32]> {
    let (hours, minutes) = match *offset {
        [b'+' | b'-', a, b, b':', c, d] => (number(&[a, b])?, number(&[c, d])?),
        _ => return None,
    };
    let utc: DateTime = match value.tag {
        Tag::Instant => std::str::from_utf8(value.content).ok()?.strip_suffix('Z')?.parse().ok()?,
        _ => return None,
    };
    let seconds = i64::from(hours * 3600 + minutes * 60);
    let ahead = SignedDuration::from_secs(if offset[0] == b'-' { -seconds } else { seconds });
    let local = utc.checked_add(ahead).ok().filter(|_| hours < 24 && minutes < 60)?;
    let text = local.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string();
    let local = RawField { tag: Tag::Timestamp, content: text.as_bytes() };
    if as_hour_24 { db2_hour_24(local) } else { db2(local) }
}

/// A timestamp as Db2 writes it, with 12 digits after the seconds: `2022-06-10-19.27.53.000000000000`.
pub(super) fn db2(value: RawField<'_>) -> Option<[u8; 32]> {
    if value.tag != Tag::Timestamp || value.content.len() != 26 {
        return None;
    }
    let mut text = *b"0000-00-00-00.00.00.000000000000";
    text[..26].copy_from_slice(value.content);
    (text[10], text[13], text[16]) = (b'-', b'.', b'.');
    Some(text)
}
