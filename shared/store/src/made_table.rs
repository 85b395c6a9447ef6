//! The job's tables as Crossfoot makes them: the same columns in every database, each with that database's types.

use domain::layout::Layout;
use domain::table::{RunMark, STAGING_COLUMNS, TableName};
use domain::value::FieldType;

/// The types that a database has for the columns of the job's tables.
#[derive(Debug, Clone, Copy)]
pub struct ColumnTypes {
    /// The type of a field's column.
    pub field: fn(&FieldType) -> String,
    /// The type of a run's id.
    pub run: &'static str,
    /// The type of a number of Crossfoot's own.
    pub number: &'static str,
}

/// A column of a table that Crossfoot makes.
#[derive(Debug)]
pub struct MadeColumn {
    /// The column's name, not quoted.
    pub name: String,
    /// The column's type as the database spells it.
    pub ty: String,
    /// Whether the column refuses NULL.
    pub not_null: bool,
}

/// A table that Crossfoot makes.
#[derive(Debug)]
pub struct MadeTable {
    /// The table's name as the job file has it.
    pub name: TableName,
    /// The columns in the table's order.
    pub columns: Vec<MadeColumn>,
    /// The columns of the primary key; none if the table has none.
    pub key: Vec<String>,
}

/// What the job writes into a column of final.
#[derive(Debug, Clone, Copy)]
pub enum Written {
    /// The value of the field at this place in the layout.
    Field(usize),
    /// The id of the run.
    Run,
    /// The record's number.
    RecordNo,
}

/// The columns of final that the job writes, and what it writes into each. `has` says whether final has a column for
/// numbers of this name: where there is a key, the record's number is written only then.
#[must_use]
pub fn written_columns(layout: &Layout, has: impl Fn(&str) -> bool) -> Vec<(&str, Written)> {
    let of = &layout.final_table;
    let mut columns: Vec<_> =
        layout.columns().enumerate().map(|(at, name)| (name, Written::Field(at))).collect();
    columns.extend(of.run_column().map(|name| (name, Written::Run)));
    if layout.key.is_empty() {
        columns.push((&of.record_no, Written::RecordNo));
    } else if let Some(name) = layout.lineage_column().filter(|name| has(name)) {
        columns.push((name, Written::RecordNo));
    }
    columns
}

impl ColumnTypes {
    fn own(&self, name: &str, ty: &str) -> MadeColumn {
        MadeColumn { name: name.into(), ty: ty.into(), not_null: true }
    }

    fn field_columns<'a>(&'a self, layout: &'a Layout) -> impl Iterator<Item = MadeColumn> + 'a {
        layout.fields.iter().map(|field| MadeColumn {
            name: field.name.clone(),
            ty: (self.field)(&field.ty),
            not_null: field.required,
        })
    }

    /// Staging, which Crossfoot alone makes. `key`: its primary key.
    #[must_use]
    pub fn staging(&self, layout: &Layout, key: &[&str]) -> MadeTable {
        let mut columns = vec![self.own("run_id", self.run)];
        columns.extend(["chunk_no", "record_no", "worker_id"].map(|name| self.own(name, self.number)));
        columns.extend(self.field_columns(layout).map(|column| MadeColumn { not_null: false, ..column }));
        let key = key.iter().map(|column| (*column).to_owned()).collect();
        MadeTable { name: layout.staging.clone(), columns, key }
    }

    /// Final as Crossfoot makes it where it is not there.
    #[must_use]
    pub fn final_table(&self, layout: &Layout) -> MadeTable {
        if layout.is_attached() {
            // As staging is, so that a run's partition can be that of either; but here what must be there must be
            // there.
            let mut table = self.staging(layout, &[]);
            table.name = layout.final_table.name.clone();
            for (column, field) in table.columns.iter_mut().skip(STAGING_COLUMNS.len()).zip(&layout.fields) {
                column.not_null = field.required;
            }
            return table;
        }
        let fields = self.field_columns(layout).zip(layout.columns());
        let mut columns: Vec<_> =
            fields.map(|(column, name)| MadeColumn { name: name.to_owned(), ..column }).collect();
        if let RunMark::Column(run) = &layout.final_table.run {
            columns.push(self.own(run, self.run));
        }
        // Other programs may write to final, too; what they write is of no record.
        let is_key = layout.key.is_empty();
        let lineage = layout.lineage_column().map(|name| self.own(name, self.number));
        columns.extend(lineage.map(|column| MadeColumn { not_null: is_key, ..column }));
        let key = layout.key_columns().into_iter().map(str::to_owned).collect();
        MadeTable { name: layout.final_table.name.clone(), columns, key }
    }

    /// The table that holds the run of each row of final, if final does not.
    #[must_use]
    pub fn run_table(&self, layout: &Layout) -> Option<MadeTable> {
        let name = layout.final_table.run_table()?.clone();
        let of_key = self.field_columns(layout).enumerate().filter(|(at, _)| layout.key.contains(at));
        let mut columns: Vec<_> = of_key.map(|(_, column)| column).collect();
        columns.push(self.own("last_run_id", self.run));
        let key = layout.key.iter().map(|at| layout.fields[*at].name.clone()).collect();
        Some(MadeTable { name, columns, key })
    }

    /// Says of a column of final that the job writes and that is not there what its author can do.
    #[must_use]
    pub fn missing(&self, name: &str, written: Written, layout: &Layout) -> String {
        let Self { run, number, .. } = self;
        match written {
            Written::Field(at) => {
                let field = &layout.fields[at];
                let advice = match name == field.name {
                    true => "; if it has another name, say `column` in the field",
                    false => "",
                };
                format!("column {name} {} is missing{advice}", (self.field)(&field.ty))
            }
            Written::Run => format!(
                "column {name} {run} is missing; add it, or name a column for the run's id in `run_column`, or let \
                 Crossfoot keep a table of its own for it with `run_table`"
            ),
            Written::RecordNo => format!(
                "column {name} {number} is missing; add it, name a column for the record's number in \
                 `record_no_column`, or declare a `key`"
            ),
        }
    }
}
