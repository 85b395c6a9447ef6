//! Who may acquire a lease: the one on a run, and the one on the role of the coordinator service.
//!
//! When a lease ends is for the database's clock to say; what follows is decided here.

use std::fmt;

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

/// The process that holds a lease, as far as its signature says:
/// `user@host pid N (crossfoot VERSION since TIME, boot …)`. Signatures of 0.1.0 have neither version nor time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder<'a> {
    /// The operator whose process it is: `user@host`.
    pub actor: &'a str,
    /// The host that the process runs on.
    pub host: Option<&'a str>,
    /// The process's number on its host.
    pub pid: Option<u32>,
    /// The version of Crossfoot that the process runs.
    pub version: Option<&'a str>,
    /// When the process started to coordinate, UTC: `2024-02-29T13:45:00.123Z`.
    pub since: Option<&'a str>,
}

impl<'a> Holder<'a> {
    /// Reads what a signature says of its process; what it does not say is `None`.
    #[must_use]
    pub fn of(owner: &'a str) -> Self {
        // The first ` pid ` is the process's own; the next is of `pid namespace`.
        let (actor, rest) = owner.split_once(" pid ").unwrap_or((owner, ""));
        let (pid, about) = rest.split_once(" (").unwrap_or((rest, ""));
        let own = about.strip_prefix("crossfoot ").and_then(|about| about.split_once(" since "));
        let since = own.and_then(|(_, rest)| rest.split([',', ')']).next());
        Self {
            actor,
            host: actor.rsplit_once('@').map(|(_, host)| host),
            pid: pid.parse().ok(),
            version: own.map(|(version, _)| version),
            since,
        }
    }
}

impl fmt::Display for Holder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.actor)?;
        let pid = self.pid.map(|pid| format!("pid {pid}"));
        let version = self.version.map(|version| format!("crossfoot {version}"));
        let since = self.since.map(|since| format!("since {since}"));
        let about: Vec<_> = [pid, version, since].into_iter().flatten().collect();
        if about.is_empty() { Ok(()) } else { write!(f, " ({})", about.join(", ")) }
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
    fn a_signature_names_its_process_and_an_older_one_says_less() {
        let own = "anna@vm pid 7 (crossfoot 0.2.0 since 2026-11-27T13:00:00.000Z, boot b, pid namespace 4, start 9)";
        let holder = Holder::of(own);
        assert_eq!((holder.host, holder.pid, holder.version), (Some("vm"), Some(7), Some("0.2.0")));
        assert_eq!(holder.to_string(), "anna@vm (pid 7, crossfoot 0.2.0, since 2026-11-27T13:00:00.000Z)");
        let without_proc = Holder::of("anna@vm pid 7 (crossfoot 0.2.0 since 2026-11-27T13:00:00.000Z)");
        assert_eq!(without_proc, holder);
        let older = "anna@vm pid 7 (boot b, pid namespace 4, start 9)";
        assert_eq!(Holder::of(older).to_string(), "anna@vm (pid 7)");
        assert_eq!(Holder::of("anna@vm pid 7").to_string(), "anna@vm (pid 7)");
        assert_eq!(Holder::of("a").to_string(), "a");
        assert_eq!(Holder::of("").to_string(), "");
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
