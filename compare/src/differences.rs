//! The list of all differences, in a file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use domain::comparison::Difference;
use domain::visible::visible_lines;

/// A file that takes every difference: lines of JSON, or CSV if its name ends in `.csv`.
#[derive(Debug)]
pub struct DifferenceFile {
    out: BufWriter<File>,
    is_csv: bool,
}

impl DifferenceFile {
    /// Makes the file. Only its owner can read it: it shows values.
    ///
    /// # Errors
    /// When it is there already, or cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::of(platform::files::create_new_private(path)?, path)
    }

    /// Makes the file that becomes `path` once there is a verdict, and the name that it has until then: `token` tells
    /// that from the files of others. What an earlier process of the same comparison left under it is emptied.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn unfinished(path: &Path, token: &str) -> io::Result<(Self, PathBuf)> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let unfinished = path.with_file_name(format!(".{name}.{token}.unfinished"));
        let file = platform::files::create_private(&unfinished)?;
        Ok((Self::of(file, path)?, unfinished))
    }

    /// Gives the file its name, unless there is one with that name. The same is done for evidence.
    ///
    /// # Errors
    /// When there is, or the system does not allow it.
    pub fn settle(unfinished: &Path, path: &Path) -> io::Result<()> {
        match fs::hard_link(unfinished, path) {
            Ok(()) => fs::remove_file(unfinished),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // Not every file system has links.
            Err(_) if !path.exists() => fs::rename(unfinished, path),
            Err(error) => Err(error),
        }
    }

    fn of(file: File, path: &Path) -> io::Result<Self> {
        let is_csv = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        let mut out = BufWriter::new(file);
        if is_csv {
            out.write_all(b"kind,record_type,record_no,byte_offset,key,field,source,target\n")?;
        }
        Ok(Self { out, is_csv })
    }

    /// Writes a difference; in CSV, a line for each field that differs.
    pub(crate) fn write(&mut self, difference: &Difference, json: &[u8]) -> io::Result<()> {
        if !self.is_csv {
            self.out.write_all(json)?;
            return self.out.write_all(b"\n");
        }
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let key: Vec<_> = difference.key.iter().map(|(field, value)| format!("{field}={value}")).collect();
        let head = [
            difference.kind.name().to_owned(),
            difference.record.clone(),
            number(difference.record_no),
            number(difference.byte_offset),
            key.join(" "),
        ];
        if difference.fields.is_empty() {
            return self.line(&head, ["", "", ""]);
        }
        difference
            .fields
            .iter()
            .try_for_each(|field| self.line(&head, [&field.field, &field.source, &field.target]))
    }

    fn line(&mut self, head: &[String], rest: [&str; 3]) -> io::Result<()> {
        let cells = head.iter().map(String::as_str).chain(rest);
        let cells: Vec<_> = cells.map(quoted).collect();
        writeln!(self.out, "{}", cells.join(","))
    }

    /// Writes what is left, and waits until the file is on disk.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()
    }
}

/// A cell of CSV. One that a spreadsheet would take for a formula gets an apostrophe before it.
fn quoted(text: &str) -> String {
    let text = visible_lines(text);
    let is_number = text.parse::<f64>().is_ok();
    let guard = if text.starts_with(['=', '+', '-', '@']) && !is_number { "'" } else { "" };
    match text.contains([',', '"', '\n', '\r']) || !guard.is_empty() {
        true => format!("\"{guard}{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}
