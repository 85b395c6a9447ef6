//! How one item of a copybook is read: what its picture implies, and what the job says beyond it.

use std::ops::Range;
use std::sync::Arc;

use domain::constraint::Constraint;
use domain::value::{FieldType, Literal};
use format::cobol::{
    BinaryRange, ByteOrder, EditedForm, FieldSpec, FloatForm, Kind, LengthSpec, MomentForm, NumberForm,
    SignPlace, TextForm, Usage,
};
use format::codepage::CodePage;
use format::copybook::plan::{self, Plan};
use format::copybook::{self, Category, Copybook};
use toml::Spanned;

use super::policy::Policy;
use super::types::field_type;
use super::{Checked, fault, fault_advised};
use crate::file::{CobolSection, FieldSection};

/// The copybook of a record type, understood.
pub(super) struct Described {
    pub(super) copybook: Arc<Copybook>,
    pub(super) page: &'static CodePage,
    pub(super) cobol: CobolSection,
    pub(super) span: Range<usize>,
}

impl Described {
    /// The source's code page.
    pub(super) const fn page(&self) -> &'static CodePage {
        self.page
    }
}

/// How an item is read if the job says nothing of it, and the type that its picture implies.
pub(super) fn usual(
    item: &plan::Field,
    policy: &Policy,
    described: &Described,
) -> Checked<(Kind, FieldType)> {
    let chars_max = u32::try_from(item.length).unwrap_or(u32::MAX).max(1);
    Ok(match item.category {
        Category::Numeric => {
            let form = number(item, policy, described)?;
            let ty = implied(&form, item);
            (Kind::Number(form), ty)
        }
        Category::FloatingPoint => {
            let form = if is_ieee(item, policy, described)? {
                FloatForm::Ieee(order(item, policy, described)?)
            } else {
                FloatForm::Hexadecimal
            };
            // -1.7976931348623157e+308 is the longest.
            (Kind::Float(form), FieldType::Text { chars_max: 24 })
        }
        _ => {
            let form = TextForm {
                justified: item.justified,
                empty: policy.empty,
                low_values: policy.low_values,
                high_values: policy.high_values,
                ..TextForm::default()
            };
            (Kind::Text(form), FieldType::Text { chars_max })
        }
    })
}

pub(super) fn number(item: &plan::Field, policy: &Policy, described: &Described) -> Checked<NumberForm> {
    let usage = match item.usage {
        copybook::Usage::Display => Usage::Zoned(match (item.signed, item.sign) {
            (false, _) => SignPlace::Unsigned,
            (true, Some(sign)) if sign.separate && sign.leading => SignPlace::LeadingSeparate,
            (true, Some(sign)) if sign.separate => SignPlace::TrailingSeparate,
            (true, Some(sign)) if sign.leading => SignPlace::Leading(policy.ascii_signs),
            (true, _) => SignPlace::Trailing(policy.ascii_signs),
        }),
        copybook::Usage::Packed => Usage::Packed { signed: item.signed },
        copybook::Usage::PackedUnsigned => Usage::PackedUnsigned,
        copybook::Usage::Binary => {
            Usage::Binary { signed: item.signed, order: ByteOrder::BigEndian, range: policy.range }
        }
        copybook::Usage::NativeBinary => {
            let order = order(item, policy, described)?;
            Usage::Binary { signed: item.signed, order, range: BinaryRange::Native }
        }
        other => {
            return fault(
                described.span.clone(),
                format!("{}: {} is not a number format", item.path, other.word()),
            );
        }
    };
    let scale = i8::try_from(item.scale)
        .or_else(|_| fault(described.span.clone(), format!("{}: a scale of {}", item.path, item.scale)))?;
    let form = NumberForm::new(usage, item.digits, scale);
    Ok(NumberForm { signs: policy.signs, fills: policy.fills, blank_when_zero: item.blank_when_zero, ..form })
}

/// The byte order of a native number. Mainframes have one; where the characters are ASCII, the machine may have had
/// either, and both read as numbers.
fn order(item: &plan::Field, policy: &Policy, described: &Described) -> Checked<ByteOrder> {
    match policy.order {
        Some(order) => Ok(order),
        None if described.page.is_ebcdic() => Ok(ByteOrder::BigEndian),
        None => fault_advised(
            described.span.clone(),
            format!("{} is a native number in an ASCII source: its byte order is not known", item.path),
            "set native_order = \"little\" (Intel and ARM machines) or \"big\" under [source.cobol]",
        ),
    }
}

/// Whether a float is written as IEEE 754 says; see [`order`].
fn is_ieee(item: &plan::Field, policy: &Policy, described: &Described) -> Checked<bool> {
    match policy.ieee {
        Some(ieee) => Ok(ieee),
        None if described.page.is_ebcdic() => Ok(false),
        None => fault_advised(
            described.span.clone(),
            format!("{} is a float in an ASCII source: its form is not known", item.path),
            "set floats = \"ieee\" (all but mainframes) or \"hexadecimal\" (IBM mainframes) under [source.cobol]",
        ),
    }
}

/// The type of a number's column: an integer where 64 bits hold whatever the picture does, else a decimal.
fn implied(form: &NumberForm, item: &plan::Field) -> FieldType {
    // What the bytes of a binary number may hold, when the picture does not bound it.
    let native = matches!(form.usage, Usage::Binary { range: BinaryRange::Native, .. });
    let digits = match (native, item.length) {
        (true, ..=2) => 5,
        (true, 3..=4) => 10,
        (true, 5..=8) => 20,
        (true, _) => 38,
        (false, _) => form.digits,
    };
    if form.scale == 0 && digits <= 18 {
        return FieldType::Integer;
    }
    let behind = form.scale.max(0).unsigned_abs();
    let whole = i16::from(digits) - i16::from(form.scale);
    let precision = u8::try_from(whole.max(0)).unwrap_or(u8::MAX).saturating_add(behind);
    FieldType::Decimal { precision: precision.clamp(1, 38), scale: behind.min(38) }
}

/// The number that says how many of a text's characters are data.
pub(super) fn length(
    item: &plan::Field,
    own: Option<&FieldSection>,
    plan: &Plan,
    described: &Described,
    policy: &Policy,
) -> Checked<Option<LengthSpec>> {
    let named = own.and_then(|own| own.length_from.as_ref());
    let field = match (named, &item.length_of) {
        (Some(name), _) => {
            let Some(field) = plan.fields.iter().find(|field| field.column == *name.get_ref()) else {
                return fault(name.span(), format!("the copybook has no column `{}`", name.get_ref()));
            };
            let is_before = field.within == item.within && field.offset.after <= item.offset.after;
            if field.category != Category::Numeric || field.scale > 0 || !is_before {
                return fault(
                    name.span(),
                    format!("`{}` is not a whole number in the same part of the record", name.get_ref()),
                );
            }
            if item.category != Category::Alphanumeric {
                return fault(name.span(), format!("{} is not a text (PIC X)", item.path));
            }
            Arc::new(field.clone())
        }
        (None, Some(field)) if policy.varchar => Arc::clone(field),
        _ => return Ok(None),
    };
    let spec = count(&field, described, policy)?;
    Ok(Some(LengthSpec { field, spec }))
}

/// The field of an item that holds a number of occurrences, or of characters.
pub(super) fn count(item: &plan::Field, described: &Described, policy: &Policy) -> Checked<FieldSpec> {
    let form = match (item.category, u8::try_from(item.length)) {
        // Digits in a picture of X.
        (Category::Alphanumeric, Ok(digits)) => NumberForm::new(Usage::Zoned(SignPlace::Unsigned), digits, 0),
        _ => number(item, policy, described)?,
    };
    let column = FieldType::Decimal { precision: 38, scale: form.scale.max(0).unsigned_abs() };
    Ok(FieldSpec { kind: Kind::Number(form), bytes: item.length, page: described.page, column })
}

/// How an item is read as the type that the job gives it.
pub(super) fn as_given(
    given: &Spanned<String>,
    kind: Kind,
    item: &plan::Field,
    policy: &Policy,
) -> Checked<(Kind, FieldType)> {
    let (name, argument) = match given.get_ref().trim().split_once('(') {
        Some((name, rest)) => (name.trim(), rest.strip_suffix(')').map(str::trim)),
        None => (given.get_ref().trim(), None),
    };
    if let ("date" | "timestamp" | "text", Some(letters)) = (name, argument)
        && let Some(form) = moment(letters, policy.window_start)
    {
        let digits = match kind {
            Kind::Number(form) => form,
            // A date in a picture of X: digits without a sign.
            _ => NumberForm {
                fills: policy.fills,
                ..NumberForm::new(
                    Usage::Zoned(SignPlace::Unsigned),
                    u8::try_from(item.length).unwrap_or(u8::MAX),
                    0,
                )
            },
        };
        let ty = match (name, form) {
            ("text", MomentForm::HhMmSs) => FieldType::Text { chars_max: 8 },
            ("text", _) => FieldType::Text { chars_max: 11 },
            ("timestamp", _) => FieldType::Timestamp,
            _ => FieldType::Date,
        };
        let (zeros, nines, hour_24) = (policy.zeros, policy.nines, policy.hour_24);
        let moment = Kind::Moment { form, digits, zeros, nines, hour_24 };
        return Ok((moment, ty));
    }
    if let ("timestamp" | "timestamptz", Some("db2")) = (name, argument) {
        let kind = Kind::Db2Timestamp { fills: policy.fills, hour_24: policy.hour_24 };
        let has_offset = name == "timestamptz";
        return Ok((kind, if has_offset { FieldType::Instant } else { FieldType::Timestamp }));
    }
    let (ty, pattern) = field_type(given)?;
    if item.category == Category::NumericEdited
        && matches!(ty, FieldType::Integer | FieldType::Decimal { .. })
    {
        return Ok((Kind::Edited(edited(item, policy, given)?), ty));
    }
    match kind {
        Kind::Text(form) => Ok((Kind::Text(TextForm { pattern, ..form }), ty)),
        _ if pattern.is_some() => fault_advised(
            given.span(),
            format!("{} is a number; give the date format in letters", item.path),
            "date(YYYYMMDD), date(YYMMDD), date(YYYYDDD), date(YYDDD), date(CYYMMDD), date(CYYDDD), \
             date(DDMMYYYY), date(DDMMYY), date(MMDDYYYY), date(MMDDYY), date(LILIAN), timestamp(YYYYMMDDHHMMSS)",
        ),
        other => Ok((other, ty)),
    }
}

/// An edited picture read as the number that it prints.
fn edited(item: &plan::Field, policy: &Policy, given: &Spanned<String>) -> Checked<EditedForm> {
    let scale = i8::try_from(item.scale)
        .or_else(|_| fault(given.span(), format!("{}: a scale of {}", item.path, item.scale)))?;
    Ok(EditedForm {
        edits: Arc::clone(&item.edits),
        picture: item.picture.clone().unwrap_or_default(),
        digits: item.digits,
        scale,
        fills: policy.fills,
        blank_when_zero: item.blank_when_zero,
    })
}

fn moment(letters: &str, window_start: i16) -> Option<MomentForm> {
    let forms = [
        MomentForm::YyyyMmDd,
        MomentForm::YyMmDd { window_start },
        MomentForm::YyyyDdd,
        MomentForm::YyDdd { window_start },
        MomentForm::CyyMmDd,
        MomentForm::CyyDdd,
        MomentForm::DdMmYyyy,
        MomentForm::DdMmYy { window_start },
        MomentForm::MmDdYyyy,
        MomentForm::MmDdYy { window_start },
        MomentForm::Lilian,
        MomentForm::YyyyMmDdHhMmSs,
        MomentForm::HhMmSs,
        MomentForm::HhMmSsHh,
    ];
    forms.into_iter().find(|form| form.name() == letters)
}

/// The values that level 88 entries name, if every one of them is a value of the column by itself.
pub(super) fn allowed(item: &plan::Field, ty: &FieldType) -> Option<Constraint> {
    let mut literals = Vec::new();
    for values in item.conditions.iter().flat_map(|condition| &condition.values) {
        if values.through.is_some() {
            return None;
        }
        literals.push(match (&values.from, ty) {
            (copybook::Literal::Text(text), FieldType::Text { .. }) => {
                Literal::Text(text.trim_end_matches(' ').to_owned())
            }
            (copybook::Literal::Number(number), FieldType::Integer) => Literal::Integer(number.parse().ok()?),
            (copybook::Literal::Number(number), FieldType::Decimal { .. }) => {
                Literal::Decimal(number.parse().ok()?)
            }
            (copybook::Literal::Figurative(copybook::Figurative::Zero), FieldType::Integer) => {
                Literal::Integer(0)
            }
            _ => return None,
        });
    }
    (!literals.is_empty()).then_some(Constraint::OneOf(literals))
}
