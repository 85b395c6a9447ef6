//! Dates and times: spelt by the digits of a number, or as Db2 writes a timestamp.

use domain::constraint::ReasonCode;
use domain::record;
use domain::value::{FieldType, Value};
use jiff::civil::{Date, DateTime, Time, date};
use jiff::{SignedDuration, ToSpan};

use super::decoder::FieldValue;
use super::number::Blanks;
use super::output::text;
use super::spec::{FieldSpec, Fill, Fills, MomentForm, NumberForm, OnDate};
use super::text::null;
use super::{Reject, quoted};
use crate::codepage::CodePage;

/// Reads the dates or times of one field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    form: MomentForm,
    zeros: OnDate,
    nines: OnDate,
    hour_24: bool,
    /// The nines of the form, and of a picture that has more digits.
    all_nines: [i128; 2],
}

impl MomentForm {
    /// How many digits it has.
    #[must_use]
    pub const fn digits(self) -> u8 {
        match self {
            Self::YyDdd { .. } => 5,
            Self::YyMmDd { .. } | Self::CyyDdd | Self::DdMmYy { .. } | Self::MmDdYy { .. } | Self::HhMmSs => {
                6
            }
            Self::YyyyDdd | Self::CyyMmDd | Self::Lilian => 7,
            Self::YyyyMmDd | Self::DdMmYyyy | Self::MmDdYyyy | Self::HhMmSsHh => 8,
            Self::YyyyMmDdHhMmSs => 14,
        }
    }

    /// The letters that stand for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::YyyyMmDd => "YYYYMMDD",
            Self::YyMmDd { .. } => "YYMMDD",
            Self::YyyyDdd => "YYYYDDD",
            Self::YyDdd { .. } => "YYDDD",
            Self::CyyMmDd => "CYYMMDD",
            Self::CyyDdd => "CYYDDD",
            Self::DdMmYyyy => "DDMMYYYY",
            Self::DdMmYy { .. } => "DDMMYY",
            Self::MmDdYyyy => "MMDDYYYY",
            Self::MmDdYy { .. } => "MMDDYY",
            Self::Lilian => "LILIAN",
            Self::YyyyMmDdHhMmSs => "YYYYMMDDHHMMSS",
            Self::HhMmSs => "HHMMSS",
            Self::HhMmSsHh => "HHMMSSHH",
        }
    }

    const fn window_start(self) -> Option<i16> {
        match self {
            Self::YyMmDd { window_start }
            | Self::YyDdd { window_start }
            | Self::DdMmYy { window_start }
            | Self::MmDdYy { window_start } => Some(window_start),
            _ => None,
        }
    }

    const fn is_time(self) -> bool {
        matches!(self, Self::HhMmSs | Self::HhMmSsHh)
    }

    /// The day that the digits spell, if there is such a day.
    fn date(self, digits: u64) -> Option<Date> {
        let parts =
            |middle: u64, last: u64| (digits / (middle * last), digits / last % middle, digits % last);
        match self {
            Self::YyyyMmDd => {
                let (year, month, day) = parts(100, 100);
                civil(year, month, day)
            }
            Self::YyMmDd { window_start } => {
                let (year, month, day) = parts(100, 100);
                civil(windowed(year, window_start)?, month, day)
            }
            Self::CyyMmDd => {
                let (years, month, day) = parts(100, 100);
                civil(1900 + years, month, day)
            }
            Self::DdMmYyyy => {
                let (day, month, year) = parts(100, 10_000);
                civil(year, month, day)
            }
            Self::DdMmYy { window_start } => {
                let (day, month, year) = parts(100, 100);
                civil(windowed(year, window_start)?, month, day)
            }
            Self::MmDdYyyy => {
                let (month, day, year) = parts(100, 10_000);
                civil(year, month, day)
            }
            Self::MmDdYy { window_start } => {
                let (month, day, year) = parts(100, 100);
                civil(windowed(year, window_start)?, month, day)
            }
            Self::YyyyDdd => day_of_year(digits / 1000, digits % 1000),
            Self::YyDdd { window_start } => {
                day_of_year(windowed(digits / 1000, window_start)?, digits % 1000)
            }
            Self::CyyDdd => day_of_year(1900 + digits / 1000, digits % 1000),
            Self::Lilian => lilian(digits),
            Self::YyyyMmDdHhMmSs | Self::HhMmSs | Self::HhMmSsHh => None,
        }
    }
}

/// The number of 9999-12-31.
const LILIAN_MAX: i64 = 3_074_324;

/// The year of two digits in the hundred years from `start` on.
fn windowed(year: u64, start: i16) -> Option<u64> {
    let start = u64::try_from(start).ok()?;
    Some(start + (year + 100 - start % 100) % 100)
}

fn civil(year: u64, month: u64, day: u64) -> Option<Date> {
    // PostgreSQL's calendar has no year 0: 1 BC is before 1 AD.
    let year = i16::try_from(year).ok().filter(|year| *year >= 1)?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// The day of this number from 1582-10-15 on, up to the last day of the year 9999.
fn lilian(number: u64) -> Option<Date> {
    let days = i64::try_from(number).ok().filter(|days| (1..=LILIAN_MAX).contains(days))?;
    date(1582, 10, 14).checked_add(days.days()).ok()
}

fn day_of_year(year: u64, day: u64) -> Option<Date> {
    let first = civil(year, 1, 1)?;
    first.with().day_of_year(i16::try_from(day).ok()?).build().ok()
}

fn time(hour: u64, minute: u64, second: u64, nanos: i32) -> Option<Time> {
    Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, nanos).ok()
}

impl Moments {
    /// Fails, with a sentence for the layout's author, on digits that cannot spell the form, or a column that
    /// cannot hold it.
    pub(super) fn new(
        form: MomentForm,
        digits: &NumberForm,
        (zeros, nines): (OnDate, OnDate),
        hour_24: bool,
        column: &FieldType,
    ) -> Result<Self, String> {
        let name = form.name();
        if digits.scale != 0 {
            return Err(format!("{name} needs a picture of whole numbers, without V or P"));
        }
        if digits.digits < form.digits() {
            return Err(format!(
                "{name} has {} digits, but the picture has only {}",
                form.digits(),
                digits.digits
            ));
        }
        if form.window_start().is_some_and(|start| !(1..=9900).contains(&start)) {
            return Err(format!("{name}: the century window must start in a year from 1 to 9900"));
        }
        let chars = form.digits() + 2 + u8::from(form == MomentForm::HhMmSsHh);
        match (form, column) {
            (MomentForm::HhMmSs | MomentForm::HhMmSsHh, FieldType::Text { chars_max })
                if *chars_max >= u32::from(chars) => {}
            (MomentForm::HhMmSs | MomentForm::HhMmSsHh, _) => {
                return Err(format!("{name} is read as text of {chars} characters, not as {column}"));
            }
            (MomentForm::YyyyMmDdHhMmSs, FieldType::Timestamp) => {}
            (MomentForm::YyyyMmDdHhMmSs, _) => {
                return Err(format!("{name} is read as a timestamp, not as {column}"));
            }
            (_, FieldType::Date) => {}
            _ => return Err(format!("{name} is read as a date, not as {column}")),
        }
        // Both powers fit: a picture has 38 digits at most.
        let nines_of = |digits: u8| 10_i128.checked_pow(digits.into()).map_or(i128::MAX, |end| end - 1);
        let all_nines = [nines_of(form.digits()), nines_of(digits.digits)];
        Ok(Self { form, zeros, nines, hour_24, all_nines })
    }

    /// Appends, in canonical form, what the number spells.
    pub(super) fn put(&self, number: i128, out: &mut Vec<u8>) -> Result<FieldValue, Reject> {
        let is_null = (number == 0 && self.zeros == OnDate::Null && !self.form.is_time())
            || (self.nines == OnDate::Null && self.all_nines.contains(&number));
        if is_null {
            return Ok(null(out));
        }
        let digits = u64::try_from(number).ok().filter(|_| number <= self.all_nines[0]);
        let written = digits.and_then(|digits| self.spelt(digits, out));
        written.unwrap_or_else(|| Err(self.no_such(number)))
    }

    fn spelt(&self, digits: u64, out: &mut Vec<u8>) -> Option<Result<FieldValue, Reject>> {
        let time_of = |digits: u64| time(digits / 10_000, digits / 100 % 100, digits % 100, 0);
        match self.form {
            MomentForm::HhMmSs => {
                time_of(digits)?;
                Some(clock(digits, None, out))
            }
            MomentForm::HhMmSsHh => {
                time_of(digits / 100)?;
                Some(clock(digits / 100, Some(digits % 100), out))
            }
            MomentForm::YyyyMmDdHhMmSs => {
                let date = MomentForm::YyyyMmDd.date(digits / 1_000_000)?;
                let clock = digits % 1_000_000;
                let at = match self.hour_24 && clock == 240_000 {
                    true => date.tomorrow().ok()?.to_datetime(Time::midnight()),
                    false => date.to_datetime(time_of(clock)?),
                };
                record::put(out, &Value::Timestamp(at));
                Some(Ok(FieldValue::Timestamp(at)))
            }
            _ => {
                let date = self.form.date(digits)?;
                record::put(out, &Value::Date(date));
                Some(Ok(FieldValue::Date(date)))
            }
        }
    }

    #[cold]
    fn no_such(&self, number: i128) -> Reject {
        let what = if self.form.is_time() { "time" } else { "date" };
        let width = usize::from(self.form.digits());
        Reject::new(
            ReasonCode::Type,
            format!("{number:0width$} is not a {what} in the format {}", self.form.name()),
        )
    }
}

/// Appends `HH:MM:SS`, and hundredths.
fn clock(digits: u64, hundredths: Option<u64>, out: &mut Vec<u8>) -> Result<FieldValue, Reject> {
    let mut chars = *b"00:00:00.00";
    let pairs = [digits / 10_000, digits / 100 % 100, digits % 100, hundredths.unwrap_or(0)];
    for (at, pair) in pairs.into_iter().enumerate() {
        #[allow(clippy::cast_possible_truncation, reason = "two digits")]
        let pair = pair as u8;
        chars[3 * at] = b'0' + pair / 10;
        chars[3 * at + 1] = b'0' + pair % 10;
    }
    let length = if hundredths.is_some() { 11 } else { 8 };
    // The column was found to be wide enough when the decoder was made.
    text(out, 11, |out| out.extend_from_slice(&chars[..length]))
}

/// Reads the Db2 timestamps of one field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Db2Timestamps {
    page: &'static CodePage,
    blanks: Blanks,
    hour_24: bool,
    /// Whether it ends in an offset from UTC.
    has_offset: bool,
}

/// The length of a timestamp without a fraction: `2022-06-10-19.27.53`.
const TO_THE_SECOND: usize = 19;
/// A point and 12 digits: `TIMESTAMP(12)`.
const FRACTION_MAX: usize = 13;
/// The offset from UTC: `+02:00`.
const OFFSET: usize = 6;

impl Db2Timestamps {
    /// Fails, with a sentence for the layout's author, on a column that is no timestamp.
    pub(super) fn new(fills: Fills, hour_24: bool, spec: &FieldSpec) -> Result<Self, String> {
        let has_offset = spec.column == FieldType::Instant;
        if !has_offset && spec.column != FieldType::Timestamp {
            return Err(format!("a Db2 timestamp is read as a timestamp, not as {}", spec.column));
        }
        if [fills.spaces, fills.low_values, fills.high_values].contains(&Fill::Zero) {
            return Err("a timestamp cannot be zero; use `null` or `reject`".to_owned());
        }
        Ok(Self { page: spec.page, blanks: Blanks::new(fills, spec.page.space()), hour_24, has_offset })
    }

    /// Appends the field in canonical form.
    pub(super) fn put(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<FieldValue, Reject> {
        let at = match self.blanks.of(bytes) {
            Some((Fill::Null, _)) => return Ok(null(out)),
            Some((_, what)) => Err(format!("only {what} where a timestamp is expected")),
            None => self.read(bytes).ok_or_else(|| {
                let offset = if self.has_offset { "±HH:MM" } else { "" };
                let shown = self.shown(bytes);
                format!("{shown} is not a timestamp in the format YYYY-MM-DD-HH.MM.SS.nnnnnn{offset}")
            }),
        };
        let (at, is_exact) = at.map_err(|detail| Reject::new(ReasonCode::Type, detail))?;
        if !is_exact {
            return Err(Reject::new(
                ReasonCode::TooLong,
                format!("{} has more than 6 fractional digits in the seconds", self.shown(bytes)),
            ));
        }
        if self.has_offset {
            record::put(out, &Value::Instant(at));
            return Ok(FieldValue::Instant(at));
        }
        record::put(out, &Value::Timestamp(at));
        Ok(FieldValue::Timestamp(at))
    }

    /// The timestamp, and whether microseconds hold all of it.
    fn read(&self, bytes: &[u8]) -> Option<(DateTime, bool)> {
        let space = self.page.space();
        let end = bytes.iter().rposition(|byte| *byte != space)? + 1;
        let mut chars = [0; TO_THE_SECOND + FRACTION_MAX + OFFSET];
        let chars = chars.get_mut(..end)?;
        for (char, byte) in chars.iter_mut().zip(bytes) {
            *char = self.page.ascii_of(*byte);
        }
        let mut chars = &chars[..];
        let mut offset = 0;
        if self.has_offset {
            let (stamp, zone) = chars.split_last_chunk::<OFFSET>()?;
            (chars, offset) = (stamp, seconds(*zone)?);
        }
        let (head, fraction) = chars.split_first_chunk::<TO_THE_SECOND>()?;
        if [4, 7, 10].iter().any(|at| head[*at] != b'-') || [13, 16].iter().any(|at| head[*at] != b'.') {
            return None;
        }
        let date = civil(number(&head[..4])?, number(&head[5..7])?, number(&head[8..10])?)?;
        let (micros, rest) = match fraction {
            [] => (0, 0),
            [b'.', digits @ ..] if !digits.is_empty() && digits.len() < FRACTION_MAX => {
                let all = number(digits)?;
                let power = 10_u64.checked_pow(u32::try_from(digits.len().abs_diff(6)).ok()?)?;
                if digits.len() > 6 { (all / power, all % power) } else { (all * power, 0) }
            }
            _ => return None,
        };
        let nanos = i32::try_from(micros * 1000).ok()?;
        let clock = (number(&head[11..13])?, number(&head[14..16])?, number(&head[17..])?);
        let at = match self.hour_24 && clock == (24, 0, 0) && (micros, rest) == (0, 0) {
            true => date.tomorrow().ok()?.to_datetime(Time::midnight()),
            false => date.to_datetime(time(clock.0, clock.1, clock.2, nanos)?),
        };
        let utc = at.checked_sub(SignedDuration::from_secs(offset)).ok().filter(|at| at.year() >= 1)?;
        Some((utc, rest == 0))
    }

    #[cold]
    fn shown(&self, bytes: &[u8]) -> String {
        let mut text = Vec::new();
        match self.page.decode_into(bytes, &mut text) {
            Ok(()) => crate::fault::quoted(&text),
            Err(_) => quoted(bytes),
        }
    }
}

/// The seconds of an offset from UTC, as `+02:00` or `-03:30`.
fn seconds(zone: [u8; OFFSET]) -> Option<i64> {
    let [sign, a, b, b':', c, d] = zone else { return None };
    let (hours, minutes) = (number(&[a, b])?, number(&[c, d])?);
    let seconds = i64::try_from(hours * 3600 + minutes * 60).ok()?;
    match sign {
        _ if hours > 23 || minutes > 59 => None,
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

/// A number of nothing but digits.
fn number(chars: &[u8]) -> Option<u64> {
    chars.iter().try_fold(0_u64, |sum, char| char.is_ascii_digit().then(|| sum * 10 + u64::from(char - b'0')))
}
