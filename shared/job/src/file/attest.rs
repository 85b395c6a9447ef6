//! `[attest]`: within which time what the job promoted must be compared with its source again.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

/// How often what the job promoted must be attested (`crossfoot attest`). If an attestation is overdue, or is not
/// reconciled, the coordinator service logs `attestation-lapsed` and sends a notification with the outcome
/// `not-attested`, once for each.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttestSection {
    /// The time within which an attestation must reconcile: minutes, hours or days, at most 366 days. It counts from
    /// the last attestation of any of the job's runs, or else from its first promotion; and from the last attestation
    /// of the newest promoted run, or else from its promotion. What ends first counts.
    #[schemars(with = "String", extend("pattern" = "^[0-9]+[mhd]$", "examples" = ["8d"]))]
    pub(crate) within: Spanned<String>,
}
