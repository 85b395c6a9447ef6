//! The date and time formats that are recognised.

/// The date formats, the most likely first; if two fit all values, the first wins.
const DAYS: [&str; 9] = [
    "%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y",
];

/// The part of a timestamp format after the date.
const CLOCKS: [&str; 8] = [
    " %H:%M:%S%.f",
    "T%H:%M:%S%.f",
    " %H:%M:%S%.fZ",
    "T%H:%M:%S%.fZ",
    " %H:%M",
    "T%H:%M",
    "%H%M%S",
    "-%H.%M.%S%.f",
];

/// The years in which eight digits count as a date; otherwise they may be any number.
const COMPACT_YEARS: std::ops::RangeInclusive<u32> = 1900..=2100;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A format that all values match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) text: String,
    /// Another format that all values match too, but with different dates.
    pub(super) or: Option<String>,
}

/// Finds a date format that all `values` match.
pub(super) fn day(values: &[&str]) -> Option<Form> {
    pick(DAYS.iter().map(|day| (*day).to_owned()), values)
}

/// Finds a timestamp format that all `values` match.
pub(super) fn timestamp(values: &[&str]) -> Option<Form> {
    let forms = DAYS.iter().flat_map(|day| CLOCKS.iter().map(move |clock| format!("{day}{clock}")));
    pick(forms, values)
}

fn pick(forms: impl Iterator<Item = String>, values: &[&str]) -> Option<Form> {
    let mut fitting =
        forms.filter(|form| !values.is_empty() && values.iter().all(|value| reads(form, value)));
    let text = fitting.next()?;
    Some(Form { text, or: fitting.next() })
}

/// Matches a text against a format.
struct Walk<'a> {
    rest: &'a [u8],
}

impl Walk<'_> {
    fn number(&mut self, digits_min: usize, digits_max: usize) -> Option<u32> {
        let digits = self.rest.iter().take(digits_max).take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        (digits >= digits_min).then(|| number.iter().fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0')))
    }

    fn literal(&mut self, wanted: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        (*first == wanted).then_some(())
    }

    fn month_name(&mut self) -> Option<u32> {
        let name = self.rest.get(..3)?;
        self.rest = &self.rest[3..];
        (1..)
            .zip(MONTHS)
            .find(|(_, month)| month.as_bytes().eq_ignore_ascii_case(name))
            .map(|(number, _)| number)
    }

    /// Matches a point and up to nine digits, or nothing. Digits after the microseconds must be zero.
    fn fraction(&mut self) -> Option<()> {
        let Some(digits) = self.rest.strip_prefix(b".") else { return Some(()) };
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.rest = &digits[count..];
        let kept = digits[..count].iter().skip(6).all(|byte| *byte == b'0');
        ((1..=9).contains(&count) && kept).then_some(())
    }
}

/// Whether `text` is a date or timestamp in the format.
fn reads(form: &str, text: &str) -> bool {
    read(form, text).is_some()
}

fn read(form: &str, text: &str) -> Option<()> {
    let compact = form.starts_with("%Y%m");
    let one_or_two = if compact { 2 } else { 1 };
    let (mut year, mut month, mut day) = (0, 0, 0);
    let mut walk = Walk { rest: text.as_bytes() };
    let mut form = form.bytes();
    while let Some(byte) = form.next() {
        if byte != b'%' {
            walk.literal(byte)?;
            continue;
        }
        match form.next()? {
            b'Y' => year = walk.number(4, 4)?,
            b'm' => month = walk.number(one_or_two, 2)?,
            b'b' => month = walk.month_name()?,
            b'd' => day = walk.number(one_or_two, 2)?,
            b'H' => walk.number(2, 2).filter(|hour| *hour < 24).map(drop)?,
            b'M' | b'S' => walk.number(2, 2).filter(|part| *part < 60).map(drop)?,
            _ => {
                form.next();
                walk.fraction()?;
            }
        }
    }
    let is_day = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    (walk.rest.is_empty() && is_day && (!compact || COMPACT_YEARS.contains(&year))).then_some(())
}

const fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
