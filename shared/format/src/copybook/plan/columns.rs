//! The names of columns.
//!
//! 1. An item's name in small letters with `_` for `-`: `ACCT-ID` is `acct_id`. An `_` precedes a digit.
//! 2. Items that would share a name are qualified, all of them, by the nearest named group around each, then by the
//!    next, until they differ: `SHIP.ADDR` and `BILL.ADDR` are `ship_addr` and `bill_addr`. The record's own name
//!    comes last. An item whose name is reserved is qualified in the same way.
//! 3. The occurrence follows, a number for each table: `amount_1`, `amount_2`, `cell_1_1`. What rule 2 compares is
//!    the name with these numbers.
//!
//! Names longer than [`COLUMN_CHARS_MAX`] and names that groups do not tell apart are refused.

use std::collections::HashMap;

use super::super::error::{Checked, Fault, shown};
use super::super::limits::COLUMN_CHARS_MAX;
use super::super::{Copybook, ItemId};
use super::Field;

/// The column name for a COBOL name.
#[must_use]
pub fn column_name(name: &str) -> String {
    let mut column: String =
        name.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect();
    if column.starts_with(|c: char| c.is_ascii_digit()) {
        column.insert(0, '_');
    }
    column
}

/// A column name for each of `fields`.
pub(super) fn names(copybook: &Copybook, fields: &[Field], reserved: &[String]) -> Checked<Vec<String>> {
    // Of each item, its name and those of its groups, innermost first, and how many of them are used.
    let mut parts: HashMap<ItemId, (Vec<String>, usize)> = HashMap::new();
    for field in fields {
        parts.entry(field.item).or_insert_with(|| (qualifiers(copybook, field.item), 1));
    }
    loop {
        let names: Vec<String> = fields.iter().map(|field| name(field, &parts)).collect();
        let mut owners: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, name) in names.iter().enumerate() {
            owners.entry(name).or_default().push(index);
        }
        let is_taken = |name: &str| reserved.iter().any(|reserved| reserved == name);
        let mut clashing: Vec<ItemId> = Vec::new();
        for (name, owners) in &owners {
            if owners.len() > 1 || is_taken(name) {
                clashing.extend(owners.iter().map(|index| fields[*index].item));
            }
        }
        if clashing.is_empty() {
            return checked_lengths(copybook, fields, names);
        }
        clashing.sort_unstable();
        clashing.dedup();
        let mut qualified = false;
        for item in &clashing {
            if let Some((all, used)) = parts.get_mut(item)
                && *used < all.len()
            {
                *used += 1;
                qualified = true;
            }
        }
        if !qualified {
            let item = copybook.item(clashing[clashing.len() - 1]);
            return Err(Fault::new(
                item.span.clone(),
                format!("the column name of {} is already used or reserved", shown(item.label())),
            )
            .advise("omit one of them, or rename it in the copybook"));
        }
    }
}

fn qualifiers(copybook: &Copybook, id: ItemId) -> Vec<String> {
    let mut all = Vec::new();
    let mut up = Some(id);
    while let Some(id) = up {
        let item = copybook.item(id);
        all.extend(item.name.as_deref().map(str::to_owned));
        up = item.parent;
    }
    all
}

fn name(field: &Field, parts: &HashMap<ItemId, (Vec<String>, usize)>) -> String {
    let Some((all, used)) = parts.get(&field.item) else { return String::new() };
    let words: Vec<&str> = all.iter().take(*used).rev().map(String::as_str).collect();
    let mut name = column_name(&words.join("-"));
    for occurrence in &field.occurrences {
        name.push_str(&format!("_{occurrence}"));
    }
    name
}

fn checked_lengths(copybook: &Copybook, fields: &[Field], names: Vec<String>) -> Checked<Vec<String>> {
    for (field, name) in fields.iter().zip(&names) {
        if name.len() > COLUMN_CHARS_MAX {
            let item = copybook.item(field.item);
            return Err(Fault::new(
                item.span.clone(),
                format!("the column name {} is longer than {COLUMN_CHARS_MAX} characters", shown(name)),
            )
            .advise("omit the item, or rename it in the copybook"));
        }
    }
    Ok(names)
}
