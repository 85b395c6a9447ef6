//! The proof: the fields that are loaded, held to the columns that they were made of, and these to the record's bytes.
//!
//! The columns are a witness. An encoder proves them from the record's bytes as it proves fields that are columns; then
//! each field's value is written as text and held to them. Neither trusts the way in: a column that is not what the
//! record holds fails the first, and a value that is not what the columns say fails the second.

use std::sync::Arc;

use domain::layout::Layout;
use domain::record::{self, RawField, Tag};
use domain::round_trip::{Equivalence, Equivalences};
use domain::value::FieldType;

use super::{Counts, Differs, FieldEncoder, Written, field_encoder, stripped};
use crate::decode::ColumnDecoder;
use crate::spec::FormatSpec;
use crate::stage::{Code, FromText, Gate, Made, Origin, Part, Stage, TextColumn, TextSource};

/// How the value of one field is written.
#[derive(Debug, Clone)]
enum Proving {
    Column,
    Text(Written),
    Cell(Box<FieldEncoder>, FieldType),
}

/// Proves the fields of one record type that are made of columns.
#[derive(Debug, Clone)]
pub(super) struct StageProof {
    stage: Arc<Stage>,
    witness: ColumnDecoder,
    fields: Vec<Proving>,
    /// The columns that are taken apart, with the field by which a difference is named.
    parted: Vec<(usize, TextColumn, Vec<Part>, bool)>,
    first: Vec<usize>,
    columns: Vec<u8>,
    counts: Counts,
}

const NONE: Equivalences = Equivalences::NONE;

const fn only(one: Equivalence) -> Equivalences {
    Equivalences::only(one)
}

impl StageProof {
    /// For records of `layout`, written as `spec` says.
    ///
    /// # Errors
    /// A sentence for the job's author.
    pub(super) fn new(stage: &Arc<Stage>, spec: &FormatSpec, layout: &Layout) -> Result<Self, String> {
        let mut fields = Vec::new();
        let mut parted: Vec<(usize, TextColumn, Vec<Part>, bool)> = Vec::new();
        for (at, (made, field)) in stage.fields.iter().zip(&layout.fields).enumerate() {
            fields.push(match &made.origin {
                Origin::Column(_) => Proving::Column,
                Origin::Text(from) => Proving::Text(Written::new(&field.ty, &from.form)?),
                Origin::Cell(_, spec) => Proving::Cell(Box::new(field_encoder(spec)?), spec.column),
            });
            if let Origin::Text(from) = &made.origin
                && let TextSource::Part { column, .. } = &from.text
                && let Some((parts, drops)) = stage.parts_of(column.column)
                && !parted.iter().any(|(_, of, _, _)| of.column == column.column)
            {
                parted.push((at, *column, parts.into_iter().cloned().collect(), drops));
            }
        }
        Ok(Self {
            witness: ColumnDecoder::new(spec, Arc::clone(&stage.columns))?,
            first: stage.first_fields(),
            stage: Arc::clone(stage),
            fields,
            parted,
            columns: Vec::new(),
            counts: Counts::default(),
        })
    }

    /// Holds the fields to the columns, and these, by `encode`, to the record.
    pub(super) fn prove<'a>(
        &mut self,
        record: &[u8],
        row: impl Iterator<Item = RawField<'a>>,
        counts: &mut Counts,
        encode: impl FnOnce(&[u8], usize, &mut Counts) -> Result<(), Differs>,
    ) -> Result<(), Differs> {
        let Self { stage, witness, fields, parted, first, columns, counts: of_columns } = self;
        columns.clear();
        {
            let read = witness.decode(record);
            if !read.is_accepted() {
                return Err(Differs::of_record("the source's columns"));
            }
            match read.canonical() {
                Some(canonical) => columns.extend_from_slice(canonical),
                None => read.values().iter().for_each(|value| record::put(columns, value)),
            }
        }
        let count = stage.columns.fields.len();
        encode(columns, count, of_columns).map_err(|differs| Differs {
            field: differs.field.and_then(|column| first.get(column).copied()),
            ..differs
        })?;
        let held: Vec<RawField<'_>> = record::fields_in(columns, count).collect();
        for (at, column, parts, drops) in parted {
            if !*drops && text(*column, &held).flatten().is_some_and(|text| !covers(parts, &text)) {
                return Err(Differs::of_made(*at, NULL, "not all of its column becomes a field", &[]));
            }
        }
        let mut known = 0;
        for (at, (value, (made, proving))) in row.zip(stage.fields.iter().zip(fields)).enumerate() {
            known += 1;
            match proved(made, proving, value, &held) {
                Some(NONE) => {}
                Some(forms) => counts.add(at, forms),
                None => {
                    let found = made.columns().first().and_then(|column| held.get(*column));
                    let found = found.map(|of| of.content).unwrap_or_default();
                    return Err(Differs::of_made(at, value, "its columns do not say so", found));
                }
            }
        }
        if known == stage.fields.len() { Ok(()) } else { Err(Differs::of_record("the number of fields")) }
    }

    /// Adds what was counted of columns to the counts of the fields that they are part of.
    pub(super) fn settle(&mut self, counts: &mut Counts) {
        self.counts.move_to(counts, &self.first);
    }
}

const NULL: RawField<'static> = RawField { tag: Tag::Null, content: &[] };

/// Whether the value is what the columns make of the field, and in which forms but the usual one.
fn proved(
    made: &Made,
    proving: &Proving,
    value: RawField<'_>,
    held: &[RawField<'_>],
) -> Option<Equivalences> {
    let mut forms = NONE;
    if let Some(gate) = &made.gate {
        let (is_null, of_code) = gate.says(held.get(gate.column)?)?;
        forms = of_code;
        if is_null {
            (value.tag == Tag::Null).then_some(())?;
            let content = held.get(*made.columns().first()?)?;
            return Some(forms.with(gate.content(*content, proving)?));
        }
    }
    let own = match (&made.origin, proving) {
        (Origin::Column(column), _) => (*held.get(*column)? == value).then_some(NONE),
        (Origin::Cell(column, _), Proving::Cell(encoder, _)) => match held.get(*column)? {
            RawField { tag: Tag::Bytes, content } => encoder.prove(value, content, &mut Vec::new()),
            RawField { tag, .. } => (*tag == Tag::Null && value.tag == Tag::Null).then_some(NONE),
        },
        (Origin::Text(from), Proving::Text(written)) => from.proved(written, value, held),
        _ => None,
    };
    Some(forms.with(own?))
}

/// The text of a column as it is read back: `None` inside: it is NULL.
fn text(of: TextColumn, held: &[RawField<'_>]) -> Option<Option<String>> {
    let column = held.get(of.column)?;
    let mut text = match column.tag {
        Tag::Null => return Some(None),
        Tag::Text => std::str::from_utf8(column.content).ok()?.to_owned(),
        Tag::Integer => {
            let number = i64::from_be_bytes(column.content.try_into().ok()?);
            let width = of.digits?;
            let sign = if number < 0 { "-" } else { "" };
            format!("{sign}{:0>width$}", number.unsigned_abs())
        }
        Tag::Decimal => {
            let digits = std::str::from_utf8(column.content).ok()?;
            let width = of.digits?;
            match digits.strip_prefix('-') {
                Some(digits) => format!("-{digits:0>width$}"),
                None => format!("{digits:0>width$}"),
            }
        }
        _ => return None,
    };
    if let Some(width) = of.width {
        text = format!("{text:<width$}");
    }
    Some(Some(text))
}

impl FromText {
    fn proved(&self, written: &Written, value: RawField<'_>, held: &[RawField<'_>]) -> Option<Equivalences> {
        match &self.text {
            TextSource::Constant(constant) => written.means(value, constant).then_some(NONE),
            TextSource::Column(column) => self.means(written, value, text(*column, held)?.as_deref()),
            TextSource::Concat { columns, separator } => {
                let texts: Option<Vec<Option<String>>> =
                    columns.iter().map(|column| text(*column, held)).collect();
                let texts = texts?;
                if texts.iter().all(Option::is_none) {
                    return self.means(written, value, None);
                }
                let texts: Vec<String> = texts.into_iter().collect::<Option<_>>()?;
                let joined = texts.join(separator);
                let mut parts = columns.iter().zip(&texts);
                if separator.is_empty()
                    && parts.any(|(of, text)| of.fixed_length() != Some(text.chars().count()))
                {
                    return None;
                }
                if !separator.is_empty() {
                    // Taken apart again, it must give the columns: nothing else would have been joined to the same.
                    let mut apart = joined.splitn(texts.len(), separator.as_str());
                    texts.iter().all(|text| apart.next() == Some(text)).then_some(())?;
                }
                self.means(written, value, Some(&joined))
            }
            TextSource::Part { column, part, missing_is_null, .. } => {
                let Some(whole) = text(*column, held)? else { return self.means(written, value, None) };
                match cut(part, &whole) {
                    Cut::Some(own) => self.means(written, value, Some(own)),
                    Cut::None if *missing_is_null => {
                        let forms = self.means(written, value, None)?;
                        Some(forms.and(Equivalence::Missing))
                    }
                    Cut::None | Cut::Short => None,
                }
            }
        }
    }

    /// Whether a value is what the text says, or what stands for no text.
    fn means(&self, written: &Written, value: RawField<'_>, text: Option<&str>) -> Option<Equivalences> {
        let nothing = |forms: Equivalences| match &self.form.default {
            None => (value.tag == Tag::Null).then_some(forms),
            Some(default) => written.means(value, default).then(|| forms.and(Equivalence::Default)),
        };
        let Some(text) = text else { return nothing(NONE) };
        let core = stripped(text.as_bytes(), self.form.trim, b' ');
        let pads = if core.len() == text.len() { NONE } else { only(Equivalence::Padding) };
        if matches!(self.text, TextSource::Part { .. }) && core.is_empty() {
            return nothing(pads);
        }
        let is_null = |null: &String| null == text || null.as_bytes() == core;
        if self.form.nulls.iter().flatten().any(is_null) {
            return nothing(only(Equivalence::Fill));
        }
        let core = std::str::from_utf8(core).ok()?;
        let Some(lookup) = &self.lookup else {
            let forms = spelt(written, value, core)?;
            return Some(forms.with(pads));
        };
        match (lookup.get(core), lookup.otherwise()) {
            (Some(entry), _) => written.means(value, &entry.text).then(|| match entry.is_shared {
                true => pads.and(Equivalence::SharedCode),
                false => pads,
            }),
            (None, Some(otherwise)) => {
                written.means(value, otherwise).then(|| pads.and(Equivalence::UnknownCode))
            }
            (None, None) => None,
        }
    }
}

/// Whether `text` spells the value, and in which form.
fn spelt(written: &Written, value: RawField<'_>, text: &str) -> Option<Equivalences> {
    if value.tag == Tag::Null {
        return None;
    }
    let mut usual = Vec::new();
    if written.write(value, &mut usual).is_some() && usual == text.as_bytes() {
        return Some(NONE);
    }
    written.other_notation(value, text.as_bytes())
}

enum Cut<'a> {
    Some(&'a str),
    /// The text ends before the part begins.
    None,
    /// The text ends within the part.
    Short,
}

fn cut<'a>(part: &Part, whole: &'a str) -> Cut<'a> {
    match part {
        Part::Number { separator, number } => {
            let mut rest = whole;
            for _ in 0..*number {
                match rest.split_once(separator.as_str()) {
                    Some((_, after)) => rest = after,
                    None => return Cut::None,
                }
            }
            Cut::Some(rest.split_once(separator.as_str()).map_or(rest, |(own, _)| own))
        }
        Part::Chars { start, length } => {
            let mut rest = whole.chars();
            for _ in 0..*start {
                if rest.next().is_none() {
                    return Cut::None;
                }
            }
            let after = rest.as_str();
            match length {
                None => Cut::Some(after),
                Some(_) if after.is_empty() => Cut::None,
                Some(length) => {
                    let bytes = after.chars().take(*length).map(char::len_utf8).sum();
                    if after.chars().count() < *length { Cut::Short } else { Cut::Some(&after[..bytes]) }
                }
            }
        }
    }
}

/// Whether the parts, put together, are all of the text.
fn covers(parts: &[Part], text: &str) -> bool {
    if let Some(Part::Number { separator, .. }) = parts.first() {
        let has =
            |at: usize| parts.iter().any(|part| matches!(part, Part::Number { number, .. } if *number == at));
        return (0..=text.matches(separator.as_str()).count()).all(has);
    }
    let mut spans: Vec<(usize, usize)> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Chars { start, length } => {
                Some((*start, length.map_or(usize::MAX, |length| start.saturating_add(length))))
            }
            Part::Number { .. } => None,
        })
        .collect();
    spans.sort_unstable();
    let mut reached = 0;
    for (start, end) in spans {
        if start > reached {
            break;
        }
        reached = reached.max(end);
    }
    text.chars().count() <= reached
}

impl Gate {
    /// Whether the indicator says NULL, and whether by another code than the usual one.
    fn says(&self, indicator: &RawField<'_>) -> Option<(bool, Equivalences)> {
        let place = |codes: &[Code]| codes.iter().position(|code| code.is_held(indicator));
        let other = |at: usize| if at == 0 { NONE } else { only(Equivalence::Indicator) };
        let of_null = place(&self.nulls).map(|at| (true, other(at)));
        of_null.or_else(|| place(&self.values).map(|at| (false, other(at))))
    }

    /// In which form the content of a field that is NULL is none; `None` where there is content that must not be.
    fn content(&self, content: RawField<'_>, proving: &Proving) -> Option<Equivalences> {
        let all = |byte: u8| content.content.iter().all(|of| *of == byte);
        let is_usual = content.tag == Tag::Null || all(0);
        if is_usual {
            return Some(NONE);
        }
        let is_blank = match (content.tag, proving) {
            (Tag::Text, _) => content.content.iter().all(|byte| b" \0 0.,+-".contains(byte)),
            (Tag::Bytes, Proving::Cell(encoder, ty)) => {
                all(self.space) || is_zero(encoder, ty, content.content)
            }
            _ => all(self.space),
        };
        if is_blank {
            return Some(only(Equivalence::Fill));
        }
        self.drops_content.then_some(only(Equivalence::UnderNull))
    }
}

/// Whether a field's bytes are what it holds when nobody has set it: NULL, zero or no text.
fn is_zero(encoder: &FieldEncoder, ty: &FieldType, bytes: &[u8]) -> bool {
    let zero = match ty {
        FieldType::Integer => (Tag::Integer, vec![0; 8]),
        FieldType::Decimal { scale: 0, .. } => (Tag::Decimal, b"0".to_vec()),
        FieldType::Decimal { scale, .. } => {
            (Tag::Decimal, format!("0.{}", "0".repeat((*scale).into())).into_bytes())
        }
        _ => (Tag::Text, Vec::new()),
    };
    let zero = RawField { tag: zero.0, content: &zero.1 };
    [NULL, zero].into_iter().any(|value| encoder.prove(value, bytes, &mut Vec::new()).is_some())
}

impl Code {
    fn is_held(&self, indicator: &RawField<'_>) -> bool {
        match (self, indicator.tag) {
            (Self::Text(code), Tag::Null) => code.is_empty(),
            (Self::Text(code), Tag::Text) => {
                let trimmed = stripped(indicator.content, crate::field::Trim::Both, b' ');
                code.as_bytes() == trimmed
            }
            (Self::Bytes(code), Tag::Bytes) => code == indicator.content,
            (Self::Integer(code), Tag::Integer) => indicator.content == code.to_be_bytes(),
            _ => false,
        }
    }
}
