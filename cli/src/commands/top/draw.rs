//! The screen: the runs, or one run with its flow, checks, workers, chunks and log.
//!
//! Colour is never the only sign of anything. What comes from outside is made visible first.

use coordinator::ops::views::runs::WatchedRun;
use coordinator::report::format::{count, duration, mark, second, share, visible};
use domain::check::Verdict;
use domain::lifecycle::RunState;
use domain::report::Outcome;
use domain::words::{grouped_number, plural};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, Table, Wrap};

use super::look::{Open, Seen};
use super::state::{Dialog, State, Tab};

/// The styles of what is shown.
const GOOD: Style = Style::new().fg(Color::Green);
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const CAREFUL: Style = Style::new().fg(Color::Yellow);
const FAINT: Style = Style::new().fg(Color::DarkGray);
const HEAD: Style = Style::new().add_modifier(Modifier::BOLD);

/// Draws the state. What is scrolled too far is scrolled back.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &mut State) {
    let [top, fleet, body, said, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let time = match state.at_ms {
        0 => String::new(),
        at_ms => format!("{} UTC", second(at_ms)),
    };
    let [left, right] = Layout::horizontal([Constraint::Min(10), Constraint::Length(24)]).areas(top);
    let title = vec![Span::styled("crossfoot top  ", HEAD), Span::styled(visible(&state.store), FAINT)];
    frame.render_widget(Line::from(title), left);
    frame.render_widget(Line::from(time).alignment(Alignment::Right), right);
    frame.render_widget(who_is_alive(state), fleet);
    match state.opened {
        None => draw_runs(frame, state, body),
        Some(_) => draw_run(frame, state, body),
    }
    frame.render_widget(what_was_said(state), said);
    frame.render_widget(Line::styled(which_keys(state), FAINT), keys);
    if let Some(dialog) = state.dialog.clone() {
        draw_dialog(frame, state, &dialog);
    }
}

/// Which processes are alive, or that the store cannot be read.
fn who_is_alive(state: &State) -> Line<'static> {
    if let Some(fault) = &state.fault {
        let since = if state.seen.is_some() { "; what is shown is older" } else { "" };
        return Line::styled(format!("✗ cannot read the store: {}{since}", visible(fault)), BAD);
    }
    let Some(Seen { fleet, .. }) = &state.seen else { return Line::styled("reading the store …", FAINT) };
    let alive = fleet.members.iter().filter(|member| member.is_alive);
    let mut roles: Vec<(&str, u64)> = Vec::new();
    for member in alive {
        match roles.iter_mut().find(|(role, _)| *role == member.role.name()) {
            Some((_, number)) => *number += 1,
            None => roles.push((member.role.name(), 1)),
        }
    }
    let silent = fleet.members.iter().filter(|member| !member.is_alive).count();
    let roles: Vec<_> = roles.iter().map(|(role, number)| plural(*number, role)).collect();
    let mut spans = vec![Span::raw(match (roles.is_empty(), &fleet.note) {
        (true, Some(_)) => "fleet: none that is shared; the broker is memory:".into(),
        (true, None) => "fleet: no process is alive".into(),
        (false, _) => format!("fleet: {}", roles.join(", ")),
    })];
    if silent > 0 {
        spans.push(Span::styled(format!("  ✗ {silent} silent"), BAD));
    }
    spans.into()
}

fn what_was_said(state: &State) -> Line<'static> {
    match &state.said {
        None => Line::default(),
        Some(Ok(done)) => Line::styled(format!("✓ {}", visible(done)), GOOD),
        Some(Err(refused)) => Line::styled(format!("✗ {}", visible(refused)), BAD),
    }
}

fn which_keys(state: &State) -> &'static str {
    match (&state.dialog, state.opened, state.is_read_only) {
        (Some(Dialog::Acts(_)), ..) => "↑↓ select   Enter choose   Esc leave it",
        (Some(Dialog::Chunks(..)), ..) => "write a number, or nothing   Enter continue   Esc leave it",
        (Some(Dialog::Reason(..)), ..) => "write the reason   Enter do it   Esc leave it",
        (None, None, _) => "↑↓ select   Enter open the run   q quit",
        (None, Some(_), false) => "1-4 or Tab view   ↑↓ scroll   a act   Esc back   q quit",
        (None, Some(_), true) => "1-4 or Tab view   ↑↓ scroll   Esc back   q quit   (read only)",
    }
}

/// A run's state in a mark, words and a colour.
fn verdict(run: &WatchedRun) -> (String, Style) {
    match run.run.outcome {
        Outcome::Reconciled => ("✓ reconciled".into(), GOOD),
        Outcome::NotReconciled => ("✗ NOT RECONCILED".into(), BAD),
        Outcome::AwaitingApproval => ("! awaits approval".into(), CAREFUL),
        Outcome::Cancelled => ("– cancelled".into(), FAINT),
        Outcome::BackedOut => ("– backed out".into(), FAINT),
        Outcome::Unfinished if run.waits_for_operator => ("! waits for you".into(), CAREFUL),
        Outcome::Unfinished if run.driven_by.is_none() => ("! stopped".into(), CAREFUL),
        Outcome::Unfinished if run.run.state == RunState::Loading => ("● loading".into(), Style::new()),
        Outcome::Unfinished => ("● verifying".into(), Style::new()),
    }
}

fn draw_runs(frame: &mut Frame<'_>, state: &mut State, area: Rect) {
    let Some(Seen { runs, .. }) = &state.seen else { return };
    if runs.is_empty() {
        frame.render_widget(
            Line::styled("there is no run yet: `crossfoot run JOB --source FILE`", FAINT),
            area,
        );
        return;
    }
    let now_ms = state.at_ms;
    let rows = runs.iter().map(|run| {
        let (words, style) = verdict(run);
        let is_over = run.run.state.is_over();
        let done = match run.bytes_total {
            _ if is_over => String::new(),
            Some(total) => share(run.bytes_committed, total),
            None => format!("{} of {}", count(run.chunks_committed), plural(run.chunks_split, "chunk")),
        };
        let rejected = match run.records_rejected {
            0 => Cell::from(right("0")),
            some => Cell::from(right(&count(some)).style(CAREFUL)),
        };
        let time = match run.run.ended_at_ms {
            Some(_) => duration(run.run.elapsed_ms),
            None => duration(u64::try_from(now_ms - run.run.opened_at_ms).unwrap_or(0)),
        };
        let pace = match (run.rate, run.seconds_left) {
            (Some(rate), Some(left)) => format!("{}/s, {} left", count(rate), duration(left * 1000)),
            (Some(rate), None) => format!("{}/s", count(rate)),
            (None, _) => done.clone(),
        };
        Row::new([
            Cell::from(Span::styled(words, style)),
            Cell::from(visible(&run.run.job)),
            Cell::from(right(&count(run.records_processed))),
            rejected,
            Cell::from(right(&time)),
            Cell::from(if pace == done { done } else { format!("{done} {pace}") }),
        ])
    });
    let widths = [
        Constraint::Length(18),
        Constraint::Min(12),
        Constraint::Length(13),
        Constraint::Length(9),
        Constraint::Length(12),
        Constraint::Length(10),
    ];
    let header = ["STATE", "JOB", "      RECORDS", " REJECTED", "        TIME", "PROGRESS"];
    let table = Table::new(rows, widths)
        .header(Row::new(header).style(HEAD))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_stateful_widget(table, area, &mut state.runs);
}

fn right(text: &str) -> Line<'static> {
    Line::from(text.to_owned()).alignment(Alignment::Right)
}

fn draw_run(frame: &mut Frame<'_>, state: &mut State, area: Rect) {
    let Some(open) = state.open() else {
        frame.render_widget(Line::styled("reading the run …", FAINT), area);
        return;
    };
    let listed =
        state.seen.as_ref().and_then(|seen| seen.runs.iter().find(|run| run.run.run_id == open.run_id));
    let mut lines = head(open, listed);
    lines.extend(flow(open));
    lines.push(Line::default());
    let tabs = Tab::ALL.iter().zip(1..).flat_map(|(tab, nth)| {
        let style = if *tab == state.tab { HEAD.add_modifier(Modifier::REVERSED) } else { FAINT };
        [Span::styled(format!(" {nth} {} ", tab.name()), style), Span::raw(" ")]
    });
    lines.push(Line::from(tabs.collect::<Vec<_>>()));
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height);
    let [top, below] = Layout::vertical([Constraint::Length(height), Constraint::Min(0)]).areas(area);
    frame.render_widget(Paragraph::new(lines), top);
    let lines = match state.tab {
        Tab::Checks => checks(open),
        Tab::Workers => workers(open),
        Tab::Chunks => chunks(open, below.width),
        Tab::Log => log(open),
    };
    let last = lines.len().saturating_sub(usize::from(below.height));
    state.scroll = state.scroll.min(last);
    let shown = lines.into_iter().skip(state.scroll).take(usize::from(below.height));
    frame.render_widget(Paragraph::new(shown.collect::<Vec<_>>()), below);
}

/// The verdict, and what there is to say about it.
fn head(open: &Open, listed: Option<&WatchedRun>) -> Vec<Line<'static>> {
    let report = &open.view.shown.report;
    let (words, style) = match (listed, report.outcome) {
        (Some(run), _) => verdict(run),
        (None, outcome) => (outcome.name().to_owned(), Style::new()),
    };
    let mut first = vec![Span::styled(words, style.add_modifier(Modifier::BOLD))];
    first.push(Span::raw(format!("  {}  ", visible(&report.job))));
    first.push(Span::styled(report.run_id.clone(), FAINT));
    let mut lines = vec![Line::from(first)];
    if let Some(by) = &report.driven_by {
        let left = listed.and_then(|run| run.rate.zip(run.seconds_left));
        let left =
            left.map(|(rate, left)| format!("; {} records/s, {} left", count(rate), duration(left * 1000)));
        lines.push(Line::raw(format!("driven by {}{}", visible(by), left.unwrap_or_default())));
    }
    if let Some(note) = &report.note {
        lines.push(Line::styled(
            visible(note),
            if report.outcome == Outcome::NotReconciled { BAD } else { CAREFUL },
        ));
    }
    lines
}

/// How many records are where, and whether that adds up.
fn flow(open: &Open) -> Vec<Line<'static>> {
    let flow = &open.view.flow;
    let known = |number: Option<u64>| number.map_or_else(|| "–".to_owned(), count);
    let mut places = [
        ("source", count(flow.source.records)),
        ("read", count(flow.processed.read)),
        ("written", known(flow.written.records)),
        ("staging", known(flow.staging.records)),
        ("final", known(flow.final_)),
    ];
    if !flow.source.is_whole {
        places[0].1.push('…');
    }
    let text: Vec<_> = places.iter().map(|(place, number)| format!("{place} {number}")).collect();
    let mut lines = vec![Line::styled(text.join(" → "), HEAD)];
    let kept = [("rejected", Some(flow.processed.rejected)), ("held", flow.held), ("merged", flow.merged)];
    let kept: Vec<_> = kept
        .into_iter()
        .filter_map(|(what, number)| number.filter(|number| *number > 0).map(|number| (what, number)))
        .map(|(what, number)| format!("{what} {}", count(number)))
        .collect();
    if !kept.is_empty() {
        lines.push(Line::styled(kept.join(", "), CAREFUL));
    }
    let balances = flow.balances.iter().flat_map(|balance| {
        let (mark, style) = match balance.holds {
            Some(true) => ('✓', GOOD),
            Some(false) => ('✗', BAD),
            None => ('…', FAINT),
        };
        let figures = match balance.holds {
            Some(false) => {
                format!(": {} ≠ {}", grouped_number(&balance.left), grouped_number(&balance.right))
            }
            _ => String::new(),
        };
        [Span::styled(format!("{mark} {}{figures}", balance.text), style), Span::raw("   ")]
    });
    // Two in a line fit into 80 columns.
    let balances: Vec<_> = balances.collect();
    lines.extend(balances.chunks(4).map(|some| Line::from(some.to_vec())));
    lines
}

fn checks(open: &Open) -> Vec<Line<'static>> {
    let report = &open.view.shown.report;
    if report.checks.is_empty() {
        return vec![Line::styled("the checks are made when everything is loaded", FAINT)];
    }
    // What failed comes first.
    let rank = |verdict: Verdict| match verdict {
        Verdict::Fail => 0,
        Verdict::Warn => 1,
        Verdict::Pass | Verdict::Vacuous => 2,
    };
    let mut sorted: Vec<_> = report.checks.iter().collect();
    sorted.sort_by_key(|check| rank(check.verdict));
    let mut lines = vec![Line::raw(format!(
        "{} passed, {} failed, {} warned, {} had nothing to compare",
        report.counts.passed, report.counts.failed, report.counts.warned, report.counts.vacuous
    ))];
    for check in sorted {
        let style = match check.verdict {
            Verdict::Fail => BAD,
            Verdict::Warn => CAREFUL,
            Verdict::Pass => GOOD,
            Verdict::Vacuous => FAINT,
        };
        let mut spans =
            vec![Span::styled(format!("{} {}", mark(check.verdict), visible(&check.name)), style)];
        if matches!(check.verdict, Verdict::Fail | Verdict::Warn) {
            let side = |text: &str| visible(&grouped_number(text));
            spans.push(Span::raw(format!(
                "  expected {}, found {} ({})",
                side(&check.expected),
                side(&check.actual),
                side(&check.discrepancy)
            )));
        }
        lines.push(Line::from(spans));
    }
    lines
}

fn workers(open: &Open) -> Vec<Line<'static>> {
    let row = |name: &str, role: &str, state: &str, counts: [String; 3], rate: &str, agrees: bool| {
        format!(
            "{} {name:14.14} {role:9} {state:8} {:>11} {:>8} {:>11} {rate:>8}",
            if agrees { ' ' } else { '✗' },
            counts[0],
            counts[1],
            counts[2],
        )
    };
    let header = [String::from("RECORDS"), String::from("REJECTED"), String::from("IN TABLES")];
    let mut lines = vec![Line::styled(row("WORKER", "ROLE", "STATE", header, "REC/S", true), HEAD)];
    for one in &open.workers.workers {
        let share = &one.share;
        let counts = [count(share.reported.records), count(share.reported.rejected), count(share.table)];
        let rate = one.rate.map_or_else(|| "–".to_owned(), count);
        let text = row(&visible(&share.name), share.role.name(), one.state.name(), counts, &rate, one.agrees);
        let style = match (one.agrees, one.straggler) {
            (false, _) => BAD,
            (true, true) => CAREFUL,
            (true, false) => Style::new(),
        };
        let slow = if one.straggler { " slow" } else { "" };
        lines.push(Line::styled(format!("{text}{slow}"), style));
    }
    for sum in &open.workers.totals {
        let counts = [count(sum.reported.records), count(sum.reported.rejected), count(sum.tables)];
        lines.push(Line::styled(row("all", sum.role.name(), "", counts, "", sum.agree), HEAD));
    }
    lines.push(match open.workers.agree {
        true => Line::styled("✓ reported = ledger = tables, for each worker", GOOD),
        false => {
            Line::styled("… reported, ledger and tables do not agree (yet): see `crossfoot workers`", CAREFUL)
        }
    });
    lines
}

/// A cell for each chunk.
fn chunks(open: &Open, width: u16) -> Vec<Line<'static>> {
    let map = &open.map;
    let looks = [('·', FAINT), ('▒', CAREFUL), ('▓', Style::new()), ('█', GOOD), ('✗', BAD)];
    let mut numbers = [0_u64; 5];
    let place = |cell: u8| usize::from(cell.wrapping_sub(b'0')).min(looks.len() - 1);
    map.cells.bytes().for_each(|cell| numbers[place(cell)] += 1);
    let legend = map.states.iter().zip(looks).zip(numbers).flat_map(|((state, (mark, style)), number)| {
        [Span::styled(mark.to_string(), style), Span::raw(format!(" {} {state}   ", count(number)))]
    });
    let mut lines = vec![Line::from(legend.collect::<Vec<_>>()), Line::default()];
    let more = if map.is_whole { "" } else { ", so far" };
    lines.insert(1, Line::styled(format!("{}{more}", plural(map.count, "chunk")), FAINT));
    for row in map.cells.as_bytes().chunks(usize::from(width.max(1))) {
        // Runs of one state are one span.
        let spans = row.chunk_by(|one, other| one == other).map(|some| {
            let (mark, style) = looks[place(some[0])];
            Span::styled(mark.to_string().repeat(some.len()), style)
        });
        lines.push(Line::from(spans.collect::<Vec<_>>()));
    }
    lines
}

fn log(open: &Open) -> Vec<Line<'static>> {
    let lines = open.events.iter().map(|event| {
        let at = event.at.split_once('.').map_or(&*event.at, |(to_second, _)| to_second).replace('T', " ");
        Line::from(vec![
            Span::styled(format!("{at}  "), FAINT),
            Span::raw(format!("{:18} ", visible(&event.kind))),
            Span::raw(visible(&event.actor)),
        ])
    });
    lines.collect()
}

fn draw_dialog(frame: &mut Frame<'_>, state: &State, dialog: &Dialog) {
    let Some(open) = state.open() else { return };
    let (title, lines) = match dialog {
        Dialog::Acts(selected) => {
            let lines = open.view.acts.iter().enumerate().flat_map(|(at, act)| {
                let style = match (&act.why_not, at == *selected) {
                    (None, true) => HEAD.add_modifier(Modifier::REVERSED),
                    (None, false) => HEAD,
                    (Some(_), true) => FAINT.add_modifier(Modifier::REVERSED),
                    (Some(_), false) => FAINT,
                };
                let why = act
                    .why_not
                    .as_ref()
                    .map_or_else(|| act.does.to_owned(), |why| format!("not now: {}", visible(why)));
                [Line::styled(format!(" {} ", act.act.name()), style), Line::from(format!("   {why}")).dim()]
            });
            (format!(" What to do with run {} ", open.run_id), lines.collect::<Vec<_>>())
        }
        Dialog::Chunks(act, digits) => {
            let lines = vec![
                Line::raw(format!("It {}.", act.does)),
                Line::default(),
                Line::styled(
                    "Chunks in flight (empty for the run's share of the coordinator's window):",
                    FAINT,
                ),
                Line::from(vec![Span::raw(format!("> {digits}")), Span::styled("▏", HEAD)]),
            ];
            (format!(" {} run {} ", act.act.name(), open.run_id), lines)
        }
        Dialog::Reason(act, _, reason) => {
            let needed = if act.reason_needed { "one is needed" } else { "may be empty" };
            let lines = vec![
                Line::raw(format!("It {}.", act.does)),
                Line::default(),
                Line::styled(format!("Reason ({needed}; the evidence log keeps it):"), FAINT),
                Line::from(vec![Span::raw(format!("> {}", visible(reason))), Span::styled("▏", HEAD)]),
            ];
            (format!(" {} run {} ", act.act.name(), open.run_id), lines)
        }
    };
    let whole = frame.area();
    let width = whole.width.saturating_sub(4).min(90);
    let inner = usize::from(width.saturating_sub(2).max(1));
    let height: usize = lines.iter().map(|line| line.width().div_ceil(inner).max(1)).sum();
    let height = u16::try_from(height + 2).unwrap_or(u16::MAX).min(whole.height);
    let area = Rect { x: (whole.width - width) / 2, y: (whole.height - height) / 2, width, height };
    frame.render_widget(Clear, area);
    let block = Block::bordered().title(title);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}
