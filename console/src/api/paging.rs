//! Lists in pages, with cursors that clients need not understand.

use schemars::JsonSchema;
use serde::Serialize;

use crate::problem::Problem;

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

/// The number that a cursor is.
pub(crate) fn number(cursor: Option<&str>) -> Result<Option<u64>, Problem> {
    let parse = |text: &str| text.parse().map_err(|_| bad_cursor(text));
    cursor.map(parse).transpose()
}

/// A cursor that no answer had.
pub(crate) fn bad_cursor(text: &str) -> Problem {
    Problem::wrong(format!("`{text}` is not the cursor of a page"))
        .advise("pass the `next` of the page before, or no cursor for the first page")
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

    /// The page with each item made into another.
    pub(crate) fn map<U>(self, of: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(of).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_not_the_last_names_its_end() {
        let page = Page::of(vec![1, 2, 3], 2, ToString::to_string);
        assert_eq!((page.items, page.next.as_deref()), (vec![1, 2], Some("2")));
        let page = Page::of(vec![1, 2], 2, ToString::to_string);
        assert_eq!((page.items, page.next), (vec![1, 2], None));
        assert_eq!((limit(None), limit(Some(0)), limit(Some(9999))), (50, 1, 500));
        assert!(number(Some("x")).is_err() && number(None).is_ok_and(|number| number.is_none()));
    }
}
