//! A report on a load that another program made, as text for a terminal.

use coordinator::report::format::{amount, count, duration, plural, share, time_to_second, visible};
use coordinator::report::text::style::{Style, Tone, section};
use coordinator::report::text::table::{Column, Grid, Mark, facts, sentence, shortened};
use coordinator::report::text::{bytes_table, checks_table, decoding_table};
use domain::check::Verdict;
use domain::comparison::{
    ComparedTable, Difference, Equality, EqualityUse, LoadOutcome, LoadReport, ReadPhase,
};
use domain::report::LogHead;

/// Shows the whole report as text, the verdict as its first line and again at its end.
#[must_use]
pub fn text(report: &LoadReport, style: Style) -> String {
    let verdict = verdict_line(report, style);
    let mut out = format!("{verdict}\n");
    out.push_str(&header(report, style));
    for table in &report.tables {
        section(&mut out, style, &visible(&format!("{} → {}", table.record, table.table)));
        out.push_str(&compared(table, style));
    }
    let sections = [
        ("Bytes", report.bytes.as_ref().map(|bytes| bytes_table(bytes, style)).unwrap_or_default()),
        (
            "Decoding",
            report.decode_proof.as_ref().map(|proof| decoding_table(proof, style)).unwrap_or_default(),
        ),
        ("Checks", checks_table(&report.checks, Style { lists_passed: true, ..style })),
        ("Workers", workers(report, style)),
        ("Rejects", if report.bytes.is_some() { rejects(report, style) } else { String::new() }),
        ("Differences", differences(report, style)),
    ];
    for (title, body) in sections {
        if !body.is_empty() {
            section(&mut out, style, title);
            out.push_str(&body);
        }
    }
    end(&mut out, report.log_head.as_ref(), &verdict, style);
    out
}

/// The end of a report: the event that has it, and the verdict again.
pub(crate) fn end(out: &mut String, head: Option<&LogHead>, verdict: &str, style: Style) {
    if let Some(head) = head {
        let (seq, hash) = head.parts();
        section(out, style, "Evidence");
        let text = format!("event {} of the log, {}", count(seq), shortened(&hash.to_string(), style));
        out.push_str(&sentence(style, 2, &text));
    }
    out.push('\n');
    out.push_str(verdict);
}

fn verdict_line(report: &LoadReport, style: Style) -> String {
    let word = report.outcome.name().to_uppercase();
    let tone = match report.outcome {
        LoadOutcome::Reconciled => Tone::Good,
        LoadOutcome::NotReconciled => Tone::Bad,
    };
    let text = summary_line(report);
    format!("{}  {text}\n", style.paint(Tone::Strong, &style.paint(tone, &word)))
}

/// What a verdict rests on, or what is wrong, in a line.
pub(crate) fn summary_line(report: &LoadReport) -> String {
    match report.outcome {
        LoadOutcome::Reconciled => grounds(report),
        LoadOutcome::NotReconciled => faults(report),
    }
}

/// What a verdict rests on, in a line.
fn grounds(report: &LoadReport) -> String {
    let rows = |of: fn(&ComparedTable) -> u64| report.tables.iter().map(of).sum::<u64>();
    let equal = rows(|table| table.balance.equal);
    let mut parts = vec![format!("{} = {}", plural(equal, "record"), plural(equal, "row"))];
    let replaced = rows(|table| table.balance.replaced);
    if replaced > 0 {
        parts.push(format!("{} replaced by later runs", count(replaced)));
    }
    let allowed = rows(|table| table.balance.allowed);
    if allowed > 0 {
        parts.push(format!("{} of later runs or other loads", plural(allowed, "row")));
    }
    if report.rejected > 0 {
        parts.push(format!("{} rejected", count(report.rejected)));
    }
    // What the verdict says nothing about stands beside it.
    let not_compared: u64 = report.not_compared.iter().map(|(_, records)| records).sum();
    if not_compared > 0 {
        let types: Vec<_> = report.not_compared.iter().map(|(record, _)| visible(record)).collect();
        parts.push(format!("{} not compared ({})", plural(not_compared, "record"), types.join(", ")));
    }
    let left_out: usize = report.tables.iter().map(|table| table.left_out.len()).sum();
    if left_out > 0 {
        parts.push(format!("{} left out", plural(left_out as u64, "field")));
    }
    parts.push(format!("{} passed", plural(report.counts.passed as u64, "check")));
    parts.join(" · ")
}

fn faults(report: &LoadReport) -> String {
    let decided = report.counts.decided() as u64;
    let mut parts =
        vec![format!("{} of {} failed", count(report.counts.failed as u64), plural(decided, "check"))];
    if report.differences > 0 {
        parts.push(plural(report.differences, "difference"));
    }
    parts.join(" · ")
}

fn header(report: &LoadReport, style: Style) -> String {
    let source = &report.source;
    let sha256 = source.sha256.map_or_else(|| "not known".into(), |hash| shortened(&hash.to_string(), style));
    let digest = shortened(&report.job_digest.to_string(), style);
    let of_source = match report.bytes {
        Some(_) => format!(
            "{} · {} · sha256 {sha256}",
            plural(source.bytes, "byte"),
            plural(report.records, "record")
        ),
        None => plural(report.records, "row"),
    };
    let failed = report
        .checks
        .iter()
        .filter(|check| check.verdict == Verdict::Fail)
        .map(|check| visible(&check.fault()));
    let mut lines = vec![
        ("Job", format!("{} (sha256 {digest})", visible(&report.job))),
        ("Source", visible(&source.location)),
        ("", of_source),
        ("Target", visible(&report.target.location)),
        ("", format!("{} · {}", visible(&report.target.kind), visible(&report.target.snapshot))),
        ("Started", time_to_second(report.started_at_ms)),
        ("Took", duration(report.elapsed_ms)),
        ("Result", result(report).into()),
    ];
    let phases = resumed(report).into_iter().enumerate();
    lines.extend(phases.map(|(at, phase)| (if at == 0 { "Resumed" } else { "" }, phase)));
    lines.extend(failed.enumerate().map(|(at, fault)| (if at == 0 { "Failed" } else { "" }, fault)));
    facts(style, 0, &lines).into_iter().map(|line| line + "\n").collect()
}

/// When each phase was done, of a comparison that was resumed.
pub(crate) fn resumed(report: &LoadReport) -> Vec<String> {
    let phase = |phase: &ReadPhase| {
        let when = if phase.earlier { "before" } else { "after" };
        let (began, ended) = (time_to_second(phase.began_at_ms), time_to_second(phase.ended_at_ms));
        format!("{} was read from {began} to {ended}, {when} it was resumed", visible(&phase.what))
    };
    report.resumed.iter().map(phase).collect()
}

/// What the verdict means.
pub(crate) const fn result(report: &LoadReport) -> &'static str {
    match report.outcome {
        LoadOutcome::Reconciled => {
            "each accepted record has one equal row in the target, and each row a record"
        }
        LoadOutcome::NotReconciled => {
            "the target does not hold what the source says; nothing was changed in it"
        }
    }
}

fn compared(table: &ComparedTable, style: Style) -> String {
    let mut out = String::new();
    let by = match table.key.is_empty() {
        true => "whole records, each as often as it occurs".to_owned(),
        false => table.key.join(", "),
    };
    let mut lines = vec![("Compared by", visible(&by))];
    lines.extend(table.filter.as_ref().map(|filter| ("Rows where", visible(filter))));
    if !table.left_out.is_empty() {
        lines.push(("Left out", visible(&table.left_out.join(", "))));
    }
    lines.extend(table.replaced_by.iter().map(|(run, records)| ("Replaced", replaced(run, *records))));
    for line in facts(style, 2, &lines) {
        out.push_str(&(line + "\n"));
    }
    out.push('\n');
    out.push_str(&balance(table, style));
    if !table.amounts.is_empty() {
        out.push('\n');
        out.push_str(&amounts(table, style));
    }
    if !table.declared.is_empty() {
        out.push('\n');
        out.push_str(&equalities(&table.declared, "equal under", style));
    }
    if !table.differing.is_empty() {
        out.push('\n');
        let mut grid =
            Grid::new(vec![Column::left("field").shrinks_to(20), Column::right("values that differ")]);
        table.differing.iter().for_each(|(field, values)| grid.row(vec![visible(field), count(*values)]));
        out.push_str(&grid.render(style));
    }
    if !table.would_be_equal.is_empty() {
        out.push('\n');
        out.push_str(&equalities(&table.would_be_equal, "would be equal under", style));
        out.push_str(&sentence(
            style,
            2,
            "If these differences are intended, declare them with `equal_for` under [[target]].",
        ));
    }
    out
}

/// How many records' rows a later run replaced.
pub(crate) fn replaced(run: &str, records: u64) -> String {
    format!("{} by run {}", plural(records, "record"), visible(run))
}

/// Where both sides' records and rows went.
fn balance(table: &ComparedTable, style: Style) -> String {
    let balance = &table.balance;
    let mut grid = Grid::new(vec![
        Column::left(""),
        Column::left("").shrinks_to(20),
        Column::right("source"),
        Column::right("target"),
        Column::left(""),
    ]);
    let mut row =
        |sign: &str, name: &str, source: Option<u64>, target: Option<u64>, is_well: Option<bool>| {
            let cell = |number: Option<u64>| number.map(count).unwrap_or_default();
            let mark = is_well.map_or("", |is_well| if is_well { "✓" } else { "✗" });
            let cells = vec![sign.to_owned(), name.to_owned(), cell(source), cell(target), mark.to_owned()];
            match (mark.chars().next(), is_well) {
                (Some(mark), Some(true)) => grid.marked(Mark::Last(mark, Tone::Good), cells),
                (Some(mark), _) => grid.marked(Mark::Last(mark, Tone::Bad), cells),
                (None, _) => grid.row(cells),
            }
        };
    row("", "accepted records, rows read", Some(balance.accepted), Some(balance.rows), None);
    if balance.merged > 0 {
        row("−", "merged into a later record of the same key", Some(balance.merged), None, None);
    }
    if balance.replaced > 0 {
        row("−", "replaced by later runs", Some(balance.replaced), None, None);
    }
    if balance.allowed > 0 {
        row("−", "rows of later runs or other loads", None, Some(balance.allowed), None);
    }
    let wrong = |number: u64| (number > 0).then_some(false);
    row("−", "with other values", Some(balance.differing), Some(balance.differing), wrong(balance.differing));
    row("−", "records without a row", Some(balance.missing), None, wrong(balance.missing));
    row("−", "rows doubled", None, Some(balance.doubled), wrong(balance.doubled));
    row("−", "rows of no record", None, Some(balance.extra), wrong(balance.extra));
    if balance.unstable_records + balance.unstable_rows > 0 {
        let (records, rows) = (balance.unstable_records, balance.unstable_rows);
        row("−", "changed while they were read", Some(records), Some(rows), Some(false));
    }
    row("=", "equal", Some(balance.equal), Some(balance.equal), Some(balance.holds()));
    grid.render(style)
}

fn amounts(table: &ComparedTable, style: Style) -> String {
    let mut grid = Grid::new(vec![
        Column::left("sum of").shrinks_to(12),
        Column::right("source"),
        Column::right("target"),
        Column::right("difference"),
        Column::left(""),
    ]);
    for of in &table.amounts {
        let Some(target) = of.target else {
            grid.row(vec![
                visible(&of.field),
                amount(of.source),
                "not compared".into(),
                String::new(),
                String::new(),
            ]);
            continue;
        };
        if of.not_summed > 0 {
            let told = format!("{} not exact", count(of.not_summed));
            grid.row(vec![visible(&of.field), amount(of.source), told, String::new(), "–".into()]);
            continue;
        }
        let difference = target.checked_sub(of.source).map_or_else(|_| "too large".into(), amount);
        let is_equal = target == of.source;
        let (sign, tone) = if is_equal { ('✓', Tone::Good) } else { ('✗', Tone::Bad) };
        let cells = vec![visible(&of.field), amount(of.source), amount(target), difference, sign.to_string()];
        grid.marked(Mark::Last(sign, tone), cells);
    }
    grid.render(style)
}

fn equalities(uses: &[EqualityUse], title: &str, style: Style) -> String {
    let mut grid = Grid::new(vec![
        Column::left("field").shrinks_to(20),
        Column::left(title).shrinks_to(16),
        Column::right("values"),
    ]);
    for of in uses {
        let names: Vec<_> = of.equalities.iter().copied().map(Equality::name).collect();
        grid.row(vec![visible(&of.field), names.join(", "), count(of.values)]);
    }
    grid.render(style)
}

fn workers(report: &LoadReport, style: Style) -> String {
    let mut grid = Grid::new(vec![
        Column::left("worker"),
        Column::right("parts"),
        Column::right("records"),
        Column::right("rejected"),
        Column::right("busy"),
    ]);
    for worker in &report.workers {
        grid.row(vec![
            visible(&worker.name),
            count(worker.parts),
            count(worker.records),
            count(worker.rejected),
            duration(worker.busy_ms),
        ]);
    }
    let mut out = grid.render(style);
    let told = "A decoder's records are the source's, a reader's are rows, and a comparer's are both.";
    out.push_str(&style.paint(Tone::Quiet, sentence(style, 2, told).trim_end()));
    out.push('\n');
    out
}

fn rejects(report: &LoadReport, style: Style) -> String {
    if report.rejected == 0 {
        return sentence(style, 2, "No records were rejected.");
    }
    let mut grid = Grid::new(vec![
        Column::left("field").shrinks_to(16),
        Column::left("fault"),
        Column::right("records"),
        Column::right("of all"),
        Column::right("first record"),
    ]);
    for group in &report.rejects {
        grid.row(vec![
            group.field.as_deref().map_or_else(|| "whole record".into(), visible),
            group.code.to_string(),
            count(group.records),
            share(group.records, report.records),
            count(group.first_record_no),
        ]);
    }
    grid.render(style)
}

/// The first differences, a line for each field.
pub(crate) fn differences(report: &LoadReport, style: Style) -> String {
    if report.differences == 0 {
        return sentence(style, 2, "There are none.");
    }
    let mut grid = Grid::new(vec![
        Column::right("record"),
        Column::right("at byte").drops(1),
        Column::left("what"),
        Column::left("key").shrinks_to(12),
        Column::left("field").shrinks_to(10),
        Column::left("source").shrinks_to(10),
        Column::left("target").shrinks_to(10),
    ]);
    for difference in &report.first_differences {
        rows(&mut grid, difference);
    }
    let mut out = grid.render(style);
    let shown = report.first_differences.len() as u64;
    if report.differences > shown {
        let more = report.differences - shown;
        let text = format!("and {} more; `--differences FILE` writes them all", count(more));
        out.push_str(&style.paint(Tone::Quiet, sentence(style, 2, &text).trim_end()));
        out.push('\n');
    }
    out
}

/// A line for each field that differs; of a record or row without another, one line.
fn rows(grid: &mut Grid, difference: &Difference) {
    let number = |number: Option<u64>| number.map_or_else(|| "–".into(), count);
    let key: Vec<_> = difference.key.iter().map(|(_, value)| visible(value)).collect();
    let head = [
        number(difference.record_no),
        number(difference.byte_offset),
        difference.kind.name().to_owned(),
        key.join(" · "),
    ];
    if difference.fields.is_empty() {
        grid.row(head.into_iter().chain(std::iter::repeat_n(String::new(), 3)).collect());
        return;
    }
    for (at, field) in difference.fields.iter().enumerate() {
        let (source, target) = coordinator::report::format::differing(&field.source, &field.target);
        let rest = [visible(&field.field), visible(&source), visible(&target)];
        let head = if at == 0 { head.clone() } else { Default::default() };
        grid.row(head.into_iter().chain(rest).collect());
    }
}
