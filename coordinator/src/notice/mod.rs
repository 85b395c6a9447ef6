//! What is told of a run, or of a run that is missing, and in which shapes: JSON, chat messages, a template, e-mail.
//! No content of any record is in any of them. Who gets it is in [`crate::context::notify`].

pub mod chat;
pub mod letter;
mod shape;
pub mod template;

pub use shape::Shape;

use domain::check::Verdict;
use domain::fingerprint::Hash;
use domain::report::{CheckCounts, LogHead, Outcome, Report};
use domain::visible::visible;
use domain::words::{grouped, plural};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many failed checks a message names; the JSON has all of them.
const FAILED_SHOWN: usize = 20;

/// The longest value of a message, in characters. (Slack takes 2,000, escaped; a message of Teams has at most 28 KB.)
const VALUE_MAX: usize = 380;

domain::named! {
    /// What others are told of: what a run came to, or that there is none.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    pub enum Told {
        /// Every check passed and final holds the records.
        Reconciled = "reconciled",
        /// A check failed; nothing of the run is in final.
        NotReconciled = "not-reconciled",
        /// Staging is proven; approval is waited for.
        AwaitingApproval = "awaiting-approval",
        /// Not finished; it can be resumed.
        Unfinished = "unfinished",
        /// Given up by an operator.
        Cancelled = "cancelled",
        /// It reconciled, and an operator took its rows out of final again.
        BackedOut = "backed-out",
        /// No run of the job was opened in time for an expected time.
        Missing = "missing",
        /// An attestation of the job is overdue, or one of the run is not reconciled.
        NotAttested = "not-attested",
    }
}

impl From<Outcome> for Told {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Reconciled => Self::Reconciled,
            Outcome::NotReconciled => Self::NotReconciled,
            Outcome::AwaitingApproval => Self::AwaitingApproval,
            Outcome::Unfinished => Self::Unfinished,
            Outcome::Cancelled => Self::Cancelled,
            Outcome::BackedOut => Self::BackedOut,
        }
    }
}

impl Told {
    /// The outcome with this name, as `notify.on` lists it.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|told| told.name() == name)
    }

    /// The verdict as a headline begins.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Reconciled => "Reconciled",
            Self::NotReconciled => "Not reconciled",
            Self::AwaitingApproval => "Awaiting approval",
            Self::Unfinished => "Not finished",
            Self::Cancelled => "Cancelled",
            Self::BackedOut => "Backed out",
            Self::Missing => "No run started",
            Self::NotAttested => "Not attested",
        }
    }

    /// Whether someone must do something.
    #[must_use]
    pub const fn needs_someone(self) -> bool {
        !matches!(self, Self::Reconciled | Self::Cancelled | Self::BackedOut)
    }
}

/// What a webhook or a command receives about a run: figures and names, no content of any record.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Notification<'a> {
    /// The version of Crossfoot that reached the verdict.
    pub(crate) crossfoot: &'static str,
    /// The id of the run that reached a verdict; with the outcome `missing`, of the job's newest run;
    /// with `not-attested`, of the run to attest.
    pub(crate) run_id: &'a str,
    /// The name of the run's job.
    pub(crate) job: &'a str,
    /// The outcome of the run; `missing`: no run was opened in time for an expected time;
    /// `not-attested`: an attestation of the job is overdue, or the run's newest one is not reconciled.
    pub(crate) outcome: Told,
    /// Records in the source, rejects included, as `runs` counts them; null until the source is split.
    pub(crate) records: Option<u64>,
    /// How many of them were rejected; null until the run is reconciled.
    pub(crate) rejected: Option<u64>,
    /// The fingerprint at the last level that was totalled.
    pub(crate) fingerprint: Option<Hash>,
    /// How many checks had each verdict.
    pub(crate) checks: CheckCounts,
    /// The names of the checks that failed.
    pub(crate) failed: Vec<&'a str>,
    /// What kept the run from its end, if something did; with `missing`, when a run was expected;
    /// with `not-attested`, since when no attestation reconciled, or which one failed.
    pub(crate) why: Option<&'a str>,
    /// With `missing`, the time for which no run was opened; with `not-attested`, the time at which an attestation was
    /// due, if one is overdue: milliseconds since 1970, UTC; otherwise null.
    pub(crate) expected_at_ms: Option<i64>,
    /// What to do next; null if nothing needs to be done.
    pub(crate) next_step: Option<String>,
    /// When the run was opened: milliseconds since 1970, UTC.
    pub(crate) opened_at_ms: i64,
    /// Time spent by coordinators, in milliseconds.
    pub(crate) elapsed_ms: u64,
    /// The head of the evidence log when the run ended: `EVENT:HASH`.
    pub(crate) log_head: Option<String>,
    /// The outcome in a sentence.
    #[serde(skip)]
    pub(crate) consequence: &'a str,
}

impl<'a> Notification<'a> {
    /// What is told of a run. `why`: what kept it from its end, if something did.
    pub(crate) fn of_run(report: &'a Report, records: Option<u64>, why: Option<&'a str>) -> Self {
        let failed = report.checks.iter().filter(|check| check.verdict == Verdict::Fail);
        let level = report.levels.last();
        Self {
            crossfoot: env!("CARGO_PKG_VERSION"),
            run_id: &report.run_id,
            job: &report.job,
            outcome: if why.is_some() { Told::Unfinished } else { report.outcome.into() },
            records,
            rejected: report.balance.map(|balance| balance.rejected),
            fingerprint: level.and_then(|level| level.fingerprint),
            checks: report.counts,
            failed: failed.map(|check| check.name.as_str()).collect(),
            why,
            expected_at_ms: None,
            next_step: None,
            opened_at_ms: report.opened_at_ms,
            elapsed_ms: report.elapsed_ms,
            log_head: report.log_head.map(LogHead::parts).map(|(seq, hash)| format!("{seq}:{hash}")),
            consequence: "",
        }
    }

    /// The verdict and the job, on one line.
    pub(crate) fn headline(&self) -> String {
        format!("{}: {}", self.outcome.words(), visible(self.job))
    }

    /// What is known, each with a word before it, the most important first.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let number = |number: Option<u64>| number.map(grouped);
        let checks = self.checks;
        let decided = (checks.decided() > 0).then(|| {
            let failed = wide(checks.failed);
            format!("{} of {}", number_failed(failed), plural(wide(checks.decided()), "check"))
        });
        let mut failed: Vec<_> =
            self.failed.iter().take(FAILED_SHOWN).map(|name| (*name).to_owned()).collect();
        if let more @ 1.. = self.failed.len().saturating_sub(FAILED_SHOWN) {
            failed.push(format!("and {more} more"));
        }
        let is_missing = self.outcome == Told::Missing;
        let run = if is_missing { "Newest run" } else { "Run" };
        let all = [
            (run, Some(self.run_id.to_owned())),
            ("Opened", Some(platform::clock::iso(self.opened_at_ms))),
            ("Expected", self.expected_at_ms.map(platform::clock::iso)),
            ("Records", number(self.records)),
            ("Rejected", number(self.rejected)),
            ("Failed", decided),
            ("Failed checks", (!failed.is_empty()).then(|| failed.join("; "))),
            ("Why", self.why.map(str::to_owned)),
            ("Log head", self.log_head.clone()),
        ];
        let known = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
        known.map(|(name, value)| (name, clipped(&visible(&value)))).collect()
    }
}

fn number_failed(failed: u64) -> String {
    if failed == 0 { "none".into() } else { grouped(failed) }
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// At most [`VALUE_MAX`] characters of a text.
fn clipped(text: &str) -> String {
    match text.char_indices().nth(VALUE_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A notification whose texts try to be something else.
    pub(crate) fn hostile() -> Notification<'static> {
        Notification {
            crossfoot: "0.0.0",
            run_id: "0193-run",
            job: "nightly",
            outcome: Told::NotReconciled,
            records: Some(1_234_567),
            rejected: None,
            fingerprint: None,
            checks: CheckCounts { passed: 3, failed: 1, ..CheckCounts::default() },
            failed: vec!["a <!channel> & <at>b</at>\r\nBcc: x@example.org"],
            why: Some("\"quoted\" \\ [link](http://x)"),
            expected_at_ms: None,
            next_step: Some("crossfoot explain 0193-run".into()),
            opened_at_ms: 0,
            elapsed_ms: 5,
            log_head: None,
            consequence: "none of this run's rows are in final",
        }
    }

    #[test]
    fn an_outcome_has_the_name_that_the_report_gives_it() {
        for told in Told::ALL {
            assert_eq!(serde_json::to_value(told).unwrap(), told.name());
            assert_eq!(Told::of(told.name()), Some(*told));
        }
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), Told::from(*outcome).name());
        }
        assert_eq!(Told::of("sometimes"), None);
    }

    #[test]
    fn facts_are_on_one_line_each_and_bounded() {
        let long = "x".repeat(5000);
        let names = vec!["check"; 100];
        let told = Notification { failed: names, why: Some(&long), ..hostile() };
        let facts = told.facts();
        assert!(
            facts.iter().all(|(_, value)| value.chars().count() <= VALUE_MAX + 1 && !value.contains('\n'))
        );
        assert!(facts.iter().any(|(name, value)| *name == "Failed checks" && value.ends_with("and 80 more")));
        assert!(facts.contains(&("Records", "1,234,567".into())), "{facts:?}");
        assert!(facts.contains(&("Failed", "1 of 4 checks".into())), "{facts:?}");
    }
}
