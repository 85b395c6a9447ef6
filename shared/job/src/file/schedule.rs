//! `[schedule]`: when a run is expected.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

/// When a run of the job is expected. If none is opened in time, the coordinator service logs `run-missing` and sends a
/// notification with the outcome `missing`, once for each expected time; the console and its metrics show it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleSection {
    /// The expected times: a cron expression of five fields (minute, hour, day of month, month, day of week)
    /// of numbers, `*`, lists, ranges, steps and names. `L` as the day of month is its last day.
    #[schemars(with = "String", extend("examples" = ["0 2 * * *", "30 6 * * MON-FRI", "0 6 L * *"]))]
    pub(crate) expected: Spanned<String>,
    /// The time zone on whose clock the times are read, by its IANA name. A time that its clock skips counts as the
    /// time as long after the gap; of a time that it shows twice, the first counts.
    #[serde(default)]
    #[schemars(with = "String", extend("default" = "UTC", "examples" = ["Europe/Berlin"]))]
    pub(crate) time_zone: Option<Spanned<String>>,
    /// How late the run may be opened: minutes, hours or days, at most 7 days. The next expected time ends it in any
    /// case.
    #[serde(default)]
    #[schemars(with = "String", extend("default" = "1h", "pattern" = "^[0-9]+[mhd]$", "examples" = ["2h"]))]
    pub(crate) within: Option<Spanned<String>>,
    /// How early the run may be opened: minutes, hours or days, at most 7 days. A run before that does not count.
    #[serde(default)]
    #[schemars(with = "String", extend("default" = "0m", "pattern" = "^[0-9]+[mhd]$", "examples" = ["30m"]))]
    pub(crate) early: Option<Spanned<String>>,
    /// Days on which no run is expected, in the time zone's calendar.
    #[serde(default)]
    #[schemars(with = "Vec<String>", extend("examples" = [["2026-12-25", "2027-01-01"]]))]
    pub(crate) except: Vec<Spanned<String>>,
}
