//! Masks: how the content of sensitive fields is shown. A mask is a keyed hash, so that two sides can be compared and
//! no one without the key can try values out.
//!
//! `masked:` and the first 16 hexadecimal digits of HMAC-SHA256 under the store's key over
//!
//! | part | bytes |
//! |---|---|
//! | `crossfoot mask 1` | 16 |
//! | the job's name, then the field's name | each: length (4, big-endian), UTF-8 |
//! | the value's tag, as in a canonical record; 254 for bytes that gave no value | 1 |
//! | its content, as in a canonical record | the rest |
//!
//! So equal values of one field have equal masks, in any record and at any level, and the same value in another field
//! or job has another. NULL is shown as `NULL`: that a value is missing is what an audit must see, and it is no
//! content. Empty text is content, and has a mask.

use std::fmt;
use std::sync::{Arc, OnceLock};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

use crate::constraint::{Reason, ReasonCode};
use crate::fingerprint::Hash;
use crate::hex;
use crate::record::{self, RawField, Tag};
use crate::value::{FieldType, Value};

/// The least length of a key, in bytes: that of the hash that it keys.
pub const KEY_BYTES_MIN: usize = 32;

/// What stands in place of a tag before bytes that gave no value.
const UNREAD: u8 = 254;

/// The bytes are too few for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a masking key needs at least {KEY_BYTES_MIN} bytes; this one has {0}")]
pub struct KeyTooShort(pub usize);

/// The key that masks are made with. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct MaskKey(Arc<[u8]>);

impl fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskKey(***)")
    }
}

impl MaskKey {
    /// The key that `bytes` are.
    ///
    /// # Errors
    /// [`KeyTooShort`].
    pub fn new(bytes: &[u8]) -> Result<Self, KeyTooShort> {
        if bytes.len() < KEY_BYTES_MIN {
            return Err(KeyTooShort(bytes.len()));
        }
        Ok(Self(bytes.into()))
    }

    /// The key's bytes, for the store that keeps them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// A digest that distinguishes the key from others without revealing it.
    #[must_use]
    pub fn check(&self) -> Hash {
        Hash(self.of(&[b"crossfoot masking key 1"]))
    }

    fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC takes keys of any length, so that there is no error to be had.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; 32] };
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

/// How a job shows what must not be seen: not at all, in a job without sensitive fields.
///
/// A job is understood before the store is asked for the key, and its layouts share these masks. As long as there is
/// no key, a mask is the bare word `masked`: nothing is shown by mistake.
#[derive(Clone, Default)]
pub struct Masks(Option<Arc<OfJob>>);

struct OfJob {
    job: String,
    key: OnceLock<MaskKey>,
}

impl fmt::Debug for Masks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Masks" } else { "no masks" })
    }
}

impl Masks {
    /// For a job that has sensitive fields.
    #[must_use]
    pub fn of_job(job: &str) -> Self {
        Self(Some(Arc::new(OfJob { job: job.into(), key: OnceLock::new() })))
    }

    /// Whether the job has sensitive fields.
    #[must_use]
    pub const fn are_needed(&self) -> bool {
        self.0.is_some()
    }

    /// Masks are made with `key` from now on, unless a key was given before.
    pub fn give_key(&self, key: &MaskKey) {
        if let Some(of) = &self.0 {
            // The first one stands: masks of one job are compared with each other.
            drop(of.key.set(key.clone()));
        }
    }

    /// A field of a record as it is shown where its content must not be.
    #[must_use]
    pub fn field(&self, field: &str, raw: &RawField<'_>) -> String {
        match raw.tag {
            Tag::Null => "NULL".into(),
            Tag::Foreign => {
                format!("{} (not of the column's type)", self.mask(field, raw.tag as u8, raw.content))
            }
            tag => self.mask(field, tag as u8, raw.content),
        }
    }

    /// A value of a field, likewise.
    #[must_use]
    pub fn value(&self, field: &str, value: &Value<'_>) -> String {
        let mut encoded = Vec::new();
        record::put(&mut encoded, value);
        record::encoded(&encoded).map_or_else(|| "masked".into(), |raw| self.field(field, &raw))
    }

    /// Bytes of a record that gave no value.
    #[must_use]
    pub fn bytes(&self, field: &str, bytes: &[u8]) -> String {
        self.mask(field, UNREAD, bytes)
    }

    fn mask(&self, field: &str, tag: u8, content: &[u8]) -> String {
        let Some(of) = &self.0 else { return "masked".into() };
        let Some(key) = of.key.get() else { return "masked".into() };
        let length = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mac = key.of(&[
            b"crossfoot mask 1",
            &length(&of.job),
            of.job.as_bytes(),
            &length(field),
            field.as_bytes(),
            &[tag],
            content,
        ]);
        format!("masked:{}", hex::encode(&mac[..8]))
    }

    /// A reason against a record of a job with sensitive fields: what is wrong, with `shown` in place of the content.
    /// The words are made of the layout alone. Those of a decoder quote the record.
    #[must_use]
    pub fn reason(field: &str, ty: &FieldType, code: ReasonCode, shown: &str) -> Reason {
        let detail = match code {
            ReasonCode::FieldCount => "the record ends before the field does".into(),
            ReasonCode::Quoting => format!("{shown} continues after its closing quote"),
            ReasonCode::Encoding => format!("{shown} is not text in the source's encoding"),
            ReasonCode::Type => format!("{shown} is not a {ty} in the format that the job defines"),
            ReasonCode::TooLong => format!("{shown} does not fit {ty}"),
            ReasonCode::Required => "a value is required".into(),
            ReasonCode::RoundTrip => format!("{shown} is not what the decoded value is written as"),
            ReasonCode::Padding => format!("{shown} stands where padding is expected"),
            ReasonCode::Parent => "the record that it is an element of was rejected".into(),
            ReasonCode::Range
            | ReasonCode::NotAllowed
            | ReasonCode::Pattern
            | ReasonCode::Length
            | ReasonCode::RecordType => format!("{shown} is not one of the allowed values"),
        };
        Reason { field: Some(field.to_owned()), code, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(job: &str, key: u8) -> Masks {
        let masks = Masks::of_job(job);
        masks.give_key(&MaskKey::new(&[key; 32]).unwrap());
        masks
    }

    #[test]
    fn equal_values_of_a_field_have_equal_masks_and_no_others_have() {
        let one = masks("j", 1);
        let mask = one.value("f", &Value::Text("x"));
        assert_eq!(mask, one.value("f", &Value::Text("x")));
        assert_eq!(mask, one.field("f", &RawField { tag: Tag::Text, content: b"x" }));
        assert!(mask.starts_with("masked:") && mask.len() == 7 + 16, "{mask}");
        let others = [
            one.value("f", &Value::Text("y")),
            one.value("f", &Value::Text("")),
            one.value("f", &Value::Bytes(b"x")),
            one.bytes("f", b"x"),
            one.value("g", &Value::Text("x")),
            masks("i", 1).value("f", &Value::Text("x")),
            masks("j", 2).value("f", &Value::Text("x")),
            // Lengths keep names apart.
            masks("jf", 1).value("", &Value::Text("x")),
        ];
        for (at, other) in others.iter().enumerate() {
            assert_ne!(*other, mask, "{at}");
            assert!(!others[..at].contains(other), "{at}");
        }
    }

    #[test]
    fn null_is_null_and_empty_text_is_not() {
        let masks = masks("j", 1);
        assert_eq!(masks.value("f", &Value::Null), "NULL");
        assert_eq!(masks.field("f", &RawField { tag: Tag::Null, content: b"" }), "NULL");
        assert!(masks.value("f", &Value::Text("")).starts_with("masked:"));
    }

    #[test]
    fn without_a_key_nothing_is_shown() {
        let masks = Masks::of_job("j");
        assert_eq!(masks.value("f", &Value::Text("x")), "masked");
        masks.give_key(&MaskKey::new(&[1; 32]).unwrap());
        let first = masks.value("f", &Value::Text("x"));
        masks.give_key(&MaskKey::new(&[2; 32]).unwrap());
        assert_eq!(masks.value("f", &Value::Text("x")), first, "the first key stands");
        assert_eq!(Masks::default().value("f", &Value::Text("x")), "masked");
    }

    #[test]
    fn a_mask_is_what_it_always_was() {
        // HMAC-SHA256 by hand, with Python's hmac module.
        let shown = masks("payments", 7).value("iban", &Value::Text("DE02"));
        assert_eq!(shown, "masked:1adfd1ad9a1bb71e");
    }

    #[test]
    fn a_key_is_long_enough_and_is_never_printed() {
        assert_eq!(MaskKey::new(&[1; 31]), Err(KeyTooShort(31)));
        let key = MaskKey::new(&[65; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "MaskKey(***)");
        assert_ne!(key.check(), MaskKey::new(&[66; 32]).unwrap().check());
    }

    #[test]
    fn reasons_are_made_of_the_layout_alone() {
        for code in ReasonCode::ALL {
            let reason = Masks::reason("f", &FieldType::Integer, *code, "masked:0");
            assert_eq!((reason.code, reason.field.as_deref()), (*code, Some("f")));
        }
    }
}
