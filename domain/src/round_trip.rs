//! What was decoded, encoded again, is the record (INV-14): which notations of a value count as the same, and how many
//! values were written in each.
//!
//! The encoder writes the usual form of every value. Where a source writes the same value in another form, that form
//! has a name here and is counted, field by field; a record with any other difference is a reject.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::check::{self, CheckResult, Stage, Subject, Verdict};
use crate::invariants::Invariant;
use crate::words::plural;

/// The name of the check that every accepted record was encoded again.
pub const PROVED: &str = "decoded records encode to their bytes";

macro_rules! equivalences {
    ($($name:ident $key:literal $text:literal;)*) => {
        /// A way of writing a value other than the usual one, which means the same.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[repr(u8)]
        pub enum Equivalence {
            $(
                #[doc = $text]
                #[serde(rename = $key)]
                $name,
            )*
        }

        impl Equivalence {
            /// All of them, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name, as it is stored and printed.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }

            /// What it is, in one sentence.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

equivalences! {
    Sign "sign" "Another sign code than the preferred one: F or A for plus, B for minus, an unsigned zone, a plus sign.";
    NegativeZero "negative-zero" "A zero with a minus sign.";
    Fill "fill" "Spaces, low-values or high-values that the job takes for NULL or zero.";
    Padding "padding" "Padding at the other end of the field, low-values as padding, or blanks around a value.";
    Notation "notation" "Another notation of a number: leading zeros, zeros after the point, groups, a currency sign.";
    Date "date" "Another notation of a date or time: fewer digits, other letters, a date that stands for NULL.";
    Truth "truth" "Another text for true or false than the first of its list.";
    Quotes "quotes" "Quotes around a value that needs none, or a quote that is not doubled in a value without quotes.";
    Escape "escape" "Another way to escape a character.";
    Hexadecimal "hexadecimal" "Hexadecimal digits in capitals.";
    Character "character" "Another code of the source's encoding for the same character.";
    Float "float" "A floating-point number that is not normalised.";
    Missing "missing" "A field missing at the record's end, or a part missing of its column, read as NULL.";
    Default "default" "A NULL in the source, for which the field's `default` stands.";
    SharedCode "shared-code" "A code that stands for the same as another code of its lookup table.";
    UnknownCode "unknown-code" "A code that its lookup table lacks, for which the field's `otherwise` stands.";
    Indicator "indicator" "Another code of a NULL indicator than the first of its list.";
    UnderNull "under-null" "Content of a field whose indicator says NULL.";
}

impl Equivalence {
    const fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// Equivalences of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Equivalences(u32);

impl Equivalences {
    /// None: the value is written in the usual form.
    pub const NONE: Self = Self(0);

    /// A set of one form.
    #[must_use]
    pub const fn only(one: Equivalence) -> Self {
        Self(one.bit())
    }

    /// These and one more.
    #[must_use]
    pub const fn and(self, one: Equivalence) -> Self {
        Self(self.0 | one.bit())
    }

    /// The forms of both sets.
    #[must_use]
    pub const fn with(self, those: Self) -> Self {
        Self(self.0 | those.0)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Each form of the set, in the order of [`Equivalence::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Equivalence> {
        Equivalence::ALL.iter().copied().filter(move |one| self.0 & one.bit() != 0)
    }
}

/// How many values of one field were written in another form than the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EquivalenceCount {
    /// The record type's place among those of the job, from 0.
    pub record: u32,
    /// The field's place in the record's layout, from 0.
    pub field: u32,
    /// The form.
    pub kind: Equivalence,
    /// How many values.
    pub values: u64,
}

/// What encoding the accepted records of a chunk, or of all chunks of a run, came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoundTrips {
    /// Accepted records that were encoded again, and were found to be their bytes.
    pub proved: u64,
    /// Accepted records that were not encoded again, because the decode proof is off.
    pub unproved: u64,
    /// Values in another form than the usual one, by record type, field and form.
    pub equivalences: Vec<EquivalenceCount>,
}

/// How many values of one field were written in another form than the usual one, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamedEquivalence {
    /// The record type's name.
    pub record: String,
    /// The field's name.
    pub field: String,
    /// The form.
    pub kind: Equivalence,
    /// How many values.
    pub values: u64,
}

/// What encoding a run's accepted records came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecodeProofReport {
    /// Whether the run did without the proof (`decode_proof = "off"`).
    pub is_off: bool,
    /// Accepted records that were encoded again, and were found to be their bytes.
    pub proved: u64,
    /// Accepted records that were not encoded again.
    pub unproved: u64,
    /// Values in another form than the usual one, by record type, field and form.
    pub equivalences: Vec<NamedEquivalence>,
}

impl DecodeProofReport {
    /// The report of what the chunks of a run came to. `names`: each record type's name and those of its fields.
    /// `accepted`: how many records were accepted.
    #[must_use]
    pub fn of(trips: &RoundTrips, names: &[(String, Vec<String>)], accepted: u64, is_off: bool) -> Self {
        let named = |of: &EquivalenceCount| {
            let record = usize::try_from(of.record).ok().and_then(|place| names.get(place));
            let field =
                |(_, fields): &(String, Vec<String>)| fields.get(usize::try_from(of.field).ok()?).cloned();
            NamedEquivalence {
                record: record.map(|(name, _)| name.clone()).unwrap_or_default(),
                field: record.and_then(field).unwrap_or_default(),
                kind: of.kind,
                values: of.values,
            }
        };
        Self {
            is_off,
            proved: trips.proved,
            unproved: accepted.saturating_sub(trips.proved),
            equivalences: trips.equivalences.iter().map(named).collect(),
        }
    }

    /// How many values were written in each form, over all fields.
    #[must_use]
    pub fn by_kind(&self) -> Vec<(Equivalence, u64)> {
        let values = |kind: Equivalence| {
            let of_kind = self.equivalences.iter().filter(|of| of.kind == kind);
            of_kind.fold(0_u64, |sum, of| sum.saturating_add(of.values))
        };
        let all = Equivalence::ALL.iter().map(|kind| (*kind, values(*kind)));
        all.filter(|(_, values)| *values > 0).collect()
    }

    /// The fields and forms of most values, at most `count` of them.
    #[must_use]
    pub fn most_frequent(&self, count: usize) -> Vec<&NamedEquivalence> {
        let mut all: Vec<_> = self.equivalences.iter().collect();
        all.sort_by_key(|of| std::cmp::Reverse(of.values));
        all.truncate(count);
        all
    }

    /// The field's name, with that of its record type where there are several.
    #[must_use]
    pub fn field_of(&self, of: &NamedEquivalence) -> String {
        match self.equivalences.iter().all(|other| other.record == of.record) {
            true => of.field.clone(),
            false => format!("{}.{}", of.record, of.field),
        }
    }

    /// What the proof came to, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let proved = || {
            format!(
                "{} encoded again from what was decoded, and equal to the source",
                plural(self.proved, "record")
            )
        };
        match (self.proved, self.unproved, self.is_off) {
            (_, 0, false) => proved(),
            (0, unproved, true) => {
                format!("The decode proof is off: {} not encoded again", plural(unproved, "record"))
            }
            (_, unproved, _) => format!("{}; {} not encoded again", proved(), plural(unproved, "record")),
        }
    }
}

/// More records or values than can be counted; no source has so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the values of a form are more than can be counted")]
pub struct TooManyValues;

impl RoundTrips {
    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.proved == 0 && self.unproved == 0 && self.equivalences.is_empty()
    }

    /// Adds those of the next chunk.
    ///
    /// # Errors
    /// [`TooManyValues`]; some are added then.
    pub fn merge(&mut self, next: &Self) -> Result<(), TooManyValues> {
        self.proved = self.proved.checked_add(next.proved).ok_or(TooManyValues)?;
        self.unproved = self.unproved.checked_add(next.unproved).ok_or(TooManyValues)?;
        for count in &next.equivalences {
            let key = |of: &EquivalenceCount| (of.record, of.field, of.kind);
            match self.equivalences.binary_search_by_key(&key(count), key) {
                Ok(at) => {
                    let values = &mut self.equivalences[at].values;
                    *values = values.checked_add(count.values).ok_or(TooManyValues)?;
                }
                Err(at) => self.equivalences.insert(at, *count),
            }
        }
        Ok(())
    }

    /// The check that every accepted record was encoded again, as long as the job does not say otherwise.
    /// `accepted`: how many records were accepted. `is_off`: whether the run does without the proof. `went_through`:
    /// whether one version of the program worked on the run from beginning to end.
    #[must_use]
    pub fn check(&self, accepted: u64, is_off: bool, went_through: bool, at_ms: i64) -> CheckResult {
        let subject = Subject::new(Stage::Source, Invariant::RoundTrip, PROVED);
        let mut message = "accepted records that, encoded again, are the bytes of the source".to_owned();
        let mut check = check::count(subject, accepted, self.proved, message.clone(), at_ms);
        if self.proved < accepted && (is_off || !went_through) {
            let why = if is_off {
                "the decode proof is off (`--decode-proof off`)"
            } else {
                "committed by a version before 0.2.0, which did not encode them"
            };
            message = format!("{} not encoded again: {why}", plural(accepted - self.proved, "record"));
            check.verdict = Verdict::Warn;
        }
        check.message = message;
        check
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(record: u32, field: u32, kind: Equivalence, values: u64) -> EquivalenceCount {
        EquivalenceCount { record, field, kind, values }
    }

    #[test]
    fn counts_of_chunks_add_up_by_type_field_and_form() {
        let mut sum = RoundTrips::default();
        let first = RoundTrips {
            proved: 10,
            unproved: 0,
            equivalences: vec![count(0, 2, Equivalence::Sign, 3), count(1, 0, Equivalence::Fill, 1)],
        };
        let second = RoundTrips {
            proved: 5,
            unproved: 1,
            equivalences: vec![count(0, 2, Equivalence::Sign, 4), count(0, 2, Equivalence::Fill, 2)],
        };
        for chunk in [&first, &second] {
            sum.merge(chunk).unwrap();
        }
        let expected = [
            count(0, 2, Equivalence::Sign, 7),
            count(0, 2, Equivalence::Fill, 2),
            count(1, 0, Equivalence::Fill, 1),
        ];
        assert_eq!((sum.proved, sum.unproved), (15, 1));
        assert_eq!(sum.equivalences, expected);
        let full = RoundTrips { proved: u64::MAX, ..RoundTrips::default() };
        assert_eq!(sum.merge(&full), Err(TooManyValues));
    }

    #[test]
    fn every_accepted_record_is_proved_or_it_is_said() {
        let trips = |proved| RoundTrips { proved, ..RoundTrips::default() };
        for (proved, accepted, is_off, went_through, verdict) in [
            (100, 100, false, true, Verdict::Pass),
            (99, 100, false, true, Verdict::Fail),
            (101, 100, false, true, Verdict::Fail),
            (0, 100, true, true, Verdict::Warn),
            (60, 100, false, false, Verdict::Warn),
            (101, 100, true, false, Verdict::Fail),
            (0, 0, false, true, Verdict::Pass),
        ] {
            let check = trips(proved).check(accepted, is_off, went_through, 0);
            assert_eq!(check.verdict, verdict, "{proved} of {accepted}: {}", check.message);
        }
    }

    #[test]
    fn a_set_of_forms_holds_each_once() {
        let both = Equivalences::only(Equivalence::Quotes).and(Equivalence::Notation);
        let twice = both.with(Equivalences::only(Equivalence::Quotes));
        assert_eq!(twice.iter().collect::<Vec<_>>(), [Equivalence::Notation, Equivalence::Quotes]);
        assert!(Equivalences::NONE.is_none() && !both.is_none());
        assert!(Equivalence::ALL.len() <= 32);
    }
}
