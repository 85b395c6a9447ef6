//! Who may acquire a lease: the one on a run, and the one on the role of the coordinator service.
//!
//! When a lease ends is for the database's clock to say; what follows is decided here.

use crate::lifecycle::RunState;

/// On what grounds a coordinator acquires a run's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Only if no coordinator holds the lease.
    IfFree,
    /// Regardless of the holder: it is known to be dead, or must be fenced off.
    Evict,
    /// Only if no coordinator holds the lease, but even if the run is over: to remove what the run left.
    AfterItsEnd,
}

/// A lease as it is stored in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held<'a> {
    /// The coordinator that holds the lease: `user@host pid N`, with what distinguishes processes of one number.
    pub owner: &'a str,
    /// Milliseconds until the lease ends, by the database's clock; 0 or less once it has ended.
    pub left_ms: i64,
}

impl Held<'_> {
    /// Whether the lease still holds, where the longest lease lasts `lasts_ms`. A lease with more time left was made by
    /// a clock that has been set back since.
    #[must_use]
    pub const fn lasts(&self, lasts_ms: i64) -> bool {
        0 < self.left_ms && self.left_ms <= lasts_ms
    }
}

/// Why a lease is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The run is over.
    Over,
    /// Another holder's lease has not ended.
    Held,
}

/// Whether a coordinator may acquire the lease of a run in `state`.
///
/// # Errors
/// [`Refused`], and why.
pub fn may_acquire(
    state: RunState,
    held: Option<Held<'_>>,
    claim: Claim,
    lasts_ms: i64,
) -> Result<(), Refused> {
    if state.is_over() && !matches!(claim, Claim::AfterItsEnd) {
        return Err(Refused::Over);
    }
    match held {
        Some(held) if !matches!(claim, Claim::Evict) && held.lasts(lasts_ms) => Err(Refused::Held),
        _ => Ok(()),
    }
}

/// Whether `owner` may become the coordinator service, or remain it.
#[must_use]
pub fn may_serve(owner: &str, held: Option<Held<'_>>, lasts_ms: i64) -> bool {
    held.is_none_or(|held| held.owner == owner || !held.lasts(lasts_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LASTS_MS: i64 = 20_000;

    const fn held(left_ms: i64) -> Option<Held<'static>> {
        Some(Held { owner: "a", left_ms })
    }

    #[test]
    fn a_run_is_taken_up_by_this_table() {
        use Claim::{AfterItsEnd, Evict, IfFree};
        use RunState::{Cancelled, Loading, Promoted, Staged};
        let table = [
            (Loading, None, IfFree, Ok(())),
            (Staged, held(1), IfFree, Err(Refused::Held)),
            (Staged, held(LASTS_MS), IfFree, Err(Refused::Held)),
            (Staged, held(0), IfFree, Ok(())),
            (Staged, held(-5), IfFree, Ok(())),
            // Made by a clock that was set back.
            (Staged, held(LASTS_MS + 1), IfFree, Ok(())),
            (Loading, held(1), Evict, Ok(())),
            (Loading, held(1), AfterItsEnd, Err(Refused::Held)),
            (Cancelled, None, IfFree, Err(Refused::Over)),
            (Cancelled, None, Evict, Err(Refused::Over)),
            (Promoted, held(1), Evict, Err(Refused::Over)),
            (Promoted, None, AfterItsEnd, Ok(())),
            (Promoted, held(1), AfterItsEnd, Err(Refused::Held)),
        ];
        for (state, held, claim, expected) in table {
            let found = may_acquire(state, held, claim, LASTS_MS);
            assert_eq!(found, expected, "{state} {held:?} {claim:?}");
        }
    }

    #[test]
    fn the_service_is_one_until_its_time_is_over() {
        for (owner, held, expected) in [
            ("a", None, true),
            ("a", held(1), true),
            ("b", held(1), false),
            ("b", held(LASTS_MS), false),
            ("b", held(0), true),
            ("b", held(LASTS_MS + 1), true),
        ] {
            assert_eq!(may_serve(owner, held, LASTS_MS), expected, "{owner} {held:?}");
        }
    }
}
