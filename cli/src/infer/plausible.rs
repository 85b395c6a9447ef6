//! What cannot be proven of a copybook's source, only made plausible: the byte order of COMP-5, the kind of floats, the
//! code page. Each setting is tried on a sample, and the figures are shown: the author of the job decides.

use std::sync::Arc;

use domain::record::{RawField, records};
use domain::value::{FieldType, Value};
use domain::words::grouped;
use format::cobol::{BinaryRange, FieldSpec, FloatForm, Kind, Usage};
use job::Job;

use super::fits::{Sample, decoded};

/// Floats of other magnitudes than these are hardly ever in business records: the wrong kind gives such.
const FLOAT_LEAST: f64 = 1e-9;
const FLOAT_MOST: f64 = 1e15;

/// A setting that is tried: its key, where it is, its values, and which fields tell.
struct Setting {
    key: &'static str,
    is_of_cobol: bool,
    values: &'static [&'static str],
    /// What a value is that speaks for the setting.
    says: &'static str,
    concerns: fn(&FieldSpec) -> bool,
    is_plausible: fn(&FieldSpec, RawField<'_>) -> bool,
}

const SETTINGS: [Setting; 3] = [
    Setting {
        key: "native_order",
        is_of_cobol: true,
        values: &["big", "little"],
        says: "COMP-5 numbers fit their pictures and floats have a usual magnitude",
        concerns: |field| is_native(field) || matches!(field.kind, Kind::Float(FloatForm::Ieee(_))),
        is_plausible: |field, value| match field.kind {
            Kind::Float(_) => is_usual_float(value),
            _ => fits_picture(field, value),
        },
    },
    Setting {
        key: "floats",
        is_of_cobol: true,
        values: &["hexadecimal", "ieee"],
        says: "floats have a usual magnitude",
        concerns: |field| matches!(field.kind, Kind::Float(_)),
        is_plausible: |_, value| is_usual_float(value),
    },
    Setting {
        key: "encoding",
        is_of_cobol: false,
        values: &["cp037", "cp1047", "cp273", "cp500", "ascii", "latin-1"],
        says: "texts are letters, digits and common signs",
        concerns: |field| matches!((&field.kind, field.column), (Kind::Text(_), FieldType::Text { .. })),
        is_plausible: |_, value| is_printable(value),
    },
];

const fn is_native(field: &FieldSpec) -> bool {
    match &field.kind {
        Kind::Number(form) => matches!(form.usage, Usage::Binary { range: BinaryRange::Native, .. }),
        _ => false,
    }
}

fn fits_picture(field: &FieldSpec, value: RawField<'_>) -> bool {
    let Kind::Number(form) = &field.kind else { return false };
    let amount = value.value(&field.column).as_ref().and_then(Value::as_amount);
    amount.is_some_and(|amount| amount.digits() <= form.digits)
}

fn is_usual_float(value: RawField<'_>) -> bool {
    let float = std::str::from_utf8(value.content).ok().and_then(|text| text.parse::<f64>().ok());
    float.is_some_and(|float| float == 0.0 || (FLOAT_LEAST..FLOAT_MOST).contains(&float.abs()))
}

fn is_printable(value: RawField<'_>) -> bool {
    let usual = |char: char| char.is_alphanumeric() || char == ' ' || char.is_ascii_punctuation();
    std::str::from_utf8(value.content).is_ok_and(|text| text.chars().all(usual))
}

/// How many of the values speak for a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Figures {
    plausible: u64,
    of: u64,
}

impl Figures {
    /// Whether more of its values, in proportion, speak for it.
    const fn is_above(self, other: Self) -> bool {
        self.plausible.saturating_mul(other.of) > other.plausible.saturating_mul(self.of)
    }
}

/// A sentence for each setting that is stated and not proven: how many values speak for the job's own, and for others.
pub(crate) fn notes(job: &Arc<Job>, sample: &Sample) -> Vec<String> {
    SETTINGS.iter().filter_map(|setting| note(setting, job, sample)).collect()
}

fn note(setting: &Setting, job: &Arc<Job>, sample: &Sample) -> Option<String> {
    let table: toml::Table = toml::from_str(&job.text).ok()?;
    if !job
        .records
        .iter()
        .filter_map(|record| record.format.form.as_copybook())
        .any(|form| form.record.fields.iter().any(setting.concerns))
    {
        return None;
    }
    let own = figures(setting, job, sample)?;
    let stated = stated(setting, &table);
    let mut others: Vec<(&str, Figures)> = Vec::new();
    for value in setting.values.iter().filter(|value| Some(**value) != stated.as_deref()) {
        let mut table = table.clone();
        let source = table.get_mut("source")?.as_table_mut()?;
        let section = match setting.is_of_cobol {
            true => source.entry("cobol").or_insert_with(|| toml::Table::new().into()).as_table_mut()?,
            false => source,
        };
        section.insert(setting.key.into(), (*value).into());
        let other = Job::parse("job.toml", &toml::to_string(&table).ok()?).ok().map(Arc::new);
        others.extend(other.and_then(|job| figures(setting, &job, sample)).map(|found| (*value, found)));
    }
    others.sort_by(|(_, one), (_, other)| (other.plausible * one.of).cmp(&(one.plausible * other.of)));
    let better = others.first().is_some_and(|(_, best)| best.is_above(own));
    // A code page shows itself in the values; a byte order does not.
    if !better && !setting.is_of_cobol {
        return None;
    }
    let said = |figures: Figures| format!("{} of {}", grouped(figures.plausible), grouped(figures.of));
    let own_value = stated.map_or_else(|| "as it is by default".to_owned(), |value| format!("\"{value}\""));
    let shown: Vec<_> = others
        .iter()
        .filter(|(_, found)| setting.is_of_cobol || found.is_above(own))
        .take(2)
        .map(|(value, found)| format!("\"{value}\": {}", said(*found)))
        .collect();
    let advice = if better { "; see whether the other one is right" } else { "" };
    Some(format!(
        "{} = {own_value}: in {} cases {}; {}{advice}",
        setting.key,
        said(own),
        setting.says,
        shown.join("; ")
    ))
}

/// The setting's value in the job, if it says so.
fn stated(setting: &Setting, table: &toml::Table) -> Option<String> {
    let source = table.get("source")?;
    let section = if setting.is_of_cobol { source.get("cobol")? } else { source };
    section.get(setting.key)?.as_str().map(str::to_owned)
}

/// `None`: the sample has no records by this job.
fn figures(setting: &Setting, job: &Arc<Job>, sample: &Sample) -> Option<Figures> {
    let chunk = decoded(job, sample)?;
    let mut figures = Figures { plausible: 0, of: 0 };
    for (record, rows) in job.records.iter().zip(&chunk.rows) {
        let Some(form) = record.format.form.as_copybook() else { continue };
        for row in records(rows, record.layout.fields.len()).flatten() {
            for (field, value) in form.record.fields.iter().zip(row.fields()) {
                if (setting.concerns)(field) && value.tag != domain::record::Tag::Null {
                    figures.of += 1;
                    figures.plausible += u64::from((setting.is_plausible)(field, value));
                }
            }
        }
    }
    // A reject speaks against the setting, once.
    figures.of += chunk.rejects.len() as u64;
    (figures.of > 0).then_some(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "[job]\nname = \"native\"\n[source]\nformat = \"copybook\"\ncopybook = \"n.cpy\"\n\
        encoding = \"ascii\"\n[source.cobol]\nnative_order = \"ORDER\"\nfloats = \"FLOATS\"\n[copybooks]\n\"n.cpy\" = '''\n\
        \x20      01  R.\n           05  ID    PIC 9(4) COMP-5.\n           05  RATE  COMP-2.\n\
        \x20          05  NAME  PIC X(6).\n'''\n[[record]]\nname = \"r\"\nstaging = \"stg_r\"\nfinal = \"r\"\n";

    fn job(order: &str, floats: &str) -> Arc<Job> {
        let text = JOB.replace("ORDER", order).replace("FLOATS", floats);
        Arc::new(Job::parse("native.toml", &text).unwrap_or_else(|error| panic!("{error}")))
    }

    #[test]
    fn the_settings_that_are_stated_and_not_proven_are_shown_with_figures() {
        let mut bytes = Vec::new();
        for number in 1_u16..=200 {
            bytes.extend(number.to_le_bytes());
            bytes.extend((f64::from(number) / 8.0).to_le_bytes());
            bytes.extend(format!("NO {number:<3}").as_bytes());
        }
        let sample = Sample::of_bytes(bytes);
        let right = notes(&job("little", "ieee"), &sample);
        assert_eq!(right.len(), 2, "{right:#?}");
        let little = "native_order = \"little\": in 400 of 400 cases COMP-5 numbers fit";
        assert!(right[0].starts_with(little) && !right[0].contains("see whether"), "{}", right[0]);
        assert!(right[1].starts_with("floats = \"ieee\": in 200 of 200 cases floats"), "{}", right[1]);
        let wrong = notes(&job("big", "hexadecimal"), &sample);
        assert!(wrong[0].starts_with("native_order = \"big\": in 39 of 200"), "{}", wrong[0]);
        assert!(
            wrong[0].ends_with("\"little\": 200 of 200; see whether the other one is right"),
            "{}",
            wrong[0]
        );
        let ebcdic = job("little", "ieee").text.replace("\"ascii\"", "\"cp037\"");
        let page = notes(&Arc::new(Job::parse("n.toml", &ebcdic).unwrap()), &sample);
        assert!(page[2].contains("\"ascii\": 200 of 200; "), "{}", page[2]);
    }
}
