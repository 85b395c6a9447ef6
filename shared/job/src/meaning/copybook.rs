//! Records that a COBOL copybook lays out: its columns, what the job says of them beyond it, and how each is read.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use domain::layout::Field;
use domain::value::FieldType;
use format::cobol::{Empty, FieldSpec, Kind, RecordSpec};
use format::codepage::CodePage;
use format::copybook::plan::{self, Plan, PlanOptions};
use format::copybook::{Copybook, ParseOptions, ReferenceFormat, copies};
use format::{Padding, Trim};
use toml::Spanned;

use super::encoding;
use super::item::{Described, allowed, as_given, count, length, usual};
use super::made;
use super::made::copybook::Column;
use super::policy::Policy;
use super::record_format::{is_cut_by_length, padding, refuse_delimited, trim, truths};
use super::repeated;
use super::rows::Tables;
use super::types::constraints;
use super::{Checked, Fault, RESERVED, fault, fault_advised, identifier};
use crate::error::underlined;
use crate::file::{FieldSection, RecordSection, SourceSection};

/// Reads the copybook of each record type, its own or the source's, out of the job's own text.
pub(super) fn described(
    source: &SourceSection,
    sections: &[RecordSection],
    copybooks: &BTreeMap<String, Spanned<String>>,
) -> Checked<Vec<Described>> {
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
    if let Some(window) = &source.year_window {
        return fault(window.span(), "in a copybook's source, `year_window` stands under [source.cobol]");
    }
    let page = match encoding::name(source) {
        None => page("cp037", source.format.span())?,
        Some((name, span)) => page(name, span)?,
    };
    let cobol = source.cobol.as_ref().map(|spanned| spanned.get_ref().clone()).unwrap_or_default();
    let span = source.cobol.as_ref().map_or(source.format.span(), Spanned::span);
    let mut known: BTreeMap<&str, Arc<Copybook>> = BTreeMap::new();
    let mut all = Vec::new();
    for section in sections {
        let Some(name) = section.copybook.as_ref().or(source.copybook.as_ref()) else {
            return fault_advised(
                source.format.span(),
                format!("record `{}` has no copybook", section.name.get_ref()),
                "set the source's file, such as copybook = \"customer.cpy\", or one for each record type",
            );
        };
        let copybook = match known.get(name.get_ref().as_str()) {
            Some(copybook) => Arc::clone(copybook),
            None => Arc::new(parsed(source, name, copybooks)?),
        };
        known.insert(name.get_ref(), Arc::clone(&copybook));
        all.push(Described { copybook, page, cobol: cobol.clone(), span: span.clone() });
    }
    match &source.copybook {
        Some(name) if !sections.is_empty() && !known.contains_key(name.get_ref().as_str()) => {
            fault(name.span(), "no record type uses this copybook: each names one of its own")
        }
        _ => Ok(all),
    }
}

/// The copybook of this name.
fn parsed(
    source: &SourceSection,
    name: &Spanned<String>,
    copybooks: &BTreeMap<String, Spanned<String>>,
) -> Checked<Copybook> {
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
    let text = match &source.copybook_replacing {
        None => Cow::Borrowed(text.get_ref().as_str()),
        Some(pairs) => {
            let list: Vec<_> = pairs.get_ref().iter().map(|(from, to)| (from.clone(), to.clone())).collect();
            let replaced = copies::replaced(text.get_ref(), format, &list);
            Cow::Owned(
                replaced
                    .or_else(|what| fault(pairs.span(), format!("copybook {}, {what}", name.get_ref())))?,
            )
        }
    };
    Copybook::parse(name.get_ref(), &text, options)
        .or_else(|error| fault(name.span(), format!("{error}\n{}", underlined(&error))))
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
    source: &SourceSection,
    described: &Described,
    tables: Tables,
    lookups: &made::Tables,
) -> Checked<(Vec<Field>, RecordSpec, Option<made::Draft>)> {
    let cut_by_length = is_cut_by_length(source);
    refuse_foreign(section)?;
    section.field.iter().try_for_each(made::check)?;
    let policy = Policy::of(&described.cobol, described.span.clone())?;
    let options = PlanOptions {
        record: tables.level_01,
        views: section.views.clone(),
        leave_out: section.leave_out.clone(),
        reserved: RESERVED.iter().map(|name| (*name).to_owned()).collect(),
        following: policy.following,
        rows: tables.rows,
        element: tables.element,
    };
    let plan = described.copybook.plan(&options).or_else(|error| {
        fault(
            section.name.span(),
            format!("record `{}`: {error}\n{}", section.name.get_ref(), underlined(&error)),
        )
    })?;
    let mut sections = by_column(section, &plan)?;
    let (mut columns, mut lengths) = (Vec::new(), Vec::new());
    for item in &plan.fields {
        let own = sections.remove(item.column.as_str());
        let length = length(item, own, &plan, described, &policy)?;
        let (field, spec) = column(item, own, length.is_some(), described, &policy)?;
        let has_length = length.is_some();
        columns.push(Column { field, spec, own, has_length });
        lengths.push(length);
    }
    let drafted = match made::any(section) {
        false => None,
        true => Some(made::copybook::drafted(section, source, &plan, &mut columns, lookups)?),
    };
    let (of_columns, specs): (Vec<Field>, Vec<FieldSpec>) =
        columns.into_iter().map(|column| (column.field, column.spec)).unzip();
    let (fields, draft) = match drafted {
        None => (of_columns, None),
        Some((fields, draft)) => (fields, Some(draft)),
    };
    let mut names = HashSet::new();
    if let Some(twice) = fields.iter().find(|field: &&Field| !names.insert(field.name.to_ascii_lowercase())) {
        let named = section.field.iter().rev().find(|own| *own.name.get_ref() == twice.name);
        let span = named.map_or(section.name.span(), |own| own.name.span());
        return fault(span, format!("two fields have the name `{}`", twice.name));
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
    let spec = RecordSpec { plan: Arc::new(plan), fields: specs, counts, lengths, padding, space };
    Ok((fields, spec, draft))
}

/// The job's own words on columns, by the column's name in the copybook.
fn by_column<'a>(section: &'a RecordSection, plan: &Plan) -> Checked<BTreeMap<&'a str, &'a FieldSection>> {
    let mut sections = BTreeMap::new();
    for own in section.field.iter().filter(|own| !made::is_made(own)) {
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
    super::written::refused(section)?;
    repeated::refused(section)
}
