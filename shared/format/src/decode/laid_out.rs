//! Records that a copybook lays out: their fields come out of decoders of their own, in canonical form.

use domain::constraint::{Reason, ReasonCode};
use domain::layout::Layout;
use domain::value::Value;

use super::Decoded;
use super::decoded::emptied;
use super::reasons::{judge, masked};
use crate::cobol::FieldValue;
use crate::cobol::record::RecordDecoder;
use crate::fault::Fault;

/// A record's decoder, and what it found in the current record.
#[derive(Debug, Clone)]
pub(super) struct LaidOut {
    pub(super) record: RecordDecoder,
    found: Vec<Option<FieldValue>>,
}

/// Where decoding puts what it makes: memory that is kept from record to record, empty when a record begins.
pub(super) struct Room<'a> {
    pub(super) scratch: &'a mut Vec<u8>,
    pub(super) home: &'a mut Vec<Value<'static>>,
    pub(super) decoded: &'a mut Vec<bool>,
    pub(super) reasons: &'a mut Vec<Reason>,
}

impl LaidOut {
    pub(super) fn new(record: RecordDecoder) -> Self {
        Self { found: Vec::with_capacity(record.len()), record }
    }

    /// Decodes a record of `layout`.
    pub(super) fn decode<'a>(
        &mut self,
        layout: &Layout,
        content: &'a [u8],
        Room { scratch, home, decoded, reasons }: Room<'a>,
    ) -> Decoded<'a> {
        let Self { record, found } = self;
        let mut values: Vec<Value<'a>> = emptied(std::mem::take(home));
        if let Err(mut reject) = record.locate(content) {
            // Where the sensitive fields are is not known. What is said of lengths quotes nothing.
            if layout.masks.are_needed() && reject.code != ReasonCode::FieldCount {
                reject.detail = "the record's numbers of occurrences do not match its layout".into();
            }
            reasons.push(Reason { field: None, code: reject.code, detail: reject.detail });
            values.resize(layout.fields.len(), Value::Null);
            decoded.resize(layout.fields.len(), false);
            return Decoded::unaccounted(values, decoded, reasons, home);
        }
        if let Some(Fault { code, detail }) = record.padding(content) {
            reasons.push(Reason { field: None, code, detail });
        }
        found.clear();
        for (index, field) in layout.fields.iter().enumerate() {
            match record.decode(index, content, scratch) {
                Ok(value) => found.push(Some(value)),
                Err(reject) => {
                    let bytes = || {
                        let at = record.place(index, content);
                        at.and_then(|(start, length)| content.get(start..start + length)).unwrap_or_default()
                    };
                    let masked = masked(&layout.masks, field, reject.code, bytes);
                    reasons.push(masked.unwrap_or_else(|| Reason {
                        field: Some(field.name.clone()),
                        code: reject.code,
                        detail: reject.detail,
                    }));
                    found.push(None);
                }
            }
        }
        let scratch: &'a [u8] = scratch;
        for (index, (field, found)) in layout.fields.iter().zip(found.iter()).enumerate() {
            let value = found.as_ref().and_then(|found| found.value(scratch));
            decoded.push(value.is_some());
            if let Some(value) = &value {
                let is_required = field.required || layout.key.contains(&index);
                judge(field, is_required, value, &layout.masks, reasons);
            }
            values.push(value.unwrap_or(Value::Null));
        }
        let mut done = Decoded::unaccounted(values, decoded, reasons, home);
        if done.is_accepted() {
            done.canonical = Some(scratch);
            done.bytes = record.bytes(content);
            done.data_in_filler = record.data_in_filler(content);
        }
        done
    }
}
