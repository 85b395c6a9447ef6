use super::*;

fn ms(at: &str) -> i64 {
    at.parse::<Timestamp>().unwrap().as_millisecond()
}

fn at(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).unwrap().to_string()
}

fn span(text: &str) -> Span {
    text.parse().unwrap()
}

fn daily(zone: &str) -> Schedule {
    Schedule::new("0 2 * * *", zone, span("2h"), Span::default()).unwrap()
}

fn missed(schedule: &Schedule, opened: &str, noted: Option<&str>, now: &str) -> Vec<String> {
    let found = schedule.missed(ms(opened), noted.map(ms), ms(now));
    found.iter().map(|expected| at(expected.at_ms)).collect()
}

#[test]
fn the_next_times_follow_the_clock_of_the_zone() {
    let next = |expected: &str, zone: &str, after: &str| {
        let schedule = Schedule::new(expected, zone, span("1h"), Span::default()).unwrap();
        schedule.next(ms(after), 3).into_iter().map(at).collect::<Vec<_>>()
    };
    for (expected, zone, after, times) in [
        (
            "0 2 * * *",
            "UTC",
            "2026-11-28T02:00:00Z",
            ["2026-11-29T02:00:00Z", "2026-11-30T02:00:00Z", "2026-12-01T02:00:00Z"],
        ),
        // Summer ends between the first and the second.
        (
            "0 2 * * *",
            "Europe/Berlin",
            "2026-10-24T00:00:00Z",
            ["2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z", "2026-10-27T01:00:00Z"],
        ),
        // A gap: on 2026-03-29 the clock goes from 02:00 to 03:00, and 02:30 is 03:30.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"],
        ),
        // The same, asked after the jump and before the time that it moved.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-29T01:10:00Z",
            ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"],
        ),
        // Every hour across the gap: 02:00 and 03:00 are one.
        (
            "0 * * * *",
            "Europe/Berlin",
            "2026-03-29T00:00:00Z",
            ["2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z", "2026-03-29T03:00:00Z"],
        ),
        // A fold: on 2026-10-25 the clock shows 02:30 twice; the first counts.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z", "2026-10-27T01:30:00Z"],
        ),
        // The same, asked between the two.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-25T01:00:00Z",
            ["2026-10-26T01:30:00Z", "2026-10-27T01:30:00Z", "2026-10-28T01:30:00Z"],
        ),
        // Working days, and the last day of the month.
        (
            "0 6 * * MON-FRI",
            "UTC",
            "2026-11-27T12:00:00Z",
            ["2026-11-30T06:00:00Z", "2026-12-01T06:00:00Z", "2026-12-02T06:00:00Z"],
        ),
        (
            "0 6 L * *",
            "UTC",
            "2026-11-27T12:00:00Z",
            ["2026-11-30T06:00:00Z", "2026-12-31T06:00:00Z", "2027-01-31T06:00:00Z"],
        ),
    ] {
        assert_eq!(next(expected, zone, after), times, "{expected} {zone} after {after}");
    }
}

#[test]
fn a_time_is_missed_when_its_window_closes_without_a_run() {
    let utc = daily("UTC");
    let none: [&str; 0] = [];
    for (opened, noted, now, times) in [
        // Yesterday's run is there, and today's may still come.
        ("2026-11-27T02:00:10Z", None, "2026-11-28T03:59:59.999Z", &none[..]),
        // To the millisecond.
        ("2026-11-27T02:00:10Z", None, "2026-11-28T04:00:00Z", &["2026-11-28T02:00:00Z"]),
        // It is known already.
        ("2026-11-27T02:00:10Z", Some("2026-11-28T02:00:00Z"), "2026-11-28T23:00:00Z", &[]),
        // The next day is missed as well.
        (
            "2026-11-27T02:00:10Z",
            Some("2026-11-28T02:00:00Z"),
            "2026-11-29T04:00:00Z",
            &["2026-11-29T02:00:00Z"],
        ),
        // A run on the dot, and at the last moment.
        ("2026-11-28T02:00:00Z", None, "2026-11-28T04:00:00Z", &[]),
        ("2026-11-28T03:59:59.999Z", None, "2026-11-28T04:00:00Z", &[]),
        // A run before the window does not count.
        ("2026-11-28T01:59:59.999Z", None, "2026-11-28T04:00:00Z", &["2026-11-28T02:00:00Z"]),
        // A run after it: whatever was missed before it is history.
        ("2026-11-28T05:00:00Z", None, "2026-11-28T06:00:00Z", &[]),
        // No one looked for days.
        (
            "2026-11-25T12:00:00Z",
            None,
            "2026-11-28T05:00:00Z",
            &["2026-11-26T02:00:00Z", "2026-11-27T02:00:00Z", "2026-11-28T02:00:00Z"],
        ),
        // The clock went backwards.
        ("2026-11-27T02:00:10Z", None, "2026-11-01T00:00:00Z", &[]),
    ] {
        assert_eq!(missed(&utc, opened, noted, now), times, "{opened} {noted:?} {now}");
    }
}

#[test]
fn windows_end_with_the_next_time_and_no_run_counts_twice() {
    let hourly = Schedule::new("0 * * * *", "UTC", span("3h"), span("30m")).unwrap();
    let windows: Vec<_> = hourly.windows(ms("2026-11-28T00:30:00Z")).take(2).collect();
    let shown = |expected: &Expected| [expected.at_ms, expected.opens_at_ms, expected.closes_at_ms].map(at);
    assert_eq!(
        windows.iter().map(shown).collect::<Vec<_>>(),
        [
            ["2026-11-28T01:00:00Z", "2026-11-28T01:00:00Z", "2026-11-28T02:00:00Z"],
            ["2026-11-28T02:00:00Z", "2026-11-28T02:00:00Z", "2026-11-28T03:00:00Z"],
        ]
    );
    // A run that comes early counts for the time that it comes before.
    let early = Schedule::new("0 2 * * *", "UTC", span("1h"), span("30m")).unwrap();
    for (opened, is_missed) in [("2026-11-28T01:30:00Z", false), ("2026-11-28T01:29:59Z", true)] {
        let found = missed(&early, opened, None, "2026-11-28T03:00:00Z");
        assert_eq!(!found.is_empty(), is_missed, "{opened}");
    }
}

#[test]
fn days_that_are_excepted_expect_nothing() {
    let schedule = daily("America/New_York").except(["2026-12-25"]).unwrap();
    let next: Vec<_> = schedule.next(ms("2026-12-24T12:00:00Z"), 2).into_iter().map(at).collect();
    assert_eq!(next, ["2026-12-26T07:00:00Z", "2026-12-27T07:00:00Z"]);
    assert!(missed(&schedule, "2026-12-24T08:00:00Z", None, "2026-12-25T20:00:00Z").is_empty());
    for bad in ["25.12.2026", "2026-13-01", "2026-12-25T00:00", "20261225"] {
        assert_eq!(daily("UTC").except([bad]).unwrap_err(), ScheduleError::Date(bad.into()));
    }
}

#[test]
fn a_look_is_bounded_however_long_no_run_was_opened() {
    let minutes = Schedule::new("* * * * *", "Asia/Kolkata", span("5m"), Span::default()).unwrap();
    let found = missed(&minutes, "1999-01-01T00:00:00Z", None, "2026-11-28T00:00:30Z");
    assert_eq!(found.len(), MISSED_MAX);
    assert_eq!(found[MISSED_MAX - 1], "2026-11-27T23:59:00Z");
    // A time that is rare is found although it is long ago.
    let yearly = Schedule::new("0 0 1 1 *", "UTC", span("1d"), Span::default()).unwrap();
    assert_eq!(
        missed(&yearly, "2024-06-01T00:00:00Z", None, "2026-11-28T00:00:00Z"),
        ["2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]
    );
}

#[test]
fn where_a_job_stands_says_what_is_next_and_what_was_missed() {
    let stands = |opened: &str, now: &str| {
        let standing = daily("UTC").standing(ms(opened), ms(now));
        (standing.next_at_ms.map(at).unwrap(), standing.missed_at_ms.map(at))
    };
    let day = |day: u8| format!("2026-11-{day:02}T02:00:00Z");
    for (opened, now, next, missed) in [
        ("2026-11-27T02:00:10Z", "2026-11-27T12:00:00Z", 28, None),
        // It is late.
        ("2026-11-27T02:00:10Z", "2026-11-28T03:00:00Z", 28, None),
        ("2026-11-27T02:00:10Z", "2026-11-28T04:00:00Z", 29, Some(28)),
        // Today's run is there before its window closes.
        ("2026-11-28T02:00:10Z", "2026-11-28T03:00:00Z", 29, None),
        ("2026-11-28T09:00:00Z", "2026-11-28T10:00:00Z", 29, None),
    ] {
        assert_eq!(stands(opened, now), (day(next), missed.map(day)), "{opened} {now}");
    }
    assert_eq!(daily("Europe/Berlin").shown(ms("2026-11-28T01:00:00Z")), "2026-11-28 02:00 Europe/Berlin");
    assert_eq!(daily("UTC").shown(ms("2026-11-28T01:00:00Z")), "2026-11-28 01:00 UTC");
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let refused = |expected: &str, zone: &str| {
        Schedule::new(expected, zone, Span::default(), Span::default()).unwrap_err()
    };
    for (expected, says) in [
        ("", "has 0"),
        ("0 2 * *", "has 4"),
        ("0 2 * * * Europe/Berlin", "has 6"),
        ("@daily", "has 1"),
        ("60 2 * * *", "range 0..=59"),
        ("0 x * * *", "`0 x * * *` is no cron expression"),
        ("0 2 L * MON", "the day of week must be `*`"),
        ("0 2 15W * *", "write numbers"),
        ("0 2 * * 5L", "write numbers"),
        ("0 2 * * 5#3", "write numbers"),
        ("H 2 * * *", "write numbers"),
        ("0 0 31 2 *", "matches no time within four years"),
    ] {
        let said = refused(expected, "UTC").to_string();
        assert!(said.contains(says) && !said.contains('\n'), "{said}");
    }
    assert_eq!(refused("0 2 * * *", "Mars/Olympus"), ScheduleError::Zone("Mars/Olympus".into()));
}
