//! One statement that asks a database what a table amounts to: counts, NULLs, extremes, sums and different keys. Only
//! its one row leaves the database.

use domain::amount::Amount;
use domain::comparison::{
    Cell, ColumnTotals, Equality, EqualitySet, TableTotals, is_ordered, is_summed, put_cell,
};
use domain::record::{Tag, fields_in};
use domain::value::FieldType;

use crate::wanted::{Relation, Wanted, WantedColumn};

/// What a database can say of a column exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Exact numbers: their sum, and their extremes.
    Exact,
    /// Floats, of which nothing is asked but which are NULL.
    Float,
    /// Days or times: their extremes.
    Time,
    /// Texts: which of them are empty.
    Text,
    /// Anything else: which of them are NULL.
    Other,
}

/// A column, in the database's own SQL.
#[derive(Debug, Clone)]
pub struct ColumnSql {
    /// Its name, quoted, of the table `t`.
    pub name: String,
    /// An expression that is the same for the same bytes only.
    pub exact: String,
    /// What it holds.
    pub kind: ColumnKind,
}

/// A field that totals are asked of.
#[derive(Debug, Clone, Copy)]
pub struct AskedField {
    /// The field's type.
    pub ty: FieldType,
    /// The equalities that are declared for it.
    pub equal: EqualitySet,
    /// Whether it is a part of the key.
    pub is_key: bool,
}

/// What is asked for, and how the answer is read.
#[derive(Debug, Clone)]
pub struct TotalsQuery {
    /// The query. It gives one row.
    pub wanted: Wanted,
    fields: Vec<(AskedField, ColumnKind)>,
    has_key: bool,
}

impl TotalsQuery {
    /// Asks for the totals of `columns` over the rows of `relation`, which is SQL for a table or a query, that meet
    /// `filter`.
    #[must_use]
    pub fn new(relation: &str, filter: Option<&str>, columns: &[ColumnSql], fields: &[AskedField]) -> Self {
        let filter = filter.map(|filter| format!(" WHERE ({filter}\n)")).unwrap_or_default();
        let mut asked = vec![("count(*)".to_owned(), FieldType::Integer)];
        let key = fields.iter().zip(columns).filter(|(field, _)| field.is_key);
        let key: Vec<_> =
            key.enumerate().map(|(at, (_, column))| format!("{} AS k{at}", column.exact)).collect();
        if !key.is_empty() {
            let keys = format!("SELECT DISTINCT {} FROM {relation} AS t{filter}", key.join(", "));
            asked.push((format!("(SELECT count(*) FROM ({keys}) AS d)"), FieldType::Integer));
        }
        for (field, column) in fields.iter().zip(columns) {
            let name = &column.name;
            asked.push((nulls(field, column), FieldType::Integer));
            if has_extremes(&field.ty, column.kind) {
                asked.push((format!("min({name})"), field.ty));
                asked.push((format!("max({name})"), field.ty));
            }
            if has_sum(&field.ty, column.kind) {
                asked.push((format!("sum({name})"), FieldType::Decimal { precision: 38, scale: 0 }));
            }
        }
        let named: Vec<_> =
            asked.iter().enumerate().map(|(at, (sql, _))| format!("{sql} AS c{at}")).collect();
        let wanted = asked
            .iter()
            .enumerate()
            .map(|(at, (_, ty))| WantedColumn { name: format!("c{at}"), ty: *ty })
            .collect();
        let query = format!("SELECT {} FROM {relation} AS t{filter}", named.join(", "));
        Self {
            wanted: Wanted { relation: Relation::Query(query), filter: None, columns: wanted },
            fields: fields.iter().zip(columns).map(|(field, column)| (*field, column.kind)).collect(),
            has_key: !key.is_empty(),
        }
    }

    /// The totals that the row of the query says; `None` if it is no such row.
    #[must_use]
    pub fn totals(&self, cells: &[Cell<'_>]) -> Option<TableTotals> {
        let mut cells = self.wanted.columns.iter().zip(cells);
        let rows = count(cells.next()?.1)?;
        let keys = if self.has_key { Some(count(cells.next()?.1)?) } else { None };
        let mut columns = Vec::new();
        for (field, kind) in &self.fields {
            let mut column = ColumnTotals { nulls: count(cells.next()?.1)?, ..ColumnTotals::none() };
            let mut unclear = false;
            if has_extremes(&field.ty, *kind) {
                for place in [&mut column.lowest, &mut column.highest] {
                    let mut bytes = Vec::new();
                    put_cell(&mut bytes, &field.ty, cells.next()?.1);
                    let tag = fields_in(&bytes, 1).next()?.tag;
                    unclear |= tag == Tag::Foreign;
                    *place = (tag != Tag::Null).then_some(bytes);
                }
            }
            if has_sum(&field.ty, *kind) {
                column.sum = match cells.next()?.1 {
                    Cell::Null => Some(Amount::zero(0)),
                    Cell::Integer(sum) => Some(Amount::from(*sum)),
                    Cell::Number(text) => Amount::parse_bytes(text.as_bytes()).ok(),
                    // Not a number, or infinite.
                    _ => {
                        unclear = true;
                        None
                    }
                };
            }
            let values = rows.checked_sub(column.nulls)?;
            column.floats = if *kind == ColumnKind::Float && is_ordered(&field.ty) { values } else { 0 };
            column.others = u64::from(unclear);
            column.is_closed = is_ordered(&field.ty) && !has_extremes(&field.ty, *kind) && column.floats == 0;
            columns.push(column);
        }
        Some(TableTotals { rows, keys, columns })
    }
}

/// The expression that counts NULLs, and what counts as NULL on both sides.
fn nulls(field: &AskedField, column: &ColumnSql) -> String {
    let name = &column.name;
    if column.kind != ColumnKind::Text || !field.equal.has(Equality::EmptyIsNull) {
        return format!("count(*) - count({name})");
    }
    let text = match field.equal.has(Equality::TrailingBlanks) {
        true => format!("rtrim({name})"),
        false => name.clone(),
    };
    format!("count(CASE WHEN {name} IS NULL OR char_length({text}) = 0 THEN 1 END)")
}

fn has_sum(ty: &FieldType, kind: ColumnKind) -> bool {
    is_summed(ty) && kind == ColumnKind::Exact
}

fn has_extremes(ty: &FieldType, kind: ColumnKind) -> bool {
    has_sum(ty, kind) || (is_ordered(ty) && !is_summed(ty) && kind == ColumnKind::Time)
}

fn count(cell: &Cell<'_>) -> Option<u64> {
    match cell {
        Cell::Integer(count) => u64::try_from(*count).ok(),
        Cell::Number(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_statement_asks_for_everything_and_its_row_is_read_back() {
        let amount = FieldType::Decimal { precision: 12, scale: 2 };
        let column = |name: &str, kind| ColumnSql { name: name.into(), exact: name.into(), kind };
        let field = |ty, is_key| AskedField { ty, equal: EqualitySet::NONE, is_key };
        let query = TotalsQuery::new(
            "ledger",
            Some("day = 1"),
            &[column("t.id", ColumnKind::Exact), column("t.amount", ColumnKind::Float)],
            &[field(FieldType::Integer, true), field(amount, false)],
        );
        let Relation::Query(sql) = &query.wanted.relation else { panic!("a query") };
        assert_eq!(
            sql,
            "SELECT count(*) AS c0, (SELECT count(*) FROM (SELECT DISTINCT t.id AS k0 FROM ledger AS t WHERE (day = 1\n)) \
             AS d) AS c1, count(*) - count(t.id) AS c2, min(t.id) AS c3, max(t.id) AS c4, sum(t.id) AS c5, \
             count(*) - count(t.amount) AS c6 FROM ledger AS t WHERE (day = 1\n)"
        );
        let number = Cell::Integer;
        let row = [number(3), number(3), number(0), number(1), number(9), Cell::Number("12"), number(1)];
        let totals = query.totals(&row).unwrap();
        assert_eq!((totals.rows, totals.keys, totals.columns[0].sum), (3, Some(3), Some(Amount::from(12))));
        assert_eq!((totals.columns[1].nulls, totals.columns[1].floats), (1, 2), "floats are not summed");
        assert_eq!(query.totals(&row[..3]), None);
    }
}
