//! The nouns of a run's drive: how it is driven, and what it comes to.

use domain::lifecycle::RunState;
use source::Location;

/// How a run is driven.
#[derive(Debug, Clone, Default)]
pub struct Drive {
    /// The source, if not where the run was begun from.
    pub source: Option<Location>,
    /// Whether an operator has approved it.
    pub approved: bool,
    /// Whether a coordinator that is known to be gone is to be fenced off.
    pub evict: bool,
    /// Whether an operator resumes it, so that it continues even if one paused it.
    pub resumes: bool,
}

/// How driving a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The run reconciled and was promoted; its rows are in final.
    Promoted,
    /// A check failed; nothing is in final.
    NotReconciled,
    /// Staging is proven; approval is waited for.
    Paused,
    /// Given up by an operator.
    Cancelled,
}

impl Ending {
    /// The outcome of a run that is over.
    pub(crate) const fn of_over(state: RunState) -> Self {
        match state {
            RunState::Promoted => Self::Promoted,
            // Given up, or taken back: none of its rows are in final.
            RunState::Cancelled | RunState::BackedOut => Self::Cancelled,
            RunState::AwaitingApproval => Self::Paused,
            RunState::NotReconciled | RunState::Loading | RunState::Staged => Self::NotReconciled,
        }
    }

    /// The state that the run is in then.
    #[must_use]
    pub const fn state(self) -> RunState {
        match self {
            Self::Promoted => RunState::Promoted,
            Self::NotReconciled => RunState::NotReconciled,
            Self::Paused => RunState::AwaitingApproval,
            Self::Cancelled => RunState::Cancelled,
        }
    }
}
