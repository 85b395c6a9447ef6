//! A load that another program made, damaged before it is compared with its source.

use std::collections::{BTreeMap, BTreeSet};

use domain::comparison::DifferenceKind;
use jiff::ToSpan as _;

use super::values::{Damage, changes};
use crate::elsewhere::{Expected, LINE, Loaded, is_line, table_of};
use crate::scenario::{Scenario, Stop, Strike};
use crate::sql::{Dialect, quoted};
use crate::survey::{Edit, Extent, Owned, Sample, bytes_of, edited};

/// A number that no record has.
const ELSEWHERE: i64 = 900_000_000;

/// What becomes of the other program's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// A row is deleted.
    Lost,
    /// A row is there twice.
    Doubled,
    /// A row is deleted, and another is there twice.
    Replaced,
    /// The last rows are missing.
    EndMissing,
    /// The table is empty.
    Emptied,
    /// Every row is there twice.
    AllTwice,
    /// A row is there that no record has.
    Foreign,
    /// A row has another key.
    OtherKey,
    /// The key of a row is NULL.
    NullKey,
    /// A second row has the key of a record, and another value.
    SecondRow,
    /// The keys of two rows are swapped.
    KeysExchanged,
    /// A filter hides a row.
    Filtered,
}

/// How the columns of the target are not what the fields are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// The column of an amount is a float.
    Float,
    /// Two columns are swapped.
    Exchanged,
}

/// What became of a record that the source has twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twice {
    /// The target has it twice as well.
    Both,
    /// The target has it once.
    Once,
}

/// Whether equalities are declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    /// None is.
    Nothing,
    /// Every one that concerns a field's type, for every field that is no key.
    EveryEquality,
}

/// Two records of a type that is compared by key.
fn two<'a>(
    scenario: &'a Scenario<'_>,
    fit: impl Fn(&Sample, &Sample) -> bool,
) -> Result<(&'a Sample, &'a Sample), Stop> {
    let pair = scenario.pair(|one, other| scenario.compared(one.place).is_some() && fit(one, other));
    pair.ok_or(Stop::NotHere("no type with a key has two such records"))
}

/// A key field, and a value that it has in no record.
fn other_key(scenario: &Scenario<'_>, sample: &Sample) -> Result<(String, String), Stop> {
    let layout = scenario.layout(sample);
    let changed = layout.key.iter().find_map(|at| {
        let new = match &sample.values[*at] {
            Owned::Integer(old) => Owned::Integer(old.checked_add(ELSEWHERE)?),
            Owned::Text(old) => {
                let first = old.chars().next()?;
                Owned::Text(format!("~{}", &old[first.len_utf8()..]))
            }
            Owned::Date(old) => Owned::Date(old.checked_add(100.years()).ok()?),
            _ => return None,
        };
        Some((*at, scenario.dialect().literal(&new.value())))
    });
    let (at, literal) = changed.ok_or(Stop::NotHere("no key that can be changed"))?;
    Ok((quoted(layout.column(at)), literal))
}

/// Damages rows.
pub(super) async fn rows(what: Rows, scenario: &Scenario<'_>) -> Strike {
    let fits = |one: &Sample, other: &Sample| {
        let key = &scenario.layout(one).key;
        what != Rows::KeysExchanged
            || (0..one.values.len()).any(|at| !key.contains(&at) && one.values[at] != other.values[at])
    };
    let (one, other) = two(scenario, fits)?;
    let (first, second) = (one.record_no, other.record_no);
    let (here, there, table) = (is_line(first), is_line(second), table_of(one.place));
    let key = other_key(scenario, one)?;
    let field = scenario.field().await?;
    let mut loaded = Loaded::of(field, scenario.fixture.source.clone()).await?;
    let all = format!("SELECT count(*) FROM {table}");
    let copied = format!("{} = {ELSEWHERE}", quoted(LINE));
    let copy = |of: &str| format!("INSERT INTO {table} SELECT * FROM {table} WHERE {of}");
    let change =
        |column: &str, new: &str, of: &str| format!("UPDATE {table} SET {column} = {new} WHERE {of}");
    let at = Expected::of;
    let (missing, doubled) = (DifferenceKind::Missing, DifferenceKind::Doubled);
    let (sql, expected, of, told) = match what {
        Rows::Lost => (
            format!("DELETE FROM {table} WHERE {here}"),
            vec![at(missing, first)],
            1,
            format!("the row of record {first} is deleted"),
        ),
        Rows::Doubled => {
            (copy(&here), vec![at(doubled, first)], 1, format!("the row of record {first} is inserted again"))
        }
        Rows::Replaced => (
            format!("DELETE FROM {table} WHERE {here}; {}", copy(&there)),
            vec![at(missing, first), at(doubled, second)],
            2,
            format!("the row of record {first} is replaced by a copy of that of record {second}"),
        ),
        Rows::EndMissing => {
            let end = format!("{} >= {second}", quoted(LINE));
            let of = loaded.field.shadow.client.number(&format!("{all} WHERE {end}")).await?;
            let told = format!("the rows from record {second} on are deleted");
            (format!("DELETE FROM {table} WHERE {end}"), vec![at(missing, second)], of, told)
        }
        Rows::Emptied | Rows::AllTwice => {
            let of = loaded.field.shadow.client.number(&all).await?;
            let (sql, kind, done) = match what {
                Rows::Emptied => (format!("DELETE FROM {table}"), missing, "deleted"),
                _ => (copy("1 = 1"), doubled, "inserted again"),
            };
            (sql, vec![at(kind, first), at(kind, second)], of, format!("every row is {done}"))
        }
        Rows::Foreign => (
            format!("{}; {}", copy_as(&table, &here, scenario, one), change(&key.0, &key.1, &copied)),
            vec![Expected::extra()],
            1,
            "a row with a key of no record is inserted".into(),
        ),
        Rows::OtherKey => (
            change(&key.0, &key.1, &here),
            vec![at(missing, first), Expected::extra()],
            2,
            format!("the row of record {first} gets a key of no record"),
        ),
        Rows::NullKey => (
            change(&key.0, "NULL", &here),
            vec![at(missing, first), Expected::extra()],
            2,
            format!("a key of the row of record {first} becomes NULL"),
        ),
        Rows::SecondRow => {
            let (layout, values) = (scenario.layout(one), &one.values);
            let own = loaded.target(one.place).map_or(0, |target| target.columns.len());
            let plain = (0..own).find(|at| !layout.key.contains(at) && values[*at] != Owned::Null);
            let plain = quoted(layout.column(plain.ok_or(Stop::NotHere("a record is its key"))?));
            let emptied = change(&plain, "NULL", &copied);
            let told = format!("a second row has the key of record {first}, and a value less");
            let sql = format!("{}; {emptied}", copy_as(&table, &here, scenario, one));
            (sql, vec![at(doubled, first)], 1, told)
        }
        Rows::KeysExchanged => {
            let layout = scenario.layout(one);
            let set = |of: &Sample| {
                let literal = |at: &usize| scenario.dialect().literal(&of.values[*at].value());
                let set =
                    layout.key.iter().map(|at| format!("{} = {}", quoted(layout.column(*at)), literal(at)));
                set.collect::<Vec<_>>().join(", ")
            };
            let sql = format!(
                "UPDATE {table} SET {} WHERE {here}; UPDATE {table} SET {} WHERE {there}",
                set(other),
                set(one)
            );
            let differs = |record_no| at(DifferenceKind::Differs, record_no);
            let told = format!("the keys of the rows of records {first} and {second} are swapped");
            (sql, vec![differs(first), differs(second)], 2, told)
        }
        Rows::Filtered => {
            if let Some(target) = loaded.target(one.place) {
                target.filter = Some(format!("t.{} <> {first}", quoted(LINE)));
            }
            let told = format!("a filter of the target hides the row of record {first}");
            return loaded.over(&[at(missing, first)], 1, told).await;
        }
    };
    loaded.field.damage(&sql).await?;
    loaded.over(&expected, of, told).await
}

/// The statement that inserts a row again, under the number [`ELSEWHERE`].
fn copy_as(table: &str, of: &str, scenario: &Scenario<'_>, sample: &Sample) -> String {
    let names: Vec<_> = scenario.compared(sample.place).map(|table| table.columns).unwrap_or_default();
    let names = store::names::columns("", names.iter().map(String::as_str));
    format!(
        "INSERT INTO {table} ({names}, {0}) SELECT {names}, {ELSEWHERE} FROM {table} WHERE {of}",
        quoted(LINE)
    )
}

/// Changes a value, or two.
pub(super) async fn altered(damage: Damage, declared: Declared, scenario: &Scenario<'_>) -> Strike {
    // A changed key is another defect.
    let scenario = &Scenario { keeps_keys: true, ..*scenario };
    let (changes, told) = changes(damage, scenario)
        .ok_or(Stop::NotHere("no field of the source holds a value that this defect can change"))?;
    if changes.iter().any(|change| !is_compared(scenario, change.place, change.field)) {
        return Err(Stop::NotHere("the field is of no type that is compared by key"));
    }
    let field = scenario.field().await?;
    let mut loaded = Loaded::of(field, scenario.fixture.source.clone()).await?;
    let mut fields = BTreeMap::<u64, BTreeSet<String>>::new();
    let mut is_changed = false;
    for change in &changes {
        let (layout, at) = (&scenario.fixture.job.records[change.place].layout, is_line(change.record_no));
        let (table, column) = (table_of(change.place), quoted(layout.column(change.field)));
        let stored = format!("SELECT {} FROM {table} WHERE {at}", scenario.dialect().shown(&column));
        let client = &loaded.field.shadow.client;
        let before = client.text(&stored).await?;
        let sql = format!("UPDATE {table} SET {column} = {} WHERE {at}", change.literal);
        if let Err(error) = client.execute(&sql).await {
            let why = format!("the column does not accept the value: {error}");
            return loaded.field.prevented(why, told).await;
        }
        is_changed |= client.text(&stored).await? != before;
        fields.entry(change.record_no).or_default().insert(layout.fields[change.field].name.clone());
    }
    if !is_changed {
        let why = "the column's type has no such value; the stored value did not change";
        return loaded.field.prevented(why.into(), told).await;
    }
    if declared == Declared::EveryEquality {
        loaded.declare_equalities();
    }
    let expected: Vec<_> = fields.into_iter().map(differs).collect();
    let of = expected.len() as u64;
    loaded.over(&expected, of, told).await
}

fn differs((record_no, fields): (u64, BTreeSet<String>)) -> Expected {
    Expected { fields: Some(fields), ..Expected::of(DifferenceKind::Differs, record_no) }
}

fn is_compared(scenario: &Scenario<'_>, place: usize, field: usize) -> bool {
    scenario.compared(place).is_some_and(|table| field < table.columns.len())
}

/// Reads other columns of the target than the fields are in.
pub(super) async fn columns(what: Columns, scenario: &Scenario<'_>) -> Strike {
    let scenario = &Scenario { keeps_keys: true, ..*scenario };
    let fits = |sample: &Sample, layout: &domain::layout::Layout, at: usize, value: &Owned| {
        let next = sample.values.get(at + 1);
        let is_fit = match (what, value, next) {
            (Columns::Float, Owned::Decimal(amount), _) => !amount.is_zero(),
            (Columns::Exchanged, Owned::Text(one), Some(Owned::Text(other))) => {
                one != other && !layout.key.contains(&(at + 1)) && is_compared(scenario, sample.place, at + 1)
            }
            _ => false,
        };
        (is_fit && is_compared(scenario, sample.place, at)).then_some(())
    };
    let (sample, at, ()) = scenario.find(fits).ok_or(Stop::NotHere("no such columns"))?;
    let (layout, table) = (scenario.layout(sample), table_of(sample.place));
    let name = |at: usize| layout.fields[at].name.clone();
    let column = |at: usize| quoted(layout.column(at));
    let field = scenario.field().await?;
    let mut loaded = Loaded::of(field, scenario.fixture.source.clone()).await?;
    let (names, differing, told) = match what {
        Columns::Float => {
            let (one, float) = (column(at), quoted(FLOAT));
            let ty = match scenario.dialect() {
                Dialect::Sqlite => "REAL",
                Dialect::Postgres => "double precision",
            };
            let sql = format!(
                "ALTER TABLE {table} ADD COLUMN {float} {ty}; UPDATE {table} SET {float} = CAST({one} AS {ty})"
            );
            loaded.field.damage(&sql).await?;
            (vec![(at, FLOAT.to_owned())], format!("{one} IS NOT NULL"), "its column is a float")
        }
        Columns::Exchanged => {
            let swapped = [(at, layout.column(at + 1)), (at + 1, layout.column(at))];
            let swapped = swapped.map(|(at, name)| (at, name.to_owned())).to_vec();
            let differing = format!("{} IS DISTINCT FROM {}", column(at), column(at + 1));
            (swapped, differing, "its column and the next are swapped")
        }
    };
    let count = format!("SELECT count(*) FROM {table} WHERE {differing}");
    let of = loaded.field.shadow.client.number(&count).await?;
    let fields = names.iter().map(|(at, _)| name(*at)).collect();
    if let Some(target) = loaded.target(sample.place) {
        names.into_iter().for_each(|(at, name)| target.columns[at] = name);
    }
    let told = format!("{}: {told}", name(at));
    loaded.over(&[differs((sample.record_no, fields))], of, told).await
}

/// The column of an amount that is a float.
const FLOAT: &str = "amount_as_a_float";

/// Compares with a source that has a record twice.
pub(super) async fn twice(what: Twice, scenario: &Scenario<'_>) -> Strike {
    let (fixture, survey) = (scenario.fixture, &scenario.fixture.survey);
    if !survey.is_plain || fixture.job.footing.is_some() {
        return Err(Stop::NotHere("the source cannot be edited, or declares its records"));
    }
    let is_fit = |extent: &&Extent| {
        let sample = survey.samples.iter().find(|sample| sample.record_no == extent.record_no);
        sample.is_some_and(|sample| scenario.compared(sample.place).is_some())
    };
    let extent = *survey.details.iter().find(is_fit).ok_or(Stop::NotHere("no type is compared by key"))?;
    let failed = |error: std::io::Error| Stop::Failed(format!("cannot copy the source: {error}"));
    let inserted = bytes_of(&fixture.source, extent).map_err(failed)?;
    let field = scenario.field().await?;
    let source = field.shadow.path("source");
    let edit = Edit { offset: extent.offset, removed: 0, inserted };
    edited(&fixture.source, &source, &[edit]).map_err(failed)?;
    let loaded = Loaded::of(field, source).await?;
    // The copy is in the record's place, and the record follows it.
    let copied = extent.record_no + 1;
    let (kind, target) = match what {
        Twice::Both => (DifferenceKind::Repeated, "as well"),
        Twice::Once => {
            let place = survey.samples.iter().find(|sample| sample.record_no == extent.record_no);
            let table = table_of(place.map_or(0, |sample| sample.place));
            loaded.field.damage(&format!("DELETE FROM {table} WHERE {}", is_line(copied))).await?;
            (DifferenceKind::Missing, "once")
        }
    };
    let told = format!("record {} is in the source twice, and in the target {target}", extent.record_no);
    loaded.over(&[Expected::of(kind, copied)], 1, told).await
}
