//! `audit verify`: verifies the evidence log from its first event to its last.

use std::collections::BTreeMap;
use std::path::Path;

use coordinator::context::checkpoints::read;
use coordinator::evidence::audit::{AuditError, verify as walk};
use coordinator::ops::views::log::{HeldCheckpoints, WalkedLog};
use domain::checkpoint::{Head, Noted};
use domain::words::plural;

use crate::args::Global;
use crate::commands::context::open_store;
use crate::outcome::{Done, Failure};
use crate::output::{remark, tell, tell_json};

/// Runs `crossfoot audit verify`, without a pack.
pub(super) async fn verify(
    global: &Global,
    head: Option<Head>,
    checkpoints: Option<&Path>,
) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let head = head.map(|head| Noted { line: None, head });
    let name = settings.store.name();
    let (kept, others) = match checkpoints {
        Some(path) => of_store(path, &name)?,
        None => (Vec::new(), BTreeMap::new()),
    };
    let held = kept.len();
    if let (Some(path), 0) = (checkpoints, held) {
        let of = if others.is_empty() { "none".into() } else { listed(&others) };
        remark(&format!(
            "{} has no checkpoint of {name}, so nothing was compared; checkpoints of other stores: {of}",
            path.display()
        ));
        return Ok(Done::NotReconciled);
    }
    if !others.is_empty() {
        remark(&format!("note: skipped checkpoints of other stores: {}", listed(&others)));
    }
    match walk(&*store, kept.into_iter().chain(head)).await {
        Ok(Head { seq: events, hash: head }) if global.json => tell_json(
            &WalkedLog::Intact {
                intact: true,
                events,
                head,
                checkpoints: checkpoints.map(|_| HeldCheckpoints { held, of_other_stores: others }),
            },
            "the evidence log is intact",
        ),
        Ok(Head { seq: events, hash: head }) => {
            let holds = if checkpoints.is_some() {
                format!(", {} matched", plural(held as u64, "checkpoint"))
            } else {
                String::new()
            };
            let told = format!(
                "the evidence log is intact: {}{holds}, head {events}:{head}",
                plural(events, "event")
            );
            tell(&told, &told);
        }
        Err(AuditError::Chain(error)) => {
            let told = format!("the evidence log is NOT intact: {error}");
            if global.json {
                tell_json(&WalkedLog::Broken { intact: false, reason: error.to_string() }, &told);
            }
            remark(&told);
            return Ok(Done::NotReconciled);
        }
        Err(AuditError::Store(error)) => return Err(error.into()),
    }
    Ok(Done::Well)
}

/// Reads the checkpoints of the store `name` from a file, and counts the lines of other stores.
fn of_store(path: &Path, name: &str) -> Result<(Vec<Noted>, BTreeMap<String, u64>), Failure> {
    let (mut kept, mut others) = (Vec::new(), BTreeMap::<String, u64>::new());
    for line in read(path).map_err(|error| Failure::usage(error.to_string()))? {
        if line.store == name {
            kept.push(line.noted);
        } else {
            *others.entry(line.store).or_default() += 1;
        }
    }
    Ok((kept, others))
}

fn listed(others: &BTreeMap<String, u64>) -> String {
    others.iter().map(|(store, lines)| format!("{lines} of {store}")).collect::<Vec<_>>().join(", ")
}
