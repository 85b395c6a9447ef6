//! What `watch` prints with `--json`: one line for each file.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

/// What became of one file of a watched folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct WatchedFile {
    /// The path of the file in the watched folder.
    pub(crate) file: PathBuf,
    /// What became of the file.
    pub(crate) outcome: WatchedOutcome,
    /// The id of the run that loads the file; null if none was opened.
    pub(crate) run_id: Option<String>,
    /// The path of the file now; null if it was not moved.
    pub(crate) moved_to: Option<PathBuf>,
    /// Why the file was not loaded; null if it was, or is being loaded.
    pub(crate) why: Option<String>,
}

/// What becomes of a file of a watched folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WatchedOutcome {
    /// The run reconciled and was promoted.
    Reconciled,
    /// A check of the run failed; none of its rows are in final.
    NotReconciled,
    /// The run was cancelled by an operator.
    Cancelled,
    /// No run was opened: the file is a duplicate, or cannot be read as the job says.
    Refused,
    /// Staging is proven, and the run waits for an operator.
    AwaitingApproval,
    /// The file was submitted to the coordinator service, and its verdict is not waited for.
    Submitted,
    /// Something failed that may pass; the file is left where it is, and tried again.
    Unfinished,
}

impl WatchedOutcome {
    /// The exit code of a run that ended so.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Reconciled | Self::Submitted => 0,
            Self::NotReconciled | Self::Cancelled => 1,
            Self::Refused => 2,
            Self::AwaitingApproval | Self::Unfinished => 3,
        }
    }

    /// The outcome in words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Reconciled => "reconciled and promoted",
            Self::NotReconciled => "not reconciled; none of its rows are in final",
            Self::Cancelled => "cancelled; none of its rows are in final",
            Self::Refused => "refused",
            Self::AwaitingApproval => "verified in staging; waiting for approval",
            Self::Submitted => "submitted",
            Self::Unfinished => "not finished; it is left there and tried again",
        }
    }
}
