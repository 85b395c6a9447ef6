//! The permit: the value that promotion needs and that only a reconciliation without a failed check makes (INV-09).

use crate::fingerprint::Hash;
use crate::ids::RunId;
use crate::keys::KeyEvidence;
use crate::totals::ControlTotals;

/// Leave to promote one run.
///
/// There is no public constructor and no `Clone`: [`crate::reconcile::Reconciliation::permit`] makes one, where no
/// check failed (a warning is no failure, and a check with nothing to compare neither). It carries what final must turn
/// out to be, so that what is promoted is what was reconciled: the coordinator reads final back inside the promoting
/// transaction and commits only what equals it. It guards against code that forgets to reconcile, not against evidence
/// that is made up; that a run is promoted once is the doing of the run's state, not of the permit.
#[derive(Debug)]
pub struct Permit {
    run_id: RunId,
    expected: ControlTotals,
    fingerprint: Hash,
    keys: Vec<KeyEvidence>,
}

impl Permit {
    pub(crate) const fn new(
        run_id: RunId,
        expected: ControlTotals,
        fingerprint: Hash,
        keys: Vec<KeyEvidence>,
    ) -> Self {
        Self { run_id, expected, fingerprint, keys }
    }

    /// The run it is for.
    #[must_use]
    pub const fn run_id(&self) -> RunId {
        self.run_id
    }

    /// What final must hold of the run: count, sums and content, absent leaves for what is not promoted.
    #[must_use]
    pub const fn expected(&self) -> &ControlTotals {
        &self.expected
    }

    /// The keys of the record types; some may be left for final to prove.
    #[must_use]
    pub fn keys(&self) -> &[KeyEvidence] {
        &self.keys
    }

    /// The fingerprint that final must have.
    #[must_use]
    pub const fn fingerprint(&self) -> Hash {
        self.fingerprint
    }
}
