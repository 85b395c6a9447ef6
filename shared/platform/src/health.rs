//! What a look at broker and store found, for the person who has to make them work.

use schemars::JsonSchema;
use serde::Serialize;

/// How a finding is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but somebody should know.
    Warn,
    /// A run would fail.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// What was looked at, such as `queue crossfoot.chunks`.
    pub what: String,
    /// Whether it is well, needs attention, or prevents work.
    pub verdict: Verdict,
    /// What was found, in words.
    pub detail: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Finding {
    /// What was found, and what to do about it.
    pub fn new(
        what: impl Into<String>,
        verdict: Verdict,
        detail: impl Into<String>,
        advice: Option<&str>,
    ) -> Self {
        Self { what: what.into(), verdict, detail: detail.into(), advice: advice.map(Into::into) }
    }

    /// It is as it should be.
    pub fn ok(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(what, Verdict::Ok, detail, None)
    }

    /// It works, but somebody should know, and may do this about it.
    pub fn warn(what: impl Into<String>, detail: impl Into<String>, advice: &str) -> Self {
        Self::new(what, Verdict::Warn, detail, Some(advice))
    }

    /// It cannot even be looked at. Errors say what to do themselves, after what happened.
    pub fn error(what: impl Into<String>, error: impl ToString) -> Self {
        Self::new(what, Verdict::Bad, error.to_string(), None)
    }
}
