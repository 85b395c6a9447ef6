//! From what the file says to what it means: names resolved, types understood, contradictions refused.

mod attest;
mod control;
mod copybook;
mod declared;
mod durability;
mod encoding;
mod framing;
mod item;
mod made;
mod numbers;
mod of_source;
mod policy;
mod promotion;
mod record_format;
mod records;
mod repeated;
mod rows;
mod rules;
mod schedule;
mod sensitive;
mod sequence;
mod tables;
mod targets;
mod trends;
mod types;
mod whole;
mod written;

use std::collections::HashSet;
use std::ops::Range;

use domain::approval::Approval;
use domain::fingerprint::Hash;
use domain::layout::{Field, Layout, Mode, PromoteBy, RecordTypeSlot};
use domain::mask::Masks;
use domain::reconcile::RejectLimit;
use domain::value::FieldType;
use format::spec::FieldForm;
use toml::Spanned;

use super::Job;
use super::error::{JobError, Place};
use super::file::{JobFile, NamesOrAll, RecordSection, SourceSection};
use control::footing;
use declared::declared;
use of_source::{compression, decode_proof};
use record_format::field_form;
use records::record_types;
use rules::rules;
use types::{constraints, field_type};

pub(super) use whole::whole;

/// Columns that Crossfoot adds to staging and final.
const RESERVED: [&str; 6] = ["run_id", "chunk_no", "record_no", "worker_id", "last_run_id", "last_record_no"];

/// What is at fault, where.
struct Fault {
    span: Option<Range<usize>>,
    message: String,
    advice: Option<String>,
}

type Checked<T> = Result<T, Fault>;

fn fault<T>(span: Range<usize>, message: impl Into<String>) -> Checked<T> {
    Err(Fault { span: Some(span), message: message.into(), advice: None })
}

fn fault_advised<T>(span: Range<usize>, message: impl Into<String>, advice: impl Into<String>) -> Checked<T> {
    Err(Fault { span: Some(span), message: message.into(), advice: Some(advice.into()) })
}

pub(super) fn parse(file: &str, text: &str) -> Result<Job, JobError> {
    let error = |fault: Fault| JobError {
        file: file.into(),
        place: fault.span.map(|span| Place::of(file, text, span)),
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
        return fault(
            raw.job.name.span(),
            "the name of a job must have 1 to 100 letters, digits, `-`, `_` or `.`",
        );
    }
    let (format, records, masks) =
        record_types(name, &raw.record, &raw.source, &raw.copybooks, &raw.lookups)?;
    let decode_proof = decode_proof(raw.source.decode_proof.as_ref())?;
    let compression = compression(raw.source.compression.as_ref())?;
    let rules = rules(&raw.rule, &records)?;
    let (declared, short) = declared(raw.declared.as_ref(), &records)?;
    let footing = footing(&raw.control, short, &records)?;
    let footing = sequence::numbered(footing, &raw.sequence, &records)?;
    sensitive::numbers(footing.as_deref(), &records)?;
    let trends = trends::trends(raw.trends.as_ref(), &records)?;
    let schedule = schedule::schedule(raw.schedule.as_ref())?;
    let attest_within = attest::within(raw.attest.as_ref())?;
    let (targets, target_url) = targets::targets(&raw.target, &records)?;
    let reject_limit = reject_limit(raw.limits.rejects.as_ref())?;
    let durability = durability::durability(&raw.staging, &records, &rules)?;
    let mut job = Job {
        name: name.clone(),
        description: raw.job.description,
        text: text.to_owned(),
        digest: Hash::of(text.as_bytes()),
        source_path: raw.source.path.clone(),
        compression,
        format,
        records,
        columns: None,
        encodings: None,
        masks,
        decode_proof,
        declared,
        footing,
        rules,
        trends,
        schedule,
        attest_within,
        targets,
        target_url,
        reject_limit,
        durability,
        approval: Approval { four_eyes: raw.approval.four_eyes, require_reason: raw.approval.require_reason },
    };
    job.encodings = encoding::listed(&raw.source, &job)?;
    if let Some(columns) = &raw.columns {
        let bound = job.bind_named(&columns.get_ref().header);
        bound.or_else(|error| {
            fault(columns.span(), format!("the header row does not match the job: {error}"))
        })?;
    }
    Ok(job)
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
                "invalid {what} name `{text}`: use a letter or `_`, then letters, digits or `_`, at most 63 characters"
            ),
        );
    }
    Ok(text.clone())
}

/// The fields that the job itself describes, how each column is written, and what fields are made of that are none.
fn fields_of(
    record: &RecordSection,
    source: &SourceSection,
    lookups: &made::Tables,
) -> Checked<(Vec<Field>, Vec<FieldForm>, Option<made::Draft>)> {
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
                format!("`{name}` is a column that Crossfoot adds; rename the field"),
            );
        }
        if !names.insert(lower) {
            return fault(section.name.span(), format!("two fields have the name `{name}`"));
        }
        let Some(ty) = &section.ty else {
            return fault(section.name.span(), format!("field `{name}` needs a `type`"));
        };
        made::check(section)?;
        let (span, (ty, pattern)) = (ty.span(), field_type(ty)?);
        let constraints = constraints(section, &ty)?;
        let form = field_form(section, &ty, pattern, source, is_fixed)?;
        // Refused here, with a place, rather than when the first record is decoded.
        if let Err(error) = form.check(&ty) {
            return fault(span, format!("field `{name}`: {error}"));
        }
        forms.push(form);
        let (required, sensitive) = (section.required, section.sensitive);
        fields.push(Field { name, ty, required, sensitive, constraints });
    }
    if made::any(record) {
        let (columns, draft) = made::text::drafted(record, source, &fields, forms, lookups)?;
        return Ok((fields, columns, Some(draft)));
    }
    Ok((fields, forms, None))
}

/// The layout of a record type that has these fields.
fn layout(record: &RecordSection, mut fields: Vec<Field>) -> Checked<Layout> {
    if fields.is_empty() {
        return fault(record.name.span(), "the record has no fields");
    }
    let find = |name: &str, span: Range<usize>| {
        fields
            .iter()
            .position(|field: &Field| field.name == name)
            .ok_or_else(|| unknown_field(name, &fields, span))
    };
    let mut key = Vec::new();
    for name in &record.key {
        let index = find(name.get_ref(), name.span())?;
        if key.contains(&index) {
            return fault(name.span(), format!("`{}` is listed twice in the key", name.get_ref()));
        }
        let own = record.field.iter().find(|field| field.name.get_ref() == name.get_ref());
        if let Some(default) = own.and_then(|field| field.default.as_ref()) {
            return fault(
                default.span(),
                "a key has no `default`: records without one would become the same",
            );
        }
        key.push(index);
    }
    let mut amounts = Vec::new();
    for name in &record.amounts {
        let index = find(name.get_ref(), name.span())?;
        if !matches!(fields[index].ty, FieldType::Decimal { .. } | FieldType::Integer) {
            let ty = fields[index].ty;
            return fault(
                name.span(),
                format!("`{}` is {ty}; only decimal and integer fields can be summed", name.get_ref()),
            );
        }
        if amounts.contains(&index) {
            return fault(name.span(), format!("`{}` is listed twice in the amounts", name.get_ref()));
        }
        amounts.push(index);
    }
    let mut hashed: Vec<usize> = match &record.hash {
        None => (0..fields.len()).collect(),
        Some(spanned) => match spanned.get_ref() {
            NamesOrAll::All(star) if star == "*" => (0..fields.len()).collect(),
            NamesOrAll::All(other) => {
                return fault(
                    spanned.span(),
                    format!("invalid hash `{other}`: expected \"*\" for all fields, or a list of names"),
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
        return fault(record.name.span(), "no field is hashed, so the content could not be proven");
    }
    for span in &key {
        fields[*span].required = true;
    }
    let staging = tables::staging(record)?;
    let final_table = tables::final_table(record, &fields, &key, &staging)?;
    let record = identifier(&record.name, "record")?;
    let among = RecordTypeSlot::ALONE;
    let (mode, promote_by, masks) = (Mode::Append, PromoteBy::Insert, Masks::default());
    Ok(Layout { record, among, fields, key, amounts, hashed, mode, promote_by, staging, final_table, masks })
}

fn unknown_field(name: &str, fields: &[Field], span: Range<usize>) -> Fault {
    let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    Fault {
        span: Some(span),
        message: format!("there is no field `{name}`"),
        advice: Some(format!("fields: {}", names.join(", "))),
    }
}

fn mode(record: &RecordSection, layout: &Layout) -> Checked<Mode> {
    let Some(spanned) = &record.mode else { return Ok(Mode::Append) };
    match spanned.get_ref().as_str() {
        "append" => Ok(Mode::Append),
        "upsert" if layout.key.is_empty() => {
            fault(spanned.span(), "upsert needs a `key`: the fields that identify a row")
        }
        "upsert" => Ok(Mode::Upsert),
        other => fault(spanned.span(), format!("invalid mode `{other}`: expected append or upsert")),
    }
}

/// Percent to parts in a million, exactly: "0.1%" is 1000. At most 4000 %.
fn share(text: &str) -> Option<u32> {
    let percent: domain::amount::Amount = text.trim().strip_suffix('%')?.trim().parse().ok()?;
    let per_million = percent.rescale(4).ok()?.mantissa();
    u32::try_from(per_million).ok().filter(|share| *share <= 40_000_000)
}

fn reject_limit(spanned: Option<&Spanned<toml::Value>>) -> Checked<RejectLimit> {
    let Some(spanned) = spanned else { return Ok(RejectLimit::Count(0)) };
    let share = |text: &str| share(text).filter(|share| *share <= 1_000_000);
    match spanned.get_ref() {
        toml::Value::Integer(count) if *count >= 0 => Ok(RejectLimit::Count(count.unsigned_abs())),
        toml::Value::String(text) => match share(text) {
            Some(share) => Ok(RejectLimit::PerMillion(share)),
            None => fault(
                spanned.span(),
                format!(
                    "invalid share `{text}`: expected a form such as \"0.1%\", with at most four decimal places"
                ),
            ),
        },
        other => fault(
            spanned.span(),
            format!("invalid rejects `{other}`: expected a number, or a share such as \"0.1%\""),
        ),
    }
}
