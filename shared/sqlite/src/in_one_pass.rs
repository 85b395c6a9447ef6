//! Final read back in one pass, where its rows name their records.

use domain::ids::RunId;
use domain::layout::Layout;
use platform::inline;
use rusqlite::Connection;
use store::StoreError;
use store::by_record::ByRecord;
use store::lineage::Lineage;
use store::model::Block;
use store::names::{columns, quoted, table as quoted_table};
use tokio::sync::mpsc;

use super::connect::Writing;
use super::ledger::now;
use super::rows;

/// A pass over the file reads about this many bytes in the time in which one row is found by its key.
const BYTES_PER_ROW: u64 = 4096;

/// The rows of the run in final, in the order of their records. `None`, and they are to be found by their keys: the
/// file is large beside the run, or a row names no record of the run, or one that another row named. `rows`: how many
/// were inserted; `column` names the record.
pub(crate) fn in_one_pass(
    writing: &mut Writing<'_>,
    run_id: RunId,
    layout: &Layout,
    column: &str,
    rows: u64,
) -> Result<Option<ByRecord>, StoreError> {
    let Some(run) = layout.final_table.run_column() else { return Ok(None) };
    if file_bytes(writing)? > rows.saturating_mul(BYTES_PER_ROW) {
        return Ok(None);
    }
    let mut lineage = now(Lineage::of(writing, run_id))?;
    let mut found = ByRecord::new(lineage.records());
    let sql = format!(
        "SELECT {}, {} FROM {} WHERE {} = ?1",
        quoted(column),
        columns("", layout.columns()),
        quoted_table(&layout.final_table.name),
        quoted(run),
    );
    let mut statement = writing.prepare(&sql)?;
    let mut read = statement.query([run_id.to_string()])?;
    let (mut fields, mut paired) = (Vec::new(), 0);
    while let Some(row) = read.next()? {
        // A number that a trigger made something else names no record.
        let number = row.get_ref(0)?.as_i64().ok();
        let Some(place) = lineage.place(number) else { return Ok(None) };
        fields.clear();
        rows::read(row, 1, layout, &mut fields)?;
        if found.push(place, &fields).is_err() {
            // No room for the temporary file: by their keys it takes longer, and needs none.
            return Ok(None);
        }
        paired += 1;
    }
    Ok((paired == rows).then_some(found))
}

/// Sends rows in the order of their records.
pub(crate) fn send(
    mut found: ByRecord,
    sender: &mpsc::Sender<Result<Block, StoreError>>,
) -> Result<(), StoreError> {
    loop {
        let Some(blocks) = found.next_blocks()? else { return Ok(()) };
        for block in blocks {
            if !inline::send(sender, Ok(block)) {
                return Ok(());
            }
        }
    }
}

fn file_bytes(connection: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}
