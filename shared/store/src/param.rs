//! What statements are given: parameters, and whole columns of rows to insert.

use domain::ids::{ChunkNo, RecordNo, RunId, StoreId, WorkerId};
use uuid::Uuid;

use crate::{StoreError, damaged};

/// One parameter of a statement: `$1` and so on. Each kind has a NULL of its own, because PostgreSQL wants the type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Param {
    /// A signed 64-bit integer; `None` is NULL.
    Integer(Option<i64>),
    /// A count that no database can keep. Binding it fails.
    TooLarge(u64),
    /// A boolean, which is never NULL here.
    Boolean(bool),
    /// Text that is stored unchanged; `None` is NULL.
    Text(Option<String>),
    /// Words for people. A database whose text has no NUL shows it as `\0`.
    Words(Option<String>),
    /// A string of bytes; `None` is NULL.
    Bytes(Option<Vec<u8>>),
    /// An identifier; text where the database has no UUIDs.
    Id(Option<Uuid>),
}

impl Param {
    /// Words for people, which may have any character.
    #[must_use]
    pub fn words(text: Option<&str>) -> Self {
        Self::Words(text.map(str::to_owned))
    }

    /// The number at which a page begins; one beyond the last row gives an empty page.
    #[must_use]
    pub fn place(from: u64) -> Self {
        Self::Integer(Some(i64::try_from(from).unwrap_or(i64::MAX)))
    }
}

/// Makes parameters out of values, in order.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::param::Param::from($value)),*] };
}

impl From<i64> for Param {
    fn from(integer: i64) -> Self {
        Self::Integer(Some(integer))
    }
}

impl From<Option<i64>> for Param {
    fn from(integer: Option<i64>) -> Self {
        Self::Integer(integer)
    }
}

impl From<u32> for Param {
    fn from(number: u32) -> Self {
        Self::Integer(Some(number.into()))
    }
}

impl From<u64> for Param {
    fn from(count: u64) -> Self {
        i64::try_from(count).map_or(Self::TooLarge(count), |count| Self::Integer(Some(count)))
    }
}

impl From<Option<u64>> for Param {
    fn from(count: Option<u64>) -> Self {
        count.map_or(Self::Integer(None), Self::from)
    }
}

impl From<bool> for Param {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<&String> for Param {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.clone()))
    }
}

impl From<String> for Param {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Param {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<&Option<String>> for Param {
    fn from(text: &Option<String>) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&[u8]> for Param {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Some(bytes.to_vec()))
    }
}

impl From<Vec<u8>> for Param {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Some(bytes))
    }
}

impl From<Option<Vec<u8>>> for Param {
    fn from(bytes: Option<Vec<u8>>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<RunId> for Param {
    fn from(id: RunId) -> Self {
        Self::Id(Some(Uuid::from_bytes(id.to_bytes())))
    }
}

impl From<Option<RunId>> for Param {
    fn from(id: Option<RunId>) -> Self {
        id.map_or(Self::Id(None), Self::from)
    }
}

impl From<StoreId> for Param {
    fn from(id: StoreId) -> Self {
        Self::Id(Some(Uuid::from_bytes(id.to_bytes())))
    }
}

impl From<ChunkNo> for Param {
    fn from(number: ChunkNo) -> Self {
        number.0.into()
    }
}

impl From<RecordNo> for Param {
    fn from(number: RecordNo) -> Self {
        number.0.into()
    }
}

impl From<WorkerId> for Param {
    fn from(number: WorkerId) -> Self {
        number.0.into()
    }
}

/// One column of the rows that an [`Insert`] brings.
#[derive(Debug, Clone)]
pub enum Column {
    /// Signed 64-bit integers, one for each row.
    Integers(Vec<i64>),
    /// Text that is stored unchanged; `None` is NULL.
    Texts(Vec<Option<String>>),
    /// Words for people, as [`Param::Words`].
    Words(Vec<String>),
    /// Strings of bytes, one for each row; `None` is NULL.
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Column {
    /// A count of each of `rows`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when one is more than a database can keep.
    pub fn counts<T>(rows: &[T], count: impl Fn(&T) -> u64) -> Result<Self, StoreError> {
        let counts = rows.iter().map(|row| {
            let count = count(row);
            i64::try_from(count).map_err(|_| too_large(count))
        });
        counts.collect::<Result<_, _>>().map(Self::Integers)
    }

    /// A text of each of `rows`.
    #[must_use]
    pub fn texts<T>(rows: &[T], text: impl Fn(&T) -> String) -> Self {
        Self::Texts(rows.iter().map(|row| Some(text(row))).collect())
    }

    /// How many rows it is of.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Integers(all) => all.len(),
            Self::Texts(all) => all.len(),
            Self::Words(all) => all.len(),
            Self::Bytes(all) => all.len(),
        }
    }

    /// Whether it is of no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of row `at`, where rows are inserted one by one.
    #[must_use]
    pub fn param(&self, at: usize) -> Param {
        match self {
            Self::Integers(all) => Param::Integer(all.get(at).copied()),
            Self::Texts(all) => Param::Text(all.get(at).cloned().flatten()),
            Self::Words(all) => Param::Words(all.get(at).cloned()),
            Self::Bytes(all) => Param::Bytes(all.get(at).cloned().flatten()),
        }
    }
}

/// The error for a count that no database can keep.
#[must_use]
pub fn too_large(count: u64) -> StoreError {
    damaged(format!("{count} is impossibly large"))
}

/// Rows to insert, column by column. Each adapter sends them in its cheapest way.
#[derive(Debug, Clone)]
pub struct Insert {
    /// The table that the rows go into.
    pub table: &'static str,
    /// Columns that have the same value in every row.
    pub same: Vec<(&'static str, Param)>,
    /// Columns that have a value for each row.
    pub each: Vec<(&'static str, Column)>,
    /// Whether a row whose key exists already is skipped instead of failing.
    pub passes_over: bool,
}

impl Insert {
    /// Begins rows for `table`.
    #[must_use]
    pub const fn into(table: &'static str) -> Self {
        Self { table, same: Vec::new(), each: Vec::new(), passes_over: false }
    }

    /// With the same value of `column` in every row.
    #[must_use]
    pub fn same(mut self, column: &'static str, value: impl Into<Param>) -> Self {
        self.same.push((column, value.into()));
        self
    }

    /// With a value of `column` for each row.
    #[must_use]
    pub fn each(mut self, column: &'static str, values: Column) -> Self {
        self.each.push((column, values));
        self
    }

    /// Skips rows whose key exists already.
    #[must_use]
    pub fn pass_over(self) -> Self {
        Self { passes_over: true, ..self }
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.each.first().map_or(0, |(_, column)| column.len())
    }

    /// The statement's beginning and its end; what the adapter puts between them gives the values in this order:
    /// the same ones first, then those of each row.
    #[must_use]
    pub fn around(&self) -> (String, &'static str) {
        let names: Vec<_> =
            self.same.iter().map(|(name, _)| *name).chain(self.each.iter().map(|(name, _)| *name)).collect();
        let end = if self.passes_over { " ON CONFLICT DO NOTHING" } else { "" };
        (format!("INSERT INTO {} ({}) ", self.table, names.join(", ")), end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_no_database_keeps_is_not_bound_as_another() {
        assert_eq!(Param::from(7_u64), Param::Integer(Some(7)));
        assert_eq!(Param::from(u64::MAX), Param::TooLarge(u64::MAX));
        assert_eq!(Param::place(u64::MAX), Param::Integer(Some(i64::MAX)));
        assert!(Column::counts(&[u64::MAX], |count| *count).is_err());
    }

    #[test]
    fn columns_that_are_the_same_in_every_row_come_first() {
        let rows = Insert::into("t").each("n", Column::Integers(vec![1, 2])).same("run", "r").pass_over();
        assert_eq!(rows.around(), ("INSERT INTO t (run, n) ".into(), " ON CONFLICT DO NOTHING"));
        assert_eq!(rows.rows(), 2);
    }
}
