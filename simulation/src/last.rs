//! What a run came to, and what must be so at its end.

use std::sync::OnceLock;

use rusqlite::Connection;

use crate::fixture::Fixture;
use crate::plan::Plan;
use crate::world::Struck;

/// What the store holds of the run at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    /// The run's state.
    pub state: String,
    /// Whether it is left to an operator.
    pub parked: bool,
    /// Why it failed, if it did.
    pub note: Option<String>,
    /// Count, sums and fingerprint at each level.
    pub levels: Option<serde_json::Value>,
    /// Final's rows, in order.
    pub rows: Vec<String>,
    /// Records in staging.
    pub staged: u64,
    /// Starts that are charged and were not taken back.
    pub charged: u32,
    /// Chunks whose processor or writer reported other counts than the ledger has, or none.
    pub unclosed: u64,
    /// Chunks that lack the report of their processor or of their writer.
    pub unreported: u64,
    /// Checks that name reports as lost.
    pub named_lost: u64,
    /// Chunks that were set aside.
    pub aside: u64,
    /// `promoted` events.
    pub promotions: u64,
    /// Events whose hash does not cover the one before.
    pub unchained: u64,
    /// The checks that failed.
    pub failed: Vec<String>,
}

const UNCLOSED: &str = "SELECT count(*) FROM crossfoot_chunk c WHERE state = 'committed' AND (
    NOT EXISTS (SELECT 1 FROM crossfoot_report p WHERE p.chunk_no = c.chunk_no AND p.role = 'processor'
        AND p.worker_id = c.processor_id AND (p.records, p.accepted, p.rejected) = (c.records_in, c.accepted, c.rejected))
    OR NOT EXISTS (SELECT 1 FROM crossfoot_report w WHERE w.chunk_no = c.chunk_no AND w.role = 'writer'
        AND w.worker_id = c.writer_id AND (w.records, w.accepted, w.rejected) = (c.records_in, c.accepted, c.rejected))
    OR (SELECT count(*) FROM stg_ledger s WHERE s.chunk_no = c.chunk_no AND s.worker_id = c.writer_id) <> c.accepted
    OR (SELECT count(*) FROM crossfoot_reject j WHERE j.chunk_no = c.chunk_no AND j.worker_id = c.processor_id)
        <> c.rejected)";

const UNREPORTED: &str = "SELECT count(*) FROM crossfoot_chunk c WHERE state = 'committed' AND (
    NOT EXISTS (SELECT 1 FROM crossfoot_report p WHERE p.chunk_no = c.chunk_no AND p.role = 'processor'
        AND p.worker_id = c.processor_id)
    OR NOT EXISTS (SELECT 1 FROM crossfoot_report w WHERE w.chunk_no = c.chunk_no AND w.role = 'writer'
        AND w.worker_id = c.writer_id))";

/// Starts that are charged and not taken back. A writer's are of no account once its chunk is committed.
pub(crate) fn charged(ledger: &Connection) -> rusqlite::Result<u32> {
    ledger
        .prepare_cached(
            "SELECT ifnull(sum(processor_starts + iif(state = 'committed', 0, writer_starts)), 0) FROM crossfoot_chunk",
        )?
        .query_row([], |row| row.get(0))
}

impl Struck {
    /// How many starts may stay charged: of workers that died, and where the store could not be asked to take one back.
    pub(crate) const fn charges_max(self) -> u32 {
        self.kills * 2 + self.fails
    }
}

/// What the store holds now.
pub(crate) fn last(ledger: &Connection) -> rusqlite::Result<Last> {
    let one = |sql: &str| ledger.query_row(sql, [], |row| row.get::<_, u64>(0));
    let texts = |sql: &str| {
        let mut statement = ledger.prepare(sql)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let (state, parked, note, summary): (String, bool, Option<String>, Option<String>) =
        ledger.query_row("SELECT state, parked, note, summary FROM crossfoot_run", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    let summary: Option<serde_json::Value> = summary.map(|summary| serde_json::from_str(&summary).unwrap());
    Ok(Last {
        state,
        parked,
        note,
        levels: summary.map(|summary| summary["levels"].clone()),
        rows: texts("SELECT id || ' ' || account || ' ' || amount FROM ledger ORDER BY id")?,
        staged: one("SELECT count(*) FROM stg_ledger")?,
        charged: charged(ledger)?,
        unclosed: one(UNCLOSED)?,
        unreported: one(UNREPORTED)?,
        named_lost: one(
            "SELECT count(*) FROM crossfoot_check WHERE name IN ('processors agree', 'writers agree')
            AND body LIKE '%its report was lost%'",
        )?,
        aside: one("SELECT count(*) FROM crossfoot_chunk WHERE state = 'set aside'")?,
        promotions: one("SELECT count(*) FROM crossfoot_event WHERE kind = 'promoted'")?,
        unchained: one("SELECT count(*) FROM crossfoot_event a JOIN crossfoot_event b ON b.seq = a.seq + 1
            WHERE b.previous <> a.hash")?,
        failed: texts("SELECT name FROM crossfoot_check WHERE verdict = 'fail'")?,
    })
}

/// What an undisturbed run of the case comes to.
fn undisturbed(case: usize) -> &'static Last {
    static LASTS: OnceLock<Vec<Last>> = OnceLock::new();
    let lasts = LASTS.get_or_init(|| {
        let cases = 0..Fixture::shared().cases.len();
        // On a thread of its own: it may be asked for within a simulation.
        let run = |case| std::thread::spawn(move || crate::schedule::go(&Plan::undisturbed(case), None).last);
        cases.map(|case| run(case).join().unwrap()).collect()
    });
    &lasts[case]
}

impl Last {
    /// What is wrong with the end of a run of this case, after what struck it.
    pub(crate) fn faults(&self, case: usize, struck: Struck) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut must = |holds: bool, what: String| {
            if !holds {
                wrong.push(what);
            }
        };
        must(self.unchained == 0, "INV-11: the log is not chained".into());
        if self.state != "promoted" {
            must(
                self.rows.is_empty() && self.promotions == 0,
                "INV-09: final holds rows of a failed run".into(),
            );
            // A chunk whose workers died too often is set aside; counts that were lost a second time, while they were
            // computed again, leave a worker's share open. Both have a name, and promote nothing.
            let given_up = self.aside > 0 && self.parked && struck.kills + struck.fails >= 3;
            let uncounted = self.state == "not-reconciled" && struck.losses > 0 && !self.failed.is_empty();
            let of_counts = ["processors agree", "writers agree"];
            let by_name =
                given_up || uncounted && self.failed.iter().all(|name| of_counts.contains(&name.as_str()));
            must(by_name, format!("the run was not promoted: {self:?}"));
            return wrong;
        }
        must(self.promotions == 1, format!("it was promoted {} times by the log", self.promotions));
        must(self.failed.is_empty(), format!("promoted although checks failed: {:?}", self.failed));
        // Of a run that was interrupted, a report may be missing while the broker is away for longer than it is waited
        // for: the check names it. A report that says something else than the ledger never passes.
        let are_named = self.unclosed == self.unreported && self.named_lost > 0 && struck.silences > 0;
        must(
            self.unclosed == 0 || are_named,
            format!("INV-05: {} chunks' counts do not close", self.unclosed),
        );
        must(
            self.charged <= struck.charges_max(),
            format!("{} starts are still charged after {struck:?}", self.charged),
        );
        let plain = undisturbed(case);
        must(self.rows == plain.rows, format!("final is not as without faults: {:?}", self.rows));
        must(
            self.levels == plain.levels,
            format!("INV-07: levels are not as without faults: {:?}", self.levels),
        );
        must(self.staged == plain.staged, format!("staging holds {} rows", self.staged));
        wrong
    }
}
