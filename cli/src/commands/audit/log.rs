//! `audit verify`: the evidence log, from its first event to its last.

use coordinator::audit::{AuditError, verify as walk};
use domain::pack::lines::Head;
use serde_json::json;

use crate::args::Global;
use crate::commands::context::open_store;
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, remark};

/// `crossfoot audit verify`.
pub(super) async fn verify(global: &Global, noted: Option<Head>) -> Result<Done, Failure> {
    let (_, store) = open_store(global).await?;
    match walk(&*store, noted.map(|noted| (noted.seq, noted.hash))).await {
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
