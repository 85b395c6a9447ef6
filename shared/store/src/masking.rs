//! The key that a store's masks are made with: which one it is, once for all processes.

use domain::mask::{KEY_BYTES_MIN, KeyTooShort, MaskKey};

use tokio::sync::OnceCell;

use crate::StoreError;
use crate::row::Row;

/// What the store keeps of its key.
pub(crate) struct Kept {
    /// The key itself, if the store made it; an operator's own is not kept.
    pub(crate) key: Option<Vec<u8>>,
    /// By what it is recognised.
    pub(crate) check: Vec<u8>,
}

/// The operator's masking key, and the one that is used, once this process knows it.
#[derive(Default)]
pub struct Masking {
    configured: Option<MaskKey>,
    agreed: OnceCell<MaskKey>,
}

impl Masking {
    /// With the operator's key, if one was set.
    #[must_use]
    pub fn of(configured: Option<MaskKey>) -> Self {
        Self { configured, agreed: OnceCell::new() }
    }

    pub(crate) const fn configured(&self) -> Option<&MaskKey> {
        self.configured.as_ref()
    }

    /// The key that is used: `agree` asks the store for it, once.
    pub(crate) async fn agreed(
        &self,
        agree: impl Future<Output = Result<MaskKey, StoreError>>,
    ) -> Result<MaskKey, StoreError> {
        self.agreed.get_or_try_init(|| agree).await.cloned()
    }
}

impl Kept {
    pub(crate) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { key: row.get("key")?, check: row.get("key_check")? })
    }

    /// What is to be kept if nothing is kept yet.
    pub(crate) fn first(configured: Option<&MaskKey>) -> Result<Self, StoreError> {
        match configured {
            Some(key) => Ok(Self { key: None, check: key.check().0.to_vec() }),
            None => {
                let key = random()?;
                Ok(Self { check: key.check().0.to_vec(), key: Some(key.bytes().to_vec()) })
            }
        }
    }

    /// The key to be used, by what is kept and what the operator set.
    pub(crate) fn agreed(self, configured: Option<&MaskKey>, url: &str) -> Result<MaskKey, StoreError> {
        let other = || StoreError::OtherKey { url: url.into() };
        let damaged = |_: KeyTooShort| StoreError::Damaged { what: "the masking key is too short".into() };
        let key = match (configured, &self.key) {
            (Some(key), _) => key.clone(),
            (None, Some(key)) => MaskKey::new(key).map_err(damaged)?,
            (None, None) => return Err(other()),
        };
        if key.check().0.as_slice() == self.check { Ok(key) } else { Err(other()) }
    }
}

/// A new random key from the operating system.
///
/// # Errors
/// [`StoreError::Database`] when the system has no randomness to give.
pub fn random() -> Result<MaskKey, StoreError> {
    let failed = |error: &dyn std::fmt::Display| StoreError::Database {
        reason: format!("cannot create a masking key: {error}"),
    };
    let mut bytes = [0; KEY_BYTES_MIN];
    getrandom::fill(&mut bytes).map_err(|error| failed(&error))?;
    MaskKey::new(&bytes).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MaskKey {
        MaskKey::new(&[byte; KEY_BYTES_MIN]).unwrap()
    }

    #[test]
    fn an_operators_key_is_agreed_on_and_not_kept() {
        let kept = Kept::first(Some(&key(1))).unwrap();
        assert_eq!(kept.key, None);
        assert_eq!(kept.agreed(Some(&key(1)), "s").unwrap(), key(1));
    }

    #[test]
    fn a_process_with_another_key_or_none_is_told_so() {
        let ours = || Kept::first(Some(&key(1))).unwrap();
        let made = || Kept { key: Some(key(2).bytes().to_vec()), check: key(2).check().0.to_vec() };
        for refused in [
            ours().agreed(Some(&key(2)), "s"),
            ours().agreed(None, "s"),
            made().agreed(Some(&key(1)), "s"),
            Kept { key: Some(key(1).bytes().to_vec()), ..made() }.agreed(None, "s"),
        ] {
            assert!(matches!(refused, Err(StoreError::OtherKey { .. })), "{refused:?}");
        }
        assert_eq!(made().agreed(None, "s").unwrap(), key(2));
        // Nobody takes the store's key out and sets it: but if so, it is the same.
        assert_eq!(made().agreed(Some(&key(2)), "s").unwrap(), key(2));
    }

    #[test]
    fn random_keys_differ() {
        assert_ne!(random().unwrap(), random().unwrap());
    }
}
