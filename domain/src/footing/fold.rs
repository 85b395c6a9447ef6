//! All chunks' footings, one after the other: scopes opened and closed, totals compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::FootingError;
use super::builder::{DeclaredValue, Footing};
use super::measured::{Measured, Sparse};
use super::outcome::{FootingFinding, Outcome};
use super::plan::{Control, Cover, FootingPlan, Outside};
use super::sequence::{Due, Part};
use super::tally::{Demanded, Miss, Shows, Tally};
use crate::ids::RecordNo;

/// The greatest number of findings that are kept; later ones are only counted.
pub(super) const FINDINGS_MAX: usize = 100;

/// What a run is given to compare declared values with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Values by name: from the job file or the control file.
    pub values: BTreeMap<String, String>,
    /// The sequence numbers of the promoted run before this one, as its [`Outcome::values`] had them.
    pub previous: BTreeMap<String, String>,
}

/// What is known of one control.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// How many records of the control's type there were.
    pub(super) seen: u64,
    /// How many scopes were opened for the control so far.
    pub(super) opened: u64,
    /// The record that opened the current scope; `None` if none is open.
    open: Option<RecordNo>,
    /// What was measured in the open scope, total by total.
    within: Vec<Measured>,
    /// Records that no scope holds, total by total.
    outside: Vec<u64>,
    /// A declaration that is compared later: at the source's end, or when the next one comes.
    pending: Option<(RecordNo, Vec<DeclaredValue>)>,
    pub(super) tallies: Vec<Tally>,
    pub(super) demanded: Vec<Demanded>,
    /// What is wrong with its scopes: how many things, and the first in words.
    pub(super) faults: u64,
    pub(super) first_fault: Option<String>,
}

/// Folds the footings of a source's chunks, in their order, in bounded memory.
#[derive(Debug, Clone)]
pub struct Fold {
    plan: Arc<FootingPlan>,
    given: Given,
    next: RecordNo,
    states: Vec<State>,
    /// For each measure, the controls and totals that it is for.
    users: Vec<Vec<(usize, usize)>>,
    findings: Vec<FootingFinding>,
    findings_left_out: u64,
    /// Of each of the plan's sequences, all parts so far.
    sequences: Vec<Part>,
}

impl Fold {
    /// Begins at the source's first record.
    #[must_use]
    pub fn new(plan: &Arc<FootingPlan>, given: Given) -> Self {
        let mut users = vec![Vec::new(); plan.kept.len()];
        let mut states = Vec::new();
        for (at, (control, places)) in plan.controls.iter().zip(&plan.places).enumerate() {
            for (total, place) in places.iter().enumerate() {
                users[*place].push((at, total));
            }
            let totals = control.totals.len();
            states.push(State {
                within: vec![Measured::default(); totals],
                outside: vec![0; totals],
                tallies: vec![Tally::default(); totals],
                demanded: vec![Demanded::default(); control.demands.len()],
                ..State::default()
            });
        }
        Self {
            sequences: vec![Part { tail: Due::Start, ..Part::default() }; plan.sequences.len()],
            plan: Arc::clone(plan),
            given,
            next: RecordNo(1),
            states,
            users,
            findings: Vec::new(),
            findings_left_out: 0,
        }
    }

    /// Takes the next chunk's footing in.
    ///
    /// # Errors
    /// [`FootingError::Order`] if it is not the next chunk's, [`FootingError::Overflow`] for a damaged one.
    pub fn chunk(&mut self, footing: &Footing) -> Result<(), FootingError> {
        if footing.first != self.next {
            return Err(FootingError::Order { want: self.next, got: footing.first });
        }
        let next = self.next.0.checked_add(footing.records).ok_or(FootingError::Overflow)?;
        self.next = RecordNo(next);
        let plan = Arc::clone(&self.plan);
        let parts = self.sequences.iter_mut().zip(&footing.sequences);
        plan.sequences.iter().zip(parts).for_each(|(sequence, (all, part))| all.chunk(sequence, part));
        for event in &footing.events {
            self.measure(&event.before)?;
            let it = (event.record_no, event.said.as_slice());
            for (at, control) in plan.controls.iter().enumerate() {
                match &control.cover {
                    Cover::From(openers) if openers.contains(&event.record) => {
                        self.open(at, control, event.record_no)
                    }
                    Cover::Following if control.record == event.record => {
                        self.settle(at, control)?;
                        self.states[at].open = Some(event.record_no);
                        self.states[at].pending = Some((event.record_no, event.said.clone()));
                    }
                    _ => {}
                }
            }
            self.measure(&event.own)?;
            for (at, control) in plan.controls.iter().enumerate() {
                if control.record == event.record {
                    self.close(at, control, it)?;
                }
            }
        }
        self.measure(&footing.rest)
    }

    /// The source is at its end: everything that is still to be compared is.
    ///
    /// # Errors
    /// [`FootingError::Overflow`] for a damaged footing.
    pub fn finish(mut self) -> Result<Outcome, FootingError> {
        let plan = Arc::clone(&self.plan);
        for (at, control) in plan.controls.iter().enumerate() {
            match control.cover {
                Cover::File | Cover::Following => self.settle(at, control)?,
                Cover::From(_) => {
                    if let Some(opened) = self.states[at].open {
                        let opener = &plan.layouts[control.record].record;
                        self.fault(
                            at,
                            control,
                            opened,
                            format!(
                                "the scope opened at record {opened} is not \
                         closed by a {opener} before the end of the source"
                            ),
                        );
                    }
                }
                Cover::Preceding => {
                    // What stands behind the last control is vouched for by nobody.
                    let state = &mut self.states[at];
                    for (outside, within) in state.outside.iter_mut().zip(&state.within) {
                        *outside += within.records;
                    }
                }
            }
            self.outside(at, control);
        }
        for (sequence, whole) in plan.sequences.iter().zip(&self.sequences) {
            let room = FINDINGS_MAX.saturating_sub(self.findings.len());
            self.findings.extend(sequence.findings(whole).take(room));
            let kept = whole.breaks.len().min(room) as u64;
            self.findings_left_out += whole.breaks.len() as u64 - kept + whole.more;
        }
        Ok(Outcome::new(plan, self.states, self.findings, (self.findings_left_out, self.sequences)))
    }

    fn measure(&mut self, sparse: &Sparse) -> Result<(), FootingError> {
        for (place, measured) in sparse {
            for (at, total) in self.users.get(*place).into_iter().flatten() {
                let cover = &self.plan.controls[*at].cover;
                let state = &mut self.states[*at];
                if state.open.is_some() || matches!(cover, Cover::File | Cover::Preceding) {
                    state.within[*total].merge(measured)?;
                } else {
                    let outside = &mut state.outside[*total];
                    *outside = outside.checked_add(measured.records).ok_or(FootingError::Overflow)?;
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, at: usize, control: &Control, record_no: RecordNo) {
        let state = &mut self.states[at];
        state.opened += 1;
        state.within.fill(Measured::default());
        if let Some(open) = state.open.replace(record_no) {
            self.fault(
                at,
                control,
                open,
                format!(
                    "the scope opened at record {open} is still open when record {record_no} opens the next"
                ),
            );
        }
    }

    /// A control's record: what ends with it is compared.
    fn close(
        &mut self,
        at: usize,
        control: &Control,
        (record_no, said): (RecordNo, &[DeclaredValue]),
    ) -> Result<(), FootingError> {
        let state = &mut self.states[at];
        state.seen += 1;
        let is_second = state.seen > 1;
        match control.cover {
            Cover::File if is_second => {
                self.fault(
                    at,
                    control,
                    record_no,
                    format!("record {record_no} declares the totals of the file again"),
                );
            }
            Cover::File => state.pending = Some((record_no, said.to_vec())),
            Cover::From(_) if state.open.take().is_none() => {
                self.fault(
                    at,
                    control,
                    record_no,
                    format!("record {record_no} closes a scope that is not open"),
                );
            }
            Cover::From(_) | Cover::Preceding => self.compare(at, control, record_no, said)?,
            Cover::Following => {}
        }
        for (place, demand) in control.demands.iter().enumerate() {
            let name = self.plan.field_name(control, demand.field).to_owned();
            let known_by = format!("{}.{name}", control.name);
            let Some(said) = said.get(self.said_at(control, demand.field)) else { continue };
            let shows = Shows::of(&self.plan.layouts[control.record], demand.field);
            let demanded = &mut self.states[at].demanded[place];
            let miss = demanded.take(demand, &known_by, &self.given, (record_no, said), shows);
            if let Some(miss) = miss {
                self.finding(control, Some(name), miss);
            }
        }
        Ok(())
    }

    /// Compares the declaration that waits for the end of its scope, if there is one.
    fn settle(&mut self, at: usize, control: &Control) -> Result<(), FootingError> {
        match self.states[at].pending.take() {
            Some((record_no, said)) => self.compare(at, control, record_no, &said),
            None => Ok(()),
        }
    }

    fn compare(
        &mut self,
        at: usize,
        control: &Control,
        record_no: RecordNo,
        said: &[DeclaredValue],
    ) -> Result<(), FootingError> {
        let plan = Arc::clone(&self.plan);
        for (place, total) in control.totals.iter().enumerate() {
            let said = said.get(self.said_at(control, total.field)).unwrap_or(&DeclaredValue::Unreadable);
            let state = &mut self.states[at];
            let measured = std::mem::take(&mut state.within[place]);
            let kept = &plan.kept[plan.places[at][place]];
            let shows = Shows::of(&plan.layouts[control.record], total.field);
            let miss = state.tallies[place].take(total, kept, (record_no, said), &measured, shows)?;
            if let Some(miss) = miss {
                let field = plan.field_name(control, total.field).to_owned();
                self.finding(control, Some(field), miss);
            }
        }
        Ok(())
    }

    fn said_at(&self, control: &Control, field: usize) -> usize {
        self.plan.types[control.record].declares.binary_search(&field).unwrap_or(usize::MAX)
    }

    /// Records that should be in a scope and are in none.
    fn outside(&mut self, at: usize, control: &Control) {
        if control.outside == Outside::Ignored {
            return;
        }
        // A measure over all records reaches beyond every scope.
        let named = control.totals.iter().zip(&self.states[at].outside);
        let most =
            named.filter(|(total, _)| total.measure.parts.is_some()).map(|(_, n)| *n).max().unwrap_or(0);
        if most > 0 && self.states[at].seen + self.states[at].opened > 0 {
            let state = &mut self.states[at];
            state.faults += 1;
            state.first_fault.get_or_insert_with(|| {
                let are = if most == 1 { "record is" } else { "records are" };
                format!("{most} {are} outside every scope, so no totals are declared for them")
            });
        }
    }

    fn fault(&mut self, at: usize, control: &Control, record_no: RecordNo, what: String) {
        let state = &mut self.states[at];
        state.faults += 1;
        state.first_fault.get_or_insert_with(|| what.clone());
        let miss = Miss { record_no, expected: "a closed scope".into(), actual: what, why: None };
        self.finding(control, None, miss);
    }

    fn finding(&mut self, control: &Control, field: Option<String>, miss: Miss) {
        if self.findings.len() >= FINDINGS_MAX {
            self.findings_left_out += 1;
            return;
        }
        self.findings.push(FootingFinding {
            control: control.name.clone(),
            record_no: miss.record_no,
            field,
            expected: miss.expected,
            actual: miss.actual,
            why: miss.why,
        });
    }
}
