//! What a look at broker and store found, for the person who has to make them work.

use schemars::JsonSchema;
use serde::Serialize;

/// How a finding is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It works as it should.
    Ok,
    /// It works, but someone should know about it.
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

    /// A finding that is as it should be.
    pub fn ok(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(what, Verdict::Ok, detail, None)
    }

    /// A finding that works but needs attention, with advice.
    pub fn warn(what: impl Into<String>, detail: impl Into<String>, advice: &str) -> Self {
        Self::new(what, Verdict::Warn, detail, Some(advice))
    }

    /// It cannot even be looked at. Errors say what to do themselves, after what happened.
    pub fn error(what: impl Into<String>, error: impl ToString) -> Self {
        Self::new(what, Verdict::Bad, error.to_string(), None)
    }
}
