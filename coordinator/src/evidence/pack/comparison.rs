//! The evidence of a comparison in a file: made, signed, and checked without store or database.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use domain::checkpoint::Head;
use domain::comparison::LoadReport;
use domain::event::Event;
use domain::hex;
use domain::pack::comparison::{
    ComparisonDetail, ComparisonEvidence, EVIDENCE, FORMAT, FORMAT_VERSION, follows, statement,
};
use domain::pack::{Outcome, PartCheck};

use super::error::PackError;
use super::json;
use super::keys::{PublicKey, Signer};
use super::verified::Vouched;

/// The longest file that is read: a report and a job file lie far below.
const BYTES_MAX: u64 = 64 << 20;

/// The result of checking the evidence of a comparison.
#[derive(Debug, Clone)]
pub struct VerifiedComparison {
    /// Everything that was checked.
    pub checks: Vec<PartCheck>,
    /// The report, if it could be read.
    pub report: Option<LoadReport>,
    /// Who vouches for it, if it holds.
    pub vouched: Vouched,
}

impl VerifiedComparison {
    /// Returns whether no check failed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.report.is_some() && self.checks.iter().all(|check| check.outcome != Outcome::Failed)
    }

    /// Whether it holds and someone vouches for it.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.holds() && self.vouched != Vouched::Nobody
    }
}

/// Whether the file looks like the evidence of a comparison.
#[must_use]
pub fn is_comparison(path: &Path) -> bool {
    let mut begin = vec![0; 256];
    let read = platform::files::open_regular(path).and_then(|mut file| file.read(&mut begin));
    let begin = read.map(|read| String::from_utf8_lossy(&begin[..read]).into_owned()).unwrap_or_default();
    begin.starts_with('{') && begin.contains(FORMAT)
}

/// The evidence of the comparison that `event` is of, signed if there is a key.
///
/// # Errors
/// [`PackError`] of the key.
pub fn evidence(
    event: Event,
    report: String,
    job: String,
    signer: Option<&Signer>,
) -> Result<ComparisonEvidence, PackError> {
    let signed_by = signer.map(|signer| signer.public().map(|key| key.id())).transpose()?;
    let signature = signer
        .zip(signed_by)
        .map(|(signer, key)| hex::encode(&signer.sign(statement(&event, &key).as_bytes())));
    Ok(ComparisonEvidence {
        format: FORMAT.into(),
        format_version: FORMAT_VERSION,
        event,
        report,
        job,
        signed_by,
        signature,
    })
}

/// The content of the file that holds the evidence.
///
/// # Errors
/// [`PackError`], which would be a bug.
pub fn text(evidence: &ComparisonEvidence) -> Result<Vec<u8>, PackError> {
    json::pretty(evidence)
}

/// Reads the evidence of a comparison from its file.
///
/// # Errors
/// [`PackError`] when it cannot be read, or is not in the form that is written.
pub fn read(path: &Path) -> Result<ComparisonEvidence, PackError> {
    let bytes = platform::files::read_small_file(path, BYTES_MAX)
        .map_err(|error| PackError::File { path: path.into(), error })?;
    let unread = |reason: String| PackError::NotAComparison { path: PathBuf::from(path), reason };
    let evidence: ComparisonEvidence =
        json::parse(&bytes, json::pretty, true).map_err(|error| unread(error.to_string()))?;
    if evidence.format != FORMAT || evidence.format_version != FORMAT_VERSION {
        let (format, version) = (&evidence.format, evidence.format_version);
        return Err(unread(format!("this version does not know `{format} {version}`")));
    }
    Ok(evidence)
}

/// Checks the evidence against the key of its expected signer, and a head of the log that was noted.
#[must_use]
pub fn verify(
    evidence: &ComparisonEvidence,
    key: Option<&PublicKey>,
    noted: Option<Head>,
) -> VerifiedComparison {
    let report = serde_json::from_str::<LoadReport>(&evidence.report).map_err(|error| error.to_string());
    let detail = serde_json::from_str::<ComparisonDetail>(&evidence.event.entry.detail);
    let detail = detail.map_err(|error| error.to_string());
    let mut checks =
        follows(evidence, report.as_ref().map_err(Clone::clone), detail.as_ref().map_err(Clone::clone));
    let by_key = signature(evidence, key, &mut checks);
    let by_head = head(evidence, noted, &mut checks);
    VerifiedComparison {
        checks,
        report: report.ok(),
        vouched: if by_key == Vouched::Nobody { by_head } else { by_key },
    }
}

fn signature(evidence: &ComparisonEvidence, key: Option<&PublicKey>, checks: &mut Vec<PartCheck>) -> Vouched {
    let check = "signs the event";
    let signature = evidence.signature.as_deref().and_then(hex::decode);
    let result = match (key, &evidence.signature) {
        (None, None) => {
            checks.push(PartCheck::not_made(EVIDENCE, check, "it is not signed"));
            return Vouched::Nobody;
        }
        (None, Some(_)) => {
            checks.push(PartCheck::not_made(EVIDENCE, check, "no key was given"));
            return Vouched::Nobody;
        }
        (Some(_), None) => Err("it is not signed".to_owned()),
        (Some(key), Some(_)) => {
            let said = statement(&evidence.event, &key.id());
            let is_its = evidence.signed_by == Some(key.id())
                && signature.is_some_and(|signature| key.has_signed(said.as_bytes(), &signature));
            match is_its {
                true => Ok(format!("Ed25519, by key {}", key.id())),
                false => Err(format!("it is not a signature of this event with key {}", key.id())),
            }
        }
    };
    let is_well = result.is_ok();
    checks.push(PartCheck::of(EVIDENCE, check, result.map_err(Into::into)));
    match key {
        Some(key) if is_well => Vouched::Key(key.id()),
        _ => Vouched::Nobody,
    }
}

fn head(evidence: &ComparisonEvidence, noted: Option<Head>, checks: &mut Vec<PartCheck>) -> Vouched {
    let Some(noted) = noted else { return Vouched::Nobody };
    let (check, event) = ("is the head that was noted", &evidence.event);
    let found = Head { seq: event.seq, hash: event.hash };
    if noted.seq != found.seq {
        let why = format!("event {} was noted, and this is event {}", noted.seq, found.seq);
        checks.push(PartCheck::not_made("event", check, why));
        return Vouched::Nobody;
    }
    let is_it = noted == found;
    let why = || format!("event {} has the hash {}", found.seq, found.hash);
    let result = if is_it { Ok(format!("event {}", found.seq)) } else { Err(why().into()) };
    checks.push(PartCheck::of("event", check, result));
    if is_it { Vouched::Head(found.seq) } else { Vouched::Nobody }
}
