//! `[columns]`: which columns the source of a run has.

use schemars::JsonSchema;
use serde::Deserialize;

/// Which columns the source of a run has.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColumnsSection {
    /// The names in the header row, in their order and exactly as they are written. A source with another header row is
    /// refused.
    #[schemars(extend("examples" = [["id", "fee", "amount"]]))]
    pub(crate) header: Vec<String>,
}
