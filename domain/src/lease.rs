//! Who may take a lease: the one on a run, and the one on the place of the coordinator service.
//!
//! When a lease ends is for the database's clock to say; what follows is decided here.

use crate::lifecycle::RunState;

/// On what grounds a run is taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// If nobody has it in hand.
    IfFree,
    /// Whoever has it: the owner is known to be dead, or is to be fenced off.
    Evict,
    /// If nobody has it in hand, and although the run may be over: to remove what it left.
    AfterItsEnd,
}

/// A lease as the database has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held<'a> {
    /// Who holds it.
    pub owner: &'a str,
    /// How long it still lasts, by the database's clock; 0 or less once it is over.
    pub left_ms: i64,
}

impl Held<'_> {
    /// Whether it still lasts, where the longest lease is of `lasts_ms`. One that would last longer than any does
    /// was made by a clock that has been set back since.
    #[must_use]
    pub const fn lasts(&self, lasts_ms: i64) -> bool {
        0 < self.left_ms && self.left_ms <= lasts_ms
    }
}

/// Why a lease is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The run is over.
    Over,
    /// Its holder's time is not over.
    Held,
}

/// Whether a run in `state` may be taken up.
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

/// Whether `owner` may take the place of the coordinator service, or keep it.
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
