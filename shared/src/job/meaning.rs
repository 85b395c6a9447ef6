//! From what the file says to what it means: names resolved, types understood, contradictions refused.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use domain::amount::{Amount, DIGITS_MAX};
use domain::constraint::Constraint;
use domain::declared::Declared;
use domain::fingerprint::Hash;
use domain::layout::{Field, Layout, Mode};
use domain::reconcile::RejectLimit;
use domain::rule::{Condition, OnBreach, Predicate, Rule};
use domain::value::{FieldType, Literal};
use toml::Spanned;

use super::Job;
use super::error::{JobError, Place};
use super::file::{
    DeclaredSection, FieldSection, JobFile, LengthSection, NamesOrAll, RecordSection, RuleSection,
    SourceSection,
};
use crate::format::spec::{Delimited, Encoding, FieldForm, Fixed, FixedFraming, Form, FormatSpec, Trim};
use crate::source::Compression;

/// Columns that Crossfoot adds to staging and final.
const RESERVED: [&str; 6] = ["run_id", "chunk_no", "record_no", "worker_id", "last_run_id", "last_record_no"];

/// No record is longer than this unless the job says so: 1 MiB.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// What is at fault, where.
struct Fault {
    span: Option<Range<usize>>,
    message: String,
    advice: Option<String>,
}

type Checked<T> = Result<T, Fault>;

fn fault<T>(at: Range<usize>, message: impl Into<String>) -> Checked<T> {
    Err(Fault { span: Some(at), message: message.into(), advice: None })
}

fn fault_advised<T>(at: Range<usize>, message: impl Into<String>, advice: impl Into<String>) -> Checked<T> {
    Err(Fault { span: Some(at), message: message.into(), advice: Some(advice.into()) })
}

pub(super) fn parse(file: &str, text: &str) -> Result<Job, JobError> {
    let error = |fault: Fault| JobError {
        file: file.into(),
        place: fault.span.map(|span| Place::of(text, span)),
        message: fault.message,
        advice: fault.advice,
    };
    let raw: JobFile = toml::from_str(text).map_err(|toml| {
        error(Fault { span: toml.span(), message: toml.message().to_owned(), advice: None })
    })?;
    understand(raw, text).map_err(error)
}

fn understand(raw: JobFile, text: &str) -> Checked<Job> {
    let name = raw.job.name.get_ref();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > 100 || !name.chars().all(plain) {
        return fault(raw.job.name.span(), "a job's name is 1 to 100 letters, digits, `-`, `_` or `.`");
    }
    let [record] = <[RecordSection; 1]>::try_from(raw.record).map_err(|records| Fault {
        span: records.get(1).map(|second| second.name.span()),
        message: format!("{} record types in one source; this version loads one", records.len()),
        advice: None,
    })?;
    let (mut layout, forms) = layout(&record, &raw.source)?;
    let format = format(&raw.source, &record, forms)?;
    let compression = compression(raw.source.compression.as_ref())?;
    layout.mode = mode(&record, &layout)?;
    let rules = rules(&raw.rule, &record, &layout)?;
    let declared = raw.declared.as_ref().map(|section| declared(section, &layout)).transpose()?;
    let reject_limit = reject_limit(raw.limits.rejects.as_ref())?;
    Ok(Job {
        name: name.clone(),
        description: raw.job.description,
        text: text.to_owned(),
        digest: Hash::of(text.as_bytes()),
        source_path: raw.source.path,
        compression,
        format,
        layout: Arc::new(layout),
        declared,
        rules,
        reject_limit,
    })
}

/// An SQL name: a letter or underscore, then letters, digits, underscores; 63 at most, PostgreSQL's limit.
fn identifier(name: &Spanned<String>, what: &str) -> Checked<String> {
    let text = name.get_ref();
    let mut chars = text.chars();
    let starts_well = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || text.len() > 63 || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return fault(
            name.span(),
            format!(
                "`{text}` cannot be a {what}'s name: a letter or `_`, then letters, digits or `_`, 63 at most"
            ),
        );
    }
    Ok(text.clone())
}

fn table(name: &Spanned<String>) -> Checked<String> {
    let text = identifier(name, "table")?;
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("crossfoot_") || lower.starts_with("sqlite_") || lower.starts_with("pg_") {
        return fault(
            name.span(),
            format!("`{text}`: names that begin so belong to Crossfoot or the database"),
        );
    }
    Ok(text)
}

fn layout(record: &RecordSection, source: &SourceSection) -> Checked<(Layout, Vec<FieldForm>)> {
    if let Some(role) = &record.role
        && role.get_ref() != "detail"
    {
        return fault(role.span(), format!("role `{}`: this version loads `detail` records", role.get_ref()));
    }
    let is_fixed = source.format.get_ref() == "fixed";
    let mut fields = Vec::new();
    let mut forms = Vec::new();
    let mut names = HashSet::new();
    for section in &record.field {
        let name = identifier(&section.name, "field")?;
        let lower = name.to_ascii_lowercase();
        if RESERVED.contains(&lower.as_str()) {
            return fault(
                section.name.span(),
                format!("`{name}` is a column that Crossfoot adds itself; call the field otherwise"),
            );
        }
        if !names.insert(lower) {
            return fault(section.name.span(), format!("two fields are called `{name}`"));
        }
        let (ty, pattern) = field_type(&section.ty)?;
        let constraints = constraints(section, &ty)?;
        forms.push(field_form(section, &ty, pattern, source, is_fixed)?);
        fields.push(Field { name, ty, required: section.required, constraints });
    }
    if fields.is_empty() {
        return fault(record.name.span(), "the record has no fields");
    }
    let find = |name: &str, at: Range<usize>| {
        fields
            .iter()
            .position(|field: &Field| field.name == name)
            .ok_or_else(|| unknown_field(name, &fields, at))
    };
    let mut key = Vec::new();
    for name in &record.key {
        let at = find(name.get_ref(), name.span())?;
        if key.contains(&at) {
            return fault(name.span(), format!("`{}` is in the key twice", name.get_ref()));
        }
        key.push(at);
    }
    let mut amounts = Vec::new();
    for name in &record.amounts {
        let at = find(name.get_ref(), name.span())?;
        if !matches!(fields[at].ty, FieldType::Decimal { .. } | FieldType::Integer) {
            let ty = fields[at].ty;
            return fault(
                name.span(),
                format!("`{}` is {ty}; only decimal and integer fields can be summed", name.get_ref()),
            );
        }
        if amounts.contains(&at) {
            return fault(name.span(), format!("`{}` is among the amounts twice", name.get_ref()));
        }
        amounts.push(at);
    }
    let mut hashed: Vec<usize> = match &record.hash {
        None => (0..fields.len()).collect(),
        Some(spanned) => match spanned.get_ref() {
            NamesOrAll::All(star) if star == "*" => (0..fields.len()).collect(),
            NamesOrAll::All(other) => {
                return fault(
                    spanned.span(),
                    format!("`{other}`: write \"*\" for all fields, or a list of names"),
                );
            }
            NamesOrAll::Names(names) => {
                names.iter().map(|name| find(name, spanned.span())).collect::<Checked<_>>()?
            }
        },
    };
    hashed.sort_unstable();
    hashed.dedup();
    if hashed.is_empty() {
        return fault(record.name.span(), "no field is hashed: content could not be proven");
    }
    for at in &key {
        fields[*at].required = true;
    }
    let (staging, final_table) = (table(&record.staging)?, table(&record.final_table)?);
    if staging.eq_ignore_ascii_case(&final_table) {
        return fault(record.final_table.span(), "staging and final are the same table");
    }
    let record = identifier(&record.name, "record")?;
    let layout = Layout { record, fields, key, amounts, hashed, mode: Mode::Append, staging, final_table };
    Ok((layout, forms))
}

fn unknown_field(name: &str, fields: &[Field], at: Range<usize>) -> Fault {
    let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    Fault {
        span: Some(at),
        message: format!("there is no field `{name}`"),
        advice: Some(format!("fields are: {}", names.join(", "))),
    }
}

fn field_type(spanned: &Spanned<String>) -> Checked<(FieldType, Option<String>)> {
    let text = spanned.get_ref().trim();
    let (name, argument) = match text.split_once('(') {
        None => (text, None),
        Some((name, rest)) => match rest.strip_suffix(')') {
            Some(argument) => (name.trim(), Some(argument)),
            None => return fault(spanned.span(), format!("`{text}`: the parenthesis is not closed")),
        },
    };
    let refuse = |message: String| {
        fault_advised(
            spanned.span(),
            message,
            "types are: text(n), integer, decimal(p,s), date, date(form), timestamp, timestamp(form), boolean, bytes",
        )
    };
    Ok(match (name, argument) {
        ("text", Some(argument)) => match argument.trim().parse() {
            Ok(chars_max) if chars_max > 0 => (FieldType::Text { chars_max }, None),
            _ => return refuse(format!("`{text}`: text takes its greatest length, such as text(40)")),
        },
        ("integer", None) => (FieldType::Integer, None),
        ("decimal", Some(argument)) => {
            let numbers: Vec<Option<u8>> = argument.split(',').map(|part| part.trim().parse().ok()).collect();
            match numbers[..] {
                [Some(precision @ 1..=38), Some(scale)] if scale <= precision => {
                    (FieldType::Decimal { precision, scale }, None)
                }
                [Some(precision @ 1..=38)] => (FieldType::Decimal { precision, scale: 0 }, None),
                _ => {
                    return refuse(format!(
                        "`{text}`: decimal takes digits in all (1 to 38) and digits behind the point, such as decimal(15,2)"
                    ));
                }
            }
        }
        ("date", form) => (FieldType::Date, form.map(Into::into)),
        ("timestamp", form) => (FieldType::Timestamp, form.map(Into::into)),
        ("boolean", None) => (FieldType::Boolean, None),
        ("bytes", None) => (FieldType::Bytes, None),
        _ => return refuse(format!("`{text}` is not a type")),
    })
}

fn literal(ty: &FieldType, value: &toml::Value, at: Range<usize>) -> Checked<Literal> {
    let wrong = |expected: &str| {
        fault(at.clone(), format!("`{value}` is not {expected}, as the field's type {ty} asks"))
    };
    Ok(match (ty, value) {
        (_, toml::Value::Float(_)) => {
            return fault_advised(
                at,
                format!("`{value}` would be read as a float"),
                format!("write it as text, exactly: \"{value}\""),
            );
        }
        (FieldType::Text { .. }, toml::Value::String(text)) => Literal::Text(text.clone()),
        (FieldType::Integer, toml::Value::Integer(integer)) => Literal::Integer(*integer),
        (FieldType::Decimal { .. }, toml::Value::Integer(integer)) => Literal::Decimal((*integer).into()),
        (FieldType::Decimal { .. }, toml::Value::String(text)) => match text.parse() {
            Ok(amount) => Literal::Decimal(amount),
            Err(error) => return wrong(&format!("an exact amount ({error})")),
        },
        (FieldType::Date, toml::Value::String(text)) => match text.parse() {
            Ok(date) => Literal::Date(date),
            Err(_) => return wrong("a date such as \"2024-02-29\""),
        },
        (FieldType::Date, toml::Value::Datetime(datetime)) => match datetime.to_string().parse() {
            Ok(date) => Literal::Date(date),
            Err(_) => return wrong("a date such as 2024-02-29"),
        },
        (FieldType::Timestamp, toml::Value::String(text)) => match text.parse() {
            Ok(at) => Literal::Timestamp(at),
            Err(_) => return wrong("a timestamp such as \"2024-02-29 13:45:00\""),
        },
        (FieldType::Boolean, toml::Value::Boolean(truth)) => Literal::Boolean(*truth),
        _ => return wrong("a value"),
    })
}

fn amount(value: &toml::Value, at: Range<usize>) -> Checked<Amount> {
    match literal(&FieldType::Decimal { precision: DIGITS_MAX, scale: 0 }, value, at.clone())? {
        Literal::Decimal(amount) => Ok(amount),
        _ => fault(at, "an exact amount is expected"),
    }
}

fn constraints(section: &FieldSection, ty: &FieldType) -> Checked<Vec<Constraint>> {
    let mut constraints = Vec::new();
    if let Some(min) = &section.min {
        constraints.push(Constraint::Min(literal(ty, min.get_ref(), min.span())?));
    }
    if let Some(max) = &section.max {
        constraints.push(Constraint::Max(literal(ty, max.get_ref(), max.span())?));
    }
    if let Some(allowed) = &section.allowed {
        if allowed.get_ref().is_empty() {
            return fault(allowed.span(), "an empty list allows nothing");
        }
        let literals = allowed.get_ref().iter().map(|value| literal(ty, value, allowed.span()));
        constraints.push(Constraint::OneOf(literals.collect::<Checked<_>>()?));
    }
    if let Some(pattern) = &section.pattern {
        if !matches!(ty, FieldType::Text { .. }) {
            return fault(pattern.span(), format!("a pattern is for text, and the field is {ty}"));
        }
        // Anchored: the whole text must match.
        match regex::Regex::new(&format!("^(?:{})$", pattern.get_ref())) {
            Ok(regex) => constraints.push(Constraint::Pattern(regex)),
            Err(error) => {
                return fault(pattern.span(), format!("the pattern is not a regular expression: {error}"));
            }
        }
    }
    if let Some(length) = &section.length {
        if !matches!(ty, FieldType::Text { .. } | FieldType::Bytes) {
            return fault(length.span(), format!("a length is for text and bytes, and the field is {ty}"));
        }
        let (min, max) = match length.get_ref() {
            LengthSection::Exactly(length) => (Some(*length), Some(*length)),
            LengthSection::Between(bounds) => (bounds.min, bounds.max),
        };
        constraints.extend(min.map(Constraint::LengthMin));
        constraints.extend(max.map(Constraint::LengthMax));
    }
    Ok(constraints)
}

fn trim(spanned: Option<&Spanned<String>>) -> Checked<Option<Trim>> {
    let Some(spanned) = spanned else { return Ok(None) };
    Ok(Some(match spanned.get_ref().as_str() {
        "none" => Trim::None,
        "right" => Trim::Right,
        "both" => Trim::Both,
        other => return fault(spanned.span(), format!("trim `{other}`: none, right or both")),
    }))
}

fn field_form(
    section: &FieldSection,
    ty: &FieldType,
    pattern: Option<String>,
    source: &SourceSection,
    is_fixed: bool,
) -> Checked<FieldForm> {
    let span = match (&section.start, &section.width, is_fixed) {
        (Some(start), Some(width), true) => {
            if *start.get_ref() == 0 || *width.get_ref() == 0 {
                return fault(start.span(), "positions count from 1, and a width is at least 1");
            }
            Some((start.get_ref() - 1, *width.get_ref()))
        }
        (None, None, false) => None,
        (_, _, true) => {
            return fault(
                section.name.span(),
                format!("field `{}` needs `start` (from 1) and `width`, in bytes", section.name.get_ref()),
            );
        }
        (start, width, false) => {
            let at = start.as_ref().or(width.as_ref()).map_or(section.name.span(), Spanned::span);
            return fault(at, "`start` and `width` are for the fixed format");
        }
    };
    let truths = match (&section.true_texts, &section.false_texts) {
        (None, None) => None,
        (Some(yes), Some(no)) if matches!(ty, FieldType::Boolean) => {
            if let Some(both) = yes.iter().find(|text| no.contains(text)) {
                return fault(section.name.span(), format!("`{both}` stands for true and for false"));
            }
            Some((yes.clone(), no.clone()))
        }
        (Some(_), Some(_)) => {
            return fault(
                section.name.span(),
                format!("`true` and `false` are for booleans, and the field is {ty}"),
            );
        }
        _ => return fault(section.name.span(), "give the texts for both `true` and `false`"),
    };
    let default = if is_fixed { Trim::Right } else { Trim::None };
    let trim = match trim(section.trim.as_ref())? {
        Some(own) => own,
        None => trim_default(source, ty, default)?,
    };
    Ok(FieldForm { span, trim, pattern, truths })
}

/// In the fixed form numbers are often right-aligned, so blanks on both sides are padding there.
fn trim_default(source: &SourceSection, ty: &FieldType, default: Trim) -> Checked<Trim> {
    Ok(match trim(source.trim.as_ref())? {
        Some(of_source) => of_source,
        None if default == Trim::Right && !matches!(ty, FieldType::Text { .. } | FieldType::Bytes) => {
            Trim::Both
        }
        None => default,
    })
}

fn format(source: &SourceSection, record: &RecordSection, fields: Vec<FieldForm>) -> Checked<FormatSpec> {
    let encoding = match &source.encoding {
        None => Encoding::Utf8,
        Some(spanned) => match spanned.get_ref().to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Encoding::Utf8,
            "latin-1" | "latin1" | "iso-8859-1" => Encoding::Latin1,
            other => return fault(spanned.span(), format!("encoding `{other}`: utf-8 or latin-1")),
        },
    };
    let record_bytes_max = match &source.record_bytes_max {
        None => RECORD_BYTES_MAX,
        // A record travels in one message, and no message is above 16 MiB.
        Some(spanned) if (1..=4 << 20).contains(spanned.get_ref()) => *spanned.get_ref(),
        Some(spanned) => return fault(spanned.span(), "record_bytes_max is 1 to 4194304 (4 MiB)"),
    };
    let form = match source.format.get_ref().as_str() {
        "delimited" => delimited(source)?,
        "fixed" => fixed(source, record, &fields)?,
        "copybook" => {
            return fault(
                source.format.span(),
                "format `copybook` is not in this version: delimited or fixed",
            );
        }
        other => return fault(source.format.span(), format!("format `{other}`: delimited or fixed")),
    };
    Ok(FormatSpec { form, encoding, record_bytes_max, fields })
}

fn one_byte(spanned: &Spanned<String>, what: &str) -> Checked<u8> {
    match spanned.get_ref().as_bytes() {
        [byte] if byte.is_ascii() && *byte != b'\n' && *byte != b'\r' => Ok(*byte),
        _ => fault(spanned.span(), format!("a {what} is one ASCII character, not a line end")),
    }
}

/// `""` switches quoting off; absent means the usual.
fn optional_byte(spanned: Option<&Spanned<String>>, absent: Option<u8>, what: &str) -> Checked<Option<u8>> {
    match spanned {
        None => Ok(absent),
        Some(spanned) if spanned.get_ref().is_empty() => Ok(None),
        Some(spanned) => one_byte(spanned, what).map(Some),
    }
}

fn delimited(source: &SourceSection) -> Checked<Form> {
    for (key, is_there) in [
        ("framing", source.framing.as_ref().map(Spanned::span)),
        ("record_bytes", source.record_bytes.as_ref().map(Spanned::span)),
    ] {
        if let Some(at) = is_there {
            return fault(at, format!("`{key}` is for the fixed format"));
        }
    }
    let separator = source.separator.as_ref().map_or(Ok(b','), |spanned| one_byte(spanned, "separator"))?;
    let quote = optional_byte(source.quote.as_ref(), Some(b'"'), "quote")?;
    let escape = optional_byte(source.escape.as_ref(), None, "escape")?;
    if quote == Some(separator) || escape == Some(separator) {
        return fault(source.format.span(), "separator, quote and escape must differ");
    }
    Ok(Form::Delimited(Delimited {
        separator,
        quote,
        // An escape that is the quote itself is the usual doubling.
        escape: escape.filter(|byte| Some(*byte) != quote),
        header: source.header.as_ref().is_some_and(|spanned| *spanned.get_ref()),
        null: source.null.as_ref().map(|spanned| spanned.get_ref().clone()).unwrap_or_default(),
        trailing_separator: source.trailing_separator.as_ref().is_some_and(|spanned| *spanned.get_ref()),
    }))
}

fn fixed(source: &SourceSection, record: &RecordSection, fields: &[FieldForm]) -> Checked<Form> {
    let foreign = [
        ("separator", source.separator.as_ref().map(Spanned::span)),
        ("quote", source.quote.as_ref().map(Spanned::span)),
        ("escape", source.escape.as_ref().map(Spanned::span)),
        ("null", source.null.as_ref().map(Spanned::span)),
        ("header", source.header.as_ref().map(Spanned::span)),
        ("trailing_separator", source.trailing_separator.as_ref().map(Spanned::span)),
    ];
    for (key, at) in foreign {
        if let Some(at) = at {
            return fault(at, format!("`{key}` is for the delimited format"));
        }
    }
    let framing = match &source.framing {
        None => FixedFraming::Line,
        Some(spanned) => match spanned.get_ref().as_str() {
            "line" => FixedFraming::Line,
            "fixed" => FixedFraming::Length,
            other => return fault(spanned.span(), format!("framing `{other}`: line or fixed")),
        },
    };
    let reach =
        fields.iter().filter_map(|form| form.span).map(|(start, width)| start + width).max().unwrap_or(0);
    let record_bytes = source.record_bytes.as_ref().map_or(reach, |spanned| *spanned.get_ref());
    if record_bytes < reach {
        let at = source.record_bytes.as_ref().map_or(source.format.span(), Spanned::span);
        return fault(at, format!("a record has {record_bytes} bytes, but a field reaches to byte {reach}"));
    }
    for (section, form) in record.field.iter().zip(fields) {
        let overlapped = record.field.iter().zip(fields).find(|(other, other_form)| {
            let (Some((a, a_width)), Some((b, b_width))) = (form.span, other_form.span) else { return false };
            other.name.get_ref() != section.name.get_ref() && a < b + b_width && b < a + a_width && a <= b
        });
        if let Some((other, _)) = overlapped {
            return fault(
                other.name.span(),
                format!("field `{}` overlaps field `{}`", other.name.get_ref(), section.name.get_ref()),
            );
        }
    }
    Ok(Form::Fixed(Fixed { framing, record_bytes }))
}

fn compression(spanned: Option<&Spanned<String>>) -> Checked<Compression> {
    let Some(spanned) = spanned else { return Ok(Compression::Auto) };
    Ok(match spanned.get_ref().as_str() {
        "auto" => Compression::Auto,
        "none" => Compression::None,
        "gzip" => Compression::Gzip,
        "zstd" => Compression::Zstd,
        other => return fault(spanned.span(), format!("compression `{other}`: auto, none, gzip or zstd")),
    })
}

fn mode(record: &RecordSection, layout: &Layout) -> Checked<Mode> {
    let Some(spanned) = &record.mode else { return Ok(Mode::Append) };
    match spanned.get_ref().as_str() {
        "append" => Ok(Mode::Append),
        "upsert" if layout.key.is_empty() => {
            fault(spanned.span(), "upsert needs a `key`: the fields by which a row is found again")
        }
        "upsert" => Ok(Mode::Upsert),
        other => fault(spanned.span(), format!("mode `{other}`: append or upsert")),
    }
}

fn declared(section: &DeclaredSection, layout: &Layout) -> Checked<Declared> {
    let mut declared = Declared { records: section.records, bytes: section.bytes, ..Declared::default() };
    for (name, value) in &section.amounts {
        if !layout.index_of(name).is_some_and(|at| layout.amounts.contains(&at)) {
            return fault(value.span(), format!("`{name}` is not among the record's `amounts`"));
        }
        declared.amounts.insert(name.clone(), amount(value.get_ref(), value.span())?);
    }
    let hash = |spanned: &Option<Spanned<String>>| {
        spanned
            .as_ref()
            .map(|s| s.get_ref().parse::<Hash>().or_else(|e| fault(s.span(), e.to_string())))
            .transpose()
    };
    declared.sha256 = hash(&section.sha256)?;
    declared.fingerprint = hash(&section.fingerprint)?;
    if declared.is_empty() {
        return Err(Fault {
            span: None,
            message: "[declared] declares nothing".into(),
            advice: Some(
                "give records, bytes, amounts.FIELD, sha256 or fingerprint, or leave the section out".into(),
            ),
        });
    }
    Ok(declared)
}

fn rules(sections: &[RuleSection], record: &RecordSection, layout: &Layout) -> Checked<Vec<Rule>> {
    let mut names = HashSet::new();
    sections
        .iter()
        .map(|section| {
            if !names.insert(section.name.get_ref().as_str()) {
                return fault(
                    section.name.span(),
                    format!("two rules are called `{}`", section.name.get_ref()),
                );
            }
            rule(section, record, layout)
        })
        .collect()
}

fn rule(section: &RuleSection, record: &RecordSection, layout: &Layout) -> Checked<Rule> {
    if let Some(of) = &section.record
        && of.get_ref() != record.name.get_ref()
    {
        return fault_advised(
            of.span(),
            format!("there is no record `{}`", of.get_ref()),
            format!("records are: {}", record.name.get_ref()),
        );
    }
    let find = |name: &String, at: Range<usize>| {
        layout.index_of(name).ok_or_else(|| unknown_field(name, &layout.fields, at))
    };
    let find_all = |names: &[String], at: Range<usize>| {
        if names.is_empty() {
            return fault(at, "no field is named");
        }
        names.iter().map(|name| find(name, at.clone())).collect::<Checked<Vec<_>>>()
    };
    let condition = match (&section.holds, &section.unique, &section.references, &section.balance) {
        (Some(holds), None, None, None) => match Predicate::parse(holds.get_ref(), layout) {
            Ok(predicate) => Condition::Row(predicate),
            Err(error) => return fault(holds.span(), format!("the rule cannot be used: {error}")),
        },
        (None, Some(unique), None, None) => {
            Condition::Unique { fields: find_all(unique.get_ref(), unique.span())? }
        }
        (None, None, Some(references), None) => {
            let (at, section) = (references.span(), references.get_ref());
            let named = |name: &String, what| identifier(&Spanned::new(at.clone(), name.clone()), what);
            if section.fields.len() != section.columns.len() {
                return fault(at, "there must be as many `columns` as `fields`");
            }
            Condition::References {
                fields: find_all(&section.fields, at.clone())?,
                table: named(&section.table, "table")?,
                columns: section.columns.iter().map(|name| named(name, "column")).collect::<Checked<_>>()?,
            }
        }
        (None, None, None, Some(balance)) => {
            let (at, section) = (balance.span(), balance.get_ref());
            let sum = find(&section.sum, at.clone())?;
            if !matches!(layout.fields[sum].ty, FieldType::Decimal { .. } | FieldType::Integer) {
                return fault(
                    at,
                    format!("`{}` is {} and cannot be summed", section.sum, layout.fields[sum].ty),
                );
            }
            let to = amount(&section.to, at.clone())?;
            let by = section.by.iter().map(|name| find(name, at.clone())).collect::<Checked<_>>()?;
            Condition::Balance { sum, by, to }
        }
        _ => {
            return fault_advised(
                section.name.span(),
                format!("rule `{}` must say one thing that holds", section.name.get_ref()),
                "give exactly one of: holds, unique, references, balance",
            );
        }
    };
    let on_breach = match &section.on_breach {
        None => OnBreach::Fail,
        Some(spanned) => match spanned.get_ref().as_str() {
            "fail" => OnBreach::Fail,
            "hold" => OnBreach::Hold,
            "warn" => OnBreach::Warn,
            other => return fault(spanned.span(), format!("on_breach `{other}`: fail, hold or warn")),
        },
    };
    Ok(Rule { name: section.name.get_ref().clone(), condition, on_breach })
}

fn reject_limit(spanned: Option<&Spanned<toml::Value>>) -> Checked<RejectLimit> {
    let Some(spanned) = spanned else { return Ok(RejectLimit::Count(0)) };
    let share = |text: &str| {
        // Percent to parts in a million, exactly: "0.1%" is 1000.
        let percent: domain::amount::Amount = text.trim().strip_suffix('%')?.trim().parse().ok()?;
        let per_million = percent.rescale(4).ok()?.mantissa();
        u32::try_from(per_million).ok().filter(|share| *share <= 1_000_000)
    };
    match spanned.get_ref() {
        toml::Value::Integer(count) if *count >= 0 => Ok(RejectLimit::Count(count.unsigned_abs())),
        toml::Value::String(text) => match share(text) {
            Some(share) => Ok(RejectLimit::PerMillion(share)),
            None => fault(
                spanned.span(),
                format!("`{text}`: a share is written \"0.1%\", with at most four digits behind the point"),
            ),
        },
        other => {
            fault(spanned.span(), format!("`{other}`: rejects is a number, or a share such as \"0.1%\""))
        }
    }
}
