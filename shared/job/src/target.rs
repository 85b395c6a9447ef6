//! Where another program loaded the records of a type, and how they are compared.

use domain::comparison::{EqualitySet, ExtraRows, FieldPlan, Plan};
use domain::table::TableName;

use crate::{RecordRole, RecordType};

/// Where the rows of a target are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relation {
    /// A table or view.
    Table(TableName),
    /// A query, in the database's own SQL.
    Query(String),
}

/// The column that says which later writer a row is of: 0 for none.
pub const WRITER: &str = "crossfoot_writer";

/// The table that one record type is compared with.
#[derive(Debug, Clone)]
pub struct TargetTable {
    /// The record type's place in the job.
    pub record: usize,
    /// What is compared, and how.
    pub plan: Plan,
    /// Where the rows are.
    pub relation: Relation,
    /// The condition that rows meet, in the database's own SQL.
    pub filter: Option<String>,
    /// The columns that hold the compared fields, in their order.
    pub columns: Vec<String>,
    /// The later writers that rows can be of, where the relation's column [`WRITER`] names them by number, from 1.
    pub writers: Vec<String>,
    /// Where the source's rows are, if the source is a database as well.
    pub from: FromTable,
}

/// Where the rows of a source are that is a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromTable {
    /// Where the rows are.
    pub relation: Relation,
    /// The condition that rows meet, in the database's own SQL.
    pub filter: Option<String>,
    /// The columns that hold the compared fields, in their order.
    pub columns: Vec<String>,
}

impl TargetTable {
    /// The record type's final table, compared column by column. The record number of a parent is no part of a source
    /// and is left out.
    #[must_use]
    pub fn of_final(place: usize, record: &RecordType) -> Self {
        let layout = &record.layout;
        // An element's number in its table is part of the source: it is its place.
        let own = 0..record.own.fields.len() + usize::from(record.rows.is_some());
        let fields = own.clone().map(|at| FieldPlan {
            at,
            equal: EqualitySet::NONE,
            is_key: layout.key.contains(&at),
        });
        Self {
            record: place,
            plan: Plan {
                layout: layout.clone(),
                fields: fields.collect(),
                extra: ExtraRows::Refused,
                names_writer: false,
            },
            writers: Vec::new(),
            relation: Relation::Table(layout.final_table.name.clone()),
            filter: None,
            columns: own.clone().map(|at| layout.column(at).to_owned()).collect(),
            from: FromTable {
                relation: Relation::Table(layout.final_table.name.clone()),
                filter: None,
                columns: own.map(|at| layout.fields[at].name.clone()).collect(),
            },
        }
    }

    /// The final tables of all details.
    #[must_use]
    pub fn of_details(records: &[RecordType]) -> Vec<Self> {
        let details = records.iter().enumerate().filter(|(_, record)| record.role == RecordRole::Detail);
        details.map(|(place, record)| Self::of_final(place, record)).collect()
    }

    /// What is read, for people: a table's name, or that it is a query.
    #[must_use]
    pub fn shown(&self) -> String {
        self.relation.shown()
    }
}

impl Relation {
    /// What is read, for people: a table's name, or that it is a query.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Table(name) => name.to_string(),
            Self::Query(_) => "a query".into(),
        }
    }
}
