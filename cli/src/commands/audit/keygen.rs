//! `audit keygen`: generates a key pair that signs and verifies packs.

use std::path::Path;

use coordinator::evidence::pack::keys::{self, KeyPair};

use crate::args::Global;
use crate::outcome::{Done, Failure};
use crate::output::{tell, tell_json};
use crate::printed::MadeKeys;

/// Runs `crossfoot audit keygen`.
pub(super) fn keygen(global: &Global, output: &Path) -> Result<Done, Failure> {
    let KeyPair { private, public, id } = keys::generate(output)?;
    if global.json {
        let instead = format!("wrote {} and {}", private.display(), public.display());
        tell_json(&MadeKeys { private, public, key: id }, &instead);
        return Ok(Done::Well);
    }
    let (private, public) = (private.display(), public.display());
    let told = format!(
        "{private}  signs packs; keep it secret (only you can read the file)\n\
         {public}  verifies packs; give it to verifiers over a channel that cannot be tampered with\n\
         key {id}"
    );
    tell(&told, &told);
    Ok(Done::Well)
}
