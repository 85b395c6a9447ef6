//! From entries to the tree of items: who belongs to whom, what is another view of what, how each value is held.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::elementary::elementary;
use super::entry::{Entry, Named, Reference, Statement};
use super::error::{Checked, Fault, shown};
use super::item::{Elementary, Item, ItemId, Occurs, Renames, SignPlace, Usage};
use super::limits::{CONDITION_VALUES_MAX, DIGITS_MAX, ITEMS_MAX};
use super::value::Condition;

/// What the entries of a copybook make up, offsets not yet known.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) items: Vec<Item>,
    pub(super) records: Vec<ItemId>,
    pub(super) renames: Vec<Renames>,
    entries: Vec<Entry>,
    conditions: Vec<Vec<Condition>>,
    values: usize,
    /// Whether the last entry was of level 66.
    renamed: bool,
    /// The items that the next entry may belong to, outermost first.
    open: Vec<ItemId>,
    by_name: HashMap<Arc<str>, Vec<ItemId>>,
}

impl Tree {
    pub(super) fn add(&mut self, statement: Statement) -> Checked<()> {
        let after_renames =
            std::mem::replace(&mut self.renamed, matches!(statement, Statement::Renames { .. }));
        match statement {
            Statement::Condition(_, span) if after_renames => {
                Err(Fault::new(span, "found a level 88 entry under one of level 66, which is not supported"))
            }
            Statement::Entry(entry) => self.entry(*entry),
            Statement::Condition(condition, span) => {
                let Some(item) = self.items.len().checked_sub(1) else {
                    return Err(Fault::new(span, "found a level 88 entry without an item before it"));
                };
                self.values += condition.values.len();
                if self.values > CONDITION_VALUES_MAX {
                    return Err(Fault::new(
                        span,
                        format!("the copybook has more than {CONDITION_VALUES_MAX} values"),
                    ));
                }
                self.conditions[item].push(condition);
                Ok(())
            }
            Statement::Renames { name, from, through } => self.rename(name, &from, through.as_ref()),
        }
    }

    fn entry(&mut self, entry: Entry) -> Checked<()> {
        let span = entry.span.clone();
        if self.items.len() == ITEMS_MAX {
            return Err(Fault::new(span, format!("the copybook has more than {ITEMS_MAX} items")));
        }
        let is_record = matches!(entry.level, 1 | 77);
        // A copybook may hold what stands below a record's own 01: then the first item's level is that of all.
        if self.items.is_empty() && !is_record {
            self.push(Item::implied(span.clone()), Entry::implied(span.clone()));
            self.open.push(ItemId(0));
        } else if is_record && self.items.first().is_some_and(|first| first.level == 0) {
            return Err(Fault::new(
                span,
                format!("found level {:02} after items without a record", entry.level),
            )
            .advise("add an 01 entry before the first item"));
        }
        while let Some(open) = self.open.last()
            && (is_record || self.items[open.index()].level >= entry.level)
        {
            self.open.pop();
        }
        let parent = self.open.last().copied();
        if !is_record && parent.is_none() {
            return Err(Fault::new(
                span,
                format!("found level {:02} without an 01 entry it could belong to", entry.level),
            ));
        }
        let id = ItemId(u32::try_from(self.items.len()).unwrap_or(u32::MAX));
        if let Some(parent) = parent {
            let group = &self.entries[parent.index()];
            if let Some((picture, _)) = &group.picture {
                return Err(Fault::new(
                    span,
                    format!(
                        "found level {:02} below {}, which has the picture {} and is therefore not a group",
                        entry.level,
                        shown(self.items[parent.index()].label()),
                        shown(&picture.text)
                    ),
                ));
            }
            self.items[parent.index()].children.push(id);
        } else {
            self.records.push(id);
        }
        let name: Option<Arc<str>> = entry.name.as_deref().map(Arc::from);
        if let Some(name) = &name {
            self.by_name.entry(Arc::clone(name)).or_default().push(id);
        }
        let item = Item { level: entry.level, name, parent, ..Item::implied(span) };
        self.push(item, entry);
        if let Some(named) = self.entries[id.index()].redefines.clone() {
            let object = self.redefined(id, &named)?;
            self.items[id.index()].redefines = Some(object);
        }
        self.open.push(id);
        Ok(())
    }

    fn push(&mut self, item: Item, entry: Entry) {
        if item.level == 0 {
            self.records.push(ItemId(0));
        }
        self.items.push(item);
        self.entries.push(entry);
        self.conditions.push(Vec::new());
    }

    fn siblings(&self, id: ItemId) -> &[ItemId] {
        match self.items[id.index()].parent {
            Some(parent) => &self.items[parent.index()].children,
            None => &self.records,
        }
    }

    /// The first definition of the area that `id` redefines. Between the two stand only other views of it
    /// ("REDEFINES clause", Language Reference).
    fn redefined(&self, id: ItemId, (name, span): &Named) -> Checked<ItemId> {
        let level = self.items[id.index()].level;
        let mut views = self.siblings(id).iter().rev().skip(1).copied();
        let mut named = false;
        let first = views.find(|view| {
            let item = &self.items[view.index()];
            named = named || item.name.as_deref() == Some(name);
            item.redefines.is_none()
        });
        let nearest = first.map(|first| self.items[first.index()].label().to_owned());
        let Some(first) = first.filter(|_| named) else {
            let expected = nearest.map_or_else(
                || "but no item at its level precedes it in its group".to_owned(),
                |nearest| {
                    format!(
                        "expected {}, the previous item at its level, or another view of it",
                        shown(&nearest)
                    )
                },
            );
            return Err(Fault::new(span.clone(), format!("found REDEFINES {}, {expected}", shown(name))));
        };
        let object = &self.items[first.index()];
        if object.level != level {
            return Err(Fault::new(
                span.clone(),
                format!(
                    "found level {level:02}, expected {:02}, the level of {}",
                    object.level,
                    shown(object.label())
                ),
            ));
        }
        if self.entries[first.index()].occurs.is_some() {
            return Err(Fault::new(
                span.clone(),
                format!("{} has an OCCURS clause and cannot be redefined", shown(object.label())),
            )
            .advise("redefine a group that contains the table"));
        }
        Ok(first)
    }

    /// The item of `record` that is meant.
    fn find(&self, reference: &Reference, record: ItemId, before: ItemId) -> Checked<ItemId> {
        let (name, span) = &reference.name;
        let all = self.by_name.get(name.as_str()).map_or(&[][..], Vec::as_slice);
        let matches = |id: &&ItemId| {
            let mut groups = reference.of.iter();
            let mut wanted = groups.next();
            let mut up = self.items[id.index()].parent;
            while let (Some((group, _)), Some(parent)) = (wanted, up) {
                let item = &self.items[parent.index()];
                if item.name.as_deref() == Some(group) {
                    wanted = groups.next();
                }
                up = item.parent;
            }
            wanted.is_none()
        };
        let found: Vec<ItemId> = all.iter().filter(matches).copied().collect();
        let here: Vec<ItemId> = found.iter().filter(|id| self.record_of(**id) == record).copied().collect();
        match here[..] {
            [id] if id < before => Ok(id),
            [_] => {
                Err(Fault::new(span.clone(), format!("{} is referenced before it is defined", shown(name))))
            }
            [] if found.is_empty() => {
                Err(Fault::new(span.clone(), format!("the record has no item {}", shown(name))))
            }
            [] => Err(Fault::new(span.clone(), format!("{} is an item of another record", shown(name)))
                .advise("DEPENDING ON must name an item of the same record")),
            _ => Err(Fault::new(
                span.clone(),
                format!("the record has {} items named {}", here.len(), shown(name)),
            )
            .advise("qualify it with OF and the name of its group")),
        }
    }

    fn record_of(&self, id: ItemId) -> ItemId {
        let mut id = id;
        while let Some(parent) = self.items[id.index()].parent {
            id = parent;
        }
        id
    }

    fn rename(&mut self, (name, span): Named, from: &Reference, through: Option<&Reference>) -> Checked<()> {
        let Some(record) = self.records.last().copied() else {
            return Err(Fault::new(span, "found a level 66 entry without a record before it"));
        };
        let after = ItemId(u32::MAX);
        let from_item = self.find(from, record, after)?;
        let through = through.map_or(Ok(from_item), |through| self.find(through, record, after))?;
        if through < from_item {
            return Err(Fault::new(
                span,
                format!("{} renames a range that ends before it begins", shown(&name)),
            ));
        }
        if self.renames.len() == ITEMS_MAX {
            return Err(Fault::new(span, format!("the copybook has more than {ITEMS_MAX} level 66 entries")));
        }
        self.renames.push(Renames { name, record, from: from_item, through });
        Ok(())
    }

    /// Once all entries are there: which are groups, how values are held, what tables depend on.
    pub(super) fn complete(&mut self) -> Checked<()> {
        let mut usages: Vec<Option<Usage>> = Vec::with_capacity(self.items.len());
        let mut signs: Vec<Option<SignPlace>> = Vec::with_capacity(self.items.len());
        for index in 0..self.items.len() {
            let entry = &self.entries[index];
            let item = &self.items[index];
            let parent = item.parent.map(ItemId::index);
            let inherited = parent.and_then(|parent| usages[parent]);
            let usage = match (&entry.usage, inherited) {
                (Some((usage, span)), Some(group)) if *usage != group => {
                    return Err(Fault::new(
                        span.clone(),
                        format!(
                            "{} is {}, but its group is {}",
                            shown(item.label()),
                            usage.word(),
                            group.word()
                        ),
                    ));
                }
                (Some((usage, _)), _) => Some(*usage),
                (None, inherited) => inherited,
            };
            let sign = entry
                .sign
                .as_ref()
                .map(|(sign, _)| *sign)
                .or_else(|| parent.and_then(|parent| signs[parent]));
            usages.push(usage);
            signs.push(sign);
            if item.children.is_empty() {
                let synchronized = parent.is_some_and(|_| {
                    let record = self.record_of(ItemId(u32::try_from(index).unwrap_or(u32::MAX)));
                    self.entries[record.index()].synchronized.is_some()
                });
                let elementary = elementary(entry, item.label(), usage, sign, synchronized)?;
                self.items[index].elementary = Some(elementary);
            } else {
                self.group(index)?;
            }
            self.items[index].conditions = std::mem::take(&mut self.conditions[index]).into();
        }
        for index in 0..self.items.len() {
            self.occurs(index)?;
        }
        self.fixed_views()
    }

    fn group(&self, index: usize) -> Checked<()> {
        let (entry, item) = (&self.entries[index], &self.items[index]);
        let clauses: [(&Option<Range<usize>>, &str); 3] = [
            (&entry.blank_when_zero, "BLANK WHEN ZERO"),
            (&entry.justified, "JUSTIFIED"),
            // Allowed for elementary items and for groups of level 01 ("SYNCHRONIZED clause", Language Reference).
            (if item.parent.is_none() { &None } else { &entry.synchronized }, "SYNCHRONIZED"),
        ];
        for (span, clause) in clauses {
            if let Some(span) = span {
                return Err(Fault::new(
                    span.clone(),
                    format!(
                        "found {clause} on the group {}, expected it on an elementary item",
                        shown(item.label())
                    ),
                ));
            }
        }
        Ok(())
    }

    fn occurs(&mut self, index: usize) -> Checked<()> {
        let Some(clause) = &self.entries[index].occurs else { return Ok(()) };
        let id = ItemId(u32::try_from(index).unwrap_or(u32::MAX));
        let label = self.items[index].label();
        if self.items[index].parent.is_none() {
            return Err(Fault::new(
                clause.span.clone(),
                format!("{} is a record, which cannot have OCCURS", shown(label)),
            ));
        }
        let depending = match &clause.depending {
            None => None,
            Some(reference) => {
                let count = self.find(reference, self.record_of(id), id)?;
                self.check_count(count, id, &reference.name)?;
                Some(count)
            }
        };
        self.items[index].occurs = Some(Occurs { min: clause.min, max: clause.max, depending });
        Ok(())
    }

    /// The number of occurrences is a whole number that precedes its table, once for each table. It may be in digits
    /// of a picture of X.
    fn check_count(&self, count: ItemId, table: ItemId, (name, span): &Named) -> Checked<()> {
        use super::picture::Category::{Alphanumeric, Numeric};
        let is_whole = |of: &&Elementary| match of.category {
            Numeric => of.usage != Usage::National && of.picture.as_ref().is_some_and(|of| of.scale == 0),
            Alphanumeric => !of.justified && of.bytes() <= DIGITS_MAX,
            _ => false,
        };
        let whole = self.items[count.index()].elementary.as_ref().filter(is_whole).is_some();
        if !whole || self.entries[count.index()].blank_when_zero.is_some() {
            return Err(Fault::new(
                span.clone(),
                format!("{} is not a whole number, which DEPENDING ON requires", shown(name)),
            ));
        }
        let mut groups = Vec::new();
        let mut up = self.items[table.index()].parent;
        while let Some(group) = up {
            groups.push(group);
            up = self.items[group.index()].parent;
        }
        let mut up = Some(count);
        while let Some(id) = up {
            if self.entries[id.index()].occurs.is_some() && !groups.contains(&id) {
                return Err(Fault::new(
                    span.clone(),
                    format!(
                        "{} is itself part of a table, so it cannot give the number of occurrences",
                        shown(name)
                    ),
                ));
            }
            up = self.items[id.index()].parent;
        }
        Ok(())
    }

    /// Neither of two views of an area varies in length ("REDEFINES clause", Language Reference; IGYDS1169).
    fn fixed_views(&self) -> Checked<()> {
        let mut is_view: Vec<bool> = self.items.iter().map(|item| item.redefines.is_some()).collect();
        for object in self.items.iter().filter_map(|item| item.redefines) {
            is_view[object.index()] = true;
        }
        for table in self.items.iter().filter(|item| item.varies()) {
            let mut up = table.parent;
            while let Some(group) = up {
                let item = &self.items[group.index()];
                if is_view[group.index()] {
                    return Err(Fault::new(
                        table.span.clone(),
                        format!(
                            "{} has a varying number of occurrences in {}, which is one of several views of an area",
                            shown(table.label()),
                            shown(item.label())
                        ),
                    )
                    .advise("give each view its own 01 entry without REDEFINES"));
                }
                up = item.parent;
            }
            if table.redefines.is_some() {
                return Err(Fault::new(
                    table.span.clone(),
                    format!(
                        "{} redefines an area and has a varying number of occurrences",
                        shown(table.label())
                    ),
                ));
            }
        }
        Ok(())
    }
}
