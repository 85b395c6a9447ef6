//! Declared totals: what the source says of itself, to be checked against what was counted.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::fingerprint::Hash;

/// What a sender declares. Everything is optional, but a declaration that declares nothing is refused.
///
/// The same shape is what `crossfoot fingerprint` prints, so that a sender's output is a receiver's input.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// The job whose layout the amounts and the fingerprint are of; for the reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// How many records, header rows not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// How many of them the layout rejects; for the reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<u64>,
    /// The exact sum of an amount field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub amounts: BTreeMap<String, Amount>,
    /// Values that the source must declare, by the name that the job asks for them by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// SHA-256 of the source as it is on disk (compressed, if it is).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Hash>,
    /// Its length in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The digest of the layout that the fingerprint was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Hash>,
    /// The fingerprint of the source's records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Hash>,
}

impl Declared {
    /// Whether nothing that could be checked is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_none()
            && self.amounts.is_empty()
            && self.values.is_empty()
            && self.sha256.is_none()
            && self.bytes.is_none()
            && self.fingerprint.is_none()
    }
}
