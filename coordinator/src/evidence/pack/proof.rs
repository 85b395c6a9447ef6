//! Checking a proof: the record's bytes to the leaf, the leaf to the root, the root to the party that vouches for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::ids::RecordNo;
use domain::pack::proof::{FORMAT, FORMAT_VERSION, PROOF, Proof, STATEMENT_FORMAT, Statement, follows, leaf};
use domain::pack::{Contradiction, Judged, Outcome, PartCheck};
use format::Framer;
use job::Job;
use job::chunk::{ChunkDecoder, Start};
use job::records::Records;

use super::error::PackError;
use super::json;
use super::keys::PublicKey;
use super::leaves::Leaves;
use super::verified::{Verified, Vouched};

/// What a proof is checked with.
#[derive(Default)]
pub struct With<'a> {
    /// The public key of the party that should have signed the statement.
    pub key: Option<&'a PublicKey>,
    /// The record's bytes as the source has them.
    pub record: Option<Vec<u8>>,
    /// The job that decodes them.
    pub job: Option<Arc<Job>>,
    /// The content of the record's leaf, instead of its bytes.
    pub canonical: Option<Vec<u8>>,
    /// A pack of the run that was checked, whose fingerprint it must be.
    pub pack: Option<Verified>,
}

/// The result of checking a proof.
#[derive(Debug, Clone)]
pub struct Proven {
    /// Everything that was checked.
    pub checks: Vec<PartCheck>,
    /// The proof as it was read from its file.
    pub proof: Proof,
    /// The statement in it, if it could be read.
    pub statement: Option<Statement>,
    /// Who vouches for the root, if everything holds.
    pub vouched: Vouched,
    /// Whether a record was given, and is the one.
    pub is_of_record: bool,
}

impl Proven {
    /// Returns whether no check failed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.outcome != Outcome::Failed)
    }

    /// Whether it holds, is of the record that was given, and someone vouches for it.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.holds() && self.is_of_record && self.vouched != Vouched::Nobody
    }
}

/// Whether the file looks like a proof rather than a pack.
#[must_use]
pub fn is_proof(path: &Path) -> bool {
    let mut first = [0];
    let read =
        platform::files::open_regular(path).and_then(|mut file| std::io::Read::read(&mut file, &mut first));
    read.is_ok_and(|read| read == 1) && first == *b"{"
}

/// Reads a proof from a file.
///
/// # Errors
/// [`PackError`] when the file cannot be read or is no proof.
pub fn read(path: &Path) -> Result<Proof, PackError> {
    let bytes = platform::files::read_small_file(path, platform::files::TEXT_BYTES_MAX)
        .map_err(|error| PackError::File { path: path.into(), error })?;
    let proof: Result<Proof, _> = json::parse(&bytes, json::pretty, false);
    let unread = |reason: String| PackError::NotAProof { path: PathBuf::from(path), reason };
    let proof = proof.map_err(|error| unread(error.to_string()))?;
    if proof.format != FORMAT || proof.format_version != FORMAT_VERSION {
        return Err(unread(format!(
            "this version does not know `{} {}`",
            proof.format, proof.format_version
        )));
    }
    Ok(proof)
}

/// The file of a proof.
///
/// # Errors
/// [`PackError`], which would be a bug.
pub fn text(proof: &Proof) -> Result<Vec<u8>, PackError> {
    json::pretty(proof)
}

/// Checks a proof against the record, key and head that are given.
#[must_use]
pub fn verify(proof: Proof, with: &With<'_>) -> Proven {
    let mut checks = Vec::new();
    let statement = serde_json::from_str::<Statement>(&proof.statement);
    let is_of_record = of_record(&proof, with, &mut checks);
    let statement = match statement {
        Ok(statement) => {
            checks.extend(follows(&proof, &statement));
            Some(statement)
        }
        Err(error) => {
            let why = format!("it cannot be parsed: {error}");
            checks.push(PartCheck::of(PROOF, "the statement is about this root", Err(why.into())));
            None
        }
    };
    let by_key = signature(&proof, statement.as_ref(), with.key, &mut checks);
    let by_pack = of_pack(&proof, with.pack.as_ref(), &mut checks);
    let vouched = if by_key == Vouched::Nobody { by_pack } else { by_key };
    Proven { checks, proof, statement, vouched, is_of_record }
}

/// The record's bytes, or its canonical form, against the leaf.
fn of_record(proof: &Proof, with: &With<'_>, checks: &mut Vec<PartCheck>) -> bool {
    let check = "the record gives the leaf";
    let result = match (&with.canonical, &with.record, &with.job) {
        (Some(content), _, _) => match leaf(content) == proof.leaf {
            true => Ok("its canonical form does".into()),
            false => Err("its canonical form gives another leaf".into()),
        },
        (None, Some(record), Some(job)) => decoded(proof, job, record),
        (None, Some(_), None) => {
            let why = "no job to decode the record; pass `--job JOB`, or `--pack PACK`, which contains it";
            checks.push(PartCheck::not_made(PROOF, check, why));
            return false;
        }
        (None, None, _) => {
            let why = "no record was given, so the proof cannot be tied to one";
            checks.push(PartCheck::not_made(PROOF, check, why));
            return false;
        }
    };
    let is_of_record = result.is_ok();
    checks.push(PartCheck::of(PROOF, check, result));
    is_of_record
}

/// Decodes the record as the job does, and compares its leaf.
fn decoded(proof: &Proof, job: &Arc<Job>, record: &[u8]) -> Judged {
    if job.digest != proof.job_digest {
        return Err(format!(
            "the job differs from the run's: SHA-256 {}, expected {}",
            job.digest, proof.job_digest
        )
        .into());
    }
    let mut framed = Vec::new();
    Framer::new(&job.format).write(record, &mut framed).map_err(|error| error.to_string())?;
    // With its line end or length, as it may have been cut out of the source; or without.
    let mut seen = None;
    for bytes in [&framed[..], record] {
        match content(proof, job, bytes) {
            Ok(content) if leaf(&content) == proof.leaf => {
                return Ok(format!("{} bytes, decoded with the job", record.len()));
            }
            Ok(_) => seen = Some("it gives another leaf: this is not the record, or its bytes differ".into()),
            Err(why) => seen = seen.or(Some(why)),
        }
    }
    Err(seen.unwrap_or_else(|| "".into()))
}

/// The record's leaf, out of the bytes of the record. An element's is in the record whose element it is.
fn content(proof: &Proof, job: &Arc<Job>, bytes: &[u8]) -> Result<Vec<u8>, Contradiction> {
    let mut seen = None;
    for first in firsts(proof, job) {
        match content_from(proof, job, bytes, first) {
            Ok(content) if leaf(&content) == proof.leaf => return Ok(content),
            Ok(content) => seen = seen.or(Some(Ok(content))),
            Err(why) => seen = seen.or(Some(Err(why))),
        }
    }
    seen.unwrap_or_else(|| Err("".into()))
}

/// The numbers that the record which holds the leaf may have: that of the proof, or, for an element, that of a record
/// of a type with tables whose elements are records.
fn firsts(proof: &Proof, job: &Arc<Job>) -> Vec<RecordNo> {
    let is_parent =
        |place: usize| job.records.iter().any(|of| of.rows.as_ref().is_some_and(|of| of.parent == place));
    let holds =
        |place: &usize| job.records.get(*place).is_some_and(|of| of.rows.is_none()) && is_parent(*place);
    let latest =
        proof.parents.iter().enumerate().filter(|(place, _)| holds(place)).map(|(_, latest)| *latest);
    let earlier = latest.filter(|latest| *latest > 0 && *latest < proof.record_no.0).map(RecordNo);
    std::iter::once(proof.record_no).chain(earlier).collect()
}

fn content_from(
    proof: &Proof,
    job: &Arc<Job>,
    bytes: &[u8],
    first_record_no: RecordNo,
) -> Result<Vec<u8>, Contradiction> {
    let is_last = |last: u64| last == proof.tree_size;
    let start = Start {
        first_record_no,
        offset: 0,
        parents: &proof.parents,
        // The tree has a leaf for every record of the source.
        ends_source: is_last(proof.record_no.0),
    };
    let chunk = ChunkDecoder::new(job)?.decode(start, bytes).map_err(|error| error.to_string())?;
    let found = Records::new(job)?.find(first_record_no, start.ends_source, bytes);
    let found = found.map_err(|error| error.to_string())?;
    let whole = found.iter().filter(|found| !found.is_element()).count();
    if whole != 1 {
        return Err(format!("the bytes contain {whole} records").into());
    }
    let leaves = Leaves::decoded(job, &chunk).map_err(|error| error.to_string())?;
    let (tree, content, became) = leaves.of(RecordNo(proof.record_no.0)).ok_or("it has no leaf")?;
    if (tree, became) != (proof.tree, proof.became) {
        return Err("it has another record type, or became something else".into());
    }
    Ok(content.to_vec())
}

fn signature(
    proof: &Proof,
    statement: Option<&Statement>,
    key: Option<&PublicKey>,
    checks: &mut Vec<PartCheck>,
) -> Vouched {
    let check = "the statement is signed";
    let signed_by = statement.and_then(|statement| statement.signed_by);
    let signature = proof.signature.as_deref().map(|digits| domain::hex::decode(digits).unwrap_or_default());
    let result = match (key, signature) {
        (None, Some(_)) => {
            let by = signed_by.map_or_else(|| "nobody".into(), |id| id.to_string());
            checks.push(PartCheck::not_made(
                PROOF,
                check,
                format!("no key was given; it names key {by} as its signer"),
            ));
            return Vouched::Nobody;
        }
        (_, None) => {
            checks.push(PartCheck::not_made(PROOF, check, "it is not signed"));
            return Vouched::Nobody;
        }
        (Some(key), Some(signature)) => match key.has_signed(proof.statement.as_bytes(), &signature) {
            true if statement.is_some_and(|statement| statement.format == STATEMENT_FORMAT) => {
                Ok(format!("Ed25519, by key {}", key.id()))
            }
            _ => Err(format!("it is not a signature of this statement with key {}", key.id()).into()),
        },
    };
    let vouched = match (&result, key) {
        (Ok(_), Some(key)) => Vouched::Key(key.id()),
        _ => Vouched::Nobody,
    };
    checks.push(PartCheck::of(PROOF, check, result));
    vouched
}

fn of_pack(proof: &Proof, pack: Option<&Verified>, checks: &mut Vec<PartCheck>) -> Vouched {
    let Some(pack) = pack else { return Vouched::Nobody };
    let manifest = pack.manifest.as_ref();
    let is_same = manifest.is_some_and(|manifest| {
        manifest.run_id == proof.run_id
            && manifest.job_digest == proof.job_digest
            && manifest.fingerprint == Some(proof.fingerprint)
    });
    let result = match (pack.holds(), is_same) {
        (false, _) => Err("the pack is not valid; see `crossfoot audit verify PACK`".into()),
        (true, false) => Err("run, job or fingerprint differ from the pack".into()),
        (true, true) => Ok(format!("run {}, fingerprint {}", proof.run_id, proof.fingerprint)),
    };
    let vouched = if result.is_ok() { pack.vouched } else { Vouched::Nobody };
    checks.push(PartCheck::of(PROOF, "the root is the pack's", result));
    vouched
}
