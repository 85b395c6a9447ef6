//! The life of a run and of a chunk: every legal step, in one table each.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$state_doc:meta])* $state:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$state_doc])* #[serde(rename = $text)] $state,)*
        }

        impl $name {
            /// Every state there is.
            pub const ALL: &'static [Self] = &[$(Self::$state,)*];

            /// The name as it is stored and printed.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$state => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $name {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                match text { $($text => Ok(Self::$state),)* _ => Err(UnknownName) }
            }
        }
    };
}

/// The text names no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a known state")]
pub struct UnknownName;

states! {
    /// Where a run is in its life.
    RunState {
        /// Chunks are being split, processed and written; also when its process died.
        Loading = "loading",
        /// Every chunk is committed to staging; nothing is verified yet.
        Staged = "staged",
        /// Staging was proven equal to the source; a person's approval is waited for.
        AwaitingApproval = "awaiting-approval",
        /// Some check failed. Nothing of it is in final.
        NotReconciled = "not-reconciled",
        /// Every check passed, final as read back included.
        Promoted = "promoted",
        /// Given up by an operator. Nothing of it is in final.
        Cancelled = "cancelled",
        /// It was promoted, and an operator took its rows out of final again.
        BackedOut = "backed-out",
    }
}

states! {
    /// What happens to a run.
    RunEvent {
        /// The last chunk was committed.
        AllCommitted = "all-committed",
        /// Staging was proven, and the run was asked to pause there.
        Paused = "paused",
        /// A check failed, before promotion or in it.
        Failed = "failed",
        /// Final was proven and the promotion committed.
        Promoted = "promoted",
        /// An operator gave it up.
        Cancelled = "cancelled",
        /// An operator took its rows out of final.
        BackedOut = "backed-out",
    }
}

/// Every legal step of a run's life. What is not here does not happen.
pub const RUN_STEPS: &[(RunState, RunEvent, RunState)] = {
    use RunEvent as On;
    use RunState::{AwaitingApproval, BackedOut, Cancelled, Loading, NotReconciled, Promoted, Staged};
    &[
        (Loading, On::AllCommitted, Staged),
        (Loading, On::Cancelled, Cancelled),
        (Staged, On::Paused, AwaitingApproval),
        (Staged, On::Failed, NotReconciled),
        (Staged, On::Promoted, Promoted),
        (Staged, On::Cancelled, Cancelled),
        (AwaitingApproval, On::Failed, NotReconciled),
        (AwaitingApproval, On::Promoted, Promoted),
        (AwaitingApproval, On::Cancelled, Cancelled),
        (Promoted, On::BackedOut, BackedOut),
    ]
};

/// A step that is not in [`RUN_STEPS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a run that is {from} cannot become {event}")]
pub struct IllegalStep {
    /// Where the run is.
    pub from: RunState,
    /// What was to happen.
    pub event: RunEvent,
}

impl RunState {
    /// Where `event` takes the run.
    ///
    /// # Errors
    /// [`IllegalStep`] when the table has no such step.
    pub fn after(self, event: RunEvent) -> Result<Self, IllegalStep> {
        RUN_STEPS
            .iter()
            .find(|(from, on, _)| *from == self && *on == event)
            .map(|(_, _, to)| *to)
            .ok_or(IllegalStep { from: self, event })
    }

    /// Whether it has its verdict, or was given up: no coordinator has anything to do for it any more.
    #[must_use]
    pub const fn is_over(self) -> bool {
        match self {
            Self::Loading | Self::Staged | Self::AwaitingApproval => false,
            Self::NotReconciled | Self::Promoted | Self::Cancelled | Self::BackedOut => true,
        }
    }
}

states! {
    /// Where a chunk is in its life, as the ledger knows it.
    ChunkState {
        /// Cut from the source, handed out or about to be.
        Split = "split",
        /// Its rows and rejects are in staging.
        Committed = "committed",
        /// It failed every time it was started, and was taken out of the flow.
        SetAside = "set-aside",
    }
}

/// Every legal step of a chunk's life.
pub const CHUNK_STEPS: &[(ChunkState, ChunkState)] = &[
    (ChunkState::Split, ChunkState::Committed),
    (ChunkState::Split, ChunkState::SetAside),
    // A late success of an attempt that was given up on: the commit is the truth.
    (ChunkState::SetAside, ChunkState::Committed),
    // Redriven by an operator.
    (ChunkState::SetAside, ChunkState::Split),
];

impl ChunkState {
    /// Whether a chunk may go from here to `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        CHUNK_STEPS.contains(&(self, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_stays_and_only_a_promotion_can_be_taken_back() {
        for state in RunState::ALL.iter().copied().filter(|state| state.is_over()) {
            for event in RunEvent::ALL {
                let is_legal = state == RunState::Promoted && *event == RunEvent::BackedOut;
                assert_eq!(state.after(*event).is_ok(), is_legal, "{state} {event}");
            }
        }
        assert_eq!(RunState::Promoted.after(RunEvent::BackedOut), Ok(RunState::BackedOut));
    }

    #[test]
    fn only_a_staged_run_can_be_promoted() {
        let from: Vec<_> =
            RUN_STEPS.iter().filter(|(_, on, _)| *on == RunEvent::Promoted).map(|s| s.0).collect();
        assert_eq!(from, [RunState::Staged, RunState::AwaitingApproval]);
    }

    #[test]
    fn each_step_is_listed_once_and_every_state_is_reachable() {
        for (at, (from, on, _)) in RUN_STEPS.iter().enumerate() {
            assert!(!RUN_STEPS[at + 1..].iter().any(|(f, o, _)| (f, o) == (from, on)));
        }
        for state in RunState::ALL {
            assert!(*state == RunState::Loading || RUN_STEPS.iter().any(|(_, _, to)| to == state));
            assert_eq!(state.name().parse(), Ok(*state));
        }
    }

    #[test]
    fn a_committed_chunk_stays_committed() {
        for next in ChunkState::ALL {
            assert!(!ChunkState::Committed.may_become(*next));
        }
    }
}
