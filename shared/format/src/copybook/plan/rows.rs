//! Tables whose elements are records of their own: an element's bytes are not those of the record around it.

use super::super::error::{Checked, Fault, shown};
use super::super::{Copybook, Item, ItemId};
use super::views::{called, is_in};
use super::walk::Walker;
use super::{Extent, Following, Offset, Plan, Within};

/// Elements of one table that follow each other and are laid out alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elements {
    /// The table, an index of [`PlanOptions::rows`](super::PlanOptions::rows).
    pub of: usize,
    /// The table's name with those of its groups.
    pub path: String,
    /// The number of the first of them in the table, from 1.
    pub first: usize,
    /// How many they are, at most.
    pub most: usize,
    /// Where the first of them begins.
    pub start: Offset,
    /// Where the first of them ends, and the next begins.
    pub end: Offset,
    /// The table of varying length whose number of occurrences says how many they are, an index of [`Plan::tables`].
    pub table: Option<usize>,
    /// The occurrence of a table of varying length that they are in.
    pub within: Option<Within>,
}

/// One element of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// The table, an index of [`PlanOptions::rows`](super::PlanOptions::rows).
    pub of: usize,
    /// Its number in the table, from 1.
    pub number: usize,
    /// Where it begins in the record.
    pub start: usize,
    /// Where it ends in the record: the place after its last byte.
    pub end: usize,
}

impl Plan {
    /// The elements of a record of this extent that are records of their own, in the order of their bytes.
    pub fn elements_in<'a>(&'a self, extent: &'a Extent) -> impl Iterator<Item = Element> + 'a {
        let there = self.elements.iter().filter(|all| extent.holds(all.within));
        there.flat_map(|all| {
            let table = all.table.and_then(|table| extent.counts().get(table));
            let times = table.map_or(all.most, |times| (*times).min(all.most));
            let start = extent.offset(all.start);
            let length = extent.offset(all.end).saturating_sub(start);
            (0..times).map(move |at| Element {
                of: all.of,
                number: all.first + at,
                start: start + at * length,
                end: start + (at + 1) * length,
            })
        })
    }
}

/// The tables of a record whose elements are records of their own.
pub(super) struct Rows {
    tables: Vec<ItemId>,
    seen: Vec<bool>,
    /// Whether an element is being gone through.
    pub(super) is_inside: bool,
}

impl Rows {
    pub(super) fn new(tables: Vec<ItemId>) -> Self {
        Self { seen: vec![false; tables.len()], tables, is_inside: false }
    }

    /// Refuses a table that was not met.
    pub(super) fn all_seen(&self, copybook: &Copybook) -> Checked<()> {
        let Some(at) = self.seen.iter().position(|seen| !seen) else { return Ok(()) };
        let item = copybook.item(self.tables[at]);
        let inside = "inside a view that is not selected, an item that is left out, or another table's rows";
        Err(Fault::new(item.span.clone(), format!("the table {} is {inside}", shown(item.label()))))
    }
}

/// The table of this name in a record, or in an element of the table `around`.
pub(super) fn table(copybook: &Copybook, around: ItemId, name: &str) -> Checked<ItemId> {
    let is_table = |id: &ItemId| *id != around && copybook.item(*id).occurs.is_some();
    let found: Vec<ItemId> = called(copybook, around, name).filter(is_table).collect();
    if let [table] = found[..] {
        return Ok(table);
    }
    let span = copybook.item(around).span.clone();
    if !found.is_empty() {
        return Err(Fault::new(span, format!("{} tables are called {}", found.len(), shown(name))));
    }
    let ids = (0..copybook.items().len()).filter_map(|index| Some(ItemId(u32::try_from(index).ok()?)));
    let tables = ids.filter(|id| is_table(id) && is_in(copybook, *id, around));
    let names: Vec<_> = tables.filter_map(|id| copybook.item(id).name.as_deref().map(shown)).collect();
    let advice = match names.is_empty() {
        true => "a table is an item with OCCURS".to_owned(),
        false => format!("tables: {}", names.join(", ")),
    };
    Err(Fault::new(span, format!("there is no table {}", shown(name))).advise(advice))
}

impl Walker<'_> {
    /// Goes through a table whose elements are records of their own; `None` if `id` is none.
    pub(super) fn elements(&mut self, id: ItemId, item: &Item, at: Offset) -> Checked<Option<Offset>> {
        let named = self.rows.tables.iter().position(|table| *table == id);
        let (Some(of), Some(occurs), false) = (named, item.occurs, self.hidden || self.untaken) else {
            return Ok(None);
        };
        if !self.occurrences.is_empty() {
            let what = format!("{} is inside a table whose elements are columns", shown(item.label()));
            return Err(Fault::new(item.span.clone(), what).advise(
                "make the elements of the table around it rows as well, and its record type the parent",
            ));
        }
        self.rows.seen[of] = true;
        let path = self.path(id);
        let table = occurs.depending.map(|count| self.begin_table(id, item, count, at)).transpose()?;
        let around = self.within;
        (self.hidden, self.untaken, self.rows.is_inside) = (true, true, true);
        let is_alike = self.following == Following::Stay || !self.varies_inside(item);
        let mut end = at;
        if is_alike {
            let after = |elements: usize| Offset { base: at.base + elements * item.length, ..at };
            end = after(occurs.max);
            self.plan.elements.push(Elements {
                of,
                path,
                first: 1,
                most: occurs.max,
                start: at,
                end: after(1),
                table,
                within: around,
            });
        } else {
            for number in 1..=occurs.max {
                self.within = table.map(|table| Within { table, occurrence: number }).or(around);
                self.occurrences.push(number);
                let (start, within, path) = (end, self.within, path.clone());
                end = self.once(id, start)?;
                self.occurrences.pop();
                let element = Elements { of, path, first: number, most: 1, start, end, table: None, within };
                self.plan.elements.push(element);
            }
        }
        (self.hidden, self.untaken, self.rows.is_inside) = (false, false, false);
        self.within = around;
        let end = table.map_or(end, |table| self.end_table(table, end));
        self.ends_at(end);
        Ok(Some(end))
    }

    /// Whether a table of varying length is in an item.
    fn varies_inside(&self, item: &Item) -> bool {
        item.children.iter().any(|child| {
            let part = self.copybook.item(*child);
            part.varies() || self.varies_inside(part)
        })
    }
}
