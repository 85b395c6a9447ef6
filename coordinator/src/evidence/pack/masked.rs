//! What may be shown of a reject's bytes.

use job::Job;

/// A reject's bytes as the pack shows them: in hexadecimal, or `None` in a job with sensitive fields. Where these lie
/// in a record that could not be taken apart nobody knows.
pub(super) fn masked_raw(job: &Job, raw: &[u8]) -> Option<String> {
    (!job.is_sensitive()).then(|| domain::hex::encode(raw))
}
