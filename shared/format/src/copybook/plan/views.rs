//! Which of several views of an area (REDEFINES) is taken.

use std::collections::{HashMap, HashSet};

use super::super::error::{Checked, Fault, shown};
use super::super::{Copybook, ItemId};

/// Whether an item is `around`, or is in it.
pub(super) fn is_in(copybook: &Copybook, id: ItemId, around: ItemId) -> bool {
    let mut up = Some(id);
    while let Some(id) = up.filter(|id| *id != around) {
        up = copybook.item(id).parent;
    }
    up.is_some()
}

/// The items of a record, or of a table's element, that have this name.
pub(super) fn called<'a>(
    copybook: &'a Copybook,
    record: ItemId,
    name: &'a str,
) -> impl Iterator<Item = ItemId> + 'a {
    copybook.items.iter().enumerate().filter_map(move |(index, item)| {
        let id = ItemId(u32::try_from(index).ok()?);
        let named = item.name.as_deref().is_some_and(|of| of.eq_ignore_ascii_case(name));
        (named && is_in(copybook, id, record)).then_some(id)
    })
}

/// Which view of each area is taken.
pub(super) struct Views {
    /// All views of an area but its first definition.
    pub(super) of: HashMap<ItemId, Vec<ItemId>>,
    /// The view taken, where it is named.
    pub(super) taken: HashMap<ItemId, ItemId>,
    pub(super) named: Vec<ItemId>,
    pub(super) seen: HashSet<ItemId>,
}

impl Views {
    pub(super) fn of(copybook: &Copybook, record: ItemId, names: &[String]) -> Checked<Self> {
        let mut of: HashMap<ItemId, Vec<ItemId>> = HashMap::new();
        for (index, item) in copybook.items.iter().enumerate() {
            if let (Some(object), Some(_)) = (item.redefines, item.parent) {
                of.entry(object).or_default().push(ItemId(u32::try_from(index).unwrap_or(u32::MAX)));
            }
        }
        let mut views = Self { of, taken: HashMap::new(), named: Vec::new(), seen: HashSet::new() };
        for name in names {
            let span = copybook.item(record).span.clone();
            let is_view = |id: &ItemId| copybook.item(*id).redefines.is_some() || views.of.contains_key(id);
            let found: Vec<ItemId> = called(copybook, record, name).filter(is_view).collect();
            let [view] = found[..] else {
                let what =
                    if found.is_empty() { "no view".to_owned() } else { format!("{} views", found.len()) };
                let is = if found.is_empty() { "is" } else { "are" };
                return Err(Fault::new(
                    span,
                    format!("{what} of an area in the record {is} called {}", shown(name)),
                )
                .advise("a view is an item with REDEFINES, or an item that another one redefines"));
            };
            let area = copybook.item(view).redefines.unwrap_or(view);
            if let Some(other) = views.taken.insert(area, view)
                && other != view
            {
                return Err(Fault::new(
                    copybook.item(view).span.clone(),
                    format!(
                        "{} and {} are views of the same area; select only one",
                        shown(copybook.item(other).label()),
                        shown(copybook.item(view).label())
                    ),
                ));
            }
            views.named.push(view);
        }
        Ok(views)
    }
}
