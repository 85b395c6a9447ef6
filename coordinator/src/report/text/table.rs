//! Tables for a terminal: one line a row, columns that give way in a stated order when space is short.

use super::style::{Style, Tone};
use crate::report::format::shortened_to;
use comfy_table::{CellAlignment, ColumnConstraint, Row, Table, Width, presets};

/// Blanks before every table line.
const INDENT: u16 = 2;
/// Blanks between two columns.
const GAP: u16 = 2;
/// No column is made narrower than this, whatever happens.
const WIDTH_MIN: u16 = 4;

/// A column of a table, and how it gives way.
#[derive(Debug, Clone)]
pub struct Column {
    title: String,
    right: bool,
    shrinks_to: Option<u16>,
    drops: u8,
}

impl Column {
    /// A column of text; never shortened, never dropped.
    pub fn left(title: impl Into<String>) -> Self {
        Self { title: title.into(), right: false, shrinks_to: None, drops: 0 }
    }

    /// A column of figures.
    pub fn right(title: impl Into<String>) -> Self {
        Self { right: true, ..Self::left(title) }
    }

    /// May be shortened to `width`.
    pub fn shrinks_to(mut self, width: u16) -> Self {
        self.shrinks_to = Some(width);
        self
    }

    /// May be left out; the highest `order` goes first.
    pub fn drops(mut self, order: u8) -> Self {
        self.drops = order;
        self
    }
}

/// Which mark of a row is coloured, and how.
#[derive(Debug, Clone, Copy)]
pub enum Mark {
    /// The first such character of the line.
    First(char, Tone),
    /// The last such character of the line.
    Last(char, Tone),
}

enum Line {
    Row { cells: Vec<String>, tone: Option<Tone>, mark: Option<Mark> },
    Text(String),
}

/// A table in the making.
pub struct Grid {
    columns: Vec<Column>,
    lines: Vec<Line>,
}

impl Grid {
    /// A table with these columns, its titles being its first line unless all are empty.
    pub fn new(columns: Vec<Column>) -> Self {
        let titles: Vec<_> = columns.iter().map(|column| column.title.clone()).collect();
        let mut grid = Self { columns, lines: Vec::new() };
        if titles.iter().any(|title| !title.is_empty()) {
            grid.toned(Tone::Quiet, titles);
        }
        grid
    }

    /// Adds a row of cells.
    pub fn row(&mut self, cells: Vec<String>) {
        self.lines.push(Line::Row { cells, tone: None, mark: None });
    }

    /// Adds a row with a coloured mark.
    pub fn marked(&mut self, mark: Mark, cells: Vec<String>) {
        self.lines.push(Line::Row { cells, tone: None, mark: Some(mark) });
    }

    /// Adds a row that is coloured as a whole: more titles, or a total.
    pub fn toned(&mut self, tone: Tone, cells: Vec<String>) {
        self.lines.push(Line::Row { cells, tone: Some(tone), mark: None });
    }

    /// Adds lines that span all columns.
    pub fn text(&mut self, lines: impl IntoIterator<Item = String>) {
        self.lines.extend(lines.into_iter().map(Line::Text));
    }

    /// Whether the table can be shown without shortening what must not be shortened.
    pub fn fits(&self, style: Style) -> bool {
        self.arrange(style.columns()).1
    }

    /// The table's lines, each with its line feed.
    pub fn render(&self, style: Style) -> String {
        let (widths, _) = self.arrange(style.columns());
        let mut rows = self.table(&widths);
        let mut out = String::new();
        for line in &self.lines {
            match line {
                Line::Row { tone, mark, .. } => {
                    let text = rows.next().unwrap_or_default();
                    let text = text.trim_end();
                    let painted = match (tone, mark) {
                        (Some(tone), _) => style.paint(*tone, text),
                        (None, Some(mark)) => paint_mark(style, text, *mark),
                        (None, None) => text.into(),
                    };
                    push_line(&mut out, usize::from(INDENT), &painted);
                }
                Line::Text(text) => push_line(&mut out, 0, text),
            }
        }
        out
    }

    /// Each column's width, `None` for one that is left out, and whether all fits.
    fn arrange(&self, available: u16) -> (Vec<Option<u16>>, bool) {
        let natural = self.natural_widths();
        let mut widths: Vec<Option<u16>> = natural.iter().copied().map(Some).collect();
        loop {
            let floor = |place: usize, width: u16| {
                width.min(self.columns[place].shrinks_to.unwrap_or(width).max(WIDTH_MIN))
            };
            if shrink(&mut widths, available, floor) {
                return (widths, true);
            }
            let droppable = (0..widths.len())
                .filter(|place| widths[*place].is_some() && self.columns[*place].drops > 0)
                .max_by_key(|place| self.columns[*place].drops);
            let Some(place) = droppable else { break };
            widths = natural.iter().zip(&widths).map(|(natural, kept)| kept.map(|_| *natural)).collect();
            widths[place] = None;
        }
        let soft = |place: usize, width: u16| match self.columns[place].shrinks_to {
            Some(_) => width.min(WIDTH_MIN),
            None => width,
        };
        let fits = shrink(&mut widths, available, soft);
        if !fits {
            shrink(&mut widths, available, |_, width| width.min(WIDTH_MIN));
        }
        (widths, fits)
    }

    fn natural_widths(&self) -> Vec<u16> {
        let mut table = Table::new();
        for line in &self.lines {
            if let Line::Row { cells, .. } = line {
                table.add_row(cells);
            }
        }
        let mut widths = table.column_max_content_widths();
        widths.resize(self.columns.len(), 1);
        widths
    }

    fn table(&self, widths: &[Option<u16>]) -> std::vec::IntoIter<String> {
        let mut table = Table::new();
        // Cells are cut between characters, not between words: two values that differ late stay comparable.
        table.load_preset(presets::NOTHING).set_truncation_indicator("…").set_delimiter('\0');
        let kept: Vec<_> = (0..widths.len()).filter_map(|place| widths[place].map(|w| (place, w))).collect();
        for line in &self.lines {
            if let Line::Row { cells, .. } = line {
                let mut row =
                    Row::from(kept.iter().map(|(place, _)| cells.get(*place).map_or("", |cell| cell)));
                row.max_height(1);
                table.add_row(row);
            }
        }
        for (at, (place, width)) in kept.iter().enumerate() {
            let gap = if at + 1 == kept.len() { 0 } else { GAP };
            if let Some(column) = table.column_mut(at) {
                let right = self.columns[*place].right;
                column.set_cell_alignment(if right { CellAlignment::Right } else { CellAlignment::Left });
                column.set_padding((0, gap));
                column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width + gap)));
            }
        }
        table.lines().collect::<Vec<_>>().into_iter()
    }
}

/// Takes from the widest column that may give until all fits.
fn shrink(widths: &mut [Option<u16>], available: u16, floor: impl Fn(usize, u16) -> u16) -> bool {
    let floors: Vec<_> = widths
        .iter()
        .enumerate()
        .map(|(place, width)| width.map_or(0, |width| floor(place, width)))
        .collect();
    while total(widths) > available {
        let widest = (0..widths.len())
            .filter(|place| widths[*place].is_some_and(|width| width > floors[*place]))
            .max_by_key(|place| widths[*place]);
        let Some(width) = widest.and_then(|place| widths[place].as_mut()) else { return false };
        *width -= 1;
    }
    true
}

fn total(widths: &[Option<u16>]) -> u16 {
    let kept = widths.iter().flatten();
    let content = kept.clone().fold(0_u16, |sum, width| sum.saturating_add(*width));
    let gaps = u16::try_from(kept.count().saturating_sub(1)).unwrap_or(u16::MAX).saturating_mul(GAP);
    content.saturating_add(gaps).saturating_add(INDENT)
}

fn paint_mark(style: Style, text: &str, mark: Mark) -> String {
    let (at, character, tone) = match mark {
        Mark::First(character, tone) => (text.find(character), character, tone),
        Mark::Last(character, tone) => (text.rfind(character), character, tone),
    };
    let Some(at) = at else { return text.into() };
    let (before, rest) = text.split_at(at);
    let after = &rest[character.len_utf8()..];
    format!("{before}{}{after}", style.paint(tone, &character.to_string()))
}

fn push_line(out: &mut String, indent: usize, text: &str) {
    if !text.is_empty() {
        out.extend(std::iter::repeat_n(' ', indent));
        out.push_str(text);
    }
    out.push('\n');
}

/// Names and what they stand for, the latter wrapped and aligned; each line begins with `indent` blanks.
pub fn facts(style: Style, indent: u16, facts: &[(&str, String)]) -> Vec<String> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    for (name, value) in facts {
        table.add_row([*name, value]);
    }
    let name_width = table.column_max_content_widths().first().copied().unwrap_or(1);
    let rest = style.columns().saturating_sub(indent + name_width + GAP).max(WIDTH_MIN);
    for (at, width, gap) in [(0, name_width, GAP), (1, rest, 0)] {
        if let Some(column) = table.column_mut(at) {
            column.set_padding((0, gap));
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width + gap)));
        }
    }
    let blanks = " ".repeat(indent.into());
    let line = |line: String| {
        let line = line.trim_end();
        let end = line.char_indices().nth(name_width.into()).map_or(line.len(), |(end, _)| end);
        let (name, value) = line.split_at(end);
        format!("{blanks}{}{value}", style.paint(Tone::Quiet, name))
    };
    table.lines().map(line).collect()
}

/// Wraps a sentence to the terminal.
pub fn sentence(style: Style, indent: u16, text: &str) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).add_row([text]);
    if let Some(column) = table.column_mut(0) {
        column.set_padding((0, 0));
        let width = style.columns().saturating_sub(indent).max(WIDTH_MIN);
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
    }
    let mut out = String::new();
    for line in table.lines() {
        push_line(&mut out, indent.into(), line.trim_end());
    }
    out
}

/// A text at the left and a value at the right of what the terminal has after `indent` columns: in one line if both
/// fit, else the text wrapped between words and the value in a line of its own. A SHA-256 value is shortened.
pub fn spread(style: Style, indent: u16, text: &str, value: &str) -> Vec<String> {
    let value = shortened(value, style);
    let mut lines: Vec<_> =
        sentence(style, indent, text).lines().map(|line| line.trim_start().to_owned()).collect();
    let room = style.columns().saturating_sub(indent);
    let blanks = |used: u16| " ".repeat(room.saturating_sub(used).into());
    match lines.last_mut() {
        Some(last) if width(last) + GAP + width(&value) <= room => {
            let blanks = blanks(width(last) + width(&value));
            last.push_str(&blanks);
            last.push_str(&value);
        }
        _ => lines.extend(sentence(style, indent, &value).lines().map(|line| {
            let line = line.trim_start();
            blanks(width(line)) + line
        })),
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// A SHA-256 value by as many of its first digits as the terminal has room for beside others; other texts as they are.
pub fn shortened(text: &str, style: Style) -> String {
    shortened_to(if style.columns() < 100 { 12 } else { 16 }, text)
}

/// How many columns of a terminal the text takes.
fn width(text: &str) -> u16 {
    let mut table = Table::new();
    table.add_row([text]);
    table.column_max_content_widths().first().copied().unwrap_or(0)
}
