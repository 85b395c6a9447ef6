//! How numbers, times and foreign texts are written in a report.

use std::fmt::Write as _;

use domain::amount::Amount;
use domain::check::{CheckKind, CheckResult, Verdict};
use domain::counts::WorkerShare;
use domain::ids::WorkerId;
pub use domain::visible::visible;
use domain::words;
pub use domain::words::{grouped_number as grouped, plural};
pub use platform::clock::iso as time;

/// Groups digits by three: `1234567` becomes `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    words::grouped(number)
}

/// An exact amount with its integer digits grouped.
#[must_use]
pub fn amount(amount: Amount) -> String {
    grouped(&amount.to_string())
}

/// One side of a check, with its numbers grouped.
#[must_use]
pub fn side(check: &CheckResult, text: &str) -> String {
    let text = visible(text);
    if check.kind == CheckKind::Hash {
        return text;
    }
    let word = |word: &str| match word.strip_suffix(',') {
        Some(number) => grouped(number) + ",",
        None => grouped(word),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Whether the text is a SHA-256 value.
#[must_use]
pub fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The first 16 digits of a SHA-256 value and an ellipsis; any other text as it is.
#[must_use]
pub fn shortened(text: &str) -> String {
    shortened_to(16, text)
}

/// The first `digits` digits of a SHA-256 value and an ellipsis; any other text as it is.
#[must_use]
pub fn shortened_to(digits: usize, text: &str) -> String {
    match text.get(..digits) {
        Some(first) if is_hash(text) => format!("{first}…"),
        _ => text.into(),
    }
}

/// Two long texts from shortly before the place where they differ; short ones, and equal ones, as they are.
#[must_use]
pub fn differing(expected: &str, actual: &str) -> (String, String) {
    /// A text of up to so many characters is shown from its beginning.
    const SHORT: usize = 20;
    /// Characters that are shown before the first that differs.
    const BEFORE: usize = 6;
    let same = expected.chars().zip(actual.chars()).take_while(|(left, right)| left == right).count();
    let skipped = same.saturating_sub(BEFORE);
    let is_long = expected.chars().count().max(actual.chars().count()) > SHORT;
    if expected == actual || !is_long || skipped < 2 {
        return (expected.into(), actual.into());
    }
    let from = |text: &str| "…".chars().chain(text.chars().skip(skipped)).collect();
    (from(expected), from(actual))
}

/// Milliseconds since 1970 as `2026-11-23 21:46:47`, UTC.
#[must_use]
pub fn second(at_ms: i64) -> String {
    let time = time(at_ms);
    time.split_once('.').map_or(&*time, |(to_second, _)| to_second).replace('T', " ")
}

/// Milliseconds since 1970 as `2026-11-23 21:46:47 UTC`.
#[must_use]
pub fn time_to_second(at_ms: i64) -> String {
    second(at_ms) + " UTC"
}

/// A span of time: `3.2 s`, `4 min 05 s`, `2 h 03 min`.
#[must_use]
pub fn duration(elapsed_ms: u64) -> String {
    let seconds = elapsed_ms / 1_000;
    match seconds {
        0..60 => format!("{seconds}.{} s", elapsed_ms % 1_000 / 100),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", count(seconds / 3_600), seconds / 60 % 60),
    }
}

/// `part` of `whole`, rounded to `scale` decimal digits: `tenths(12_345, 1_000)` is `12.3`.
fn ratio(part: u64, whole: u64) -> Option<String> {
    let (part, whole) = (u128::from(part), u128::from(whole));
    let tenths = (part * 10 + whole / 2).checked_div(whole)?;
    Some(grouped(&format!("{}.{}", tenths / 10, tenths % 10)))
}

/// Bytes in megabytes of 10^6.
#[must_use]
pub fn megabytes(bytes: u64) -> String {
    ratio(bytes, 1_000_000).unwrap_or_default()
}

/// Shows microseconds as seconds with one decimal.
#[must_use]
pub fn seconds(us: u64) -> String {
    ratio(us, 1_000_000).unwrap_or_default()
}

/// Records in a second; `–` when no time was measured.
#[must_use]
pub fn rate(records: u64, busy_us: u64) -> String {
    let per_second = (u128::from(records) * 1_000_000).checked_div(u128::from(busy_us));
    per_second.map_or_else(|| "–".into(), |rate| grouped(&rate.to_string()))
}

/// `part` of `whole` in thousandths, rounded.
#[must_use]
pub fn per_mille(part: u64, whole: u64) -> u16 {
    let whole = u128::from(whole);
    let share = (u128::from(part) * 1_000 + whole / 2).checked_div(whole).unwrap_or(0);
    u16::try_from(share.min(1_000)).unwrap_or(1_000)
}

/// `part` of `whole` as `49.9 %`; neither nothing nor all is said of what is only nearly so.
#[must_use]
pub fn share(part: u64, whole: u64) -> String {
    match per_mille(part, whole) {
        0 if part > 0 => "< 0.1 %".into(),
        1_000 if part < whole => "> 99.9 %".into(),
        thousandths => format!("{}.{} %", thousandths / 10, thousandths % 10),
    }
}

/// The mark that stands for a verdict, so that colour is never its only sign.
#[must_use]
pub const fn mark(verdict: Verdict) -> char {
    match verdict {
        Verdict::Pass => '✓',
        Verdict::Fail => '✗',
        Verdict::Warn => '!',
        Verdict::Vacuous => '–',
    }
}

/// A worker by its number and, where it is known, its name.
#[must_use]
pub fn worker(id: WorkerId, workers: &[WorkerShare]) -> String {
    let mut out = id.to_string();
    if let Some(share) = workers.iter().find(|share| share.worker_id == id) {
        let _ = write!(out, " {}", visible(&share.name));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_and_nothing_else_is_touched() {
        let table = [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1,000"),
            ("-1234567.8901", "-1,234,567.8901"),
            ("+100000", "+100,000"),
            ("1000 records", "1000 records"),
            ("at least 1", "at least 1"),
            ("", ""),
            ("-", "-"),
            ("1.2.3", "1.2.3"),
        ];
        for (text, expected) in table {
            assert_eq!(grouped(text), expected);
        }
    }

    #[test]
    fn of_two_long_values_the_part_that_differs_is_shown() {
        let table = [
            ("12345678901234567890.123456", "12345678901234567890.123457", "….123456", "….123457"),
            ("12.34", "12.35", "12.34", "12.35"),
            (
                "the same long text, twice",
                "the same long text, twice",
                "the same long text, twice",
                "the same long text, twice",
            ),
            (
                "other beginnings of long texts",
                "Other beginnings of long texts",
                "other beginnings of long texts",
                "Other beginnings of long texts",
            ),
            ("a text that ends too early", "a text that ends", "…t ends too early", "…t ends"),
        ];
        for (expected, actual, left, right) in table {
            assert_eq!(differing(expected, actual), (left.to_owned(), right.to_owned()));
        }
    }

    #[test]
    fn a_time_is_iso_8601_in_utc() {
        let table = [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_795_470_407_123, "2026-11-23T21:46:47.123Z"),
        ];
        for (at_ms, expected) in table {
            assert_eq!(time(at_ms), expected);
        }
    }

    #[test]
    fn spans_shares_and_rates_are_short() {
        assert_eq!([duration(3_249), duration(245_000)], ["3.2 s", "4 min 05 s"]);
        assert_eq!(duration(7_380_000), "2 h 03 min");
        assert_eq!([megabytes(79_123_456), seconds(1_250_000)], ["79.1", "1.3"]);
        assert_eq!([rate(500_000, 1_250_000), rate(1, 0)], ["400,000", "–"]);
        assert_eq!([share(1, 3), share(0, 0), share(7, 7)], ["33.3 %", "0.0 %", "100.0 %"]);
        assert_eq!([share(7, 1_000_000), share(999_999, 1_000_000)], ["< 0.1 %", "> 99.9 %"]);
    }
}
