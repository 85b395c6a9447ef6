//! `[schedule]`: when a run is expected.
//!
//! ```toml
//! [schedule]
//! expected  = "0 2 * * MON-FRI"       # minute, hour, day of month, month, day of week
//! time_zone = "Europe/Berlin"         # UTC unless it is said
//! within    = "2h"                    # how late the run may be opened
//! early     = "30m"                   # how early
//! except    = ["2026-12-25"]          # no run is expected on these days
//! ```

use domain::schedule::{Schedule, ScheduleError, Span};
use toml::Spanned;

use super::{Checked, fault};
use crate::file::ScheduleSection;

/// How late a run may be opened unless it is said.
const WITHIN: &str = "1h";

pub(super) fn schedule(section: Option<&ScheduleSection>) -> Checked<Option<Schedule>> {
    let Some(section) = section else { return Ok(None) };
    let within = match &section.within {
        None => span(&Spanned::new(0..0, WITHIN.to_owned()))?,
        Some(given) => span(given)?,
    };
    if within == Span::default() {
        let at = section.within.as_ref().map_or(0..0, Spanned::span);
        return fault(at, "`within` must be at least 1m: no run is opened at the very moment");
    }
    let early = section.early.as_ref().map_or(Ok(Span::default()), span)?;
    let zone = section.time_zone.as_ref();
    let name = zone.map_or("UTC", |zone| zone.get_ref().as_str());
    let made = Schedule::new(section.expected.get_ref(), name, within, early);
    let mut schedule = made.or_else(|error| {
        let at = match (&error, zone) {
            (ScheduleError::Zone(_), Some(zone)) => zone.span(),
            _ => section.expected.span(),
        };
        fault(at, error.to_string())
    })?;
    for day in &section.except {
        let excepted = schedule.except([day.get_ref().as_str()]);
        schedule = excepted.or_else(|error| {
            fault(day.span(), format!("{error}; write the year, month and day, as in `2026-12-25`"))
        })?;
    }
    Ok(Some(schedule))
}

fn span(given: &Spanned<String>) -> Checked<Span> {
    given
        .get_ref()
        .parse()
        .or_else(|error: domain::schedule::NotASpan| fault(given.span(), error.to_string()))
}
