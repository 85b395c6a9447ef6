//! What each database's tables can hold, asked before anything is loaded.

use domain::layout::{Durability, Layout};
use domain::rule::Condition;
use domain::table::TableName;
use domain::value::FieldType;
use domain::words::{grouped, plural};
use job::Job;
use thiserror::Error;

use super::names::partition_head;

/// A database that a store is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite, the database of an embedded store.
    Sqlite,
    /// PostgreSQL, the database of a store on a server.
    Postgres,
}

/// Columns of our own in staging: run, chunk, record, worker.
const OWN_COLUMNS: usize = 4;

/// The bytes of a row that PostgreSQL stores in a page of 8 KiB at most, its header included (`MaxHeapTupleSize`).
const ROW_BYTES_MAX: usize = 8160;

/// What a long value leaves in its row at most when it is stored elsewhere: what is shorter than that stays where it is
/// (`TOAST_POINTER_SIZE`, aligned).
const LONG_VALUE_BYTES: usize = 24;

/// What a database's tables cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TooWide {
    /// A table has fewer columns than a record has fields.
    #[error(
        "record {record} has {}; a table in {} can have {} of them and {OWN_COLUMNS} columns of Crossfoot's own; \
         split the record, or omit fields",
        plural(*fields as u64, "field"), dialect.name(), grouped(*max as u64)
    )]
    Fields {
        /// The name of the record type.
        record: String,
        /// How many fields it has.
        fields: usize,
        /// The database whose limit is exceeded.
        dialect: Dialect,
        /// The greatest number of fields that it may have.
        max: usize,
    },
    /// The required fields of a record need more bytes than a row can hold.
    #[error(
        "record {record}: its required fields alone need {}, but a PostgreSQL row can hold {}; split the record",
        plural(*bytes as u64, "byte"), grouped(ROW_BYTES_MAX as u64)
    )]
    Row {
        /// The name of the record type.
        record: String,
        /// The bytes that its required fields need at least.
        bytes: usize,
    },
    /// A table is named with a schema, and the database has none.
    #[error(
        "record {record}: {dialect} has no schemas, but the job names table {table}; write its name without the schema, \
         or use a PostgreSQL store",
        dialect = dialect.name()
    )]
    Schema {
        /// The name of the record type.
        record: String,
        /// The table that is named with a schema.
        table: TableName,
        /// The database that has no schemas.
        dialect: Dialect,
    },
    /// A run's partition cannot be attached to final, because the database has no partitions.
    #[error(
        "record {record}: {dialect} has no partitions to attach; remove `promotion = \"attach\"`, or use a PostgreSQL \
         store",
        dialect = dialect.name()
    )]
    Attach {
        /// The name of the record type.
        record: String,
        /// The database that has no partitions.
        dialect: Dialect,
    },
    /// The database has no tables that it does not log.
    #[error(
        "{dialect} logs every table; remove `durability = \"redrive\"`, or use a PostgreSQL store",
        dialect = dialect.name()
    )]
    Unlogged {
        /// The database that logs every table.
        dialect: Dialect,
    },
    /// Two tables' partitions would have one name.
    #[error(
        "the tables {other} and {one} start with the same {} letters, which name PostgreSQL's partitions of \
         a run; rename one of them",
        partition_head(one).len()
    )]
    SameHead {
        /// The name of a table that has a partition for each run.
        one: TableName,
        /// The table that the job names before it.
        other: TableName,
    },
}

impl Dialect {
    /// The database's name as its makers write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }

    /// The most columns that a table has: SQLite's `SQLITE_MAX_COLUMN` as it is built in, PostgreSQL's
    /// `MaxHeapAttributeNumber`.
    const fn columns_max(self) -> usize {
        match self {
            Self::Sqlite => 2000,
            Self::Postgres => 1600,
        }
    }

    /// Whether the job's tables can be made and filled; otherwise why not, and what to do.
    ///
    /// # Errors
    /// [`TooWide`]: record, count and limit.
    pub fn holds(self, job: &Job) -> Result<(), TooWide> {
        if self == Self::Sqlite && job.durability == Durability::Redrive {
            return Err(TooWide::Unlogged { dialect: self });
        }
        let looked_up = job.rules.iter().filter_map(|rule| match &rule.condition {
            Condition::References { table, .. } => Some((rule.record, table)),
            _ => None,
        });
        for (place, table) in looked_up {
            self.has_schema_of(&job.records[place].layout, table)?;
        }
        self.holds_all(&job.layouts().map(|layout| &**layout).collect::<Vec<_>>())
    }

    /// As [`Dialect::holds`], of a job that is not written yet.
    ///
    /// # Errors
    /// [`TooWide`]: record, count and limit.
    pub fn holds_all(self, layouts: &[&Layout]) -> Result<(), TooWide> {
        for layout in layouts {
            let of_final = &layout.final_table;
            if self == Self::Sqlite && layout.is_attached() {
                return Err(TooWide::Attach { record: layout.record.clone(), dialect: self });
            }
            for table in [&layout.staging, &of_final.name].into_iter().chain(of_final.run_table()) {
                self.has_schema_of(layout, table)?;
            }
            let (fields, max) = (layout.fields.len(), self.columns_max() - OWN_COLUMNS);
            if fields > max {
                return Err(TooWide::Fields { record: layout.record.clone(), fields, dialect: self, max });
            }
            if self == Self::Postgres {
                let bytes = row_bytes(layout, |field| field.required && bytes_of(&field.ty).1);
                if bytes > ROW_BYTES_MAX {
                    return Err(TooWide::Row { record: layout.record.clone(), bytes });
                }
            }
        }
        if self == Self::Postgres {
            let finals = layouts.iter().filter(|layout| layout.is_attached());
            let finals = finals.map(|layout| &layout.final_table.name);
            let tables: Vec<_> = layouts.iter().map(|layout| &layout.staging).chain(finals).collect();
            for (at, one) in tables.iter().enumerate() {
                let same = |other: &&&TableName| {
                    other.schema() == one.schema() && partition_head(other) == partition_head(one)
                };
                if let Some(other) = tables[..at].iter().find(same) {
                    return Err(TooWide::SameHead { one: (*one).clone(), other: (*other).clone() });
                }
            }
        }
        Ok(())
    }

    /// Whether the database has the schema that a table is named with.
    fn has_schema_of(self, layout: &Layout, table: &TableName) -> Result<(), TooWide> {
        if self == Self::Sqlite && table.schema().is_some() {
            let (record, table) = (layout.record.clone(), table.clone());
            return Err(TooWide::Schema { record, table, dialect: self });
        }
        Ok(())
    }

    /// What may exceed a row, depending on the records: shown when a job is checked before it runs.
    #[must_use]
    pub fn may_not_hold(self, job: &Job) -> Vec<String> {
        if self == Self::Sqlite {
            return Vec::new();
        }
        job.layouts()
            .filter_map(|layout| {
                let bytes = row_bytes(layout, |_| true);
                (bytes > ROW_BYTES_MAX).then(|| {
                    format!(
                        "record {}: a row can need up to {}, but a PostgreSQL row can hold {}; \
                         a record that needs more stops the run",
                        layout.record,
                        plural(bytes as u64, "byte"),
                        grouped(ROW_BYTES_MAX as u64)
                    )
                })
            })
            .collect()
    }
}

/// The bytes that a value takes in its row at most, without alignment, and whether it takes them whatever it is.
fn bytes_of(ty: &FieldType) -> (usize, bool) {
    match ty {
        FieldType::Integer | FieldType::Timestamp | FieldType::Instant => (8, true),
        FieldType::Date => (4, true),
        FieldType::Boolean => (1, true),
        FieldType::Text { chars_max } => {
            let bytes = usize::try_from(*chars_max).unwrap_or(usize::MAX).saturating_mul(4).saturating_add(1);
            (bytes.min(LONG_VALUE_BYTES), false)
        }
        // Four digits in two bytes, and the number's own header.
        FieldType::Decimal { precision, .. } => ((usize::from(*precision).div_ceil(4) + 1) * 2 + 3, false),
        FieldType::Bytes => (LONG_VALUE_BYTES, false),
    }
}

/// The bytes of a row in staging: header and a bit for each column, our own columns (16 + 3 × 8), and those fields.
fn row_bytes(layout: &Layout, counts: impl Fn(&domain::layout::Field) -> bool) -> usize {
    let columns = layout.fields.len() + OWN_COLUMNS;
    let header = (23 + columns.div_ceil(8)).next_multiple_of(8);
    let fields: usize =
        layout.fields.iter().filter(|field| counts(field)).map(|field| bytes_of(&field.ty).0).sum();
    header + 16 + 3 * 8 + fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(fields: usize, ty: &str, required: bool) -> Job {
        let mut text = "[job]\nname = \"wide\"\n[source]\nformat = \"delimited\"\n[[record]]\nname = \"r\"\n\
                        staging = \"stg\"\nfinal = \"fin\"\n"
            .to_owned();
        for at in 0..fields {
            text.push_str(&format!(
                "[[record.field]]\nname = \"f{at}\"\ntype = \"{ty}\"\nrequired = {required}\n"
            ));
        }
        Job::parse("wide.toml", &text).unwrap()
    }

    #[test]
    fn more_columns_than_a_table_has_are_refused_with_record_count_and_limit() {
        for (dialect, max) in [(Dialect::Sqlite, 1996), (Dialect::Postgres, 1596_usize)] {
            assert_eq!(dialect.holds(&job(max, "text(1)", false)), Ok(()), "{dialect:?}");
            let refused = dialect.holds(&job(max + 1, "text(1)", false)).unwrap_err().to_string();
            for says in
                ["record r", &plural(max as u64 + 1, "field"), &format!("can have {}", grouped(max as u64))]
            {
                assert!(refused.contains(says), "{refused}");
            }
        }
    }

    #[test]
    fn staging_that_is_not_logged_needs_a_database_that_has_it() {
        let text = job(1, "text(1)", false)
            .text
            .replace("[[record]]", "[staging]\ndurability = \"redrive\"\n[[record]]");
        let job = Job::parse("j.toml", &text).unwrap();
        assert_eq!(Dialect::Postgres.holds(&job), Ok(()));
        assert!(Dialect::Sqlite.holds(&job).unwrap_err().to_string().contains("SQLite logs every table"));
    }

    #[test]
    fn a_row_that_never_fits_a_page_is_refused_and_one_that_may_not_is_told() {
        let wide = job(1100, "integer", true);
        assert!(Dialect::Postgres.holds(&wide).unwrap_err().to_string().contains("8,160"));
        assert_eq!(Dialect::Sqlite.holds(&wide), Ok(()));
        let sparse = job(1100, "integer", false);
        assert_eq!(Dialect::Postgres.holds(&sparse), Ok(()));
        assert!(Dialect::Postgres.may_not_hold(&sparse)[0].contains("up to"));
        assert!(Dialect::Postgres.may_not_hold(&job(100, "text(40)", true)).is_empty());
        assert!(Dialect::Sqlite.may_not_hold(&sparse).is_empty());
    }

    #[test]
    fn staging_tables_whose_partitions_would_have_one_name_are_refused() {
        let text = |other: &str| {
            format!(
                "[job]\nname = \"two\"\n[source]\nformat = \"delimited\"\n\
                 [[record]]\nname = \"a\"\nwhen = {{ field = \"kind\", in = [\"A\"] }}\nstaging = \"stg_customers_of_the_bank_in_2024_a\"\nfinal = \"a\"\n\
                 [[record.field]]\nname = \"kind\"\ntype = \"text(1)\"\n\
                 [[record]]\nname = \"b\"\nwhen = {{ field = \"kind\", in = [\"B\"] }}\nstaging = \"{other}\"\nfinal = \"b\"\n\
                 [[record.field]]\nname = \"kind\"\ntype = \"text(1)\"\n"
            )
        };
        let job = |other: &str| Job::parse("two.toml", &text(other)).unwrap();
        let same = job("stg_customers_of_the_bank_in_2024_b");
        assert!(Dialect::Postgres.holds(&same).unwrap_err().to_string().contains("same 30 letters"));
        assert_eq!(Dialect::Sqlite.holds(&same), Ok(()));
        assert_eq!(Dialect::Postgres.holds(&job("stg_b")), Ok(()));
    }
}
