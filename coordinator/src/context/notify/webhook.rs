//! The webhook: a body that is posted, signed, and tried again while that may help.

use std::sync::Arc;

use domain::hex;
use hmac::{Hmac, KeyInit, Mac};
use platform::secret::ServerUrl;
use platform::tls;
use sha2::Sha256;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::{Failed, Notify, NotifyError, retried};

/// The header that signs the body: `sha256=` and the HMAC-SHA256 of it, in hexadecimal digits.
const SIGNATURE: &str = "X-Crossfoot-Signature";

impl Notify {
    /// The value of the header that signs `body`.
    #[must_use]
    pub fn signature(secret: &[u8], body: &[u8]) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        mac.update(body);
        Some(format!("sha256={}", hex::encode(&mac.finalize().into_bytes())))
    }

    /// Sends `body` to `url` once; retries are up to the caller.
    fn post(&self, url: &str, body: &str) -> Result<(), Failed> {
        tls::install();
        let trusted: Vec<_> =
            self.trusted()?.iter().map(|one| Certificate::from_der(one).to_owned()).collect();
        let trusted = TlsConfig::builder().root_certs(RootCerts::from(trusted)).build();
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(self.timeout()))
            .http_status_as_error(false)
            // A body that is signed for one place is not sent to another.
            .max_redirects(0)
            .tls_config(trusted)
            .user_agent(concat!("crossfoot/", env!("CARGO_PKG_VERSION")))
            .build();
        let mut request =
            ureq::Agent::new_with_config(config).post(url).header("Content-Type", "application/json");
        if let Some(signature) =
            self.secret.as_ref().and_then(|secret| Self::signature(secret, body.as_bytes()))
        {
            request = request.header(SIGNATURE, signature);
        }
        let answer =
            // A library that quotes the URL quotes the token in its path.
            request.send(body).map_err(|error| Failed {
                reason: error.to_string().replace(url, "the webhook's URL"),
                is_final: false,
            })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        // What is wrong with the request stays wrong; being busy passes.
        let is_final = status.is_client_error() && status != 408 && status != 429;
        Err(Failed { reason: format!("it responded with {status}"), is_final })
    }

    /// Posts `body` to `url`, and tries again while that may help.
    pub(crate) async fn webhook(self: Arc<Self>, url: ServerUrl, body: String) -> Result<(), NotifyError> {
        retried(|| {
            let (notify, url, body) = (Arc::clone(&self), url.clone(), body.clone());
            async move { Ok(platform::inline::run(move || notify.post(url.reveal(), &body)).await?) }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_as_others_compute_it() {
        // RFC 4231, test case 2.
        let signature = Notify::signature(b"Jefe", b"what do ya want for nothing?").unwrap();
        assert_eq!(signature, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
