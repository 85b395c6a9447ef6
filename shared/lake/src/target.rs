//! Files and folders as a target: which table is which folder, and its row groups as the parts that are read.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::comparison::{Cell, TargetSummary};
use domain::fingerprint::Hash;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::schema::types::SchemaDescriptor;
use store::target::{
    Prepared, Relation, RowSink, Target, TargetError, TargetReader, Wanted, WantedColumn, written,
};

use crate::column::Column;
use crate::files::{DataFile, Identity, found};
use crate::kind::Kind;

/// How many rows are read at a time.
const ROWS: usize = 1024;

/// Parquet files that are only read.
#[derive(Debug)]
pub struct ParquetTarget {
    root: PathBuf,
    is_of_tables: bool,
    tables: Arc<Mutex<Vec<Arc<Dataset>>>>,
}

/// The files of one table, as they were when they were looked at.
#[derive(Debug)]
struct Dataset {
    root: PathBuf,
    files: Vec<DataFile>,
}

/// Where a wanted column's values are.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// In this column of the file.
    Column { at: usize, kind: Kind, is_optional: bool },
    /// In the name of a folder.
    Folder(Option<String>),
}

fn unreadable(path: &Path, reason: impl ToString) -> TargetError {
    TargetError::Unreadable { location: path.display().to_string(), reason: reason.to_string() }
}

impl ParquetTarget {
    /// The file or folder at `root`. A folder is one table, all of it, or with `is_of_tables` holds one for each name:
    /// a folder, or a file that ends in `.parquet`.
    ///
    /// # Errors
    /// [`TargetError::Unreadable`] if it is not there.
    pub fn open(root: &Path, is_of_tables: bool) -> Result<Self, TargetError> {
        fs::metadata(root).map_err(|error| unreadable(root, error))?;
        Ok(Self { root: root.to_owned(), is_of_tables, tables: Arc::default() })
    }

    /// Where a table's files are.
    fn root_of(&self, wanted: &Wanted) -> Result<PathBuf, TargetError> {
        let refused = |what: &str| Err(unreadable(&self.root, what));
        if wanted.filter.is_some() {
            return refused("Parquet files cannot be filtered; remove the filter under [[target]]");
        }
        let Relation::Table(name) = &wanted.relation else {
            return refused("Parquet files cannot be queried; name a table under [[target]], or none");
        };
        if !self.is_of_tables {
            return Ok(self.root.clone());
        }
        let folder = name.schema().map_or_else(|| self.root.clone(), |schema| self.root.join(schema));
        let (of_folder, of_file) =
            (folder.join(name.name()), folder.join(format!("{}.parquet", name.name())));
        match (of_folder.exists(), of_file.exists()) {
            (true, false) => Ok(of_folder),
            (false, true) => Ok(of_file),
            (true, true) => refused(&format!("table {name} is both a folder and a file; remove one of them")),
            (false, false) => refused(&format!(
                "it holds neither a folder `{0}` nor a file `{0}.parquet`; of a job with several targets each has one",
                name.name()
            )),
        }
    }
}

#[async_trait]
impl Target for ParquetTarget {
    fn summary(&self) -> TargetSummary {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let files = || tables.iter().flat_map(|table| &table.files);
        TargetSummary {
            location: self.root.display().to_string(),
            kind: format!(
                "Parquet, {} with {}",
                domain::words::plural(files().count() as u64, "file"),
                domain::words::plural(files().map(|file| file.identity.bytes).sum(), "byte"),
            ),
            snapshot: "none of the files changed while they were read".into(),
        }
    }

    fn described_by(&self) -> String {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let files: Vec<_> =
            tables.iter().flat_map(|table| &table.files).map(|file| format!("{file:?}\n")).collect();
        // Their number and length are in the summary.
        format!(
            "files whose names, numbers, lengths and times have the SHA-256 {}",
            Hash::of(files.concat().as_bytes())
        )
    }

    async fn prepare(&self, wanted: Wanted) -> Result<Prepared, TargetError> {
        let root = self.root_of(&wanted)?;
        let files = found(&root).map_err(|reason| unreadable(&self.root, reason))?;
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut parts, mut types) = (Vec::new(), Vec::new());
        for (at, file) in files.iter().enumerate() {
            let (reader, places) = opened(file, &wanted.columns)?;
            parts.extend((0..reader.num_row_groups()).map(|group| format!("{} {at} {group}", tables.len())));
            types = places.iter().map(|place| format!("{place:?}")).collect();
        }
        tables.push(Arc::new(Dataset { root, files }));
        Ok(Prepared { parts, types, wanted })
    }

    async fn reader(&self) -> Result<Box<dyn TargetReader>, TargetError> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Box::new(ParquetReader { tables, open: None }))
    }

    async fn unchanged(&self) -> Result<(), TargetError> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for table in tables {
            let now = found(&table.root).map_err(|reason| unreadable(&self.root, reason))?;
            if now != table.files {
                let reason = "files were added, removed or changed while they were read; compare again";
                return Err(unreadable(&table.root, reason));
            }
        }
        Ok(())
    }
}

/// Opens a file, and finds the columns in it. It must be what it was when it was found.
fn opened(
    file: &DataFile,
    columns: &[WantedColumn],
) -> Result<(SerializedFileReader<File>, Vec<Place>), TargetError> {
    let failed = |reason: String| unreadable(&file.path, reason);
    let opened = File::open(&file.path).map_err(|error| failed(error.to_string()))?;
    let metadata = opened.metadata().map_err(|error| failed(error.to_string()))?;
    if Identity::of(&metadata) != file.identity {
        return Err(failed("it changed while it was read; compare again".into()));
    }
    let reader = SerializedFileReader::new(opened).map_err(|error| failed(error.to_string()))?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let packed = |place: &Place| match place {
        Place::Column { at, .. } => {
            let mut groups =
                reader.metadata().row_groups().iter().map(|group| group.column(*at).compression());
            groups.find(|one| matches!(one, Compression::BROTLI(_) | Compression::LZO))
        }
        Place::Folder(_) => None,
    };
    let places = columns.iter().map(|column| {
        let place = place(file, &schema, &column.name)?;
        match packed(&place) {
            Some(packed) => {
                Err(format!("column `{}` is compressed with {packed}, which is not read", column.name))
            }
            None => Ok(place),
        }
    });
    let places = places.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    Ok((reader, places))
}

/// Where a column's values are.
fn place(file: &DataFile, schema: &SchemaDescriptor, name: &str) -> Result<Place, String> {
    let columns: Vec<_> =
        (0..schema.num_columns()).filter(|at| schema.column(*at).path().parts()[0] == name).collect();
    match (&columns[..], file.of_folder(name)) {
        ([], Some(value)) => Ok(Place::Folder(value.clone())),
        ([], None) => Err(format!("it has no column `{name}`")),
        (_, Some(_)) => Err(format!("column `{name}` is in it, and in the name of its folder as well")),
        (&[at], None) => {
            let column = schema.column(at);
            if column.path().parts().len() > 1 || column.max_rep_level() > 0 {
                return Err(nested(name));
            }
            let kind = Kind::of(&column).map_err(|ty| {
                format!("column `{name}` is of type {ty}, which is not understood; leave the field out (`leave_out`)")
            })?;
            Ok(Place::Column { at, kind, is_optional: column.max_def_level() > 0 })
        }
        _ => Err(nested(name)),
    }
}

fn nested(name: &str) -> String {
    format!(
        "column `{name}` is nested, repeated, or there twice; only columns that hold one value in each row are compared"
    )
}

struct Open {
    table: usize,
    file: usize,
    reader: SerializedFileReader<File>,
    places: Vec<Place>,
}

struct ParquetReader {
    tables: Vec<Arc<Dataset>>,
    open: Option<Open>,
}

#[async_trait]
impl TargetReader for ParquetReader {
    async fn read(
        &mut self,
        table: &Prepared,
        part: usize,
        rows: &mut dyn RowSink,
    ) -> Result<u64, TargetError> {
        let Some(part) = table.parts.get(part) else { return Ok(0) };
        let numbers: Vec<usize> = part.split(' ').filter_map(|number| number.parse().ok()).collect();
        let (dataset, at, group) = match numbers[..] {
            [dataset, at, group] => (dataset, at, group),
            _ => return Ok(0),
        };
        tokio::task::block_in_place(|| self.group(&table.wanted.columns, (dataset, at, group), rows))
    }
}

impl ParquetReader {
    fn group(
        &mut self,
        columns: &[WantedColumn],
        (dataset, at, group): (usize, usize, usize),
        rows: &mut dyn RowSink,
    ) -> Result<u64, TargetError> {
        let gone = || unreadable(Path::new("Parquet"), "a part that nobody prepared");
        let file = self.tables.get(dataset).and_then(|table| table.files.get(at)).ok_or_else(gone)?;
        let open = match self.open.take() {
            Some(open) if (open.table, open.file) == (dataset, at) => open,
            _ => {
                let (reader, places) = opened(file, columns)?;
                Open { table: dataset, file: at, reader, places }
            }
        };
        let count = read(&open, group, columns, rows, &file.path)?;
        self.open = Some(open);
        Ok(count)
    }
}

/// Reads a row group, some rows at a time.
fn read(
    open: &Open,
    group: usize,
    wanted: &[WantedColumn],
    sink: &mut dyn RowSink,
    path: &Path,
) -> Result<u64, TargetError> {
    let failed = |name: &str, error: ParquetError| {
        unreadable(path, format!("row group {}, column `{name}`: {error}", group + 1))
    };
    let of_group = open.reader.get_row_group(group).map_err(|error| unreadable(path, error))?;
    let rows = u64::try_from(of_group.metadata().num_rows()).unwrap_or_default();
    let mut columns = Vec::with_capacity(wanted.len());
    for (place, column) in open.places.iter().zip(wanted) {
        columns.push(match place {
            Place::Folder(value) => Err(value.as_deref()),
            Place::Column { at, kind, is_optional } => {
                let reader = of_group.get_column_reader(*at).map_err(|error| failed(&column.name, error))?;
                Ok(Column::new(reader, *kind, *is_optional))
            }
        });
    }
    let mut rooms = vec![String::new(); wanted.len()];
    let mut done = 0;
    loop {
        // One row more than there should be is asked for at the end, and must not be there.
        let left = usize::try_from(rows - done).unwrap_or(usize::MAX);
        let due = left.min(ROWS);
        for (column, wanted) in columns.iter_mut().zip(wanted) {
            let Ok(column) = column else { continue };
            let filled = column.fill(due.max(1)).map_err(|error| failed(&wanted.name, error))?;
            if filled != due {
                let error = format!("it has {filled} rows where {due} are due");
                return Err(failed(&wanted.name, ParquetError::General(error)));
            }
        }
        if due == 0 {
            return Ok(rows);
        }
        for row in 0..due {
            let mut cells = Vec::with_capacity(wanted.len());
            for ((column, wanted), room) in columns.iter_mut().zip(wanted).zip(&mut rooms) {
                cells.push(match column {
                    Ok(column) => column.cell(row, &wanted.ty, room),
                    Err(None) => Cell::Null,
                    Err(Some(value)) => written(&wanted.ty, value, room),
                });
            }
            sink.row(&cells)?;
        }
        done += due as u64;
    }
}
