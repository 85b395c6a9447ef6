//! What a generated job file says of tables: their elements can be rows of a record type of their own.

use std::fmt::Write as _;

use format::copybook::plan::Plan;
use format::copybook::{Copybook, ItemId};

use super::copybook::identifier;

/// Comments on the tables of a record type, outermost ones; none if it has none.
pub(super) fn remarks(copybook: &Copybook, record: &str, plan: &Plan) -> String {
    let mut tables: Vec<ItemId> = Vec::new();
    for field in plan.fields.iter().filter(|field| !field.occurrences.is_empty()) {
        let (mut table, mut up) = (None, Some(field.item));
        while let Some(id) = up {
            let item = copybook.item(id);
            table = if item.occurs.is_some() { Some(id) } else { table };
            up = item.parent;
        }
        tables.extend(table.filter(|table| !tables.contains(table)));
    }
    let mut out = String::new();
    for name in tables.iter().filter_map(|table| copybook.item(*table).name.as_deref()) {
        let _ = writeln!(
            out,
            "# The elements of {name} can be rows instead of numbered columns. Add a record type:\n\
             # [[record]]\n# name    = \"{}\"\n# parent  = \"{record}\"\n# rows    = \"{name}\"\n\
             # element = \"element_no\"   # the column of the element's number; empty = \"skip\" leaves empty ones out",
            identifier(&name.to_ascii_lowercase(), "element"),
        );
    }
    out
}
