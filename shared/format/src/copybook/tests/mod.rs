//! Copybooks as their users see them: text on one side, tables of items, offsets and columns on the other.

mod copies;
mod layouts;
mod pictures;
mod plans;
mod properties;
mod refusals;
mod samples;
mod syntax;

use super::plan::{Plan, PlanOptions};
use super::{Copybook, CopybookError, ItemId, ParseOptions, ReferenceFormat};

pub(super) const FREE: ParseOptions =
    ParseOptions { format: ReferenceFormat::Free, currency: '$', decimal_comma: false };

pub(super) fn free(text: &str) -> Result<Copybook, CopybookError> {
    Copybook::parse("test.cpy", text, FREE)
}

pub(super) fn fixed(text: &str) -> Result<Copybook, CopybookError> {
    Copybook::parse("test.cpy", text, ParseOptions::default())
}

/// `level name offset length`, one line an item, each below its group.
pub(super) fn table(copybook: &Copybook) -> Vec<String> {
    fn below(copybook: &Copybook, id: ItemId, out: &mut Vec<String>) {
        let item = copybook.item(id);
        let mut line = format!(
            "{:02} {} {} {}",
            item.level,
            item.name.as_deref().unwrap_or("-"),
            item.offset,
            item.length
        );
        if let Some(occurs) = item.occurs {
            line.push_str(&format!(" x{}", occurs.max));
        }
        out.push(line);
        for child in &item.children {
            below(copybook, *child, out);
        }
    }
    let mut out = Vec::new();
    for record in copybook.records() {
        below(copybook, *record, &mut out);
    }
    out
}

/// `column base length`, one line a column; `~n` where n tables move it.
pub(super) fn columns(plan: &Plan) -> Vec<String> {
    let line = |field: &super::plan::Field| {
        let moved = if field.offset.after > 0 { format!("~{}", field.offset.after) } else { String::new() };
        format!("{} {}{moved} {}", field.column, field.offset.base, field.length)
    };
    plan.fields.iter().map(line).collect()
}

pub(super) fn plan(text: &str) -> Result<Plan, CopybookError> {
    free(text)?.plan(&PlanOptions::default())
}

pub(super) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
