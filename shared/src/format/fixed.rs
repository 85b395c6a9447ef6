//! Which bytes of a fixed record are which field.

use domain::layout::Layout;
use domain::value::FieldType;

use super::delimited::{Piece, State};
use super::spec::{Fixed, FormatSpec};

/// Cuts records at the fields' positions.
#[derive(Debug, Clone)]
pub(super) struct Cutter {
    /// The length that every record has.
    pub(super) record_bytes: usize,
    pieces: Vec<Piece>,
}

impl Cutter {
    /// Fails on a field without a position, or one that reaches past the record.
    pub(super) fn new(form: &Fixed, spec: &FormatSpec, layout: &Layout) -> Result<Self, String> {
        let mut pieces = Vec::with_capacity(layout.fields.len());
        for (field, field_form) in layout.fields.iter().zip(&spec.fields) {
            let Some((start, length)) = field_form.span else {
                return Err(format!("field `{}` has no position in the record", field.name));
            };
            let Some(end) = start.checked_add(length).filter(|end| *end <= form.record_bytes) else {
                return Err(format!(
                    "field `{}` reaches past the record's {} bytes",
                    field.name, form.record_bytes
                ));
            };
            let state = if field.ty == FieldType::Bytes { State::Raw } else { State::Plain };
            pieces.push(Piece::of_record(start, end, state));
        }
        Ok(Self { record_bytes: form.record_bytes, pieces })
    }

    /// Where a field is, and its length.
    pub(super) fn place(&self, index: usize) -> Option<(usize, usize)> {
        self.pieces.get(index).map(|piece| (piece.start, piece.end - piece.start))
    }

    /// Puts the fields of a record, which must have the right length, into `pieces`.
    pub(super) fn cut(&self, pieces: &mut Vec<Piece>) {
        pieces.extend_from_slice(&self.pieces);
    }
}
