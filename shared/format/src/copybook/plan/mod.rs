//! One record of a copybook as columns: what a decoder compiles.
//!
//! - The record is the only one, or the one that is named.
//! - Of several views of an area (REDEFINES) one is taken: the one that is named, else the first definition. Each
//!   choice of views can be a record type of its own.
//! - An item that occurs becomes as many columns as it occurs at most: `name_1`, `name_2`; in a table of tables
//!   `name_1_1`, `name_1_2`.
//! - FILLER and items without a name are skipped, groups too: only elementary items become columns.
//! - Column names are in the rules of [`columns`].
//!
//! Tables of varying length (OCCURS DEPENDING ON) move what follows them; [`extent`] finds where.

pub mod columns;
pub mod extent;
mod rows;
mod tables;
mod unread;
mod views;
mod walk;

use std::sync::Arc;

use super::error::{CopybookError, Fault, shown};
use super::item::{ItemId, SignPlace, Usage};
use super::picture::{Category, Edit};
use super::value::Condition;
use super::{Copybook, Item};

pub use extent::Extent;
pub use rows::{Element, Elements};
pub use unread::{Unread, Why};

/// Where items are that follow a table of varying length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Following {
    /// Right after its last occurrence, as IBM compilers lay them out (and Micro Focus with ODOSLIDE).
    #[default]
    Shift,
    /// After the room for the most occurrences, however many there are (Micro Focus with NOODOSLIDE). Every record
    /// then has the greatest length.
    Stay,
}

/// What to make columns of.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// The record's name. None: the copybook has only one.
    pub record: Option<String>,
    /// Names of the views that are taken instead of the first definition of their areas.
    pub views: Vec<String>,
    /// Names of elementary items and groups of which no columns are made.
    pub leave_out: Vec<String>,
    /// Column names that are taken already: an item that would get one is qualified by its group.
    pub reserved: Vec<String>,
    /// Where items are that follow a table of varying length.
    pub following: Following,
    /// Names of tables whose elements are records of their own: the record has no columns of them.
    pub rows: Vec<String>,
    /// The table of which one element is laid out in place of the record: its name, after those of the tables around
    /// it whose elements are records too, outermost first. Empty: the record itself.
    pub element: Vec<String>,
}

/// Where a field is, up to the tables of varying length before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offset {
    /// From the record's start, as if those tables were empty.
    pub base: usize,
    /// How many entries of [`Plan::closing`], from the first, move it by their lengths.
    pub after: usize,
}

/// An occurrence of a table of varying length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within {
    /// The table, an index of [`Plan::tables`].
    pub table: usize,
    /// From 1. What is in it is there only if the table occurs that often.
    pub occurrence: usize,
}

/// A column, and how its value lies in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The column's name, unique within the record.
    pub column: String,
    /// The item's name with those of its groups, and its occurrence: `RECORD.GROUP.ITEM(2)`.
    pub path: String,
    /// The copybook's item that the column is made of.
    pub item: ItemId,
    /// Where the field begins in the record.
    pub offset: Offset,
    /// The field's length in bytes.
    pub length: usize,
    /// The kind of data.
    pub category: Category,
    /// How it is held.
    pub usage: Usage,
    /// Its picture in capitals; COMP-1 and COMP-2 have none.
    pub picture: Option<Arc<str>>,
    /// What an edited number prints, position by position; empty for others.
    pub edits: Arc<[Edit]>,
    /// Digit positions of a number, 0 for others.
    pub digits: u8,
    /// Digits after the decimal point; see [`super::Picture::scale`].
    pub scale: i16,
    /// Whether it has a sign.
    pub signed: bool,
    /// Where the sign is, for signed numbers in characters.
    pub sign: Option<SignPlace>,
    /// Whether blanks stand for zero.
    pub blank_when_zero: bool,
    /// Whether its text ends at the right end.
    pub justified: bool,
    /// The level 88 entries under it: names for some of its values, or for all that it may have.
    pub conditions: Arc<[Condition]>,
    /// Which occurrence of each table around it, from 1, outermost first; empty outside tables.
    pub occurrences: Vec<usize>,
    /// The innermost occurrence of a table of varying length that it is in.
    pub within: Option<Within>,
    /// The number before it that says how many of its characters are data: in a group of two items of level 49, which
    /// is how Db2's precompiler declares a VARCHAR.
    pub length_of: Option<Arc<Field>>,
}

/// A table of varying length: each occurrence of one, where it is inside another table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The item's name with those of its groups, and its occurrence.
    pub path: String,
    /// The copybook's item that occurs.
    pub item: ItemId,
    /// Where its first occurrence begins.
    pub offset: Offset,
    /// The least number of occurrences.
    pub min: usize,
    /// The largest number of occurrences.
    pub max: usize,
    /// The bytes of one occurrence, tables of varying length in it taken as empty, or as full with
    /// [`Following::Stay`].
    pub stride: usize,
    /// The field that holds the number of occurrences, an index of [`Plan::counts`].
    pub count: usize,
    /// The occurrence of a table of varying length that it is in.
    pub within: Option<Within>,
    /// Whether it is inside an element that is a record of its own: its bytes are not this record's.
    pub in_rows: bool,
}

/// One record as columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The record's name; empty where items belong to no record.
    pub record: String,
    /// The columns in the order of the record.
    pub fields: Vec<Field>,
    /// The fields that hold numbers of occurrences, whether they are columns or not.
    pub counts: Vec<Field>,
    /// The tables of varying length, each after those around it and after those that move its count.
    pub tables: Vec<Table>,
    /// The elements that are records of their own, in the order of their bytes, which are not this record's.
    pub elements: Vec<Elements>,
    /// Indexes of [`Plan::tables`] in the order in which the tables end. Empty with [`Following::Stay`], where nothing
    /// moves.
    pub closing: Vec<usize>,
    /// The bytes of which no column is made, in the order of the record: FILLER, slack, views that are not taken, items
    /// that are left out. Together with the fields, [`Plan::own_counts`] and [`Plan::elements`] they are the whole
    /// record.
    pub unread: Vec<Unread>,
    /// Indexes of those of [`Plan::counts`] that are no columns and stand in no area that another view takes.
    pub own_counts: Vec<usize>,
    /// Where the record ends.
    pub end: Offset,
    /// No record is shorter, in bytes.
    pub length_min: usize,
    /// No record is longer, in bytes.
    pub length_max: usize,
    /// As `length_min`, but for records that end with what was taken of them: less than that where the last area was
    /// taken in a view that is shorter than the area.
    pub taken_min: usize,
}

impl Copybook {
    /// The plan for one of its records.
    ///
    /// # Errors
    /// A name that is not there or does not tell which is meant, an item that no decoder reads, or too many columns.
    pub fn plan(&self, options: &PlanOptions) -> Result<Plan, CopybookError> {
        let record = self.chosen(options)?;
        let mut plan = walk::walk(self, record, options).map_err(|fault| self.refuse(fault))?;
        let names =
            columns::names(self, &plan.fields, &options.reserved).map_err(|fault| self.refuse(fault))?;
        for (field, name) in plan.fields.iter_mut().zip(names) {
            field.column = name;
        }
        Ok(plan)
    }

    fn chosen(&self, options: &PlanOptions) -> Result<ItemId, CopybookError> {
        let names = || {
            let names: Vec<_> = self.records.iter().map(|record| shown(self.item(*record).label())).collect();
            names.join(", ")
        };
        let at = self.records.first().map_or(0..0, |record| self.item(*record).span.clone());
        match &options.record {
            None => {
                let records: Vec<_> =
                    self.records.iter().filter(|record| self.item(**record).level != 77).collect();
                match records[..] {
                    [record] => Ok(*record),
                    _ => Err(self.refuse(
                        Fault::new(at, format!("the copybook has {} records", records.len()))
                            .advise(format!("choose one of {}", names())),
                    )),
                }
            }
            Some(name) => {
                let is_named = |record: &&ItemId| {
                    self.item(**record).name.as_deref().is_some_and(|of| of.eq_ignore_ascii_case(name))
                };
                let mut found = self.records.iter().filter(is_named);
                match (found.next(), found.next()) {
                    (Some(record), None) => Ok(*record),
                    (None, _) => Err(self.refuse(
                        Fault::new(at, format!("there is no record {}", shown(name)))
                            .advise(format!("it has {}", names())),
                    )),
                    (Some(_), Some(second)) => Err(self.refuse(Fault::new(
                        self.item(*second).span.clone(),
                        format!("two records are called {}", shown(name)),
                    ))),
                }
            }
        }
    }

    /// The names of the groups around `id`, outermost first, then its own.
    pub(super) fn path(&self, id: ItemId) -> String {
        let mut names = vec![self.item(id).label()];
        let mut up = self.item(id).parent;
        while let Some(parent) = up {
            let item: &Item = self.item(parent);
            names.extend(item.name.as_deref());
            up = item.parent;
        }
        names.reverse();
        names.join(".")
    }
}
