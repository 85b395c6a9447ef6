//! Which bytes of a fixed record are which field.

use domain::layout::Layout;
use domain::value::FieldType;

use super::delimited::{Piece, State};
use super::fault::Fault;
use super::padding::Padding;
use super::spec::{Encoding, Fixed, FormatSpec, REST};

/// Cuts records at the fields' positions.
#[derive(Debug, Clone)]
pub(super) struct Cutter {
    /// The length that every record has, or has at least.
    pub(super) record_bytes: usize,
    /// Whether a record may be longer.
    pub(super) is_open: bool,
    /// What may follow the last field.
    padding: Padding,
    /// Where the last field ends; all of the record where a field takes the rest.
    reach: usize,
    space: u8,
    pieces: Vec<Piece>,
    /// The fields that take the rest of the record.
    rests: Vec<usize>,
}

impl Cutter {
    /// Fails on a field without a position, or one that reaches past the record.
    pub(super) fn new(form: &Fixed, spec: &FormatSpec, layout: &Layout) -> Result<Self, String> {
        let mut pieces = Vec::with_capacity(layout.fields.len());
        let mut rests = Vec::new();
        for (field, field_form) in layout.fields.iter().zip(&spec.fields) {
            let Some((start, length)) = field_form.span else {
                return Err(format!("field `{}` has no position in the record", field.name));
            };
            let length = if length == REST {
                rests.push(pieces.len());
                0
            } else {
                length
            };
            let Some(end) = start.checked_add(length).filter(|end| *end <= form.record_bytes) else {
                return Err(format!(
                    "field `{}` extends beyond the record's {} bytes",
                    field.name, form.record_bytes
                ));
            };
            let state = if field.ty == FieldType::Bytes { State::Raw } else { State::Plain };
            pieces.push(Piece::of_record(start, end, state));
        }
        let is_open = form.padding.is_open() || !rests.is_empty();
        let reach = match rests.is_empty() {
            true => pieces.iter().map(|piece| piece.end).max().unwrap_or(0),
            false => usize::MAX,
        };
        let space = if let Encoding::Page(page) = spec.encoding { page.space() } else { b' ' };
        Ok(Self {
            record_bytes: form.record_bytes,
            is_open,
            padding: form.padding,
            reach,
            space,
            pieces,
            rests,
        })
    }

    /// Why the bytes after the last field are no padding; `None` when they are.
    pub(super) fn objection(&self, record: &[u8]) -> Option<Fault> {
        let after = (self.reach, record.len());
        self.padding.objection(record, after, self.space, || "after the record's last field".to_owned())
    }

    /// Where a field of a record of this length is, and how long it is; `None` where the record ends before it does.
    pub(super) fn place(&self, index: usize, record_bytes: usize) -> Option<(usize, usize)> {
        let piece = self.pieces.get(index)?;
        let end = if self.rests.contains(&index) { record_bytes.max(piece.start) } else { piece.end };
        (end <= record_bytes).then_some((piece.start, end - piece.start))
    }

    /// Puts the fields of a record of this length, which must be right, into `pieces`.
    pub(super) fn cut(&self, record_bytes: usize, pieces: &mut Vec<Piece>) {
        let before = pieces.len();
        pieces.extend_from_slice(&self.pieces);
        for rest in &self.rests {
            if let Some(piece) = pieces.get_mut(before + rest) {
                piece.end = record_bytes.max(piece.start);
            }
        }
    }
}
