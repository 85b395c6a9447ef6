//! Whose certificates are trusted: one set for broker, database and webhook. It is the system's (as OpenSSL finds it;
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` replace it), and those that `[tls] ca_file` adds. The drivers of broker and
//! database load the system's by themselves, with the same library as here.

use std::io;
use std::path::Path;

pub use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::files::{KEY_BYTES_MAX, read_small_file};

/// Chooses the library that encrypts. rustls refuses to choose between several, so one is named before its first use.
pub fn install() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread was quicker.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
}

/// The certificates of the authorities that this system trusts. One that cannot be read is left out, with a warning.
#[must_use]
pub fn of_system() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::warn!(%error, "a certificate that the system trusts cannot be read");
    }
    found.certs
}

/// Those of `certificates` that can be trusted: a system's list may hold one that this library cannot read.
#[must_use]
pub fn usable(mut certificates: Vec<CertificateDer<'static>>) -> Vec<CertificateDer<'static>> {
    certificates.retain(|one| rustls::RootCertStore::empty().add(one.clone()).is_ok());
    certificates
}

/// The certificates in a PEM file.
///
/// # Errors
/// When the file cannot be read, is not PEM, or contains no certificate.
pub fn of_file(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let pem = read_small_file(path, KEY_BYTES_MAX)?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| invalid(format!("it is not a PEM file: {error}")))?;
    if certificates.is_empty() {
        return Err(invalid("it contains no certificate".into()));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        for (content, says) in [
            ("", "it contains no certificate"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "it contains no certificate"),
            ("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", "it is not a PEM file"),
        ] {
            std::fs::write(&file, content).unwrap();
            let error = of_file(&file).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
        assert!(of_file(&dir.path().join("none")).is_err());
    }
}
