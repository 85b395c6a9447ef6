//! How long what is large is kept.

use domain::retention::Age;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::SettingsError;

/// How long rows of runs that are over are kept in the store. The run itself, its totals, checks and fingerprints,
/// and the evidence log stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSettings {
    /// How long a run's staging rows, rejects and findings are kept after its end, in days or hours.
    /// `crossfoot retention` lists what would go; a coordinator service removes it once a day. Without this key they
    /// are kept until `crossfoot purge`.
    #[schemars(with = "String", extend("examples" = ["90d", "36h"]))]
    pub staging: Option<String>,
}

impl RetentionSettings {
    /// How long staging rows, rejects and findings are kept; `None`: until an operator purges them.
    ///
    /// # Errors
    /// [`SettingsError`] when it is no age.
    pub fn staging(&self) -> Result<Option<Age>, SettingsError> {
        let parsed = self.staging.as_deref().map(str::parse).transpose();
        parsed.map_err(|error| SettingsError(format!("invalid retention.staging: {error}")))
    }
}
