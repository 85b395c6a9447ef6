//! Dates and timestamps.

use domain::constraint::ReasonCode;
use domain::value::FieldType;
use jiff::fmt::strtime::BrokenDownTime;
use proptest::prelude::*;

use super::decoding::one;
use super::plain;
use crate::FieldForm;
use crate::time::Pattern;

#[test]
fn dates_and_timestamps_are_read_by_their_form() {
    use FieldType::{Date, Timestamp};
    use ReasonCode::{TooLong, Type};
    let table: &[(FieldType, Option<&str>, &str, Result<&str, ReasonCode>)] = &[
        (Date, None, "2024-02-29", Ok("2024-02-29")),
        (Date, None, "2023-02-29", Err(Type)),
        (Date, None, "2024-02-30", Err(Type)),
        (Date, None, "2024-13-01", Err(Type)),
        (Date, None, "0000-00-00", Err(Type)),
        (Date, None, "2024-02-29 ", Err(Type)),
        (Date, None, " 2024-02-29", Err(Type)),
        (Date, None, "2024-02-29x", Err(Type)),
        (Date, None, "-001-02-28", Err(Type)),
        (Date, None, "20240229", Err(Type)),
        (Date, None, "9999-12-31", Ok("9999-12-31")),
        (Date, Some("%Y%m%d"), "20240229", Ok("2024-02-29")),
        (Date, Some("%Y%m%d"), "2024022", Ok("2024-02-02")),
        (Date, Some("%Y%m%d"), "00000000", Err(Type)),
        (Date, Some("%F"), "2024-02-29", Ok("2024-02-29")),
        (Date, Some("%d.%m.%Y"), "29.02.2024", Ok("2024-02-29")),
        (Date, Some("%d.%m.%Y"), "29.02.2024 ", Err(Type)),
        (Date, Some("%y%j"), "24060", Ok("2024-02-29")),
        (Date, Some("%d-%b-%Y"), "29-FEB-2024", Ok("2024-02-29")),
        (Date, Some("%Y-%m-%d %H:%M:%S"), "2024-02-29 00:00:00", Ok("2024-02-29")),
        (Date, Some("%Y-%m-%d %H:%M:%S"), "2024-02-29 00:00:01", Err(TooLong)),
        (Timestamp, None, "2024-02-29 01:02:03", Ok("2024-02-29 01:02:03.000000")),
        (Timestamp, None, "2024-02-29 01:02:03.5", Ok("2024-02-29 01:02:03.500000")),
        (Timestamp, None, "2024-02-29 01:02:03.123456", Ok("2024-02-29 01:02:03.123456")),
        (Timestamp, None, "2024-02-29 01:02:03.123456000", Ok("2024-02-29 01:02:03.123456")),
        (Timestamp, None, "2024-02-29 01:02:03.1234567", Err(TooLong)),
        (Timestamp, None, "2024-02-29 01:02:03.", Err(Type)),
        (Timestamp, None, "2024-02-29 24:00:00", Err(Type)),
        (Timestamp, None, "2024-02-29 23:59:60", Err(Type)),
        (Timestamp, None, "2024-02-29T01:02:03", Err(Type)),
        (Timestamp, Some("%Y-%m-%d %H:%M:%S"), "2024-02-29 01:02:03.5", Err(Type)),
        (Timestamp, Some("%Y-%m-%dT%H:%M:%S"), "2024-02-29T01:02:03", Ok("2024-02-29 01:02:03.000000")),
        (Timestamp, Some("%d/%m/%Y %T"), "29/02/2024 01:02:60", Err(Type)),
        (Timestamp, Some("%d/%m/%Y %T"), "29/02/2024 01:02:59", Ok("2024-02-29 01:02:59.000000")),
        (Timestamp, Some("%Y%m%d %I:%M %p"), "20240229 01:02 PM", Ok("2024-02-29 13:02:00.000000")),
        (Timestamp, Some("%Y%m%d%H%M%S%f"), "20240229010203123456", Ok("2024-02-29 01:02:03.123456")),
        (Timestamp, Some("%Y%m%d%H%M%S%f"), "202402290102031234567", Err(TooLong)),
        (Timestamp, Some("%Y-%m-%d"), "2024-02-29", Ok("2024-02-29 00:00:00.000000")),
    ];
    for (ty, pattern, text, expected) in table {
        let form = FieldForm { pattern: pattern.map(Into::into), ..plain() };
        assert_eq!(one(*ty, form, text.as_bytes()), expected.map(String::from), "{ty} {pattern:?} {text:?}");
    }
}

#[test]
fn instants_are_read_by_their_form() {
    use ReasonCode::{TooLong, Type};
    let table: &[(Option<&str>, &str, Result<&str, ReasonCode>)] = &[
        (None, "2024-02-29 00:30:00+02:00", Ok("2024-02-28 22:30:00.000000Z")),
        (None, "2024-02-29T00:30:00.1234567Z", Err(TooLong)),
        (None, "2024-02-29 00:30:00", Err(Type)),
        (Some("%d.%m.%Y %H:%M %z"), "29.02.2024 00:30 -0130", Ok("2024-02-29 02:00:00.000000Z")),
        (Some("%d.%m.%Y %H:%M %z"), "29.02.2024 00:30 Z", Ok("2024-02-29 00:30:00.000000Z")),
        (Some("%d.%m.%Y %H:%M %z"), "29.02.2024 00:30 ", Err(Type)),
        (Some("%d.%m.%Y %H:%M %z"), "29.02.2024 00:30", Err(Type)),
        (Some("%Y-%m-%dT%H:%M:%S%:z"), "2024-02-29T23:59:60+00:00", Err(Type)),
        (Some("%Y-%m-%dT%H:%M:%S%:z"), "2024-02-29T23:59:60Z", Err(Type)),
        (Some("%Y-%m-%dT%H:%M:%S%:z"), "2024-02-29T23:59:59Z", Ok("2024-02-29 23:59:59.000000Z")),
        (Some("%Y-%m-%dT%H:%M:%SZ"), "2024-02-29T23:59:59Z", Ok("2024-02-29 23:59:59.000000Z")),
        (Some("%Y-%m-%dT%H:%M:%SZ"), "2024-02-29T23:59:59+00:00", Err(Type)),
        (Some("%Y%m%d%z"), "00010101+0100", Err(Type)),
    ];
    for (pattern, text, expected) in table {
        let form = FieldForm { pattern: pattern.map(Into::into), ..plain() };
        let read = one(FieldType::Instant, form, text.as_bytes());
        assert_eq!(read, expected.map(String::from), "{pattern:?} {text:?}");
    }
    for (form, expected) in [
        ("%Y-%m-%d %H:%M", "lacks the offset from UTC"),
        ("%Y-%m-%d %z %z", "several offsets"),
        ("%Y-%m-%d %Z", "an offset from UTC is %z"),
        ("%m-%d %z", "lacks the year"),
    ] {
        let error = Pattern::of_instant(form).unwrap_err();
        assert!(error.contains(expected), "{form}: {error}");
    }
}

#[test]
fn forms_that_cannot_say_the_day_are_refused_in_a_sentence() {
    let table = [
        ("%Y-%m-%d %H:%M:%S %z", "the format `%Y-%m-%d %H:%M:%S %z` has a time zone or an instant (%z)"),
        ("%Y-%m-%d %:z", "has a time zone or an instant (%z)"),
        ("%Y-%m-%d %Z", "has a time zone or an instant (%Z)"),
        ("%Y-%m-%d %Q", "has a time zone or an instant (%Q)"),
        ("%s", "has a time zone or an instant (%s)"),
        ("%d.%m.", "the format `%d.%m.` lacks the year"),
        ("%Y-%m", "lacks the month or the day"),
        ("%Y %d", "lacks the month or the day"),
        ("yyyy-mm-dd", "lacks the year"),
        ("", "lacks the year"),
        ("%Y-%m-%d %I:%M", "%I needs %p"),
        ("%Y-%m-%d %M:%S", "incomplete time"),
        ("%Y-%m-%d %", "invalid format `"),
        ("%Y-%m-%d %!", "invalid format"),
        ("%c", "cannot parse with the format `%c`"),
    ];
    for (form, expected) in table {
        let error = Pattern::new(form).unwrap_err();
        assert!(error.contains(expected), "{form}: {error}");
    }
    assert!(Pattern::new("%G-W%V-%u").is_ok());
    assert!(Pattern::new("100%% %Y-%m-%d").is_ok());
}

proptest! {
    #[test]
    fn the_short_cuts_read_what_the_forms_read(
        form in prop::sample::select(&["%Y-%m-%d", "%Y%m%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S"][..]),
        text in "[0-9]{4}-?[01][0-9]-?[0-3][0-9]([ T][0-2][0-9]:[0-6][0-9]:[0-5x][0-9](\\.[0-9]{0,9})?)?",
    ) {
        let read = Pattern::new(form).unwrap().timestamp(text.as_bytes());
        let by_form = BrokenDownTime::parse(form, &text).ok().and_then(|parts| parts.to_datetime().ok());
        // Years that no canonical record has are refused, however they are read.
        let by_form = by_form.filter(|at| at.year() >= 1);
        match read {
            Ok(at) => prop_assert_eq!(Some(at), by_form),
            Err(fault) => prop_assert!(by_form.is_none() || fault.code == ReasonCode::TooLong),
        }
    }
}
