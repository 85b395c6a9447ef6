//! What a copybook describes: records, groups and elementary items.

use std::ops::Range;
use std::sync::Arc;

use super::picture::{Category, Picture};
use super::value::Condition;

/// An item of one copybook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(pub(super) u32);

impl ItemId {
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How an item's value is held in its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Usage {
    /// A character each byte.
    Display,
    /// COMP, COMP-4, BINARY: big-endian two's complement, its value within the picture (TRUNC(STD)).
    Binary,
    /// COMP-5: binary whose value may use all bits.
    NativeBinary,
    /// COMP-1: four bytes of hexadecimal floating point.
    Float,
    /// COMP-2: eight bytes of hexadecimal floating point.
    Double,
    /// COMP-3, PACKED-DECIMAL: two digits a byte, the last half byte the sign.
    Packed,
    /// COMP-6: two digits a byte and no sign. Not IBM's, but Micro Focus's and its successors'.
    PackedUnsigned,
    /// NATIONAL: UTF-16, two bytes a character.
    National,
    /// DISPLAY-1: two bytes a character.
    Dbcs,
    /// INDEX: a table index.
    Index,
    /// POINTER: an address in the program's memory.
    Pointer,
}

impl Usage {
    /// Its usual word in a copybook.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Display => "DISPLAY",
            Self::Binary => "COMP",
            Self::NativeBinary => "COMP-5",
            Self::Float => "COMP-1",
            Self::Double => "COMP-2",
            Self::Packed => "COMP-3",
            Self::PackedUnsigned => "COMP-6",
            Self::National => "NATIONAL",
            Self::Dbcs => "DISPLAY-1",
            Self::Index => "INDEX",
            Self::Pointer => "POINTER",
        }
    }
}

/// Where the sign of a number in characters is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignPlace {
    /// At the left end; else at the right one, as where no SIGN clause says otherwise.
    pub leading: bool,
    /// In a byte of its own; else it is punched over the digit there.
    pub separate: bool,
}

impl SignPlace {
    /// Without a SIGN clause.
    pub const DEFAULT: Self = Self { leading: false, separate: false };
}

/// An item that holds a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elementary {
    /// Its picture; COMP-1, COMP-2, INDEX and POINTER have none.
    pub picture: Option<Picture>,
    /// The kind of data.
    pub category: Category,
    /// How it is held, inherited from a group where the item does not say.
    pub usage: Usage,
    /// Where the sign is, for signed numbers of usage DISPLAY and NATIONAL.
    pub sign: Option<SignPlace>,
    /// Whether it is aligned.
    pub synchronized: bool,
    /// Whether blanks stand for zero. The compiler counts a number with this clause as edited; here its category
    /// stays what its picture says.
    pub blank_when_zero: bool,
    /// Whether its text ends at the right end.
    pub justified: bool,
}

/// How often an item occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurs {
    /// The least number of occurrences.
    pub min: usize,
    /// At most; as often as that where nothing is depended on.
    pub max: usize,
    /// The item that holds the number of occurrences.
    pub depending: Option<ItemId>,
}

/// A data description entry of level 01 to 49, or 77.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The level number: 1 to 49, or 77.
    pub level: u8,
    /// The name in capitals; none for FILLER.
    pub name: Option<Arc<str>>,
    /// The bytes of the copybook at which it is named.
    pub span: Range<usize>,
    /// The group that it belongs to.
    pub parent: Option<ItemId>,
    /// The items of a group.
    pub children: Vec<ItemId>,
    /// What it is the other view of: the first definition of the area, also where the clause names another view.
    pub redefines: Option<ItemId>,
    /// How often it occurs, where it says.
    pub occurs: Option<Occurs>,
    /// What it holds, if it is no group.
    pub elementary: Option<Elementary>,
    /// The level 88 entries under it.
    pub conditions: Arc<[Condition]>,
    /// Where it begins in its record, from 0: its first occurrence, tables of varying length taken at their longest.
    pub offset: usize,
    /// The bytes of one occurrence, tables in it taken at their longest, and slack bytes at its end included.
    pub length: usize,
}

impl Item {
    /// The bytes of all its occurrences.
    #[must_use]
    pub fn length_in_all(&self) -> usize {
        self.length.saturating_mul(self.occurs.map_or(1, |occurs| occurs.max))
    }

    /// Whether it occurs a varying number of times.
    #[must_use]
    pub fn varies(&self) -> bool {
        self.occurs.is_some_and(|occurs| occurs.depending.is_some())
    }

    /// A record that is not written: what belongs to no record is put below it.
    pub(super) fn implied(span: Range<usize>) -> Self {
        Self {
            level: 0,
            name: None,
            span,
            parent: None,
            children: Vec::new(),
            redefines: None,
            occurs: None,
            elementary: None,
            conditions: Arc::new([]),
            offset: 0,
            length: 0,
        }
    }

    /// How it is named in messages.
    pub(super) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or("FILLER")
    }
}

/// A level 66 entry: another name for a range of items. It describes no bytes of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renames {
    /// The name in capitals.
    pub name: String,
    /// The record whose items it renames.
    pub record: ItemId,
    /// The first item of the range.
    pub from: ItemId,
    /// The last item; the first again, where it renames one.
    pub through: ItemId,
}
