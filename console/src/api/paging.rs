//! Lists in pages, with cursors that clients need not understand.

use schemars::JsonSchema;
use serde::Serialize;

/// How many items a page has unless the request says otherwise.
const LIMIT: u32 = 50;

/// The most items of a page.
const LIMIT_MAX: u32 = 500;

/// One page of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Page<T> {
    /// The items of this page.
    pub(crate) items: Vec<T>,
    /// The `cursor` of the next page; null on the last one.
    pub(crate) next: Option<String>,
}

/// How many items the request wants, within bounds.
pub(crate) fn limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(LIMIT).clamp(1, LIMIT_MAX)
}

impl<T> Page<T> {
    /// A page out of `items`, of which one more than `limit` was asked for. `cursor` names the last item of the page.
    pub(crate) fn of(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_more).map(cursor);
        Self { items, next }
    }
}
