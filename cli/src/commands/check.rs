//! `check`: what a job file means, the tables it needs, and how its source's first records decode.

use comfy_table::Table;
use coordinator::split::{ChunkLimits, SplitError, split};
use domain::layout::Layout;
use domain::record;
use serde_json::json;
use shared::format::chunk::{ChunkDecoder, DecodedChunk, Start};
use shared::job::Job;
use shared::source::SourceFile;
use shared::store::sqlite::ddl;

use super::context::{read_job, source_of};
use crate::args::{Check, Global};
use crate::outcome::{Done, Failure, chain};
use crate::output::{print, print_json};

/// A preview of records and rejects: field names first.
struct Preview {
    /// Of each record type.
    rows: Vec<Vec<(u64, Vec<String>)>>,
    rejects: Vec<(u64, u64, Vec<String>)>,
}

/// `crossfoot check`.
pub(crate) fn check(global: &Global, args: &Check) -> Result<Done, Failure> {
    let job = read_job(&args.job)?;
    // Formats are understood when a decoder is made of them.
    ChunkDecoder::new(&job).map_err(Failure::usage)?;
    let preview = if args.source.is_some() || job.source_path.is_some() {
        let source = SourceFile::open(source_of(&job, &args.job, args.source.as_deref())?, job.compression)?;
        Some(preview(&job, &source, args.records)?)
    } else {
        None
    };
    if global.json {
        let types = job.layouts().enumerate().map(|(place, layout)| {
            let fields = layout.fields.iter().map(
                |field| json!({ "name": field.name, "type": field.ty.to_string(), "required": field.required }),
            );
            json!({
                "record": layout.record,
                "fields": fields.collect::<Vec<_>>(),
                "ddl": ddl(layout),
                "records": preview.as_ref().and_then(|preview| preview.rows.get(place)),
            })
        });
        print_json(&json!({
            "job": job.name,
            "digest": job.digest,
            "layout_digest": job.layout_digest(),
            "types": types.collect::<Vec<_>>(),
            "rejects": preview.as_ref().map(|preview| &preview.rejects),
        }))?;
        return Ok(Done::Well);
    }
    print(&format!("job {} is in order\n", job.name))?;
    for layout in job.layouts() {
        if job.has_types() {
            print(&format!("record {}\n", layout.record))?;
        }
        print(&format!("{}\n\n{};\n", fields_table(layout), ddl(layout).join(";\n\n")))?;
    }
    for rule in &job.rules {
        print(&format!("rule     {} ({} on breach)", rule.name, rule.on_breach.name()))?;
    }
    match preview {
        None => print("no source was given: `--source FILE` previews its records")?,
        Some(preview) => print_preview(&job, &preview)?,
    }
    Ok(Done::Well)
}

fn new_table(header: Vec<String>) -> Table {
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

fn preview(job: &std::sync::Arc<Job>, source: &SourceFile, records: u64) -> Result<Preview, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::unfinished(chain(error));
    let limits = ChunkLimits { bytes: 1 << 20, records: records.max(1) };
    let mut first = None;
    match split(source.reader()?, job, limits, |chunk| {
        first = Some(chunk);
        false
    }) {
        Ok(_) | Err(SplitError::Stopped) => {}
        Err(error) => return Err(failed(&error)),
    }
    let Some(chunk) = first else { return Ok(Preview { rows: Vec::new(), rejects: Vec::new() }) };
    let mut decoder = ChunkDecoder::new(job).map_err(Failure::usage)?;
    let start = Start {
        first_record_no: chunk.cut.first_record_no,
        offset: chunk.cut.offset,
        parents: &chunk.cut.parents,
    };
    let decoded = decoder.decode(start, &chunk.bytes).map_err(|error| failed(&error))?;
    Ok(shown(job, &decoded))
}

fn shown(job: &Job, decoded: &DecodedChunk) -> Preview {
    let rows = job.layouts().zip(&decoded.rows).map(|(layout, rows)| {
        let rows = record::records(rows, layout.fields.len()).filter_map(Result::ok);
        rows.map(|row| (row.record_no.0, row.fields().map(|field| field.display()).collect())).collect()
    });
    let rows = rows.collect();
    let rejects = decoded.rejects.iter().map(|reject| {
        let reasons = reject.reasons.iter().map(|reason| {
            format!(
                "{}: {}: {}",
                reason.field.as_deref().unwrap_or("(the record)"),
                reason.code,
                reason.detail
            )
        });
        (reject.record_no.0, reject.offset, reasons.collect())
    });
    Preview { rows, rejects: rejects.collect() }
}

fn print_preview(job: &Job, preview: &Preview) -> Result<(), Failure> {
    if preview.rows.iter().all(Vec::is_empty) && preview.rejects.is_empty() {
        return print("the source holds no records");
    }
    for (layout, rows) in job.layouts().zip(&preview.rows) {
        if job.has_types() {
            print(&format!("record {}", layout.record))?;
        }
        // Fields go down, records across: any number of fields fits a terminal.
        let shown: Vec<_> = rows.iter().take(3).collect();
        let mut header = vec!["field".to_owned()];
        header.extend(shown.iter().map(|(record_no, _)| format!("record {record_no}")));
        let mut table = new_table(header);
        for (at, field) in layout.fields.iter().enumerate() {
            let mut row = vec![field.name.clone()];
            let value = |values: &[String]| values.get(at).map_or_else(String::new, |value| shorten(value));
            row.extend(shown.iter().map(|(_, values)| value(values)));
            table.add_row(row);
        }
        print(&table.trim_fmt())?;
    }
    for (record_no, offset, reasons) in &preview.rejects {
        print(&format!(
            "record {record_no}, byte {offset}, would be rejected:\n    {}",
            reasons.join("\n    ")
        ))?;
    }
    Ok(())
}

fn shorten(value: &str) -> String {
    const CHARS_MAX: usize = 30;
    if value.chars().count() <= CHARS_MAX {
        return value.to_owned();
    }
    value.chars().take(CHARS_MAX - 1).chain(['…']).collect()
}
