//! What was read of a pack, and what must hold of it: every part against the manifest, the signature, the noted head,
//! and what follows from what.

use std::io::Read;

use domain::check::CheckResult;
use domain::checkpoint::Head;
use domain::counts::WorkerShare;
use domain::fingerprint::Hash;
use domain::pack::chunks::{ChunkTotals, ChunkWalk, RejectTotals, RejectWalk};
use domain::pack::life::{Detail, Life, LifeWalk};
use domain::pack::lines::{LogLine, RunFacts, Versions};
use domain::pack::{
    Listed, Manifest, Outcome, Part, PartCheck, bytes, content, manifest, parts_digest, vouched,
};
use domain::report::Report;
use serde::Serialize;

use super::error::PackError;
use super::json;
use super::keys::PublicKey;
use super::read::{Archive, Stop};
use super::verified::{LISTED, READ, SIGNS, Vouched};
use crate::report::html;

/// What was read of a pack. What could not be understood is missing.
#[derive(Default)]
pub(super) struct Contents {
    noted: Option<Head>,
    pub(super) listed: Vec<Listed>,
    pub(super) unread: Vec<PartCheck>,
    pub(super) job: Option<Vec<u8>>,
    versions: Option<Versions>,
    run: Option<RunFacts>,
    pub(super) report: Option<Report>,
    page: Vec<u8>,
    checks: Option<(Vec<CheckResult>, Hash)>,
    workers: Option<Vec<WorkerShare>>,
    chunks: Option<ChunkTotals>,
    rejects: Option<RejectTotals>,
    life: Option<Life>,
    pub(super) manifest: Option<Manifest>,
    manifest_bytes: Vec<u8>,
    signature: Option<Vec<u8>>,
}

impl Contents {
    /// Nothing is read yet; `noted` is the head of the log that the pack is held to.
    pub(super) fn new(noted: Option<Head>) -> Self {
        Self { noted, ..Self::default() }
    }

    /// Reads the archive to its end, or as far as it goes.
    pub(super) fn read<R: Read>(&mut self, archive: &mut Archive<R>) -> Result<(), Stop> {
        let (listed, job) = archive.held(Part::Job)?;
        self.listed.push(listed);
        self.job = Some(job);
        self.versions = self.held(archive, Part::Versions, json::pretty, true)?;
        // What another version writes may have more in it than this one knows.
        let is_own =
            self.versions.as_ref().is_none_or(|versions| versions.crossfoot == env!("CARGO_PKG_VERSION"));
        self.run = self.held(archive, Part::Run, json::pretty, true)?;
        self.report = self.held(archive, Part::Report, json::pretty, is_own)?;
        let (listed, page) = archive.held(Part::Page)?;
        self.listed.push(listed);
        self.page = page;
        let checks = self.held::<_, Vec<CheckResult>>(archive, Part::Checks, json::compact, is_own)?;
        let sha256 = self.listed.last().map(|listed| listed.sha256);
        self.checks = checks.zip(sha256);
        self.workers = self.held(archive, Part::Workers, json::pretty, is_own)?;
        let mut chunks = ChunkWalk::default();
        if self.lines(archive, Part::Chunks, |line| chunks.take(&line))? {
            self.chunks = Some(chunks.finish());
        }
        let mut rejects = RejectWalk::default();
        if self.lines(archive, Part::Rejects, |line| rejects.take(&line))? {
            self.rejects = Some(rejects.finish());
        }
        let of_report = self.report.as_ref().and_then(|report| report.log_head).map(|head| head.parts().0);
        let asked = of_report.into_iter().chain(self.noted.map(|noted| noted.seq)).collect();
        let mut life = LifeWalk::new(self.run.as_ref().map(|run| run.run_id.clone()), asked);
        if self.lines(archive, Part::Log, |line: LogLine| {
            let detail = match &line {
                LogLine::Event(event) => serde_json::from_str::<Detail>(&event.entry.detail)
                    .map_err(|error| format!("its detail cannot be parsed: {error}").into()),
                LogLine::Link(_) => Ok(Detail::default()),
            };
            life.take(&line, detail);
        })? {
            self.life = Some(life.finish());
        }
        let (_, bytes) = archive.held(Part::Manifest)?;
        self.manifest = self.understood(Part::Manifest, &bytes, json::pretty, true);
        self.manifest_bytes = bytes;
        let is_signed = self.manifest.as_ref().is_some_and(|manifest| manifest.signed_by.is_some());
        if is_signed || archive.comes_next(Part::Signature)? {
            self.signature = Some(archive.held(Part::Signature)?.1);
        }
        archive.end()
    }

    fn understood<T: serde::de::DeserializeOwned + Serialize>(
        &mut self,
        part: Part,
        bytes: &[u8],
        form: fn(&T) -> Result<Vec<u8>, PackError>,
        is_strict: bool,
    ) -> Option<T> {
        match json::parse(bytes, form, is_strict) {
            Ok(value) => Some(value),
            Err(error) => {
                self.unread.push(PartCheck::of(part.name(), READ, Err(error.to_string().into())));
                None
            }
        }
    }

    fn held<R: Read, T: serde::de::DeserializeOwned + Serialize>(
        &mut self,
        archive: &mut Archive<R>,
        part: Part,
        form: fn(&T) -> Result<Vec<u8>, PackError>,
        is_strict: bool,
    ) -> Result<Option<T>, Stop> {
        let (listed, bytes) = archive.held(part)?;
        self.listed.push(listed);
        Ok(self.understood(part, &bytes, form, is_strict))
    }

    /// Walks a part line by line; false when one of them could not be understood.
    fn lines<R: Read, T: serde::de::DeserializeOwned + Serialize>(
        &mut self,
        archive: &mut Archive<R>,
        part: Part,
        mut take: impl FnMut(T),
    ) -> Result<bool, Stop> {
        let mut result = Ok(0);
        let listed = archive.part(part, &mut |input| {
            result = json::lines(input, &mut take)?;
            Ok(())
        })?;
        self.listed.push(listed);
        let Err(error) = result else { return Ok(true) };
        self.unread.push(PartCheck::of(part.name(), READ, Err(error.to_string().into())));
        Ok(false)
    }

    /// Every part against the manifest.
    pub(super) fn listing(&self) -> Vec<PartCheck> {
        let Some(manifest) = &self.manifest else {
            let why = "cannot read the manifest";
            return self.listed.iter().map(|part| PartCheck::not_made(&*part.name, LISTED, why)).collect();
        };
        let confirmed = self.is_confirmed_by_the_log(manifest);
        let mut checks = Vec::new();
        let mut wrong = Vec::new();
        for (at, found) in self.listed.iter().enumerate() {
            let (name, said) = (&*found.name, format!("{} bytes, SHA-256 {}", found.bytes, found.sha256));
            let listed = manifest.parts.get(at);
            checks.push(match listed {
                Some(listed) if listed == found => PartCheck::of(name, LISTED, Ok(said)),
                _ if confirmed => {
                    wrong.push(name);
                    PartCheck::not_made(
                        name,
                        LISTED,
                        format!("{said}: matches the log, but not the manifest"),
                    )
                }
                Some(listed) if listed.name == found.name => {
                    let why = format!(
                        "{said}; but the manifest has {} bytes, SHA-256 {}",
                        listed.bytes, listed.sha256
                    );
                    PartCheck::of(name, LISTED, Err(why.into()))
                }
                _ => PartCheck::of(name, LISTED, Err("the manifest does not list it here".into())),
            });
        }
        let extra = manifest.parts.len().saturating_sub(self.listed.len());
        if !wrong.is_empty() || extra > 0 {
            let parts =
                if wrong.is_empty() { format!("{extra} parts that are not there") } else { wrong.join(", ") };
            let why = format!("lists {parts} otherwise than they are");
            checks.push(PartCheck::of(Part::Manifest.name(), LISTED, Err(why.into())));
        }
        checks
    }

    /// Whether the log, which is whole and ends where the manifest says, notes the parts before it as they were found:
    /// then what the manifest has otherwise is the manifest's fault.
    fn is_confirmed_by_the_log(&self, manifest: &Manifest) -> bool {
        let Some(life) = &self.life else { return false };
        let noted = life.exported.as_ref().and_then(|noted| noted.detail.parts_sha256);
        life.broken.is_none()
            && life.head == Some(manifest.log_head)
            && noted == Some(parts_digest(self.before_the_log()))
    }

    fn before_the_log(&self) -> &[Listed] {
        let end = self.listed.iter().position(|listed| listed.name == Part::Log.name());
        &self.listed[..end.unwrap_or(self.listed.len())]
    }

    /// The signature against the key that was given, and whether it vouches for the pack.
    pub(super) fn signature(&self, key: Option<&PublicKey>) -> (PartCheck, Vouched) {
        let (part, check) = (Part::Signature.name(), SIGNS);
        let signed_by = self.manifest.as_ref().and_then(|manifest| manifest.signed_by);
        let checked = |result| PartCheck::of(part, check, result);
        match (key, &self.signature) {
            (_, None) if self.manifest_bytes.is_empty() => {
                (PartCheck::not_made(part, check, "the manifest was not reached"), Vouched::Nobody)
            }
            (Some(_), None) => (checked(Err("the pack is not signed".into())), Vouched::Nobody),
            (Some(key), Some(signature)) if !key.has_signed(&self.manifest_bytes, signature) => {
                let id = key.id();
                let why = match signed_by {
                    Some(other) if other != id => {
                        format!("it names key {other}, not the given key {id}")
                    }
                    _ => format!("it is not a signature of this manifest with key {id}"),
                };
                (checked(Err(why.into())), Vouched::Nobody)
            }
            (Some(key), Some(_)) if signed_by != Some(key.id()) => {
                (checked(Err("the manifest does not name the key that signed it".into())), Vouched::Nobody)
            }
            (Some(key), Some(_)) => {
                (checked(Ok(format!("Ed25519, by key {}", key.id()))), Vouched::Key(key.id()))
            }
            (None, Some(_)) => {
                let by = signed_by.map_or_else(|| "nobody".into(), |id| id.to_string());
                let why = format!("no key was given; the pack names key {by} as its signer");
                (PartCheck::not_made(part, check, why), Vouched::Nobody)
            }
            (None, None) => (PartCheck::not_made(part, check, "the pack is not signed"), Vouched::Nobody),
        }
    }

    /// The noted head against the log; whether it vouches for the pack.
    pub(super) fn noted_head(&self, checks: &mut Vec<PartCheck>) -> Vouched {
        let (Some(noted), Some(life)) = (self.noted, &self.life) else { return Vouched::Nobody };
        let (part, check) = (Part::Log.name(), "holds the head that was noted");
        let found = life.found.iter().find(|found| found.seq == noted.seq);
        let is_last = life.head == Some(noted);
        checks.push(match found {
            Some(found) if *found == noted => {
                let last =
                    if is_last { ": it is the head of the export, and vouches for the pack" } else { "" };
                PartCheck::of(part, check, Ok(format!("event {}{last}", noted.seq)))
            }
            Some(found) => {
                PartCheck::of(part, check, Err(format!("event {} has hash {}", found.seq, found.hash).into()))
            }
            None => PartCheck::not_made(
                part,
                check,
                format!("event {} is not in the pack's part of the log", noted.seq),
            ),
        });
        if is_last { Vouched::Head(noted.seq) } else { Vouched::Nobody }
    }

    /// What must follow from what.
    pub(super) fn follows(&self) -> Vec<PartCheck> {
        let mut out = Vec::new();
        if let (Some(job), Some(run)) = (&self.job, &self.run) {
            out.push(super::job::of_job(job, run, self.report.as_ref()));
        }
        if let Some(report) = &self.report {
            out.push(self.page(report));
            out.push(content::balance(report));
        }
        if let (Some(run), Some(report), Some(versions)) = (&self.run, &self.report, &self.versions) {
            out.extend(content::run(run, report, versions));
        }
        if let Some((checks, sha256)) = &self.checks {
            out.push(content::checks(checks));
            if let (Some(report), Some(workers)) = (&self.report, &self.workers) {
                out.extend(content::report(report, checks, workers));
            }
            if let (Some(report), Some(run), Some(life)) = (&self.report, &self.run, &self.life) {
                out.extend(vouched::log(life, run, report, *sha256));
            }
        }
        if let (Some(chunks), Some(run), Some(report)) = (&self.chunks, &self.run, &self.report) {
            out.extend(content::chunks(chunks, run, report));
            out.push(bytes(chunks, run, report));
            if let Some((checks, _)) = &self.checks {
                out.push(self.checks_of_totals(checks, report, run, chunks));
            }
            if let Some(rejects) = &self.rejects {
                out.push(content::rejects(rejects, chunks, run, report));
            }
            if let (Some(manifest), Some(life)) = (&self.manifest, &self.life) {
                out.push(vouched::manifest(manifest, run, report, chunks, life));
            }
        }
        if let (Some(workers), Some(chunks), Some(versions)) = (&self.workers, &self.chunks, &self.versions) {
            out.push(content::workers(workers, chunks, versions));
        }
        if let Some(life) = &self.life {
            out.push(self.export(life));
        }
        if let Some(found) = &self.manifest {
            let known = found.format == manifest::FORMAT && found.format_version == manifest::FORMAT_VERSION;
            let result = match known {
                true => Ok(format!("{} {}", found.format, found.format_version)),
                false => {
                    Err(format!("this version does not know `{} {}`", found.format, found.format_version)
                        .into())
                }
            };
            out.push(PartCheck::of(Part::Manifest.name(), "is of a known form", result));
        }
        out
    }

    fn export(&self, life: &Life) -> PartCheck {
        let compared = vouched::export(life, self.before_the_log());
        let noted = life.exported.as_ref().and_then(|noted| noted.detail.parts_sha256);
        let before: Vec<_> = self.manifest.iter().flat_map(|manifest| &manifest.parts).cloned().collect();
        let before = &before[..before.len().min(self.before_the_log().len())];
        if compared.outcome == Outcome::Failed && noted == Some(parts_digest(before)) {
            let why = "it records the parts as the manifest lists them; see which part differs";
            return PartCheck::not_made(compared.part, compared.check, why);
        }
        compared
    }

    fn is_own_version(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report.crossfoot_version == env!("CARGO_PKG_VERSION"))
    }

    fn page(&self, report: &Report) -> PartCheck {
        let (part, check) = (Part::Page.name(), "shows the report");
        if !self.is_own_version() {
            let (theirs, own) = (&report.crossfoot_version, env!("CARGO_PKG_VERSION"));
            let why = format!("made by crossfoot {theirs}, but this is {own}: compared only by its hash");
            return PartCheck::not_made(part, check, why);
        }
        let result = match html::html(report) {
            Err(error) => Err(error.to_string().into()),
            Ok(page) if page.as_bytes() == self.page => {
                Ok("identical to the page made from the report's JSON".into())
            }
            Ok(page) => {
                let at = page.bytes().zip(&self.page).take_while(|(one, other)| one == *other).count();
                Err(format!("differs from the page made from the report's JSON, starting at byte {at}")
                    .into())
            }
        };
        PartCheck::of(part, check, result)
    }

    fn checks_of_totals(
        &self,
        checks: &[CheckResult],
        report: &Report,
        run: &RunFacts,
        chunks: &ChunkTotals,
    ) -> PartCheck {
        let compared = content::checks_are_of_the_totals(checks, report, run, chunks);
        if compared.outcome == Outcome::Failed && !self.is_own_version() {
            let why = format!("checks have other names in crossfoot {}", report.crossfoot_version);
            return PartCheck::not_made(compared.part, compared.check, why);
        }
        compared
    }
}
