//! How messages travel: addressed, and sealed with a key of the deployment, so that access to the broker is not
//! enough to make one.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | magic `CXFS` |
//! | 4 | 1 | version: 1 |
//! | 5 | 16 | the store that the run is in |
//! | 21 | 16 | the run |
//! | 37 | 8 | the attempt at the run (its fencing number) in which it was sent, big-endian |
//! | 45 | 4 | which key sealed it, big-endian; 0: none, sealing was switched off |
//! | 49 | 32 | HMAC-SHA-256 over the bytes before it and all bytes after it; zeros where sealing was switched off |
//! | 81 | | the message, in its own envelope ([`super::codec`]) |

use bytes::Bytes;
use domain::ids::StoreId;
use domain::seal::{KeyId, Keyring, SEAL_BYTES};
use thiserror::Error;

use super::codec::{self, BodyCompression, CodecError, Implausible, Message};
use super::{Batch, Chunk, Range, RunBytes, WorkerReport};

const MAGIC: [u8; 4] = *b"CXFS";
const VERSION: u8 = 1;

/// Magic, version, store, run, attempt and key.
const HEAD_BYTES: usize = 49;

/// What a message takes besides its own envelope, in bytes.
pub const COVER_BYTES: usize = HEAD_BYTES + SEAL_BYTES;

/// A message that travels on a broker.
pub trait Travels: Message {
    /// The run it is of.
    fn run_id(&self) -> RunBytes;
    /// The chunk it is of, or the first one.
    fn chunk_no(&self) -> u64;
}

macro_rules! travels {
    ($($message:ty, $chunk_no:ident);+) => {
        $(impl Travels for $message {
            fn run_id(&self) -> RunBytes {
                self.run_id
            }

            fn chunk_no(&self) -> u64 {
                self.$chunk_no
            }
        })+
    };
}

travels!(Chunk, chunk_no; Batch, chunk_no; WorkerReport, chunk_no; Range, first);

/// Whether messages are sealed, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sealing {
    /// Every message is sealed with the current key; one without a valid seal is refused.
    Keys(Keyring),
    /// Nothing is sealed and no seal is asked for. Only an operator who says so by name gets this.
    Off,
}

/// A message as it was received, after its seal was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened<M> {
    /// The message itself, decoded and checked.
    pub message: M,
    /// The attempt at its run in which it was sent.
    pub attempt: u64,
}

/// Why a message from the broker is refused.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The message has no seal.
    #[error(
        "the message is not sealed; its sender has `authenticate = false`, or is someone else with access to the broker"
    )]
    Unsealed,
    /// The seal names a key that is neither the current one nor the one before it.
    #[error(
        "the message is sealed with key {0}, which is not valid: it is older than the last two keys, or belongs \
         to another deployment"
    )]
    UnknownKey(KeyId),
    /// The seal is not the key's.
    #[error("the message's seal is invalid: the message was altered, or sealed without the key")]
    WrongSeal,
    /// The message belongs to another store.
    #[error(
        "the message belongs to store {found}, but this is {own}: two stores share these queues; give each its \
         own prefix or virtual host"
    )]
    ForeignStore {
        /// The store it names.
        found: StoreId,
        /// The store that this process works on.
        own: StoreId,
    },
    /// Its address names another run than the message itself.
    #[error("the message's address names a different run than its body")]
    OtherRun,
    /// Another version of Crossfoot sealed it.
    #[error(
        "the message's seal has version {0}, but only {VERSION} is supported; run the same release everywhere"
    )]
    UnknownVersion(u8),
    /// What was sealed is not the message that was expected.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// The bytes of `message`, addressed and sealed.
///
/// # Errors
/// As [`codec::encode`].
pub fn seal<M: Travels>(
    message: &M,
    store: StoreId,
    attempt: u64,
    sealing: &Sealing,
    compression: BodyCompression,
) -> Result<Bytes, CodecError> {
    let mut bytes = codec::encode_after(COVER_BYTES, message, compression)?;
    let (cover, body) = bytes.split_at_mut(COVER_BYTES);
    cover[..4].copy_from_slice(&MAGIC);
    cover[4] = VERSION;
    cover[5..21].copy_from_slice(&store.to_bytes());
    cover[21..37].copy_from_slice(&message.run_id());
    cover[37..45].copy_from_slice(&attempt.to_be_bytes());
    if let Sealing::Keys(keys) = sealing {
        cover[45..49].copy_from_slice(&keys.current.id().0.to_be_bytes());
        let seal = keys.current.seal(&[&cover[..HEAD_BYTES], body]);
        cover[HEAD_BYTES..].copy_from_slice(&seal);
    }
    Ok(bytes.into())
}

/// What the cover of a message says. Nothing of it is believed before the seal is verified.
struct Cover {
    store: StoreId,
    run_id: RunBytes,
    attempt: u64,
    key: KeyId,
    seal: [u8; SEAL_BYTES],
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(bytes);
    out
}

fn cover(bytes: &[u8]) -> Result<(Cover, &[u8]), OpenError> {
    let Some((cover, body)) = bytes.split_first_chunk::<COVER_BYTES>() else {
        return Err(match bytes.first_chunk::<4>() {
            Some(magic) if *magic == MAGIC => CodecError::TooShort { bytes: bytes.len() }.into(),
            _ => unsealed(bytes),
        });
    };
    if cover[..4] != MAGIC {
        return Err(unsealed(bytes));
    }
    if cover[4] != VERSION {
        return Err(OpenError::UnknownVersion(cover[4]));
    }
    let said = Cover {
        store: StoreId::from_bytes(array(&cover[5..21])),
        run_id: array(&cover[21..37]),
        attempt: u64::from_be_bytes(array(&cover[37..45])),
        key: KeyId(u32::from_be_bytes(array(&cover[45..49]))),
        seal: array(&cover[HEAD_BYTES..]),
    };
    Ok((said, body))
}

/// A message of ours without a seal, or something foreign.
fn unsealed(bytes: &[u8]) -> OpenError {
    match bytes.first_chunk::<4>() {
        Some(b"CXFT") => OpenError::Unsealed,
        Some(found) => CodecError::ForeignMagic { found: *found }.into(),
        None => CodecError::TooShort { bytes: bytes.len() }.into(),
    }
}

/// The message that `bytes` carry, if a valid key sealed it for a run of this store.
///
/// # Errors
/// [`OpenError`]; nothing that such a message says may be believed.
pub fn open<M: Travels>(bytes: &[u8], own: StoreId, sealing: &Sealing) -> Result<Opened<M>, OpenError> {
    let (said, body) = cover(bytes)?;
    // Said first, because it is what an operator can mend; it is no less a refusal.
    if said.store != own {
        return Err(OpenError::ForeignStore { found: said.store, own });
    }
    if let Sealing::Keys(keys) = sealing {
        if said.key == KeyId(0) {
            return Err(OpenError::Unsealed);
        }
        let key = keys.find(said.key).ok_or(OpenError::UnknownKey(said.key))?;
        if !key.verifies(&[&bytes[..HEAD_BYTES], body], &said.seal) {
            return Err(OpenError::WrongSeal);
        }
    }
    let message: M = codec::decode(body)?;
    if message.run_id() != said.run_id {
        return Err(OpenError::OtherRun);
    }
    if i64::try_from(said.attempt).is_err() {
        return Err(CodecError::Implausible(Implausible::Attempt(said.attempt)).into());
    }
    Ok(Opened { message, attempt: said.attempt })
}

/// The message that `bytes` carry, whatever its seal and its store: for looking at what travels, never for acting on
/// it.
#[must_use]
pub fn unverified<M: Travels>(bytes: &[u8]) -> Option<Opened<M>> {
    let (said, body) = cover(bytes).ok()?;
    codec::decode(body).ok().map(|message| Opened { message, attempt: said.attempt })
}

/// The run that a message claims to be of, for naming it where it is refused. Not to be believed.
#[must_use]
pub fn claimed_run(bytes: &[u8]) -> Option<RunBytes> {
    cover(bytes).ok().map(|(said, _)| said.run_id)
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
