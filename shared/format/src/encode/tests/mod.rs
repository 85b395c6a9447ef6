//! The encoder against the decoder: what one reads, the other writes; and what was not read, it does not confirm.

mod fields;
mod many;
mod records;

use std::sync::Arc;

use domain::record::RawField;
use domain::round_trip::Equivalences;

use super::characters::PageBytes;
use super::cobol::FieldEncoder;
use crate::cobol::FieldSpec;

/// Whether `source` is the value as the field writes it, and in which forms.
fn prove(spec: &FieldSpec, value: RawField<'_>, source: &[u8]) -> Option<Equivalences> {
    let page = Arc::new(PageBytes::new(spec.page));
    let encoder = FieldEncoder::new(spec, page).unwrap();
    let encoded = encoder.encode(value, source, &mut Vec::new());
    let proved = encoder.prove(value, source, &mut Vec::new());
    // The quick way says yes where encoding says so too, and nothing else.
    assert_eq!(proved, encoded, "{source:02x?}");
    encoded
}
