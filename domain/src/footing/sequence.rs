//! Records that are numbered one after the other: what is missing, repeated or out of order.
//!
//! A chunk knows nothing of the number before its first one. It therefore says what its first number is, which breaks
//! there are after that, and where it ends; the fold compares the first number with where the chunk before ended. So
//! the same breaks come out however the source is cut.

use super::fold::FINDINGS_MAX;
use super::outcome::FootingFinding;
use crate::check::{CheckKind, CheckResult, Stage, Verdict};
use crate::ids::RecordNo;
use crate::invariants::Invariant;
use crate::value::Value;
use crate::words::{grouped, plural};

/// Records that are numbered one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// The sequence's name, as its check and findings show it.
    pub name: String,
    /// The record types that are numbered, each with the field that holds the number, by their places.
    pub fields: Vec<(usize, usize)>,
    /// The first number of the source, and after each restart; `None`: it may be any.
    pub start: Option<i64>,
    /// What is added to a number to get the next; not 0.
    pub step: i64,
    /// The record types, by their places, at whose records numbering begins again; such a record's own number is the
    /// first.
    pub restarts: Vec<usize>,
}

/// Which number comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Due {
    /// Whichever the chunk before says.
    #[default]
    Carried,
    /// The first one.
    Start,
    /// The one that follows this one, which that record has.
    After(RecordNo, i128),
    /// Not known, because the number before cannot be read.
    Unknown,
}

/// A number that is not the one that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Break {
    pub(super) record_no: RecordNo,
    /// The record's number; `None` if it cannot be read, or is missing.
    pub(super) found: Option<i128>,
    /// The record before it, and its number; `None` if it is the first, or cannot be read.
    pub(super) after: Option<(RecordNo, i128)>,
}

/// One chunk's part of a sequence. Its size is bounded, whatever the chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// How many numbered records there are.
    pub(super) numbered: u64,
    /// The first number, if it is compared with what the chunk before says.
    pub(super) head: Option<(RecordNo, i128)>,
    /// The first breaks among the numbers.
    pub(super) breaks: Vec<Break>,
    /// How many breaks there are besides those.
    pub(super) more: u64,
    pub(super) tail: Due,
}

impl Part {
    /// Takes the next record in. `number` is its number, if it is numbered: `None` in it if it cannot be read.
    pub(super) fn record(
        &mut self,
        sequence: &Sequence,
        record: usize,
        record_no: RecordNo,
        number: impl FnOnce(usize) -> Option<i128>,
    ) {
        if sequence.restarts.contains(&record) {
            self.tail = Due::Start;
        }
        let Some((_, field)) = sequence.fields.iter().find(|(of, _)| *of == record) else { return };
        self.numbered += 1;
        let found = number(*field);
        match (self.tail, found) {
            (Due::Carried, Some(number)) => self.head = Some((record_no, number)),
            _ => self.breaks_at(sequence.judged(self.tail, record_no, found)),
        }
        self.tail = found.map_or(Due::Unknown, |number| Due::After(record_no, number));
    }

    fn breaks_at(&mut self, found: Option<Break>) {
        match found {
            Some(one) if self.breaks.len() < FINDINGS_MAX => self.breaks.push(one),
            Some(_) => self.more = self.more.saturating_add(1),
            None => {}
        }
    }

    /// Takes the next chunk's part in. The whole begins with [`Due::Start`].
    pub(super) fn chunk(&mut self, sequence: &Sequence, next: &Self) {
        self.numbered = self.numbered.saturating_add(next.numbered);
        if let Some((record_no, number)) = next.head {
            self.breaks_at(sequence.judged(self.tail, record_no, Some(number)));
        }
        next.breaks.iter().for_each(|one| self.breaks_at(Some(*one)));
        self.more = self.more.saturating_add(next.more);
        if next.tail != Due::Carried {
            self.tail = next.tail;
        }
    }
}

impl Sequence {
    /// The number in a field; `None` if there is none.
    pub(super) fn number(value: &Value<'_>) -> Option<i128> {
        match value {
            Value::Text(text) => {
                let digits = text.trim();
                let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                // 37 digits, so that a step can be added.
                let is_short = digits.trim_start_matches('0').len() <= 37;
                (is_number && is_short).then(|| digits.parse().ok()).flatten()
            }
            value => value.as_amount()?.rescale(0).ok().map(|amount| amount.mantissa()),
        }
    }

    fn judged(&self, due: Due, record_no: RecordNo, found: Option<i128>) -> Option<Break> {
        // What was due in place of one that cannot be read may be known to the chunk before only: it is not said.
        let after = match due {
            Due::After(record, number) if found.is_some() => Some((record, number)),
            _ => None,
        };
        let is_due = match (due, found) {
            (_, None) => false,
            (Due::Start, Some(number)) => self.start.is_none_or(|start| i128::from(start) == number),
            (Due::After(_, before), Some(number)) => self.after(before) == Some(number),
            (Due::Carried | Due::Unknown, Some(_)) => true,
        };
        (!is_due).then_some(Break { record_no, found, after })
    }

    fn after(&self, number: i128) -> Option<i128> {
        number.checked_add(self.step.into())
    }

    /// Which number was due where a sequence breaks, which was found, and what that means.
    fn told(&self, one: &Break) -> (String, String, String) {
        let record = grouped(one.record_no.0);
        let due = match one.after {
            Some((_, before)) => self.after(before),
            None => self.start.map(i128::from),
        };
        let due = due.map_or_else(|| "a number".to_owned(), |due| due.to_string());
        let Some(found) = one.found else {
            return (
                "a number".into(),
                "no number".into(),
                format!("record {record} has no number that can be read"),
            );
        };
        let what = match one.after {
            None => format!("record {record} has {found}, but numbers start at {due}"),
            Some((before, number)) => match self.missing(number, found) {
                Some((first, last)) if first == last => {
                    format!("{first} is missing after record {}", grouped(before.0))
                }
                Some((first, last)) => {
                    let steps = match self.step {
                        1 | -1 => String::new(),
                        step => format!(" (in steps of {step})"),
                    };
                    format!("{first}-{last}{steps} are missing after record {}", grouped(before.0))
                }
                None if found == number => {
                    format!("record {record} repeats {found} of record {}", grouped(before.0))
                }
                None => format!(
                    "record {record} has {found} after {number} of record {}, where {due} is due",
                    grouped(before.0)
                ),
            },
        };
        (due, found.to_string(), what)
    }

    /// The first and the last number between two that follow each other in the file; `None` if they are not whole steps
    /// apart, in the direction of counting.
    fn missing(&self, before: i128, found: i128) -> Option<(i128, i128)> {
        let step = i128::from(self.step);
        let apart = found.checked_sub(before)?;
        let is_ahead = apart.checked_rem(step)? == 0 && apart.checked_div(step)? > 1;
        let (first, last) = (self.after(before)?, found.checked_sub(step)?);
        is_ahead.then_some((first, last))
    }

    /// The findings of the whole source's part.
    pub(super) fn findings(&self, whole: &Part) -> impl Iterator<Item = FootingFinding> {
        whole.breaks.iter().map(|one| {
            let (expected, actual, why) = self.told(one);
            FootingFinding {
                control: format!("sequence {}", self.name),
                record_no: one.record_no,
                field: None,
                expected,
                actual,
                why: Some(why),
            }
        })
    }

    /// The check over the whole source's part.
    pub(super) fn check(&self, whole: &Part, at_ms: i64) -> CheckResult {
        const NAMED: usize = 3;
        let breaks = (whole.breaks.len() as u64).saturating_add(whole.more);
        let named: Vec<_> = whole.breaks.iter().take(NAMED).map(|one| self.told(one).2).collect();
        let more = match breaks.saturating_sub(named.len() as u64) {
            0 => String::new(),
            more => format!("; and {} more", plural(more, "break")),
        };
        let (verdict, message) = match (whole.numbered, breaks) {
            (0, _) => (Verdict::Vacuous, "no record of the source is numbered".to_owned()),
            (numbered, 0) => {
                (Verdict::Pass, format!("{} follow each other without a gap", plural(numbered, "number")))
            }
            _ => (Verdict::Fail, format!("{}{more}", named.join("; "))),
        };
        CheckResult {
            kind: CheckKind::Count,
            stage: Stage::Declared,
            name: format!("sequence {}", self.name),
            invariant: Some(Invariant::DeclaredMet),
            expected: "0 breaks".into(),
            actual: if breaks == 1 { "1 break".into() } else { format!("{breaks} breaks") },
            discrepancy: if breaks == 0 { String::new() } else { format!("+{breaks}") },
            verdict,
            message,
            at_ms,
        }
    }
}
