//! Random secrets, and the tokens that operators are given.

use domain::fingerprint::Hash;

/// What every token begins with, so that scanners of secrets recognise it.
const PREFIX: &str = "cft_";

/// A new token: shown once, never kept.
pub struct NewToken {
    /// The token, for its owner.
    pub token: String,
    /// What it is called in lists.
    pub token_id: String,
    /// What the store keeps of it.
    pub sha256: Hash,
}

/// 256 random bits as hexadecimal digits.
///
/// # Errors
/// In words, when the system has no randomness.
pub fn random() -> Result<String, String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| format!("the system has no randomness: {error}"))?;
    Ok(domain::hex::encode(&bytes))
}

/// Makes a token for an operator.
///
/// # Errors
/// In words, when the system has no randomness.
pub fn token() -> Result<NewToken, String> {
    let token = format!("{PREFIX}{}", random()?);
    // A name of its own: digits of the digest would help whoever looks for the token in a list of digests.
    let token_id = random()?.chars().take(8).collect();
    Ok(NewToken { sha256: Hash::of(token.as_bytes()), token, token_id })
}
