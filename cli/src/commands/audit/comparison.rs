//! `audit verify EVIDENCE`: verifies the evidence of a comparison without store or database.

use std::path::Path;

use coordinator::evidence::pack::Vouched;
use coordinator::evidence::pack::comparison::{VerifiedComparison, read, verify as check};
use coordinator::evidence::pack::keys::PublicKey;
use domain::checkpoint::Head;
use domain::pack::Outcome;
use domain::words::{grouped, plural};

use super::pack::{exit, tell_checks};
use crate::args::{Global, VerifyArgs};
use crate::outcome::{Done, Failure};
use crate::output::tell_json;
use crate::printed::VerifiedEvidence;

/// Runs `crossfoot audit verify EVIDENCE`.
pub(super) fn verify(
    global: &Global,
    args: &VerifyArgs,
    path: &Path,
    noted: Option<Head>,
) -> Result<Done, Failure> {
    let evidence = read(path)?;
    let key = args.key.as_deref().map(PublicKey::read).transpose()?;
    let verified = check(&evidence, key.as_ref(), noted);
    let told = verdict(path, &verified);
    if global.json {
        let whole = VerifiedEvidence {
            verified: verified.is_verified(),
            holds: verified.holds(),
            vouched_by: verified.vouched,
            report: verified.report.as_ref(),
            checks: &verified.checks,
        };
        tell_json(&whole, &told);
    } else {
        tell_checks(&verified.checks, &told);
    }
    Ok(exit(verified.is_verified()))
}

/// Formats the verdict in a few lines.
fn verdict(path: &Path, verified: &VerifiedComparison) -> String {
    let file = path.display();
    let failed = verified.checks.iter().filter(|check| check.outcome == Outcome::Failed).count();
    if !verified.holds() {
        return format!("NOT VERIFIED  {file}: {failed} of {} checks failed", verified.checks.len());
    }
    let of = verified.report.as_ref().map_or_else(String::new, |report| {
        format!(
            "\njob {}: {} with {}, {}\nsource {} (sha256 {})\ntarget {}",
            report.job,
            report.outcome.name(),
            plural(report.differences, "difference"),
            grouped(report.records) + " records",
            report.source.location,
            report.source.sha256.map_or_else(|| "not known".into(), |hash| hash.to_string()),
            report.target.location
        )
    });
    match verified.vouched {
        Vouched::Key(id) => format!("VERIFIED  {file}, signed by key {id}{of}"),
        Vouched::Head(seq) => format!("VERIFIED  {file}, vouched for by the noted head: event {seq}{of}"),
        Vouched::Nobody => format!(
            "NOT VERIFIED  {file} is consistent, but nothing vouches for it: anyone could have made it.\n\
             Pass `--key NAME.pub` with the key of the expected signer, or `--head` with the head of its event.{of}"
        ),
    }
}
