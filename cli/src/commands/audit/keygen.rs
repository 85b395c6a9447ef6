//! `audit keygen`: generates a key pair that signs and verifies packs.

use std::path::Path;

use coordinator::pack::keys;
use serde_json::json;

use crate::args::Global;
use crate::outcome::{Done, Failure};
use crate::output::{tell, tell_json};

/// Runs `crossfoot audit keygen`.
pub(super) fn keygen(global: &Global, output: &Path) -> Result<Done, Failure> {
    let (private, public, id) = keys::generate(output)?;
    if global.json {
        let whole = json!({ "private": private, "public": public, "key": id });
        tell_json(&whole, &format!("wrote {} and {}", private.display(), public.display()));
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
