//! Tables made differently: columns in another order or narrower, triggers, constraints, rules.

use domain::layout::Layout;
use domain::value::FieldType;

use crate::scenario::{Scenario, Stop, Strike, Target, Victim};
use crate::sql::{Dialect, quoted, quoted_table};
use crate::survey::Sample;
use crate::trigger::{self, When, different, key_of};

/// When a column is made narrower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Before the run is opened.
    BeforeRun,
    /// Between staging and promotion.
    BeforePromotion,
}

/// What a trigger does to a row before it enters staging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IntoStaging {
    /// It drops the row.
    Dropped,
    /// It alters a value.
    Altered,
}

/// What a trigger or a constraint does to a row before it enters final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IntoFinal {
    /// It drops the row.
    Dropped,
    /// It alters a value.
    Altered,
    /// It refuses the row.
    Refused,
    /// It writes a row elsewhere.
    WrittenElsewhere,
}

/// A sample and a field of it that can be altered, which is not part of the key.
pub(super) fn alterable<'a>(scenario: &'a Scenario<'_>) -> Result<(&'a Sample, usize, String), Stop> {
    let dialect = scenario.dialect();
    scenario
        .find(|_, layout, at, value| {
            let is_key = layout.key.contains(&at) || layout.fields[at].name == "parent_record_no";
            if is_key { None } else { different(dialect, &layout.fields[at].ty, value) }
        })
        .ok_or(Stop::NotHere("the source has no field that can be altered"))
}

fn victim(layout: &Layout, sample: &Sample, field: usize) -> Victim {
    Victim { record_no: sample.record_no, field: Some(layout.fields[field].name.clone()) }
}

fn ddl_of_final(dialect: Dialect, layout: &Layout) -> Option<String> {
    let statements = match dialect {
        Dialect::Sqlite => sqlite::ddl(layout),
        Dialect::Postgres => postgres::ddl(layout),
    };
    statements.into_iter().next_back()
}

pub(super) async fn other_order(scenario: &Scenario<'_>) -> Strike {
    let (sample, ..) = alterable(scenario)?;
    let layout = scenario.layout(sample);
    let mut reversed = layout.clone();
    reversed.fields.reverse();
    let last = layout.fields.len() - 1;
    reversed.key = layout.key.iter().map(|at| last - at).collect();
    let made = ddl_of_final(scenario.dialect(), &reversed)
        .ok_or_else(|| "no statement creates the final table".to_owned())?;
    let field = scenario.field().await?;
    field.alter(&format!("DROP TABLE {}; {made}", quoted_table(&layout.final_table.name))).await?;
    let (run_id, ended) = field.run(&scenario.request()).await;
    let target = Target::told(format!("{}: its columns are in reverse order", layout.final_table.name));
    field.over(run_id, ended, target, 0).await
}

/// The statement that makes final, with a column that holds less than it must.
fn narrow(dialect: Dialect, layout: &Layout) -> Option<(String, String)> {
    let made = ddl_of_final(dialect, layout)?;
    let is_key = |at: usize| layout.key.contains(&at);
    layout.fields.iter().enumerate().filter(|(at, _)| !is_key(*at)).find_map(|(_, field)| {
        let less = match (dialect, field.ty) {
            (Dialect::Sqlite, FieldType::Decimal { .. }) => "REAL",
            (Dialect::Sqlite, FieldType::Text { .. }) => "INTEGER",
            // A narrower column of the same kind may hold every value of the source, and is no defect then.
            (Dialect::Postgres, FieldType::Decimal { .. } | FieldType::Integer) => "real",
            (Dialect::Postgres, FieldType::Text { .. }) => "\"char\"",
            _ => return None,
        };
        let name = quoted(&field.name);
        let lines: Vec<_> = made
            .lines()
            .map(|line| match line.trim_start().strip_prefix(&name) {
                Some(rest) if rest.starts_with(' ') => {
                    let not_null = if rest.contains("NOT NULL") { " NOT NULL" } else { "" };
                    format!("    {name} {less}{not_null},")
                }
                _ => line.to_owned(),
            })
            .collect();
        Some((
            lines.join("\n"),
            format!("{}: column {} is narrowed to {less}", layout.final_table.name, field.name),
        ))
    })
}

pub(super) async fn narrower(moment: Moment, scenario: &Scenario<'_>) -> Strike {
    let (sample, ..) = alterable(scenario)?;
    let layout = scenario.layout(sample);
    let (made, told) =
        narrow(scenario.dialect(), layout).ok_or(Stop::NotHere("no column of final can be made narrower"))?;
    let sql = format!("DROP TABLE {}; {made}", quoted_table(&layout.final_table.name));
    let field = scenario.field().await?;
    if moment == Moment::BeforeRun {
        field.alter(&sql).await?;
        let (run_id, ended) = field.run(&scenario.request()).await;
        return field.over(run_id, ended, Target::told(told), 0).await;
    }
    let run_id = field.stage().await?;
    field.alter(&sql).await?;
    let ended = field.approve(run_id).await;
    field.over(Some(run_id), ended, Target::told(told), 0).await
}

pub(super) async fn into_staging(what: IntoStaging, scenario: &Scenario<'_>) -> Strike {
    let (sample, at, literal) = alterable(scenario)?;
    let layout = scenario.layout(sample);
    let is_it = format!("NEW.record_no = {}", sample.record_no);
    let (sql, victim, told) = if what == IntoStaging::Dropped {
        let sql = trigger::dropping(scenario.dialect(), &layout.staging, &is_it);
        let lost = Victim { record_no: sample.record_no, field: None };
        (sql, lost, format!("a trigger drops record {}", sample.record_no))
    } else {
        let column = quoted(&layout.fields[at].name);
        let of = "run_id = NEW.run_id AND record_no = NEW.record_no";
        let sql = trigger::altering(scenario.dialect(), &layout.staging, &is_it, (&column, &literal), of);
        (sql, victim(layout, sample, at), format!("a trigger alters {column} of record {}", sample.record_no))
    };
    let field = scenario.field().await?;
    field.alter(&sql).await?;
    let (run_id, ended) = field.run(&scenario.request()).await;
    field.over(run_id, ended, Target { victims: vec![victim], part: Some("chunk".into()), told }, 0).await
}

pub(super) async fn into_final(what: IntoFinal, scenario: &Scenario<'_>) -> Strike {
    let dialect = scenario.dialect();
    let (sample, at, literal) = alterable(scenario)?;
    let layout = scenario.layout(sample);
    if layout.is_attached() {
        return Err(Stop::NotHere("rows are attached to final, and none is inserted"));
    }
    let table = &layout.final_table.name;
    let is_it = key_of(dialect, layout, sample, When::New);
    let record = sample.record_no;
    let (sql, victims, told) = match what {
        IntoFinal::Dropped => (
            trigger::dropping(dialect, table, &is_it),
            vec![Victim { record_no: record, field: None }],
            format!("a trigger drops record {record}"),
        ),
        IntoFinal::Altered => {
            let column = quoted(&layout.fields[at].name);
            let of = key_of(dialect, layout, sample, When::There);
            (
                trigger::altering(dialect, table, &is_it, (&column, &literal), &of),
                vec![victim(layout, sample, at)],
                format!("a trigger alters {column} of record {record}"),
            )
        }
        IntoFinal::Refused => (
            trigger::refusing(dialect, table, &is_it),
            Vec::new(),
            format!("a trigger rejects record {record} in final"),
        ),
        IntoFinal::WrittenElsewhere => {
            let sql = format!(
                "CREATE TABLE drill_elsewhere (n INTEGER); {}",
                trigger::after(dialect, table, &is_it, "INSERT INTO drill_elsewhere VALUES (1)")
            );
            (sql, Vec::new(), format!("a trigger on record {record} writes into another table"))
        }
    };
    let field = scenario.field().await?;
    field.alter(&sql).await?;
    let (run_id, ended) = field.run(&scenario.request()).await;
    field.over(run_id, ended, Target { victims, part: None, told }, 0).await
}

/// Final drops rows without a word: by a clause of SQLite's, by a rule of PostgreSQL's.
pub(super) async fn dropping(scenario: &Scenario<'_>) -> Strike {
    let dialect = scenario.dialect();
    let (sample, at, _) = alterable(scenario)?;
    let layout = scenario.layout(sample);
    let table = quoted_table(&layout.final_table.name);
    let field = scenario.field().await?;
    let sql = match dialect {
        Dialect::Sqlite => {
            let made = ddl_of_final(dialect, layout)
                .ok_or_else(|| "no statement creates the final table".to_owned())?;
            let unique = format!(
                "    UNIQUE ({}) ON CONFLICT IGNORE,\n    PRIMARY KEY",
                quoted(&layout.fields[at].name)
            );
            format!("DROP TABLE {table}; {}", made.replacen("    PRIMARY KEY", &unique, 1))
        }
        Dialect::Postgres => format!(
            "CREATE RULE drill_dropping AS ON INSERT TO {table} WHERE {} DO INSTEAD NOTHING",
            key_of(dialect, layout, sample, When::New)
        ),
    };
    field.alter(&sql).await?;
    let (run_id, ended) = field.run(&scenario.request()).await;
    field
        .over(run_id, ended, Target::told(format!("{} drops rows silently", layout.final_table.name)), 0)
        .await
}
