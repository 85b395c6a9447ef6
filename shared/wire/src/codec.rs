//! The codec: how every message becomes bytes, and why bytes are refused.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | magic `CXFT` |
//! | 4 | 1 | version: 9, or 10 where the body is compressed |
//! | 5 | 1 | kind ([`Message::KIND`]) |
//! | 6 | 4 | length of the body in bytes, big-endian |
//! | 10 | 4 | CRC-32 of the bytes before it and of the body, big-endian |
//! | 14 | | body: bincode 2, its standard configuration; in version 10 the length of that (4 bytes, big-endian), then it as an LZ4 block |
//!
//! A broker hands over whole messages, so a message that is cut short, longer than it says, or changed on the
//! way is a fault to name, never something to repair.

use bytes::Bytes;
use thiserror::Error;

use super::{Batch, Chunk, Range, RangeFound};

/// The largest message, envelope included, in bytes: what RabbitMQ 4.x accepts by default.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// The size of the envelope, in bytes.
pub const ENVELOPE_BYTES: usize = 14;

const MAGIC: [u8; 4] = *b"CXFT";
const VERSION: u8 = 9;
const VERSION_COMPRESSED: u8 = 10;

/// The least size of a body that is compressed, in bytes.
const PACKED_BYTES_MIN: usize = 1 << 10;

/// Whether bodies are compressed.
///
/// LZ4 compresses and decompresses several hundred MB/s on one core: less than a loopback interface carries, and more
/// than most networks do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BodyCompression {
    /// Bodies are sent as they are encoded.
    #[default]
    Plain,
    /// Bodies are compressed by LZ4, where that saves a tenth or more.
    Lz4,
}

// bincode's limit is charged with what decoding takes in memory, not with the bytes it reads: one reason of a
// reject is 3 bytes at the least and charged with 72. Were the limit the size of the message, messages that
// encode could not be decoded. Charging 32 times the message's own size fits every message type, and still
// keeps a hostile length prefix from reserving more than a multiple of what was really sent.
const CHARGE_PER_BYTE: usize = 32;
const SMALL_BODY_BYTES_MAX: usize = 64 << 10;
const MEDIUM_BODY_BYTES_MAX: usize = 1 << 20;

/// A message that the codec knows.
pub trait Message: bincode::Encode + Sized {
    /// The kind of the message in its envelope. A number that was used once is never used again.
    const KIND: u8;

    /// What a body decodes to: the message itself, or the numbers that spell it.
    type Body: bincode::Decode<()>;

    /// The message that `body` spells.
    ///
    /// # Errors
    /// [`Implausible`] when it cannot be right, whatever the ledger says.
    fn from_body(body: Self::Body) -> Result<Self, Implausible>;
}

/// Why a message cannot be genuine: no process sends such content.
#[derive(Debug, Error)]
pub enum Implausible {
    /// The number is larger than any source allows.
    #[error("{field} is {value}, which is impossibly large")]
    TooLarge {
        /// The name of the field with the number.
        field: &'static str,
        /// The number that is too large.
        value: u64,
    },
    /// No worker has the role.
    #[error("unknown role {0}")]
    UnknownRole(u8),
    /// The attempt is higher than any run can reach.
    #[error("attempt {0}")]
    Attempt(u64),
    /// A range holds no chunk.
    #[error("a range from chunk {first} to {end} is empty")]
    EmptyRange {
        /// The number of its first chunk.
        first: u64,
        /// The first chunk that is not in it.
        end: u64,
    },
}

/// Refuses numbers above 2^63 - 1: the stores count in signed integers, and no source has that many of anything.
pub(crate) fn counts(fields: &[(&'static str, u64)]) -> Result<(), Implausible> {
    match fields.iter().find(|(_, value)| i64::try_from(*value).is_err()) {
        Some(&(field, value)) => Err(Implausible::TooLarge { field, value }),
        None => Ok(()),
    }
}

impl Message for Chunk {
    const KIND: u8 = 1;
    type Body = Self;

    fn from_body(body: Self) -> Result<Self, Implausible> {
        counts(&[("chunk_no", body.chunk_no)])?;
        Ok(body)
    }
}

impl Message for Batch {
    const KIND: u8 = 2;
    type Body = Self;

    fn from_body(body: Self) -> Result<Self, Implausible> {
        counts(&[
            ("chunk_no", body.chunk_no),
            ("first_record_no", body.first_record_no),
            ("bytes_in", body.bytes_in),
            ("records_in", body.records_in),
            ("accepted", body.accepted),
        ])?;
        for reject in &body.rejects {
            counts(&[("record_no", reject.record_no), ("offset", reject.offset)])?;
        }
        body.breaches.iter().try_for_each(|breach| counts(&[("record_no", breach.record_no)]))?;
        Ok(body)
    }
}

impl Message for Range {
    const KIND: u8 = 4;
    type Body = Self;

    fn from_body(body: Self) -> Result<Self, Implausible> {
        counts(&[("pass", body.pass), ("first", body.first), ("end", body.end)])?;
        if body.first >= body.end {
            return Err(Implausible::EmptyRange { first: body.first, end: body.end });
        }
        Ok(body)
    }
}

impl Message for RangeFound {
    const KIND: u8 = 5;
    type Body = Self;

    fn from_body(body: Self) -> Result<Self, Implausible> {
        counts(&[("stray_rows", body.stray_rows)])?;
        for chunk in &body.chunks {
            counts(&[("chunk_no", chunk.chunk_no), ("rejects", chunk.rejects)])?;
            for totals in std::iter::once(&chunk.totals).chain(&chunk.promoted) {
                totals.by_type.iter().try_for_each(|rows| counts(&[("by_type", *rows)]))?;
            }
        }
        Ok(body)
    }
}

/// Why a message could not be encoded, or bytes are not the message that was expected.
#[derive(Debug, Error)]
pub enum CodecError {
    /// The message is too large for the broker.
    #[error("a message of {bytes} bytes exceeds the limit of {limit} bytes; use smaller chunks")]
    TooLarge {
        /// The size of the message in bytes, envelope included.
        bytes: usize,
        /// The greatest size that is allowed: [`MESSAGE_BYTES_MAX`].
        limit: usize,
    },
    /// bincode refused to encode it.
    #[error("cannot encode the message: {0}")]
    Encode(String),
    /// There are too few bytes for an envelope.
    #[error("{bytes} bytes are too few for a message; its envelope alone has {ENVELOPE_BYTES}")]
    TooShort {
        /// How many bytes there are.
        bytes: usize,
    },
    /// The bytes do not begin with `CXFT`.
    #[error("not a Crossfoot message: it starts with {found:02x?} instead of CXFT")]
    ForeignMagic {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// Another version of Crossfoot wrote it.
    #[error(
        "a message of version {found}, but only {VERSION} and {VERSION_COMPRESSED} are supported; run the same \
         release everywhere"
    )]
    UnknownVersion {
        /// The version in the envelope.
        found: u8,
    },
    /// The message is not of the kind that belongs in this queue.
    #[error("a message of kind {found} instead of {expected}")]
    OtherKind {
        /// The kind in the envelope.
        found: u8,
        /// The kind that was asked for.
        expected: u8,
    },
    /// The message is cut short, or other bytes follow it.
    #[error("the message declares a body of {declared} bytes, but has {found}")]
    LengthMismatch {
        /// What the envelope says.
        declared: usize,
        /// How many bytes follow the envelope.
        found: usize,
    },
    /// The body's bytes were changed on the way.
    #[error("the message is corrupt: its body's checksum is {found:08x} instead of {declared:08x}")]
    ChecksumMismatch {
        /// What the envelope says.
        declared: u32,
        /// What the body comes to.
        found: u32,
    },
    /// The body is whole, but does not spell the message.
    #[error("the body of the message is malformed: {0}")]
    Malformed(String),
    /// The body decodes to a message that no process sends.
    #[error("the message is implausible: {0}")]
    Implausible(Implausible),
}

/// The bytes of `message`, envelope included.
///
/// # Errors
/// [`CodecError::TooLarge`] above [`MESSAGE_BYTES_MAX`]; [`CodecError::Encode`] for what bincode cannot spell.
pub fn encode<M: Message>(message: &M) -> Result<Bytes, CodecError> {
    encode_compressed(message, BodyCompression::Plain)
}

/// As [`encode`], with the body compressed where that is asked for and pays. The size limit holds for the message
/// before compression, because the receiver needs room for all of it.
///
/// # Errors
/// As [`encode`].
pub fn encode_compressed<M: Message>(message: &M, compression: BodyCompression) -> Result<Bytes, CodecError> {
    Ok(encode_after(0, message, compression)?.into())
}

/// As [`encode_compressed`], with `room` zero bytes in front, for what is put before the message.
///
/// # Errors
/// As [`encode`].
pub(super) fn encode_after<M: Message>(
    room: usize,
    message: &M,
    compression: BodyCompression,
) -> Result<Vec<u8>, CodecError> {
    let start = room + ENVELOPE_BYTES;
    let mut bytes = vec![0; start];
    bincode::encode_into_std_write(message, &mut bytes, bincode::config::standard())
        .map_err(|error| CodecError::Encode(error.to_string()))?;
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(CodecError::TooLarge { bytes: bytes.len(), limit: MESSAGE_BYTES_MAX });
    }
    let mut version = VERSION;
    if compression == BodyCompression::Lz4
        && let Some(compressed) = compressed(&bytes[start..])
    {
        bytes.truncate(start);
        bytes.extend_from_slice(&compressed);
        version = VERSION_COMPRESSED;
    }
    let (envelope, body) = bytes[room..].split_at_mut(ENVELOPE_BYTES);
    let length = u32::try_from(body.len())
        .map_err(|_| CodecError::TooLarge { bytes: body.len(), limit: MESSAGE_BYTES_MAX })?;
    envelope[..4].copy_from_slice(&MAGIC);
    envelope[4] = version;
    envelope[5] = M::KIND;
    envelope[6..10].copy_from_slice(&length.to_be_bytes());
    let sum = checksum(&envelope[..10], body);
    envelope[10..].copy_from_slice(&sum.to_be_bytes());
    Ok(bytes)
}

/// Of the envelope before the checksum as well: a message whose kind or version was changed is not one of another kind.
fn checksum(head: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(body);
    hasher.finalize()
}

/// The body compressed, after its length, if that saves a tenth or more.
fn compressed(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < PACKED_BYTES_MIN {
        return None;
    }
    let mut out = u32::try_from(body.len()).ok()?.to_be_bytes().to_vec();
    out.extend_from_slice(&lz4_flex::block::compress(body));
    (out.len() * 10 <= body.len() * 9).then_some(out)
}

fn decompressed(body: &[u8]) -> Result<Vec<u8>, CodecError> {
    let malformed = |what: String| CodecError::Malformed(format!("its compressed body is invalid: {what}"));
    let Some((length, block)) = body.split_first_chunk::<4>() else {
        return Err(malformed("it has no length".into()));
    };
    let length = u32::from_be_bytes(*length) as usize;
    // Never more room than a message may take, whatever a hostile length says.
    if length > MESSAGE_BYTES_MAX {
        return Err(CodecError::TooLarge { bytes: length, limit: MESSAGE_BYTES_MAX });
    }
    let out = lz4_flex::block::decompress(block, length).map_err(|error| malformed(error.to_string()))?;
    if out.len() == length {
        Ok(out)
    } else {
        Err(malformed(format!("{} bytes instead of {length}", out.len())))
    }
}

/// The message that `bytes` spell, no more and no less.
///
/// # Errors
/// Every deviation from the envelope and the body has its own [`CodecError`].
pub fn decode<M: Message>(bytes: &[u8]) -> Result<M, CodecError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(CodecError::TooLarge { bytes: bytes.len(), limit: MESSAGE_BYTES_MAX });
    }
    let Some((envelope, body)) = bytes.split_first_chunk::<ENVELOPE_BYTES>() else {
        return Err(CodecError::TooShort { bytes: bytes.len() });
    };
    let &[m0, m1, m2, m3, version, kind, l0, l1, l2, l3, c0, c1, c2, c3] = envelope;
    if [m0, m1, m2, m3] != MAGIC {
        return Err(CodecError::ForeignMagic { found: [m0, m1, m2, m3] });
    }
    if version != VERSION && version != VERSION_COMPRESSED {
        return Err(CodecError::UnknownVersion { found: version });
    }
    if kind != M::KIND {
        return Err(CodecError::OtherKind { found: kind, expected: M::KIND });
    }
    let declared = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    if declared != body.len() {
        return Err(CodecError::LengthMismatch { declared, found: body.len() });
    }
    let declared = u32::from_be_bytes([c0, c1, c2, c3]);
    let found = checksum(&envelope[..10], body);
    if declared != found {
        return Err(CodecError::ChecksumMismatch { declared, found });
    }
    let whole = if version == VERSION_COMPRESSED { Some(decompressed(body)?) } else { None };
    let body = whole.as_deref().unwrap_or(body);
    let (decoded, consumed) =
        decode_body::<M::Body>(body).map_err(|error| CodecError::Malformed(error.to_string()))?;
    if consumed != body.len() {
        let spare = body.len() - consumed;
        return Err(CodecError::Malformed(format!("{spare} bytes are left over")));
    }
    M::from_body(decoded).map_err(CodecError::Implausible)
}

/// bincode takes its limit as a constant, hence the steps.
fn decode_body<B: bincode::Decode<()>>(body: &[u8]) -> Result<(B, usize), bincode::error::DecodeError> {
    let config = bincode::config::standard();
    if body.len() <= SMALL_BODY_BYTES_MAX {
        bincode::decode_from_slice(body, config.with_limit::<{ SMALL_BODY_BYTES_MAX * CHARGE_PER_BYTE }>())
    } else if body.len() <= MEDIUM_BODY_BYTES_MAX {
        bincode::decode_from_slice(body, config.with_limit::<{ MEDIUM_BODY_BYTES_MAX * CHARGE_PER_BYTE }>())
    } else {
        bincode::decode_from_slice(body, config.with_limit::<{ MESSAGE_BYTES_MAX * CHARGE_PER_BYTE }>())
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
