//! What is said against a record: field by field, quoting what may be quoted.

use domain::constraint::{Reason, ReasonCode, violations};
use domain::layout::Field;
use domain::mask::Masks;
use domain::value::Value;

use crate::fault::{Fault, quoted};

/// Says what is wrong with a value that was decoded: it is missing though it is required, or breaks a constraint.
pub(super) fn judge(
    field: &Field,
    is_required: bool,
    value: &Value<'_>,
    masks: &Masks,
    reasons: &mut Vec<Reason>,
) {
    if is_required && value.is_null() {
        reasons.push(reason(field, Fault::new(ReasonCode::Required, "a value is required")));
    } else if !field.constraints.is_empty() {
        constrain(field, value, masks, reasons);
    }
}

#[cold]
pub(super) fn reason(field: &Field, fault: Fault) -> Reason {
    Reason { field: Some(field.name.clone()), code: fault.code, detail: fault.detail }
}

/// A reason of a job with sensitive fields; `None` in any other. No field's content is quoted, sensitive or not: what
/// is wrong with the record may be that its fields are not where they should be.
#[cold]
pub(super) fn masked<'a>(
    masks: &Masks,
    field: &Field,
    code: ReasonCode,
    bytes: impl FnOnce() -> &'a [u8],
) -> Option<Reason> {
    masks
        .are_needed()
        .then(|| Masks::reason(&field.name, &field.ty, code, &masks.bytes(&field.name, bytes())))
}

fn constrain(field: &Field, value: &Value<'_>, masks: &Masks, reasons: &mut Vec<Reason>) {
    let before = reasons.len();
    if masks.are_needed() {
        // The mask costs more than the constraint: it is made of values that break one.
        violations(&field.name, &field.constraints, value, Some("masked"), reasons);
        if reasons.len() > before {
            reasons.truncate(before);
            violations(
                &field.name,
                &field.constraints,
                value,
                Some(&masks.value(&field.name, value)),
                reasons,
            );
        }
        return;
    }
    violations(&field.name, &field.constraints, value, None, reasons);
    if reasons.len() > before {
        shorten(value, &mut reasons[before..]);
    }
}

/// Constraints quote the whole value; a reject's reason is no place for a page of text.
#[cold]
fn shorten(value: &Value<'_>, reasons: &mut [Reason]) {
    let short = match value {
        Value::Text(text) => quoted(text.as_bytes()),
        Value::Bytes(bytes) if bytes.len() > 20 => format!("x'{}…'", domain::hex::encode(&bytes[..20])),
        _ => return,
    };
    let long = value.to_string();
    for reason in reasons {
        if let Some(rest) = reason.detail.strip_prefix(&long) {
            reason.detail = format!("{short}{rest}");
        }
    }
}
