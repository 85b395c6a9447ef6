//! The numbered invariants. Reports, tests and code cite the same number.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! invariants {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        /// What holds of every reconciled run.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Invariant {
            $(
                #[doc = $text]
                #[serde(rename = $number)]
                $name,
            )*
        }

        impl Invariant {
            /// All of them, by number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// `INV-01` and so on.
            #[must_use]
            pub const fn number(self) -> &'static str {
                match self { $(Self::$name => $number,)* }
            }

            /// The invariant in one sentence.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

invariants! {
    ChunksTileSource = "INV-01", "chunks tile the source: no gap, no overlap";
    BytesProcessed = "INV-02", "bytes processed are the bytes split";
    RecordsAccounted = "INV-03", "records in = accepted + rejected, per chunk";
    StagedOnce = "INV-04", "a chunk's rows are in staging exactly once";
    WorkersAgree = "INV-05", "reported counts = ledger counts = table counts, per worker";
    AmountsEqual = "INV-06", "amounts are equal at every level";
    FingerprintsEqual = "INV-07", "fingerprints are equal at every level";
    FinalBalances = "INV-08", "final = staged - held - merged";
    PermitFirst = "INV-09", "nothing is promoted without a permit";
    DeclaredMet = "INV-10", "declared totals = computed totals";
    LogChained = "INV-11", "the evidence log is append-only and chained";
    SourceUnchanged = "INV-12", "the source did not change under the run";
    BytesAccounted = "INV-13", "every byte of every record is accounted for";
    RoundTrip = "INV-14", "what was decoded, encoded again, is the record";
    LoadEqual = "INV-15", "a load by another program: each accepted record has one equal row in the target, each row a record";
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.number())
    }
}
