//! One field of a record written anew, whatever the job: exactly that field changes.

use domain::record::{encoded, put};
use domain::typed::{parsed, shown};
use domain::value::FieldType;
use format::FieldWriter;
use proptest::collection::vec;
use proptest::prelude::*;

use super::round_trip::JOBS;
use super::*;
use crate::select::{Selector, Standing};

/// A value of the type, small enough for every job of the tests: as it is typed.
fn typed(ty: &FieldType, number: u32, text: &str) -> String {
    if number.is_multiple_of(7) {
        return "\\N".into();
    }
    match ty {
        FieldType::Text { .. } => {
            let text: String = text.chars().take(6).collect();
            let text = text.trim();
            if text.is_empty() {
                "x".into()
            } else {
                format!("{}{text}", if text.starts_with('\\') { "\\" } else { "" })
            }
        }
        FieldType::Integer => number.to_string(),
        FieldType::Decimal { .. } => {
            let sign = if number.is_multiple_of(3) { "-" } else { "" };
            format!("{sign}{}.{:02}", number % 90 + 1, number % 100)
        }
        FieldType::Date => format!("2024-02-{:02}", number % 28 + 1),
        FieldType::Boolean => number.is_multiple_of(2).to_string(),
        FieldType::Bytes => format!("{:04x}", number % 0xFFFF),
        other => panic!("{other}"),
    }
}

/// Each field in canonical form; `None` where it cannot be read.
fn fields(job: &Job, record: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut selector = Selector::new(job).unwrap();
    assert_eq!(selector.type_of(record, Standing::default()), Some(0));
    let decoded = selector.decode(0, record).unwrap();
    let values = decoded.values().iter().enumerate().map(|(index, value)| {
        decoded.is_decoded(index).then(|| {
            let mut field = Vec::new();
            put(&mut field, value);
            field
        })
    });
    values.collect()
}

/// A record of the job without values: separators, or blanks.
fn blank(job: &Job) -> Vec<u8> {
    let count = job.records[0].own.fields.len();
    match &job.format.form {
        format::Form::Delimited(form) => {
            let mut record = vec![form.separator; count - 1 + usize::from(form.trailing_separator)];
            // The first field is NULL, not missing.
            record.splice(0..0, form.null.bytes());
            record
        }
        _ => {
            let space =
                if let format::Encoding::Page(page) = job.format.encoding { page.space() } else { b' ' };
            vec![space; 24]
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_field_that_is_written_is_read_as_it_was_typed_and_no_other_changes(
        at in 0..13_usize,
        numbers in vec(0_u32..5000, 8),
        texts in vec("[A-Za-z ,;|\"\\\\é\\n]{0,6}", 8),
        which in 0..7_usize, number in 0_u32..5000, text in "[A-Za-z ,;|\"\\\\é]{0,6}",
    ) {
        let job = &JOBS[at % JOBS.len()];
        let layout = &job.records[0].own;
        let mut writer = FieldWriter::new(&job.records[0].format, layout).unwrap();
        let mut record = blank(job);
        for (index, field) in layout.fields.iter().enumerate() {
            let value = parsed(&typed(&field.ty, numbers[index], &texts[index]), &field.ty).unwrap();
            // Without quotes and escapes, or on lines of a fixed form, not every text can be written.
            let _ = writer.write(&mut record, index, encoded(&value).unwrap());
        }
        let before = fields(job, &record);
        let index = which % layout.fields.len();
        let ty = &layout.fields[index].ty;
        let cell = typed(ty, number, &text);
        let value = parsed(&cell, ty).unwrap();
        let mut changed = record.clone();
        if writer.write(&mut changed, index, encoded(&value).unwrap()).is_err() {
            prop_assert_eq!(changed, record);
            return Ok(());
        }
        let after = fields(job, &changed);
        for (other, (before, after)) in before.iter().zip(&after).enumerate() {
            if other == index {
                prop_assert_eq!(after.as_ref(), Some(&value), "{} {} {:?}", at, cell, changed);
                // What is shown is what was typed.
                let read = after.as_ref().and_then(|field| encoded(field)).and_then(|raw| raw.value(ty)).unwrap();
                prop_assert_eq!(shown(&read), cell.clone());
            } else {
                prop_assert_eq!(before, after, "{} {} {:?}", at, cell, changed);
            }
        }
    }
}
