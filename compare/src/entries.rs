//! Both sides' records and rows, sorted by a number that follows from their key.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher as _};
use std::io;
use std::sync::Arc;

use domain::comparison::{Cell, Entry, Plan};
use domain::record::RawRecord;
use store::target::{RowSink, TargetError};

use crate::pace::Pace;
use crate::sort::Sorter;
use crate::source::RecordSink;

/// The number by which entries with this key are sorted: the same for the same key, wherever it is met.
pub(crate) fn number_of(entry: &[u8]) -> u64 {
    hash_of(Entry::of(entry).map_or(entry, |of| of.key))
}

/// A number that is the same for the same bytes.
pub(crate) fn hash_of(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key);
    hasher.finish()
}

/// Takes a source's records of one type.
#[derive(Debug)]
pub(crate) struct SourceFeed {
    plan: Arc<Plan>,
    sorter: Sorter,
    scratch: Vec<u8>,
}

impl SourceFeed {
    pub(crate) fn new(plan: &Arc<Plan>, sorter: Sorter) -> Self {
        Self { plan: Arc::clone(plan), sorter, scratch: Vec::new() }
    }

    pub(crate) fn into_sorter(self) -> Sorter {
        self.sorter
    }
}

impl RecordSink for SourceFeed {
    fn record(&mut self, record: &RawRecord<'_>, offset: u64) -> io::Result<()> {
        let Self { plan, sorter, scratch } = self;
        sorter.add(|out| {
            let start = out.len();
            plan.put_source(out, scratch, record, offset);
            number_of(&out[start..])
        })
    }
}

/// Which side of a comparison a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Target,
}

impl Side {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

/// Takes a database's rows of one table.
#[derive(Debug)]
pub(crate) struct RowFeed {
    side: Side,
    plan: Arc<Plan>,
    sorter: Sorter,
    scratch: Vec<u8>,
    pace: Arc<Pace>,
    /// Numbers of keys, where only rows with these are taken.
    only: Option<Arc<HashSet<u64>>>,
    entry: Vec<u8>,
}

impl RowFeed {
    pub(crate) fn new(side: Side, plan: &Arc<Plan>, sorter: Sorter, pace: &Arc<Pace>) -> Self {
        Self {
            side,
            plan: Arc::clone(plan),
            sorter,
            scratch: Vec::new(),
            pace: Arc::clone(pace),
            only: None,
            entry: Vec::new(),
        }
    }

    /// Takes only rows whose keys have one of these numbers.
    pub(crate) fn only(self, numbers: Option<Arc<HashSet<u64>>>) -> Self {
        Self { only: numbers, ..self }
    }

    pub(crate) fn into_sorter(self) -> Sorter {
        self.sorter
    }
}

impl RowSink for RowFeed {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TargetError> {
        self.pace.one_row(self.side);
        let Self { plan, sorter, scratch, side, only, entry, .. } = self;
        let put = |out: &mut Vec<u8>, scratch: &mut Vec<u8>| match side {
            Side::Source => plan.put_source_row(out, scratch, cells),
            Side::Target => plan.put_target(out, scratch, cells),
        };
        if let Some(numbers) = only {
            entry.clear();
            put(entry, scratch);
            let number = number_of(entry);
            if numbers.contains(&number) {
                sorter.push(number, entry)?;
            }
            return Ok(());
        }
        Ok(sorter.add(|out| {
            let start = out.len();
            put(out, scratch);
            number_of(&out[start..])
        })?)
    }
}
