//! The permit: the value that promotion needs and only a reconciled run can make (INV-09).

use crate::fingerprint::Hash;
use crate::ids::RunId;
use crate::totals::ControlTotals;

/// Leave to promote one run, once.
///
/// There is no public constructor and no `Clone`: [`crate::reconcile::Reconciliation::permit`] makes one out
/// of a run whose every check passed, and promotion consumes it. It carries what final must turn out to be,
/// so that what is promoted is what was reconciled.
#[derive(Debug)]
pub struct Permit {
    run_id: RunId,
    expected: ControlTotals,
    fingerprint: Hash,
}

impl Permit {
    pub(crate) const fn new(run_id: RunId, expected: ControlTotals, fingerprint: Hash) -> Self {
        Self { run_id, expected, fingerprint }
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

    /// The fingerprint that final must have.
    #[must_use]
    pub const fn fingerprint(&self) -> Hash {
        self.fingerprint
    }
}
