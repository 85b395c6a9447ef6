//! The runs of a job, one a line: what each had, as a bar and against the median of the runs before it.

use domain::amount::Amount;
use domain::report::Outcome;
use domain::trend::grouped;

use super::style::{Style, Tone};
use super::table::{Column, Grid, Mark, sentence};
use crate::report::format::visible;
use crate::report::trends::{Figure, TrendRow};

/// Eight heights, from a sliver to the whole.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The runs given, the newest first.
#[must_use]
pub fn trends_table(job: &str, rows: &[TrendRow], style: Style) -> String {
    if rows.is_empty() {
        return sentence(style, 0, &format!("No runs of {} yet.", visible(job)));
    }
    let names: Vec<&str> = rows
        .iter()
        .map(|row| row.amounts.iter().map(|amount| amount.field.as_str()).collect::<Vec<_>>())
        .max_by_key(Vec::len)
        .unwrap_or_default();
    let mut columns = vec![
        Column::left(""),
        Column::left("run").drops(5),
        Column::left("opened (UTC)"),
        Column::left("outcome").drops(1),
        Column::left(""),
        Column::right("records"),
        Column::right("± median"),
        Column::right("rejects"),
    ];
    for name in &names {
        columns.push(Column::right(visible(name)).drops(2));
        columns.push(Column::right("±").drops(3));
    }
    columns.push(Column::right("seconds").drops(4));
    columns.push(Column::right("rec/s").drops(6));
    let most = rows.iter().filter_map(|row| row.records.as_ref()).map(|figure| figure.value).max();
    let mut grid = Grid::new(columns);
    for row in rows {
        let is_far = far(row).is_some();
        let mut cells = vec![
            mark(row, is_far).to_string(),
            row.run_id.to_string().split_off(24),
            when(row),
            row.outcome.name().into(),
            bar(row.records.as_ref(), most),
            shown(row.records.as_ref()),
            deviation(row.records.as_ref()),
            shown(row.rejects.as_ref()),
        ];
        for name in &names {
            let figure = row.amounts.iter().find(|amount| amount.field == *name).map(|amount| &amount.figure);
            cells.push(shown(figure));
            cells.push(deviation(figure));
        }
        cells.push(seconds(&row.duration_ms));
        cells.push(
            row.records_per_second
                .map_or_else(|| "–".into(), |n| grouped(Amount::from(i64::try_from(n).unwrap_or(i64::MAX)))),
        );
        let tone = match (row.outcome, is_far) {
            (Outcome::NotReconciled, _) => Tone::Bad,
            (_, true) => Tone::Notice,
            (Outcome::Reconciled, _) => Tone::Good,
            _ => Tone::Quiet,
        };
        grid.marked(Mark::First(mark(row, is_far), tone), cells);
    }
    let mut out = grid.render(style);
    for row in rows {
        if let Some(what) = far(row) {
            let line = format!(
                "! {}: {what} deviates from {} {}",
                when(row),
                row.compared_with.count,
                row.compared_with.name
            );
            out.push_str(&style.paint(Tone::Notice, sentence(style, 2, &line).trim_end()));
            out.push('\n');
        }
    }
    out
}

/// Which figures are far off, if any is.
fn far(row: &TrendRow) -> Option<String> {
    let single = [
        ("records", row.records.as_ref()),
        ("rejects", row.rejects.as_ref()),
        ("seconds", Some(&row.duration_ms)),
    ];
    let amounts = row.amounts.iter().map(|amount| (amount.field.as_str(), Some(&amount.figure)));
    let far = single.into_iter().chain(amounts).filter_map(|(name, figure)| {
        let figure = figure.filter(|figure| figure.is_far)?;
        let deviation = figure.deviation.as_deref().unwrap_or("from zero");
        Some(format!("{} {deviation}", visible(name)))
    });
    let far = far.collect::<Vec<_>>().join(", ");
    if far.is_empty() { None } else { Some(far) }
}

fn mark(row: &TrendRow, is_far: bool) -> char {
    match (row.outcome, is_far) {
        (Outcome::NotReconciled, _) => '✗',
        (_, true) => '!',
        (Outcome::Reconciled, _) => '✓',
        _ => '·',
    }
}

fn when(row: &TrendRow) -> String {
    let iso = platform::clock::iso(row.opened_at_ms);
    let minute = iso.get(..16).unwrap_or(&iso).replace('T', " ");
    format!("{} {minute}", row.weekday.get(..3).unwrap_or(row.weekday))
}

/// As high as the figure is of the highest.
fn bar(figure: Option<&Figure>, most: Option<Amount>) -> String {
    let (Some(figure), Some(most)) = (figure, most) else { return String::new() };
    let (value, most) = (figure.value.mantissa().max(0), most.mantissa().max(1));
    // Records: whole numbers of 64 bits.
    let eighths = usize::try_from((value * 8 + most - 1) / most).unwrap_or(8).clamp(1, 8);
    BARS[eighths - 1].to_string()
}

fn shown(figure: Option<&Figure>) -> String {
    figure.map_or_else(|| "–".into(), |figure| grouped(figure.value))
}

fn deviation(figure: Option<&Figure>) -> String {
    figure.and_then(|figure| figure.deviation.clone()).unwrap_or_else(|| "–".into())
}

fn seconds(figure: &Figure) -> String {
    let tenths = figure.value.mantissa() / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::trends::{AmountFigure, ComparedWith};

    fn figure(value: &str, deviation: Option<&str>, is_far: bool) -> Figure {
        let median = deviation.map(|_| value.parse().unwrap());
        Figure { value: value.parse().unwrap(), median, deviation: deviation.map(Into::into), is_far }
    }

    fn row(day: i64, records: &str, deviation: Option<&str>, is_far: bool) -> TrendRow {
        TrendRow {
            run_id: "019ab3f2-71c5-7d04-9c1e-5b6f2a80d7e3".parse().unwrap(),
            opened_at_ms: 1_704_067_200_000 + day * 86_400_000,
            weekday: "Monday",
            outcome: Outcome::Reconciled,
            compared_with: ComparedWith { count: 6, name: "Mondays".into() },
            records: Some(figure(records, deviation, is_far)),
            rejects: Some(figure("0", None, false)),
            amounts: vec![AmountFigure { field: "amt".into(), figure: figure("1234.50", None, false) }],
            duration_ms: figure("2500", None, false),
            records_per_second: Some(16_924),
        }
    }

    #[test]
    fn a_run_far_from_its_history_stands_out() {
        let rows = [row(7, "25340", Some("-40.2 %"), true), row(0, "42310", Some("+0.1 %"), false)];
        let out = trends_table("j", &rows, Style::plain(160));
        assert!(
            out.contains("!  5b6f2a80d7e3  Mon 2024-01-08 00:00  reconciled  ▅   25,340   -40.2 %"),
            "{out}"
        );
        assert!(
            out.contains("✓  5b6f2a80d7e3  Mon 2024-01-01 00:00  reconciled  █   42,310    +0.1 %"),
            "{out}"
        );
        assert!(out.contains("records -40.2 % deviates from 6 Mondays"), "{out}");
        assert!(out.contains("1,234.50") && out.contains("2.5") && out.contains("16,924"), "{out}");
        let narrow = trends_table("j", &rows, Style::plain(60));
        assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    }

    #[test]
    fn a_job_that_never_ran_has_no_table() {
        assert!(trends_table("j", &[], Style::plain(80)).starts_with("No runs of j yet"));
    }
}
