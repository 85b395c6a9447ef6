//! The seal of a message: HMAC-SHA-256 (RFC 2104) with a key of the deployment. Access to the broker is not enough to
//! make one; the keys are in the store, or in a file that every process of the deployment reads.
//!
//! Two keys are valid at a time, so that a key can be replaced while messages sealed with the one before are on their
//! way.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// The length of a key, in bytes: that of the hash.
pub const KEY_BYTES: usize = 32;

/// The length of a seal, in bytes.
pub const SEAL_BYTES: usize = 32;

/// The number that names a key in a message; it reveals nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub u32);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// The bytes are not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a message key needs {KEY_BYTES} bytes; this one has {0}")]
pub struct BadKey(pub usize);

/// A key that messages are sealed with. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageKey([u8; KEY_BYTES]);

impl fmt::Debug for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageKey({})", self.id())
    }
}

impl MessageKey {
    /// Takes `bytes` as a key.
    ///
    /// # Errors
    /// [`BadKey`] unless there are [`KEY_BYTES`] of them.
    pub fn new(bytes: &[u8]) -> Result<Self, BadKey> {
        bytes.try_into().map(Self).map_err(|_| BadKey(bytes.len()))
    }

    /// The key itself, for the store that keeps it.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// The number that names this key in messages.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let [a, b, c, d, ..] = self.seal(&[b"crossfoot message key id 1"]);
        KeyId(u32::from_be_bytes([a, b, c, d]))
    }

    fn mac(&self, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
        // HMAC takes keys of any length, so that `None` does not occur.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        parts.iter().for_each(|part| mac.update(part));
        Some(mac)
    }

    /// The seal over `parts`, one after the other.
    #[must_use]
    pub fn seal(&self, parts: &[&[u8]]) -> [u8; SEAL_BYTES] {
        self.mac(parts).map_or([0; SEAL_BYTES], |mac| mac.finalize().into_bytes().into())
    }

    /// Whether `seal` is this key's over `parts`. Takes the same time wherever they differ.
    #[must_use]
    pub fn verifies(&self, parts: &[&[u8]], seal: &[u8; SEAL_BYTES]) -> bool {
        self.mac(parts).is_some_and(|mac| mac.verify_slice(seal).is_ok())
    }
}

/// The keys of a deployment: the one that seals, and the one before it, which is still believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyring {
    /// The key that seals new messages and verifies those that arrive.
    pub current: MessageKey,
    /// The key before it, which only verifies messages that were on their way when the key was replaced; `None` if
    /// there was none.
    pub previous: Option<MessageKey>,
}

impl Keyring {
    /// The valid key of this number.
    #[must_use]
    pub fn find(&self, id: KeyId) -> Option<&MessageKey> {
        std::iter::once(&self.current).chain(&self.previous).find(|key| key.id() == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MessageKey {
        MessageKey::new(&[byte; KEY_BYTES]).unwrap()
    }

    #[test]
    fn the_seal_is_hmac_sha_256() {
        // RFC 4231, test case 3, by way of a key of 20 bytes and zeros up to 32: HMAC pads keys with zeros.
        let mut bytes = [0; KEY_BYTES];
        bytes[..20].fill(0xaa);
        let seal = MessageKey::new(&bytes).unwrap().seal(&[&[0xdd; 30], &[0xdd; 20]]);
        assert_eq!(
            crate::hex::encode(&seal),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        );
    }

    #[test]
    fn a_seal_is_believed_for_these_bytes_and_this_key_only() {
        let seal = key(1).seal(&[b"head", b"body"]);
        assert!(key(1).verifies(&[b"head", b"body"], &seal));
        assert!(!key(2).verifies(&[b"head", b"body"], &seal));
        assert!(!key(1).verifies(&[b"head", b"bodz"], &seal));
        assert!(!key(1).verifies(&[b"head"], &seal));
    }

    #[test]
    fn two_keys_are_valid_and_a_third_is_not() {
        let ring = Keyring { current: key(2), previous: Some(key(1)) };
        assert_eq!(ring.find(key(2).id()), Some(&key(2)));
        assert_eq!(ring.find(key(1).id()), Some(&key(1)));
        assert_eq!(ring.find(key(3).id()), None);
    }

    #[test]
    fn a_key_has_32_bytes_and_is_not_printed() {
        assert_eq!(MessageKey::new(b"short"), Err(BadKey(5)));
        let shown = format!("{:?}", key(7));
        assert!(!shown.contains("07") || shown.len() < 24, "{shown}");
    }
}
