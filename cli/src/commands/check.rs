//! `check`: validates a job file and shows its layout, its tables, and the first records of its source.

use std::sync::Arc;

use comfy_table::Table;
use coordinator::report::NO_AMOUNTS;
use domain::layout::Layout;
use format::Form;
use job::Job;
use job::chunk::ChunkDecoder;
use platform::clock::{Clock as _, SystemClock};
use source::SourceFile;
use store::masking::random;

use super::context::{found_columns, read_job, source_of};
use super::own_tables;
use super::preview;
use crate::args::{Check, Global};
use crate::infer::fits::{Sample, advice};
use crate::infer::plausible;
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json};
use crate::printed::{CheckedField, CheckedJob, CheckedType};
use crate::wiring;

/// How many expected times are shown.
const NEXT_SHOWN: usize = 3;

/// Runs `crossfoot check`: validates the job file and previews its source.
pub(crate) async fn check(global: &Global, args: &Check) -> Result<Done, Failure> {
    let job = read_job(&args.job)?;
    let source = match args.source.is_some() || job.source_path.is_some() {
        true => Some(SourceFile::open(source_of(&job, &args.job, args.source.as_deref())?, job.compression)?),
        false => None,
    };
    let unbound = Arc::clone(&job);
    let job = match &source {
        Some(source) => found_columns(&job, source)?,
        // Without a source, the layout is shown in the first of the encodings; each was tried when the job was read.
        None => match job.encodings.as_ref().and_then(|listed| listed.names.first()) {
            Some(first) => Arc::new(job.in_encoding(first)?),
            None => job,
        },
    };
    let settings = wiring::settings(global, None)?;
    let dialect = wiring::dialect(&settings);
    dialect.holds(&job).map_err(|error| Failure::usage(error.to_string()))?;
    let mut notes = dialect.may_not_hold(&job);
    if job.amount_names().is_empty() {
        notes.push(NO_AMOUNTS.to_owned());
    }
    let looks = own_tables::look(&settings, &job, &mut notes).await;
    if job.is_sensitive() {
        // Without a configured key, masks use a random one for this preview: `check` does not read the store's.
        let key = settings.masking.key()?;
        job.masks.give_key(&key.map_or_else(random, Ok)?);
    }
    // Creating a decoder validates the format.
    ChunkDecoder::new(&job).map_err(Failure::usage)?;
    notes.extend(columns_note(&job));
    notes.extend(source.as_ref().and_then(|_| encoding_note(&unbound, &job)));
    let mut fits = None;
    let preview = source.map(|source| {
        // A stream can be read only once, and the preview is more.
        let sample = (!source.location().is_stream()).then(|| Sample::of(&source).ok()).flatten();
        fits = sample.as_ref().and_then(|sample| advice(&job, sample));
        notes.extend(sample.iter().flat_map(|sample| plausible::notes(&job, sample)));
        preview::preview(&job, &source, args.records).map_err(|failure| match &fits {
            Some(fits) => failure.advise(fits),
            None => failure,
        })
    });
    let preview = preview.transpose()?;
    if global.json {
        let types = job.layouts().map(|layout| {
            let fields = layout.fields.iter().map(|field| CheckedField {
                name: field.name.clone(),
                ty: field.ty.to_string(),
                required: field.required,
                sensitive: field.sensitive,
            });
            CheckedType {
                record: layout.record.clone(),
                fields: fields.collect(),
                ddl: wiring::ddl(dialect, layout),
            }
        });
        print_json(&CheckedJob {
            job: job.name.clone(),
            digest: job.digest,
            layout_digest: job.layout_digest(),
            types: types.collect(),
            next_expected_ms: next_expected(&job),
            notes,
            tables: looks.clone(),
            fits,
            records: preview,
        })?;
        own_tables::usable(looks)?;
        return Ok(Done::Well);
    }
    print(&format!("job {} is valid\n", job.name))?;
    for note in &notes {
        print(&format!("note     {note}\n"))?;
    }
    for layout in job.layouts() {
        if job.has_types() {
            print(&format!("record {}\n", layout.record))?;
        }
        print(&format!("{}\n\n{};\n", fields_table(layout), wiring::ddl(dialect, layout).join(";\n\n")))?;
    }
    for look in &looks {
        print(&own_tables::shown(look))?;
    }
    for rule in &job.rules {
        print(&format!("rule     {} ({} on breach)", rule.name, rule.on_breach.name()))?;
    }
    if let Some(schedule) = &job.schedule {
        let shown: Vec<_> = next_expected(&job).into_iter().map(|at_ms| schedule.shown(at_ms)).collect();
        print(&format!("\nexpected {}\n", shown.join(", ")))?;
    }
    match preview {
        None => print("no source; pass `--source FILE` to preview its records")?,
        Some(preview) => print(&preview::table(&job, &preview))?,
    }
    if let Some(fits) = fits {
        print(&format!("\n{fits}"))?;
    }
    own_tables::usable(looks)?;
    Ok(Done::Well)
}

/// The next times at which a run is expected, if the job has a schedule.
fn next_expected(job: &Job) -> Vec<i64> {
    let schedule = job.schedule.as_ref();
    schedule.map_or_else(Vec::new, |schedule| schedule.next(SystemClock.now_ms(), NEXT_SHOWN))
}

/// Says in which order the source has its columns, if they are not the fields in their order.
fn columns_note(job: &Job) -> Option<String> {
    let names = job.columns.as_ref()?;
    let Form::Delimited(form) = &job.format.form else { return None };
    let left_out = form.columns.as_ref().map_or(&[][..], |columns| &columns.left_out);
    let shown = names.iter().enumerate().map(|(at, name)| match left_out.contains(&at) {
        true => format!("`{name}` (left out)"),
        false => format!("`{name}`"),
    });
    Some(format!("the source's columns are found by their names: {}", shown.collect::<Vec<_>>().join(", ")))
}

/// Says which of the encodings that the job lists the source is read in.
fn encoding_note(listing: &Job, found: &Job) -> Option<String> {
    let names = &listing.encodings.as_ref()?.names;
    let is_found = |name: &&String| listing.in_encoding(name).is_ok_and(|job| job.digest == found.digest);
    let name = names.iter().find(is_found)?;
    Some(format!("of the encodings {}, the source is read in {name}", names.join(", ")))
}

pub(super) fn new_table(header: Vec<String>) -> Table {
    let mut table = Table::new();
    table.load_preset("     ──            ").set_header(header);
    table
}

fn fields_table(layout: &Layout) -> String {
    let mut table =
        new_table(["field", "type", "required", "constraints", "used as"].map(String::from).to_vec());
    for (at, field) in layout.fields.iter().enumerate() {
        let uses = [
            (layout.key.contains(&at), "key"),
            (layout.amounts.contains(&at), "amount"),
            (layout.hashed.binary_search(&at).is_ok(), "hashed"),
            (field.sensitive, "sensitive"),
        ];
        let uses: Vec<_> = uses.iter().filter(|(used, _)| *used).map(|(_, name)| *name).collect();
        table.add_row([
            field.name.clone(),
            field.ty.to_string(),
            if field.required { "yes".into() } else { String::new() },
            if field.constraints.is_empty() { String::new() } else { field.constraints.len().to_string() },
            uses.join(", "),
        ]);
    }
    table.trim_fmt()
}
