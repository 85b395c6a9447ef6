//! Tables of varying length, as a record is gone through.

use super::super::error::{Checked, Fault, shown};
use super::super::limits::TABLES_MAX;
use super::super::{Item, ItemId};
use super::views::is_in;
use super::walk::Walker;
use super::{Following, Offset, Table};

impl Walker<'_> {
    /// Notes a table of varying length that begins at `at`.
    pub(super) fn begin_table(
        &mut self,
        id: ItemId,
        item: &Item,
        count: ItemId,
        at: Offset,
    ) -> Checked<usize> {
        let (min, max) = item.occurs.map_or((1, 1), |occurs| (occurs.min, occurs.max));
        let index = self.plan.tables.len();
        if index == TABLES_MAX {
            return Err(Fault::new(
                item.span.clone(),
                format!("the record has more than {TABLES_MAX} tables of varying length"),
            ));
        }
        // The tables around a count are around its table as well.
        let around = self.tables_around(count);
        let key = (count, self.occurrences.get(..around).unwrap_or_default().to_vec());
        let Some(count) = self.count_of.get(&key).copied() else {
            let (table, of) = (shown(item.label()), shown(self.copybook.item(count).label()));
            if !is_in(self.copybook, count, self.root) {
                return Err(Fault::new(
                    item.span.clone(),
                    format!("{table} depends on {of}, which is outside the element that is to be a row"),
                )
                .advise("leave that table out, or read the table around it as columns"));
            }
            return Err(Fault::new(
                item.span.clone(),
                format!("the item that {table} depends on does not precede it"),
            ));
        };
        let (path, within, in_rows) = (self.path(id), self.within, self.rows.is_inside);
        self.plan.tables.push(Table {
            path,
            item: id,
            offset: at,
            min,
            max,
            stride: 0,
            count,
            within,
            in_rows,
        });
        Ok(index)
    }

    /// Notes where a table of varying length ends that occurs most often; returns where the item after it begins.
    pub(super) fn end_table(&mut self, index: usize, end: Offset) -> Offset {
        let table = &mut self.plan.tables[index];
        table.stride = (end.base - table.offset.base) / table.max;
        let base = table.offset.base;
        match self.following {
            Following::Stay => end,
            Following::Shift => {
                self.plan.closing.push(index);
                Offset { base, after: self.plan.closing.len() }
            }
        }
    }

    /// How many tables are around an item, inside of what is laid out.
    fn tables_around(&self, id: ItemId) -> usize {
        let mut tables = 0;
        let mut up = Some(id).filter(|id| *id != self.root);
        while let Some(id) = up {
            let item = self.copybook.item(id);
            tables += usize::from(item.occurs.is_some());
            up = item.parent.filter(|id| *id != self.root);
        }
        tables
    }
}
