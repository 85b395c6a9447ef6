//! Dates, timestamps and instants as text: in the job's forms, the first of which is the usual one.

use domain::record::Tag;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, ToSpan};

use super::notation::alike_moments;
use crate::field::FieldForm;

/// The forms that the days or times of one field are written in.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    forms: Vec<Form>,
    /// The first of the hundred years that years of two digits are of.
    year_window: Option<i16>,
    /// Whether midnight may be the hour 24 of the day before.
    hour_24: bool,
}

/// One form.
#[derive(Debug, Clone)]
enum Form {
    /// As the canonical form is: `2024-02-29`, and `2024-02-29 23:59:59`.
    Canonical,
    /// The canonical form with a T.
    WithT,
    /// Eight digits: `20240229`.
    Compact,
    Strptime(String),
}

impl Form {
    fn new(form: &str) -> Self {
        match form.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S").as_str() {
            "%Y-%m-%d" | "%Y-%m-%d %H:%M:%S" | "%Y-%m-%d %H:%M:%S%.f" => Self::Canonical,
            "%Y-%m-%dT%H:%M:%S" | "%Y-%m-%dT%H:%M:%S%.f" => Self::WithT,
            "%Y%m%d" => Self::Compact,
            _ => Self::Strptime(form.to_owned()),
        }
    }

    const fn strptime(&self) -> &str {
        match self {
            Self::Strptime(form) => form.as_str(),
            Self::Compact => "%Y%m%d",
            Self::Canonical => "%Y-%m-%d %H:%M:%S%.f",
            Self::WithT => "%Y-%m-%dT%H:%M:%S%.f",
        }
    }
}

/// A timestamp without the last zeros of its fraction.
fn trimmed_zeros(content: &[u8]) -> &[u8] {
    let end = content.iter().rposition(|char| *char != b'0').map_or(0, |last| last + 1);
    &content[..end]
}

/// The day or time that is meant.
fn read(tag: Tag, content: &[u8]) -> Option<DateTime> {
    let text = std::str::from_utf8(content).ok()?;
    match tag {
        Tag::Date => Some(text.parse::<Date>().ok()?.to_datetime(Time::midnight())),
        Tag::Timestamp => text.parse().ok(),
        Tag::Instant => text.strip_suffix('Z')?.parse().ok(),
        _ => None,
    }
}

impl Moments {
    pub(super) fn new(form: &FieldForm) -> Self {
        let forms = form.pattern.iter().chain(&form.or_patterns).map(|form| Form::new(form));
        let mut forms: Vec<_> = forms.collect();
        if forms.is_empty() {
            forms.push(Form::Canonical);
        }
        Self { forms, year_window: form.year_window, hour_24: form.hour_24 }
    }

    /// Appends the usual text of the day or time whose canonical form `content` is.
    pub(super) fn write(&self, tag: Tag, content: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let first = self.forms.first()?;
        // A fraction of zeros is not written.
        let whole = || content.strip_suffix(b".000000").unwrap_or_else(|| trimmed_zeros(content));
        match (first, tag) {
            (Form::Canonical, Tag::Date) | (_, Tag::Instant) => out.extend_from_slice(content),
            (Form::Canonical | Form::WithT, Tag::Timestamp) => {
                let start = out.len();
                out.extend_from_slice(whole());
                if matches!(first, Form::WithT) {
                    *out.get_mut(start + 10)? = b'T';
                }
            }
            (Form::Compact, Tag::Date) => out.extend(content.iter().filter(|char| **char != b'-')),
            _ => out.extend_from_slice(self.spelt(first.strptime(), read(tag, content)?)?.as_bytes()),
        }
        Some(())
    }

    /// The text in one form.
    fn spelt(&self, form: &str, at: DateTime) -> Option<String> {
        match self.year_window {
            Some(first) if form.contains("%y") => {
                let is_in_window = (first..first.checked_add(100)?).contains(&at.year());
                let year = format!("{:02}", at.year() % 100);
                is_in_window.then(|| BrokenDownTime::from(at).to_string(form.replace("%y", &year)).ok())?
            }
            _ => BrokenDownTime::from(at).to_string(form).ok(),
        }
    }

    /// Whether `text`, which is not the usual one, spells the day or time in another way.
    pub(super) fn is_other(&self, tag: Tag, content: &[u8], text: &[u8]) -> bool {
        let Some(at) = read(tag, content) else { return false };
        self.forms.iter().any(|form| {
            let form = match (form, tag) {
                (Form::Canonical, Tag::Date) => "%Y-%m-%d",
                (form, _) => form.strptime(),
            };
            let is_alike = self.spelt(form, at).is_some_and(|spelt| alike_moments(spelt.as_bytes(), text));
            is_alike || self.is_hour_24(form, at, text)
        })
    }

    /// Whether `text` is the hour 24 of the day before `at`.
    fn is_hour_24(&self, form: &str, at: DateTime, text: &[u8]) -> bool {
        let day = at.checked_sub(1.day()).ok().filter(|_| self.hour_24 && at.time() == Time::midnight());
        let form = form.replace("%T", "%H:%M:%S").replace("%H", "24");
        let spelt = day.and_then(|day| self.spelt(&form, day));
        spelt.is_some_and(|spelt| alike_moments(spelt.as_bytes(), text))
    }

    /// Whether `text` spells an instant, whose canonical form is in UTC, at whatever offset.
    pub(super) fn is_instant(&self, content: &[u8], text: &[u8]) -> bool {
        let (Some(utc), Ok(text)) = (read(Tag::Instant, content), std::str::from_utf8(text)) else {
            return false;
        };
        offsets(text).any(|(offset, at, end)| {
            let local = utc.checked_add(SignedDuration::from_secs(offset.into()));
            let (Ok(local), Ok(offset)) = (local, Offset::from_seconds(offset)) else { return false };
            self.forms.iter().any(|form| match form {
                Form::Strptime(form) => {
                    // The offset itself may be written in several ways: what is around it must be as the form says.
                    let mut parts = BrokenDownTime::from(local);
                    parts.set_offset(Some(offset));
                    let zone =
                        form.find("%z").map(|at| (at, 2)).or_else(|| form.find("%:z").map(|at| (at, 3)));
                    match zone {
                        Some((zone, length)) => {
                            let around = format!("{}{}", &form[..zone], &form[zone + length..]);
                            let held = format!("{}{}", &text[..at], &text[end..]);
                            let spelt = self.spelt_by(&around, &parts, local);
                            spelt.is_some_and(|spelt| alike_moments(spelt.as_bytes(), held.as_bytes()))
                        }
                        None => {
                            let spelt = self.spelt_by(form, &parts, local);
                            spelt.is_some_and(|spelt| alike_moments(spelt.as_bytes(), text.as_bytes()))
                        }
                    }
                }
                _ => {
                    let usual = local.strftime("%Y-%m-%d %H:%M:%S%.f").to_string();
                    let held = text[..at].trim_end().replacen(['T', 't'], " ", 1);
                    end == text.len() && alike_moments(usual.as_bytes(), held.as_bytes())
                }
            })
        })
    }

    fn spelt_by(&self, form: &str, parts: &BrokenDownTime, at: DateTime) -> Option<String> {
        if self.year_window.is_some() && form.contains("%y") {
            return self.spelt(form, at);
        }
        parts.to_string(form).ok()
    }
}

/// Each part of a text that may be an offset from UTC: its seconds, and where it begins and ends.
fn offsets(text: &str) -> impl Iterator<Item = (i32, usize, usize)> + '_ {
    text.char_indices().filter_map(|(at, char)| {
        let sign = match char {
            'Z' | 'z' => return Some((0, at, at + 1)),
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let rest = text.get(at + 1..)?;
        let length = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b':').count();
        let digits: Vec<i32> =
            rest[..length].bytes().filter(u8::is_ascii_digit).map(|byte| i32::from(byte - b'0')).collect();
        let two = |at: usize| Some(digits.get(at)? * 10 + digits.get(at + 1)?);
        let (hours, minutes, seconds) = match digits.len() {
            2 => (two(0)?, 0, 0),
            4 => (two(0)?, two(2)?, 0),
            6 => (two(0)?, two(2)?, two(4)?),
            _ => return None,
        };
        Some((sign * (hours * 3600 + minutes * 60 + seconds), at, at + 1 + length))
    })
}
