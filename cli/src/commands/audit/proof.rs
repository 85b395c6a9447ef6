//! `audit verify PROOF`: verifies the proof of a record without store or broker.

use std::path::Path;
use std::sync::Arc;

use coordinator::evidence::pack::keys::PublicKey;
use coordinator::evidence::pack::proof::{Proven, With, read, verify as check};
use coordinator::evidence::pack::{Vouched, verify as check_pack};
use domain::checkpoint::Head;
use domain::pack::Outcome;
use job::Job;

use super::pack::{exit, tell_checks};
use crate::args::{Global, VerifyArgs};
use crate::outcome::{Done, Failure};
use crate::output::tell_json;
use crate::printed::VerifiedProof;

/// Runs `crossfoot audit verify PROOF`.
pub(super) fn verify(
    global: &Global,
    args: &VerifyArgs,
    path: &Path,
    noted: Option<Head>,
) -> Result<Done, Failure> {
    let proof = read(path)?;
    let key = args.key.as_deref().map(PublicKey::read).transpose()?;
    let file = |path: &Path| {
        platform::files::read_small_file(path, platform::files::RECORD_BYTES_MAX)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
    };
    let pack = args.pack.as_deref().map(|path| check_pack(path, key.as_ref(), noted)).transpose()?;
    let of_pack =
        pack.as_ref().and_then(|pack| pack.job.as_deref()).and_then(|job| std::str::from_utf8(job).ok());
    let job = match (&args.job, of_pack) {
        (Some(path), _) => Some(Arc::new(Job::read(path)?)),
        (None, Some(text)) => Job::parse("job.toml", text).ok().map(Arc::new),
        (None, None) => None,
    };
    let with = With {
        key: key.as_ref(),
        record: args.record.as_deref().map(file).transpose()?,
        job,
        canonical: args.canonical.as_deref().map(file).transpose()?,
        pack,
    };
    let proven = check(proof, &with);
    let told = verdict(&proven);
    if global.json {
        let whole = VerifiedProof {
            verified: proven.is_verified(),
            holds: proven.holds(),
            is_of_record: proven.is_of_record,
            vouched_by: proven.vouched,
            statement: proven.statement.as_ref(),
            checks: &proven.checks,
        };
        tell_json(&whole, &told);
    } else {
        tell_checks(&proven.checks, &told);
    }
    Ok(exit(proven.is_verified()))
}

fn verdict(proven: &Proven) -> String {
    let proof = &proven.proof;
    let what = format!("record {} of {} of run {}", proof.record_no, proof.tree_size, proof.run_id);
    let failed = proven.checks.iter().filter(|check| check.outcome == Outcome::Failed).count();
    let outcome = proven.statement.as_ref().map_or("unknown", |statement| statement.outcome.name());
    match (failed, proven.is_of_record, proven.vouched) {
        (1.., _, _) => format!("NOT VERIFIED  {what}: {failed} of {} checks failed", proven.checks.len()),
        (0, false, _) => {
            format!(
                "NOT VERIFIED  {what}: cannot tell which record it is; pass its bytes with `--record FILE`"
            )
        }
        (0, true, Vouched::Nobody) => format!(
            "NOT VERIFIED  {what} is under the root, but nothing vouches for that root.\n\
             Pass `--key NAME.pub` with the key of the expected signer, or `--pack PACK` with a key"
        ),
        (0, true, Vouched::Key(id)) => {
            format!("VERIFIED  {what} ({outcome}), signed by key {id}\nfingerprint {}", proof.fingerprint)
        }
        (0, true, Vouched::Head(seq)) => {
            format!(
                "VERIFIED  {what} ({outcome}), vouched for by the noted head: event {seq}\nfingerprint {}",
                proof.fingerprint
            )
        }
    }
}
