//! What is read of a target: a table or a query, its columns, and the condition that its rows meet.

use domain::value::FieldType;
pub use job::target::Relation;

/// A table or a query, and what is read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where the rows are.
    pub relation: Relation,
    /// The condition that they meet, in the database's own SQL.
    pub filter: Option<String>,
    /// The columns, in order.
    pub columns: Vec<WantedColumn>,
}

/// A column, and the type of the field that it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedColumn {
    /// The column's name.
    pub name: String,
    /// The field's type.
    pub ty: FieldType,
}
