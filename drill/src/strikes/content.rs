//! Values changed in staging: amounts and content.

use super::values::{Change, Damage, changes};
use crate::scene::{Scene, Stop, Strike, Target, Victim};
use crate::sql::{Dialect, quoted};

/// Changes a value, or two, in staging.
pub(super) async fn altered(damage: Damage, scene: &Scene<'_>) -> Strike {
    let (changes, told) =
        changes(damage, scene).ok_or(Stop::NotHere("no field of the source holds what it strikes"))?;
    let layout = |change: &Change| &scene.stand.job.records[change.place].layout;
    let field = scene.field().await?;
    let run_id = field.stage().await?;
    let mut is_changed = false;
    let mut victims = Vec::new();
    for change in &changes {
        let (layout, at) = (layout(change), Scene::is_record(run_id, change.record_no));
        let (table, column) = (quoted(&layout.staging), quoted(&layout.fields[change.field].name));
        let stored = format!("SELECT {} FROM {table} WHERE {at}", scene.dialect().shown(&column));
        let before = field.shadow.hand.text(&stored).await?;
        let sql = format!("UPDATE {table} SET {column} = {} WHERE {at}", change.literal);
        if let Err(error) = field.shadow.hand.execute(&sql).await {
            return field.prevented(format!("the column takes no such value: {error}"), told).await;
        }
        is_changed |= field.shadow.hand.text(&stored).await? != before;
        let name = layout.fields[change.field].name.clone();
        victims.push(Victim { record_no: change.record_no, field: Some(name) });
    }
    if !is_changed {
        return field
            .prevented("the column's type has no such value: it stores what was there".into(), told)
            .await;
    }
    let ended = field.approve(run_id).await;
    field.over(Some(run_id), ended, Target { victims, part: None, told }, 0).await
}

/// A reject's kept bytes are not the source's any more.
pub(super) async fn reject_altered(scene: &Scene<'_>) -> Strike {
    let reject = *scene.stand.survey.rejects.first().ok_or(Stop::NotHere("the source has no rejects"))?;
    let field = scene.field().await?;
    let run_id = field.stage().await?;
    let more = match scene.dialect() {
        Dialect::Sqlite => "CAST(raw || x'20' AS BLOB)",
        Dialect::Postgres => "raw || '\\x20'::bytea",
    };
    let sql = format!("UPDATE crossfoot_reject SET raw = {more} WHERE {}", Scene::is_record(run_id, reject));
    field.damage(&sql).await?;
    let ended = field.approve(run_id).await;
    let target = Target::records(format!("reject {reject}: a byte is added"), [reject]);
    field.over(Some(run_id), ended, target, 0).await
}
