//! A job's text with what it names and what lies beside it: a copybook, lookup tables.

use std::ops::Range;
use std::path::Path;

use format::copybook::ReferenceFormat;

use super::made::lookups::{self, Named};
use crate::copies;
use crate::error::{JobError, Place};
use crate::file::JobFile;

/// The job's text with the copybook and the lookup tables that it names, which lie beside it: a job travels as its
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
    let copybook = copybook(&raw, beside).map_err(|(span, message)| refuse(span, message, "copybook"))?;
    let tables =
        lookups::read(&raw, beside).map_err(|(span, message)| refuse(span, message, "lookup table"))?;
    let mut whole = text;
    for (table, texts) in [("copybooks", copybook.into_iter().collect()), ("lookups", tables)] {
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

/// The text of the copybook that the job names and does not hold yet.
fn copybook(raw: &JobFile, beside: Option<&Path>) -> Result<Option<Named>, (Range<usize>, String)> {
    let Some(name) = &raw.source.copybook else { return Ok(None) };
    if raw.copybooks.contains_key(name.get_ref()) {
        return Ok(None);
    }
    let path = beside.map_or_else(|| name.get_ref().into(), |beside| beside.join(name.get_ref()));
    let refuse = |message: String| (name.span(), message);
    if !raw.copybooks.is_empty() {
        return Err(refuse(format!("[copybooks] does not contain `{}`", name.get_ref())));
    }
    let shown = path.display();
    let is_free = raw.source.copybook_format.as_ref().is_some_and(|format| format.get_ref() == "free");
    let format = if is_free { ReferenceFormat::Free } else { ReferenceFormat::Fixed };
    let folders = raw.source.copybook_folders.iter().flat_map(|folders| folders.get_ref());
    let folders: Vec<_> =
        folders.map(|folder| beside.map_or_else(|| folder.into(), |beside| beside.join(folder))).collect();
    let copybook = copies::copybook(&path, format, &folders)
        .map_err(|error| refuse(format!("cannot read the copybook {shown}: {error}")))?;
    Ok(Some((name.get_ref().clone(), copybook)))
}
