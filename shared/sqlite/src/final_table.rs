//! The final table, which may be the user's own: whether it can take the job's records, and prove that it took them.
//!
//! SQLite holds every value in a column whose affinity does not turn it into another one, however long it is. So a
//! column fits or does not, whatever the records are.

use std::path::Path;

use domain::layout::Layout;
use domain::value::FieldType;
use domain::words::plural;
use rusqlite::{Connection, OptionalExtension};
use store::StoreError;
use store::made_table::{Written, written_columns};
use store::names::{quoted, table as quoted_table};
use store::own_table::{ColumnLook, TableLook, Verdict};

use super::connect::read_only;
use super::found::{Found, TYPES, affinity, column_type, conflict_handling, found_columns, words_of};

/// What is known of a final table that can take the records.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// The column that names the record of a row.
    pub(crate) lineage: Option<String>,
}

/// Compares the final table with the job. `None`: it is not there.
pub(crate) fn check(connection: &Connection, layout: &Layout) -> Result<Option<Shape>, StoreError> {
    let Some((look, shape)) = look_at(connection, layout)? else { return Ok(None) };
    let TableLook { table, differences, .. } = look;
    if differences.is_empty() {
        Ok(Some(shape))
    } else {
        Err(StoreError::TableDiffers { table, differences })
    }
}

/// Compares the final table as it is now: it may have been recreated since the run was prepared.
pub(crate) fn check_again(connection: &Connection, layout: &Layout) -> Result<Shape, StoreError> {
    check(connection, layout)?.ok_or_else(|| StoreError::TableDiffers {
        table: layout.final_table.name.to_string(),
        differences: vec!["it does not exist".into()],
    })
}

/// Looks at the final tables of a store's file that are there; nothing is changed.
///
/// # Errors
/// [`StoreError`] of the database.
pub fn look(path: &Path, layouts: &[&Layout]) -> Result<Vec<TableLook>, StoreError> {
    let connection = read_only(path)?;
    let looks = layouts.iter().map(|layout| look_at(&connection, layout));
    looks.filter_map(Result::transpose).map(|looked| looked.map(|(look, _)| look)).collect()
}

/// Looks at the final table. `None`: it is not there.
fn look_at(connection: &Connection, layout: &Layout) -> Result<Option<(TableLook, Shape)>, StoreError> {
    let name = &layout.final_table.name;
    let kind: Option<String> = connection
        .query_row(
            "SELECT type FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE",
            [name.name()],
            |row| row.get(0),
        )
        .optional()?;
    let Some(kind) = kind else { return Ok(None) };
    let mut look = TableLook::of(name.to_string());
    match kind.as_str() {
        "table" => {}
        "view" => {
            look.differences.push("it is a view, not a table; name the table below it in `final`".into());
            return Ok(Some((look, Shape::default())));
        }
        other => {
            look.differences
                .push(format!("it is a {other} table, whose rows are not SQLite's own; load a table"));
            return Ok(Some((look, Shape::default())));
        }
    }
    look.differences.extend(conflict_handling(connection, name)?);
    let found = found_columns(connection, name)?;
    let shape = of_columns(&found, layout, &mut look);
    of_key(connection, &found, layout, &mut look)?;
    of_triggers(connection, layout, &mut look)?;
    let keys: u64 = connection.query_row(
        "SELECT count(DISTINCT id) FROM pragma_foreign_key_list(?1)",
        [name.name()],
        |row| row.get(0),
    )?;
    if keys > 0 {
        look.notes.push(
            "it has foreign keys: a record that breaks one fails the run at its promotion; a `references` rule names such \
             records, and can hold them"
                .into(),
        );
    }
    Ok(Some((look, shape)))
}

/// Whether a column of this affinity keeps the values of a field as they are. NUMERIC turns only texts that look like
/// numbers into numbers, which no day or time does.
fn keeps(affinity: &str, ty: &FieldType) -> bool {
    match ty {
        FieldType::Text { .. } | FieldType::Decimal { .. } => affinity == "TEXT",
        FieldType::Date | FieldType::Timestamp | FieldType::Instant => {
            ["TEXT", "NUMERIC"].contains(&affinity)
        }
        FieldType::Integer | FieldType::Boolean => ["INTEGER", "NUMERIC"].contains(&affinity),
        FieldType::Bytes => affinity == "BLOB",
    }
}

fn of_columns(found: &[Found], layout: &Layout, look: &mut TableLook) -> Shape {
    let wanted = written_columns(layout, |name| {
        let is_it = |there: &&Found| there.name.eq_ignore_ascii_case(name);
        found.iter().find(is_it).is_some_and(|there| affinity(&there.ty) == "INTEGER" && !there.generated)
    });
    for (name, written) in &wanted {
        if !found.iter().any(|there| there.name.eq_ignore_ascii_case(name)) {
            look.differences.push(TYPES.missing(name, *written, layout));
        }
    }
    for there in found {
        let written = wanted.iter().find(|(name, _)| name.eq_ignore_ascii_case(&there.name));
        let before = look.differences.len();
        let stores = affinity(&there.ty);
        let (field, needs, is_kept, mut note) = match written.map(|(_, written)| written) {
            Some(Written::Field(at)) => {
                let field = &layout.fields[*at];
                if there.not_null && !field.required && there.key_place == 0 {
                    look.differences.push(format!(
                        "column {} is NOT NULL, but the job does not require it; say `required = true` in the field",
                        there.name
                    ));
                }
                (Some(field.name.clone()), column_type(&field.ty), keeps(stores, &field.ty), None)
            }
            Some(Written::Run) => (None, "TEXT", stores == "TEXT", Some("the run's id".into())),
            Some(Written::RecordNo) => {
                (None, "INTEGER", stores == "INTEGER", Some("the record's number".into()))
            }
            None => (None, stores, true, unwritten(there, look)),
        };
        if !is_kept {
            look.differences.push(format!(
                "column {} is declared as {}, which stores {stores}, but the job needs {needs}; make the table with such a \
                 column",
                there.name,
                if there.ty.is_empty() { "without a type" } else { &there.ty },
            ));
        }
        if there.generated && written.is_some() {
            look.differences.push(format!(
                "column {} is generated, but the job writes it; map the field to another column with `column`",
                there.name
            ));
        }
        let differs = look.differences.len() > before;
        if differs {
            note = look.differences.last().cloned();
        }
        let verdict = match (differs, written) {
            (true, _) => Verdict::DoesNotFit,
            (false, None) => Verdict::NotWritten,
            (false, Some(_)) => Verdict::Fits,
        };
        look.columns.push(ColumnLook {
            column: there.name.clone(),
            ty: there.ty.clone(),
            field,
            verdict,
            note,
        });
    }
    let lineage = wanted.iter().find(|(_, written)| matches!(written, Written::RecordNo));
    Shape { lineage: lineage.map(|(name, _)| (*name).to_owned()) }
}

/// Where a column that the job does not write has its value from.
fn unwritten(there: &Found, look: &mut TableLook) -> Option<String> {
    let filled_by = if there.generated {
        Some("generated by the database")
    } else if there.has_default {
        Some("filled by its default")
    } else {
        (there.key_place > 0 && affinity(&there.ty) == "INTEGER").then_some("numbered by the database")
    };
    look.unwritten((&there.name, &there.ty), filled_by, there.not_null)
}

/// A row must be found again by its key, and by nothing less.
fn of_key(
    connection: &Connection,
    found: &[Found],
    layout: &Layout,
    look: &mut TableLook,
) -> Result<(), StoreError> {
    let wanted: Vec<_> = layout.key_columns().iter().map(|name| name.to_ascii_lowercase()).collect();
    let is_it = |key: &[String]| key.len() == wanted.len() && wanted.iter().all(|name| key.contains(name));
    let mut key: Vec<_> = found.iter().filter(|there| there.key_place > 0).collect();
    key.sort_by_key(|there| there.key_place);
    let primary: Vec<_> = key.iter().map(|there| there.name.to_ascii_lowercase()).collect();
    let name = layout.final_table.name.name();
    let mut statement = connection.prepare(
        "SELECT l.name, lower(x.name), x.coll = 'BINARY' FROM pragma_index_list(?1) l
         JOIN pragma_index_xinfo(l.name) x ON x.key = 1 WHERE l.\"unique\" AND NOT l.partial ORDER BY l.seq, x.seqno",
    )?;
    let mut indexes: Vec<(String, Vec<String>, bool)> = Vec::new();
    let mut rows = statement.query([name])?;
    while let Some(row) = rows.next()? {
        // An expression has no name.
        let (index, column, is_bytewise): (String, Option<String>, bool) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let column = column.unwrap_or_default();
        match indexes.last_mut().filter(|(last, ..)| *last == index) {
            Some((_, columns, all)) => {
                columns.push(column);
                *all &= is_bytewise;
            }
            None => indexes.push((index, vec![column], is_bytewise)),
        }
    }
    let by_rowid = primary.len() == 1 && is_it(&primary) && !indexes.iter().any(|(_, key, _)| is_it(key));
    if by_rowid || indexes.iter().any(|(_, key, is_bytewise)| is_it(key) && *is_bytewise) {
        return Ok(());
    }
    if indexes.iter().any(|(_, key, _)| is_it(key)) {
        look.differences.push(format!(
            "the key ({}) has a collation that treats different texts as equal; the job needs COLLATE BINARY",
            wanted.join(", ")
        ));
        return Ok(());
    }
    let shown = if key.is_empty() { "none".into() } else { format!("({})", primary.join(", ")) };
    look.differences.push(format!(
        "primary key is {shown}, but the job needs ({0}); add a primary key or a unique index over ({0}), or change the \
         job's `key`",
        layout.key_columns().join(", ")
    ));
    Ok(())
}

/// Triggers may do anything. What they do to the rows is proven, and what they do elsewhere is counted, unless the job
/// lists them.
fn of_triggers(connection: &Connection, layout: &Layout, look: &mut TableLook) -> Result<(), StoreError> {
    let mut statement = connection.prepare(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?1) ORDER BY name",
    )?;
    let rows = statement.query_map([layout.final_table.name.name()], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    let there: Vec<(String, String)> = rows.collect::<Result<_, _>>()?;
    let there: Vec<_> = there.iter().filter(|(_, sql)| !is_of_deletes(sql)).map(|(name, _)| name).collect();
    let listed = &layout.final_table.triggers;
    for name in listed.iter().filter(|name| !there.iter().any(|there| there.eq_ignore_ascii_case(name))) {
        look.differences.push(format!(
            "`triggers` lists {name}, but the table has no such trigger on INSERT or UPDATE; remove it from the list"
        ));
    }
    for name in there {
        if listed.iter().any(|one| one.eq_ignore_ascii_case(name)) {
            look.notes.push(format!(
                "trigger {name}: what it changes in other tables is neither counted nor proven"
            ));
        } else if listed.is_empty() {
            look.notes.push(format!(
                "trigger {name}: the run fails at its promotion if it alters what the job writes, or rows of another \
                 table; list it in `triggers` if it may change other tables"
            ));
        } else {
            look.differences.push(format!(
                "trigger {name} is not listed in `triggers`; list every trigger of the table there, or none"
            ));
        }
    }
    Ok(())
}

/// Whether a trigger runs on DELETE alone: what its statement names first.
fn is_of_deletes(sql: &str) -> bool {
    let words = sql.to_ascii_uppercase();
    words.split_whitespace().find(|word| ["INSERT", "UPDATE", "DELETE"].contains(word)) == Some("DELETE")
}

/// Refuses rows that break a foreign key which SQLite would look at only when the transaction is committed.
pub(crate) fn foreign_keys_hold(connection: &Connection, layout: &Layout) -> Result<(), StoreError> {
    let table = &layout.final_table.name;
    if !words_of(connection, table)?.contains("DEFERRED") {
        return Ok(());
    }
    let broken: u64 =
        connection.query_row("SELECT count(*) FROM pragma_foreign_key_check(?1)", [table.name()], |row| {
            row.get(0)
        })?;
    if broken == 0 {
        return Ok(());
    }
    Err(StoreError::FinalRefused {
        reason: format!(
            "the foreign keys of {} are broken by {}",
            quoted_table(table),
            plural(broken, "row")
        ),
    })
}

/// How the key of a row `f` of final is compared with that of the staged record `s`; nothing where there is no key.
pub(crate) fn same_key(layout: &Layout) -> Vec<String> {
    let equal = layout
        .key
        .iter()
        .map(|at| format!("f.{} = s.{}", quoted(layout.column(*at)), quoted(&layout.fields[*at].name)));
    equal.collect()
}
