//! The kinds of event that the evidence log holds.
//!
//! Four-eyes approval, the walk over a pack's log and the checks of a run decide by them. What is written is a
//! [`EventKind`]; what is read may come from another version, so [`EventKind::of`] knows that a name may be none of
//! these.

use std::fmt;

use crate::lifecycle::RunEvent;

crate::named! {
    /// What happened, as the evidence log names it.
    #[derive(Hash)]
    pub enum EventKind {
        /// A run was opened.
        Opened = "opened",
        /// A coordinator acquired a run that was open already.
        Resumed = "resumed",
        /// The coordinator service set a run aside until an operator resumes it.
        Parked = "parked",
        /// An operator paused a run: nothing is handed out until an operator resumes it.
        PausedByOperator = "paused-by-operator",
        /// An operator changed how many chunks of a run may be in flight.
        WindowChanged = "window-changed",
        /// Every chunk of a run is committed, and staging is proven.
        Staged = "staged",
        /// The database server had lost staged rows that it did not log, and they were loaded into staging again.
        StagingRestored = "staging-restored",
        /// A run waits for approval.
        Paused = "paused",
        /// A run was approved.
        Approved = "approved",
        /// An approval was refused, with the reason.
        ApprovalRefused = "approval-refused",
        /// Chunks that were set aside were requeued.
        Redriven = "redriven",
        /// A run was promoted: its rows are in final.
        Promoted = "promoted",
        /// A run ended with failed checks.
        NotReconciled = "not-reconciled",
        /// A run was given up.
        Cancelled = "cancelled",
        /// The rows of a promoted run were taken out of final.
        BackedOut = "backed-out",
        /// Taking them out was refused, with the reason.
        BackOutRefused = "back-out-refused",
        /// All rows of a run were removed: staging, rejects and findings.
        Purged = "purged",
        /// Some parts of a run were removed, which the event names.
        PartsRemoved = "parts-removed",
        /// A run that has nothing in final was removed from the ledger. The log keeps its events.
        RunRemoved = "run-removed",
        /// Rejects were written to a file as they came.
        RejectsWritten = "rejects-written",
        /// Rejects of a run were corrected, and loaded as a run of their own.
        Resent = "resent",
        /// A run's evidence was exported as a pack.
        Exported = "exported",
        /// The proof of one record was made.
        Proved = "proved",
        /// A load that another program made was compared with its source.
        LoadCompared = "load-compared",
        /// All hops of a chain were compared, each with an event of its own.
        ChainCompared = "chain-compared",
        /// The totals of a load that another program made were compared with its source's; no values were.
        LoadLookedAt = "load-looked-at",
        /// What a run had promoted was compared with its source again.
        Attested = "attested",
        /// A job was drilled.
        Drilled = "drilled",
        /// The key that seals messages was replaced.
        MessageKeyReplaced = "message-key-replaced",
        /// A message was refused.
        MessageRefused = "message-refused",
        /// A dead letter was written to a file as it is.
        DeadLetterWritten = "dead-letter-written",
        /// Dead letters were published again to the queues that they come from.
        DeadLettersReplayed = "dead-letters-replayed",
        /// Dead letters were removed.
        DeadLettersCleared = "dead-letters-cleared",
        /// Workers were asked to finish their work in hand and end.
        DrainAsked = "drain-asked",
        /// A token for the console was made.
        TokenAdded = "token-added",
        /// A token for the console was revoked.
        TokenRevoked = "token-revoked",
        /// No run of a job was opened in time for an expected time. The event is of the job's newest run.
        RunMissing = "run-missing",
        /// An attestation of a job is overdue, or one of the run failed. The event is of the run to attest.
        AttestationLapsed = "attestation-lapsed",
        /// A verdict could not be sent to a webhook, a command or by e-mail.
        NotificationFailed = "notification-failed",
        /// The log's head could not be noted outside the store.
        CheckpointFailed = "checkpoint-failed",
    }
}

impl EventKind {
    /// The kind with this name; `None` if this version writes no such events.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The step of a run's life that an event of this kind stands for.
    #[must_use]
    pub const fn step(self) -> Option<RunEvent> {
        Some(match self {
            Self::Staged => RunEvent::AllCommitted,
            Self::Paused => RunEvent::Paused,
            Self::NotReconciled => RunEvent::Failed,
            Self::Promoted => RunEvent::Promoted,
            Self::Cancelled => RunEvent::Cancelled,
            Self::BackedOut => RunEvent::BackedOut,
            _ => return None,
        })
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<EventKind> for String {
    fn from(kind: EventKind) -> Self {
        kind.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_kind_has_a_name_of_its_own_by_which_it_is_found() {
        let names: HashSet<_> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), EventKind::ALL.len());
        for kind in EventKind::ALL {
            assert_eq!(EventKind::of(kind.name()), Some(*kind));
        }
        assert_eq!(EventKind::of("a kind of a later version"), None);
    }
}
