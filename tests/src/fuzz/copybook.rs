//! Any text as a copybook: it is laid out within its record, or refused with a place in it.

use std::sync::Arc;

use format::copybook::plan::{Extent, Following, Plan, PlanOptions};
use format::copybook::{Copybook, CopybookError, ParseOptions, ReferenceFormat, limits};
use job::Job;
use job::chunk::ChunkDecoder;

/// Views of a copybook that are planned, of those that it may have by the hundred.
const VIEWS_MAX: usize = 4;

/// Longer messages would quote the copybook rather than say what is wrong with it.
const MESSAGE_BYTES_MAX: usize = 4096;

/// Reads `data` as a copybook in either reference format, with either decimal point, and plans each of its records in
/// its first definitions and in other views.
///
/// # Panics
/// When something is found that must not be.
pub fn copybook(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for format in [ReferenceFormat::Fixed, ReferenceFormat::Free] {
        for decimal_comma in [false, true] {
            let options = ParseOptions { format, decimal_comma, ..ParseOptions::default() };
            match Copybook::parse("any.cpy", &text, options) {
                Ok(copybook) => planned(&copybook, data),
                Err(error) => has_a_place(&error),
            }
        }
    }
    as_a_job(&text);
}

fn planned(copybook: &Copybook, data: &[u8]) {
    assert!(copybook.items().len() <= limits::ITEMS_MAX);
    let views = copybook.items().iter().filter(|item| item.redefines.is_some());
    let views = views.filter_map(|item| item.name.as_deref()).take(VIEWS_MAX);
    let choices: Vec<Vec<String>> =
        std::iter::once(vec![]).chain(views.map(|view| vec![view.into()])).collect();
    for record in copybook.records().iter().take(VIEWS_MAX) {
        let record = copybook.item(*record).name.as_deref().map(str::to_owned);
        for views in &choices {
            for following in [Following::Shift, Following::Stay] {
                let (record, views) = (record.clone(), views.clone());
                let options = PlanOptions { record, views, following, ..PlanOptions::default() };
                match copybook.plan(&options) {
                    Ok(plan) => lies_within_the_record(&plan, data),
                    Err(error) => assert!(error.to_string().len() < MESSAGE_BYTES_MAX),
                }
            }
        }
    }
}

/// Whatever a record says of its tables: what is there lies within the record.
fn lies_within_the_record(plan: &Plan, data: &[u8]) {
    assert!(plan.fields.len() <= limits::FIELDS_MAX && plan.tables.len() <= limits::TABLES_MAX);
    assert!(plan.taken_min <= plan.length_min && plan.length_min <= plan.length_max);
    assert!(plan.length_max <= limits::RECORD_BYTES_MAX);
    let mut columns: Vec<_> = plan.fields.iter().map(|field| &field.column).collect();
    columns.sort_unstable();
    columns.dedup();
    assert_eq!(columns.len(), plan.fields.len(), "two columns of one name");
    let mut extent = Extent::default();
    for first in 0..3 {
        let mut counts = data.iter().skip(first).map(|byte| i128::from(*byte % 12));
        let read = |_, _| Ok::<_, ()>(counts.next().unwrap_or(0));
        if plan.extent(&mut extent, read).is_err() {
            continue;
        }
        let end = extent.offset(plan.end);
        assert!(end <= plan.length_max);
        for field in plan.fields.iter().filter(|field| extent.holds(field.within)) {
            assert!(
                extent.offset(field.offset) + field.length <= end,
                "{} is past the record's end",
                field.path
            );
        }
    }
}

fn has_a_place(error: &CopybookError) {
    let text = error.text();
    assert!(error.span.offset() + error.span.len() <= text.len());
    assert!(text.is_char_boundary(error.span.offset()));
    assert!(error.line <= text.lines().count() + 1, "line {} is not there", error.line);
    assert!(error.to_string().len() < MESSAGE_BYTES_MAX);
}

/// A job that takes the copybook is one that workers can decode by.
fn as_a_job(text: &str) {
    let text = super::decoder::job_text(text, "");
    if let Ok(job) = Job::parse("any.toml", &text) {
        ChunkDecoder::new(&Arc::new(job)).expect("what the job's file is taken for can be decoded");
    }
}
