//! What encoding the accepted records again came to, ready to be written down.

use domain::round_trip::DecodeProofReport;

use crate::report::format::{count, visible};
use crate::report::verdict::{FORMS_SHOWN, forms_more};

/// The decode proof of a run.
pub(super) struct Decoding {
    pub(super) sentence: String,
    pub(super) rows: Vec<Form>,
    /// How many fields and forms are not shown.
    pub(super) more: Option<String>,
}

/// Values of one field in one form.
pub(super) struct Form {
    pub(super) field: String,
    pub(super) form: &'static str,
    pub(super) text: &'static str,
    pub(super) values: String,
}

pub(super) fn decoding(proof: &DecodeProofReport) -> Decoding {
    let rows = proof.most_frequent(FORMS_SHOWN).into_iter().map(|of| Form {
        field: visible(&proof.field_of(of)),
        form: of.kind.name(),
        text: of.kind.text(),
        values: count(of.values),
    });
    Decoding { sentence: format!("{}.", proof.sentence()), rows: rows.collect(), more: forms_more(proof) }
}
