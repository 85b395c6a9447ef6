//! A report as text for a terminal: one line a row, figures aligned, nothing wider than the terminal.

mod bytes;
mod checks;
mod decoding;
mod findings;
pub mod style;
pub mod table;
mod trends;
mod workers;

#[cfg(test)]
mod tests;

pub use bytes::bytes_table;
pub use checks::checks_table;
pub use decoding::decoding_table;
pub use findings::findings_table;
pub use style::Style;
pub use trends::trends_table;
pub use workers::workers_table;

use domain::amount::Amount;
use domain::check::Stage;
use domain::checkpoint::Head;
use domain::report::{LogHead, Outcome, Report};

use super::format::{self, amount, count, plural, time_to_second, visible};
use super::relation::{Relation, Relations, due_in_final};
use super::verdict;
use style::{Tone, section};
use table::{Column, Grid, Mark, shortened};

/// Shows the whole report as text, the verdict as its first line and again at its end.
#[must_use]
pub fn text(report: &Report, style: Style) -> String {
    let mut out = verdict_line(report, style);
    out.push('\n');
    out.push_str(&header(report, style));
    let sections = [
        ("Control totals", levels(report, style)),
        ("Balance", balance(report, style)),
        ("Amounts", amounts(report, style)),
        ("Bytes", report.bytes.as_ref().map(|bytes| bytes_table(bytes, style)).unwrap_or_default()),
        (
            "Decoding",
            report.decode_proof.as_ref().map(|proof| decoding_table(proof, style)).unwrap_or_default(),
        ),
        ("Checks", checks_table(&report.checks, style)),
        ("Workers", workers_table(report, style)),
        ("Rejects", rejects(report, style)),
        ("Findings", findings::of_report(report, style)),
    ];
    for (title, body) in sections {
        if !body.is_empty() {
            section(&mut out, style, title);
            out.push_str(&body);
        }
    }
    section(&mut out, style, "Evidence");
    out.push_str(&evidence(report, style));
    // A terminal shows the end of what was printed: what to do next stands there too, and the verdict last.
    out.push('\n');
    if let Some(command) = verdict::next_step(report) {
        out.push_str(&format!("Next: {command}\n"));
    }
    out.push_str(&verdict_line(report, style));
    out
}

fn verdict_line(report: &Report, style: Style) -> String {
    let word = report.outcome.name().to_uppercase();
    let mut line = String::new();
    for part in verdict::grounds(report) {
        let separator = if line.is_empty() { "" } else { " · " };
        let needed =
            [word.as_str(), "  ", &line, separator, &part].iter().map(|text| text.chars().count()).sum();
        if line.is_empty() || usize::from(style.columns()) >= needed {
            line = line + separator + &part;
        }
    }
    let tone = match report.outcome {
        Outcome::Reconciled => Tone::Good,
        Outcome::NotReconciled => Tone::Bad,
        Outcome::AwaitingApproval | Outcome::Unfinished | Outcome::Cancelled | Outcome::BackedOut => {
            Tone::Notice
        }
    };
    format!("{}  {line}\n", style.paint(Tone::Strong, &style.paint(tone, &word)))
}

fn header(report: &Report, style: Style) -> String {
    let source = &report.source;
    let sha256 = source.sha256.map_or_else(|| "not known".into(), |hash| shortened(&hash.to_string(), style));
    let mut facts = vec![
        ("Run", visible(&report.run_id)),
        (
            "Job",
            format!("{} (sha256 {})", visible(&report.job), shortened(&report.job_digest.to_string(), style)),
        ),
        ("Source", visible(&source.location)),
        (
            "",
            format!(
                "{} · {} · sha256 {sha256}",
                plural(source.bytes, "byte"),
                plural(source.chunks, "chunk")
            ),
        ),
    ];
    facts.extend(report.resends.iter().map(|first| ("Resends", verdict::resends(first))));
    facts.extend([
        ("Tables", format!("{} → {}", visible(&report.staging_table), visible(&report.final_table))),
        ("Opened", time_to_second(report.opened_at_ms)),
        ("Ended", report.ended_at_ms.map_or_else(|| "not yet".into(), time_to_second)),
        ("Result", verdict::consequence(report).into()),
    ]);
    facts.extend(report.amount_names.is_empty().then(|| ("Amounts", verdict::NO_AMOUNTS.into())));
    let failures = verdict::failures(report).into_iter().enumerate();
    facts.extend(failures.map(|(place, failure)| (if place == 0 { "Failed" } else { "" }, failure)));
    facts.extend(verdict::note(report).map(|note| ("Note", note)));
    facts.extend(verdict::next_step(report).map(|command| ("Next", command)));
    lines(table::facts(style, 0, &facts))
}

fn lines(lines: Vec<String>) -> String {
    lines.into_iter().map(|line| line + "\n").collect()
}

fn levels(report: &Report, style: Style) -> String {
    if report.levels.is_empty() {
        return table::sentence(style, 2, "No level has been read back yet.");
    }
    let relations: Vec<_> =
        report.levels.windows(2).map(|pair| Relations::between(report, &pair[0], &pair[1])).collect();
    let mut columns = vec![Column::left("")];
    for (place, level) in report.levels.iter().enumerate() {
        if place > 0 {
            columns.push(Column::left(""));
        }
        columns.push(Column::right(level.stage.name()));
    }
    let mut grid = Grid::new(columns);
    // Where that is too wide: a name, and each level in a row below it.
    let mut stacked =
        Grid::new(vec![Column::left(""), Column::left(""), Column::left(""), Column::right("")]);
    let mut add = |name: String, values: Vec<String>, signs: Vec<Relation>| {
        stacked.text(table::sentence(style, 2, &name).lines().map(String::from));
        let mut cells = vec![name];
        for (place, value) in values.into_iter().enumerate() {
            let sign = place.checked_sub(1).map(|before| signs[before]);
            cells.extend(sign.map(|sign| sign.sign().to_owned()));
            let stage = report.levels[place].stage.name().to_owned();
            let sign = sign.map_or("", Relation::sign).to_owned();
            stacked.marked(Mark::First('≠', Tone::Bad), vec![String::new(), stage, sign, value.clone()]);
            cells.push(value);
        }
        grid.marked(Mark::First('≠', Tone::Bad), cells);
    };
    let values = |value: &dyn Fn(&domain::report::LevelTotals) -> Option<String>| {
        report.levels.iter().map(|level| value(level).unwrap_or_else(|| "–".into())).collect::<Vec<_>>()
    };
    let signs = |sign: &dyn Fn(&Relations) -> Relation| relations.iter().map(sign).collect::<Vec<_>>();
    add("records".into(), values(&|level| Some(count(level.records))), signs(&|relations| relations.records));
    for (place, name) in report.amount_names.iter().enumerate() {
        add(
            format!("sum of {}", visible(name)),
            values(&|level| level.sums.get(place).copied().map(amount)),
            signs(&|relations| relations.sums.get(place).copied().unwrap_or(Relation::Unknown)),
        );
    }
    add(
        "fingerprint".into(),
        values(&|level| level.fingerprint.map(|hash| shortened(&hash.to_string(), style))),
        signs(&|relations| relations.fingerprint),
    );
    let mut out = if grid.fits(style) { grid.render(style) } else { stacked.render(style) };
    if relations.iter().any(|relations| relations.overall() == Relation::Accounted) {
        let legend = "→ differs by the rejected, held or merged records in the balance";
        out.push_str(&quiet(style, legend));
    }
    out.extend(due_in_final(report).map(|due| quiet(style, &due)));
    if !report.levels.iter().any(|level| level.stage == Stage::Final) {
        out.push_str(&quiet(style, "final was not read, because none of this run's rows are in it"));
    }
    out
}

fn quiet(style: Style, text: &str) -> String {
    table::sentence(style, 2, text).lines().map(|line| style.paint(Tone::Quiet, line) + "\n").collect()
}

fn balance(report: &Report, style: Style) -> String {
    let Some(balance) = report.balance else { return String::new() };
    let read_back = report.levels.iter().find(|level| level.stage == Stage::Final).map(|level| level.records);
    let due = balance.to_promote();
    let mut grid = Grid::new(vec![
        Column::left(""),
        Column::left("").shrinks_to(20),
        Column::right(""),
        Column::left(""),
    ]);
    let mut row = |sign: &str, name: &str, number: u64, agrees: Option<bool>| {
        let mark = agrees.map_or("", |agrees| if agrees { "✓" } else { "✗" });
        let tone = if agrees == Some(true) { Tone::Good } else { Tone::Bad };
        let cells = [sign, name, &count(number), mark].map(String::from).to_vec();
        match mark.chars().next() {
            Some(mark) => grid.marked(Mark::Last(mark, tone), cells),
            None => grid.row(cells),
        }
    };
    row("", "records in the source", balance.records, None);
    row("−", "rejected, kept with reasons", balance.rejected, None);
    row(
        "=",
        "staged",
        balance.staged,
        Some(balance.staged.checked_add(balance.rejected) == Some(balance.records)),
    );
    row("−", "held back by a rule", balance.held, None);
    row("−", "merged into a later record of the same key", balance.merged, None);
    match (read_back, due) {
        (Some(records), due) => row("=", "final, read back", records, Some(due == Some(records))),
        (None, Some(due)) => row("=", "due in final", due, None),
        (None, None) => {}
    }
    let unaccounted = i128::from(balance.records) - i128::from(balance.staged) - i128::from(balance.rejected);
    let mut out = grid.render(style);
    if unaccounted != 0 {
        let (number, what) =
            (unaccounted.unsigned_abs(), if unaccounted > 0 { "too few" } else { "too many" });
        let number = count(u64::try_from(number).unwrap_or(u64::MAX));
        let line = table::sentence(style, 2, &format!("✗ staged and rejected are {number} {what}"));
        out.push_str(&style.paint(Tone::Bad, line.trim_end()));
        out.push('\n');
    }
    out
}

/// The amounts' balance: fields side by side as long as they fit, the rest below; a field of a long name by itself.
fn amounts(report: &Report, style: Style) -> String {
    /// A name of up to so many characters, about an amount's width, is the title of a column.
    const TITLE_MAX: usize = 20;
    let terms = AmountTerm::of(report);
    let name = |place: usize| visible(&report.amounts[place].field);
    let is_long = |place: usize| name(place).chars().count() > TITLE_MAX;
    let grid = |from: usize, to: usize| {
        let label = Column::left("");
        // A field alone may take the label's room: an amount is never shortened.
        let mut columns = vec![if to - from == 1 { label.shrinks_to(12) } else { label }];
        let title = |place| if is_long(place) { String::new() } else { name(place) };
        columns.extend((from..to).map(|place| Column::right(title(place))));
        let mut grid = Grid::new(columns);
        if is_long(from) {
            let title = table::sentence(style, 2, &name(from));
            grid.text(title.lines().map(|line| style.paint(Tone::Quiet, line)));
        }
        for term in &terms {
            let cells = std::iter::once(term.name.to_owned()).chain(term.values[from..to].iter().cloned());
            match term.tone {
                Some(tone) => grid.toned(tone, cells.collect()),
                None => grid.row(cells.collect()),
            }
        }
        grid
    };
    let mut out = String::new();
    let mut from = 0;
    while from < report.amounts.len() {
        let mut to = from + 1;
        while !is_long(from) && to < report.amounts.len() && !is_long(to) && grid(from, to + 1).fits(style) {
            to += 1;
        }
        if from > 0 {
            out.push('\n');
        }
        out.push_str(&grid(from, to).render(style));
        from = to;
    }
    out
}

struct AmountTerm {
    name: &'static str,
    values: Vec<String>,
    tone: Option<Tone>,
}

impl AmountTerm {
    fn of(report: &Report) -> Vec<Self> {
        use domain::balance::AmountBalance;
        let term = |name, tone, value: &dyn Fn(&AmountBalance) -> Option<Amount>| {
            let text = |value: Option<Amount>| value.map_or_else(|| "–".into(), amount);
            Self { name, values: report.amounts.iter().map(|balance| text(value(balance))).collect(), tone }
        };
        let differs = |name, value: &dyn Fn(&AmountBalance) -> Option<Amount>| {
            let any = report.amounts.iter().filter_map(value).any(|amount| !amount.is_zero());
            any.then(|| term(name, Some(Tone::Bad), value))
        };
        let mut terms = vec![
            term("accepted, from the source's bytes", None, &|balance| Some(balance.source)),
            term("staging, read back", None, &|balance| Some(balance.staging)),
        ];
        terms.extend(differs("✗ difference", &|balance| balance.staging.checked_sub(balance.source).ok()));
        terms.push(term("− held or merged", None, &|balance| {
            balance.staging.checked_sub(balance.to_promote).ok()
        }));
        terms.push(term("= due in final", None, &|balance| Some(balance.to_promote)));
        if report.amounts.iter().any(|balance| balance.final_.is_some()) {
            terms.push(term("final, read back", None, &|balance| balance.final_));
            terms.extend(differs("✗ difference", &|balance| {
                balance.final_?.checked_sub(balance.to_promote).ok()
            }));
        }
        if report.balance.is_none_or(|balance| balance.rejected > 0) {
            terms.push(term("in rejects, if readable", Some(Tone::Quiet), &|balance| Some(balance.rejected)));
        }
        terms
    }
}

fn rejects(report: &Report, style: Style) -> String {
    let rejected = report.balance.map(|balance| balance.rejected);
    if report.rejects.is_empty() {
        return match rejected {
            Some(0) => table::sentence(style, 2, "No records were rejected."),
            _ => String::new(),
        };
    }
    let mut grid = Grid::new(vec![
        Column::left("field").shrinks_to(16),
        Column::left("fault"),
        Column::right("records"),
        Column::right("of all"),
        Column::right("first record"),
    ]);
    for group in &report.rejects {
        let of_all = verdict::records(report).map(|all| format::share(group.records, all));
        grid.row(vec![
            group.field.as_deref().map_or_else(|| "whole record".into(), visible),
            group.code.name().into(),
            count(group.records),
            of_all.unwrap_or_else(|| "–".into()),
            count(group.first_record_no),
        ]);
    }
    let mut out = grid.render(style);
    for detail in verdict::reject_details(report) {
        out.push_str(&table::sentence(style, 2, &detail));
    }
    if let Some(books) = &report.resent {
        out.push_str(&table::sentence(style, 2, &format!("rejects: {}", books.sentence())));
        for run in &books.runs {
            out.push_str(&table::sentence(style, 4, &run.sentence()));
        }
    }
    if let Some(rejected) = rejected {
        let kept = format!(
            "{} kept whole: crossfoot rejects {}",
            plural(rejected, "reject"),
            visible(&report.run_id)
        );
        out.push_str(&quiet(style, &kept));
    }
    out
}

fn evidence(report: &Report, style: Style) -> String {
    let mut facts = vec![(
        "Made by",
        format!("crossfoot {}, report version {}", visible(&report.crossfoot_version), report.report_version),
    )];
    if let Some((event, hash)) = report.log_head.map(LogHead::parts) {
        // As it is written down, to be held to the log later.
        facts.push(("Checkpoint", Head { seq: event, hash }.to_string()));
        facts.push(("Verify", "crossfoot audit verify --head CHECKPOINT".into()));
    } else {
        facts.push(("Verify", "crossfoot audit verify".into()));
    }
    lines(table::facts(style, 0, &facts))
}
