//! `audit verify`: the evidence log, from its first event to its last.

use coordinator::audit::{AuditError, verify};
use domain::fingerprint::Hash;
use serde_json::json;

use super::context::open_store;
use crate::args::{Audit, Global};
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, remark};

/// `crossfoot audit`.
pub(crate) async fn audit(global: &Global, args: &Audit) -> Result<Done, Failure> {
    let Audit::Verify { head } = args;
    let (_, store) = open_store(global).await?;
    let noted = head.as_deref().map(parse_head).transpose()?;
    match verify(&*store, noted).await {
        Ok((events, head)) if global.json => {
            print_json(&json!({ "intact": true, "events": events, "head": head }))?
        }
        Ok((events, head)) => {
            print(&format!("the evidence log is intact: {events} events, head {events}:{head}"))?
        }
        Err(AuditError::Chain(error)) => {
            if global.json {
                print_json(&json!({ "intact": false, "reason": error.to_string() }))?;
            }
            remark(&format!("the evidence log is NOT intact: {error}"));
            return Ok(Done::NotReconciled);
        }
        Err(AuditError::Store(error)) => return Err(error.into()),
    }
    Ok(Done::Well)
}

fn parse_head(text: &str) -> Result<(u64, Hash), Failure> {
    let parsed =
        text.split_once(':').and_then(|(number, hash)| Some((number.parse().ok()?, hash.parse().ok()?)));
    parsed.ok_or_else(|| {
        Failure::usage(format!("`{text}` is not a head: NUMBER:HASH, as `crossfoot audit verify` prints it"))
    })
}
