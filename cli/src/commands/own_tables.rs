//! What `check` says of final tables that are there already.

use job::Job;
use settings::Settings;
use store::own_table::{ColumnLook, TableLook, Verdict};

use super::check::new_table;
use crate::outcome::Failure;
use crate::wiring;

/// Looks at the job's final tables in the configured store. A store that cannot be asked is a note: the job file is
/// checked anyway.
pub(super) async fn look(settings: &Settings, job: &Job, notes: &mut Vec<String>) -> Vec<TableLook> {
    match wiring::look(settings, job).await {
        None => Vec::new(),
        Some(Ok(looks)) => looks,
        Some(Err(error)) => {
            notes.push(format!("the store's tables were not looked at: {error}"));
            Vec::new()
        }
    }
}

/// One table's columns and what is to know of it, as text.
pub(super) fn shown(look: &TableLook) -> String {
    let mut table = new_table(["column", "type", "field", "verdict", ""].map(String::from).to_vec());
    for ColumnLook { column, ty, field, verdict, note } in &look.columns {
        let field = field.clone().unwrap_or_default();
        let note = match (verdict, note) {
            // Why it does not fit is the error that ends the command.
            (Verdict::DoesNotFit, _) => "see below",
            (_, note) => note.as_deref().unwrap_or_default(),
        };
        table.add_row([column, ty, &field, verdict.name(), note]);
    }
    let verdict = if look.differences.is_empty() { "it can be used" } else { "it cannot be used" };
    let mut text = format!("table {} is there, and {verdict}\n{}\n", look.table, table.trim_fmt());
    if look.columns.iter().any(|column| column.verdict == Verdict::MayNotFit) {
        text.push_str("note     a value that its column does not hold fails the run before its promotion\n");
    }
    for note in &look.notes {
        text.push_str(&format!("note     {note}\n"));
    }
    text
}

/// Fails with the exit code of a job that cannot run, if a table cannot be used.
pub(super) fn usable(looks: Vec<TableLook>) -> Result<(), Failure> {
    let cannot = looks.into_iter().find(|look| !look.differences.is_empty());
    match cannot {
        None => Ok(()),
        Some(TableLook { table, differences, .. }) => {
            Err(store::StoreError::TableDiffers { table, differences }.into())
        }
    }
}
