//! Where the source's bytes went, as a balance.

use domain::bytes::{ByteBalance, ByteClass, ByteCounts};

use super::style::{Style, Tone};
use super::table::{Column, Grid, Mark, sentence};
use crate::report::format::{count, visible};
use crate::report::verdict::byte_notes;

/// The balance in bytes: of the source in all and, in a job of several record types, of each of them.
#[must_use]
pub fn bytes_table(balance: &ByteBalance, style: Style) -> String {
    let mut grid = Grid::new(vec![
        Column::left(""),
        Column::left("").shrinks_to(20),
        Column::right(""),
        Column::left(""),
    ]);
    let row = |sign: &str, name: &str, bytes: u64, mark: &str| {
        [sign, name, &count(bytes), mark].map(String::from).to_vec()
    };
    grid.row(row("", "bytes in the source, decompressed", balance.source, ""));
    for (place, class) in ByteClass::ALL.iter().enumerate() {
        grid.row(row(if place == 0 { "=" } else { "+" }, class.words(), balance.classes.of(*class), ""));
    }
    match (balance.holds(), balance.classes.total()) {
        (true, _) => grid.marked(Mark::Last('✓', Tone::Good), row("", "accounted for", balance.source, "✓")),
        // Chunks that were not counted are a warning, and no difference.
        (false, Ok(total)) if is_uncounted(balance) => grid.row(row("", "accounted for", total, "!")),
        (false, Ok(total)) => grid.marked(Mark::Last('✗', Tone::Bad), row("", "accounted for", total, "✗")),
        (false, Err(error)) => grid.text([style.paint(Tone::Bad, &format!("  ✗ {error}"))]),
    }
    let mut out = grid.render(style);
    if balance.types.len() > 1 {
        out.push('\n');
        out.push_str(&by_type(balance).render(style));
    }
    for note in byte_notes(balance) {
        out.push_str(&sentence(style, 2, &note));
    }
    out
}

/// Whether all that is wrong is that an earlier version did not count.
fn is_uncounted(balance: &ByteBalance) -> bool {
    balance.chunks_uncounted > 0 && balance.chunks_off == 0 && balance.is_consistent()
}

/// A line for each record type and class that it has bytes of.
fn by_type(balance: &ByteBalance) -> Grid {
    let mut grid = Grid::new(vec![
        Column::left("record type").shrinks_to(20),
        Column::left("class"),
        Column::right("bytes"),
    ]);
    let mut rows = |name: &str, counts: &ByteCounts| {
        let mut name = name.to_owned();
        for class in ByteClass::ALL.iter().filter(|class| counts.of(**class) > 0) {
            grid.row(vec![std::mem::take(&mut name), class.words().into(), count(counts.of(*class))]);
        }
    };
    for of_type in &balance.types {
        rows(&visible(&of_type.record), &of_type.bytes);
    }
    rows("of no type", &balance.untyped);
    rows("outside records", &ByteCounts::only(ByteClass::Framing, balance.outside));
    grid
}
