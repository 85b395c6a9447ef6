//! `rejects`: which records were not accepted, and every reason why.

use std::io::Write;

use domain::ids::RunId;
use serde_json::json;
use shared::store::Store;

use super::context::{find_run, open_store};
use crate::args::{Global, Rejects};
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, remark};

const PAGE: u32 = 500;

/// `crossfoot rejects`.
pub(crate) async fn rejects(global: &Global, args: &Rejects) -> Result<Done, Failure> {
    let (_, store) = open_store(global).await?;
    let run = find_run(&*store, &args.run.run).await?;
    if let Some(path) = &args.raw {
        let written = write_raw(&*store, run.run_id, path).await?;
        remark(&format!("{written} rejects written to {}", path.display()));
        return Ok(Done::Well);
    }
    let rows = store.rejects(run.run_id, 0, args.limit).await?;
    if global.json {
        let list: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "record_no": row.record_no,
                    "chunk_no": row.chunk_no,
                    "byte_offset": row.offset,
                    "worker_id": row.worker_id,
                    "raw_hex": domain::hex::encode(&row.raw),
                    "reasons": row.reasons,
                })
            })
            .collect();
        print_json(&list)?;
        return Ok(Done::Well);
    }
    if rows.is_empty() {
        let why = if run.purged { "its rejects were purged" } else { "it has no rejects" };
        print(&format!("run {}: {why}", run.run_id))?;
        return Ok(Done::Well);
    }
    let mut out = String::new();
    for row in &rows {
        out.push_str(&format!(
            "record {}, byte {}, chunk {}, worker {}\n",
            row.record_no, row.offset, row.chunk_no, row.worker_id
        ));
        for reason in &row.reasons {
            let field = reason.field.as_deref().unwrap_or("(the record)");
            out.push_str(&format!("    {field}: {}: {}\n", reason.code, reason.detail));
        }
    }
    if rows.len() == args.limit as usize {
        out.push_str("there may be more: --limit N shows N of them\n");
    }
    print(&out)?;
    Ok(Done::Well)
}

async fn write_raw(store: &dyn Store, run_id: RunId, path: &std::path::Path) -> Result<u64, Failure> {
    let failed = |error: std::io::Error| Failure::unfinished(format!("{}: {error}", path.display()));
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).map_err(failed)?);
    let (mut after, mut written) = (0, 0);
    loop {
        let rows = store.rejects(run_id, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.record_no.0;
        for row in &rows {
            file.write_all(&row.raw).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
            written += 1;
        }
    }
    file.flush().map_err(failed)?;
    Ok(written)
}
