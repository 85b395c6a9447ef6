//! The ledger, altered in the database without the coordinator.

use domain::amount::Amount;

use crate::scenario::{Scenario, Stop, Strike, Target};
use crate::sql::{Dialect, quoted, quoted_table, text};
use crate::survey::{Owned, Sample};

/// What becomes of an entry of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// A chunk is deleted, and its rows with it.
    Deleted,
    /// A chunk begins one byte later.
    Shifted,
    /// A chunk is attributed to another writer.
    OtherWriter,
    /// A chunk has one accepted record more.
    MoreAccepted,
    /// The job's text is altered.
    JobAltered,
}

/// What becomes of a breach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breach {
    /// The breach is deleted from the ledger.
    Deleted,
    /// It is put on another record.
    Moved,
}

fn sample<'a>(scenario: &'a Scenario<'_>) -> Result<&'a Sample, Stop> {
    let survey = &scenario.fixture.survey;
    let of_many = survey.samples.iter().filter(|sample| survey.by_type[sample.place] > 1);
    of_many
        .clone()
        .nth(1)
        .or_else(|| of_many.clone().next())
        .ok_or(Stop::NotHere("no record type has several records"))
}

/// Damages the ledger while a run waits for approval.
pub(super) async fn entry(what: Entry, scenario: &Scenario<'_>) -> Strike {
    let sample = sample(scenario)?;
    let table = quoted_table(&scenario.layout(sample).staging);
    let field = scenario.field().await?;
    let run_id = field.stage().await?;
    let at = Scenario::is_record(run_id, sample.record_no);
    let chunk_no = field.shadow.client.number(&format!("SELECT chunk_no FROM {table} WHERE {at}")).await?;
    let of_chunk = format!("run_id = '{run_id}' AND chunk_no = {chunk_no}");
    let set = |what: &str| format!("UPDATE crossfoot_chunk SET {what} WHERE {of_chunk}");
    let (sql, told) = match what {
        Entry::Deleted => {
            let mut sql = format!("DELETE FROM crossfoot_chunk WHERE {of_chunk}");
            for layout in scenario.fixture.job.layouts() {
                sql.push_str(&format!("; DELETE FROM {} WHERE {of_chunk}", quoted_table(&layout.staging)));
            }
            (sql, format!("chunk {chunk_no} and its rows are deleted"))
        }
        Entry::Shifted => {
            (set("offset_bytes = offset_bytes + 1"), format!("chunk {chunk_no} begins one byte later"))
        }
        Entry::OtherWriter => {
            (set("writer_id = writer_id + 1000"), format!("chunk {chunk_no} is attributed to another writer"))
        }
        Entry::MoreAccepted => {
            (set("accepted = accepted + 1"), format!("chunk {chunk_no}: its accepted count is one too high"))
        }
        Entry::JobAltered => {
            ("UPDATE crossfoot_job SET body = body || ' '".into(), "the job's text is altered".into())
        }
    };
    field.damage(&sql).await?;
    let ended = field.approve(run_id).await;
    let target = match what {
        Entry::OtherWriter => Target::records(told, [sample.record_no]),
        Entry::Deleted | Entry::Shifted | Entry::MoreAccepted | Entry::JobAltered => {
            Target::told(told).part(format!("chunk {chunk_no}"))
        }
    };
    field.over(Some(run_id), ended, target, 0).await
}

/// An amount in staging and the sum in the ledger are altered alike.
pub(super) async fn sums_that_fit(scenario: &Scenario<'_>) -> Strike {
    let dialect = scenario.dialect();
    let (sample, at, (more, scale)) = scenario
        .find(|_, layout, at, value| match value {
            Owned::Decimal(amount) if layout.amounts.contains(&at) => {
                let more = Amount::new(amount.mantissa().checked_add(1)?, amount.scale()).ok()?;
                Some((more, amount.scale()))
            }
            _ => None,
        })
        .ok_or(Stop::NotHere("the source has no decimal amounts"))?;
    let layout = scenario.layout(sample);
    let before: usize =
        scenario.fixture.job.layouts().take(sample.place).map(|layout| layout.amounts.len()).sum();
    let place = before + layout.amounts.iter().position(|amount| *amount == at).unwrap_or(0);
    let field = scenario.field().await?;
    let run_id = field.stage().await?;
    let client = &field.shadow.client;
    let (table, column) = (quoted_table(&layout.staging), quoted(&layout.fields[at].name));
    let here = Scenario::is_record(run_id, sample.record_no);
    let chunk_no = client.number(&format!("SELECT chunk_no FROM {table} WHERE {here}")).await?;
    let of_chunk = format!("run_id = '{run_id}' AND chunk_no = {chunk_no}");
    let sums =
        client.text(&format!("SELECT CAST(sums AS TEXT) FROM crossfoot_chunk WHERE {of_chunk}")).await?;
    let mut sums: Vec<String> = serde_json::from_str(sums.as_deref().unwrap_or_default())
        .map_err(|error| format!("the ledger's sums: {error}"))?;
    let unit = Amount::new(1, scale).map_err(|error| error.to_string())?;
    let sum: Amount =
        sums.get(place).and_then(|sum| sum.parse().ok()).ok_or_else(|| "a sum is missing".to_owned())?;
    sums[place] = sum.checked_add(unit).map_err(|error| error.to_string())?.to_string();
    let json = serde_json::to_string(&sums).map_err(|error| error.to_string())?;
    let sql = format!(
        "UPDATE {table} SET {column} = {} WHERE {here}; UPDATE crossfoot_chunk SET sums = {} WHERE {of_chunk}",
        match dialect {
            Dialect::Sqlite => format!("'{more}'"),
            Dialect::Postgres => more.to_string(),
        },
        text(&json)
    );
    field.damage(&sql).await?;
    let ended = field.approve(run_id).await;
    let told = format!(
        "record {} and the sum of chunk {chunk_no}: one unit of the last digit is added to each",
        sample.record_no
    );
    field.over(Some(run_id), ended, Target::records(told, [sample.record_no]), 0).await
}

/// What a rule holds back is let through.
pub(super) async fn breaches(what: Breach, scenario: &Scenario<'_>) -> Strike {
    let field = scenario.field().await?;
    let run_id = field.stage().await?;
    let of_run = format!("run_id = '{run_id}' AND rule_no >= 0");
    let client = &field.shadow.client;
    let Ok(record_no) =
        client.number(&format!("SELECT min(record_no) FROM crossfoot_breach WHERE {of_run}")).await
    else {
        field.shadow.remove().await;
        return Err(Stop::NotHere("no record breaks a rule"));
    };
    let at = format!("{of_run} AND record_no = {record_no}");
    let (sql, told) = if what == Breach::Deleted {
        (
            format!("DELETE FROM crossfoot_breach WHERE {at}"),
            format!("the breach of record {record_no} is deleted"),
        )
    } else {
        let sample = sample(scenario)?;
        let table = quoted_table(&scenario.layout(sample).staging);
        let other = format!(
            "SELECT min(record_no) FROM {table} WHERE run_id = '{run_id}' AND record_no NOT IN (SELECT record_no FROM crossfoot_breach WHERE {of_run})"
        );
        let other = client.number(&other).await?;
        let chunk_no = format!("(SELECT chunk_no FROM {table} WHERE {})", Scenario::is_record(run_id, other));
        (
            format!("UPDATE crossfoot_breach SET record_no = {other}, chunk_no = {chunk_no} WHERE {at}"),
            format!("the breach of record {record_no} is moved to record {other}"),
        )
    };
    field.damage(&sql).await?;
    let ended = field.approve(run_id).await;
    field.over(Some(run_id), ended, Target::told(told), 0).await
}
