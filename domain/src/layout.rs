//! What a record consists of and where it goes: the part of a job that decoding, hashing and storing share.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::amount::Amount;
use crate::constraint::Constraint;
use crate::fingerprint::Hash;
use crate::mask::Masks;
use crate::record::RawField;
use crate::table::{FinalTable, TableName};
use crate::value::{FieldType, Value};

/// One field of a record, in source order.
#[derive(Debug, Clone)]
pub struct Field {
    /// The field's name, which is also its column's in staging.
    pub name: String,
    /// The type of the field's values.
    pub ty: FieldType,
    /// Whether NULL makes the record a reject. Key fields always are.
    pub required: bool,
    /// Whether its content is shown as a mask only, wherever it is shown.
    pub sensitive: bool,
    /// What else its value must satisfy.
    pub constraints: Vec<Constraint>,
}

/// How rows enter the final table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Each record is a new row; a key that is already there is a failed check.
    Append,
    /// A record replaces the row that has its key; of several in one run the last wins, the others are *merged*.
    Upsert,
}

/// How verified rows get from staging into final.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PromoteBy {
    /// They are copied into the final table.
    #[default]
    Insert,
    /// The run's partition of staging becomes a partition of the final table, and no row is copied.
    Attach,
}

/// Whether what is staged survives a crash of the database server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// It does: the server logs it.
    #[default]
    Logged,
    /// It does not. The ledger does, and says which chunks are loaded into staging again.
    Redrive,
}

/// Where a record type stands among those of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordTypeSlot {
    /// Its place, from 0.
    pub place: usize,
    /// How many there are.
    pub types: usize,
}

impl RecordTypeSlot {
    /// The only record type there is.
    pub const ALONE: Self = Self { place: 0, types: 1 };

    /// Whether it is the only one.
    #[must_use]
    pub const fn is_alone(self) -> bool {
        self.types == 1
    }

    /// Whether the rejects, whose type may not be known, are leaves of its tree.
    #[must_use]
    pub const fn has_rejects(self) -> bool {
        self.place == 0
    }
}

/// A record type: its fields, what identifies it, what is summed and hashed, and its two tables.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The record type's name.
    pub record: String,
    /// Where it stands among the source's record types.
    pub among: RecordTypeSlot,
    /// Its fields in source order.
    pub fields: Vec<Field>,
    /// Indexes of the key fields; empty when rows are identified by run and record number.
    pub key: Vec<usize>,
    /// Indexes of the fields that are summed.
    pub amounts: Vec<usize>,
    /// Indexes of the fields that the fingerprint covers, ascending.
    pub hashed: Vec<usize>,
    /// How rows enter final.
    pub mode: Mode,
    /// How they get there from staging.
    pub promote_by: PromoteBy,
    /// The staging table's name.
    pub staging: TableName,
    /// The final table, and where the fields lie in it.
    pub final_table: FinalTable,
    /// How the content of sensitive fields is shown; the job's layouts share them.
    pub masks: Masks,
}

impl Layout {
    /// The index of the field called `name`.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// The column of final that the field at `at` lies in.
    #[must_use]
    pub fn column(&self, at: usize) -> &str {
        self.final_table.columns.get(&at).map_or(self.fields[at].name.as_str(), String::as_str)
    }

    /// Whether the run's partition of staging becomes one of final.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.promote_by == PromoteBy::Attach
    }

    /// The columns of final that the fields lie in, in the fields' order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        (0..self.fields.len()).map(|at| self.column(at))
    }

    /// The columns by which a row of final is found: the key's, or the run and the record's number.
    pub fn key_columns(&self) -> Vec<&str> {
        if self.key.is_empty() {
            let FinalTable { record_no, .. } = &self.final_table;
            return self.final_table.run_column().into_iter().chain([record_no.as_str()]).collect();
        }
        self.key.iter().map(|at| self.column(*at)).collect()
    }

    /// The column of final that names the record of a row, if final has one: beside the run's, and of no field.
    #[must_use]
    pub fn lineage_column(&self) -> Option<&str> {
        let FinalTable { record_no, .. } = &self.final_table;
        let is_a_fields = self.columns().any(|column| column.eq_ignore_ascii_case(record_no));
        (self.final_table.run_column().is_some() && !is_a_fields).then_some(record_no.as_str())
    }

    /// The field at `at` of a record as a person compares it: masked if it is sensitive.
    #[must_use]
    pub fn shown(&self, at: usize, raw: &RawField<'_>) -> String {
        match self.fields.get(at) {
            Some(field) if field.sensitive => self.masks.field(&field.name, raw),
            _ => raw.display(),
        }
    }

    /// The sum of the field at `at` over the records of a group, as a finding shows it. That of a single record is its
    /// value.
    #[must_use]
    pub fn shown_total(&self, at: usize, total: Amount, records: u64) -> String {
        let Some(field) = self.fields.get(at).filter(|field| field.sensitive && records < 2) else {
            return total.to_string();
        };
        let value = match (&field.ty, i64::try_from(total.mantissa())) {
            (FieldType::Integer, Ok(integer)) if total.scale() == 0 => Value::Integer(integer),
            (FieldType::Decimal { scale, .. }, _) => Value::Decimal(total.rescale(*scale).unwrap_or(total)),
            _ => Value::Decimal(total),
        };
        self.masks.value(&field.name, &value)
    }

    /// The names of the summed fields, in the order of every list of sums.
    #[must_use]
    pub fn amount_names(&self) -> Vec<String> {
        self.amounts.iter().map(|at| self.fields[*at].name.clone()).collect()
    }

    /// The names of the key fields, for a reader.
    #[must_use]
    pub fn key_names(&self) -> String {
        let names: Vec<_> = self.key.iter().map(|at| self.fields[*at].name.as_str()).collect();
        names.join(", ")
    }

    /// The scale that sums of each amount field have.
    #[must_use]
    pub fn amount_scales(&self) -> Vec<u8> {
        self.amounts
            .iter()
            .map(|at| match self.fields[*at].ty {
                FieldType::Decimal { scale, .. } => scale,
                _ => 0,
            })
            .collect()
    }

    /// Whether the fingerprint covers every field.
    #[must_use]
    pub fn hashes_all(&self) -> bool {
        self.hashed.len() == self.fields.len()
    }

    /// A digest of the hashed fields' names and types. Two fingerprints can only be compared when it is equal.
    #[must_use]
    pub fn digest(&self) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(b"crossfoot layout 1\n");
        for at in &self.hashed {
            let field = &self.fields[*at];
            hasher.update(format!("{} {}\n", field.name, field.ty));
        }
        Hash(hasher.finalize().into())
    }
}
