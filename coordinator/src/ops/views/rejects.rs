//! Rejects: the records that were not accepted.

use domain::constraint::{Reason, ReasonCode};
use domain::ids::{ChunkNo, RecordNo, RunId, WorkerId};
use job::Job;
use job::select::{Selector, Standing};
use schemars::JsonSchema;
use serde::Serialize;
use store::model::{RejectRow, Run};
use store::views::RejectCounts;
use store::{Store, StoreError};

use super::record::{PreviewedRecord, of_no_type, read, read_as};
use crate::ops::resend::{can_be_resent, can_be_written};

/// One reject, with every reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ListedReject {
    /// The record's place in its source, from 1.
    pub record_no: RecordNo,
    /// The chunk that the record is in.
    pub chunk_no: ChunkNo,
    /// Where the record begins in the source (after decompression).
    pub byte_offset: u64,
    /// The worker that rejected the record.
    pub worker_id: WorkerId,
    /// The record's bytes in hexadecimal digits; null in a job with sensitive fields.
    pub raw_hex: Option<String>,
    /// Every reason that was found.
    pub reasons: Vec<Reason>,
    /// What the record was before it was corrected and resent; absent in a run on a source of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<OriginalRecord>,
}

/// What a resent record was before it was corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OriginalRecord {
    /// The run that rejected it.
    pub run_id: RunId,
    /// The record's place in the source of that run, from 1.
    pub record_no: u64,
    /// Where the record began in that source (after decompression).
    pub byte_offset: u64,
}

/// What a record of a run was before; `None` unless the run resends.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn original(
    store: &dyn Store,
    run: &Run,
    record_no: u64,
) -> Result<Option<OriginalRecord>, StoreError> {
    let Some(run_id) = run.resends else { return Ok(None) };
    let found = store.originals(run.run_id, record_no.saturating_sub(1), 1).await?;
    let found = found.into_iter().find(|(number, _)| *number == record_no);
    Ok(found.map(|(_, original)| OriginalRecord {
        run_id,
        record_no: original.record_no,
        byte_offset: original.offset,
    }))
}

impl ListedReject {
    /// The reject as a list has it. In a job with sensitive fields its bytes are withheld: where such a field lies in a
    /// reject is not known.
    #[must_use]
    pub fn of(row: RejectRow, is_sensitive: bool) -> Self {
        Self {
            record_no: row.record_no,
            chunk_no: row.chunk_no,
            byte_offset: row.offset,
            worker_id: row.worker_id,
            raw_hex: (!is_sensitive).then(|| domain::hex::encode(&row.raw)),
            reasons: row.reasons,
            original: None,
        }
    }

    /// The reject with what its record was before, if its run resends.
    #[must_use]
    pub fn with(self, original: Option<OriginalRecord>) -> Self {
        Self { original, ..self }
    }
}

/// How many rejects of a run have something in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RejectSummary {
    /// Rejects in all.
    pub total: u64,
    /// By reason, most frequent first. A record with several reasons counts once for each.
    pub by_reason: Vec<RejectsOfReason>,
    /// By field, most frequent first. A record with reasons in several fields counts once for each.
    pub by_field: Vec<RejectsOfField>,
    /// By the worker that rejected them, most frequent first.
    pub by_worker: Vec<RejectsOfWorker>,
    /// Why they cannot be written as records of a source (`crossfoot rejects --raw` and `--edit`); null if they can.
    pub not_written: Option<String>,
    /// Why they cannot be corrected and resent (`crossfoot resend`); null if they can.
    pub not_resent: Option<String>,
}

/// How many rejects have a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RejectsOfReason {
    /// The reason's code.
    pub code: ReasonCode,
    /// How many records have it.
    pub records: u64,
}

/// How many rejects have a reason in a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RejectsOfField {
    /// The field's name; null for the whole record.
    pub field: Option<String>,
    /// How many records have a reason in it.
    pub records: u64,
}

/// How many rejects a worker made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RejectsOfWorker {
    /// The worker's number.
    pub worker_id: WorkerId,
    /// Its name; null if it is not in the register.
    pub name: Option<String>,
    /// How many records it rejected.
    pub records: u64,
}

/// Counts the run's rejects by reason, field and worker, and says what can be done with them.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn summary(store: &dyn Store, run_id: RunId, job: &Job) -> Result<RejectSummary, StoreError> {
    let RejectCounts { total, by_reason, by_field, by_worker } = store.reject_counts(run_id).await?;
    let fleet = if by_worker.is_empty() { Vec::new() } else { store.fleet(None).await? };
    let name = |id| fleet.iter().find(|row| row.worker_id == id).map(|row| row.name.clone());
    Ok(RejectSummary {
        total,
        by_reason: by_reason.into_iter().map(|(code, records)| RejectsOfReason { code, records }).collect(),
        by_field: by_field.into_iter().map(|(field, records)| RejectsOfField { field, records }).collect(),
        by_worker: by_worker
            .into_iter()
            .map(|(worker_id, records)| RejectsOfWorker { worker_id, name: name(worker_id), records })
            .collect(),
        not_written: can_be_written(job).err().map(|error| error.to_string()),
        not_resent: can_be_resent(job).err().map(|error| error.to_string()),
    })
}

/// One reject: the record's bytes beside what the job reads in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShownReject {
    /// The reject, as `rejects --json` has it.
    #[serde(flatten)]
    pub reject: ListedReject,
    /// The record type; null if the record is of none.
    pub record: Option<String>,
    /// The record's length in bytes.
    pub bytes: usize,
    /// The fields, in the order of the layout; none if the record is of no type.
    pub fields: Vec<RejectField>,
}

/// One field of a rejected record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RejectField {
    /// The field's name, which is its column's too.
    pub name: String,
    /// The field's type, as a job file writes it.
    #[serde(rename = "type")]
    pub ty: String,
    /// Whether a record in which the field is NULL is a reject.
    pub required: bool,
    /// The line of the copybook that declares the field; null if there is none, or more than one of that name.
    pub copybook_line: Option<String>,
    /// Where the field begins in the record, from 0; null if it has no place in this record.
    pub from: Option<usize>,
    /// Where the field ends in the record: the offset of the first byte after it; null if it has no place.
    pub to: Option<usize>,
    /// The field's bytes in hexadecimal digits; null if they are withheld.
    pub hex: Option<String>,
    /// The field's value, masked as the job says; `?` if it has none.
    pub value: String,
    /// Whether a reason is about this field.
    pub offending: bool,
    /// The reasons that are about this field.
    pub reasons: Vec<Reason>,
}

/// One reject with its fields; `None` if that record was not rejected, or its bytes were purged.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn shown(
    store: &dyn Store,
    run: &Run,
    job: &Job,
    record_no: u64,
) -> Result<Option<ShownReject>, StoreError> {
    let Some(row) = store.reject(run.run_id, record_no).await? else { return Ok(None) };
    let chunk = store.chunks(run.run_id, row.chunk_no.0, 1).await?.pop();
    let is_last = chunk.is_some_and(|chunk| {
        chunk.cut.ends_source && record_no + 1 == chunk.cut.first_record_no.0 + chunk.cut.records
    });
    let mut selector = Selector::new(job).map_err(|what| StoreError::Damaged { what })?;
    let standing = Standing { is_first: record_no == 1, is_last };
    let PreviewedRecord { record, bytes, fields, .. } = match (job.has_rows(), type_of(job, &row.reasons)) {
        (false, _) => read(job, &mut selector, (record_no, row.offset, standing), &row.raw),
        (true, Some(place)) => read_as(job, &mut selector, place, (record_no, row.offset), &row.raw),
        (true, None) => of_no_type(record_no, row.offset, &row.raw),
    };
    let text = store.job_text(&run.job_digest).await?;
    let layout = record.as_ref().and_then(|name| job.records.iter().find(|of| of.own.record == *name));
    let fields = fields.into_iter().enumerate().map(|(at, field)| {
        let declared = layout.and_then(|layout| layout.own.fields.get(at));
        let reasons: Vec<_> =
            row.reasons.iter().filter(|reason| reason.field.as_ref() == Some(&field.name)).cloned().collect();
        RejectField {
            ty: declared.map_or_else(String::new, |field| field.ty.to_string()),
            required: declared.is_some_and(|field| field.required),
            copybook_line: copybook_line(&text, &field.name),
            from: field.offset,
            to: field.offset.zip(field.bytes).map(|(from, bytes)| from + bytes),
            name: field.name,
            // Where a field has no place in the record, its bytes are not known.
            hex: field.hex.filter(|_| field.offset.is_some()),
            value: field.value,
            offending: !reasons.is_empty(),
            reasons,
        }
    });
    let fields = fields.collect();
    let original = original(store, run, record_no).await?;
    let reject = ListedReject::of(row, job.is_sensitive()).with(original);
    Ok(Some(ShownReject { record, bytes, fields, reject }))
}

/// The type of a reject in a job in which elements of tables are records: an element is not told by its bytes. A reason
/// names a field, which is of one type or of several; of several, nothing is said.
fn type_of(job: &Job, reasons: &[Reason]) -> Option<usize> {
    let named = reasons.iter().find_map(|reason| reason.field.as_ref())?;
    let mut having =
        job.records.iter().enumerate().filter(|(_, record)| record.own.index_of(named).is_some());
    match (having.next(), having.next()) {
        (Some((place, _)), None) => Some(place),
        _ => None,
    }
}

/// The line of the job's copybooks that declares `field`: a level number, and the field's name as COBOL writes it. A
/// name that stands on several lines says nothing.
fn copybook_line(job: &str, field: &str) -> Option<String> {
    let declares = |line: &&str| {
        let mut words = line.split_whitespace();
        let level = words.next().filter(|word| word.len() <= 2 && word.bytes().all(|b| b.is_ascii_digit()));
        let name = words.next().map(|word| word.trim_end_matches('.').replace('-', "_").to_lowercase());
        level.is_some_and(|level| level != "88") && name.as_deref() == Some(&field.to_lowercase())
    };
    let mut found = job.lines().filter(declares);
    let line = found.next()?;
    if found.next().is_some() { None } else { Some(line.trim().to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_in_the_copybook_if_its_name_says_which_line() {
        let job = "name = \"amount\"\n  05 AMOUNT  PIC S9(5)V99 COMP-3.\n  88 CREDIT VALUE 'C'.\n  10 FILLER PIC X.\n  \
                   10 FILLER PIC X.\n  10 BOOKED-ON PIC 9(8).";
        assert_eq!(copybook_line(job, "amount").as_deref(), Some("05 AMOUNT  PIC S9(5)V99 COMP-3."));
        assert_eq!(copybook_line(job, "booked_on").as_deref(), Some("10 BOOKED-ON PIC 9(8)."));
        for name in ["credit", "filler", "other"] {
            assert_eq!(copybook_line(job, name), None, "{name}");
        }
    }
}
