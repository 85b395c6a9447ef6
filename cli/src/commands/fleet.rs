//! `fleet`: which coordinators and workers are alive, and what each holds.

use coordinator::ops::roster::{Member, roster};
use coordinator::ops::views;
use coordinator::report::text::table::{Column, Grid, sentence};
use domain::visible::visible;
use domain::words::plural;

use super::context::open_store;
use crate::args::Global;
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, style};
use crate::wiring;

/// How many runs or chunks of one process the text names.
const HELD_SHOWN: usize = 3;

/// Why an embedded fleet has no processes of its own.
pub(super) const EMBEDDED: &str = "the broker is memory:, so coordinator and workers are part of `crossfoot run`, and are listed \
                        only while one runs on this store";

/// Runs `crossfoot fleet`: lists the fleet's processes.
pub(crate) async fn fleet(global: &Global) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let is_embedded = wiring::is_embedded(&settings);
    if global.json {
        print_json(&views::fleet::fleet(&*store, is_embedded.then(|| EMBEDDED.to_owned())).await?)?;
        return Ok(Done::Well);
    }
    let found = roster(&*store).await?;
    let mut lines = if found.members.is_empty() {
        format!("no process of a fleet is alive on {}\n", store.url())
    } else {
        format!("{}\n", table(&found.members))
    };
    if is_embedded && found.members.is_empty() {
        lines.push_str(&format!("{EMBEDDED}\n"));
    } else if !is_embedded && !found.missing.is_nobody() {
        lines.push_str(&format!("! {}\n", found.missing.to_string().replace("; ", "\n! ")));
    }
    print(&lines)?;
    Ok(Done::Well)
}

fn table(members: &[Member]) -> String {
    let style = style();
    let mut table = Grid::new(vec![
        Column::left("role"),
        Column::left("name").shrinks_to(12),
        Column::left("host").shrinks_to(12),
        Column::right("pid"),
        Column::left("version").drops(2),
        Column::left("since (UTC)").drops(1),
        Column::left("last sign"),
    ]);
    let or_unknown =
        |text: Option<&String>| text.map_or_else(|| "not known".to_owned(), |text| visible(text));
    for member in members {
        let seconds = member.last_seen_ms / 1000;
        table.row(vec![
            member.role.name().to_owned(),
            visible(&member.name),
            or_unknown(member.host.as_ref()),
            member.pid.map_or_else(|| "not known".into(), |pid| pid.to_string()),
            or_unknown(member.version.as_ref()),
            or_unknown(member.since.as_ref())
                .chars()
                .take(19)
                .map(|c| if c == 'T' { ' ' } else { c })
                .collect(),
            if member.is_alive { format!("{seconds} s ago") } else { format!("silent for {seconds} s") },
        ]);
        let held = sentence(style, 4, &format!("holds {}", holds(member)));
        table.text(held.lines().map(String::from));
    }
    table.render(style)
}

fn holds(member: &Member) -> String {
    let shown = member.holds.iter().take(HELD_SHOWN).map(|held| match held.chunk_no {
        Some(chunk_no) => format!("chunk {chunk_no} of run {}", held.run_id),
        None => format!("run {}", held.run_id),
    });
    let mut shown: Vec<_> = shown.collect();
    if let Some(more) = member.holds.len().checked_sub(HELD_SHOWN).filter(|more| *more > 0) {
        shown.push(format!("and {}", plural(more as u64, "other")));
    }
    if shown.is_empty() { "nothing".into() } else { shown.join(", ") }
}
