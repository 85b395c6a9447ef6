//! Which framing settings fit the bytes of a source: each is tried on a sample, by the code that a run uses.

use std::io::Read;
use std::sync::Arc;

use domain::ids::RecordNo;
use domain::words::counted;
use format::{Form, Framer};
use job::Job;
use job::chunk::{ChunkDecoder, DecodedChunk, Start};
use source::SourceFile;

/// As much of the source is tried: 256 KiB.
const SAMPLE_BYTES: u64 = 1 << 18;

/// As many records are tried.
const RECORDS_MAX: u64 = 2_000;

/// The keys of `[source]` that say how records are framed.
const FRAMING_KEYS: [&str; 7] = [
    "framing",
    "record_bytes",
    "length_endian",
    "length_includes_header",
    "prefix_bytes",
    "length_field",
    "line_end",
];

/// Framings and their further keys, the likeliest first. `record_bytes` is tried as the copybook and as the job has it.
const FRAMINGS: [(&str, &[(&str, Key)]); 17] = [
    ("fixed", &[]),
    ("rdw", &[]),
    ("rdw", &[("length_includes_header", Key::Is(false))]),
    ("bdw", &[]),
    ("bdw", &[("length_includes_header", Key::Is(false))]),
    ("line", &[]),
    ("line", &[("line_end", Key::Word("nel"))]),
    ("layout", &[]),
    ("rdw", &[("length_endian", Key::Word("little"))]),
    ("rdw", &[("length_endian", Key::Word("little")), ("length_includes_header", Key::Is(false))]),
    ("length-prefix", &[]),
    ("length-prefix", &[("length_endian", Key::Word("little"))]),
    ("length-prefix", &[("length_includes_header", Key::Is(true))]),
    ("length-prefix", &[("prefix_bytes", Key::Number(2))]),
    ("length-prefix", &[("prefix_bytes", Key::Number(2)), ("length_endian", Key::Word("little"))]),
    ("length-prefix", &[("prefix_bytes", Key::Number(2)), ("length_includes_header", Key::Is(true))]),
    ("length-prefix", &[("length_includes_header", Key::Is(true)), ("length_endian", Key::Word("little"))]),
];

/// A key's value in a candidate.
#[derive(Debug, Clone, Copy)]
enum Key {
    Word(&'static str),
    Is(bool),
    Number(i64),
}

impl Key {
    fn value(self) -> toml::Value {
        match self {
            Self::Word(word) => word.into(),
            Self::Is(is) => is.into(),
            Self::Number(number) => number.into(),
        }
    }
}

/// The first bytes of a source.
pub(crate) struct Sample {
    bytes: Vec<u8>,
    is_whole: bool,
}

impl Sample {
    /// Reads the first bytes of `source`.
    ///
    /// # Errors
    /// The source cannot be read.
    pub(crate) fn of(source: &SourceFile) -> std::io::Result<Self> {
        let mut bytes = Vec::new();
        let reader = source.reader().map_err(std::io::Error::other)?;
        reader.take(SAMPLE_BYTES).read_to_end(&mut bytes)?;
        let is_whole = (bytes.len() as u64) < SAMPLE_BYTES;
        Ok(Self { bytes, is_whole })
    }
}

#[cfg(test)]
impl Sample {
    /// A sample that is the whole of a source.
    pub(crate) const fn of_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes, is_whole: true }
    }
}

/// Settings with which records of the sample are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fit {
    /// The framing, as the job file names it.
    pub(crate) framing: String,
    /// The code page.
    pub(crate) encoding: String,
    /// The other settings: keys of `[source]`, `cobol.` before those of `[source.cobol]`.
    pub(crate) others: Vec<String>,
    /// What became of the sample.
    pub(crate) tried: Tried,
}

impl Fit {
    /// The settings on one line.
    pub(crate) fn line(&self) -> String {
        let mut all = vec![format!("framing = \"{}\"", self.framing)];
        all.extend(self.others.iter().cloned());
        let Tried { records, rejects } = self.tried;
        match rejects {
            0 => all.join(", "),
            _ => format!("{}   # {rejects} of {records} records rejected", all.join(", ")),
        }
    }
}

/// What became of the records of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tried {
    /// How many records were tried.
    pub(crate) records: u64,
    /// How many of them are rejects.
    pub(crate) rejects: u64,
}

impl Tried {
    /// Whether so few records are rejects that the framing can be right: one in ten.
    const fn may_fit(self) -> bool {
        self.rejects.saturating_mul(10) <= self.records
    }
}

/// Tries `job`, as it is, on the sample. `None`: its records cannot be separated, or there are none.
pub(crate) fn try_on(job: &Arc<Job>, sample: &Sample) -> Option<Tried> {
    let decoded = decoded(job, sample)?;
    Some(Tried { records: decoded.records(), rejects: decoded.rejects.len() as u64 })
}

/// The sample's records as `job` decodes them. `None`: its records cannot be separated, or there are none.
pub(super) fn decoded(job: &Arc<Job>, sample: &Sample) -> Option<DecodedChunk> {
    let framer = Framer::new(&job.format);
    let Sample { bytes, is_whole } = sample;
    let header = framer.preamble(bytes, *is_whole).ok()??;
    let footer = if *is_whole { job.format.outside.footer_bytes } else { 0 };
    let records = bytes.get(header..bytes.len().checked_sub(footer)?)?;
    let taken = framer.take(records, *is_whole, RECORDS_MAX, records.len().max(1)).ok()?;
    let whole = records.get(..taken.bytes).filter(|whole| !whole.is_empty())?;
    let start = Start {
        first_record_no: RecordNo(1),
        offset: header as u64,
        parents: &[],
        ends_source: *is_whole && whole.len() == records.len(),
    };
    ChunkDecoder::new(job).ok()?.decode(start, whole).ok()
}

/// The settings that fit the sample, the likeliest first. `text` is a job file of the copybook format with its
/// copybooks in it; `encodings` are tried besides its own.
pub(crate) fn fits(text: &str, sample: &Sample, encodings: &[&str]) -> Vec<Fit> {
    let Ok(table) = toml::from_str::<toml::Table>(text) else { return Vec::new() };
    let source = table.get("source");
    let own =
        source.and_then(|source| source.get("encoding")).and_then(toml::Value::as_str).unwrap_or("cp037");
    let given = source.and_then(|source| source.get("record_bytes"));
    let mut pages = vec![own];
    pages.extend(encodings.iter().copied().filter(|page| *page != own));
    let mut found: Vec<Fit> = Vec::new();
    for page in pages {
        for (framing, keys) in FRAMINGS {
            let lengths = if framing == "fixed" { vec![None, given] } else { vec![None] };
            for (following, record_bytes) in ["shift", "stay"]
                .into_iter()
                .flat_map(|following| lengths.iter().map(move |of| (following, *of)))
            {
                let candidate = Candidate { page, framing, keys, following, record_bytes };
                if let Some(fit) = candidate.tried(&table, sample, own)
                    && !found.contains(&fit)
                {
                    found.push(fit);
                }
            }
        }
    }
    found.retain(|fit| fit.tried.may_fit());
    found.sort_by_key(|fit| fit.tried.rejects > 0);
    found
}

struct Candidate<'a> {
    page: &'a str,
    framing: &'a str,
    keys: &'a [(&'a str, Key)],
    following: &'a str,
    record_bytes: Option<&'a toml::Value>,
}

impl Candidate<'_> {
    fn tried(self, table: &toml::Table, sample: &Sample, own_page: &str) -> Option<Fit> {
        let mut table = table.clone();
        let source = table.get_mut("source")?.as_table_mut()?;
        for key in FRAMING_KEYS {
            source.remove(key);
        }
        source.insert("framing".into(), self.framing.into());
        source.insert("encoding".into(), self.page.into());
        let mut others = Vec::new();
        for (key, value) in self.keys {
            source.insert((*key).into(), value.value());
            others.push(format!("{key} = {}", value.value()));
        }
        if let Some(bytes) = self.record_bytes {
            source.insert("record_bytes".into(), bytes.clone());
        }
        let cobol = source.entry("cobol").or_insert_with(|| toml::Table::new().into()).as_table_mut()?;
        cobol.insert("behind_tables".into(), self.following.into());
        let job = Arc::new(Job::parse("job.toml", &toml::to_string(&table).ok()?).ok()?);
        let Form::Copybook(form) = &job.format.form else { return None };
        let varies = varies(&job);
        // What is of one length is framed by it, and nothing moves where no table varies.
        let is_one_length = !job.has_types() && (!varies || self.following == "stay");
        if !varies && self.following == "stay" || is_one_length && self.framing == "layout" {
            return None;
        }
        let tried = try_on(&job, sample)?;
        if self.framing == "fixed" {
            others.push(format!("record_bytes = {}", form.record_bytes));
        }
        if varies {
            others.push(format!("cobol.behind_tables = \"{}\"", self.following));
        }
        if self.page != own_page {
            others.push(format!("encoding = \"{}\"", self.page));
        }
        Some(Fit { framing: self.framing.to_owned(), encoding: self.page.to_owned(), others, tried })
    }
}

/// Whether a record of the job has a table of varying length.
fn varies(job: &Job) -> bool {
    job.records.iter().any(|record| match &record.format.form {
        Form::Copybook(form) => !form.record.plan.tables.is_empty(),
        _ => false,
    })
}

/// What to say to the author of a copybook job whose settings may not fit the sample; `None`: nothing.
pub(crate) fn advice(job: &Arc<Job>, sample: &Sample) -> Option<String> {
    let Form::Copybook(_) = &job.format.form else { return None };
    let own = try_on(job, sample);
    let is_fine = own.is_some_and(|own| own.rejects == 0);
    let mut found = fits(&job.text, sample, if is_fine { &[] } else { &["ascii", "cp037"] });
    if is_fine {
        // Other framings fit by chance if most fields are text. Where the fields are is what a wrong value comes from.
        if !varies(job) {
            return None;
        }
        let framing = toml::from_str::<toml::Table>(&job.text).ok()?;
        let framing = framing.get("source")?.get("framing").and_then(toml::Value::as_str).unwrap_or("fixed");
        found.retain(|fit| fit.framing == framing && fit.tried.rejects == 0);
        if found.len() < 2 {
            return None;
        }
    } else if let Some(own) = own {
        // Rejects that no framing avoids are of another cause.
        found.retain(|fit| {
            fit.tried.rejects.saturating_mul(own.records) < own.rejects.saturating_mul(fit.tried.records)
        });
    }
    let first = found.first()?;
    let lines: Vec<_> = found.iter().take(4).map(|fit| format!("    {}", fit.line())).collect();
    let records = counted(first.tried.records, "record");
    let what = match is_fine {
        true => "more than one of these settings fits the source's first",
        false => "these settings under [source] fit the source's first",
    };
    Some(format!(
        "{what} {records}; compare the values that `check` shows with what was sent:\n{}",
        lines.join("\n")
    ))
}
