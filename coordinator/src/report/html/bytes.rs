//! The balance in bytes, ready to be written down.

use domain::bytes::{ByteBalance, ByteClass, ByteCounts};

use crate::report::format::{count, visible};
use crate::report::verdict::byte_notes;

/// Where the source's bytes went.
pub(super) struct Bytes {
    pub(super) source: String,
    /// What the classes are together.
    pub(super) accounted: String,
    pub(super) holds: bool,
    /// Whether the classes are another number of bytes, or right only because two faults cancel out.
    pub(super) differs: bool,
    /// The columns: record types and what is of none, where there are several.
    pub(super) columns: Vec<String>,
    pub(super) classes: Vec<Class>,
    pub(super) notes: Vec<String>,
}

/// One class: its name, what it is, all its bytes, and those of each column.
pub(super) struct Class {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) all: String,
    pub(super) columns: Vec<String>,
}

pub(super) fn bytes(balance: &ByteBalance) -> Bytes {
    let mut columns: Vec<(String, ByteCounts)> = Vec::new();
    if balance.types.len() > 1 {
        columns.extend(balance.types.iter().map(|of_type| (visible(&of_type.record), of_type.bytes)));
        columns.push(("of no type".into(), balance.untyped));
        columns.push(("outside records".into(), ByteCounts::only(ByteClass::Framing, balance.outside)));
    }
    let class = |class: &ByteClass| Class {
        name: class.words(),
        text: class.text(),
        all: count(balance.classes.of(*class)),
        columns: columns.iter().map(|(_, counts)| count(counts.of(*class))).collect(),
    };
    let is_uncounted = balance.chunks_uncounted > 0 && balance.chunks_off == 0 && balance.is_consistent();
    Bytes {
        source: count(balance.source),
        accounted: balance.classes.total().map_or_else(|error| error.to_string(), count),
        holds: balance.holds(),
        differs: !balance.holds() && !is_uncounted,
        classes: ByteClass::ALL.iter().map(class).collect(),
        columns: columns.into_iter().map(|(name, _)| name).collect(),
        notes: byte_notes(balance),
    }
}
