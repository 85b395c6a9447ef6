//! Rows of final that name their record: where each belongs, without a look at its key.

use domain::ids::RunId;

use crate::by_record::Place;
use crate::database::Connection;
use crate::{StoreError, params};

/// The chunks of a run by their records, and which records were met.
#[derive(Debug, Clone, Default)]
pub struct Lineage {
    chunks: Vec<Chunk>,
    /// A bit for each record, from record 1.
    met: Vec<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Chunk {
    first_record_no: u64,
    records: u64,
    chunk_no: u64,
    worker_id: u32,
}

impl Lineage {
    /// The chunks that the ledger has of the run.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn of(connection: &mut dyn Connection, run_id: RunId) -> Result<Self, StoreError> {
        let sql = "SELECT chunk_no, first_record_no, records, writer_id FROM crossfoot_chunk
                   WHERE run_id = $1 AND state = 'committed' ORDER BY first_record_no";
        let rows = connection.fetch(sql, params![run_id]).await?;
        let chunks = rows.iter().map(|row| {
            Ok(Chunk {
                first_record_no: row.get("first_record_no")?,
                records: row.get("records")?,
                chunk_no: row.get("chunk_no")?,
                worker_id: row.get("writer_id")?,
            })
        });
        Ok(Self { chunks: chunks.collect::<Result<_, StoreError>>()?, met: Vec::new() })
    }

    /// The number of the last record.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.chunks.last().map_or(0, |last| (last.first_record_no + last.records).saturating_sub(1))
    }

    /// Where the row that names this record belongs. `None`: no chunk has the record, or another row named it before.
    pub fn place(&mut self, record_no: Option<i64>) -> Option<Place> {
        let record_no = u64::try_from(record_no?).ok()?;
        let at = self.chunks.partition_point(|chunk| chunk.first_record_no <= record_no).checked_sub(1)?;
        let chunk = &self.chunks[at];
        if record_no - chunk.first_record_no >= chunk.records {
            return None;
        }
        let (word, bit) = (usize::try_from(record_no / 64).ok()?, 1 << (record_no % 64));
        if self.met.len() <= word {
            self.met.resize(word + 1, 0);
        }
        if self.met[word] & bit != 0 {
            return None;
        }
        self.met[word] |= bit;
        Some(Place { chunk_no: chunk.chunk_no, record_no, worker_id: chunk.worker_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_belongs_where_its_record_is_and_each_record_is_met_once() {
        let chunk = |chunk_no, first_record_no, records| Chunk {
            first_record_no,
            records,
            chunk_no,
            worker_id: u32::try_from(chunk_no).unwrap_or_default() + 7,
        };
        // Record 6 is in no chunk.
        let mut lineage =
            Lineage { chunks: vec![chunk(0, 1, 3), chunk(1, 4, 2), chunk(2, 7, 1)], met: Vec::new() };
        assert_eq!(lineage.records(), 7);
        let place = |chunk_no, record_no, worker_id| Some(Place { chunk_no, record_no, worker_id });
        assert_eq!(lineage.place(Some(3)), place(0, 3, 7));
        assert_eq!(lineage.place(Some(4)), place(1, 4, 8));
        assert_eq!(lineage.place(Some(7)), place(2, 7, 9));
        for bad in [None, Some(-1), Some(0), Some(6), Some(8), Some(i64::MAX), Some(4)] {
            assert_eq!(lineage.place(bad), None, "{bad:?}");
        }
        assert_eq!(Lineage::default().place(Some(1)), None);
    }
}
