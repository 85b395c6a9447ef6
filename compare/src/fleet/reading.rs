//! Tables that writers read, part by part, in this process's snapshot.

use std::sync::Arc;

use broker::Queue;
use domain::comparison::LoadWorker;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use store::target::{Prepared, SharedSnapshot, Target};
use wire::comparison::{CompareWork, TablePart};

use super::{Answer, Compared, Fleet};
use crate::entries::{Side, number_of};
use crate::error::CompareError;
use crate::run::{Compare, Read, by_name, millis};

/// Has a part read; returns its table's place too.
async fn read(fleet: &Fleet, compared: &Compared, part: TablePart) -> (usize, Result<Answer, CompareError>) {
    (part.table as usize, fleet.ask(Queue::Readings, compared, CompareWork::Read(part)).await)
}

impl Compare {
    /// Has tables read by `fleet`: all, or the one at `only`. At most as many parts at a time as there may be readers.
    pub(crate) async fn read_by(
        self: &Arc<Self>,
        fleet: &Fleet,
        (of, shared): (&Arc<dyn Target>, &SharedSnapshot),
        side: Side,
        tables: &[Prepared],
        only: Option<usize>,
        phase: Option<&str>,
    ) -> Result<(Vec<Read>, Vec<LoadWorker>), CompareError> {
        let compared = &Compared::of(self)?;
        let readers = self.workers.readers.max(1);
        // All of them together keep to the bound.
        let each = self.pace.rows_per_second().map(|rows| (rows / readers as u64).max(1));
        let mut parts = Vec::new();
        for (at, table) in tables.iter().enumerate().filter(|(at, _)| only.is_none_or(|only| only == *at)) {
            parts.extend(table.parts.iter().map(|statement| TablePart {
                table: u32::try_from(at).unwrap_or(u32::MAX),
                is_source: side == Side::Source,
                statement: statement.clone(),
                types: table.types.clone(),
                server: shared.server.clone(),
                snapshot: shared.snapshot.clone(),
                rows_per_second: each,
            }));
        }
        let mut parts = parts.into_iter();
        let mut all: Vec<_> =
            tables.iter().map(|_| Read { sorters: vec![self.sorter(phase)], rows: 0 }).collect();
        let mut workers = Vec::new();
        let mut asked = FuturesUnordered::new();
        loop {
            while asked.len() < readers {
                let Some(part) = parts.next() else { break };
                asked.push(read(fleet, compared, part));
            }
            let Some((at, answer)) = asked.next().await else { break };
            let answer = answer?;
            tokio::task::block_in_place(|| self.took(&mut all[at], &mut workers, side, at, answer))?;
        }
        of.unchanged().await?;
        Ok((all, workers))
    }

    /// Takes in what a worker read of the table at `at`.
    fn took(
        &self,
        read: &mut Read,
        workers: &mut Vec<LoadWorker>,
        side: Side,
        at: usize,
        mut answer: Answer,
    ) -> Result<(), CompareError> {
        answer.each(|table, entry| match read.sorters.first_mut().filter(|_| table == at) {
            Some(sorter) => sorter.push(number_of(entry), entry),
            None => Err(std::io::Error::other("a worker read a table that no one asked for")),
        })?;
        let rows = answer.entries.iter().sum::<u64>();
        read.rows += rows;
        self.pace.taken(side, rows);
        let worker = by_name(workers, &format!("reader {}", answer.worker));
        worker.parts += 1;
        worker.records += rows;
        worker.busy_ms += millis(answer.busy);
        Ok(())
    }
}
