//! The runs of a job side by side: what each had, and how far that is from what was usual when it ran.

use domain::amount::Amount;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use domain::report::Outcome;
use domain::trend::{Figures, SameWeekday, TrendRules, Usual, comparable, percent, weekday, weekday_name};
use schemars::JsonSchema;
use serde::Serialize;
use store::model::{PastRun, Run};
use store::{Store, StoreError};

use crate::report::summary::Summary;

/// How many promoted runs are fetched so that enough of them may be of one weekday.
#[must_use]
pub(crate) fn looked_at(rules: &TrendRules) -> u32 {
    match rules.same_weekday {
        SameWeekday::Never => rules.runs,
        SameWeekday::Auto | SameWeekday::Always => rules.runs * 7,
    }
}

/// A run's figures, as far as it came; `None` of one that was never reconciled.
pub(crate) fn figures(run: &Run, summary: Option<&str>) -> Option<Figures> {
    // A summary that this version does not read is of another time: such a run is not comparable.
    let summary: Summary = serde_json::from_str(summary?).ok()?;
    Some(Figures {
        at_ms: run.opened_at_ms,
        records: run.split?.records,
        rejects: summary.balance.rejected,
        amounts: summary.amounts.into_iter().map(|amount| (amount.field, amount.source)).collect(),
    })
}

/// One figure of a run, and what was usual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Figure {
    /// The run's own figure.
    pub value: Amount,
    /// The median of the comparable runs before it, if there were enough.
    pub median: Option<Amount>,
    /// How far it is from that, in words, such as `-40.2 %`.
    pub deviation: Option<String>,
    /// Whether it is further off than the job allows, and outside of what they had.
    pub is_far: bool,
}

/// The runs that a run is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ComparedWith {
    /// How many there are.
    pub count: usize,
    /// What they are called: `runs`, or `Mondays` and so on.
    pub name: String,
}

/// The sum of one amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AmountFigure {
    /// The name of the amount field.
    pub field: String,
    /// The sum, and what was usual.
    #[serde(flatten)]
    pub figure: Figure,
}

/// One run of a job among the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TrendRow {
    /// The id of the run in this row.
    pub run_id: RunId,
    /// When it was opened, in milliseconds since 1970.
    pub opened_at_ms: i64,
    /// The weekday, in UTC.
    pub weekday: &'static str,
    /// The outcome of the run.
    pub outcome: Outcome,
    /// The runs that it is compared with.
    pub compared_with: ComparedWith,
    /// Records of the source.
    pub records: Option<Figure>,
    /// Rejects of the run.
    pub rejects: Option<Figure>,
    /// The sum of each amount over the accepted records.
    pub amounts: Vec<AmountFigure>,
    /// Time spent, in milliseconds.
    pub duration_ms: Figure,
    /// Records in a second.
    pub records_per_second: Option<u64>,
}

/// The latest `limit` runs of `job`, newest first, each compared with the promoted runs before it.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn trends(
    store: &dyn Store,
    job: &str,
    rules: &TrendRules,
    limit: u32,
) -> Result<Vec<TrendRow>, StoreError> {
    let all = store.history(job, None, false, limit.saturating_add(looked_at(rules))).await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    // Each summary is read once: a run is compared with many.
    let all: Vec<_> = all
        .into_iter()
        .map(|PastRun { run, summary }| Figured { figures: figures(&run, summary.as_deref()), run })
        .collect();
    Ok((0..all.len().min(shown)).map(|at| row(&all[at], &all[at + 1..], rules)).collect())
}

/// A run with its figures, if it was reconciled.
struct Figured {
    run: Run,
    figures: Option<Figures>,
}

struct Past<'a> {
    figures: &'a Figures,
    elapsed_ms: u64,
}

fn row(Figured { run, figures: now }: &Figured, before: &[Figured], rules: &TrendRules) -> TrendRow {
    let promoted = before.iter().filter(|past| past.run.state == RunState::Promoted);
    let past: Vec<_> = promoted
        .filter_map(|Figured { run, figures }| {
            Some(Past { figures: figures.as_ref()?, elapsed_ms: run.elapsed_ms })
        })
        .collect();
    let (runs, called) = comparable(rules, run.opened_at_ms, &past, |past| past.figures.at_ms);
    let enough = usize::try_from(rules.runs_min).unwrap_or(usize::MAX);
    let figure = |value: Amount, share: Option<u32>, usual: Vec<Amount>| {
        let usual = if usual.len() < enough { None } else { Usual::of(usual) };
        Figure {
            value,
            median: usual.as_ref().map(|usual| usual.median),
            deviation: usual.as_ref().and_then(|usual| usual.deviation(value)).map(percent),
            is_far: usual.zip(share).is_some_and(|(usual, share)| usual.is_far(value, share)),
        }
    };
    let of = |get: &dyn Fn(&Past<'_>) -> u64| runs.iter().map(|past| count(get(past))).collect::<Vec<_>>();
    let records = run.split.map(|split| split.records);
    TrendRow {
        run_id: run.run_id,
        opened_at_ms: run.opened_at_ms,
        weekday: weekday_name(weekday(run.opened_at_ms)),
        outcome: Outcome::of(run.state),
        compared_with: ComparedWith { count: runs.len(), name: called },
        records: records.map(|n| figure(count(n), rules.records, of(&|past| past.figures.records))),
        rejects: now
            .as_ref()
            .map(|now| figure(count(now.rejects), rules.rejects, of(&|past| past.figures.rejects))),
        amounts: now
            .iter()
            .flat_map(|now| &now.amounts)
            .map(|(name, sum)| {
                let share = rules.amount.get(name).copied().or(rules.amounts);
                let usual = runs.iter().filter_map(|past| {
                    past.figures.amounts.iter().find(|(other, _)| other == name).map(|(_, sum)| *sum)
                });
                AmountFigure { field: name.clone(), figure: figure(*sum, share, usual.collect()) }
            })
            .collect(),
        duration_ms: figure(count(run.elapsed_ms), rules.duration, of(&|past| past.elapsed_ms)),
        records_per_second: records.map(|n| n.saturating_mul(1000) / run.elapsed_ms.max(1)),
    }
}

fn count(n: u64) -> Amount {
    Amount::from(i64::try_from(n).unwrap_or(i64::MAX))
}
