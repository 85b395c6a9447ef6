//! What encoding the accepted records again came to.

use domain::round_trip::DecodeProofReport;

use super::style::Style;
use super::table::{Column, Grid, sentence};
use crate::report::format::{count, visible};
use crate::report::verdict::{FORMS_SHOWN, forms_more};

/// The decode proof: how many records, and which values are in another form than the usual one.
#[must_use]
pub fn decoding_table(proof: &DecodeProofReport, style: Style) -> String {
    let mut out = sentence(style, 2, &proof.sentence());
    let shown = proof.most_frequent(FORMS_SHOWN);
    if shown.is_empty() {
        return out;
    }
    let mut grid = Grid::new(vec![
        Column::left("field").shrinks_to(16),
        Column::left("other form"),
        Column::right("values"),
    ]);
    for of in shown {
        grid.row(vec![visible(&proof.field_of(of)), of.kind.name().into(), count(of.values)]);
    }
    out.push('\n');
    out.push_str(&grid.render(style));
    for kind in proof.by_kind() {
        out.push_str(&sentence(style, 2, &format!("{}: {}", kind.0.name(), kind.0.text())));
    }
    if let Some(more) = forms_more(proof) {
        out.push_str(&sentence(style, 2, &more));
    }
    out
}
