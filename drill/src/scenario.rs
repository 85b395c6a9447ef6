//! What a strike works with: a fixture (a job with a source that is known to be right), a fresh shadow, and what
//! comes of a run in it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use coordinator::Coordinator;
use coordinator::open::RunRequest;
use coordinator::report::summary;
use coordinator::run::{Drive, Ending};
use coordinator::split::ChunkLimits;
use domain::check::{Stage, Verdict};
use domain::declared::Declared;
use domain::fingerprint::Hash;
use domain::ids::RunId;
use domain::layout::Layout;
use domain::reconcile::VerifySource;
use domain::report::Report;
use job::decoders::Decoders;
use job::{Job, ShadowJob};
use platform::causes::chain;
use source::Location;
use store::Store;

use crate::defect::{Evidence, Located};
use crate::fleet::{self, Ended, Refusal, within};
use crate::shadow::{Shadow, ShadowFactory, SqlError};
use crate::sql::{Dialect, quoted_table};
use crate::survey::{Owned, Sample, Survey};

/// Why a strike was not made.
#[derive(Debug)]
pub(crate) enum Stop {
    /// There is nothing here that it could strike; elsewhere there may be.
    NotHere(&'static str),
    /// It was to be made and could not be.
    Failed(String),
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

impl From<SqlError> for Stop {
    fn from(error: SqlError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A job with a source that reconciles when it is not damaged.
pub(crate) struct Fixture {
    /// What it is called in the results.
    pub(crate) name: String,
    pub(crate) job: Arc<Job>,
    /// The same job, and which real tables its tables stand for.
    pub(crate) shadow: ShadowJob,
    pub(crate) source: PathBuf,
    pub(crate) survey: Survey,
    pub(crate) chunks: ChunkLimits,
    /// The result of the undamaged run.
    pub(crate) whole: Whole,
}

/// What an undamaged run comes to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Whole {
    pub(crate) fingerprint: Option<Hash>,
    pub(crate) final_rows: u64,
}

/// A record that was damaged, and the field of it.
#[derive(Debug, Clone)]
pub(crate) struct Victim {
    pub(crate) record_no: u64,
    pub(crate) field: Option<String>,
}

/// What is damaged, for locating and telling.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    pub(crate) victims: Vec<Victim>,
    /// What must be named somewhere if no record is: `chunk 2`, `worker 3`.
    pub(crate) part: Option<String>,
    /// What was done, in words without the record's contents.
    pub(crate) told: String,
}

impl Target {
    pub(crate) fn told(told: impl Into<String>) -> Self {
        Self { told: told.into(), ..Self::default() }
    }

    pub(crate) fn records(told: impl Into<String>, records: impl IntoIterator<Item = u64>) -> Self {
        let victims = records.into_iter().map(|record_no| Victim { record_no, field: None }).collect();
        Self { victims, part: None, told: told.into() }
    }

    pub(crate) fn part(mut self, part: impl Into<String>) -> Self {
        self.part = Some(part.into());
        self
    }
}

/// A strike that was made.
#[derive(Debug)]
pub(crate) struct Struck {
    pub(crate) evidence: Evidence,
    pub(crate) told: String,
}

pub(crate) type Strike = Result<Struck, Stop>;

/// What is needed for one strike.
#[derive(Clone, Copy)]
pub(crate) struct Scenario<'a> {
    pub(crate) shadows: &'a ShadowFactory,
    pub(crate) fixture: &'a Fixture,
    pub(crate) patience: Duration,
    /// Whether fields of a key are left as they are.
    pub(crate) keeps_keys: bool,
}

/// A shadow with the job's tables in it, and the run in it.
pub(crate) struct Field<'a> {
    pub(crate) scenario: &'a Scenario<'a>,
    pub(crate) shadow: Shadow,
    pub(crate) store: Arc<dyn Store>,
}

/// Who works in the shadow.
pub(crate) const OPERATOR: &str = "drill@shadow";

impl Scenario<'_> {
    pub(crate) const fn dialect(&self) -> Dialect {
        self.shadows.dialect()
    }

    /// Makes a fresh shadow for one defect, with the fixture's job in it.
    pub(crate) async fn field(&self) -> Result<Field<'_>, Stop> {
        let shadow = self.shadows.shadow(&self.fixture.shadow).await.map_err(|error| error.to_string())?;
        let store = Arc::clone(&shadow.store);
        Ok(Field { scenario: self, shadow, store })
    }

    pub(crate) fn layout(&self, sample: &Sample) -> &Layout {
        &self.fixture.job.records[sample.place].layout
    }

    /// Samples with the layouts of their types.
    pub(crate) fn samples(&self) -> impl Iterator<Item = (&Sample, &Layout)> {
        self.fixture.survey.samples.iter().map(|sample| (sample, self.layout(sample)))
    }

    /// The first sample and field for which `wanted` gives something, among fields that the fingerprint covers. Records
    /// of a type that has several come first, and the run's first record last: a header is less telling.
    pub(crate) fn find<T>(
        &self,
        wanted: impl Fn(&Sample, &Layout, usize, &Owned) -> Option<T>,
    ) -> Option<(&Sample, usize, T)> {
        let of = |is_many: bool| {
            let wanted = &wanted;
            self.samples()
                .filter(move |(sample, _)| (self.fixture.survey.by_type[sample.place] > 1) == is_many)
                .flat_map(move |(sample, layout)| {
                    layout.hashed.iter().filter_map(move |at| {
                        let value = sample.values.get(*at).filter(|_| self.may_damage(layout, *at))?;
                        Some((sample, *at, wanted(sample, layout, *at, value)?))
                    })
                })
        };
        of(true).chain(of(false)).next()
    }

    /// Whether damage may be done to a field: the fingerprint covers it, and it is of no key that is to be kept.
    pub(crate) fn may_damage(&self, layout: &Layout, at: usize) -> bool {
        layout.hashed.contains(&at) && !(self.keeps_keys && layout.key.contains(&at))
    }

    /// Two samples of one type for which `pair` holds.
    pub(crate) fn pair(&self, pair: impl Fn(&Sample, &Sample) -> bool) -> Option<(&Sample, &Sample)> {
        let samples = &self.fixture.survey.samples;
        samples.iter().enumerate().find_map(|(at, one)| {
            let is_fit = |other: &&Sample| other.place == one.place && pair(one, other);
            samples[at + 1..].iter().find(is_fit).map(|other| (one, other))
        })
    }

    /// A request to load the fixture's own source.
    pub(crate) fn request(&self) -> RunRequest {
        self.request_of(self.fixture.source.clone())
    }

    /// A request to load another file.
    pub(crate) fn request_of(&self, source: PathBuf) -> RunRequest {
        RunRequest {
            job: Arc::clone(&self.fixture.job),
            source: Location::file(source),
            declared: None,
            again: false,
            reason: None,
            pause_after_staged: false,
            verify_source: VerifySource::Sample,
            submitted: false,
            chunks: self.fixture.chunks,
        }
    }

    /// As what the sender of the undamaged source declares.
    pub(crate) fn declared(&self) -> Declared {
        self.fixture.survey.declared.clone()
    }

    /// `WHERE` of a record in the staging table.
    pub(crate) fn is_record(run_id: RunId, record_no: u64) -> String {
        format!("run_id = '{run_id}' AND record_no = {record_no}")
    }
}

impl<'a> Field<'a> {
    pub(crate) fn job(&self) -> &'a Arc<Job> {
        &self.scenario.fixture.job
    }

    pub(crate) fn coordinator(&self, broker: Arc<dyn Broker>) -> Coordinator {
        fleet::coordinator(&self.store, broker, OPERATOR)
    }

    /// Opens a run on an in-process broker, within the scenario's time limit.
    pub(crate) async fn open(&self, request: &RunRequest) -> Result<RunId, Refusal> {
        let coordinator = self.coordinator(fleet::broker());
        Ok(within(self.scenario.patience, coordinator.open(request)).await??)
    }

    /// Drives a run on `broker` as far as it goes.
    pub(crate) async fn drive(&self, run_id: RunId, how: &Drive, broker: Arc<dyn Broker>) -> Ended {
        self.drive_with(&self.coordinator(broker), run_id, how).await
    }

    async fn drive_with(&self, coordinator: &Coordinator, run_id: RunId, how: &Drive) -> Ended {
        let workers = fleet::workers(coordinator);
        let ended = within(self.scenario.patience, Box::pin(coordinator.drive(run_id, how))).await;
        let stopped = within(self.scenario.patience, workers.stop()).await;
        let ended = ended?;
        stopped?;
        Ok(ended?)
    }

    /// Opens a run and drives it on `broker`.
    pub(crate) async fn run_on(
        &self,
        request: &RunRequest,
        broker: Arc<dyn Broker>,
    ) -> (Option<RunId>, Ended) {
        match self.open(request).await {
            Ok(run_id) => (Some(run_id), self.drive(run_id, &Drive::default(), broker).await),
            Err(refusal) => (None, Err(refusal)),
        }
    }

    /// Opens a run and drives it; coordinator and processors decode by `decoders`.
    pub(crate) async fn run_decoded_by(
        &self,
        request: &RunRequest,
        decoders: Decoders,
    ) -> (Option<RunId>, Ended) {
        match self.open(request).await {
            Ok(run_id) => {
                let coordinator = fleet::decoding_by(decoders, &self.store, fleet::broker(), OPERATOR);
                (Some(run_id), self.drive_with(&coordinator, run_id, &Drive::default()).await)
            }
            Err(refusal) => (None, Err(refusal)),
        }
    }

    /// Opens a run and drives it.
    pub(crate) async fn run(&self, request: &RunRequest) -> (Option<RunId>, Ended) {
        self.run_on(request, fleet::broker()).await
    }

    /// Loads the source and pauses once staging is proven.
    pub(crate) async fn stage(&self) -> Result<RunId, Stop> {
        let request = RunRequest { pause_after_staged: true, ..self.scenario.request() };
        self.stage_of(&request).await
    }

    /// The same of another request.
    pub(crate) async fn stage_of(&self, request: &RunRequest) -> Result<RunId, Stop> {
        match self.run(request).await {
            (Some(run_id), Ok(Ending::Paused)) => Ok(run_id),
            (_, ended) => {
                Err(Stop::Failed(format!("the undamaged run did not come to its pause: {ended:?}")))
            }
        }
    }

    /// An operator approves, and the run is driven to its end.
    pub(crate) async fn approve(&self, run_id: RunId) -> Ended {
        let coordinator = self.coordinator(fleet::broker());
        coordinator.approve(run_id, Some("drill")).await?;
        self.drive(run_id, &Drive { approved: true, ..Drive::default() }, fleet::broker()).await
    }

    /// Damages the shadow; at least one row must have changed.
    pub(crate) async fn damage(&self, sql: &str) -> Result<(), Stop> {
        match self.shadow.client.execute(sql).await {
            Ok(0) => Err(Stop::Failed(format!("the damage touched nothing: {sql}"))),
            Ok(_) => Ok(()),
            Err(error) => Err(Stop::Failed(format!("the damage could not be done: {error}: {sql}"))),
        }
    }

    /// Changes how tables are made.
    pub(crate) async fn alter(&self, sql: &str) -> Result<(), Stop> {
        let done = self.shadow.client.execute(sql).await;
        done.map(drop).map_err(|error| Stop::Failed(format!("the damage could not be done: {error}: {sql}")))
    }

    /// Rows in all final tables, of any run.
    pub(crate) async fn final_rows(&self) -> Result<u64, SqlError> {
        let mut rows = 0;
        for layout in self.job().layouts() {
            let sql = format!("SELECT count(*) FROM {}", quoted_table(&layout.final_table.name));
            rows += self.shadow.client.number(&sql).await?;
        }
        Ok(rows)
    }

    /// The result of the strike. `rows_before`: the rows that final rightly held before it.
    pub(crate) async fn evidence(
        &self,
        run_id: Option<RunId>,
        ended: &Ended,
        target: &Target,
        rows_before: u64,
    ) -> Result<Evidence, Stop> {
        let mut evidence =
            Evidence { refusal: ended.as_ref().err().map(|refusal| chain(refusal)), ..Evidence::default() };
        let final_rows = self.final_rows().await?;
        let is_promoted = matches!(ended, Ok(Ending::Promoted));
        if !is_promoted {
            evidence.leaked_rows = final_rows.abs_diff(rows_before);
        }
        let Some(run_id) = run_id else { return Ok(evidence) };
        let report = match summary::report(&*self.store, run_id).await {
            Ok(report) => report,
            // A ledger that does not make sense is not reported from.
            Err(error) => {
                evidence.refusal.get_or_insert_with(|| chain(&error));
                return Ok(evidence);
            }
        };
        let failed = || report.checks.iter().filter(|check| check.verdict == Verdict::Fail);
        evidence.failed_checks = failed().map(|check| check.name.clone()).collect();
        let whole = &self.scenario.fixture.whole;
        let fingerprint = report
            .levels
            .iter()
            .find(|level| level.stage == Stage::Final)
            .and_then(|level| level.fingerprint);
        evidence.is_whole = is_promoted
            && evidence.failed_checks.is_empty()
            && fingerprint.is_some()
            && fingerprint == whole.fingerprint
            && final_rows == rows_before + whole.final_rows;
        evidence.located = self.located(&report, ended, target).await?;
        Ok(evidence)
    }

    /// How closely what was found names every victim.
    async fn located(
        &self,
        report: &Report,
        ended: &Ended,
        target: &Target,
    ) -> Result<Option<Located>, Stop> {
        let failed: Vec<_> = report.checks.iter().filter(|check| check.verdict == Verdict::Fail).collect();
        if failed.is_empty() && ended.is_ok() {
            return Ok(None);
        }
        let run_id: RunId = report.run_id.parse().map_err(|_| "a run's id is not one".to_owned())?;
        let store = &self.store;
        let mut findings = store.findings(run_id, 0, u32::MAX).await.map_err(|error| chain(&error))?.findings;
        let breaches =
            store.breaches(run_id, self.job(), 0, u32::MAX).await.map_err(|error| chain(&error))?;
        findings.extend(breaches.findings);
        let of_victim = |victim: &Victim| {
            let of_record = findings.iter().filter(|finding| finding.record_no.0 == victim.record_no);
            of_record
                .map(|finding| match (&victim.field, &finding.field) {
                    (Some(field), Some(found)) if found == field => Located::Field,
                    _ => Located::Record,
                })
                .max()
        };
        let of_victims: Option<Located> = target
            .victims
            .iter()
            .map(of_victim)
            .try_fold(Located::Field, |closest, one| Some(closest.min(one?)));
        if let (Some(located), false) = (of_victims, target.victims.is_empty()) {
            return Ok(Some(located));
        }
        let refusal = ended.as_ref().err().map(|refusal| chain(refusal));
        let is_named = target.part.as_ref().is_some_and(|part| {
            let words = failed.iter().map(|check| check.message.as_str());
            let told = words.chain(refusal.as_deref());
            told.chain(report.note.as_deref()).any(|text| names(text, part))
                || findings.iter().any(|finding| names(&format!("chunk {}", finding.chunk_no), part))
        });
        Ok(Some(if is_named { Located::Part } else { Located::Run }))
    }

    /// The strike is over; this is its result.
    pub(crate) async fn over(
        self,
        run_id: Option<RunId>,
        ended: Ended,
        target: Target,
        rows_before: u64,
    ) -> Strike {
        let evidence = self.evidence(run_id, &ended, &target, rows_before).await;
        self.shadow.remove().await;
        Ok(Struck { evidence: evidence?, told: target.told })
    }

    /// It was over before anything was damaged: the database did not let it be done.
    pub(crate) async fn prevented(self, why: String, told: impl Into<String>) -> Strike {
        self.shadow.remove().await;
        Ok(Struck { evidence: Evidence { prevented: Some(why), ..Evidence::default() }, told: told.into() })
    }
}

/// Whether `text` names `part`, and not one whose number only begins so.
fn names(text: &str, part: &str) -> bool {
    text.match_indices(part).any(|(at, _)| !text[at + part.len()..].starts_with(|c: char| c.is_ascii_digit()))
}
