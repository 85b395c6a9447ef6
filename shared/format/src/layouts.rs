//! Records that nothing separates but their own layout: each is as long as its record type and its numbers of
//! occurrences say.

use std::sync::Arc;

use domain::value::{Literal, compare};
use domain::words::counted;

use crate::cobol::record::{CountError, RecordDecoder};
use crate::cobol::{FieldDecoder, RecordSpec};
use crate::copybook::plan::Extent;

/// Why the length of a record is not known from its layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LayoutError {
    /// The layout gives the record no bytes.
    Nothing,
    /// A number of occurrences cannot be: the record type, the number's field and its place, and what is wrong with it.
    Uncounted { record: String, field: String, at: usize, detail: String },
    /// The record is of no type: the fields that types are told by, and what they hold.
    NoType { fields: String, found: String },
    /// The bytes end within the record.
    CutShort { record: String, length: usize, have: usize },
}

/// How many bytes of a field an error quotes.
const QUOTED_BYTES_MAX: usize = 16;

/// A record type, and what tells it from the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaidOutType {
    /// The record type's name.
    pub name: String,
    /// Where its fields are, and how each is written.
    pub record: Arc<RecordSpec>,
    /// What its fields hold; all of it must be so. None: every record is of this type.
    pub when: Vec<Telling>,
}

/// A field at a fixed place, and the values of which it has one if the record is of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// The field, an index of [`Plan::fields`](crate::copybook::plan::Plan::fields).
    pub field: usize,
    /// The values that the field may have.
    pub one_of: Vec<Literal>,
}

/// The record types of a source that is framed by its layout, in the order in which a record is matched with them.
#[derive(Debug)]
pub struct Layouts {
    types: Vec<LaidOutType>,
    measures: Vec<Measure>,
    /// How long the longest record can be, in bytes.
    longest: usize,
}

impl PartialEq for Layouts {
    fn eq(&self, other: &Self) -> bool {
        self.types == other.types
    }
}

impl Eq for Layouts {}

/// Finds how long the records of one type are.
#[derive(Debug)]
struct Measure {
    decoder: RecordDecoder,
    /// Of each [`Telling`], where its field is, and how it is read.
    told_by: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    name: String,
    start: usize,
    end: usize,
    decoder: FieldDecoder,
}

/// What a record type is compared with.
enum Match {
    /// The record is of the type.
    Yes,
    /// It is not: the place of the [`Telling`] that says so.
    No(usize),
}

impl Layouts {
    /// For records of these types.
    ///
    /// # Errors
    /// A sentence for the job's author: a type is told by a field without a fixed place, or a field cannot be read.
    pub fn new(types: Vec<LaidOutType>) -> Result<Self, String> {
        let measures = types.iter().map(Measure::new).collect::<Result<_, _>>()?;
        let longest = types.iter().map(|of| of.record.plan.length_max).max().unwrap_or(0);
        Ok(Self { types, measures, longest })
    }

    /// How long the longest record can be, in bytes.
    #[must_use]
    pub const fn longest(&self) -> usize {
        self.longest
    }

    /// The length of the record that begins with `bytes`; `None`: more bytes are needed to tell.
    pub(crate) fn record(&self, bytes: &[u8], at_end: bool) -> Result<Option<usize>, LayoutError> {
        // With as much at hand as any record can have, what is found does not depend on how the bytes came in.
        if bytes.len() < self.longest && !at_end {
            return Ok(None);
        }
        let have = bytes.len();
        let mut mismatches = Vec::new();
        for (of, measure) in self.types.iter().zip(&self.measures) {
            match measure.tells(of, bytes) {
                Match::No(telling) => mismatches.push((measure, telling)),
                Match::Yes => {
                    let length = measure.decoder.measured(bytes, &mut Extent::default());
                    return match length.map_err(|error| uncounted(of, &error))? {
                        0 => Err(LayoutError::Nothing),
                        length if length > have => {
                            Err(LayoutError::CutShort { record: of.name.clone(), length, have })
                        }
                        length => Ok(Some(length)),
                    };
                }
            }
        }
        Err(of_no_type(&mismatches, bytes))
    }
}

impl Measure {
    fn new(of: &LaidOutType) -> Result<Self, String> {
        let plan = &of.record.plan;
        let place = |telling: &Telling| {
            let (Some(field), Some(spec)) =
                (plan.fields.get(telling.field), of.record.fields.get(telling.field))
            else {
                return Err("a record type is told by a field that is not there".to_owned());
            };
            let has_length = of.record.lengths.get(telling.field).is_some_and(Option::is_some);
            if field.offset.after > 0 || field.within.is_some() || has_length {
                return Err(format!(
                    "record `{}` is told by `{}`, whose place or length varies; where records are framed by their \
                     layout, a field at a fixed place must tell the type",
                    of.name, field.column
                ));
            }
            let decoder =
                FieldDecoder::new(spec).map_err(|error| format!("field `{}`: {error}", field.column))?;
            let (name, start) = (field.column.clone(), field.offset.base);
            Ok(Place { name, start, end: start + field.length, decoder })
        };
        Ok(Self {
            decoder: RecordDecoder::new(&of.record)?,
            told_by: of.when.iter().map(place).collect::<Result<_, _>>()?,
        })
    }

    fn tells(&self, of: &LaidOutType, bytes: &[u8]) -> Match {
        let mut scratch = Vec::new();
        for (at, (place, telling)) in self.told_by.iter().zip(&of.when).enumerate() {
            scratch.clear();
            let found = bytes.get(place.start..place.end);
            let value = found.and_then(|bytes| place.decoder.decode(bytes, &mut scratch).ok());
            let value = value.as_ref().and_then(|value| value.value(&scratch));
            let is_one = |one: &Literal| {
                value
                    .as_ref()
                    .is_some_and(|value| compare(value, &one.value()).is_some_and(std::cmp::Ordering::is_eq))
            };
            if !telling.one_of.iter().any(is_one) {
                return Match::No(at);
            }
        }
        Match::Yes
    }
}

#[cold]
fn uncounted(of: &LaidOutType, error: &CountError) -> LayoutError {
    LayoutError::Uncounted {
        record: of.name.clone(),
        field: error.field.clone(),
        at: error.at,
        detail: error.detail.clone(),
    }
}

/// Says which fields the type was looked for in, and what they hold: each field once.
#[cold]
fn of_no_type(mismatches: &[(&Measure, usize)], bytes: &[u8]) -> LayoutError {
    let mut found: Vec<(&str, usize, String)> = Vec::new();
    for (measure, telling) in mismatches {
        let Some(place) = measure.told_by.get(*telling) else { continue };
        if found.iter().any(|(name, start, _)| (*name, *start) == (&*place.name, place.start)) {
            continue;
        }
        let shown = match bytes.get(place.start..place.end) {
            Some(bytes) => {
                let more = if bytes.len() > QUOTED_BYTES_MAX { "…" } else { "" };
                let start = &bytes[..bytes.len().min(QUOTED_BYTES_MAX)];
                format!("x'{}{more}'", domain::hex::encode(start))
            }
            None => format!("past the end, only {} left", counted(bytes.len(), "byte")),
        };
        found.push((&place.name, place.start, shown));
    }
    let fields = found.iter().map(|(name, at, _)| format!("`{name}` (byte {at})")).collect::<Vec<_>>();
    let shown = found.into_iter().map(|(_, _, shown)| shown).collect::<Vec<_>>();
    LayoutError::NoType { fields: fields.join(", "), found: shown.join(", ") }
}
