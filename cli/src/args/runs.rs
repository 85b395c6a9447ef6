//! Arguments that list runs, or select one.

use clap::Args as ClapArgs;
use domain::lifecycle::RunState;
use domain::report::Outcome;

/// `runs`
#[derive(Debug, ClapArgs)]
pub(crate) struct Runs {
    /// Maximum number of runs to list, newest first
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: u32,
    /// Job name: list only its runs
    #[arg(long, value_name = "JOB")]
    pub(crate) job: Option<String>,
    /// Outcome: reconciled, not-reconciled, awaiting-approval, unfinished or cancelled
    #[arg(long, value_name = "OUTCOME", value_parser = outcome)]
    pub(crate) outcome: Option<Outcome>,
    /// List only runs opened since this date or time (UTC), such as 2026-11-27 or 2026-11-27T18:00, or within this time
    /// before now, such as 12h or 7d
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub(crate) since: Option<i64>,
}

fn outcome(text: &str) -> Result<Outcome, String> {
    let named = |state: &&RunState| Outcome::of(**state).name().replace(' ', "-") == text;
    let known = "expected reconciled, not-reconciled, awaiting-approval, unfinished or cancelled";
    RunState::ALL.iter().find(named).map(|state| Outcome::of(*state)).ok_or_else(|| known.into())
}

/// Milliseconds since 1970, UTC.
fn since(text: &str) -> Result<i64, String> {
    let at = text.parse::<jiff::civil::DateTime>().or_else(|_| {
        text.parse::<jiff::civil::Date>().map(|date| date.to_datetime(jiff::civil::Time::midnight()))
    });
    let zone = jiff::tz::TimeZone::UTC;
    match (text.parse::<jiff::Timestamp>(), at, text.parse::<jiff::Span>()) {
        (Ok(at), ..) => Ok(at.as_millisecond()),
        (_, Ok(at), _) => {
            at.to_zoned(zone).map(|at| at.timestamp().as_millisecond()).map_err(|e| e.to_string())
        }
        (.., Ok(span)) => {
            let at = jiff::Timestamp::now().to_zoned(zone).checked_sub(span).map_err(|e| e.to_string())?;
            Ok(at.timestamp().as_millisecond())
        }
        _ => Err("expected a date, a time or a duration such as 2026-11-27, 2026-11-27T18:00 or 12h".into()),
    }
}

/// `show`
#[derive(Debug, ClapArgs)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// List the checks that passed, too (always done in a file or a pipe)
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) verdict: VerdictExit,
}

/// Whether a command that shows a run exits as the run ended.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct VerdictExit {
    /// Exit with the run's verdict: 0 reconciled, 1 not reconciled, 3 anything else
    #[arg(long)]
    pub(crate) exit_code: bool,
}

/// An argument that selects the run to act on.
#[derive(Debug, ClapArgs)]
pub(crate) struct TargetArg {
    /// Run ID, its first or last characters, or `last` [default: the only run that the command applies to]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Act on the latest run of the job that --job names
    #[arg(long, requires = "job", conflicts_with = "run")]
    pub(crate) last: bool,
    /// Job name, for --last
    #[arg(long, value_name = "JOB", requires = "last")]
    pub(crate) job: Option<String>,
}

/// An argument that selects a run.
#[derive(Debug, ClapArgs)]
pub(crate) struct RunArg {
    /// Run ID, its first or last characters, or `last`
    #[arg(value_name = "RUN", default_value = "last")]
    pub(crate) run: String,
}

/// `cancel`, `pause`, `back-out` and `purge`; also the options that `approve`, `redrive` and `window` share with them
#[derive(Debug, ClapArgs)]
pub(crate) struct Operate {
    #[command(flatten)]
    pub(crate) run: TargetArg,
    /// Reason, recorded in the evidence log
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Act without asking; a script that does not name the run by its ID must pass it
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// The arguments of `crossfoot window`.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("how_many").required(true))]
pub(crate) struct WindowArgs {
    #[command(flatten)]
    pub(crate) operate: Operate,
    /// Maximum number of the run's chunks in flight
    #[arg(long, value_name = "N", group = "how_many", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) chunks: Option<u64>,
    /// Go back to the run's share of the coordinator's window
    #[arg(long, group = "how_many")]
    pub(crate) reset: bool,
}
