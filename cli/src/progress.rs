//! A run's progress: a bar on a terminal, a line every few seconds in a pipe.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use coordinator::progress::{Phase, Snapshot};
use domain::words::grouped;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::output::remark;

/// The interval between lines in a pipe.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows the progress until the run is over or the handle is aborted.
pub(crate) fn show(mut watcher: watch::Receiver<Snapshot>, quiet: bool) -> JoinHandle<()> {
    tokio::spawn(async move {
        if quiet {
            return;
        }
        let is_terminal = std::io::stderr().is_terminal();
        let mut view = View {
            bar: is_terminal.then(new_bar),
            phase: None,
            last_line: Instant::now(),
            began: Instant::now(),
        };
        loop {
            let now = watcher.borrow_and_update().clone();
            view.update(&now);
            if now.phase == Phase::Over || watcher.changed().await.is_err() {
                break;
            }
        }
        if let Some(bar) = view.bar {
            bar.finish_and_clear();
        }
    })
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

struct View {
    bar: Option<ProgressBar>,
    phase: Option<Phase>,
    last_line: Instant,
    began: Instant,
}

/// Returns the share of the source's bytes whose chunks are committed, per thousand: of the same chunks as the number
/// of records beside it. How many records there are is unknown before the end.
fn of_total(now: &Snapshot) -> Option<u64> {
    let loaded = now.bytes_loaded.min(now.bytes_total);
    (loaded.saturating_mul(1000)).checked_div(now.bytes_total)
}

impl View {
    fn update(&mut self, now: &Snapshot) {
        let is_new = self.phase != Some(now.phase);
        if is_new {
            self.phase = Some(now.phase);
            self.began = Instant::now();
        }
        match &self.bar {
            Some(bar) => draw(bar, now, is_new, self.began),
            None => self.line(now, is_new),
        }
    }

    fn line(&mut self, now: &Snapshot, is_new: bool) {
        if matches!(now.phase, Phase::Over | Phase::Starting)
            || !(is_new || self.last_line.elapsed() >= LINE_EVERY)
        {
            return;
        }
        self.last_line = Instant::now();
        let rate = rate(now.done, self.began);
        match now.phase {
            _ if is_new => remark(now.phase.name()),
            Phase::Sealing => {
                remark(&format!("{}: {} of {} bytes", now.phase.name(), grouped(now.done), grouped(now.of)))
            }
            Phase::Loading => {
                let share =
                    of_total(now).map(|share| format!(", {}.{} % of the source", share / 10, share % 10));
                remark(&format!(
                    "loading: {} records{}, {} records/s",
                    grouped(now.done),
                    share.unwrap_or_default(),
                    grouped(rate)
                ));
            }
            _ => remark(&format!("{}: {} of {}", now.phase.name(), grouped(now.done), grouped(now.of))),
        }
    }
}

fn rate(done: u64, began: Instant) -> u64 {
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    done.saturating_mul(1000) / elapsed_ms
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

fn draw(bar: &ProgressBar, now: &Snapshot, is_new: bool, began: Instant) {
    let is_one_step = matches!(now.phase, Phase::Starting | Phase::ApplyingRules | Phase::Promoting);
    if is_one_step {
        if is_new {
            bar.reset();
            bar.set_style(style("{msg} {spinner}  {elapsed}"));
            bar.set_message(now.phase.name());
        }
        return;
    }
    if is_new {
        bar.reset();
        bar.set_style(style("{msg} {wide_bar:.cyan/dim} {percent:>3} %  {prefix}  {eta} left"));
        bar.set_message(now.phase.name());
    }
    match now.phase {
        Phase::Loading => {
            match of_total(now) {
                Some(share) => {
                    bar.set_length(1000);
                    bar.set_position(share);
                }
                None => bar.set_style(style("{msg} {spinner} {prefix}")),
            }
            bar.set_prefix(format!("{} records  {}/s", grouped(now.done), grouped(rate(now.done, began))));
        }
        Phase::Sealing => {
            bar.set_length(now.of.max(1));
            bar.set_position(now.done);
            bar.set_prefix(format!("{} MB", now.done / 1_000_000));
        }
        _ => {
            bar.set_length(now.of.max(1));
            bar.set_position(now.done.min(now.of));
            bar.set_prefix(format!("{} records", grouped(now.done)));
        }
    }
}
