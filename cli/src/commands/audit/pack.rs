//! `audit verify PACK`: verifies an evidence pack without store or broker.

use std::path::Path;

use comfy_table::{ContentArrangement, Table, presets};
use coordinator::evidence::pack::keys::PublicKey;
use coordinator::evidence::pack::{Verified, Vouched, verify as check};
use domain::checkpoint::Head;
use domain::pack::{Outcome, PartCheck};

use crate::args::{Global, VerifyArgs};
use crate::outcome::{Done, Failure};
use crate::output::{style, tell, tell_json};
use crate::printed::VerifiedPack;

/// Runs `crossfoot audit verify PACK`.
pub(super) fn verify(
    global: &Global,
    args: &VerifyArgs,
    path: &Path,
    noted: Option<Head>,
) -> Result<Done, Failure> {
    let key = args.key.as_deref().map(PublicKey::read).transpose()?;
    let verified = check(path, key.as_ref(), noted)?;
    let told = verdict(path, &verified);
    if global.json {
        let whole = VerifiedPack {
            verified: verified.is_verified(),
            holds: verified.holds(),
            vouched_by: verified.vouched,
            manifest: verified.manifest.as_ref(),
            checks: &verified.checks,
        };
        tell_json(&whole, &told);
    } else {
        tell_checks(&verified.checks, &told);
    }
    Ok(exit(verified.is_verified()))
}

/// Prints the checks as a table, and the verdict below it.
pub(super) fn tell_checks(checks: &[PartCheck], verdict: &str) {
    tell(&format!("{}\n{verdict}", table(checks)), verdict);
}

/// What the command ends with.
pub(super) const fn exit(is_verified: bool) -> Done {
    if is_verified { Done::Well } else { Done::NotReconciled }
}

/// Formats the verdict in a few lines.
fn verdict(path: &Path, verified: &Verified) -> String {
    let pack = path.display();
    let failed = verified.checks.iter().filter(|check| check.outcome == Outcome::Failed);
    let mut failed: Vec<_> = failed.map(|check| &*check.part).collect();
    if !failed.is_empty() {
        let checks = failed.len();
        failed.dedup();
        let changed = verified.changed();
        let what = match &changed[..] {
            [] => format!("inconsistent contents: {}", failed.join(", ")),
            [one] => format!("{one} was modified"),
            several => format!("{} were modified", several.join(", ")),
        };
        return format!("NOT VERIFIED  {pack}: {what}; {checks} of {} checks failed", verified.checks.len());
    }
    let of = verified.manifest.as_ref().map_or_else(String::new, |manifest| {
        let root = manifest.fingerprint.map_or_else(|| "none".into(), |root| root.to_string());
        format!(
            "\nrun {} of job {}: {}; fingerprint {root}\nlog head {}:{}",
            manifest.run_id,
            manifest.job,
            manifest.outcome.name(),
            manifest.log_head.seq,
            manifest.log_head.hash
        )
    });
    match verified.vouched {
        Vouched::Key(id) => format!("VERIFIED  {pack}, signed by key {id}{of}"),
        Vouched::Head(seq) => format!("VERIFIED  {pack}, vouched for by the noted head: event {seq}{of}"),
        Vouched::Nobody => format!(
            "NOT VERIFIED  {pack} is consistent, but nothing vouches for it: anyone could have made it.\n\
             Pass `--key NAME.pub` with the key of the expected signer, or `--head` with the head noted at export.{of}"
        ),
    }
}

/// Formats checks and their outcomes as a table.
fn table(checks: &[PartCheck]) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(style().width);
    table.set_header(["part", "", "checked", "found"]);
    let mut last = "";
    for check in checks {
        // Names each part once, on its first line.
        let part = if check.part == last { "" } else { &*check.part };
        last = &check.part;
        let mark = match check.outcome {
            Outcome::Passed => "✓",
            Outcome::Failed => "✗",
            Outcome::NotChecked => "–",
        };
        table.add_row([part, mark, &*check.check, &*shortened(&check.detail)]);
    }
    table.trim_fmt()
}

/// Shortens the digests in a text; the JSON has them in full.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 16;
    let words = text.split_inclusive(|character: char| !character.is_ascii_alphanumeric());
    let short = |word: &str| {
        let digits = word.trim_end_matches(|character: char| !character.is_ascii_alphanumeric());
        match digits.len() {
            64 => format!("{}…{}", &digits[..SHOWN], &word[digits.len()..]),
            _ => word.to_owned(),
        }
    };
    words.map(short).collect()
}
