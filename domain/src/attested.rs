//! Within which time what a job promoted must be attested, and until when the next attestation is due.
//!
//! Two clocks run, and the one that ends first counts. One is of the job: since any of its runs was attested, or else
//! since its first run was promoted. The other is of the newest promoted run: since that was attested, or else since it
//! was promoted. So neither a job that loads every day nor one that loads twice a year is never due, and an attestation
//! of the newest run sets both clocks back.

use crate::schedule::Span;

/// When a job's runs were promoted and attested, in milliseconds since 1970. Only attestations that reconciled count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttestedJob {
    /// When the job's first run was promoted.
    pub first_promoted_at_ms: i64,
    /// When the job's newest run was promoted.
    pub newest_promoted_at_ms: i64,
    /// When any run of the job was attested last.
    pub attested_at_ms: Option<i64>,
    /// When the newest promoted run was attested last.
    pub newest_attested_at_ms: Option<i64>,
}

/// Since when an attestation is waited for, and until when, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The attestation or promotion from which the period counts.
    pub since_ms: i64,
    /// The moment from which the attestation is overdue.
    pub due_ms: i64,
}

impl AttestedJob {
    /// When the next attestation is due.
    #[must_use]
    pub fn due(&self, within: Span) -> Due {
        let later = |promoted: i64, attested: Option<i64>| attested.map_or(promoted, |at| at.max(promoted));
        let since_ms = later(self.first_promoted_at_ms, self.attested_at_ms)
            .min(later(self.newest_promoted_at_ms, self.newest_attested_at_ms));
        Due { since_ms, due_ms: since_ms.saturating_add(within.ms()) }
    }
}

impl Due {
    /// Whether it is overdue at `now_ms`.
    #[must_use]
    pub const fn is_over(self, now_ms: i64) -> bool {
        now_ms >= self.due_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn the_clock_that_ends_first_counts() {
        let within = Span::of("8d", 366).unwrap();
        // First and newest run promoted, any and the newest run attested, since: in days.
        for (first, newest, any, of_newest, since) in [
            (1, 1, None, None, 1),
            // Loads every day, never attested: counts from the first run.
            (1, 30, None, None, 1),
            // Loads every day, attested once a week.
            (1, 30, Some(25), None, 25),
            (1, 30, Some(30), Some(30), 30),
            // Loads twice a year: an older run's attestation is none of the newest run.
            (1, 10, Some(28), None, 10),
            (1, 10, Some(28), Some(28), 28),
            // A clock that went back makes nothing due earlier.
            (5, 5, Some(4), Some(4), 5),
        ] {
            let days = |days: Option<i64>| days.map(|days| days * DAY_MS);
            let job = AttestedJob {
                first_promoted_at_ms: first * DAY_MS,
                newest_promoted_at_ms: newest * DAY_MS,
                attested_at_ms: days(any),
                newest_attested_at_ms: days(of_newest),
            };
            let due = job.due(within);
            assert_eq!((due.since_ms, due.due_ms), (since * DAY_MS, (since + 8) * DAY_MS), "{job:?}");
            assert!(!due.is_over(due.due_ms - 1) && due.is_over(due.due_ms));
        }
    }
}
