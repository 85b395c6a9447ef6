//! `audit log`: who did what, and when.

use coordinator::ops::views::log::{LoggedEvent, detail};
use coordinator::report::format::second;
use coordinator::report::text::table::{Column, Grid, sentence};
use domain::event::Event;
use domain::ids::RunId;
use domain::visible::visible;
use serde_json::{Map, Value};
use store::Store;

use crate::args::Global;
use crate::commands::context::{find_logged, open_store};
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, style};

/// Where an event's detail begins, below its time.
const DETAIL_INDENT: u16 = 9;

/// The number of events read per query.
const PAGE: u32 = 1000;

/// Detail keys that have a column of their own, or that no reader needs.
const QUIET: [&str; 4] = ["process", "os_user", "job_digest", "checks_sha256"];

/// Detail keys that are shown first.
const FIRST: [&str; 3] = ["reason", "refused", "command"];

/// Runs `crossfoot audit log`.
pub(super) async fn log(global: &Global, run: Option<&str>, limit: u64) -> Result<Done, Failure> {
    let (_, store) = open_store(global).await?;
    let run_id = match run {
        Some(typed) => Some(find_logged(&*store, typed).await?),
        None => None,
    };
    let events = newest(&*store, run_id, limit).await?;
    if global.json {
        print_json(&events.iter().map(LoggedEvent::of).collect::<Vec<_>>())?;
    } else if events.is_empty() {
        print("the log has no events")?;
    } else {
        print(&table(&events, run_id.is_none()))?;
    }
    Ok(Done::Well)
}

/// Reads the newest `limit` events, or all events.
async fn newest(store: &dyn Store, run_id: Option<RunId>, limit: u64) -> Result<Vec<Event>, Failure> {
    let mut after = match (run_id, limit, store.log_head().await?) {
        // Numbers have no gaps.
        (None, 1.., Some(head)) => head.seq.saturating_sub(limit),
        _ => 0,
    };
    let mut events: Vec<Event> = Vec::new();
    loop {
        let page = match run_id {
            Some(run_id) => store.run_events(run_id, after, PAGE).await?,
            None => store.events(after, PAGE).await?,
        };
        let Some(last) = page.last() else { break };
        after = last.seq;
        events.extend(page);
    }
    if limit > 0 {
        let too_many = events.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
        events.drain(..too_many);
    }
    Ok(events)
}

fn table(events: &[Event], of_all_runs: bool) -> String {
    let mut columns = vec![
        Column::right("event"),
        Column::left("time (UTC)"),
        Column::left("what"),
        Column::left("who").shrinks_to(12),
    ];
    if of_all_runs {
        columns.push(Column::left("run"));
    }
    let mut table = Grid::new(columns);
    let mut last_process = None;
    for event in events {
        let mut detail = detail(event);
        // Shows a command once, at its first event.
        let process = detail.get("process").map(|process| (event.entry.actor.clone(), process.clone()));
        if process.is_some() && process == last_process {
            detail.remove("command");
        }
        last_process = process;
        let text = |key: &str| detail.get(key).map(plain);
        let mut who = event.entry.actor.clone();
        if let Some(process) = text("process") {
            who.push_str(&format!(" pid {process}"));
        }
        if let Some(user) = text("os_user") {
            who.push_str(&format!(" (as {user})"));
        }
        let mut row =
            vec![event.seq.to_string(), second(event.entry.at_ms), visible(&event.entry.kind), visible(&who)];
        if of_all_runs {
            // The end of an ID distinguishes runs of the same moment, and is enough to select one.
            let id = event.entry.run_id.as_deref().unwrap_or("-");
            row.push(visible(&id[id.len().saturating_sub(8)..]));
        }
        table.row(row);
        let said = sentence(style(), DETAIL_INDENT, &visible(&said(&detail)));
        table.text(said.lines().map(String::from));
    }
    table.render(style())
}

/// Formats the rest of an event's detail for a reader.
fn said(detail: &Map<String, Value>) -> String {
    let is_first = |key: &str| FIRST.contains(&key);
    let first = FIRST.iter().filter_map(|key| Some((*key, detail.get(*key)?)));
    let others = detail
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .filter(|(key, _)| !is_first(key) && !QUIET.contains(key));
    let pairs = first.chain(others).filter(|(_, value)| !value.is_null());
    pairs.map(|(key, value)| format!("{key}: {}", plain(value))).collect::<Vec<_>>().join("; ")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(parts) => {
            parts.iter().map(|(key, value)| format!("{key} {}", plain(value))).collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
