//! What a fleet's workers read for comparisons.

use std::path::PathBuf;

use platform::secret::ServerUrl;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::SettingsError;

/// The database that a fleet's writers read for `crossfoot reconcile --fleet` and `attest --fleet`. They connect with
/// their own user: no password travels over the broker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReconcileSettings {
    /// The PostgreSQL database that is compared, if it is not the store: `postgres://USER@HOST/DATABASE`. A worker that
    /// is asked for another database's rows refuses.
    #[schemars(with = "String", extend("examples" = ["postgres://reader@db.example/ledger?sslmode=verify-full"]))]
    pub target: Option<ServerUrl>,
    /// A file with the password.
    #[schemars(with = "String", extend("examples" = ["/run/secrets/reader"]))]
    pub target_password_file: Option<PathBuf>,
}

impl ReconcileSettings {
    /// # Errors
    /// [`SettingsError`] when the target is no PostgreSQL database, or a password is for none.
    pub(crate) fn checked(&self) -> Result<(), SettingsError> {
        match &self.target {
            Some(url) if !url.is_of(&["postgres://", "postgresql://"]) => Err(SettingsError(format!(
                "invalid reconcile.target `{url}`: the workers of a fleet read PostgreSQL databases only \
                 (postgres://USER@HOST/DATABASE)"
            ))),
            None if self.target_password_file.is_some() => Err(SettingsError(
                "reconcile.target_password_file is set without reconcile.target; set both or neither".into(),
            )),
            _ => Ok(()),
        }
    }
}
