//! Both sides brought together, slice by slice.

use std::io;
use std::sync::atomic::Ordering;

use domain::comparison::{
    Difference, DifferenceKind, Entry, FieldDifference, Found, Pairing, Plan, SourceRow, TargetRow,
};

use crate::CompareError;
use crate::pace::Pace;
use crate::sort::{Merge, Sorter};

/// The most records or rows of one key that are compared with each other.
const KEY_MAX: usize = 10_000;

/// Of whole records that are compared without a key, so many are paired at a time.
const WHOLE_MAX: usize = 1_000;

/// The records or rows of one key, as they are copied out of a merge.
#[derive(Default)]
struct Group {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Group {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn rests(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let rest = &self.bytes[start..*end];
            start = *end;
            rest
        })
    }

    /// Takes entries of the key as long as there are some, `max` at most. `head` is a key with its length before it.
    fn gather(&mut self, side: &mut Merge<'_>, number: u64, head: &[u8], max: usize) -> io::Result<()> {
        while self.ends.len() < max {
            let Some(rest) =
                side.peek().filter(|one| one.0 == number).and_then(|one| one.1.strip_prefix(head))
            else {
                return Ok(());
            };
            self.bytes.extend_from_slice(rest);
            self.ends.push(self.bytes.len());
            side.advance()?;
        }
        Ok(())
    }
}

/// What was found: each difference in the order of the source, and after it the number of its key.
pub(crate) struct Differences {
    pub(crate) sorter: Sorter,
    /// The place of the table, of all that are compared.
    pub(crate) table: u16,
}

/// A difference as it is kept, the number of its key, and its table.
pub(crate) fn kept(bytes: &[u8]) -> Option<(&[u8], u64, usize)> {
    let (rest, table) = bytes.split_last_chunk::<2>()?;
    let (json, number) = rest.split_last_chunk::<8>()?;
    Some((json, u64::from_be_bytes(*number), u16::from_be_bytes(*table).into()))
}

/// Brings together one slice of both sides, and notes each difference in `differences`, in the order of the source.
pub(crate) fn join(
    plan: &Plan,
    mut sources: Merge<'_>,
    mut targets: Merge<'_>,
    pairing: &mut Pairing,
    differences: &mut Differences,
    pace: &Pace,
) -> Result<(), CompareError> {
    let max = if plan.has_key() { KEY_MAX } else { WHOLE_MAX };
    let (mut head, mut of_source, mut of_target) = (Vec::new(), Group::default(), Group::default());
    loop {
        let least = match (sources.peek(), targets.peek()) {
            (None, None) => return Ok(()),
            (Some(one), None) | (None, Some(one)) => one,
            (Some(a), Some(b)) => a.min(b),
        };
        let number = least.0;
        let key = Entry::of(least.1).ok_or(CompareError::Ended("a temporary file"))?.key.len() + 4;
        head.clear();
        head.extend_from_slice(&least.1[..key]);
        let mut had_records = false;
        loop {
            of_source.clear();
            of_target.clear();
            of_source.gather(&mut sources, number, &head, max)?;
            of_target.gather(&mut targets, number, &head, max)?;
            if of_source.ends.is_empty() && of_target.ends.is_empty() {
                break;
            }
            if plan.has_key() && (of_source.ends.len() == KEY_MAX || of_target.ends.len() == KEY_MAX) {
                let side = if of_source.ends.len() == KEY_MAX { "source" } else { "target" };
                return Err(CompareError::NoKey {
                    record: plan.layout.record.clone(),
                    key: key_names(plan),
                    side,
                    most: KEY_MAX,
                });
            }
            pair(plan, (&of_source, &of_target), (had_records, number), pairing, differences)?;
            had_records |= !of_source.ends.is_empty();
            pace.compared.fetch_add((of_source.ends.len() + of_target.ends.len()) as u64, Ordering::Relaxed);
        }
    }
}

/// The names of the fields by which records and rows are brought together.
pub(crate) fn key_names(plan: &Plan) -> Vec<String> {
    let key = plan.fields.iter().filter(|field| field.is_key);
    key.map(|field| plan.layout.fields[field.at].name.clone()).collect()
}

fn pair(
    plan: &Plan,
    (of_source, of_target): (&Group, &Group),
    (had_records, number): (bool, u64),
    pairing: &mut Pairing,
    differences: &mut Differences,
) -> Result<(), CompareError> {
    let sources: Option<Vec<_>> = of_source.rests().map(SourceRow::of).collect();
    let sources = sources.ok_or(CompareError::Ended("a temporary file"))?;
    let targets: Option<Vec<_>> = of_target.rests().map(|rest| TargetRow::of(plan, rest)).collect();
    let targets = targets.ok_or(CompareError::Ended("a temporary file"))?;
    let mut failed = Ok(());
    pairing.group(plan, sources, targets, had_records, &mut |found| {
        if failed.is_ok() {
            failed = keep(plan, &found, number, differences);
        }
    })?;
    failed
}

/// Keeps a difference, sorted by record; those of rows without a record come last.
fn keep(
    plan: &Plan,
    found: &Found<'_>,
    number: u64,
    differences: &mut Differences,
) -> Result<(), CompareError> {
    let layout = &plan.layout;
    let of_source = found.source.filter(|_| found.kind != DifferenceKind::Doubled).map(|source| source.row);
    let Some(row) = of_source.or(found.target.map(|target| target.row)) else { return Ok(()) };
    let is_keyless = !plan.has_key();
    let shown = |row, at: usize| {
        plan.row(row).nth(at).map(|raw| layout.shown(plan.fields[at].at, &raw)).unwrap_or_default()
    };
    let name = |at: usize| layout.fields[plan.fields[at].at].name.clone();
    let key = (0..plan.fields.len()).filter(|at| is_keyless || plan.fields[*at].is_key);
    let fields = found.fields.iter().map(|at| FieldDifference {
        field: name(*at),
        source: found.source.map(|source| shown(source.row, *at)).unwrap_or_default(),
        target: found.target.map(|target| shown(target.row, *at)).unwrap_or_default(),
    });
    // A row of a database has neither a number nor an offset.
    let numbered = found.source.filter(|source| source.record_no > 0);
    let difference = Difference {
        kind: found.kind,
        record: layout.record.clone(),
        record_no: numbered.map(|source| source.record_no),
        byte_offset: numbered.map(|source| source.offset),
        key: key.map(|at| (name(at), shown(row, at))).collect(),
        fields: fields.collect(),
    };
    let mut text = serde_json::to_vec(&difference).map_err(io::Error::other)?;
    text.extend_from_slice(&number.to_be_bytes());
    text.extend_from_slice(&differences.table.to_be_bytes());
    differences.sorter.push(difference.record_no.unwrap_or(u64::MAX), &text)?;
    Ok(())
}
