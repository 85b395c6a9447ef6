//! Accepted rows encoded again, and compared with their records (INV-14).

use domain::constraint::{Reason, ReasonCode};
use domain::mask::Masks;
use domain::record;
use domain::round_trip::{EquivalenceCount, RoundTrips};
use format::copybook::plan::Element;
use format::{DecodeProof, Differs};

use crate::Job;

/// What proves the rows of one job, record type by record type; nothing where the job does without.
#[derive(Debug, Clone)]
pub(crate) struct Proofs(Vec<DecodeProof>);

impl Proofs {
    /// For the records of `job`.
    ///
    /// # Errors
    /// In words, when a format cannot be written.
    pub(crate) fn new(job: &Job) -> Result<Self, String> {
        if !job.decode_proof {
            return Ok(Self(Vec::new()));
        }
        let proofs = job.records.iter().map(|record| DecodeProof::new(&record.format, &record.own));
        Ok(Self(proofs.collect::<Result<_, String>>()?))
    }

    /// Whether rows are encoded again.
    pub(crate) const fn is_on(&self) -> bool {
        !self.0.is_empty()
    }

    /// Why a row of the record type at `place` is not the record with this content; `None` when it is, or when rows are
    /// not encoded again.
    pub(crate) fn objection(
        &mut self,
        job: &Job,
        place: usize,
        content: &[u8],
        row: &[u8],
    ) -> Option<Reason> {
        let differs = self.0.get_mut(place)?.prove(content, record::fields_of(row)).err()?;
        Some(reason(job, place, differs))
    }

    /// Why the elements of a record of the type at `place` are not those that were found; `None` when they are.
    pub(crate) fn objection_to_elements(
        &mut self,
        job: &Job,
        place: usize,
        content: &[u8],
        elements: &[Element],
    ) -> Option<Reason> {
        let differs = self.0.get_mut(place)?.prove_elements(content, elements).err()?;
        Some(reason(job, place, differs))
    }

    /// What was counted since the last call.
    pub(crate) fn take(&mut self) -> RoundTrips {
        let place = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let counts = self.0.iter_mut().enumerate().flat_map(|(record, proof)| {
            proof.take().into_iter().map(move |(field, kind, values)| EquivalenceCount {
                record: place(record),
                field: place(field),
                kind,
                values,
            })
        });
        RoundTrips { equivalences: counts.collect(), ..RoundTrips::default() }
    }
}

#[cold]
fn reason(job: &Job, place: usize, differs: Differs) -> Reason {
    let field = differs
        .field
        .and_then(|field| job.records.get(place).and_then(|record| record.own.fields.get(field)));
    match field {
        Some(field) if job.masks.are_needed() => {
            let shown = job.masks.bytes(&field.name, &differs.found);
            Masks::reason(&field.name, &field.ty, ReasonCode::RoundTrip, &shown)
        }
        field => Reason {
            field: field.map(|field| field.name.clone()),
            code: ReasonCode::RoundTrip,
            detail: differs.detail,
        },
    }
}
