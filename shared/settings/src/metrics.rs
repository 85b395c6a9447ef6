//! `[metrics]`: who may read the metrics of coordinators and workers.

use std::path::PathBuf;

use platform::secret::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::SettingsError;

/// The fewest characters of a token. Those of `crossfoot token add` have 68.
const TOKEN_MIN: usize = 32;

/// Who may read the metrics of coordinators and workers (`--metrics`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsSettings {
    /// A file with the token that a scraper must send as a bearer token: the one of `crossfoot token add --role
    /// scraper` that the console's scraper has, or any text of 32 characters or more. An address that other machines
    /// reach needs it. It is read when the process starts.
    #[schemars(with = "String", extend("examples" = ["/etc/crossfoot/scraper.token"]))]
    pub token_file: Option<PathBuf>,
}

impl MetricsSettings {
    /// The token that was set, if one was.
    ///
    /// # Errors
    /// [`SettingsError`] when the file cannot be read, or has no token in it.
    pub fn token(&self) -> Result<Option<Secret>, SettingsError> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let wrong = |why: &str| SettingsError(format!("metrics.token_file {}: {why}", path.display()));
        let token = Secret::from_file(path).map_err(|error| wrong(&error.to_string()))?;
        let text = token.reveal();
        if text.len() < TOKEN_MIN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong(
                "a token has 32 characters or more, and no spaces; `crossfoot token add` makes one",
            ));
        }
        Ok(Some(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_without_its_line_end_and_never_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let of = |text: &str| {
            std::fs::write(&path, text).unwrap();
            MetricsSettings { token_file: Some(path.clone()) }.token()
        };
        let token = "cft_0123456789abcdef0123456789abcdef";
        assert_eq!(of(&format!("{token}\n")).unwrap().unwrap().reveal(), token);
        for text in ["short", "two words of enough length, which are none"] {
            let error = of(text).unwrap_err().to_string();
            assert!(error.contains("32 characters") && !error.contains(text), "{error}");
        }
        assert!(of("").is_err());
        assert_eq!(MetricsSettings::default().token(), Ok(None));
    }
}
