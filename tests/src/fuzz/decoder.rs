//! Any bytes as records of a job: each is accepted with values that fit their types, or kept whole as a reject.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use domain::constraint::ReasonCode;
use domain::ids::RecordNo;
use domain::record;
use domain::value::{FieldType, Value};
use format::{FixedFraming, Form, Framer, frames};
use job::chunk::{ChunkDecoder, DecodedChunk, Start};
use job::select::{Selector, Standing};
use job::{Job, RecordType};

/// A record with a field of each usage, a table of varying length, and text of varying meaning.
const EVERY_USAGE: &str = include_str!("../../../fuzz/seeds/copybook/every.cpy");

/// The jobs by which bytes are decoded. A seed's first byte is an index of them: add at the end only.
static JOBS: LazyLock<Vec<Arc<Job>>> = LazyLock::new(|| {
    let fields = "[[record.field]]\nname = \"booked\"\ntype = \"date(YYYYMMDD)\"\n\
                  [[record.field]]\nname = \"id\"\nrequired = true\n";
    let leniently = "[source.cobol]\nspaces = \"null\"\nlow_values = \"zero\"\nhigh_values = \"null\"\n\
                     text_low_values = \"padding\"\ntext_high_values = \"null\"\nempty_text = \"keep\"\n\
                     signs = \"any\"\nbinary = \"native\"\ndate_zeros = \"null\"\ndate_nines = \"null\"\n\
                     floats = \"ieee\"\n";
    let strictly = "[source.cobol]\nsigns = \"preferred\"\nconditions = true\n";
    let mut jobs: Vec<Job> = ["", leniently, strictly]
        .iter()
        .map(|cobol| Job::parse("every.toml", &job_text(EVERY_USAGE, &format!("{fields}{cobol}"))).unwrap())
        .collect();
    let examples = [
        "mainframe/client",
        "mainframe/dalytran",
        "mainframe/companies",
        "mainframe/carddata",
        "mainframe/cobvbfm2",
        "mainframe/custdata",
        "mainframe/transdata",
        "nacha/nacha",
        "bai2/bai2",
        "x937/x937",
    ];
    let example = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../examples/{name}.toml"));
        let job = Job::read(&path).unwrap();
        let listed = job.encodings.as_ref().map(|listed| listed.names[0].clone());
        listed.map_or_else(|| job.clone(), |first| job.in_encoding(&first).unwrap())
    };
    jobs.extend(examples.iter().map(|name| example(name)));
    let by_layout = job_text(EVERY_USAGE, "").replace("[copybooks]", "framing = \"layout\"\n[copybooks]");
    jobs.push(Job::parse("every.toml", &by_layout).unwrap());
    jobs.extend(["db2-unload/dsntiaul", "db2-unload/unload"].map(example));
    jobs.into_iter().map(Arc::new).collect()
});

/// A job file of one record type, laid out by `copybook`; `more` is what else it says.
pub(super) fn job_text(copybook: &str, more: &str) -> String {
    format!(
        "[job]\nname = \"any\"\n[source]\nformat = \"copybook\"\ncopybook = \"any.cpy\"\nencoding = \"cp037\"\n\
         [copybooks]\n\"any.cpy\" = '''\n{}'''\n\
         [[record]]\nname = \"one\"\nstaging = \"stg_one\"\nfinal = \"one\"\n{more}",
        copybook.replace("'''", "")
    )
}

/// Takes the first byte of `data` for a job and the others for a chunk of its source.
///
/// # Panics
/// When something is found that must not be.
pub fn decoder(data: &[u8]) {
    let Some((job, bytes)) = data.split_first() else { return };
    let job = &JOBS[usize::from(*job) % JOBS.len()];
    let framed: Vec<_> = frames(&Framer::new(&job.format), bytes).collect();
    let mut decoder = ChunkDecoder::new(job).unwrap();
    let Some(chunk) = decode(&mut decoder, 1, bytes) else {
        // Footings and sums that overflow refuse a chunk as well; no few bytes come to that.
        assert!(framed.iter().any(Result::is_err), "all records are framed, but the chunk is refused");
        return;
    };
    assert!(chunk.bytes.account_for(bytes.len() as u64), "{} bytes: {:?}", bytes.len(), chunk.bytes);
    let disputed = chunk.rejects.iter().flat_map(|reject| &reject.reasons);
    let disputed: Vec<_> = disputed.filter(|reason| reason.code == ReasonCode::RoundTrip).collect();
    assert!(disputed.is_empty(), "decoder and encoder disagree: {disputed:?}");
    assert_eq!(chunk.bytes.round_trips.proved, chunk.accepted.records);
    let framed: Vec<_> = framed.into_iter().map(Result::unwrap).collect();
    each_record_is_told_once(job, &chunk, &framed);
    shown(job, &framed);
    // A decoder has no memory: a new one, and the same one again, say the same.
    for again in [&mut decoder, &mut ChunkDecoder::new(job).unwrap()] {
        let again = decode(again, 1, bytes).unwrap();
        assert_eq!((&again.rows, &again.accepted), (&chunk.rows, &chunk.accepted));
    }
    wherever_it_is_cut(job, &mut decoder, bytes, &framed, &chunk);
}

/// Whether every record of `data`, as [`decoder`] takes it, is accepted: seeds that are rejected at the door tell
/// nothing.
///
/// # Errors
/// The reasons against them.
///
/// # Panics
/// When there is no job for `data`.
pub fn is_accepted(data: &[u8]) -> Result<(), Vec<String>> {
    let (job, bytes) = data.split_first().unwrap();
    let mut decoder = ChunkDecoder::new(&JOBS[usize::from(*job)]).unwrap();
    let chunk = decode(&mut decoder, 1, bytes).ok_or_else(|| vec!["the chunk is refused".to_owned()])?;
    let reasons = chunk.rejects.iter().flat_map(|reject| &reject.reasons);
    let reasons: Vec<String> =
        reasons.map(|reason| format!("{:?}: {}", reason.field, reason.detail)).collect();
    if reasons.is_empty() && chunk.records() > 0 { Ok(()) } else { Err(reasons) }
}

fn decode(decoder: &mut ChunkDecoder, first: u64, bytes: &[u8]) -> Option<DecodedChunk> {
    let start = Start { first_record_no: RecordNo(first), offset: 0, parents: &[], ends_source: false };
    decoder.decode(start, bytes).ok()
}

fn each_record_is_told_once(job: &Job, chunk: &DecodedChunk, framed: &[(usize, &[u8])]) {
    assert_eq!(chunk.records(), framed.len() as u64);
    let mut seen = vec![0_u32; framed.len()];
    let at = |number: RecordNo| usize::try_from(number.0 - 1).unwrap();
    for (of_type, rows) in job.records.iter().zip(&chunk.rows) {
        for row in record::records(rows, of_type.layout.fields.len()) {
            let row = row.unwrap();
            seen[at(row.record_no)] += 1;
            fits(of_type, &row);
        }
    }
    for reject in &chunk.rejects {
        let (offset, content) = framed[at(reject.record_no)];
        assert_eq!((reject.offset, &*reject.raw), (offset as u64, content), "a reject is kept as it was");
        assert!(!reject.reasons.is_empty());
        for reason in &reject.reasons {
            assert!(reason.detail.len() < 1 << 10, "{} bytes of reason", reason.detail.len());
        }
        seen[at(reject.record_no)] += 1;
    }
    assert!(seen.iter().all(|times| *times == 1), "every record is accepted or rejected, once");
}

/// Whether every value of an accepted record is one that its column can hold.
fn fits(of_type: &RecordType, row: &record::RawRecord<'_>) {
    let layout = &of_type.layout;
    for (index, (field, raw)) in layout.fields.iter().zip(row.fields()).enumerate() {
        let value = raw.value(&field.ty);
        let value = value.unwrap_or_else(|| panic!("`{}` has a value of another type", field.name));
        let fits = match (&value, &field.ty) {
            (Value::Null, _) => !field.required && !layout.key.contains(&index),
            (Value::Text(text), FieldType::Text { chars_max }) => {
                // No PostgreSQL text holds a NUL.
                text.chars().count() <= *chars_max as usize && !text.contains('\0')
            }
            (Value::Decimal(amount), FieldType::Decimal { precision, scale }) => {
                amount.scale() == *scale && amount.digits() <= *precision
            }
            (Value::Date(date), FieldType::Date) => date.year() >= 1,
            (Value::Timestamp(at), FieldType::Timestamp) | (Value::Instant(at), FieldType::Instant) => {
                at.year() >= 1 && at.subsec_nanosecond() % 1_000 == 0
            }
            (Value::Integer(_), FieldType::Integer)
            | (Value::Boolean(_), FieldType::Boolean)
            | (Value::Bytes(_), FieldType::Bytes) => true,
            _ => false,
        };
        assert!(fits, "`{}`, {}: {value}", field.name, field.ty);
    }
}

/// What `check` shows of each record: fields lie in it.
fn shown(job: &Job, framed: &[(usize, &[u8])]) {
    let mut selector = Selector::new(job).unwrap();
    for (_, content) in framed.iter().take(100) {
        let Some(of_type) = selector.type_of(content, Standing::default()) else { continue };
        for index in 0..job.records[of_type].own.fields.len() {
            if let Some((start, length)) = selector.field_place(of_type, content, index) {
                assert!(start + length <= content.len(), "a field lies past its record's end");
            }
        }
    }
}

/// The same comes out however the records are cut into chunks, except that an orphan's parent may be in the chunk
/// before.
fn wherever_it_is_cut(
    job: &Job,
    decoder: &mut ChunkDecoder,
    bytes: &[u8],
    framed: &[(usize, &[u8])],
    chunk: &DecodedChunk,
) {
    if job.has_parents() || has_blocks(job) {
        return;
    }
    let cut = framed.get(framed.len() / 2).map_or(0, |(offset, _)| *offset);
    let first = decode(decoder, 1, &bytes[..cut]).unwrap();
    let second = decode(decoder, 1 + first.records(), &bytes[cut..]).unwrap();
    let joined = first.rows.iter().zip(&second.rows).map(|(first, second)| [&first[..], second].concat());
    assert_eq!(joined.collect::<Vec<_>>(), chunk.rows);
    let mut totals = first.accepted;
    totals.merge(&second.accepted).unwrap();
    assert_eq!(totals, chunk.accepted);
}

fn has_blocks(job: &Job) -> bool {
    match &job.format.form {
        Form::Delimited(_) => false,
        Form::Fixed(form) => matches!(form.framing, FixedFraming::Blocks(_)),
        Form::Copybook(form) => matches!(form.framing, FixedFraming::Blocks(_)),
    }
}
