//! Values changed in staging: amounts and content.

use super::values::{Change, Damage, changes};
use crate::scenario::{Scenario, Stop, Strike, Target, Victim};
use crate::sql::{Dialect, quoted, quoted_table};

/// Changes a value, or two, in staging.
pub(super) async fn altered(damage: Damage, scenario: &Scenario<'_>) -> Strike {
    let (changes, told) = changes(damage, scenario)
        .ok_or(Stop::NotHere("no field of the source holds a value that this defect can change"))?;
    let layout = |change: &Change| &scenario.fixture.job.records[change.place].layout;
    let field = scenario.field().await?;
    let run_id = field.stage().await?;
    let mut is_changed = false;
    let mut victims = Vec::new();
    for change in &changes {
        let (layout, at) = (layout(change), Scenario::is_record(run_id, change.record_no));
        let (table, column) = (quoted_table(&layout.staging), quoted(&layout.fields[change.field].name));
        let stored = format!("SELECT {} FROM {table} WHERE {at}", scenario.dialect().shown(&column));
        let before = field.shadow.client.text(&stored).await?;
        let sql = format!("UPDATE {table} SET {column} = {} WHERE {at}", change.literal);
        if let Err(error) = field.shadow.client.execute(&sql).await {
            return field.prevented(format!("the column does not accept the value: {error}"), told).await;
        }
        is_changed |= field.shadow.client.text(&stored).await? != before;
        let name = layout.fields[change.field].name.clone();
        victims.push(Victim { record_no: change.record_no, field: Some(name) });
    }
    if !is_changed {
        return field
            .prevented("the column's type has no such value; the stored value did not change".into(), told)
            .await;
    }
    let ended = field.approve(run_id).await;
    field.over(Some(run_id), ended, Target { victims, part: None, told }, 0).await
}

/// A reject's kept bytes are not the source's any more.
pub(super) async fn reject_altered(scenario: &Scenario<'_>) -> Strike {
    let reject =
        *scenario.fixture.survey.rejects.first().ok_or(Stop::NotHere("the source has no rejects"))?;
    let field = scenario.field().await?;
    let run_id = field.stage().await?;
    let more = match scenario.dialect() {
        Dialect::Sqlite => "CAST(raw || x'20' AS BLOB)",
        Dialect::Postgres => "raw || '\\x20'::bytea",
    };
    let sql =
        format!("UPDATE crossfoot_reject SET raw = {more} WHERE {}", Scenario::is_record(run_id, reject));
    field.damage(&sql).await?;
    let ended = field.approve(run_id).await;
    let target = Target::records(format!("reject {reject}: a byte is appended"), [reject]);
    field.over(Some(run_id), ended, target, 0).await
}
