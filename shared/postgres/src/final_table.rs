//! The final table, which may be the user's own: whether it can take the job's records, and prove that it took them.
//!
//! Nothing of it must be as Crossfoot would make it. What it must be is such that every value can be written to it and
//! read from it as it was, that a row is found again by its key, and that whatever else happens is counted.

use domain::layout::{Layout, Mode};
use domain::table::RunMark;
use domain::value::FieldType;
use sqlx::postgres::PgConnection;
use store::database::Connection as _;
use store::made_table::{Written, written_columns};
use store::names::table as quoted_table;
use store::own_table::{ColumnLook, TableLook, Unfit, Verdict};
use store::{Fence, StoreError, params};

use super::attachable;
use super::fit::{Fit, Stored, TYPES, column_type, fit, stored};
use super::found::{Found, Relation, UNLOGGED, columns_of, not_bytewise, relation};
use super::ledger::Ledger;

/// What is known of a final table that can take the records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    /// How the values of each field travel from its column.
    stored: Vec<Stored>,
    misfits: Vec<Misfit>,
    /// The column that names the record of a row.
    pub(crate) lineage: Option<String>,
}

/// Values of a field that its column does not hold.
#[derive(Debug, Clone)]
struct Misfit {
    field: String,
    column: String,
    ty: String,
    /// Which values fit.
    words: String,
    /// The condition that one does not.
    condition: String,
}

impl Shape {
    /// Appends the columns that `next` gives as the fields of a canonical record.
    pub(crate) fn read<'a>(
        &self,
        out: &mut Vec<u8>,
        layout: &Layout,
        mut next: impl FnMut() -> Option<&'a [u8]>,
    ) {
        for (at, field) in layout.fields.iter().enumerate() {
            self.of(at).read(out, &field.ty, next());
        }
    }

    /// How the values of the field at `at` travel.
    pub(crate) fn of(&self, at: usize) -> Stored {
        self.stored.get(at).copied().unwrap_or(Stored::AsIs)
    }
}

/// What there is about a final table: the good, the bad, and the columns.
pub(crate) struct Looked {
    pub(crate) look: TableLook,
    shape: Shape,
}

/// Compares the final table with the job. `None`: it is not there.
pub(crate) async fn check(
    connection: &mut PgConnection,
    layout: &Layout,
) -> Result<Option<Shape>, StoreError> {
    let Some(looked) = look(connection, layout).await? else { return Ok(None) };
    if looked.look.differences.is_empty() {
        return Ok(Some(looked.shape));
    }
    let TableLook { table, differences, .. } = looked.look;
    Err(StoreError::TableDiffers { table, differences })
}

/// Compares the final table as it is now: it may have been recreated since the run was prepared.
pub(crate) async fn check_again(connection: &mut PgConnection, layout: &Layout) -> Result<Shape, StoreError> {
    match check(connection, layout).await? {
        Some(shape) => Ok(shape),
        None => Err(StoreError::TableDiffers {
            table: layout.final_table.name.to_string(),
            differences: vec!["it does not exist".into()],
        }),
    }
}

/// Looks at the final table. `None`: it is not there.
pub(crate) async fn look(
    connection: &mut PgConnection,
    layout: &Layout,
) -> Result<Option<Looked>, StoreError> {
    let table = &layout.final_table.name;
    let Some(relation) = relation(connection, table).await? else { return Ok(None) };
    let found = columns_of(connection, table).await?;
    let mut look = TableLook::of(table.to_string());
    of_relation(&relation, layout, &mut look);
    if layout.is_attached() {
        attachable::look(connection, &relation, &found, layout, &mut look).await?;
        let lineage = layout.lineage_column().map(str::to_owned);
        return Ok(Some(Looked { look, shape: Shape { lineage, ..Shape::default() } }));
    }
    let shape = of_columns(&found, layout, &mut look);
    of_key(&relation, layout, &mut look);
    of_triggers(&relation, layout, &mut look);
    Ok(Some(Looked { look, shape }))
}

fn of_relation(relation: &Relation, layout: &Layout, look: &mut TableLook) {
    let kind = match relation.kind.as_str() {
        "r" | "p" => None,
        "v" => Some("it is a view, not a table; name the table below it in `final`"),
        "m" => Some("it is a materialized view, not a table; load a table"),
        "f" => Some("it is a foreign table, whose rows are on another server; load a table of this database"),
        _ => Some("it is not a table"),
    };
    look.differences.extend(kind.map(str::to_owned));
    if kind.is_some() {
        return;
    }
    if !relation.is_permanent {
        look.differences.push(UNLOGGED.into());
    }
    for rule in &relation.rules {
        look.differences.push(format!(
            "rule {rule} rewrites what is inserted or updated, so that rows are lost or changed; drop it, or do what \
             it does in a trigger"
        ));
    }
    let user = &relation.user;
    if relation.is_row_security_active {
        look.differences.push(format!(
            "row security applies to user {user}, so that rows may be hidden or refused; load as the table's owner \
             (without FORCE ROW LEVEL SECURITY) or as a role with BYPASSRLS"
        ));
    }
    if !relation.missing_privileges.is_empty() {
        let missing = relation.missing_privileges.join(", ");
        look.differences.push(format!(
            "user {user} may not {missing}; GRANT SELECT, INSERT, UPDATE ON {} TO {user} (promotion locks the \
             table, which needs more than INSERT)",
            quoted_table(&layout.final_table.name)
        ));
    }
    for key in &relation.foreign_keys {
        look.notes.push(format!(
            "foreign key {key}: a record that breaks it fails the run at its promotion; a `references` rule names \
             such records, and can hold them"
        ));
    }
}

fn of_columns(found: &[Found], layout: &Layout, look: &mut TableLook) -> Shape {
    let mut shape = Shape::default();
    let mut travels = vec![Stored::AsIs; layout.fields.len()];
    let numbers = |name: &str| found.iter().any(|there| there.name == name && is_for_numbers(there));
    let wanted = written_columns(layout, numbers);
    let lineage = wanted.iter().find(|(_, written)| matches!(written, Written::RecordNo));
    shape.lineage = lineage.map(|(name, _)| (*name).to_owned());
    for (name, written) in &wanted {
        if !found.iter().any(|there| there.name == *name) {
            look.differences.push(TYPES.missing(name, *written, layout));
        }
    }
    for there in found {
        let written = wanted.iter().find(|(name, _)| *name == there.name).map(|(_, written)| written);
        let before = look.differences.len();
        let (field, mut note) = match written {
            Some(Written::Field(at)) => {
                let note = of_field(there, *at, layout, look, &mut shape);
                travels[*at] = stored(&layout.fields[*at].ty, &there.ty);
                (Some(layout.fields[*at].name.clone()), note)
            }
            Some(Written::Run) => {
                if !matches!(there.ty.as_str(), "uuid" | "text" | "character varying" | "character(36)")
                    && !is_varchar_of(&there.ty, 36)
                {
                    look.differences.push(format!(
                        "column {} is {}, but the job needs uuid for the run's id (or text of 36 characters); name \
                         another column in `run_column`, or a table in `run_table`",
                        there.name, there.declared
                    ));
                }
                (None, Some("the run's id".into()))
            }
            Some(Written::RecordNo) => {
                if there.ty != "bigint" {
                    look.differences.push(format!(
                        "column {} is {}, but the job needs bigint for the record's number",
                        there.name, there.declared
                    ));
                }
                (None, Some("the record's number".into()))
            }
            None => (None, unwritten(there, look)),
        };
        if let (Some(_), Some(written)) = (written, is_unwritable(there)) {
            look.differences.push(format!("column {} {written}", there.name));
        }
        let differs = look.differences.len() > before;
        let verdict = match (differs, written) {
            (true, _) => Verdict::DoesNotFit,
            (false, None) => Verdict::NotWritten,
            (false, Some(_)) if shape.misfits.iter().any(|misfit| misfit.column == there.name) => {
                Verdict::MayNotFit
            }
            (false, Some(_)) => Verdict::Fits,
        };
        if differs {
            note = look.differences[before..].first().cloned();
        }
        look.columns.push(ColumnLook {
            column: there.name.clone(),
            ty: there.declared.clone(),
            field,
            verdict,
            note,
        });
    }
    shape.stored = travels;
    shape
}

/// Whether a record's number can be written into the column.
fn is_for_numbers(there: &Found) -> bool {
    there.ty == "bigint" && is_unwritable(there).is_none()
}

fn is_varchar_of(ty: &str, chars: u32) -> bool {
    let room = ty.strip_prefix("character varying(").and_then(|rest| rest.strip_suffix(')'));
    room.and_then(|room| room.parse::<u32>().ok()).is_some_and(|room| room >= chars)
}

/// Whether the column holds the field's values; which of them, in words, if not all for certain.
fn of_field(
    there: &Found,
    at: usize,
    layout: &Layout,
    look: &mut TableLook,
    shape: &mut Shape,
) -> Option<String> {
    let field = &layout.fields[at];
    let note = match fit(field, &there.ty) {
        Fit::Always => None,
        Fit::If { words, misfit } => {
            let note = words.clone();
            shape.misfits.push(Misfit {
                field: field.name.clone(),
                column: there.name.clone(),
                ty: there.declared.clone(),
                words,
                condition: misfit,
            });
            Some(note)
        }
        Fit::Never(why) => {
            look.differences.push(format!(
                "column {} is {}, but the job needs {} for a field of type {}: {why}",
                there.name,
                there.declared,
                column_type(&field.ty),
                field.ty
            ));
            return None;
        }
    };
    if matches!(field.ty, FieldType::Text { .. }) && !there.bytewise {
        look.differences.push(not_bytewise(&there.name));
    }
    if there.not_null && !field.required && !layout.key.contains(&at) {
        look.differences.push(format!(
            "column {} is NOT NULL, but the job does not require it; say `required = true` in the field",
            there.name
        ));
    }
    note
}

/// Why the job cannot write a column that it has to write.
fn is_unwritable(there: &Found) -> Option<&'static str> {
    if there.generated {
        Some("is generated, but the job writes it; map the field to another column with `column`")
    } else if there.identity == Some("ALWAYS") {
        Some(
            "is GENERATED ALWAYS AS IDENTITY, but the job writes it; make it GENERATED BY DEFAULT, or map the field to \
             another column with `column`",
        )
    } else {
        None
    }
}

/// Where a column that the job does not write has its value from.
fn unwritten(there: &Found, look: &mut TableLook) -> Option<String> {
    let filled_by = if there.generated {
        Some("generated by the database")
    } else if there.identity.is_some() {
        Some("an identity: the database numbers the rows")
    } else {
        there.has_default.then_some("filled by its default")
    };
    look.unwritten((&there.name, &there.declared), filled_by, there.not_null)
}

/// A row must be found again by its key, and by nothing less.
fn of_key(relation: &Relation, layout: &Layout, look: &mut TableLook) {
    if !matches!(relation.kind.as_str(), "r" | "p") {
        return;
    }
    let wanted = layout.key_columns();
    let is_it = |key: &&Vec<String>| {
        key.len() == wanted.len() && wanted.iter().all(|name| key.iter().any(|there| there == name))
    };
    if relation.keys.iter().any(|key| is_it(&key)) {
        return;
    }
    let primary = relation.keys.first().filter(|_| relation.has_primary_key);
    let shown = primary.map_or("none".into(), |key| format!("({})", key.join(", ")));
    look.differences.push(format!(
        "primary key is {shown}, but the job needs ({0}); add a primary key or a unique constraint over ({0}), not \
         deferrable, or change the job's `key`",
        wanted.join(", ")
    ));
}

/// Triggers may do anything. What they do to the rows is proven, and what they do elsewhere is counted, unless the job
/// lists them.
fn of_triggers(relation: &Relation, layout: &Layout, look: &mut TableLook) {
    let listed = &layout.final_table.triggers;
    for name in listed.iter().filter(|name| !relation.triggers.iter().any(|there| there.name == **name)) {
        look.differences.push(format!(
            "`triggers` lists {name}, but the table has no such trigger on INSERT or UPDATE that is enabled; remove it \
             from the list"
        ));
    }
    for trigger in &relation.triggers {
        let (name, when) = (&trigger.name, if trigger.is_before { "before" } else { "after" });
        if listed.contains(name) {
            look.notes.push(format!(
                "trigger {name} ({when}): what it changes in other tables is neither counted nor proven"
            ));
        } else if listed.is_empty() {
            look.notes.push(format!(
                "trigger {name} ({when}): the run fails at its promotion if it alters what the job writes, or rows of \
                 another table; list it in `triggers` if it may change other tables"
            ));
        } else {
            look.differences.push(format!(
                "trigger {name} is not listed in `triggers`; list every trigger of the table there, or none"
            ));
        }
    }
    if layout.mode == Mode::Upsert && matches!(layout.final_table.run, RunMark::Table(_)) {
        look.notes.push("rows that the job replaces are told by `run_table` alone".into());
    }
}

/// Refuses staged records whose values their columns in final do not hold. Nothing was inserted yet.
pub(crate) async fn all_fit(
    connection: &mut PgConnection,
    fence: Fence,
    layout: &Layout,
    shape: &Shape,
    condition: &str,
) -> Result<(), StoreError> {
    if shape.misfits.is_empty() {
        return Ok(());
    }
    let counts: Vec<_> = shape
        .misfits
        .iter()
        .enumerate()
        .map(|(at, Misfit { condition, .. })| {
            format!(
                "count(*) FILTER (WHERE {condition}) AS n{at}, coalesce(min(s.record_no) FILTER (WHERE {condition}), 0) \
                 AS first{at}"
            )
        })
        .collect();
    let sql = format!(
        "SELECT {} FROM {} s WHERE s.run_id = $1{condition}",
        counts.join(", "),
        quoted_table(&layout.staging)
    );
    let row = Ledger(connection).fetch_one(&sql, params![fence.run_id]).await?;
    let mut told = Vec::new();
    for (at, Misfit { field, column, ty, words, .. }) in shape.misfits.iter().enumerate() {
        let count: u64 = row.get(&format!("n{at}"))?;
        if count > 0 {
            let first: u64 = row.get(&format!("first{at}"))?;
            let of = Unfit { field, column, ty, words, count, first };
            told.push(of.to_string());
        }
    }
    if told.is_empty() {
        return Ok(());
    }
    Err(StoreError::FinalRefused { reason: told.join("; ") })
}
