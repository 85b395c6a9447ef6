//! Dates and timestamps: strptime forms, and short cuts for those that nearly every file uses.

use domain::constraint::ReasonCode;
use domain::instant::in_utc;
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time, datetime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{Offset, offset};

use super::fault::{Fault, not_a, quoted};

/// The forms that are read without walking the form: four to ten times as fast.
#[derive(Debug, Clone, Copy)]
enum Quick {
    /// `2024-02-29`: four digits, two and two, with dashes.
    Dashed,
    /// `20240229`: eight digits without separators.
    Compact,
    /// `2024-02-29 23:59:59`, with this byte in the middle, and perhaps a fraction.
    Stamp { between: u8, fraction: bool },
}

/// What a form says of the offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    /// Nothing: day and time are local.
    Local,
    /// It is written (`%z`); if the directive is the form's last, it begins here, and a `Z` may stand for it.
    Offset { last: Option<usize> },
    /// It is none: the form ends in a `Z`.
    Utc,
}

/// A strptime form that says which day it is; one of an instant says the offset from UTC too.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    form: String,
    quick: Option<Quick>,
    zone: Zone,
    /// Where in the form each directive for seconds ends.
    seconds_end: Vec<usize>,
    may_begin_blank: bool,
    /// Where years of two digits belong, if the job says so.
    years: Option<i16>,
    /// Where in the form the hour begins, if 24:00:00 is the next day's midnight.
    hour_24: Option<usize>,
}

impl Pattern {
    /// Fails, with a sentence for the job's author, on a form that cannot be read back or lacks the day.
    pub(super) fn new(form: &str) -> Result<Self, String> {
        let directives = directives(form);
        let has = |names: &[u8]| directives.iter().find(|(name, _)| names.contains(name));
        if let Some((name, _)) = has(b"zZQs") {
            return Err(format!(
                "the format `{form}` has a time zone or an instant (%{}), but dates and timestamps are stored \
                 without a zone",
                char::from(*name)
            ));
        }
        Self::checked(form, Zone::Local, &directives)
    }

    /// For an instant: the form must say the offset from UTC, by one `%z` or by a `Z` at its end.
    pub(super) fn of_instant(form: &str) -> Result<Self, String> {
        let directives = directives(form);
        if let Some((name, _)) = directives.iter().find(|(name, _)| b"ZQs".contains(name)) {
            return Err(format!(
                "the format `{form}` has %{}; an offset from UTC is %z or %:z",
                char::from(*name)
            ));
        }
        let offsets: Vec<usize> =
            directives.iter().filter(|(name, _)| *name == b'z').map(|(_, end)| *end).collect();
        let zone = match offsets[..] {
            [end] => {
                let last = form[..end].rfind('%').filter(|_| end == form.len());
                Zone::Offset { last }
            }
            [] if form.ends_with('Z') => Zone::Utc,
            [] => {
                return Err(format!(
                    "the format `{form}` lacks the offset from UTC: %z, %:z, or a Z at its end; without one the type \
                     is timestamp"
                ));
            }
            _ => return Err(format!("the format `{form}` has several offsets from UTC")),
        };
        Self::checked(form, zone, &directives)
    }

    fn checked(form: &str, zone: Zone, directives: &[(u8, usize)]) -> Result<Self, String> {
        check_round_trip(form, zone)?;
        let quick = match form.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S").as_str() {
            "%Y-%m-%d" => Some(Quick::Dashed),
            "%Y%m%d" => Some(Quick::Compact),
            "%Y-%m-%d %H:%M:%S" => Some(Quick::Stamp { between: b' ', fraction: false }),
            "%Y-%m-%d %H:%M:%S%.f" => Some(Quick::Stamp { between: b' ', fraction: true }),
            "%Y-%m-%dT%H:%M:%S" => Some(Quick::Stamp { between: b'T', fraction: false }),
            "%Y-%m-%dT%H:%M:%S%.f" => Some(Quick::Stamp { between: b'T', fraction: true }),
            _ => None,
        };
        let seconds = directives.iter().filter(|(name, _)| b"ST".contains(name));
        Ok(Self {
            form: form.to_owned(),
            zone,
            quick,
            seconds_end: seconds.map(|(_, end)| *end).collect(),
            may_begin_blank: form.starts_with(|first: char| first.is_ascii_whitespace())
                || ["%n", "%t", "%e", "%k", "%l", "%_"].iter().any(|start| form.starts_with(start)),
            years: None,
            hour_24: None,
        })
    }

    /// Years of two digits belong to the hundred years from `first` on. Fails on a form whose other parts depend on the
    /// century.
    pub(super) fn with_years(mut self, first: Option<i16>) -> Result<Self, String> {
        let directives = directives(&self.form);
        let has = |names: &[u8]| directives.iter().any(|(name, _)| names.contains(name));
        if let Some(first) = first.filter(|_| has(b"y")) {
            if has(b"aAuwUVWgGC") {
                return Err(format!(
                    "`year_window` does not go with the weekday, week or century of `{}`",
                    self.form
                ));
            }
            if !(1..=9900).contains(&first) {
                return Err("`year_window` must be 1 to 9900".to_owned());
            }
            self.years = Some(first);
        }
        Ok(self)
    }

    /// Whether 24:00:00 is the next day's midnight. Fails on a form without one hour of the day.
    pub(super) fn with_hour_24(mut self, is_next_day: bool) -> Result<Self, String> {
        if is_next_day {
            let hours: Vec<usize> = directives(&self.form)
                .iter()
                .filter(|(name, _)| b"HT".contains(name))
                .map(|(_, end)| *end)
                .collect();
            let [end] = hours[..] else {
                return Err(format!(
                    "`hour_24` needs a format with one hour of the day, %H or %T; it is `{}`",
                    self.form
                ));
            };
            self.hour_24 = self.form[..end].rfind('%');
        }
        Ok(self)
    }

    /// The form, as the job has it.
    pub(super) fn form(&self) -> &str {
        &self.form
    }

    pub(super) fn date(&self, text: &[u8]) -> Result<Date, Fault> {
        let at = self.read(text, "date")?;
        if at.time() != Time::midnight() {
            return Err(Fault::new(
                ReasonCode::TooLong,
                format!("{} has a time of day, which a date cannot hold", quoted(text)),
            ));
        }
        Ok(at.date())
    }

    pub(super) fn timestamp(&self, text: &[u8]) -> Result<DateTime, Fault> {
        self.read(text, "timestamp")
    }

    fn read(&self, text: &[u8], what: &str) -> Result<DateTime, Fault> {
        let at = match self.quick.and_then(|quick| quick.read(text)) {
            Some(at) => at,
            None => self
                .read_slowly(text)
                .or_else(|| self.read_hour_24(text))
                .ok_or_else(|| not_a(text, &format!("is not a {what} in the format {}", self.form)))?,
        };
        exact(text, at)
    }

    /// The instant, as day and time in UTC.
    pub(super) fn instant(&self, text: &[u8]) -> Result<DateTime, Fault> {
        let at = self.read_instant(text).ok_or_else(|| {
            not_a(text, &format!("is not a timestamp with an offset from UTC in the format {}", self.form))
        })?;
        exact(text, at)
    }

    fn read_instant(&self, text: &[u8]) -> Option<DateTime> {
        if let (Zone::Offset { last: Some(start) }, Some(text)) = (self.zone, text.strip_suffix(b"Z")) {
            return self.local(&self.parts(&self.form[..start], text)?).filter(|at| at.year() >= 1);
        }
        let parts = self.parts(&self.form, text)?;
        let offset = match self.zone {
            Zone::Offset { .. } => parts.offset()?,
            Zone::Local | Zone::Utc => Offset::UTC,
        };
        in_utc(self.local(&parts)?, SignedDuration::from_secs(offset.seconds().into()))
    }

    fn read_slowly(&self, text: &[u8]) -> Option<DateTime> {
        self.local(&self.parts(&self.form, text)?).filter(|at| at.year() >= 1)
    }

    /// The next day's midnight, written as 24:00:00.
    fn read_hour_24(&self, text: &[u8]) -> Option<DateTime> {
        let hour = self.hour_24?;
        let (_, start) = BrokenDownTime::parse_prefix(&self.form[..hour], text).ok()?;
        let mut at_zero = text.to_vec();
        at_zero.get_mut(start..start + 2).filter(|digits| *digits == b"24")?.copy_from_slice(b"00");
        let day = self.read_slowly(&at_zero).filter(|at| at.time() == Time::midnight())?;
        day.checked_add(SignedDuration::from_hours(24)).ok()
    }

    /// Day and time as they are written, the year in its century.
    fn local(&self, parts: &BrokenDownTime) -> Option<DateTime> {
        let at = parts.to_datetime().ok()?;
        let Some(first) = self.years else { return Some(at) };
        let year = first + (at.year() - first).rem_euclid(100);
        let date = match parts.day_of_year() {
            Some(day) => {
                let date = Date::new(year, 1, 1)
                    .ok()?
                    .checked_add(SignedDuration::from_hours(24 * i64::from(day - 1)));
                date.ok().filter(|date| date.year() == year)?
            }
            None => Date::new(year, at.month(), at.day()).ok()?,
        };
        Some(date.to_datetime(at.time()))
    }

    /// The form decides; what it lets pass in silence is caught here. `form` is the form, or how it begins.
    fn parts(&self, form: &str, text: &[u8]) -> Option<BrokenDownTime> {
        if text.first().is_some_and(u8::is_ascii_whitespace) && !self.may_begin_blank {
            return None;
        }
        let parts = BrokenDownTime::parse(form, text).ok()?;
        // A 60th second is read as the 59th, which would be a changed value.
        if parts.second() == Some(59) && self.seconds_end.iter().any(|end| self.ends_in_sixty(text, *end)) {
            return None;
        }
        Some(parts)
    }

    fn ends_in_sixty(&self, text: &[u8], form_end: usize) -> bool {
        let up_to_seconds = BrokenDownTime::parse_prefix(&self.form[..form_end], text);
        up_to_seconds.is_ok_and(|(_, end)| text[..end].ends_with(b"60"))
    }
}

/// A time to the microsecond, which is as exact as any table holds it.
pub(super) fn exact(text: &[u8], at: DateTime) -> Result<DateTime, Fault> {
    if at.subsec_nanosecond() % 1000 != 0 {
        return Err(Fault::new(
            ReasonCode::TooLong,
            format!("{} has more than 6 fractional digits in the seconds", quoted(text)),
        ));
    }
    Ok(at)
}

/// The directives of a form, each with its letter and the position after it.
fn directives(form: &str) -> Vec<(u8, usize)> {
    let bytes = form.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            at += 1;
            // Flags, width, colons and the point of `%.3f` stand between the sign and the letter.
            while bytes.get(at).is_some_and(|byte| b"-_^#.:0123456789".contains(byte)) {
                at += 1;
            }
            found.extend(bytes.get(at).map(|letter| (*letter, at + 1)));
        }
        at += 1;
    }
    found
}

/// A form is good when a day written in it is the day read from it.
fn check_round_trip(form: &str, zone: Zone) -> Result<(), String> {
    let written = datetime(2024, 11, 23, 13, 45, 56, 123_456_000);
    let mut broken_down = BrokenDownTime::from(written);
    if let Zone::Offset { .. } = zone {
        broken_down.set_offset(Some(offset(2)));
    }
    let text = broken_down.to_string(form).map_err(|error| format!("invalid format `{form}`: {error}"))?;
    let parts = BrokenDownTime::parse(form, &text)
        .map_err(|error| format!("cannot parse with the format `{form}`: {error}"))?;
    if parts.year().is_none() && parts.iso_week_year().is_none() {
        return Err(format!("the format `{form}` lacks the year"));
    }
    let Ok(date) = parts.to_date() else {
        return Err(format!("the format `{form}` lacks the month or the day"));
    };
    if date != written.date() {
        return Err(format!(
            "the format `{form}` is ambiguous: {} written in it is read as {date}",
            written.date()
        ));
    }
    let has_time = parts.hour().is_some()
        || parts.minute().is_some()
        || parts.second().is_some()
        || parts.subsec_nanosecond().is_some();
    match parts.to_time() {
        Ok(time) if !has_time || time.hour() == written.hour() => Ok(()),
        Ok(_) => Err(format!("the format `{form}` does not distinguish morning from afternoon: %I needs %p")),
        Err(error) => Err(format!("the format `{form}` has an incomplete time: {error}")),
    }
}

impl Quick {
    /// `None` when the text is not quite so; the form then has the last word.
    fn read(self, text: &[u8]) -> Option<DateTime> {
        match self {
            Self::Dashed => Some(dashed(text.try_into().ok()?)?.to_datetime(Time::midnight())),
            Self::Compact => {
                let text: &[u8; 8] = text.try_into().ok()?;
                let date = Date::new(year(&text[..4])?, two(&text[4..6])?, two(&text[6..])?).ok()?;
                Some(date.to_datetime(Time::midnight()))
            }
            Self::Stamp { between, fraction } => {
                let (head, tail) = text.split_first_chunk::<19>()?;
                let (date, clock) = head.split_first_chunk::<10>()?;
                if clock[0] != between || clock[3] != b':' || clock[6] != b':' {
                    return None;
                }
                let nanos = if tail.is_empty() { 0 } else { nanos(tail).filter(|_| fraction)? };
                let time =
                    Time::new(two(&clock[1..3])?, two(&clock[4..6])?, two(&clock[7..9])?, nanos).ok()?;
                Some(dashed(date)?.to_datetime(time))
            }
        }
    }
}

fn dashed(text: &[u8; 10]) -> Option<Date> {
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    Date::new(year(&text[..4])?, two(&text[5..7])?, two(&text[8..])?).ok()
}

fn year(text: &[u8]) -> Option<i16> {
    let year = text
        .iter()
        .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i16::from(byte - b'0')))?;
    // PostgreSQL's calendar has no year 0: 1 BC is before 1 AD.
    (year > 0).then_some(year)
}

fn two(text: &[u8]) -> Option<i8> {
    let &[tens, ones] = text else { return None };
    if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
        return None;
    }
    i8::try_from((tens - b'0') * 10 + (ones - b'0')).ok()
}

/// A point and up to nine digits.
fn nanos(text: &[u8]) -> Option<i32> {
    let digits = text.strip_prefix(b".").filter(|digits| (1..=9).contains(&digits.len()))?;
    let mut sum = 0_i32;
    for at in 0..9 {
        let digit =
            digits.get(at).map_or(Some(0), |byte| byte.is_ascii_digit().then(|| i32::from(byte - b'0')));
        sum = sum * 10 + digit?;
    }
    Some(sum)
}
