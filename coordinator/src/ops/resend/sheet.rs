//! Rejects as rows of cells that a person edits, and the records that edited rows stand for.

use domain::record::{encoded, put};
use domain::typed::{parsed, shown};
use format::FieldWriter;
use job::Job;
use job::select::{Selector, Standing};
use store::model::RejectRow;

/// The columns before those of the fields.
const COLUMNS: [&str; 6] = ["record_no", "chunk_no", "offset", "record_type", "reasons", "hex"];

/// The places of columns that say which record a row is of.
const FIXED: [usize; 3] = [1, 2, 3];

const HEX: usize = 5;

/// Shows the rejects of one job as rows, and corrects records from rows.
#[derive(Debug)]
pub struct Sheet<'a> {
    job: &'a Job,
    selector: Selector,
    /// The names of all columns.
    columns: Vec<String>,
    /// For each record type and field its column.
    places: Vec<Vec<usize>>,
    /// For each record type what writes its fields.
    writers: Vec<FieldWriter>,
}

/// One reject as a row.
#[derive(Debug)]
struct Row {
    cells: Vec<String>,
    /// The record's type, by its place in the job.
    of_type: Option<usize>,
    /// Each field in canonical form, as far as it can be read.
    fields: Vec<Option<Vec<u8>>>,
}

impl<'a> Sheet<'a> {
    /// For the rejects of `job`.
    ///
    /// # Errors
    /// In words, when the job's formats cannot be used.
    pub fn new(job: &'a Job) -> Result<Self, String> {
        let mut columns: Vec<String> = COLUMNS.map(String::from).to_vec();
        let mut places = Vec::new();
        for record in &job.records {
            let of_fields = record.own.fields.iter().map(|field| {
                let known = columns.iter().skip(COLUMNS.len()).position(|name| *name == field.name);
                known.map(|at| at + COLUMNS.len()).unwrap_or_else(|| {
                    columns.push(field.name.clone());
                    columns.len() - 1
                })
            });
            places.push(of_fields.collect());
        }
        let writers = job.records.iter().map(|record| FieldWriter::new(&record.format, &record.own));
        Ok(Self {
            job,
            selector: Selector::new(job)?,
            columns,
            places,
            writers: writers.collect::<Result<_, _>>()?,
        })
    }

    /// The names of the columns.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The cells of a reject's row.
    pub fn cells(&mut self, reject: &RejectRow, standing: Standing) -> Vec<String> {
        self.row(reject, standing).cells
    }

    fn row(&mut self, reject: &RejectRow, standing: Standing) -> Row {
        let mut cells = vec![String::new(); self.columns.len()];
        let of_type = self.selector.type_of(&reject.raw, standing);
        let reasons = reject.reasons.iter().map(|reason| {
            let field = reason.field.as_deref().unwrap_or("(the record)");
            format!("{field}: {}: {}", reason.code, reason.detail)
        });
        let known = [
            reject.record_no.to_string(),
            reject.chunk_no.to_string(),
            reject.offset.to_string(),
            of_type.map_or_else(String::new, |at| self.job.records[at].own.record.clone()),
            reasons.collect::<Vec<_>>().join("; "),
            domain::hex::encode(&reject.raw),
        ];
        for (cell, known) in cells.iter_mut().zip(known) {
            *cell = known;
        }
        let fields = of_type.map_or_else(Vec::new, |at| self.fields(at, &reject.raw, &mut cells));
        Row { cells, of_type, fields }
    }

    /// The fields of a record of the type at `place`, in canonical form; and their cells.
    fn fields(&mut self, place: usize, raw: &[u8], cells: &mut [String]) -> Vec<Option<Vec<u8>>> {
        let Some(decoded) = self.selector.decode(place, raw) else { return Vec::new() };
        let values = decoded.values().iter().enumerate().map(|(index, value)| {
            if !decoded.is_decoded(index) {
                return None;
            }
            if let Some(cell) = self.places[place].get(index).and_then(|at| cells.get_mut(*at)) {
                *cell = shown(value);
            }
            let mut field = Vec::new();
            put(&mut field, value);
            Some(field)
        });
        values.collect()
    }

    /// The record that an edited row of a reject stands for; `None` if nothing in the row was changed.
    ///
    /// # Errors
    /// In words, when what was changed cannot be, or is not what the record then says.
    pub fn mend(
        &mut self,
        reject: &RejectRow,
        standing: Standing,
        typed: &[String],
    ) -> Result<Option<Vec<u8>>, String> {
        let now = self.row(reject, standing);
        if let Some(at) = FIXED.into_iter().find(|at| typed[*at] != now.cells[*at]) {
            return Err(format!(
                "`{}` was changed; only `hex` and the cells of fields can be",
                self.columns[at]
            ));
        }
        let changed: Vec<usize> =
            (COLUMNS.len()..typed.len()).filter(|at| typed[*at] != now.cells[*at]).collect();
        let bytes = domain::hex::decode(&typed[HEX])
            .ok_or("`hex` is not pairs of hexadecimal digits; it holds the record's bytes")?;
        if bytes != reject.raw {
            return match changed.first() {
                None => Ok(Some(bytes)),
                Some(at) => Err(format!(
                    "`hex` and `{}` were both changed; change the record's bytes or its fields, not both",
                    self.columns[*at]
                )),
            };
        }
        if changed.is_empty() {
            return Ok(None);
        }
        let place =
            now.of_type.ok_or("the record is of no record type, so it has no fields; correct its `hex`")?;
        self.changed(place, (&reject.raw, standing), &now, typed, &changed).map(Some)
    }

    /// The record with the cells at `changed` written into it, if that is what it then says.
    fn changed(
        &mut self,
        place: usize,
        (raw, standing): (&[u8], Standing),
        now: &Row,
        typed: &[String],
        changed: &[usize],
    ) -> Result<Vec<u8>, String> {
        let layout = &self.job.records[place].own;
        let mut record = raw.to_vec();
        let mut wanted: Vec<(usize, Vec<u8>)> = Vec::new();
        for column in changed {
            let name = &self.columns[*column];
            let index = self.places[place]
                .iter()
                .position(|at| at == column)
                .ok_or_else(|| format!("a record of type {} has no field `{name}`", layout.record))?;
            let field = |what: String| format!("field `{name}`: {what}");
            let value = parsed(&typed[*column], &layout.fields[index].ty)
                .map_err(|error| field(error.to_string()))?;
            let raw = encoded(&value).ok_or_else(|| field("the value has no form".into()))?;
            self.writers[place]
                .write(&mut record, index, raw)
                .map_err(|error| field(format!("{error}; correct the record's `hex`")))?;
            wanted.push((index, value));
        }
        if self.selector.type_of(&record, standing) != Some(place) {
            let name = &self.columns[changed[0]];
            return Err(format!(
                "field `{name}`: with this value the record is no {}; correct its `hex`",
                layout.record
            ));
        }
        let then = self.fields(place, &record, &mut []);
        let format = &self.job.records[place].format;
        for (index, field) in layout.fields.iter().enumerate() {
            let found = then.get(index).and_then(Option::as_ref);
            let asked = wanted.iter().find(|(of, _)| *of == index).map(|(_, value)| value);
            let is_computed = format.is_computed(index);
            match asked {
                Some(value) if found == Some(value) => {}
                Some(value) => {
                    let both = if self.job.is_sensitive() {
                        String::new()
                    } else {
                        format!(": typed {}, read back {}", display(Some(value)), display(found))
                    };
                    return Err(format!(
                        "field `{}`: the source cannot hold the value as it was typed{both}",
                        field.name
                    ));
                }
                None if found == now.fields.get(index).and_then(Option::as_ref) || is_computed => {}
                None => {
                    return Err(format!(
                        "the changed cells would change field `{}` as well, which shares bytes with them or depends \
                         on them; correct the record's `hex`",
                        field.name
                    ));
                }
            }
        }
        Ok(record)
    }
}

fn display(field: Option<&Vec<u8>>) -> String {
    field.and_then(|field| encoded(field)).map_or_else(|| "nothing".into(), |field| field.display())
}
