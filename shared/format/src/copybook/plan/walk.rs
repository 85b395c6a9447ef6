//! Goes through a record in the order of its bytes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::super::error::{Checked, Fault, shown};
use super::super::limits::FIELDS_MAX;
use super::super::{Category, Copybook, Elementary, Item, ItemId, Usage};
use super::rows::{self, Rows};
use super::unread::{Unread, Why};
use super::views::{Views, called};
use super::{Extent, Field, Following, Offset, Plan, PlanOptions, Within};

/// The plan for `record`, columns not yet named.
pub(super) fn walk(copybook: &Copybook, record: ItemId, options: &PlanOptions) -> Checked<Plan> {
    let record =
        options.element.iter().try_fold(record, |around, name| rows::table(copybook, around, name))?;
    let rows = options.rows.iter().map(|name| rows::table(copybook, record, name));
    let views = Views::of(copybook, record, &options.views)?;
    let left_out = left_out(copybook, record, &options.leave_out)?;
    let needed: HashSet<ItemId> =
        copybook.items.iter().filter_map(|item| item.occurs.and_then(|occurs| occurs.depending)).collect();
    let mut walker = Walker {
        copybook,
        following: options.following,
        holds_count: inside(copybook, |id, _| needed.contains(&id)),
        of_interest: inside(copybook, |id, item| {
            item.varies() || needed.contains(&id) || (item.elementary.is_some() && item.name.is_some())
        }),
        views,
        left_out,
        needed,
        rows: Rows::new(rows.collect::<Checked<_>>()?),
        root: record,
        plan: Plan {
            record: copybook.item(record).name.as_deref().unwrap_or_default().to_owned(),
            fields: Vec::new(),
            counts: Vec::new(),
            tables: Vec::new(),
            elements: Vec::new(),
            closing: Vec::new(),
            unread: Vec::new(),
            own_counts: Vec::new(),
            end: Offset::default(),
            length_min: 0,
            length_max: 0,
            taken_min: 0,
        },
        count_of: HashMap::new(),
        occurrences: Vec::new(),
        within: None,
        hidden: false,
        untaken: false,
        ends: BTreeMap::new(),
    };
    walker.plan.end = match options.element.is_empty() {
        true => walker.item(record, Offset::default())?,
        false => walker.once(record, Offset::default())?,
    };
    if copybook.item(record).elementary.is_some() {
        walker.ends_at(walker.plan.end);
    }
    walker.rows.all_seen(copybook)?;
    if let Some(view) = walker.views.named.iter().find(|view| !walker.views.seen.contains(view)) {
        let item = copybook.item(*view);
        return Err(Fault::new(
            item.span.clone(),
            format!("the view {} is inside another view that is not selected", shown(item.label())),
        )
        .advise("name the outer view too"));
    }
    let Walker { mut plan, ends, .. } = walker;
    if plan.fields.is_empty() {
        return Err(Fault::new(
            copybook.item(record).span.clone(),
            "no item of the record can become a column",
        ));
    }
    let least = Extent::with(&plan, |table| table.min);
    plan.length_min = least.offset(plan.end);
    plan.length_max = Extent::with(&plan, |table| table.max).offset(plan.end);
    plan.taken_min =
        ends.into_iter().map(|(after, base)| least.offset(Offset { base, after })).max().unwrap_or(0);
    Ok(plan)
}

/// Of each item, whether it or anything in it is `wanted`.
fn inside(copybook: &Copybook, wanted: impl Fn(ItemId, &Item) -> bool) -> Vec<bool> {
    let mut found = vec![false; copybook.items.len()];
    for (index, item) in copybook.items.iter().enumerate().rev() {
        let id = ItemId(u32::try_from(index).unwrap_or(u32::MAX));
        found[index] = wanted(id, item) || item.children.iter().any(|child| found[child.index()]);
    }
    found
}

fn left_out(copybook: &Copybook, record: ItemId, names: &[String]) -> Checked<HashSet<ItemId>> {
    let mut all = HashSet::new();
    for name in names {
        let before = all.len();
        all.extend(called(copybook, record, name));
        if all.len() == before && called(copybook, record, name).next().is_none() {
            let span = copybook.item(record).span.clone();
            return Err(Fault::new(
                span,
                format!("cannot omit {}: the record has no such item", shown(name)),
            ));
        }
    }
    Ok(all)
}

/// By how many bytes views reach beyond the first definition of their area.
#[derive(Debug, Clone, Copy, Default)]
struct Beyond {
    /// The view that is taken.
    taken: usize,
    /// The longest.
    longest: usize,
}

pub(super) struct Walker<'a> {
    pub(super) copybook: &'a Copybook,
    pub(super) following: Following,
    views: Views,
    left_out: HashSet<ItemId>,
    /// The items on which tables depend.
    needed: HashSet<ItemId>,
    holds_count: Vec<bool>,
    /// What has a name, a count or a table in it: all else is skipped at once.
    of_interest: Vec<bool>,
    /// The tables whose elements are records of their own.
    pub(super) rows: Rows,
    /// The record, or the table of which one element is laid out.
    pub(super) root: ItemId,
    pub(super) plan: Plan,
    /// Each count by its occurrence.
    pub(super) count_of: HashMap<(ItemId, Vec<usize>), usize>,
    pub(super) occurrences: Vec<usize>,
    pub(super) within: Option<Within>,
    /// Whether no columns are made here.
    pub(super) hidden: bool,
    /// Whether this is a view that is not taken, or an element that is a record of its own.
    pub(super) untaken: bool,
    /// The greatest end of what was taken, by the number of tables that move it.
    ends: BTreeMap<usize, usize>,
}

impl Walker<'_> {
    pub(super) fn ends_at(&mut self, end: Offset) {
        if self.within.is_none() && !self.untaken {
            let greatest = self.ends.entry(end.after).or_default();
            *greatest = end.base.max(*greatest);
        }
    }

    /// All occurrences of `id`, which begins at `at`; returns where it ends. Nesting is at most 49 deep.
    fn item(&mut self, id: ItemId, at: Offset) -> Checked<Offset> {
        let copybook = self.copybook;
        let item = copybook.item(id);
        if let Some(end) = self.elements(id, item, at)? {
            return Ok(end);
        }
        let hidden = self.hidden;
        self.hidden = hidden || self.left_out.contains(&id);
        let end = if !self.of_interest[id.index()] {
            self.filler(item, at);
            Offset { base: at.base + item.length_in_all(), ..at }
        } else if let Some(occurs) = item.occurs {
            match occurs.depending {
                Some(count) => self.table(id, item, count, at)?,
                None => self.times(id, occurs.max, at, None)?,
            }
        } else {
            self.once(id, at)?
        };
        self.hidden = hidden;
        if item.elementary.is_some() || item.occurs.is_some() || !self.of_interest[id.index()] {
            self.ends_at(end);
        }
        Ok(end)
    }

    fn times(&mut self, id: ItemId, times: usize, at: Offset, table: Option<usize>) -> Checked<Offset> {
        let mut at = at;
        for occurrence in 1..=times {
            let around = self.within;
            if let Some(table) = table {
                self.within = Some(Within { table, occurrence });
            }
            self.occurrences.push(occurrence);
            at = self.once(id, at)?;
            self.occurrences.pop();
            self.within = around;
        }
        Ok(at)
    }

    fn table(&mut self, id: ItemId, item: &Item, count: ItemId, at: Offset) -> Checked<Offset> {
        let index = self.begin_table(id, item, count, at)?;
        let max = self.plan.tables[index].max;
        let end = self.times(id, max, at, Some(index))?;
        Ok(self.end_table(index, end))
    }

    /// Walks one occurrence of an item, and returns the offset after it.
    pub(super) fn once(&mut self, id: ItemId, at: Offset) -> Checked<Offset> {
        let copybook = self.copybook;
        let item = copybook.item(id);
        if let Some(elementary) = &item.elementary {
            self.elementary(id, item, elementary, at)?;
            return Ok(Offset { base: at.base + item.length, ..at });
        }
        let mut at = at;
        // Slack bytes stand where an item's place is not the end of the one before. There are none behind a table of
        // varying length, so that places taken at the longest serve.
        let mut end = item.offset;
        let mut beyond = Beyond::default();
        for child in &item.children {
            let part = copybook.item(*child);
            if part.redefines.is_some() {
                continue;
            }
            self.gap(at, part.offset - end, beyond);
            at.base += part.offset - end;
            end = part.offset + part.length_in_all();
            (at, beyond) = self.area(*child, part, at)?;
        }
        self.gap(at, item.offset + item.length - end, beyond);
        at.base += item.offset + item.length - end;
        Ok(at)
    }

    /// The bytes between two items: those of views that are longer than what they redefine, then slack bytes.
    fn gap(&mut self, at: Offset, length: usize, beyond: Beyond) {
        let after = |bytes: usize| Offset { base: at.base + bytes, ..at };
        let (taken, longest) = (beyond.taken.min(length), beyond.longest.min(length));
        self.unread(Why::View, after(taken), longest - taken);
        self.unread(Why::Slack, after(longest), length - longest);
    }

    /// All occurrences of an item in which nothing has a name.
    fn filler(&mut self, item: &Item, at: Offset) {
        let is_packed = item.elementary.as_ref().is_some_and(|of| of.usage == Usage::Packed);
        if !is_packed {
            return self.unread(Why::Filler, at, item.length_in_all());
        }
        for occurrence in 0..item.occurs.map_or(1, |occurs| occurs.max) {
            let offset = Offset { base: at.base + occurrence * item.length, ..at };
            self.unread(Why::PackedFiller, offset, item.length);
        }
    }

    /// Notes bytes of which no column is made, once for all views of an area.
    fn unread(&mut self, why: Why, offset: Offset, length: usize) {
        if !self.untaken {
            Unread { why, offset, length, within: self.within }.add_to(&mut self.plan.unread);
        }
    }

    /// An item and the other views of its bytes; returns where the item ends, and how far views reach beyond that.
    fn area(&mut self, id: ItemId, item: &Item, at: Offset) -> Checked<(Offset, Beyond)> {
        let Some(others) = self.views.of.get(&id).cloned() else {
            return Ok((self.item(id, at)?, Beyond::default()));
        };
        let taken = self.views.taken.get(&id).copied().unwrap_or(id);
        let (own, mut beyond) = (item.length_in_all(), Beyond::default());
        for view in std::iter::once(id).chain(others) {
            let length = self.copybook.item(view).length_in_all();
            beyond.longest = beyond.longest.max(length.saturating_sub(own));
            if view == taken {
                beyond.taken = length.saturating_sub(own);
                if !self.untaken {
                    self.views.seen.insert(view);
                }
                self.item(view, at)?;
                let rest = Offset { base: at.base + length, ..at };
                self.unread(Why::View, rest, own.saturating_sub(length));
            } else if self.holds_count[view.index()] {
                // A table may depend on what only another view of the area calls a number.
                let (hidden, untaken) = (self.hidden, self.untaken);
                (self.hidden, self.untaken) = (true, true);
                self.item(view, at)?;
                (self.hidden, self.untaken) = (hidden, untaken);
            }
        }
        Ok((Offset { base: at.base + own, ..at }, beyond))
    }

    pub(super) fn path(&self, id: ItemId) -> String {
        let mut path = self.copybook.path(id);
        if !self.occurrences.is_empty() {
            let numbers: Vec<_> = self.occurrences.iter().map(ToString::to_string).collect();
            path.push_str(&format!("({})", numbers.join(",")));
        }
        path
    }

    /// How an elementary item lies in the record; its column is named later.
    fn field(&self, id: ItemId, item: &Item, elementary: &Elementary, at: Offset) -> Field {
        let picture = elementary.picture.as_ref();
        Field {
            column: String::new(),
            path: self.path(id),
            item: id,
            offset: at,
            length: item.length,
            category: elementary.category,
            usage: elementary.usage,
            picture: picture.map(|picture| Arc::from(picture.text.as_str())),
            edits: picture.map(|picture| Arc::clone(&picture.edits)).unwrap_or_default(),
            digits: picture.map_or(0, |picture| picture.digits),
            scale: picture.map_or(0, |picture| picture.scale),
            signed: elementary.category == Category::FloatingPoint
                || picture.is_some_and(|picture| picture.signed),
            sign: elementary.sign,
            blank_when_zero: elementary.blank_when_zero,
            justified: elementary.justified,
            conditions: Arc::clone(&item.conditions),
            occurrences: self.occurrences.clone(),
            within: self.within,
            length_of: None,
        }
    }

    /// The length before the text of a Db2 VARCHAR: a group of a binary number of two bytes and a text, both of level
    /// 49, the highest there is, which nothing else uses for a pair.
    fn varchar(&self, id: ItemId, item: &Item, elementary: &Elementary, at: Offset) -> Option<Field> {
        let group = self.copybook.item(item.parent?);
        let [length, text] = group.children[..] else { return None };
        let of = self.copybook.item(length);
        let number = of.elementary.as_ref()?;
        let is_text = text == id && item.level == 49 && elementary.category == Category::Alphanumeric;
        let is_length = of.level == 49
            && of.length == 2
            && number.category == Category::Numeric
            && matches!(number.usage, Usage::Binary | Usage::NativeBinary);
        let stand_alone = [of, item].iter().all(|item| item.occurs.is_none() && item.redefines.is_none());
        let before = at.base.checked_sub(of.length)?;
        let at = Offset { base: before, ..at };
        (is_text && is_length && stand_alone).then(|| self.field(length, of, number, at))
    }

    fn elementary(&mut self, id: ItemId, item: &Item, elementary: &Elementary, at: Offset) -> Checked<()> {
        let is_count = self.needed.contains(&id);
        let is_column = !self.hidden && item.name.is_some();
        if !is_count && !is_column {
            let why = match item.name {
                None if elementary.usage == Usage::Packed => Why::PackedFiller,
                None => Why::Filler,
                Some(_) => Why::LeftOut,
            };
            self.unread(why, at, item.length);
            return Ok(());
        }
        let field = Field {
            length_of: self.varchar(id, item, elementary, at).map(Arc::new),
            ..self.field(id, item, elementary, at)
        };
        if is_count {
            self.count_of.insert((id, self.occurrences.clone()), self.plan.counts.len());
            if !is_column && !self.untaken {
                self.plan.own_counts.push(self.plan.counts.len());
            }
            self.plan.counts.push(field.clone());
        }
        if is_column {
            readable(item, elementary)?;
            if self.plan.fields.len() == FIELDS_MAX {
                return Err(Fault::new(
                    item.span.clone(),
                    format!(
                        "{} would be column {}, which exceeds the limit of a table",
                        shown(&field.path),
                        FIELDS_MAX + 1
                    ),
                )
                .advise("omit items, or read part of the record as one field"));
            }
            self.plan.fields.push(field);
        }
        Ok(())
    }
}

/// Refuses what no decoder reads.
fn readable(item: &Item, elementary: &Elementary) -> Checked<()> {
    let what = match (elementary.usage, elementary.category) {
        (Usage::National, _) | (_, Category::National) => "national (UTF-16) data",
        (Usage::Dbcs, _) | (_, Category::Dbcs) => "double-byte data",
        (Usage::Index, _) => "a table index",
        (Usage::Pointer, _) | (_, Category::Address) => "an address",
        _ => return Ok(()),
    };
    Err(Fault::new(
        item.span.clone(),
        format!("{} is {what}, which cannot become a column", shown(item.label())),
    )
    .advise("add it to the items to omit"))
}
