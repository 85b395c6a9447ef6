//! A footing's byte form: what a batch carries and the ledger keeps.
//!
//! A version byte, numbers of seven bits to the byte (signed ones zigzag), and at the end eight bytes of a SHA-256
//! over the plan's digest and all before: a footing that was damaged, cut short, or made by another plan is refused.

use sha2::{Digest, Sha256};

use super::FootingError;
use super::builder::{DeclaredValue, Event, Footing, SAID_BYTES_MAX};
use super::fold::FINDINGS_MAX;
use super::measured::{Measured, Sparse, Wide};
use super::plan::FootingPlan;
use super::sequence::{Break, Due, Part};
use crate::amount::Amount;
use crate::ids::RecordNo;

const VERSION: u8 = 1;
const SEAL_BYTES: usize = 8;

const NOTHING: u8 = 0;
const UNREADABLE: u8 = 1;
const NUMBER: u8 = 2;
const TEXT: u8 = 3;

const CARRIED: u8 = 0;
const START: u8 = 1;
const AFTER: u8 = 2;
const UNKNOWN: u8 = 3;

const HAS_RECORDS: u8 = 1;
const HAS_UNREADABLE: u8 = 2;
const HAS_LOW: u8 = 4;
const HAS_HIGH: u8 = 8;

impl Footing {
    /// The footing in bytes. `plan` is the plan it was made by.
    #[must_use]
    pub fn to_bytes(&self, plan: &FootingPlan) -> Vec<u8> {
        let mut out = vec![VERSION];
        put(&mut out, self.first.0.into());
        put(&mut out, self.records.into());
        put(&mut out, self.events.len() as u128);
        let mut last = self.first.0;
        for event in &self.events {
            put(&mut out, event.record as u128);
            put(&mut out, event.record_no.0.wrapping_sub(last).into());
            last = event.record_no.0;
            put_sparse(&mut out, &event.before);
            put_sparse(&mut out, &event.own);
            event.said.iter().for_each(|said| put_said(&mut out, said));
        }
        put_sparse(&mut out, &self.rest);
        // A plan without sequences has the form that it had before there were any.
        self.sequences.iter().for_each(|part| put_part(&mut out, part));
        let seal = seal(plan, &out);
        out.extend_from_slice(&seal);
        out
    }

    /// Reads what [`Self::to_bytes`] wrote by the same plan.
    ///
    /// # Errors
    /// [`FootingError::Damaged`] for anything else.
    pub fn from_bytes(plan: &FootingPlan, bytes: &[u8]) -> Result<Self, FootingError> {
        let damaged = FootingError::Damaged;
        let at = bytes.len().checked_sub(SEAL_BYTES).ok_or(damaged("it is too short"))?;
        let (content, written) = bytes.split_at(at);
        if seal(plan, content) != *written {
            return Err(damaged("it is damaged, or belongs to another job"));
        }
        let mut input = Input(content);
        if input.byte()? != VERSION {
            return Err(damaged("it has another version"));
        }
        let (first, records, count) = (input.number()?, input.number()?, input.number()?);
        // Pushed one by one: a wrong count finds no bytes before it costs memory.
        let mut events = Vec::new();
        let mut last = first;
        for _ in 0..count {
            let record = input.place()?;
            let of_type = plan.types.get(record).filter(|one| one.is_event);
            let of_type = of_type.ok_or(damaged("it has an event without a control"))?;
            last = last.checked_add(input.number()?).ok_or(FootingError::Overflow)?;
            let (before, own) = (input.sparse(plan)?, input.sparse(plan)?);
            let said = of_type.declares.iter().map(|_| input.said()).collect::<Result<_, _>>()?;
            events.push(Event { record, record_no: RecordNo(last), before, own, said });
        }
        let rest = input.sparse(plan)?;
        let sequences = plan.sequences.iter().map(|_| input.part()).collect::<Result<_, _>>()?;
        if !input.0.is_empty() {
            return Err(damaged("bytes are left over"));
        }
        Ok(Self { first: RecordNo(first), records, events, rest, sequences })
    }
}

pub(super) fn seal(plan: &FootingPlan, content: &[u8]) -> [u8; SEAL_BYTES] {
    let mut hasher = Sha256::new();
    hasher.update(plan.digest.0);
    hasher.update(content);
    let hash: [u8; 32] = hasher.finalize().into();
    let mut seal = [0; SEAL_BYTES];
    seal.copy_from_slice(&hash[..SEAL_BYTES]);
    seal
}

#[allow(clippy::cast_possible_truncation, reason = "seven bits at a time")]
fn put(out: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[allow(clippy::cast_sign_loss, reason = "zigzag: the sign becomes the lowest bit")]
fn put_signed(out: &mut Vec<u8>, number: i128) {
    put(out, ((number << 1) ^ (number >> 127)) as u128);
}

fn put_sparse(out: &mut Vec<u8>, sparse: &Sparse) {
    put(out, sparse.len() as u128);
    for (place, Measured { records, unreadable, sum }) in sparse {
        put(out, *place as u128);
        let bit = |is_there: bool, bit: u8| if is_there { bit } else { 0 };
        out.push(
            bit(*records != 0, HAS_RECORDS)
                | bit(*unreadable != 0, HAS_UNREADABLE)
                | bit(sum.low != 0, HAS_LOW)
                | bit(sum.high != 0, HAS_HIGH),
        );
        [*records, *unreadable].iter().filter(|n| **n != 0).for_each(|n| put(out, (*n).into()));
        [sum.low, sum.high].iter().filter(|n| **n != 0).for_each(|n| put_signed(out, *n));
    }
}

fn put_said(out: &mut Vec<u8>, said: &DeclaredValue) {
    match said {
        DeclaredValue::Nothing => out.push(NOTHING),
        DeclaredValue::Unreadable => out.push(UNREADABLE),
        DeclaredValue::Number(amount) => {
            out.extend([NUMBER, amount.scale()]);
            put_signed(out, amount.mantissa());
        }
        DeclaredValue::Text(text) => {
            out.push(TEXT);
            put(out, text.len() as u128);
            out.extend_from_slice(text.as_bytes());
        }
    }
}

fn put_part(out: &mut Vec<u8>, part: &Part) {
    let Part { numbered, head, breaks, more, tail } = part;
    put(out, (*numbered).into());
    put_numbered(out, *head);
    put(out, breaks.len() as u128);
    for one in breaks {
        put(out, one.record_no.0.into());
        put_if(out, one.found);
        put_numbered(out, one.after);
    }
    put(out, (*more).into());
    match tail {
        Due::Carried => out.push(CARRIED),
        Due::Start => out.push(START),
        Due::Unknown => out.push(UNKNOWN),
        Due::After(record_no, number) => {
            out.push(AFTER);
            put(out, record_no.0.into());
            put_signed(out, *number);
        }
    }
}

fn put_if(out: &mut Vec<u8>, number: Option<i128>) {
    out.push(u8::from(number.is_some()));
    number.into_iter().for_each(|number| put_signed(out, number));
}

fn put_numbered(out: &mut Vec<u8>, numbered: Option<(RecordNo, i128)>) {
    out.push(u8::from(numbered.is_some()));
    if let Some((record_no, number)) = numbered {
        put(out, record_no.0.into());
        put_signed(out, number);
    }
}

/// What is left to be read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> Result<u8, FootingError> {
        let (first, rest) = self.0.split_first().ok_or(FootingError::Damaged("it ends too early"))?;
        self.0 = rest;
        Ok(*first)
    }

    fn wide(&mut self) -> Result<u128, FootingError> {
        let mut number = 0_u128;
        for shift in (0..u128::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7F);
            if (bits << shift) >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(FootingError::Damaged("a number is too long"))
    }

    fn number(&mut self) -> Result<u64, FootingError> {
        self.wide()?.try_into().map_err(|_| FootingError::Damaged("a number is too long"))
    }

    fn place(&mut self) -> Result<usize, FootingError> {
        self.wide()?.try_into().map_err(|_| FootingError::Damaged("a number is too long"))
    }

    #[allow(clippy::cast_possible_wrap, reason = "zigzag: half the numbers are below zero")]
    fn signed(&mut self) -> Result<i128, FootingError> {
        let zigzag = self.wide()?;
        Ok((zigzag >> 1) as i128 ^ -((zigzag & 1) as i128))
    }

    fn sparse(&mut self, plan: &FootingPlan) -> Result<Sparse, FootingError> {
        let count = self.number()?;
        let mut sparse = Sparse::new();
        for _ in 0..count {
            let place = self.place()?;
            if place >= plan.kept.len() || sparse.last().is_some_and(|(last, _)| *last >= place) {
                return Err(FootingError::Damaged("a measure is out of place"));
            }
            let mask = self.byte()?;
            let has = |bit: u8| mask & bit != 0;
            let records = if has(HAS_RECORDS) { self.number()? } else { 0 };
            let unreadable = if has(HAS_UNREADABLE) { self.number()? } else { 0 };
            let low = if has(HAS_LOW) { self.signed()? } else { 0 };
            let high = if has(HAS_HIGH) { self.signed()? } else { 0 };
            sparse.push((place, Measured { records, unreadable, sum: Wide { high, low } }));
        }
        Ok(sparse)
    }

    fn part(&mut self) -> Result<Part, FootingError> {
        let (numbered, head, count) = (self.number()?, self.numbered()?, self.number()?);
        if count > FINDINGS_MAX as u64 {
            return Err(FootingError::Damaged("it has too many breaks"));
        }
        let mut breaks = Vec::new();
        for _ in 0..count {
            let record_no = RecordNo(self.number()?);
            let found = if self.is_there()? { Some(self.signed()?) } else { None };
            breaks.push(Break { record_no, found, after: self.numbered()? });
        }
        let more = self.number()?;
        let tail = match self.byte()? {
            CARRIED => Due::Carried,
            START => Due::Start,
            UNKNOWN => Due::Unknown,
            AFTER => Due::After(RecordNo(self.number()?), self.signed()?),
            _ => return Err(FootingError::Damaged("a sequence ends in no way that there is")),
        };
        Ok(Part { numbered, head, breaks, more, tail })
    }

    fn is_there(&mut self) -> Result<bool, FootingError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(FootingError::Damaged("a number is neither there nor missing")),
        }
    }

    fn numbered(&mut self) -> Result<Option<(RecordNo, i128)>, FootingError> {
        if !self.is_there()? {
            return Ok(None);
        }
        Ok(Some((RecordNo(self.number()?), self.signed()?)))
    }

    fn said(&mut self) -> Result<DeclaredValue, FootingError> {
        Ok(match self.byte()? {
            NOTHING => DeclaredValue::Nothing,
            UNREADABLE => DeclaredValue::Unreadable,
            NUMBER => {
                let scale = self.byte()?;
                let amount = Amount::new(self.signed()?, scale);
                DeclaredValue::Number(amount.map_err(|_| FootingError::Damaged("an amount is too long"))?)
            }
            TEXT => {
                let length = self.place()?;
                let text = self.0.get(..length).filter(|_| length <= SAID_BYTES_MAX);
                let text = text.and_then(|text| std::str::from_utf8(text).ok());
                let text = text.ok_or(FootingError::Damaged("a text is not as it should be"))?.to_owned();
                self.0 = &self.0[length..];
                DeclaredValue::Text(text)
            }
            _ => return Err(FootingError::Damaged("a value is of no kind")),
        })
    }
}
