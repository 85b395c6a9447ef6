//! A job's text with what it names and what lies beside it: copybooks, lookup tables.

use std::ops::Range;
use std::path::Path;

use format::copybook::ReferenceFormat;
use platform::files::COPYBOOK_BYTES_MAX;
use toml::Spanned;

use super::made::lookups::{self, Named};
use crate::copies;
use crate::error::{JobError, Place};
use crate::file::JobFile;

/// The job's text with the copybooks and the lookup tables that it names, which lie beside it: a job travels as its
/// text, and its digest covers all of it.
pub(crate) fn whole(file: &str, text: String, beside: Option<&Path>) -> Result<String, JobError> {
    // What is wrong with the text is told when it is parsed.
    let Ok(raw) = toml::from_str::<JobFile>(&text) else { return Ok(text) };
    let refuse = |span: Range<usize>, message: String, what: &str| JobError {
        file: file.into(),
        place: Some(Place::of(file, &text, span)),
        message,
        advice: Some(format!("the path of a {what} is relative to the job file")),
    };
    let copybooks = copybooks(&raw, beside).map_err(|(span, message)| refuse(span, message, "copybook"))?;
    let tables =
        lookups::read(&raw, beside).map_err(|(span, message)| refuse(span, message, "lookup table"))?;
    let mut whole = text;
    for (table, texts) in [("copybooks", copybooks), ("lookups", tables)] {
        add(&mut whole, table, &texts);
    }
    Ok(whole)
}

/// Adds a table of texts to a job's text.
fn add(whole: &mut String, table: &str, texts: &[Named]) {
    if texts.is_empty() {
        return;
    }
    let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let gap = if whole.ends_with('\n') { "\n" } else { "\n\n" };
    whole.push_str(&format!("{gap}[{table}]\n"));
    for (name, text) in texts {
        whole.push_str(&format!("{} = {}\n", quote(name), quote(text)));
    }
}

/// The texts of the copybooks that the job names and does not hold yet.
fn copybooks(raw: &JobFile, beside: Option<&Path>) -> Result<Vec<Named>, (Range<usize>, String)> {
    let named = raw.record.iter().filter_map(|record| record.copybook.as_ref());
    let mut missing: Vec<&Spanned<String>> = Vec::new();
    for name in raw.source.copybook.iter().chain(named) {
        let is_known = raw.copybooks.contains_key(name.get_ref());
        if !is_known && missing.iter().all(|other| other.get_ref() != name.get_ref()) {
            missing.push(name);
        }
    }
    let refuse = |name: &Spanned<String>, message: String| Err((name.span(), message));
    let Some(first) = missing.first() else { return Ok(Vec::new()) };
    if !raw.copybooks.is_empty() {
        return refuse(first, format!("[copybooks] does not contain `{}`", first.get_ref()));
    }
    let is_free = raw.source.copybook_format.as_ref().is_some_and(|format| format.get_ref() == "free");
    let format = if is_free { ReferenceFormat::Free } else { ReferenceFormat::Fixed };
    let folders = raw.source.copybook_folders.iter().flat_map(|folders| folders.get_ref());
    let folders: Vec<_> =
        folders.map(|folder| beside.map_or_else(|| folder.into(), |beside| beside.join(folder))).collect();
    let (mut texts, mut bytes) = (Vec::new(), 0);
    for name in missing {
        let path = beside.map_or_else(|| name.get_ref().into(), |beside| beside.join(name.get_ref()));
        let copybook = match copies::copybook(&path, format, &folders) {
            Ok(copybook) => copybook,
            Err(error) => {
                return refuse(name, format!("cannot read the copybook {}: {error}", path.display()));
            }
        };
        // As much as for one copybook with all that it copies.
        bytes += copybook.len() as u64;
        if bytes > COPYBOOK_BYTES_MAX {
            let what = format!("the job's copybooks together are longer than {COPYBOOK_BYTES_MAX} bytes");
            return refuse(name, what);
        }
        texts.push((name.get_ref().clone(), copybook));
    }
    Ok(texts)
}
