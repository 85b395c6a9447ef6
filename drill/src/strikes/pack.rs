//! An exported pack, altered after it was signed.

use std::path::Path;

use coordinator::evidence::pack::keys::{KeyPair, PublicKey, Signer, generate};
use coordinator::evidence::pack::{Verified, verify};
use coordinator::run::Ending;
use platform::causes::chain;

use crate::defect::Evidence;
use crate::fleet;
use crate::scenario::{Scenario, Stop, Strike, Struck};

/// A block of the archive; headers begin at one.
const BLOCK: usize = 512;

/// What becomes of a signed pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PackDamage {
    /// A digit of the report is altered.
    Report,
    /// A digit of a chunk's totals is altered.
    Chunks,
    /// A digit of an event is altered.
    Log,
    /// Its end is cut off.
    CutOff,
    /// It is held against another's key.
    OtherKey,
}

/// Exports a pack from a fresh shadow, damages it, and verifies it.
pub(super) async fn strike(damage: PackDamage, scenario: &Scenario<'_>) -> Strike {
    let field = scenario.field().await?;
    let run_id = match field.run(&scenario.request()).await {
        (Some(run_id), Ok(Ending::Promoted)) => run_id,
        (_, ended) => return Err(Stop::Failed(format!("the undamaged run ended {ended:?}"))),
    };
    let (signer, key) = keys(&field.shadow.path("drill"))?;
    let path = field.shadow.path("run.pack");
    let coordinator = field.coordinator(fleet::broker());
    coordinator.export(run_id, &path, Some(&signer)).await.map_err(|error| chain(&error))?;
    let sound = verify(&path, Some(&key), None).map_err(|error| chain(&error))?;
    if !sound.is_verified() {
        return Err(Stop::Failed(format!("the undamaged pack does not hold: {}", said(&sound))));
    }
    let mut bytes = std::fs::read(&path).map_err(|error| error.to_string())?;
    let mut held_against = key;
    let altered = |part: &'static str| (Some(part), String::new());
    let (part, mut told) = match damage {
        PackDamage::Report => altered("report.json"),
        PackDamage::Chunks => altered("chunks.jsonl"),
        PackDamage::Log => altered("log.jsonl"),
        PackDamage::CutOff => {
            bytes.truncate(bytes.len().saturating_sub(BLOCK));
            (None, "the pack's last block is removed".to_owned())
        }
        PackDamage::OtherKey => {
            held_against = keys(&field.shadow.path("other"))?.1;
            (None, "the pack is verified with someone else's key".to_owned())
        }
    };
    if let Some(part) = part {
        let at = digit_of(&bytes, part)
            .ok_or_else(|| format!("the pack has no part {part} with a digit in it"))?;
        // A digit becomes another, so that what is there still reads as it should.
        bytes[at] = if bytes[at] == b'9' { b'8' } else { bytes[at] + 1 };
        told = format!("byte {at} of the pack, in {part}, is changed to another digit");
    }
    std::fs::write(&path, bytes).map_err(|error| error.to_string())?;
    let found = verify(&path, Some(&held_against), None).map_err(|error| chain(&error))?;
    let refusal = (!found.is_verified()).then(|| said(&found));
    field.shadow.remove().await;
    Ok(Struck { evidence: Evidence { refusal, ..Evidence::default() }, told })
}

fn keys(name: &Path) -> Result<(Signer, PublicKey), Stop> {
    let KeyPair { private, public, .. } = generate(name).map_err(|error| chain(&error))?;
    let signer = Signer::read(&private).map_err(|error| chain(&error))?;
    Ok((signer, PublicKey::read(&public).map_err(|error| chain(&error))?))
}

/// What does not hold, by part. The parts that are not what was written come first.
fn said(found: &Verified) -> String {
    let mut parts: Vec<_> = found.changed().into_iter().map(str::to_owned).collect();
    if parts.is_empty() {
        parts.push("nothing of its bytes".into());
    }
    parts.join(", ")
}

/// The position of a digit near the middle of a part.
fn digit_of(bytes: &[u8], part: &str) -> Option<usize> {
    let header = bytes
        .chunks(BLOCK)
        .position(|block| block.starts_with(part.as_bytes()) && block.get(part.len()) == Some(&0))?;
    let content = (header + 1) * BLOCK;
    let size = std::str::from_utf8(bytes.get(header * BLOCK + 124..header * BLOCK + 135)?).ok()?;
    let size = usize::from_str_radix(size.trim_matches(['\0', ' ']), 8).ok()?;
    let part = bytes.get(content..content + size)?;
    let middle = part.len() / 2;
    let digit = part[middle..].iter().position(u8::is_ascii_digit)?;
    Some(content + middle + digit)
}
