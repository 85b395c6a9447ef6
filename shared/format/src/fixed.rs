//! Which bytes of a fixed record are which field.

use domain::bytes::ByteCounts;
use domain::layout::Layout;
use domain::value::FieldType;

use super::delimited::{Piece, State};
use super::fault::Fault;
use super::padding::{Blanks, Padding};
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
    /// The fields in the order of their places: they may overlap, and a byte counts once.
    order: Vec<usize>,
    /// The places before the last field's end that the layout gives to no field.
    gaps: Vec<(usize, usize)>,
    blanks: Blanks,
}

/// The places up to `reach` that none of `spans` holds: as the layout has them, whatever is cut from a record.
fn gaps(spans: impl Iterator<Item = (usize, usize)>) -> Vec<(usize, usize)> {
    let mut spans: Vec<_> = spans.collect();
    spans.sort_unstable();
    let (mut gaps, mut reached) = (Vec::new(), 0);
    for (start, length) in spans {
        if start > reached {
            gaps.push((reached, start));
        }
        reached = reached.max(start.saturating_add(length));
    }
    gaps
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
        let mut order: Vec<_> = (0..pieces.len()).collect();
        order.sort_by_key(|at| pieces.get(*at).map(|piece| piece.start));
        // A field that takes the rest leaves no gap after its beginning: `REST` is longer than any record.
        let gaps = gaps(spec.fields.iter().filter_map(|field| field.span));
        let longest = gaps.iter().map(|(start, end)| end - start).max().unwrap_or(0);
        Ok(Self {
            record_bytes: form.record_bytes,
            is_open,
            padding: form.padding,
            reach,
            space,
            pieces,
            rests,
            order,
            gaps,
            blanks: Blanks::new(space, longest),
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

    /// Of which class the bytes of a record are that has `length` bytes as it stands in the source: blanks that fill it
    /// up are in no source. `decoded`: which fields came out as values; any other is missing from the sum.
    pub(super) fn bytes(&self, decoded: &[bool], length: usize) -> ByteCounts {
        let within = |start: usize, end: usize| end.min(length).saturating_sub(start) as u64;
        let (mut fields, mut reached) = (0, 0);
        for at in &self.order {
            if let (Some(piece), Some(true)) = (self.pieces.get(*at), decoded.get(*at)) {
                let end = if self.rests.contains(at) { length } else { piece.end };
                fields += within(piece.start.max(reached), end);
                reached = reached.max(end);
            }
        }
        let filler = self.gaps.iter().map(|(start, end)| within(*start, *end)).sum();
        let padding = length.saturating_sub(self.reach) as u64;
        ByteCounts { fields, filler, padding, ..ByteCounts::default() }
    }

    /// Where a gap of the record holds something else than blanks, zeros or low-values: the first such byte.
    pub(super) fn data_in_gaps(&self, record: &[u8]) -> Option<usize> {
        self.gaps.iter().find_map(|(start, end)| {
            let held = record.get(*start..(*end).min(record.len()))?;
            Some(start + self.blanks.data_in(held, false)?)
        })
    }
}
