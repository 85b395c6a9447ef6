//! `init`: generates a job file from a sample or a copybook.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use format::copybook::ReferenceFormat;
use job::Job;
use store::bounds::Dialect;

use crate::args::{Global, Init};
use crate::infer::copybook::{SourceForm, from_copybook};
use crate::infer::fits::{Fit, Sample, fits};
use crate::infer::infer;
use crate::infer::plausible;
use crate::infer::write::quoted;
use crate::outcome::{Done, Failure};
use crate::output::{print, remark};
use crate::wiring;

/// The part of the sample that is read: 1 MiB.
const SAMPLE_BYTES: u64 = 1 << 20;

/// Runs `crossfoot init`: writes a job file made from a sample or a copybook.
pub(crate) fn init(global: &Global, args: &Init) -> Result<Done, Failure> {
    let dialect = wiring::dialect(&wiring::settings(global, None)?);
    match (&args.copybook, &args.sample) {
        (Some(copybook), _) => of_copybook(args, copybook, dialect),
        (None, Some(sample)) => of_sample(args, sample, dialect),
        (None, None) => Err(Failure::usage("pass --sample or --copybook")),
    }
}

fn of_copybook(args: &Init, path: &Path, dialect: Dialect) -> Result<Done, Failure> {
    let wrong = |what: &dyn std::fmt::Display| Failure::usage(format!("{}: {what}", path.display()));
    let format = if args.free { ReferenceFormat::Free } else { ReferenceFormat::Fixed };
    let text = job::copies::copybook(path, format, &args.copy_folder).map_err(|error| wrong(&error))?;
    let replacing = args.replacing.iter().map(|pair| match pair.split_once('=') {
        Some((from, to)) if !from.trim().is_empty() => Ok((from.to_owned(), to.to_owned())),
        _ => Err(Failure::usage(format!("--replacing {pair}: expected OLD=NEW, such as :TAG:=CUST"))),
    });
    let replacing = replacing.collect::<Result<Vec<_>, _>>()?;
    // Paths in a job file are relative to it; a job file that is printed may go anywhere.
    let folders = args.copy_folder.iter().map(|folder| match &args.output {
        None => folder.to_string_lossy().into_owned(),
        Some(_) => folder.canonicalize().unwrap_or_else(|_| folder.clone()).to_string_lossy().into_owned(),
    });
    let folders: Vec<_> = folders.collect();
    let beside = |of: &Path| of.parent().map(Path::to_path_buf).unwrap_or_default();
    // The path of a copybook is relative to the job file.
    let file = match &args.output {
        Some(output) if beside(output) == beside(path) => {
            path.file_name().map(|name| name.to_string_lossy().into_owned())
        }
        Some(_) => path.canonicalize().ok().map(|path| path.to_string_lossy().into_owned()),
        None => None,
    };
    let file = file.unwrap_or_else(|| path.to_string_lossy().into_owned());
    let name = path.file_stem().map_or_else(|| "job".into(), |name| name.to_string_lossy().into_owned());
    let plain = SourceForm {
        encoding: args.encoding.as_deref().unwrap_or("cp037"),
        framing: "fixed",
        free: args.free,
        folders: &folders,
        replacing: &replacing,
        others: &[],
    };
    let fit = args.sample.as_deref().map(|sample| fitting(args, &plain, (&name, &file, &text), sample));
    let fit = fit.transpose()?.flatten();
    let others = fit.as_ref().map(|fit| fit.others.clone()).unwrap_or_default();
    let given = |given: &Option<String>, of: fn(&Fit) -> &String, default: &str| {
        given.clone().or(fit.as_ref().map(|fit| of(fit).clone())).unwrap_or_else(|| default.to_owned())
    };
    let form = SourceForm {
        encoding: &given(&args.encoding, |fit| &fit.encoding, "cp037"),
        framing: &given(&args.framing, |fit| &fit.framing, "fixed"),
        others: &others,
        ..plain
    };
    let made =
        from_copybook(&name, &file, &text, &form).map_err(|error| Failure::usage(error.to_string()))?;
    dialect
        .holds_all(&made.layouts.iter().map(|layout| &**layout).collect::<Vec<_>>())
        .map_err(|error| wrong(&error))?;
    for note in &made.notes {
        remark(&format!("note: {note}"));
    }
    if let Some(sample) = args.sample.as_deref().filter(|_| !made.needs_when) {
        let whole = format!("{}\n[copybooks]\n{} = {}\n", made.text, quoted(&file), quoted(&text));
        let source = source::SourceFile::open(source::Location::file(sample), source::Compression::Auto)?;
        // What cannot be tried is told by `check`, which names the cause.
        if let (Ok(job), Ok(sample)) = (Job::parse(&name, &whole), Sample::of(&source)) {
            for note in plausible::notes(&Arc::new(job), &sample) {
                remark(&format!("note: {note}"));
            }
        }
    }
    if made.layouts.len() > 1 && !made.needs_when {
        remark("note: each `when` or `position` was chosen by names; check that it fits the record type");
    }
    if made.needs_when {
        remark(&format!(
            "note: the copybook has {} record types; in each `when`, name the field and values that identify \
             it, then run `crossfoot check`",
            made.layouts.len()
        ));
    }
    let tables: String = made
        .layouts
        .iter()
        .map(|layout| format!("{};\n\n", wiring::ddl(dialect, layout).join(";\n\n")))
        .collect();
    match &args.output {
        None => {
            let commented: String = tables.lines().map(|line| format!("# {line}\n")).collect();
            print(&format!("{}\n# The tables in {}:\n{}", made.text, dialect.name(), commented.trim_end()))?;
        }
        Some(output) => {
            write_new(output, &made.text)?;
            let sql = output.with_extension("sql");
            write_new(&sql, tables.trim_end())?;
            remark(&format!(
                "wrote {} and {}; run `crossfoot check {}` to review the job",
                output.display(),
                sql.display(),
                output.display()
            ));
        }
    }
    Ok(Done::Well)
}

/// The settings that fit the sample best, among those that the command line leaves open.
fn fitting(
    args: &Init,
    form: &SourceForm<'_>,
    (name, file, text): (&str, &str, &str),
    sample: &Path,
) -> Result<Option<Fit>, Failure> {
    let wrong = |what: &dyn std::fmt::Display| Failure::usage(format!("{}: {what}", sample.display()));
    let source = source::SourceFile::open(source::Location::file(sample), source::Compression::Auto)?;
    let sample = Sample::of(&source).map_err(|error| wrong(&error))?;
    let made = from_copybook(name, file, text, form).map_err(|error| wrong(&error))?;
    if made.needs_when {
        remark(
            "note: the sample was not tried, because nothing tells the record types apart yet; complete each `when`, \
             then `crossfoot check JOB --source FILE` says which settings fit",
        );
        return Ok(None);
    }
    let whole = format!("{}\n[copybooks]\n{} = {}\n", made.text, quoted(file), quoted(text));
    let pages: &[&str] = if args.encoding.is_some() { &[] } else { &["ascii"] };
    let mut found = fits(&whole, &sample, pages);
    found.retain(|fit| args.framing.as_ref().is_none_or(|framing| *framing == fit.framing));
    match &found[..] {
        [] => {
            remark("note: no framing fits the sample; `crossfoot check JOB --source FILE` shows its records")
        }
        [one] => remark(&format!("note: these settings fit the sample: {}", one.line())),
        [first, others @ ..] => {
            remark(&format!("note: these settings fit the sample, and were chosen: {}", first.line()));
            for other in others.iter().take(3) {
                remark(&format!("note: these fit it too: {}", other.line()));
            }
        }
    }
    Ok(found.into_iter().next())
}

/// Writes a new file and never overwrites an existing one.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    let written = options.write(true).create_new(true).open(path).and_then(|mut file| {
        std::io::Write::write_all(&mut file, format!("{}\n", text.trim_end()).as_bytes())
    });
    written.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

fn of_sample(args: &Init, path: &Path, dialect: Dialect) -> Result<Done, Failure> {
    let wrong = |what: &dyn std::fmt::Display| Failure::usage(format!("{}: {what}", path.display()));
    let source = source::SourceFile::open(source::Location::file(path), source::Compression::Auto)?;
    let mut sample = Vec::new();
    let mut reader = source.reader()?;
    Read::by_ref(&mut reader).take(SAMPLE_BYTES).read_to_end(&mut sample).map_err(|error| wrong(&error))?;
    let whole_file = (sample.len() as u64) < SAMPLE_BYTES;
    let stem = path.file_name().map_or_else(|| "job".into(), |name| name.to_string_lossy().into_owned());
    let name = stem.split('.').next().unwrap_or("job");
    let inferred = infer(name, &sample, whole_file).map_err(|error| wrong(&error))?;
    // `check` reports problems of a job that does not parse yet.
    if let Ok(job) = Job::parse("job.toml", &inferred.text) {
        dialect.holds(&job).map_err(|error| wrong(&error))?;
    }
    for note in &inferred.notes {
        remark(&format!("note: {note}"));
    }
    match &args.output {
        None => print(&inferred.text)?,
        Some(output) => {
            write_new(output, &inferred.text)?;
            remark(&format!(
                "wrote {}; run `crossfoot check {}` to review the job",
                output.display(),
                output.display()
            ));
        }
    }
    Ok(Done::Well)
}
