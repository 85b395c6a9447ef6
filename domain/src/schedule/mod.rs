//! Schedules: when a run of a job is expected, and which expected time was missed.
//!
//! An expected time is a time on the wall clock of a zone. Where that clock jumps, these rules hold:
//!
//! - In a *gap* (the clock jumps forward) a time that the clock never shows counts as the time as long after the gap:
//!   02:30 becomes 03:30. Two expected times that fall together are one.
//! - In a *fold* (the clock jumps back) a time that the clock shows twice counts once, as the first of the two.
//!
//! Each expected time has a *window* in which a run must be opened: from `early` before it until `within` after it. A
//! window ends at the next expected time at the latest, and begins when the window before it ends at the earliest: no
//! run counts for two expected times. Only the job's newest run is asked about: once a run was opened, whatever was
//! missed before it is history.

mod span;

use std::collections::BTreeSet;

use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions, parse_crontab_with};
use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

pub use span::{NotASpan, Span};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The most missed times that one look finds: the newest ones.
pub const MISSED_MAX: usize = 10;

/// No zone's clock jumps further at once, but where a country changed sides of the date line.
const JUMP_MS: i64 = 3 * HOUR_MS;

/// How far a look reaches back, step by step, until it has found enough.
const BACK_MS: [i64; 6] = [HOUR_MS, DAY_MS, 7 * DAY_MS, 31 * DAY_MS, 366 * DAY_MS, 5 * 366 * DAY_MS];

/// When a run of a job is expected.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Crontab,
    /// Of the days that `cron` matches, only the last one of its month.
    is_month_end: bool,
    zone: TimeZone,
    within: Span,
    early: Span,
    except: BTreeSet<Date>,
}

/// What of a schedule makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// The expression has another number of fields.
    #[error(
        "a cron expression has five fields (minute, hour, day of month, month, day of week), and `{0}` has {1}"
    )]
    Fields(String, usize),
    /// The expression has a field that cannot be read.
    #[error("`{0}` is no cron expression: {1}")]
    Cron(String, String),
    /// The expression matches no day within four years.
    #[error("`{0}` matches no time within four years")]
    Never(String),
    /// There is no such zone.
    #[error("there is no time zone `{0}`")]
    Zone(String),
    /// The date is none.
    #[error("`{0}` is no date")]
    Date(String),
}

/// An expected time, and the window in which a run for it must be opened, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The expected time.
    pub at_ms: i64,
    /// The first moment at which a run counts for it.
    pub opens_at_ms: i64,
    /// The moment at which it is missed if no run was opened.
    pub closes_at_ms: i64,
}

/// Where a job stands with its schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The next time for which a run is missing: in the past while one is late and not missed yet.
    pub next_at_ms: Option<i64>,
    /// The newest expected time that was missed since the newest run was opened.
    pub missed_at_ms: Option<i64>,
}

impl Schedule {
    /// The schedule of the cron expression `expected` on the clock of `zone`, without exceptions.
    ///
    /// # Errors
    /// [`ScheduleError`] of the expression or the zone.
    pub fn new(expected: &str, zone: &str, within: Span, early: Span) -> Result<Self, ScheduleError> {
        let fields: Vec<_> = expected.split_ascii_whitespace().collect();
        let shown = || expected.escape_debug().to_string();
        if fields.len() != 5 {
            return Err(ScheduleError::Fields(shown(), fields.len()));
        }
        let refuse = |reason: &str| Err(ScheduleError::Cron(shown(), reason.to_owned()));
        let is_month_end = fields[2].eq_ignore_ascii_case("L");
        if is_month_end && fields[4] != "*" {
            return refuse("with `L`, the last day of the month, the day of week must be `*`");
        }
        let day = if is_month_end { "28-31" } else { fields[2] };
        let plain = [fields[0], fields[1], day, fields[3], fields[4]].join(" ");
        // The parser's extensions are not offered: its last days (`L`, `5L`) leave December out.
        if !plain.split(|c: char| !c.is_ascii_alphabetic()).all(is_name) || plain.contains(['#', '?']) {
            return refuse("write numbers, `*`, `,`, `-`, `/`, and names such as JAN and MON");
        }
        // Zones are not left to the parser: it would look for them on this machine.
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let cron = parse_crontab_with(&plain, options).map_err(|error| {
            let said = error.to_string();
            let reason = said.lines().last().unwrap_or_default().trim_start_matches(['^', ' ']).to_owned();
            ScheduleError::Cron(shown(), reason)
        })?;
        // The zones are built in, so that every process of a fleet has the same ones.
        let zone = TimeZoneDatabase::bundled()
            .get(zone)
            .map_err(|_| ScheduleError::Zone(zone.escape_debug().to_string()))?;
        let schedule = Self { cron, is_month_end, zone, within, early, except: BTreeSet::new() };
        match schedule.wall_after(DateTime::constant(2024, 1, 1, 0, 0, 0, 0)) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError::Never(shown())),
        }
    }

    /// The same schedule without the times on these days (`2026-12-25`) of the zone's calendar.
    ///
    /// # Errors
    /// [`ScheduleError::Date`].
    pub fn except<'a>(mut self, days: impl IntoIterator<Item = &'a str>) -> Result<Self, ScheduleError> {
        for day in days {
            // Nothing but the plain form: a time of day after it would be passed over.
            let date = day.parse::<Date>().ok().filter(|date| date.to_string() == day);
            self.except.insert(date.ok_or_else(|| ScheduleError::Date(day.escape_debug().to_string()))?);
        }
        Ok(self)
    }

    /// The next time on the wall clock, whatever the zone makes of it.
    fn wall_after(&self, wall: DateTime) -> Option<DateTime> {
        let mut wall = wall;
        loop {
            // On a clock without jumps a time of day is what it says.
            let at = TimeZone::UTC.to_timestamp(wall).ok()?;
            wall = self.cron.find_next(MakeTimestamp(at)).ok()?.datetime();
            if !self.is_month_end || wall.date() == wall.date().last_of_month() {
                return Some(wall);
            }
        }
    }

    fn wall(&self, at_ms: i64) -> Option<DateTime> {
        Some(self.zone.to_datetime(Timestamp::from_millisecond(at_ms).ok()?))
    }

    /// The expected times after `after_ms`, in order.
    fn times(&self, after_ms: i64) -> impl Iterator<Item = i64> {
        // A time that a gap moved is behind its own wall time.
        let back = SignedDuration::from_millis(JUMP_MS);
        let mut wall = self.wall(after_ms).and_then(|wall| wall.checked_sub(back).ok());
        let mut last_ms = after_ms;
        std::iter::from_fn(move || {
            loop {
                let next = self.wall_after(wall?)?;
                wall = Some(next);
                // In a gap, the time as long after it; in a fold, the first of the two.
                let at_ms = self.zone.to_ambiguous_timestamp(next).compatible().ok()?.as_millisecond();
                if at_ms > last_ms && !self.except.contains(&next.date()) {
                    last_ms = at_ms;
                    return Some(at_ms);
                }
            }
        })
    }

    /// The expected times after `after_ms` with their windows, in order.
    fn windows(&self, after_ms: i64) -> impl Iterator<Item = Expected> {
        let (within, early) = (self.within.ms(), self.early.ms());
        // Whatever comes before this leaves the windows after it alone.
        let mut times = self.times(after_ms.saturating_sub(within).saturating_sub(early));
        let mut free_ms = i64::MIN;
        let mut next = times.next();
        std::iter::from_fn(move || {
            let at_ms = next?;
            next = times.next();
            let opens_at_ms = (at_ms - early).max(free_ms);
            let closes_at_ms = (at_ms + within).min(next.unwrap_or(i64::MAX));
            free_ms = closes_at_ms;
            Some(Expected { at_ms, opens_at_ms, closes_at_ms })
        })
        .skip_while(move |expected| expected.at_ms <= after_ms)
    }

    /// The next `count` expected times after `now_ms`.
    #[must_use]
    pub fn next(&self, now_ms: i64, count: usize) -> Vec<i64> {
        self.times(now_ms).take(count).collect()
    }

    /// The moment as the zone's clock shows it: `2026-11-28 02:00 Europe/Berlin`.
    #[must_use]
    pub fn shown(&self, at_ms: i64) -> String {
        let Some(wall) = self.wall(at_ms) else { return at_ms.to_string() };
        let zone = self.zone.iana_name().unwrap_or("UTC");
        format!("{} {zone}", wall.strftime("%Y-%m-%d %H:%M"))
    }

    /// The expected times that were missed by `now_ms`, oldest first, [`MISSED_MAX`] at most. `opened_at_ms` is when
    /// the job's newest run was opened. `noted_at_ms`: the last missed time that is known already; only later ones
    /// are found.
    #[must_use]
    pub fn missed(&self, opened_at_ms: i64, noted_at_ms: Option<i64>, now_ms: i64) -> Vec<Expected> {
        // An expected time before the newest run is that run's, or history; a run may come early, though.
        let floor_ms = noted_at_ms.map_or(opened_at_ms, |noted| noted.max(opened_at_ms));
        for back_ms in BACK_MS {
            let from_ms = floor_ms.max(now_ms.saturating_sub(back_ms));
            let mut found: Vec<_> = self
                .windows(from_ms)
                .take_while(|expected| expected.closes_at_ms <= now_ms)
                .filter(|expected| opened_at_ms < expected.opens_at_ms)
                .collect();
            if found.len() >= MISSED_MAX {
                return found.split_off(found.len() - MISSED_MAX);
            }
            if from_ms == floor_ms || back_ms == BACK_MS[BACK_MS.len() - 1] {
                return found;
            }
        }
        Vec::new()
    }

    /// Where the job stands at `now_ms`, whose newest run was opened at `opened_at_ms`.
    #[must_use]
    pub fn standing(&self, opened_at_ms: i64, now_ms: i64) -> Standing {
        // Windows that closed are missed or served; the one that is open may be served already.
        let since_ms = now_ms.saturating_sub(self.within.ms());
        let next = self
            .windows(since_ms)
            .find(|expected| expected.closes_at_ms > now_ms && opened_at_ms < expected.opens_at_ms);
        Standing {
            next_at_ms: next.map(|expected| expected.at_ms),
            missed_at_ms: self.missed(opened_at_ms, None, now_ms).last().map(|expected| expected.at_ms),
        }
    }
}

/// Whether letters of an expression are the name of a month or a day; no letters are.
fn is_name(letters: &str) -> bool {
    const NAMES: [&str; 20] = [
        "", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC", "MON", "TUE",
        "WED", "THU", "FRI", "SAT", "SUN",
    ];
    NAMES.iter().any(|name| name.eq_ignore_ascii_case(letters))
}

#[cfg(test)]
mod tests;
