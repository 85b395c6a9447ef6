//! What is known of the keys of a run's records.

/// What is known of the final table's key before promotion, of a record type that is appended and has a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEvidence {
    /// The record type, where there are several.
    pub record: Option<String>,
    /// The key's fields, for the reader.
    pub fields: String,
    /// What looking for such keys found; `None`: it is left to final, whose unique index refuses them.
    pub counted: Option<KeysCounted>,
}

/// Keys that are not new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeysCounted {
    /// Records whose key an earlier record of the run has.
    pub duplicates: u64,
    /// Records whose key is already in final.
    pub already_in_final: u64,
}
