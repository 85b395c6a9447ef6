//! The balance in bytes of a run, and the checks that hold it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ByteClass, ByteCounts, ByteShares, Places, TooManyBytes};
use crate::check::{self, CheckResult, Stage, Subject, Verdict};
use crate::invariants::Invariant;
use crate::words::{grouped, plural};

/// The name of the check that compares the classes of all chunks with the source.
pub const ACCOUNTED: &str = "every byte accounted for";

/// The name of the check that no chunk's bytes are accounted for by another's.
pub const BY_CHUNK: &str = "bytes accounted for, chunk by chunk";

/// What the ledger's chunks say of the source's bytes, added up chunk by chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByteEvidence {
    /// The shares of all chunks that have some.
    pub shares: ByteShares,
    /// Chunks whose classes are not the chunk's bytes, or in which a record's are not the record's.
    pub chunks_off: u64,
    /// The first of them.
    pub first_off: Option<u64>,
    /// Committed chunks of which no classes are known.
    pub chunks_uncounted: u64,
}

impl ByteEvidence {
    /// Nothing yet, for `types` record types.
    #[must_use]
    pub fn none(types: usize) -> Self {
        Self { shares: ByteShares::none(types), ..Self::default() }
    }

    /// Adds a committed chunk that the splitter cut `bytes` long; `None`: whoever committed it did not count.
    pub fn chunk(&mut self, chunk_no: u64, bytes: u64, shares: Option<&ByteShares>) {
        let Some(shares) = shares else {
            self.chunks_uncounted += 1;
            return;
        };
        if self.shares.types.is_empty() {
            // Whoever begins without knowing how many types there are takes the first chunk's number.
            self.shares = ByteShares::none(shares.types.len());
        }
        // Shares that cannot be added are of a damaged ledger: their chunk is off, and the sum lacks them.
        let mut sum = self.shares.clone();
        let is_added = sum.merge(shares).is_ok();
        if is_added {
            self.shares = sum;
        }
        if !is_added || !shares.account_for(bytes) {
            self.chunks_off += 1;
            self.first_off.get_or_insert(chunk_no);
        }
    }

    /// The balance over the whole source: `outside` bytes precede the first record or follow the last.
    ///
    /// # Errors
    /// [`TooManyBytes`].
    pub fn balance(&self, types: &[String], source: u64, outside: u64) -> Result<ByteBalance, TooManyBytes> {
        let mut classes = self.shares.classes()?;
        classes.add(ByteClass::Framing, outside)?;
        let of_types = types.iter().enumerate().map(|(place, record)| TypeBytes {
            record: record.clone(),
            bytes: self.shares.types.get(place).copied().unwrap_or_default(),
            filler_data: self.shares.filler_data.get(place).cloned().unwrap_or_default(),
        });
        Ok(ByteBalance {
            source,
            outside,
            classes,
            types: of_types.collect(),
            untyped: self.shares.untyped,
            unaccounted: self.shares.unaccounted.clone(),
            chunks_off: self.chunks_off,
            chunks_uncounted: self.chunks_uncounted,
        })
    }

    /// The checks: that the classes make the source's bytes (`tiled`, as the splitter cut them), in all and chunk by
    /// chunk, and that FILLER holds no data. `filler_any`: record types of which it may hold anything. `went_through`:
    /// whether one version of the program worked on the run from beginning to end, so that every chunk must be counted.
    #[must_use]
    pub fn checks(
        &self,
        types: &[String],
        (tiled, outside): (u64, u64),
        filler_any: &[bool],
        went_through: bool,
        at_ms: i64,
    ) -> Vec<CheckResult> {
        let subject = |name: &str| Subject::new(Stage::Source, Invariant::BytesAccounted, name);
        let balance = self.balance(types, tiled, outside);
        let sum = balance.as_ref().ok().and_then(|balance| balance.classes.total().ok());
        let message = match &balance {
            Ok(balance) => balance.equation(),
            Err(error) => error.to_string(),
        };
        let mut all = check::count(subject(ACCOUNTED), tiled, sum.unwrap_or(u64::MAX), message, at_ms);
        let mut by_chunk = check::count(subject(BY_CHUNK), 0, self.chunks_off, self.told(), at_ms);
        if self.chunks_uncounted > 0 {
            let uncounted = format!(
                "{} committed without counts of bytes by class, as versions before 0.2.0 did",
                plural(self.chunks_uncounted, "chunk")
            );
            all.message = format!("{uncounted}; {}", all.message);
            if all.verdict == Verdict::Pass {
                all.verdict = Verdict::Fail;
            }
            let excused = !went_through && sum.is_some_and(|sum| sum <= tiled) && self.chunks_off == 0;
            if excused {
                all.verdict = Verdict::Warn;
            }
        }
        if self.chunks_off == 0 && all.verdict == Verdict::Warn {
            by_chunk.message = format!("{}; the others are accounted for", by_chunk.message);
        }
        let mut checks = vec![all, by_chunk];
        let fillers = self.shares.filler_data.iter().zip(types).enumerate();
        for (place, (found, record)) in fillers.filter(|(_, (found, _))| found.records > 0) {
            if filler_any.get(place).copied().unwrap_or(false) {
                continue;
            }
            let name = match types.len() {
                1 => "filler holds no data".to_owned(),
                _ => format!("filler of {record} holds no data"),
            };
            let first = found.first_in_words().unwrap_or_default();
            let message = format!(
                "records of which FILLER holds something else than blanks, zeros or low-values; the first is {first}: \
                 see whether the copybook is out of date, or set `filler = \"any\"`"
            );
            let mut warning = check::count(subject(&name), 0, found.records, message, at_ms);
            warning.verdict = Verdict::Warn;
            checks.push(warning);
        }
        checks
    }

    fn told(&self) -> String {
        let what = "chunks in which bytes are counted twice or not at all";
        let chunk = self.first_off.map(|chunk_no| format!("; the first is chunk {}", grouped(chunk_no)));
        let records = self.shares.unaccounted.first_in_words().map(|first| {
            format!("; {}, the first is {first}", plural(self.shares.unaccounted.records, "record"))
        });
        format!("{what}{}{}", chunk.unwrap_or_default(), records.unwrap_or_default())
    }
}

/// The bytes of one record type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TypeBytes {
    /// The record type's name.
    pub record: String,
    /// How many bytes of its records are of each class, framing included.
    pub bytes: ByteCounts,
    /// Its records whose FILLER holds something else than blanks, zeros or low-values.
    pub filler_data: Places,
}

/// Where the bytes of a run's source went:
/// `source = framing + fields + filler + unused views + left out + padding + rejects`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ByteBalance {
    /// Bytes of the source (after decompression) as the splitter cut them.
    pub source: u64,
    /// Of these, bytes before the first record and after the last: a header row, a file header or footer. They count
    /// as framing.
    pub outside: u64,
    /// How many bytes of the source are of each class.
    pub classes: ByteCounts,
    /// Of these, those of each record type.
    pub types: Vec<TypeBytes>,
    /// Of these, those of records that are of no type.
    pub untyped: ByteCounts,
    /// Records whose bytes do not add up.
    pub unaccounted: Places,
    /// Chunks whose bytes do not add up.
    pub chunks_off: u64,
    /// Committed chunks of which no classes are known: versions before 0.2.0 did not count.
    pub chunks_uncounted: u64,
}

impl ByteBalance {
    /// Whether every byte is accounted for.
    #[must_use]
    pub fn holds(&self) -> bool {
        let is_whole = self.chunks_off == 0 && self.chunks_uncounted == 0 && self.unaccounted.records == 0;
        is_whole && self.classes.make(self.source) && self.is_consistent()
    }

    /// Whether the classes are those of the record types, of the records of no type, and of what is outside.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let mut sum = self.untyped;
        let added = self.types.iter().try_for_each(|of_type| sum.merge(&of_type.bytes));
        added.and_then(|()| sum.add(ByteClass::Framing, self.outside)).is_ok() && sum == self.classes
    }

    /// The right side of the balance in words: `120 framing + 4,000 fields + …`; classes without bytes are left out.
    #[must_use]
    pub fn equation(&self) -> String {
        let counted = ByteClass::ALL.iter().filter(|class| self.classes.of(**class) > 0);
        let terms: Vec<_> =
            counted.map(|class| format!("{} {}", grouped(self.classes.of(*class)), class.words())).collect();
        if terms.is_empty() { "no bytes".into() } else { terms.join(" + ") }
    }
}
