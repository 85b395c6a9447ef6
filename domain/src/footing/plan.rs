//! What is to be footed: controls, the scopes they cover, and what is measured.

use std::sync::Arc;

use thiserror::Error;

use super::sequence::Sequence;
use crate::amount::DIGITS_MAX;
use crate::fingerprint::Hash;
use crate::layout::Layout;
use crate::rule::Predicate;
use crate::value::{FieldType, Literal};

/// A record type that declares something of a scope.
#[derive(Debug, Clone)]
pub struct Control {
    /// The control's name, as checks and findings show it.
    pub name: String,
    /// The record type that declares, by its place among the job's record types.
    pub record: usize,
    /// The records that the control's totals are of.
    pub cover: Cover,
    /// Whether a source may do without it.
    pub optional: bool,
    /// What follows from records that it measures and that no scope of it holds.
    pub outside: Outside,
    /// The totals that it declares.
    pub totals: Vec<Total>,
    /// The other values that it declares.
    pub demands: Vec<Demand>,
}

/// Which records a control's totals are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cover {
    /// All of the source's. There is one such control in a source.
    File,
    /// Those from the latest record of one of these types to the control, both included.
    From(Vec<usize>),
    /// Those after the previous control (or from the source's first) to this control, itself included.
    Preceding,
    /// Those from the control, itself included, to the next one or the source's end.
    Following,
}

/// What follows from a record that is measured and that no scope holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// The control fails: no total covers the record.
    Fails,
    /// Nothing: such records are expected.
    Ignored,
}

/// A declared total, and what it must be.
#[derive(Debug, Clone)]
pub struct Total {
    /// The declaring field, by its place in the control's layout.
    pub field: usize,
    /// What is counted or summed for the total.
    pub measure: Measure,
    /// How many digits of the declared number follow an implied decimal point.
    pub scale: u8,
    /// For a hash total, how many digits are declared, counted from the right; `None` if all are.
    pub last_digits: Option<u8>,
    /// The size of a block, if blocks are declared instead of records or lines; a partly filled block counts as one.
    pub blocks_of: Option<u32>,
}

/// Something that is counted or summed.
#[derive(Debug, Clone)]
pub struct Measure {
    /// Records, lines, or a field.
    pub what: What,
    /// Over which record types; `None`: over all records, those of no type included.
    pub parts: Option<Vec<Part>>,
}

/// What is counted or summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The records themselves are counted.
    Records,
    /// The lines that the records consist of.
    Lines,
    /// The values of one field are summed.
    Sum {
        /// Whether absolute values are summed.
        absolute: bool,
    },
}

/// A record type's part in a measure.
#[derive(Debug, Clone)]
pub struct Part {
    /// The record type, by its place among the job's record types.
    pub record: usize,
    /// The summed field, by its place in the record type's layout; `None` when records or lines are counted.
    pub field: Option<usize>,
    /// The condition under which a record takes part; unknown (NULL) does not. `None`: every record does.
    pub only: Option<Predicate>,
}

/// A declared value that is not a total.
#[derive(Debug, Clone)]
pub struct Demand {
    /// The declaring field, by its place in the control's layout.
    pub field: usize,
    /// What the declared value must be.
    pub wanted: Wanted,
}

/// What a declared value must be.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// The declared value equals this one.
    Equals(Expected),
    /// The value of this name that comes with the run.
    Given(String),
    /// One more than in the run before; `last` is followed by `first`.
    Sequence {
        /// The number that follows `last`.
        first: i64,
        /// The greatest number, if numbering starts again after it; `None` if numbers only grow.
        last: Option<i64>,
    },
}

/// A value that is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected(pub Literal);

/// Why a plan cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{control}`: {message}")]
pub struct PlanError {
    /// The name of the control or sequence that cannot be used.
    pub control: String,
    /// What is wrong, in words for the author of the job.
    pub message: String,
}

/// A measure as it is kept: each is taken once, however many totals ask for it.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) measure: Measure,
    /// Digits after the point of its sum.
    pub(super) scale: u8,
}

/// What a record type has to do with it.
#[derive(Debug, Clone, Default)]
pub(super) struct TypePlan {
    /// Its part in each measure that it has a part in.
    pub(super) parts: Vec<(usize, Part)>,
    /// Whether it opens a scope or declares something.
    pub(super) is_event: bool,
    /// The fields by which it declares, ascending.
    pub(super) declares: Vec<usize>,
}

/// Everything that is to be footed in a source.
#[derive(Debug, Clone)]
pub struct FootingPlan {
    pub(super) controls: Vec<Control>,
    pub(super) sequences: Vec<Sequence>,
    pub(super) kept: Vec<Kept>,
    /// For each control and total, its measure's place.
    pub(super) places: Vec<Vec<usize>>,
    pub(super) types: Vec<TypePlan>,
    /// Measures over all records.
    pub(super) of_all: Vec<usize>,
    pub(super) layouts: Vec<Arc<Layout>>,
    pub(super) digest: Hash,
    counts_lines: bool,
}

impl FootingPlan {
    /// For records of `layouts`, which are the record types in their order.
    ///
    /// # Errors
    /// [`PlanError`] for a place that does not exist, a field that is no number, and what would check nothing.
    pub fn new(layouts: &[Arc<Layout>], controls: Vec<Control>) -> Result<Self, PlanError> {
        let mut plan = Self {
            controls: Vec::new(),
            sequences: Vec::new(),
            kept: Vec::new(),
            places: Vec::new(),
            types: vec![TypePlan::default(); layouts.len()],
            of_all: Vec::new(),
            layouts: layouts.to_vec(),
            digest: Hash([0; 32]),
            counts_lines: false,
        };
        for control in controls {
            plan.push(control)?;
        }
        for declared in plan.types.iter_mut().map(|one| &mut one.declares) {
            declared.sort_unstable();
            declared.dedup();
        }
        plan.digest = Hash::of(plan.description().as_bytes());
        Ok(plan)
    }

    /// The plan with these sequences as well.
    ///
    /// # Errors
    /// [`PlanError`] for a place that does not exist, a step of 0, a record type that is numbered twice, and what would
    /// check nothing.
    pub fn numbered(mut self, sequences: Vec<Sequence>) -> Result<Self, PlanError> {
        for sequence in sequences {
            let refuse = |message: &str| {
                Err(PlanError { control: sequence.name.clone(), message: message.to_owned() })
            };
            let is_there = |(record, field): &(usize, usize)| {
                self.layouts.get(*record).is_some_and(|layout| *field < layout.fields.len())
            };
            if self.sequences.iter().any(|other| other.name == sequence.name) {
                return refuse("another sequence has the same name");
            }
            if sequence.fields.is_empty() || !sequence.fields.iter().all(is_there) {
                return refuse("there is no such field");
            }
            if sequence.restarts.iter().any(|at| *at >= self.layouts.len()) {
                return refuse("there is no such record type");
            }
            let mut types: Vec<_> = sequence.fields.iter().map(|(record, _)| *record).collect();
            types.sort_unstable();
            if types.windows(2).any(|two| two[0] == two[1]) {
                return refuse("a record type has only one number in it");
            }
            if sequence.step == 0 {
                return refuse("a step of 0 gives every record the same number");
            }
            self.sequences.push(sequence);
        }
        self.digest = Hash::of(self.description().as_bytes());
        Ok(self)
    }

    /// The controls, in the job's order.
    #[must_use]
    pub fn controls(&self) -> &[Control] {
        &self.controls
    }

    /// Whether lines are counted. When they are not, any number of lines may be given for a record.
    #[must_use]
    pub const fn counts_lines(&self) -> bool {
        self.counts_lines
    }

    /// Whether a declared value follows that of the run before.
    #[must_use]
    pub fn has_sequences(&self) -> bool {
        let mut demands = self.controls.iter().flat_map(|control| &control.demands);
        demands.any(|demand| matches!(demand.wanted, Wanted::Sequence { .. }))
    }

    /// The number that the next source must declare if the last one declared `before`: one more, or the first after the
    /// last. `None` unless there is one such number.
    #[must_use]
    pub fn next_number(&self, before: i64) -> Option<i64> {
        let mut sequences = self.controls.iter().flat_map(|control| &control.demands).filter_map(|demand| {
            if let Wanted::Sequence { first, last } = &demand.wanted { Some((*first, *last)) } else { None }
        });
        let (Some((first, last)), None) = (sequences.next(), sequences.next()) else { return None };
        if last == Some(before) { Some(first) } else { before.checked_add(1) }
    }

    /// Whether a declared value is compared with one of this name that comes with the run.
    #[must_use]
    pub fn asks_for(&self, name: &str) -> bool {
        let mut demands = self.controls.iter().flat_map(|control| &control.demands);
        demands.any(|demand| matches!(&demand.wanted, Wanted::Given(given) if given == name))
    }

    /// The name of a field of a control.
    pub(super) fn field_name(&self, control: &Control, field: usize) -> &str {
        self.layouts[control.record].fields[field].name.as_str()
    }

    fn push(&mut self, control: Control) -> Result<(), PlanError> {
        let refuse =
            |message: &str| Err(PlanError { control: control.name.clone(), message: message.to_owned() });
        let Some(layout) = self.layouts.get(control.record) else {
            return refuse("there is no such record type");
        };
        if self.controls.iter().any(|other| other.name == control.name) {
            return refuse("another control has the same name");
        }
        let fields = layout.fields.len();
        let declared = control.totals.iter().map(|total| total.field);
        let declared: Vec<_> = declared.chain(control.demands.iter().map(|demand| demand.field)).collect();
        if declared.iter().any(|field| *field >= fields) {
            return refuse("there is no such field");
        }
        if declared.is_empty() {
            return refuse("it declares nothing");
        }
        let twice =
            |fields: &[usize]| fields.iter().enumerate().any(|(at, field)| fields[..at].contains(field));
        let (totals, demands) = declared.split_at(control.totals.len());
        if twice(totals) || twice(demands) {
            return refuse("a field can declare only one total and has only one value");
        }
        if let Cover::From(openers) = &control.cover {
            if openers.is_empty() || openers.iter().any(|at| *at >= self.types.len()) {
                return refuse("there is no such opening record type");
            }
            if openers.contains(&control.record) {
                return refuse(
                    "a record cannot open its own scope; use covers = \"preceding\" or \"following\"",
                );
            }
            openers.iter().for_each(|at| self.types[*at].is_event = true);
        }
        let mut places = Vec::with_capacity(control.totals.len());
        for total in &control.totals {
            let is_hash = total.last_digits.is_some_and(|digits| digits == 0 || digits > DIGITS_MAX);
            if is_hash || total.blocks_of == Some(0) || total.scale > DIGITS_MAX {
                return refuse("digits must be 1 to 38, and a block must hold at least 1");
            }
            if total.blocks_of.is_some() && matches!(total.measure.what, What::Sum { .. }) {
                return refuse("blocks apply only to records or lines");
            }
            match self.keep(&total.measure) {
                Ok(place) => places.push(place),
                Err(message) => return refuse(message),
            }
        }
        let of_type = &mut self.types[control.record];
        of_type.is_event = true;
        of_type.declares.extend(declared);
        self.places.push(places);
        self.controls.push(control);
        Ok(())
    }

    /// The place of the measure, which is new or kept already.
    fn keep(&mut self, measure: &Measure) -> Result<usize, &'static str> {
        let mut scale = 0;
        for part in measure.parts.iter().flatten() {
            let layout = self.layouts.get(part.record).ok_or("there is no such record type")?;
            match (measure.what, part.field) {
                (What::Sum { .. }, Some(field)) => match layout.fields.get(field).map(|field| field.ty) {
                    Some(FieldType::Decimal { scale: own, .. }) => scale = scale.max(own),
                    Some(FieldType::Integer) => {}
                    _ => return Err("only decimal and integer fields can be summed"),
                },
                (What::Sum { .. }, None) => return Err("a sum needs a field"),
                (_, None) => {}
                (_, Some(_)) => return Err("a count cannot have a field"),
            }
        }
        match &measure.parts {
            Some(parts) if parts.is_empty() => return Err("it measures nothing"),
            None if matches!(measure.what, What::Sum { .. }) => return Err("a sum needs a field"),
            _ => {}
        }
        if let Some(place) = self.kept.iter().position(|kept| same(&kept.measure, measure)) {
            return Ok(place);
        }
        let place = self.kept.len();
        match &measure.parts {
            None => self.of_all.push(place),
            Some(parts) => {
                for part in parts {
                    self.types[part.record].parts.push((place, part.clone()));
                }
            }
        }
        self.counts_lines |= measure.what == What::Lines;
        self.kept.push(Kept { measure: measure.clone(), scale });
        Ok(place)
    }

    /// What two plans have in common exactly when a footing of one can be read as one of the other.
    fn description(&self) -> String {
        let mut text = String::from("crossfoot footing 1\n");
        for kept in &self.kept {
            let parts = kept.measure.parts.as_deref().unwrap_or_default();
            let parts: Vec<_> = parts
                .iter()
                .map(|part| (part.record, part.field, part.only.as_ref().map(Predicate::text)))
                .collect();
            text.push_str(&format!("{:?} {} {parts:?}\n", kept.measure.what, kept.scale));
        }
        for one in &self.types {
            text.push_str(&format!("{} {:?}\n", one.is_event, one.declares));
        }
        for sequence in &self.sequences {
            let Sequence { fields, start, step, restarts, .. } = sequence;
            text.push_str(&format!("sequence {fields:?} {start:?} {step} {restarts:?}\n"));
        }
        text
    }
}

fn same(a: &Measure, b: &Measure) -> bool {
    let alike = |a: &Part, b: &Part| {
        let text = |part: &Part| part.only.as_ref().map(|only| only.text().to_owned());
        a.record == b.record && a.field == b.field && text(a) == text(b)
    };
    let parts_alike = match (&a.parts, &b.parts) {
        (None, None) => true,
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        _ => false,
    };
    a.what == b.what && parts_alike
}
