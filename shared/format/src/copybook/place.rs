//! Where each item lies in its record, slack bytes included.
//!
//! "Slack bytes within records" of the IBM Enterprise COBOL for z/OS Language Reference:
//!
//! - A synchronized item begins at a multiple of its boundary, counted from the record's start, which is on a
//!   doubleword. Where a group begins with such an item, the slack bytes precede the group.
//! - A group that occurs and holds synchronized items is lengthened to a multiple of the greatest boundary among
//!   them, so that every occurrence is aligned alike.
//! - A view of a redefined area begins where the area does, so that the area must lie on the view's boundary.
//!
//! After a table of varying length no boundary is known beforehand: a synchronized item there is refused.

use super::error::{Checked, Fault, shown};
use super::item::{Item, ItemId};
use super::limits::RECORD_BYTES_MAX;

/// Puts offset and length into every item; returns what compilers would warn of.
pub(super) fn place(items: &mut [Item], records: &[ItemId]) -> Checked<Vec<String>> {
    let boundaries = boundaries(items);
    let mut notes = Vec::new();
    // At level 01 a view may be longer than what it redefines: both are records of their own length.
    for record in records {
        let mut placer = Placer { items, boundaries: &boundaries, varying: 0, notes: Vec::new() };
        placer.item(*record, 0)?;
        notes.append(&mut placer.notes);
    }
    Ok(notes)
}

/// Of each item the greatest boundary in it, and that of the first elementary item in it.
fn boundaries(items: &[Item]) -> Vec<(usize, usize)> {
    let mut boundaries = vec![(1, 1); items.len()];
    // What an item holds comes after it.
    for (index, item) in items.iter().enumerate().rev() {
        boundaries[index] = match &item.elementary {
            Some(elementary) => (elementary.boundary(), elementary.boundary()),
            None => {
                let greatest =
                    item.children.iter().map(|child| boundaries[child.index()].0).max().unwrap_or(1);
                (greatest, item.children.first().map_or(1, |first| boundaries[first.index()].1))
            }
        };
    }
    boundaries
}

struct Placer<'a> {
    items: &'a mut [Item],
    boundaries: &'a [(usize, usize)],
    /// How many tables of varying length were passed.
    varying: usize,
    notes: Vec<String>,
}

impl Placer<'_> {
    /// Places `id` at `offset`, which suits it; returns the bytes of all its occurrences. Levels grow downwards, so
    /// that no nesting is deeper than 49.
    fn item(&mut self, id: ItemId, offset: usize) -> Checked<usize> {
        let index = id.index();
        self.items[index].offset = offset;
        let varying = self.varying;
        let mut length = match &self.items[index].elementary {
            Some(elementary) => elementary.bytes(),
            None => self.group(id, offset)?,
        };
        if self.items[index].elementary.is_none() && self.items[index].occurs.is_some() {
            let boundary = self.boundaries[index].0;
            if boundary > 1 && self.varying > varying {
                let item = &self.items[index];
                return Err(Fault::new(
                    item.span.clone(),
                    format!(
                        "{} is a table of varying length with SYNCHRONIZED items, so their position is uncertain",
                        shown(item.label())
                    ),
                ));
            }
            length = length.next_multiple_of(boundary);
        }
        self.items[index].length = length;
        self.varying += usize::from(self.items[index].varies());
        let total = self.items[index].length_in_all();
        let item = &self.items[index];
        if offset.saturating_add(total) > RECORD_BYTES_MAX {
            return Err(Fault::new(
                item.span.clone(),
                format!(
                    "{} extends beyond the record limit of {RECORD_BYTES_MAX} bytes",
                    shown(item.label())
                ),
            ));
        }
        Ok(total)
    }

    fn group(&mut self, id: ItemId, start: usize) -> Checked<usize> {
        let mut end = start;
        for child in self.items[id.index()].children.clone() {
            let boundary = self.boundaries[child.index()].1;
            let item = &self.items[child.index()];
            if boundary > 1 && self.varying > 0 {
                return Err(Fault::new(
                    item.span.clone(),
                    format!(
                        "{} is SYNCHRONIZED after a table of varying length, so its position is uncertain",
                        shown(item.label())
                    ),
                ));
            }
            let Some(object) = item.redefines else {
                let offset = end.next_multiple_of(boundary);
                end = offset + self.item(child, offset)?;
                continue;
            };
            let (area, length) =
                (self.items[object.index()].offset, self.items[object.index()].length_in_all());
            if area % boundary != 0 {
                return Err(Fault::new(
                    item.span.clone(),
                    format!(
                        "{} needs a boundary of {boundary} bytes, and {}, which it redefines, is at offset {area}",
                        shown(item.label()),
                        shown(self.items[object.index()].label())
                    ),
                ));
            }
            let view = self.item(child, area)?;
            if view > length {
                if self.varying > 0 {
                    return Err(Fault::new(
                        self.items[child.index()].span.clone(),
                        format!(
                            "{} is longer than {}, which it redefines after a table of varying length, so what \
                             follows is in an uncertain position",
                            shown(self.items[child.index()].label()),
                            shown(self.items[object.index()].label())
                        ),
                    ));
                }
                // As IBM's compilers do: the area is as long as its longest view.
                self.notes.push(format!(
                    "{} has {view} bytes, more than the {length} of {}, which it redefines: the area has as many bytes \
                     as its longest view",
                    shown(self.items[child.index()].label()),
                    shown(self.items[object.index()].label())
                ));
                end = end.max(area + view);
            }
        }
        Ok(end - start)
    }
}
