//! How long, how many and how much of what is over is kept.

use std::fmt::Display;
use std::str::FromStr;

use domain::retention::Policy;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::SettingsError;

/// What is kept of runs that are over. Without these keys everything is kept. `crossfoot retention` lists what would
/// go; a coordinator service removes it once a day, each run with an event of the evidence log. The log and final
/// always stay, and so does each run whose rows are in final.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSettings {
    /// How long a run's staging rows are kept after its end, in days or hours. Without this key they are kept until
    /// `crossfoot purge`.
    #[schemars(with = "String", extend("examples" = ["90d", "36h"]))]
    pub staging: Option<String>,
    /// How long a run's rejects are kept after its end. Rejects of a promoted run that can still be resent stay.
    /// Without this key they are kept as long as staging rows.
    #[schemars(with = "String", extend("examples" = ["400d"]))]
    pub rejects: Option<String>,
    /// How long what reports list record by record is kept after a run's end: findings, and records that break rules.
    /// Without this key it is kept as long as staging rows.
    #[schemars(with = "String", extend("examples" = ["400d"]))]
    pub reports: Option<String>,
    /// How long a run itself is kept after its end. A run that has nothing in final is removed from the ledger: the log
    /// names it, and what it was. A promoted run loses its chunks and workers' counts, and keeps its verdict.
    #[schemars(with = "String", extend("examples" = ["2555d"]))]
    pub runs: Option<String>,
    /// How many runs of each job are kept, the newest; others go as they do by age.
    #[schemars(with = "u64", extend("examples" = [400]))]
    pub runs_per_job: Option<u64>,
    /// How much staging is kept: bytes of the sources that its rows are from. The oldest runs' rows go first.
    #[schemars(with = "String", extend("examples" = ["500GiB"]))]
    pub staging_bytes: Option<String>,
}

impl RetentionSettings {
    /// What is kept, understood.
    ///
    /// # Errors
    /// [`SettingsError`] when a value is no age or size.
    pub fn policy(&self) -> Result<Policy, SettingsError> {
        Ok(Policy {
            staging: parsed("staging", self.staging.as_ref())?,
            rejects: parsed("rejects", self.rejects.as_ref())?,
            reports: parsed("reports", self.reports.as_ref())?,
            runs: parsed("runs", self.runs.as_ref())?,
            runs_per_job: self.runs_per_job,
            staging_bytes: parsed("staging_bytes", self.staging_bytes.as_ref())?,
        })
    }
}

fn parsed<T: FromStr<Err: Display>>(key: &str, text: Option<&String>) -> Result<Option<T>, SettingsError> {
    let parsed = text.map(|text| text.parse()).transpose();
    parsed.map_err(|error| SettingsError(format!("invalid retention.{key}: {error}")))
}
