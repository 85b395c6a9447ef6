//! Which columns of a source are which fields: found by the names in its header row, in any order.
//!
//! The order is a fact of each source. It becomes a part of the job's text (`[columns]`), and so of its digest:
//! workers, resumed runs, evidence and proofs all read the same columns.

use format::spec::{Columns, FieldForm, Form};
use thiserror::Error;

use crate::{Job, RecordType};

/// How many names a message lists of each kind.
const NAMED_MAX: usize = 5;

/// Why a header row does not name the columns that the job needs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ColumnsError(String);

impl Job {
    /// Whether a header row names the columns of the source.
    #[must_use]
    pub const fn has_header(&self) -> bool {
        matches!(&self.format.form, Form::Delimited(form) if form.header)
    }

    /// The record type whose fields the header row names. What is told by its position is no row under it.
    fn under_header(&self) -> Option<&RecordType> {
        let by_content = self.records.iter().find(|record| record.position.is_none());
        by_content.or(self.records.first()).filter(|_| self.has_header())
    }

    /// The job for a source whose header row has these names; `None` where that is this job as it stands.
    ///
    /// # Errors
    /// [`ColumnsError`], when a column is missing, unknown, or cannot be told from another.
    pub fn with_columns(&self, names: &[String]) -> Result<Option<Self>, ColumnsError> {
        let Some(record) = self.under_header() else { return Ok(None) };
        if let Some(header) = &self.columns {
            return if header == names {
                Ok(None)
            } else {
                Err(ColumnsError("it is not the one that [columns] of the job names".into()))
            };
        }
        if is_in_order(record, names) {
            return Ok(None);
        }
        let columns = self.find(record, names)?;
        let header = toml::Value::from(names.to_vec());
        let gap = if self.text.ends_with('\n') { "\n" } else { "\n\n" };
        let text = format!("{}{gap}[columns]\nheader = {header}\n", self.text);
        let mut bound = self.clone();
        bound.digest = domain::fingerprint::Hash::of(text.as_bytes());
        bound.text = text;
        bound.bind(names, columns);
        Ok(Some(bound))
    }

    /// Reads the columns as the job's own `[columns]` names them.
    pub(crate) fn bind_named(&mut self, names: &[String]) -> Result<(), ColumnsError> {
        let Some(record) = self.under_header() else {
            return Err(ColumnsError("there is no header row; set header = true under [source]".into()));
        };
        let columns = if is_in_order(record, names) { None } else { Some(self.find(record, names)?) };
        match columns {
            Some(columns) => self.bind(names, columns),
            None => self.columns = Some(names.to_vec()),
        }
        Ok(())
    }

    fn bind(&mut self, names: &[String], columns: Columns) {
        self.columns = Some(names.to_vec());
        let formats = self.records.iter_mut().map(|record| &mut record.format);
        for format in formats.chain([&mut self.format]) {
            if let Form::Delimited(form) = &mut format.form {
                form.columns = Some(columns.clone());
            }
        }
    }

    fn find(&self, record: &RecordType, names: &[String]) -> Result<Columns, ColumnsError> {
        let forms = &record.format.fields;
        let is_bound_to_order = forms.iter().any(|form| form.rest || form.sum_of.is_some());
        if self.has_types() || is_bound_to_order {
            return Err(self.out_of_order(record, names));
        }
        let mut search = Search { taken: vec![false; names.len()], of_fields: vec![None; forms.len()] };
        // A name that is given exactly comes before one that only reads alike.
        for is_exact in [true, false] {
            for (at, form) in forms.iter().enumerate() {
                if form.header.is_some() == is_exact && search.of_fields.get(at) == Some(&None) {
                    search.group(record, names, at)?;
                }
            }
        }
        let mut left_out = Vec::new();
        for (at, (name, taken)) in names.iter().zip(&mut search.taken).enumerate() {
            if !*taken && record.leave_out.iter().any(|wanted| wanted.trim() == name.trim()) {
                *taken = true;
                left_out.push(at);
            }
        }
        let of_fields: Vec<usize> = search.of_fields.iter().filter_map(|of| *of).collect();
        if of_fields.len() == forms.len() && search.taken.iter().all(|taken| *taken) {
            return Ok(Columns { count: names.len(), of_fields, left_out });
        }
        Err(self.unmatched(record, names, &search))
    }

    /// Says which fields have no column, and which columns no field. In a job with sensitive fields no name is shown:
    /// without a header row, it is a record that stands there.
    fn unmatched(&self, record: &RecordType, names: &[String], search: &Search) -> ColumnsError {
        let missing = search.of_fields.iter().enumerate().filter(|(_, of)| of.is_none());
        let missing = missing
            .map(|(at, _)| format!("column {} is not `{}`, nor is any other", at + 1, wanted(record, at)));
        let unknown = names.iter().zip(&search.taken).enumerate().filter(|(_, (_, taken))| !**taken);
        let unknown = unknown.map(|(at, (name, _))| match self.is_sensitive() {
            true => format!("column {} is no field of the job", at + 1),
            false => format!("column {}, `{name}`, is no field of the job", at + 1),
        });
        let (missing, unknown): (Vec<_>, Vec<_>) = (missing.collect(), unknown.collect());
        let advice = match (missing.is_empty(), unknown.is_empty()) {
            (true, _) => "; add a field for it, or name it in `leave_out` of the record",
            (false, true) => "; a field's `from` names its column",
            (false, false) => {
                "; a field's `from` names its column, and `leave_out` of the record what becomes no field"
            }
        };
        ColumnsError(format!("{}{advice}", [listed(&missing), listed(&unknown)].concat().join("; ")))
    }

    /// Says at which column the order is another, where only the fields' own order is possible.
    fn out_of_order(&self, record: &RecordType, names: &[String]) -> ColumnsError {
        let fields = record.columns().fields.len();
        let differs = names.iter().enumerate().find(|(at, name)| !is_named(record, *at, name));
        ColumnsError(match differs {
            Some((at, name)) if names.len() == fields && !self.is_sensitive() => {
                format!("column {} is `{name}`, but the job expects `{}`", at + 1, wanted(record, at))
            }
            Some((at, _)) if names.len() == fields => {
                format!("the name of column {} is not `{}`, as the job expects", at + 1, wanted(record, at))
            }
            _ => {
                let columns = domain::words::counted(names.len(), "column");
                format!("it has {columns}, but the job has {}", domain::words::counted(fields, "field"))
            }
        })
    }
}

/// What is found so far.
struct Search {
    /// Whether a column is some field's.
    taken: Vec<bool>,
    /// The column of each field.
    of_fields: Vec<Option<usize>>,
}

impl Search {
    /// Finds the columns of all fields that look for the same name as the field at `first`.
    fn group(&mut self, record: &RecordType, names: &[String], first: usize) -> Result<(), ColumnsError> {
        let free = self.taken.iter().map(|taken| !*taken);
        let columns = names.iter().zip(free).enumerate();
        let columns = columns.filter(|(_, (name, is_free))| *is_free && is_named(record, first, name));
        let columns: Vec<usize> = columns.map(|(at, _)| at).collect();
        let name = wanted(record, first);
        let forms = || record.format.fields.iter().enumerate();
        let members = forms().filter(|(at, form)| {
            self.of_fields.get(*at) == Some(&None) && {
                let is_exact = form.header.is_some();
                is_exact == record.format.fields.get(first).is_some_and(|of| of.header.is_some())
                    && if is_exact {
                        wanted(record, *at) == name
                    } else {
                        plain(wanted(record, *at)) == plain(name)
                    }
            }
        });
        let members: Vec<(usize, &FieldForm)> = members.collect();
        for (at, nth) in members.iter().filter_map(|(at, form)| Some((*at, form.nth?))) {
            if let Some(column) = nth.checked_sub(1).and_then(|place| columns.get(place)).copied()
                && !std::mem::replace(&mut self.taken[column], true)
            {
                self.of_fields[at] = Some(column);
            }
        }
        let rest: Vec<usize> = columns.iter().copied().filter(|column| !self.taken[*column]).collect();
        let open: Vec<usize> =
            members.iter().filter(|(_, form)| form.nth.is_none()).map(|(at, _)| *at).collect();
        if !open.is_empty() && rest.len() > open.len() {
            let count = columns.len();
            return Err(ColumnsError(format!(
                "{count} columns are named `{name}`; say with `nth` which of them each field is in, and name those \
                 that become no field in `leave_out` of the record"
            )));
        }
        if rest.len() == open.len() {
            for (at, column) in open.into_iter().zip(rest) {
                self.of_fields[at] = Some(column);
                self.taken[column] = true;
            }
        }
        Ok(())
    }
}

/// The first few of what is to be listed.
fn listed(all: &[String]) -> Vec<String> {
    let more = all.len().saturating_sub(NAMED_MAX);
    let mut listed: Vec<String> = all.iter().take(NAMED_MAX).cloned().collect();
    listed.extend((more > 0).then(|| format!("and {more} more")));
    listed
}

/// The name of the column that the field at `at` looks for.
fn wanted(record: &RecordType, at: usize) -> &str {
    let from = record.format.fields.get(at).and_then(|form| form.header.as_deref());
    from.or_else(|| record.columns().fields.get(at).map(|field| field.name.as_str())).unwrap_or_default()
}

/// Whether a column of this name is the one that the field at `at` looks for.
fn is_named(record: &RecordType, at: usize, name: &str) -> bool {
    match record.format.fields.get(at).and_then(|form| form.header.as_deref()) {
        Some(from) => name.trim() == from.trim(),
        None => plain(name) == plain(wanted(record, at)),
    }
}

/// Whether the columns are the fields, one after the other.
fn is_in_order(record: &RecordType, names: &[String]) -> bool {
    names.len() == record.columns().fields.len()
        && record.format.fields.iter().all(|form| form.nth.is_none())
        && names.iter().enumerate().all(|(at, name)| is_named(record, at, name))
}

/// A column's name as an identifier would spell it: `Account No.` and `account_no` are the same.
fn plain(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.trim().chars() {
        if c.is_alphanumeric() {
            out.extend(c.to_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    out.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(record: &str, fields: &[&str]) -> Job {
        let field = |field: &&str| format!("[[record.field]]\ntype = \"text(9)\"\n{field}\n");
        let fields: String = fields.iter().map(field).collect();
        let text = format!(
            "[job]\nname = \"j\"\n[source]\nformat = \"delimited\"\nheader = true\n[[record]]\nname = \"r\"\n{record}\n\
             staging = \"s\"\nfinal = \"f\"\n{fields}"
        );
        Job::parse("j.toml", &text).unwrap()
    }

    /// The columns of the fields and those that are left out, or why there are none.
    fn found(job: &Job, header: &[&str]) -> Result<(Vec<usize>, Vec<usize>), String> {
        let names: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        let bound = job.with_columns(&names).map_err(|error| error.to_string())?;
        let Some(bound) = bound else { return Ok(((0..names.len()).collect(), Vec::new())) };
        let again = Job::parse("again", &bound.text).unwrap();
        assert_eq!(again.format, bound.format, "a worker reads what the coordinator found");
        assert_eq!((again.digest, again.columns.as_ref()), (bound.digest, Some(&names)));
        assert_eq!(again.layout_digest(), job.layout_digest(), "fingerprints can be compared");
        assert!(
            bound.with_columns(&names).unwrap().is_none(),
            "the columns that were found are those of the job"
        );
        assert!(bound.with_columns(&names[1..]).is_err(), "and no others");
        let Form::Delimited(form) = bound.format.form else { panic!() };
        let columns = form.columns.unwrap();
        assert_eq!(columns.count, names.len());
        Ok((columns.of_fields, columns.left_out))
    }

    #[test]
    fn a_column_is_found_by_its_name_wherever_it_stands() {
        let plain = job("", &["name = \"id\"", "name = \"fee\"", "name = \"g\"\nfrom = \"Größe\""]);
        assert_eq!(found(&plain, &["ID", "Fee", "Größe"]), Ok((vec![0, 1, 2], vec![])));
        assert_eq!(found(&plain, &["Größe", " id ", "fee"]), Ok((vec![1, 2, 0], vec![])));
        let error = found(&plain, &["größe", "id", "fee", "x"]).unwrap_err();
        assert!(error.contains("column 3 is not `Größe`, nor is any other"), "{error}");
        assert!(error.contains("column 1, `größe`, is no field of the job"), "{error}");
        assert!(error.contains("column 4, `x`,") && error.contains("`leave_out`"), "{error}");
        let leaving = job("leave_out = [\"x\", \"y\"]", &["name = \"id\"", "name = \"fee\""]);
        assert_eq!(found(&leaving, &["x", "fee", "id"]), Ok((vec![2, 1], vec![0])));
        assert_eq!(found(&leaving, &["y", "fee", "x", "id", "x"]), Ok((vec![3, 1], vec![0, 2, 4])));
        assert_eq!(found(&leaving, &["id", "fee"]), Ok((vec![0, 1], vec![])));
    }

    #[test]
    fn doubled_names_are_told_apart_by_their_places() {
        let doubled = ["name = \"id\"", "name = \"a\"\nfrom = \"amount\"", "name = \"b\"\nfrom = \"amount\""];
        assert_eq!(found(&job("", &doubled), &["amount", "id", "amount"]), Ok((vec![1, 0, 2], vec![])));
        let error = found(&job("", &doubled), &["amount", "amount", "amount", "id"]).unwrap_err();
        assert!(error.contains("3 columns are named `amount`; say with `nth`"), "{error}");
        let error = found(&job("", &doubled), &["amount", "id"]).unwrap_err();
        assert!(error.contains("column 2 is not `amount`"), "{error}");
        let nth = ["name = \"id\"", "name = \"a\"\nfrom = \"amount\"\nnth = 3"];
        let error = found(&job("", &nth), &["id", "amount", "amount", "amount"]).unwrap_err();
        assert!(error.contains("column 2, `amount`, is no field"), "{error}");
        let leaving = job("leave_out = [\"amount\"]", &nth);
        assert_eq!(found(&leaving, &["id", "amount", "amount", "amount"]), Ok((vec![0, 3], vec![1, 2])));
        assert!(found(&leaving, &["id", "amount"]).is_err());
        let swapped = ["name = \"a\"\nnth = 2", "name = \"b\"\nfrom = \"A\""];
        // A name that is given exactly takes its column first.
        assert!(found(&job("", &swapped), &["a", "A"]).is_err());
        let nothing = ["name = \"id\"", "name = \"x\"\nfrom = \"\""];
        assert_eq!(found(&job("", &nothing), &["", "id"]), Ok((vec![1, 0], vec![])));
    }
}
