//! Proving: what workers read back is compared with the ledger by the [`verifier`], everything with everything by
//! [`reconcile`], and what differs is walked down to record and field by [`pinpoint`].

pub mod findings;
pub mod pinpoint;
pub mod reconcile;
pub mod verifier;

pub use verifier::VerifyError;
