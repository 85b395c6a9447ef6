//! Triggers in the two dialects, and conditions that pick one record of a final table.

use domain::amount::Amount;
use domain::layout::Layout;
use domain::table::TableName;
use domain::value::FieldType;
use jiff::ToSpan as _;

use crate::sql::{Dialect, quoted, quoted_table};
use crate::survey::{Owned, Sample};

/// Which version of a row a condition speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// The one that a trigger fires for.
    New,
    /// Those in the table.
    There,
}

/// The condition that holds of the row of final that `sample` becomes.
pub(crate) fn key_of(dialect: Dialect, layout: &Layout, sample: &Sample, when: When) -> String {
    let prefix = match when {
        When::New => "NEW.",
        When::There => "",
    };
    if layout.key.is_empty() {
        return format!("{prefix}{} = {}", quoted("last_record_no"), sample.record_no);
    }
    let parts = layout.key.iter().map(|at| {
        let (column, value) = (quoted(&layout.fields[*at].name), &sample.values[*at]);
        format!("{prefix}{column} = {}", dialect.literal(&value.value()))
    });
    parts.collect::<Vec<_>>().join(" AND ")
}

/// A value of the same type that is another, as a literal.
pub(crate) fn different(dialect: Dialect, ty: &FieldType, value: &Owned) -> Option<String> {
    let other = match (value, ty) {
        (Owned::Text(text), _) if !text.is_empty() => Owned::Text(format!("{text}x")),
        (Owned::Integer(integer), _) => Owned::Integer(integer.checked_add(1)?),
        (Owned::Decimal(amount), FieldType::Decimal { precision, scale }) => {
            let new = Amount::new(amount.mantissa().checked_add(1)?, *scale).ok()?;
            Owned::Decimal(Some(new).filter(|new| new.digits() <= *precision)?)
        }
        (Owned::Date(date), _) => Owned::Date(date.checked_add(1.day()).ok()?),
        (Owned::Timestamp(at), _) => Owned::Timestamp(at.checked_add(1.hour()).ok()?),
        (Owned::Instant(at), _) => Owned::Instant(at.checked_add(1.hour()).ok()?),
        (Owned::Boolean(truth), _) => Owned::Boolean(!truth),
        _ => return None,
    };
    Some(dialect.literal(&other.value()))
}

fn function(body: &str) -> String {
    format!(
        "CREATE FUNCTION drill_hand() RETURNS trigger LANGUAGE plpgsql AS $drill$ BEGIN {body} END $drill$;"
    )
}

/// Silently drops rows for which `condition` holds.
pub(crate) fn dropping(dialect: Dialect, table: &TableName, condition: &str) -> String {
    let table = quoted_table(table);
    match dialect {
        Dialect::Sqlite => format!(
            "CREATE TRIGGER drill_trigger BEFORE INSERT ON {table} WHEN {condition} BEGIN SELECT RAISE(IGNORE); END"
        ),
        Dialect::Postgres => format!(
            "{} CREATE TRIGGER drill_trigger BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION drill_hand()",
            function(&format!("IF {condition} THEN RETURN NULL; END IF; RETURN NEW;"))
        ),
    }
}

/// A column of such rows gets another value. `there`: the condition that finds the row once it is in the table.
pub(crate) fn altering(
    dialect: Dialect,
    table: &TableName,
    condition: &str,
    (column, literal): (&str, &str),
    there: &str,
) -> String {
    match dialect {
        Dialect::Sqlite => after(
            dialect,
            table,
            condition,
            &format!("UPDATE {} SET {column} = {literal} WHERE {there}", quoted_table(table)),
        ),
        Dialect::Postgres => format!(
            "{} CREATE TRIGGER drill_trigger BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION drill_hand()",
            function(&format!("IF {condition} THEN NEW.{column} := {literal}; END IF; RETURN NEW;")),
            quoted_table(table)
        ),
    }
}

/// Such rows are refused with an error.
pub(crate) fn refusing(dialect: Dialect, table: &TableName, condition: &str) -> String {
    let table = quoted_table(table);
    match dialect {
        Dialect::Sqlite => format!(
            "CREATE TRIGGER drill_trigger BEFORE INSERT ON {table} WHEN {condition} BEGIN SELECT RAISE(ABORT, 'drill: not this row'); END"
        ),
        Dialect::Postgres => format!(
            "{} CREATE TRIGGER drill_trigger BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION drill_hand()",
            function(&format!(
                "IF {condition} THEN RAISE EXCEPTION 'drill: not this row' USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
            ))
        ),
    }
}

/// After such a row was inserted (or replaced), `statement` is run.
pub(crate) fn after(dialect: Dialect, table: &TableName, condition: &str, statement: &str) -> String {
    let table = quoted_table(table);
    match dialect {
        Dialect::Sqlite => format!(
            "CREATE TRIGGER drill_trigger AFTER INSERT ON {table} WHEN {condition} BEGIN {statement}; END;
             CREATE TRIGGER drill_trigger_too AFTER UPDATE ON {table} WHEN {condition} BEGIN {statement}; END"
        ),
        Dialect::Postgres => format!(
            "{} CREATE TRIGGER drill_trigger AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION drill_hand()",
            // A trigger that updates its own table must not call itself for ever.
            function(&format!(
                "IF pg_trigger_depth() = 1 AND {condition} THEN {statement}; END IF; RETURN NULL;"
            ))
        ),
    }
}
