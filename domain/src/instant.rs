//! Instants as text: a day and a time with an offset from UTC, read as the day and time in UTC.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

/// The greatest offset from UTC, in minutes, that PostgreSQL takes: 15:59.
const OFFSET_MINUTES_MAX: i32 = 15 * 60 + 59;

/// The instant, in UTC, that is written as ISO 8601 writes it, or as databases do: `2026-07-27T04:30:00Z`,
/// `2026-07-27 00:30:00.5 -0400`, `2026-07-27 10:00:00+05:30`. `None` where anything is missing, the offset above all,
/// and where the instant is before year 1 or after year 9999.
#[must_use]
pub fn parse(text: &[u8]) -> Option<DateTime> {
    let (date, rest) = text.split_at_checked(10)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let date = Date::new(
        i16::try_from(number(&[*y1, *y2, *y3, *y4])?).ok()?,
        i8::try_from(number(&[*m1, *m2])?).ok()?,
        i8::try_from(number(&[*d1, *d2])?).ok()?,
    )
    .ok()?;
    let (clock, rest) = rest.split_at_checked(9)?;
    let [b' ' | b'T', h1, h2, b':', m1, m2, b':', s1, s2] = clock else { return None };
    let two = |digits: [u8; 2]| i8::try_from(number(&digits)?).ok();
    let (nanos, rest) = fraction(rest)?;
    let time = Time::new(two([*h1, *h2])?, two([*m1, *m2])?, two([*s1, *s2])?, nanos).ok()?;
    let minutes = offset_minutes(rest.strip_prefix(b" ").unwrap_or(rest))?;
    in_utc(date.to_datetime(time), SignedDuration::from_mins(minutes.into()))
}

/// The day and time in UTC that is `at` where clocks are `offset` ahead of UTC; `None` before year 1 and after 9999.
#[must_use]
pub fn in_utc(at: DateTime, offset: SignedDuration) -> Option<DateTime> {
    at.checked_sub(offset).ok().filter(|at| at.year() >= 1)
}

/// A point and up to nine digits, in nanoseconds, and what follows them.
fn fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    let Some(text) = text.strip_prefix(b".") else { return Some((0, text)) };
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    let missing = 9_u32.checked_sub(u32::try_from(digits.len()).ok()?).filter(|missing| *missing < 9)?;
    Some((number(digits)?.checked_mul(10_i32.checked_pow(missing)?)?, rest))
}

/// `Z`, or a sign and `hh`, `hhmm` or `hh:mm`, in minutes.
fn offset_minutes(text: &[u8]) -> Option<i32> {
    let (sign, digits) = match text {
        b"Z" => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits {
        [h1, h2] => (number(&[*h1, *h2])?, 0),
        [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => (number(&[*h1, *h2])?, number(&[*m1, *m2])?),
        _ => return None,
    };
    let minutes = Some(hours * 60 + minutes).filter(|all| minutes < 60 && *all <= OFFSET_MINUTES_MAX)?;
    Some(sign * minutes)
}

/// The number that up to nine digits make; `None` if anything else is among them.
fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0_i32, |sum, byte| {
        byte.is_ascii_digit().then(|| sum.checked_mul(10)?.checked_add(i32::from(byte - b'0'))).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_instant_is_a_time_and_its_offset() {
        for (text, utc) in [
            ("2026-07-27 00:30:00 -0400", "2026-07-27T04:30:00"),
            ("2026-07-27 00:30:00 +0530", "2026-07-26T19:00:00"),
            ("2026-07-27T00:30:00Z", "2026-07-27T00:30:00"),
            ("2026-07-27T00:30:00.123456+02", "2026-07-26T22:30:00.123456"),
            ("2026-07-27 00:30:00.5+05:45", "2026-07-26T18:45:00.5"),
            ("2024-02-29 23:59:59.999999999-15:59", "2024-03-01T15:58:59.999999999"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999"),
            ("0001-01-01T00:00:00-01:00", "0001-01-01T01:00:00"),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(utc.parse().unwrap()), "{text}");
        }
        for text in [
            "2026-07-27 00:30:00",
            "2026-07-27 00:30 Z",
            "2026-07-27Z",
            "2026-07-27T00:30:60Z",
            "2026-07-27T24:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-07-27T00:30:00z",
            "2026-07-27T00:30:00 UTC",
            "2026-07-27T00:30:00+16:00",
            "2026-07-27T00:30:00+01:60",
            "2026-07-27T00:30:00+1",
            "2026-07-27T00:30:00.Z",
            "2026-07-27T00:30:00.1234567890Z",
            "2026-07-27T00:30:00Z ",
            " 2026-07-27T00:30:00Z",
            "2026-07-27  00:30:00Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "",
            "0000-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
