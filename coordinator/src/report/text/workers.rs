//! The workers: who did how much, and whether the three places that count it agree.

use domain::counts::{Counts, Role, WorkerShare};
use domain::report::Report;

use super::style::{Style, Tone};
use super::table::{Column, Grid, Mark, facts};
use crate::report::format::{self, count, megabytes, per_mille, plural, rate, seconds, visible};

/// Cells of the bar that shows a share.
const BAR_CELLS: u16 = 6;

/// Every worker's share of the run, by role, with a total for each role.
#[must_use]
pub fn workers_table(report: &Report, style: Style) -> String {
    if report.workers.is_empty() {
        return super::table::sentence(style, 2, "No worker has committed anything yet.");
    }
    let titles = |role: Role| {
        let taken = match role {
            Role::Processor => "accepted",
            Role::Writer => "written",
        };
        [
            role.name(),
            "no.",
            "host",
            "chunks",
            "records",
            taken,
            "rejected",
            "share",
            "",
            "MB",
            "busy s",
            "rec/s",
            "agree",
        ]
        .map(String::from)
        .to_vec()
    };
    let mut roles: Vec<_> = report.workers.iter().map(|worker| worker.role).collect();
    roles.sort_unstable();
    roles.dedup();
    let Some(first) = roles.first() else { return String::new() };
    let hosts = report.workers.iter().any(|worker| worker.host != report.workers[0].host);
    let mut grid = Grid::new(columns(titles(*first), hosts));
    let mut notes = Vec::new();
    for role in &roles {
        if role != first {
            grid.text([String::new()]);
            grid.toned(Tone::Quiet, titles(*role));
        }
        let workers: Vec<_> = report.workers.iter().filter(|worker| worker.role == *role).collect();
        let all = Total::of(&workers);
        for worker in &workers {
            let mark =
                if worker.agrees() { Mark::Last('✓', Tone::Good) } else { Mark::Last('✗', Tone::Bad) };
            grid.marked(mark, row(worker, &all));
            notes.extend(note(worker));
        }
        if workers.len() > 1 {
            grid.toned(Tone::Strong, all.row(workers.len()));
        }
    }
    let mut out = grid.render(style);
    for (name, text) in notes {
        for line in facts(style, 2, &[(name, text)]) {
            out.push_str(&line);
            out.push('\n');
        }
    }
    out
}

/// The columns; in a narrow place some are left out. Where there are several `hosts`, a worker's name does not say
/// which it is: each host has a `processor-1`.
fn columns(titles: Vec<String>, hosts: bool) -> Vec<Column> {
    let places = titles.into_iter().enumerate().map(|(place, title)| match place {
        0 => Column::left(title).shrinks_to(12),
        2 if hosts => Column::left(title).shrinks_to(12),
        2 => Column::left(title).shrinks_to(8).drops(5),
        7 => Column::right(title).drops(1),
        8 => Column::left(title).drops(3),
        9 => Column::right(title).drops(6),
        10 => Column::right(title).drops(4),
        11 => Column::right(title).drops(2),
        12 => Column::left(title),
        _ => Column::right(title),
    });
    places.collect()
}

/// The counts as the ledger holds them: what the run rests on. The report is shown where it differs.
fn row(worker: &WorkerShare, all: &Total) -> Vec<String> {
    let Counts { chunks, records, accepted, rejected } = worker.ledger;
    let of_all = all.counts.records;
    vec![
        visible(&worker.name),
        worker.worker_id.to_string(),
        visible(&worker.host),
        count(chunks),
        count(records),
        count(accepted),
        count(rejected),
        format::share(records, of_all),
        bar(per_mille(records, of_all)),
        megabytes(worker.bytes),
        seconds(worker.busy_us),
        rate(worker.reported.records, worker.busy_us),
        if worker.agrees() { "✓" } else { "✗" }.into(),
    ]
}

struct Total {
    counts: Counts,
    bytes: u64,
    busy_us: u64,
    agrees: bool,
}

impl Total {
    fn of(workers: &[&WorkerShare]) -> Self {
        let mut total = Self { counts: Counts::default(), bytes: 0, busy_us: 0, agrees: true };
        for worker in workers {
            total.counts.merge(&worker.ledger);
            total.bytes = total.bytes.saturating_add(worker.bytes);
            total.busy_us = total.busy_us.saturating_add(worker.busy_us);
            total.agrees &= worker.agrees();
        }
        total
    }

    fn row(&self, workers: usize) -> Vec<String> {
        let Counts { chunks, records, accepted, rejected } = self.counts;
        vec![
            format!("total of {workers}"),
            String::new(),
            String::new(),
            count(chunks),
            count(records),
            count(accepted),
            count(rejected),
            format::share(records, records),
            String::new(),
            megabytes(self.bytes),
            seconds(self.busy_us),
            String::new(),
            if self.agrees { "✓" } else { "✗" }.into(),
        ]
    }
}

/// A share as a bar of half cells.
fn bar(per_mille: u16) -> String {
    let halves = (u32::from(per_mille) * u32::from(BAR_CELLS) * 2 + 500) / 1_000;
    let (whole, half) = (halves / 2, halves % 2);
    let whole = usize::try_from(whole).unwrap_or_default();
    "━".repeat(whole) + if half == 1 { "╸" } else { "" }
}

/// What has to be said of a worker beyond its row.
fn note(worker: &WorkerShare) -> Option<(&'static str, String)> {
    let (id, name) = (worker.worker_id, visible(&worker.name));
    if !worker.agrees() {
        let told = |counts: &Counts| {
            format!(
                "{}, {}, {} accepted, {} rejected",
                plural(counts.chunks, "chunk"),
                plural(counts.records, "record"),
                count(counts.accepted),
                count(counts.rejected)
            )
        };
        let text = format!(
            "worker {id} ({name}): reported {}; the ledger has {}; the tables have {} of {} due",
            told(&worker.reported),
            told(&worker.ledger),
            count(worker.table),
            count(worker.table_expected())
        );
        return Some(("✗", text));
    }
    (worker.unreported_chunks > 0).then(|| {
        let chunks = plural(worker.unreported_chunks, "chunk");
        ("!", format!("worker {id} ({name}): the report of {chunks} was lost when its process died"))
    })
}
