//! Ed25519 keys: a private one in PKCS#8, a public one in SPKI, both PEM, as OpenSSL writes and reads them.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use domain::fingerprint::Hash;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use platform::files::{KEY_BYTES_MAX, read_small_text};

use super::error::PackError;

/// A key that signs.
pub struct Signer(SigningKey);

/// A key that tells whether a signature is right.
#[derive(Debug, Clone)]
pub struct PublicKey {
    key: VerifyingKey,
    id: Hash,
}

fn bad(path: &Path, reason: impl Into<String>) -> PackError {
    PackError::Key { path: path.into(), reason: reason.into() }
}

fn read(path: &Path) -> Result<String, PackError> {
    read_small_text(path, KEY_BYTES_MAX).map_err(|error| bad(path, error.to_string()))
}

fn id_of(path: &Path, key: &VerifyingKey) -> Result<Hash, PackError> {
    let spki = key.to_public_key_der().map_err(|error| bad(path, error.to_string()))?;
    Ok(Hash::of(spki.as_bytes()))
}

impl Signer {
    /// Reads a private key.
    ///
    /// # Errors
    /// [`PackError::Key`] when the file does not exist or holds no such key.
    pub fn read(path: &Path) -> Result<Self, PackError> {
        let pem = read(path)?;
        SigningKey::from_pkcs8_pem(&pem).map(Self).map_err(|_| {
            let public = pem.contains("PUBLIC KEY");
            let advice = if public {
                "it is the public key; use the private one"
            } else {
                "not an Ed25519 private key (PKCS#8, PEM)"
            };
            bad(path, format!("{advice}; create one with `crossfoot audit keygen`"))
        })
    }

    /// The 64 bytes of a signature of `text`.
    #[must_use]
    pub fn sign(&self, text: &[u8]) -> [u8; 64] {
        self.0.sign(text).to_bytes()
    }

    /// The key that tells whether its signatures are right.
    ///
    /// # Errors
    /// [`PackError::Key`], which would be a bug.
    pub fn public(&self) -> Result<PublicKey, PackError> {
        let key = self.0.verifying_key();
        Ok(PublicKey { key, id: id_of(Path::new("the public key"), &key)? })
    }
}

impl PublicKey {
    /// Reads a public key; of a private one, its public half.
    ///
    /// # Errors
    /// [`PackError::Key`] when the file does not exist or holds no such key.
    pub fn read(path: &Path) -> Result<Self, PackError> {
        let pem = read(path)?;
        let key = VerifyingKey::from_public_key_pem(&pem)
            .or_else(|_| SigningKey::from_pkcs8_pem(&pem).map(|key| key.verifying_key()))
            .map_err(|_| {
                bad(
                    path,
                    "not an Ed25519 public key (SPKI, PEM); create a pair with `crossfoot audit keygen`",
                )
            })?;
        Ok(Self { key, id: id_of(path, &key)? })
    }

    /// What the key is called in packs: SHA-256 of its SPKI in DER, which is what
    /// `openssl pkey -pubin -in NAME.pub -outform DER | sha256sum` prints.
    #[must_use]
    pub const fn id(&self) -> Hash {
        self.id
    }

    /// Whether `signature` is this key's under `text`.
    #[must_use]
    pub fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = <&[u8; 64]>::try_from(signature) else { return false };
        // Strict: there is no second form of a signature, nor a key under which everything is signed.
        self.key.verify_strict(text, &Signature::from_bytes(signature)).is_ok()
    }
}

/// A key pair that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// The file of the private key.
    pub private: PathBuf,
    /// The file of the public key.
    pub public: PathBuf,
    /// SHA-256 of the public key (SPKI, DER), which identifies the pair.
    pub id: Hash,
}

/// Makes a pair: `NAME.key`, readable by its owner only, and `NAME.pub`.
///
/// # Errors
/// [`PackError::Exists`] when one of them is there: a key is never written over.
pub fn generate(name: &Path) -> Result<KeyPair, PackError> {
    let with = |extension: &str| {
        let mut path = name.as_os_str().to_owned();
        path.push(extension);
        PathBuf::from(path)
    };
    let (private, public) = (with(".key"), with(".pub"));
    if let Some(path) = [&private, &public].into_iter().find(|path| path.exists()) {
        return Err(PackError::Exists { path: path.clone() });
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| bad(&private, format!("cannot get random numbers: {error}")))?;
    let key = SigningKey::from_bytes(&seed);
    let unmade = |error: &dyn std::fmt::Display| bad(&private, error.to_string());
    // Without the public half: that is the form of RFC 8410 that every OpenSSL reads.
    let secret = KeypairBytes { secret_key: seed, public_key: None }
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|error| unmade(&error))?;
    let verifying = key.verifying_key();
    let shown = verifying.to_public_key_pem(LineEnding::LF).map_err(|error| unmade(&error))?;
    write_new(&private, 0o600, secret.as_bytes())?;
    write_new(&public, 0o644, shown.as_bytes())?;
    let id = id_of(&public, &verifying)?;
    Ok(KeyPair { private, public, id })
}

fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), PackError> {
    let file = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => PackError::Exists { path: path.into() },
        _ => PackError::File { path: path.into(), error },
    };
    let mut out = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(file)?;
    out.write_all(bytes).and_then(|()| out.sync_all()).map_err(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_pair_signs_and_verifies_is_private_and_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let KeyPair { private, public, id } = generate(&dir.path().join("auditor")).unwrap();
        assert_eq!(std::fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
        let (signer, key) = (Signer::read(&private).unwrap(), PublicKey::read(&public).unwrap());
        assert_eq!((signer.public().unwrap().id(), key.id()), (id, id));
        let signature = signer.sign(b"text");
        assert!(key.has_signed(b"text", &signature));
        assert!(!key.has_signed(b"text.", &signature) && !key.has_signed(b"text", &signature[..63]));
        let other = generate(&dir.path().join("other")).unwrap().public;
        assert!(!PublicKey::read(&other).unwrap().has_signed(b"text", &signature));
        assert!(matches!(generate(&dir.path().join("auditor")), Err(PackError::Exists { .. })));
        let refused = Signer::read(&public).err().unwrap().to_string();
        assert!(refused.contains("it is the public key"), "{refused}");
    }
}
