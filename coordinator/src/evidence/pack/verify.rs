//! Checking a pack: the archive's form, every part's hash, the signature, and that what it says follows from itself.
//!
//! The file is read once, from beginning to end; what grows with the run is walked and not kept.

use std::io::Read;
use std::path::Path;

use domain::checkpoint::Head;
use domain::pack::{Part, PartCheck, archive};
use platform::files::open_regular;

use super::contents::Contents;
use super::error::PackError;
use super::keys::PublicKey;
use super::read::{ARCHIVE, Archive, Stop};
use super::verified::{FORM, Verified, Vouched};

/// Checks the pack at `path` with the key of its expected signer, and with a head of the log that was noted.
///
/// # Errors
/// [`PackError`] when the file cannot be read or is no pack at all. A pack that does not hold is no error.
pub fn verify(path: &Path, key: Option<&PublicKey>, noted: Option<Head>) -> Result<Verified, PackError> {
    let file = |error| PackError::File { path: path.into(), error };
    let mut input = open_regular(path).map_err(file)?;
    if !is_pack(&mut input).map_err(file)? {
        return Err(PackError::NotAPack { path: path.into() });
    }
    let input = open_regular(path).map_err(file)?;
    check(input, key, noted).map_err(file)
}

/// As [`verify`], of a pack from wherever it comes.
///
/// # Errors
/// When it cannot be read.
pub fn check(input: impl Read, key: Option<&PublicKey>, noted: Option<Head>) -> std::io::Result<Verified> {
    let mut archive = Archive::new(input);
    let mut contents = Contents::new(noted);
    let stopped = match contents.read(&mut archive) {
        Ok(()) => None,
        Err(Stop::Io(error)) => return Err(error),
        Err(Stop::Form(part, what)) => Some((part, what)),
    };
    let mut checks = Vec::new();
    let defects = archive.defects.into_iter().chain(stopped.clone());
    let defects: Vec<_> = defects.map(|(part, what)| PartCheck::of(part, FORM, Err(what.into()))).collect();
    if defects.is_empty() {
        checks.push(PartCheck::of(ARCHIVE, FORM, Ok("headers, padding and end are valid".into())));
    }
    checks.extend(defects);
    checks.append(&mut contents.unread);
    if let Some((part, _)) = stopped {
        let rest = Part::ALL.iter().skip(contents.listed.len());
        let rest = rest.filter(|rest| rest.name() != part && **rest != Part::Signature);
        checks.extend(rest.map(|rest| PartCheck::not_made(rest.name(), FORM, "not reached")));
    }
    checks.extend(contents.listing());
    let (signature, vouched) = contents.signature(key);
    checks.push(signature);
    checks.extend(contents.follows());
    let by_head = contents.noted_head(&mut checks);
    checks.sort_by_key(|check| Part::ALL.iter().position(|part| part.name() == check.part));
    let vouched = if vouched == Vouched::Nobody { by_head } else { vouched };
    Ok(Verified { checks, manifest: contents.manifest, vouched, job: contents.job, report: contents.report })
}

/// Whether the file begins as a pack does, damaged or not.
fn is_pack(input: &mut std::fs::File) -> std::io::Result<bool> {
    let mut block = Vec::new();
    input.take(archive::BLOCK as u64).read_to_end(&mut block)?;
    let expected = archive::header(Part::Job.name(), 0);
    let is_alike = |at: std::ops::Range<usize>| block.get(at.clone()) == Some(&expected[at]);
    Ok(is_alike(0..9) || is_alike(257..265))
}
