//! The clause that says how often an item occurs.

use std::ops::Range;

use super::cursor::Cursor;
use super::entry::{CLAUSES, Reference, reference, usage_of};
use super::error::{Checked, Fault};

#[derive(Debug, Clone)]
pub(super) struct OccursClause {
    pub(super) min: usize,
    pub(super) max: usize,
    pub(super) depending: Option<Reference>,
    pub(super) span: Range<usize>,
}

pub(super) fn occurs(cursor: &mut Cursor<'_>, span: Range<usize>) -> Checked<OccursClause> {
    let first = cursor.integer("the number of occurrences")?;
    let second = if cursor.take("TO") {
        if cursor.word() == Some("UNBOUNDED") {
            return Err(cursor.unexpected("a greatest number of occurrences; UNBOUNDED is not supported"));
        }
        Some(cursor.integer("the greatest number of occurrences")?)
    } else {
        None
    };
    let _ = cursor.take("TIMES");
    let depending = if cursor.take("DEPENDING") {
        let _ = cursor.take("ON");
        Some(reference(cursor, "the name of the item that holds the number of occurrences")?)
    } else {
        None
    };
    // How a program searches a table says nothing of its bytes.
    loop {
        if cursor.take("ASCENDING") || cursor.take("DESCENDING") {
            let _ = cursor.take("KEY");
            let _ = cursor.take("IS");
            names(cursor, "the name of a key")?;
        } else if cursor.take("INDEXED") {
            let _ = cursor.take("BY");
            names(cursor, "the name of an index")?;
        } else {
            break;
        }
    }
    let span = span.start..cursor.end();
    let (min, max) = match (second, &depending) {
        (Some(max), Some(_)) => (first, max),
        (None, None) => (first, first),
        // Without the lower bound it is 1 ("OCCURS DEPENDING ON clause", Language Reference).
        (None, Some(_)) => (1, first),
        (Some(_), None) => {
            return Err(Fault::new(span, "found OCCURS ... TO without DEPENDING ON"));
        }
    };
    if max == 0 || min > max {
        return Err(Fault::new(span, format!("an item cannot occur {min} to {max} times")));
    }
    Ok(OccursClause { min, max, depending, span })
}

/// One or more names, up to the next clause.
fn names(cursor: &mut Cursor<'_>, what: &str) -> Checked<()> {
    reference(cursor, what)?;
    while cursor.word().is_some_and(|word| {
        !CLAUSES.contains(&word)
            && usage_of(word).is_none()
            && !matches!(word, "ASCENDING" | "DESCENDING" | "INDEXED" | "IS" | "VOLATILE")
    }) {
        reference(cursor, what)?;
    }
    Ok(())
}
