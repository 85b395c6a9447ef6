//! The control effectiveness test: every defect of the catalogue ([`crate::defect`]) is struck in a shadow of a job,
//! and the controls are held to what the catalogue demands of them.
//!
//! A shadow is a store of its own ([`ShadowFactory`]): the real tables are never touched. The fleet in it is the real
//! code: coordinator, processors, writers, store; only the broker is in process. Each defect has a fresh shadow and a
//! whole run. What the drilled job cannot host, because nothing in it could be hurt that way, is struck in a
//! reference job, and the result says so. The undamaged run is part of the drill: a control that always cries is
//! none.

pub mod defect;
mod disturbed;
mod elsewhere;
mod fleet;
mod intercept;
mod meddling;
mod misreading;
mod reference;
pub mod report;
mod scenario;
mod shadow;
mod sql;
mod strikes;
mod survey;
mod trigger;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coordinator::run::Ending;
use coordinator::split::ChunkLimits;
use domain::check::Stage;
use futures_util::StreamExt as _;
use job::{Job, ShadowJob};
use thiserror::Error;

pub use shadow::ShadowFactory;

use crate::defect::{
    CATALOGUE, DRILL_VERSION, Defect, DrillReport, Evidence, Judgement, Seen, Struck, Undamaged, judge,
};
use scenario::{Fixture, Scenario, Stop, Strike, Whole};

/// No strike takes longer than this and as many times as long as the undamaged run.
const PATIENCE: Duration = Duration::from_secs(120);
const PATIENCE_TIMES: u32 = 20;

/// Strikes at a time. Each has a shadow of its own.
const SIDE_BY_SIDE: usize = 4;

/// About how many chunks a source is cut into, so that there are several to damage.
const CHUNKS: u64 = 8;

/// What is to be drilled.
pub struct Drill {
    /// The job whose controls are tested.
    pub job: Arc<Job>,
    /// Its source, a file. It must reconcile.
    pub source: PathBuf,
    /// Where shadows are made.
    pub shadows: ShadowFactory,
    /// Who runs the drill: `user@host`.
    pub actor: String,
    /// The defects to strike; empty: all.
    pub only: Vec<String>,
}

/// Why there was no drill.
#[derive(Debug, Error)]
pub enum DrillError {
    /// The source cannot be used.
    #[error("the source cannot be drilled with: {0}")]
    Source(String),
    /// A defect that the catalogue does not have.
    #[error("`{0}` is not a defect of the catalogue: AMT-01 is one; `crossfoot drill --list` shows all")]
    Unknown(String),
    /// The store of a shadow cannot be made.
    #[error("no shadow can be made: {0}")]
    Shadow(String),
}

/// How far a drill is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// How many defects were injected so far.
    pub done: usize,
    /// How many defects are to be injected.
    pub of: usize,
    /// What is struck now, or was just.
    pub now: &'a str,
    /// How the last strike came out.
    pub last: Option<&'a Struck>,
}

impl Drill {
    /// Strikes every defect in turn.
    ///
    /// # Errors
    /// [`DrillError`] when nothing could be struck at all. What could be and was missed is in the report.
    pub async fn run(&self, on: &(dyn Fn(Progress<'_>) + Send + Sync)) -> Result<DrillReport, DrillError> {
        let (began, began_at_ms) =
            (Instant::now(), platform::clock::Clock::now_ms(&platform::clock::SystemClock));
        let chosen = self.chosen()?;
        let dir = tempfile::tempdir().map_err(|error| DrillError::Shadow(error.to_string()))?;
        on(Progress { done: 0, of: chosen.len(), now: "the undamaged runs", last: None });
        let mut fixtures = Vec::new();
        let mut undamaged = Vec::new();
        // Nobody has to approve of a shadow.
        let job = self.job.in_shadow().map_err(|error| DrillError::Shadow(error.to_string()))?;
        let (fixture, seen) = self.fixture(job, self.source.clone(), "the job").await?;
        undamaged.push(seen);
        fixtures.push(fixture);
        if undamaged[0].reconciled {
            for (number, (text, source)) in reference::all().into_iter().enumerate() {
                let path = dir.path().join(format!("reference-{number}"));
                std::fs::write(&path, source).map_err(|error| DrillError::Shadow(error.to_string()))?;
                let job =
                    Job::parse("reference", &text).map_err(|error| DrillError::Shadow(error.to_string()))?;
                let name = job.name.clone();
                let job = ShadowJob { job, renamed: BTreeMap::new() };
                let (fixture, seen) = self.fixture(job, path, &name).await?;
                undamaged.push(seen);
                fixtures.push(fixture);
            }
        }
        let mut defects = Vec::new();
        // On a source that does not reconcile undamaged, a defect that is seen proves nothing.
        if undamaged.iter().all(|run| run.reconciled) {
            let slowest = undamaged.iter().map(|run| run.elapsed_ms).max().unwrap_or(0);
            let patience = PATIENCE + Duration::from_millis(slowest) * PATIENCE_TIMES;
            // Some strikes wait for what never comes; the others go on meanwhile.
            let mut strikes = futures_util::stream::iter(&chosen)
                .map(|defect| self.strike(defect, &fixtures, patience))
                .buffered(SIDE_BY_SIDE);
            while let Some(struck) = strikes.next().await {
                defects.push(struck);
                let now = chosen.get(defects.len()).map_or("", |defect| defect.what);
                on(Progress { done: defects.len(), of: chosen.len(), now, last: defects.last() });
            }
        }
        Ok(DrillReport {
            drill_version: DRILL_VERSION,
            crossfoot_version: env!("CARGO_PKG_VERSION").into(),
            job: self.job.name.clone(),
            job_digest: self.job.digest,
            source: self.source.display().to_string(),
            store: self.shadows.name().into(),
            actor: self.actor.clone(),
            began_at_ms,
            elapsed_ms: millis(began),
            undamaged,
            defects,
            not_covered: not_covered(&self.job),
        })
    }

    fn chosen(&self) -> Result<Vec<&'static Defect>, DrillError> {
        if let Some(unknown) =
            self.only.iter().find(|id| !CATALOGUE.iter().any(|defect| defect.id.as_str() == **id))
        {
            return Err(DrillError::Unknown(unknown.clone()));
        }
        let is_chosen =
            |defect: &&Defect| self.only.is_empty() || self.only.iter().any(|id| id == defect.id.as_str());
        Ok(CATALOGUE.iter().filter(is_chosen).collect())
    }

    /// Looks at a source, and runs its job undamaged: straight through, and by way of a pause.
    async fn fixture(
        &self,
        shadow: ShadowJob,
        source: PathBuf,
        name: &str,
    ) -> Result<(Fixture, Undamaged), DrillError> {
        let job = Arc::new(shadow.job.clone());
        let survey = {
            let (job, source) = (Arc::clone(&job), source.clone());
            let looked = tokio::task::spawn_blocking(move || survey::survey(&job, &source)).await;
            looked
                .map_err(|error| DrillError::Source(error.to_string()))?
                .map_err(|error| DrillError::Source(error.to_string()))?
        };
        let chunks = ChunkLimits { bytes: 1 << 19, records: (survey.records / CHUNKS).max(1) };
        let mut fixture =
            Fixture { name: name.into(), job, shadow, source, survey, chunks, whole: Whole::default() };
        let began = Instant::now();
        let whole = self.whole(&fixture).await;
        let mut seen = Undamaged {
            stand: name.into(),
            job_digest: fixture.job.digest,
            source_sha256: fixture.survey.declared.sha256,
            records: fixture.survey.records,
            reconciled: whole.is_ok(),
            fingerprint: None,
            why: String::new(),
            elapsed_ms: millis(began),
        };
        match whole {
            Ok(whole) => {
                seen.fingerprint = whole.fingerprint;
                fixture.whole = whole;
            }
            Err(Stop::NotHere(why)) => seen.why = why.into(),
            Err(Stop::Failed(why)) => seen.why = why,
        }
        Ok((fixture, seen))
    }

    async fn whole(&self, fixture: &Fixture) -> Result<Whole, Stop> {
        let scenario = Scenario {
            shadows: &self.shadows,
            fixture,
            patience: PATIENCE * PATIENCE_TIMES,
            keeps_keys: false,
        };
        let mut whole = Whole::default();
        for by_way_of_a_pause in [false, true] {
            let field = scenario.field().await?;
            let (run_id, ended) = if by_way_of_a_pause {
                let run_id = field.stage().await?;
                (run_id, field.approve(run_id).await)
            } else {
                let (run_id, ended) = field.run(&scenario.request()).await;
                (run_id.ok_or_else(|| format!("no run was opened: {ended:?}"))?, ended)
            };
            let report = coordinator::report::summary::report(&*field.store, run_id)
                .await
                .map_err(|error| platform::causes::chain(&error))?;
            let failed: Vec<_> = report
                .checks
                .iter()
                .filter(|check| check.verdict == domain::check::Verdict::Fail)
                .map(|check| check.name.as_str())
                .collect();
            if !matches!(ended, Ok(Ending::Promoted)) {
                let why = ended.map_or_else(
                    |error| platform::causes::chain(&error),
                    |_| format!("failed: {}", failed.join(", ")),
                );
                field.shadow.remove().await;
                return Err(Stop::Failed(why));
            }
            let level = report.levels.iter().find(|level| level.stage == Stage::Final);
            let now = Whole {
                fingerprint: level.and_then(|level| level.fingerprint),
                final_rows: field.final_rows().await?,
            };
            field.shadow.remove().await;
            if by_way_of_a_pause && (now.fingerprint, now.final_rows) != (whole.fingerprint, whole.final_rows)
            {
                return Err(Stop::Failed("two undamaged runs have different fingerprints".into()));
            }
            whole = now;
        }
        elsewhere::undamaged(&scenario).await?;
        Ok(whole)
    }

    /// Strikes a defect where it can be struck first.
    async fn strike(&self, defect: &'static Defect, fixtures: &[Fixture], patience: Duration) -> Struck {
        let mut why = "no job at hand holds what it strikes".to_owned();
        for fixture in fixtures {
            let scenario = Scenario { shadows: &self.shadows, fixture, patience, keeps_keys: false };
            let began = Instant::now();
            let struck: Strike = Box::pin(strikes::strike(defect.id, &scenario)).await;
            match struck {
                Ok(struck) => {
                    let judgement = judge(defect, &struck.evidence);
                    return told(defect, fixture, struck.told, judgement, struck.evidence, millis(began));
                }
                Err(Stop::NotHere(_)) => {}
                Err(Stop::Failed(reason)) => {
                    why = reason;
                    let missed = Judgement { seen: Seen::Missed, by: String::new(), why };
                    return told(
                        defect,
                        fixture,
                        "it could not be struck".into(),
                        missed,
                        Evidence::default(),
                        millis(began),
                    );
                }
            }
        }
        let missed = Judgement { seen: Seen::Missed, by: String::new(), why };
        told(defect, &fixtures[0], "it was not struck".into(), missed, Evidence::default(), 0)
    }
}

fn told(
    defect: &Defect,
    fixture: &Fixture,
    told: String,
    judgement: Judgement,
    evidence: Evidence,
    elapsed_ms: u64,
) -> Struck {
    Struck {
        id: defect.id.to_string(),
        strikes: defect.strikes.name().into(),
        what: defect.what.into(),
        invariant: defect.invariant.number().into(),
        must: defect.caught_by.iter().map(ToString::to_string).collect(),
        must_locate: defect.located.name().into(),
        stand: fixture.name.clone(),
        told,
        judgement,
        evidence,
        elapsed_ms,
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Fields that the fingerprint leaves out, by the job's own choice.
fn not_covered(job: &Job) -> Vec<String> {
    let of = |layout: &domain::layout::Layout| {
        let outside: Vec<_> = (0..layout.fields.len()).filter(|at| !layout.hashed.contains(at)).collect();
        outside
            .into_iter()
            .map(|at| format!("{}.{}", layout.record, layout.fields[at].name))
            .collect::<Vec<_>>()
    };
    job.layouts().flat_map(|layout| of(layout)).collect()
}
