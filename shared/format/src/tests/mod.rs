//! The format as its users see it: tables of bytes and what they mean, and properties that hold for all bytes.

#![allow(clippy::type_complexity, reason = "a table's type is its heading")]

mod continued;
mod decoding;
mod framing;
mod lengths;
mod properties;
mod times;

use std::sync::Arc;

use domain::layout::{Field, Layout, Mode, RecordTypeSlot};
use domain::value::FieldType;

use super::{Delimited, Encoding, FieldForm, Fixed, FixedFraming, Form, FormatSpec, Outside, Trim};

pub(super) fn field(name: &str, ty: FieldType) -> Field {
    Field { name: name.into(), ty, required: false, sensitive: false, constraints: Vec::new() }
}

pub(super) fn layout(fields: Vec<Field>) -> Arc<Layout> {
    Arc::new(Layout {
        record: "test".into(),
        among: RecordTypeSlot::ALONE,
        hashed: (0..fields.len()).collect(),
        fields,
        key: Vec::new(),
        amounts: Vec::new(),
        mode: Mode::Append,
        promote_by: domain::layout::PromoteBy::Insert,
        staging: "stg".into(),
        final_table: "fin".into(),
        masks: domain::mask::Masks::default(),
    })
}

pub(super) fn plain() -> FieldForm {
    FieldForm::default()
}

pub(super) fn csv() -> Delimited {
    Delimited {
        separator: b',',
        quote: Some(b'"'),
        escape: None,
        header: false,
        null: String::new(),
        trailing_separator: false,
        terminator: None,
        continuation: None,
        missing_is_null: false,
        columns: None,
        lead_lines: 0,
        skips: crate::spec::Skips::default(),
    }
}

pub(super) fn delimited(form: Delimited, fields: usize) -> FormatSpec {
    FormatSpec {
        form: Form::Delimited(form),
        encoding: Encoding::Utf8,
        record_bytes_max: 1 << 20,
        outside: Outside::default(),
        fields: vec![plain(); fields],
        stage: None,
    }
}

pub(super) fn fixed(framing: FixedFraming, record_bytes: usize, fields: Vec<FieldForm>) -> FormatSpec {
    FormatSpec {
        form: Form::Fixed(Fixed { framing, record_bytes, pads: false, padding: crate::Padding::LaidOut }),
        encoding: Encoding::Utf8,
        record_bytes_max: 1 << 20,
        outside: Outside::default(),
        fields,
        stage: None,
    }
}
