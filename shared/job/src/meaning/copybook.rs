//! Records that a COBOL copybook lays out: its columns, what the job says of them beyond it, and how each is read.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use domain::constraint::Constraint;
use domain::layout::Field;
use domain::value::{FieldType, Literal};
use format::cobol::{
    BinaryRange, ByteOrder, EditedForm, Empty, FieldSpec, FloatForm, Kind, LengthSpec, MomentForm,
    NumberForm, RecordSpec, SignPlace, TextForm, Usage,
};
use format::codepage::CodePage;
use format::copybook::plan::{self, Plan, PlanOptions};
use format::copybook::{self, Category, Copybook, ParseOptions, ReferenceFormat};
use format::{Padding, Trim};
use toml::Spanned;

use super::policy::Policy;
use super::record_format::{padding, refuse_delimited, trim, truths};
use super::repeated;
use super::types::{constraints, field_type};
use super::{Checked, Fault, RESERVED, fault, fault_advised, identifier};
use crate::file::{CobolSection, FieldSection, RecordSection, SourceSection};

/// The copybook that a source names, understood.
pub(super) struct Described {
    copybook: Copybook,
    page: &'static CodePage,
    cobol: CobolSection,
    span: Range<usize>,
}

impl Described {
    /// The source's code page.
    pub(super) const fn page(&self) -> &'static CodePage {
        self.page
    }
}

/// Reads the copybook that the source names, out of the job's own text.
pub(super) fn described(
    source: &SourceSection,
    copybooks: &BTreeMap<String, Spanned<String>>,
) -> Checked<Described> {
    refuse_delimited(source)?;
    for (key, span) in [
        ("short_lines", source.short_lines.as_ref().map(Spanned::span)),
        ("trim", source.trim.as_ref().map(Spanned::span)),
        ("numbers", source.numbers.as_ref().map(Spanned::span)),
        ("control_characters", source.control_characters.as_ref().map(Spanned::span)),
    ] {
        if let Some(span) = span {
            return fault(
                span,
                format!("`{key}` does not apply to the copybook format; see `[source.cobol]`"),
            );
        }
    }
    let Some(name) = &source.copybook else {
        return fault_advised(
            source.format.span(),
            "format `copybook` needs a copybook",
            "set its file, such as copybook = \"customer.cpy\"",
        );
    };
    let Some(text) = copybooks.get(name.get_ref()) else {
        return fault(name.span(), format!("cannot find the copybook `{}`", name.get_ref()));
    };
    let format = match source.copybook_format.as_ref().map(|spanned| (spanned.get_ref().as_str(), spanned)) {
        None | Some(("fixed", _)) => ReferenceFormat::Fixed,
        Some(("free", _)) => ReferenceFormat::Free,
        Some((other, spanned)) => {
            return fault(
                spanned.span(),
                format!("invalid copybook_format `{other}`: expected fixed (columns 8 to 72) or free"),
            );
        }
    };
    let options = ParseOptions { format, ..ParseOptions::default() };
    let copybook = Copybook::parse(name.get_ref(), text.get_ref(), options)
        .or_else(|error| fault(name.span(), error.to_string()))?;
    let page = match &source.encoding {
        None => page("cp037", source.format.span())?,
        Some(spanned) => page(spanned.get_ref(), spanned.span())?,
    };
    let cobol = source.cobol.as_ref().map(|spanned| spanned.get_ref().clone()).unwrap_or_default();
    let span = source.cobol.as_ref().map_or(source.format.span(), Spanned::span);
    Ok(Described { copybook, page, cobol, span })
}

fn page(name: &str, span: Range<usize>) -> Checked<&'static CodePage> {
    match CodePage::by_name(name) {
        Some(page) => Ok(page),
        None => {
            let names: Vec<_> = CodePage::all().map(CodePage::name).collect();
            fault_advised(
                span,
                format!("`{name}` is not a code page for copybooks"),
                format!("code pages: {}", names.join(", ")),
            )
        }
    }
}

/// A record type's fields, and how they lie in a record.
pub(super) fn record(
    section: &RecordSection,
    described: &Described,
    cut_by_length: bool,
) -> Checked<(Vec<Field>, RecordSpec)> {
    refuse_foreign(section)?;
    let policy = Policy::of(&described.cobol, described.span.clone())?;
    let options = PlanOptions {
        record: section.level_01.as_ref().map(|name| name.get_ref().clone()),
        views: section.views.clone(),
        leave_out: section.leave_out.clone(),
        reserved: RESERVED.iter().map(|name| (*name).to_owned()).collect(),
        following: policy.following,
    };
    let plan = described.copybook.plan(&options).or_else(|error| {
        fault(section.name.span(), format!("record `{}`: {error}", section.name.get_ref()))
    })?;
    let mut sections = by_column(section, &plan)?;
    let (mut fields, mut specs, mut names) = (Vec::new(), Vec::new(), HashSet::new());
    let mut lengths = Vec::new();
    for item in &plan.fields {
        let own = sections.remove(item.column.as_str());
        let length = length(item, own, &plan, described, &policy)?;
        let (field, spec) = column(item, own, length.is_some(), described, &policy)?;
        lengths.push(length);
        if !names.insert(field.name.to_ascii_lowercase()) {
            let span = own.map_or(section.name.span(), |own| own.name.span());
            return fault(span, format!("two fields have the name `{}`", field.name));
        }
        fields.push(field);
        specs.push(spec);
    }
    let counts = plan.counts.iter().map(|item| count(item, described, &policy)).collect::<Checked<_>>()?;
    if let Some(span) = section.record_bytes.as_ref().map(Spanned::span) {
        return fault(
            span,
            "the copybook defines the record length; `record_bytes` under [source] is for bytes after it",
        );
    }
    let padding = match padding(section)? {
        // The job says how long the records are, which need not be what this type's layout says.
        Padding::LaidOut if cut_by_length => Padding::Blank,
        padding => padding,
    };
    let space = described.page.space();
    Ok((fields, RecordSpec { plan: Arc::new(plan), fields: specs, counts, lengths, padding, space }))
}

/// The job's own words on columns, by the column's name in the copybook.
fn by_column<'a>(section: &'a RecordSection, plan: &Plan) -> Checked<BTreeMap<&'a str, &'a FieldSection>> {
    let mut sections = BTreeMap::new();
    for own in &section.field {
        let from = own.from.as_ref().unwrap_or(&own.name);
        if !plan.fields.iter().any(|item| item.column == *from.get_ref()) {
            let columns: Vec<_> = plan.fields.iter().map(|item| item.column.as_str()).collect();
            return Err(Fault {
                span: Some(from.span()),
                message: format!("the copybook has no column `{}` in this record", from.get_ref()),
                advice: Some(format!("columns: {}", columns.join(", "))),
            });
        }
        let start = own.start.as_ref().map(Spanned::span);
        if let Some(span) = start.or(own.width.as_ref().map(Spanned::span)) {
            return fault(span, "the copybook defines the position of the field");
        }
        if sections.insert(from.get_ref().as_str(), own).is_some() {
            return fault(from.span(), format!("two fields use the column `{}`", from.get_ref()));
        }
    }
    Ok(sections)
}

/// One column: the field, and how it is read.
fn column(
    item: &plan::Field,
    own: Option<&FieldSection>,
    has_length: bool,
    described: &Described,
    policy: &Policy,
) -> Checked<(Field, FieldSpec)> {
    let policy = match own.and_then(|own| own.cobol.as_ref()) {
        Some(section) => policy.with(section.get_ref(), &section.span())?,
        None => policy.clone(),
    };
    let page = match own.and_then(|own| own.encoding.as_ref()) {
        Some(name) => page(name.get_ref(), name.span())?,
        None => described.page,
    };
    let (mut kind, implied) = usual(item, &policy, described)?;
    if let Kind::Text(form) = &mut kind
        && has_length
    {
        // All that the length counts is data.
        (form.trim, form.empty) = (Trim::None, Empty::Keep);
    }
    let mut ty = implied;
    let name = match own {
        Some(own) => identifier(&own.name, "field")?,
        None => item.column.clone(),
    };
    if let Some(own) = own
        && let Some(given) = &own.ty
    {
        (kind, ty) = as_given(given, kind, item, &policy)?;
    }
    if let Some(own) = own {
        as_written(own, &ty, &mut kind)?;
    }
    let mut checks = match own {
        Some(own) => constraints(own, &ty)?,
        None => Vec::new(),
    };
    if policy.conditions
        && let Some(allowed) = allowed(item, &ty)
    {
        checks.push(allowed);
    }
    let required = own.is_some_and(|own| own.required);
    let sensitive = own.is_some_and(|own| own.sensitive);
    let field = Field { name, ty, required, sensitive, constraints: checks };
    let spec = FieldSpec { kind, bytes: item.length, page, column: ty };
    // Refused here, with a place, rather than when the first record is decoded.
    if let Err(error) = format::cobol::FieldDecoder::new(&spec) {
        let span = own.map_or(described.span.clone(), |own| own.name.span());
        return fault(span, format!("field `{}` ({}): {error}", field.name, item.path));
    }
    Ok((field, spec))
}

/// What the job says of how a text is written.
fn as_written(own: &FieldSection, ty: &FieldType, kind: &mut Kind) -> Checked<()> {
    let (trim, truths) = (trim(own.trim.as_ref())?, truths(own, ty)?);
    match kind {
        Kind::Text(form) => {
            form.trim = trim.unwrap_or(form.trim);
            form.truths = truths;
        }
        _ if trim.is_some() || truths.is_some() => {
            let span = own.trim.as_ref().map_or(own.name.span(), Spanned::span);
            return fault(
                span,
                "`trim`, `true` and `false` apply only to text, but the field is a number in the copybook",
            );
        }
        _ => {}
    }
    Ok(())
}

/// Refuses what says nothing of a record that a copybook lays out.
fn refuse_foreign(section: &RecordSection) -> Checked<()> {
    if let Some(span) = section.missing.as_ref().map(Spanned::span) {
        return fault(span, "`missing` applies only to the delimited format");
    }
    if let Some(span) = section.field.iter().find_map(|field| field.point.as_ref()).map(Spanned::span) {
        return fault(span, "the copybook's picture defines the decimal point");
    }
    if let Some(span) = section.field.iter().find_map(|field| field.numbers.as_ref()).map(Spanned::span) {
        return fault(span, "the copybook's picture defines how numbers are written");
    }
    repeated::refused(section)
}

/// How an item is read if the job says nothing of it, and the type that its picture implies.
fn usual(item: &plan::Field, policy: &Policy, described: &Described) -> Checked<(Kind, FieldType)> {
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

fn number(item: &plan::Field, policy: &Policy, described: &Described) -> Checked<NumberForm> {
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
fn length(
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
fn count(item: &plan::Field, described: &Described, policy: &Policy) -> Checked<FieldSpec> {
    let form = number(item, policy, described)?;
    let column = FieldType::Decimal { precision: 38, scale: form.scale.max(0).unsigned_abs() };
    Ok(FieldSpec { kind: Kind::Number(form), bytes: item.length, page: described.page, column })
}

/// How an item is read as the type that the job gives it.
fn as_given(
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
        let moment = Kind::Moment { form, digits, zeros: policy.zeros, nines: policy.nines };
        return Ok((moment, ty));
    }
    if (name, argument) == ("timestamp", Some("db2")) {
        return Ok((Kind::Db2Timestamp(policy.fills), FieldType::Timestamp));
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
             date(DDMMYYYY), date(DDMMYY), date(MMDDYYYY), date(MMDDYY), timestamp(YYYYMMDDHHMMSS)",
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
        MomentForm::YyyyMmDdHhMmSs,
        MomentForm::HhMmSs,
        MomentForm::HhMmSsHh,
    ];
    forms.into_iter().find(|form| form.name() == letters)
}

/// The values that level 88 entries name, if every one of them is a value of the column by itself.
fn allowed(item: &plan::Field, ty: &FieldType) -> Option<Constraint> {
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
