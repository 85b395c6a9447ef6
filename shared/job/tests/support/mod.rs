//! What tests of jobs share: a job as text, and what it makes of a source.

use std::sync::Arc;

use domain::ids::RecordNo;
use domain::record::records;
use job::Job;
use job::chunk::{ChunkDecoder, Start};

/// What a job makes of a file: one line a record, its values or why it is a reject.
pub(crate) fn read(job: &str, source: &[u8]) -> Vec<String> {
    let job = Arc::new(Job::parse("job.toml", job).unwrap_or_else(|error| panic!("{error}")));
    let mut decoder = ChunkDecoder::new(&job).unwrap();
    let start = Start { first_record_no: RecordNo(1), offset: 0, parents: &[], ends_source: true };
    let decoded = decoder.decode(start, source).unwrap();
    let mut lines = Vec::new();
    for (record, rows) in job.records.iter().zip(&decoded.rows) {
        for raw in records(rows, record.layout.fields.len()) {
            let raw = raw.unwrap();
            let fields = raw.fields().zip(&record.layout.fields);
            let values: Vec<_> = fields.map(|(field, of)| field.value(&of.ty).unwrap().to_string()).collect();
            lines.push((raw.record_no.0, values.join(" · ")));
        }
    }
    for reject in decoded.rejects {
        let reasons: Vec<_> =
            reject.reasons.iter().map(|reason| format!("{}: {}", reason.code, reason.detail)).collect();
        lines.push((reject.record_no.0, format!("REJECT {}", reasons.join("; "))));
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

/// A job for records between separators.
pub(crate) fn delimited(source: &str, fields: &[(&str, &str)]) -> String {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, ty)| format!("[[record.field]]\nname = \"{name}\"\ntype = \"{ty}\"\n"))
        .collect();
    format!(
        "[job]\nname = \"case\"\n[source]\nformat = \"delimited\"\n{source}\n[[record]]\nname = \"r\"\n\
         staging = \"s\"\nfinal = \"f\"\n{}",
        fields.concat()
    )
}
