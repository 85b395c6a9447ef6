//! Names of things, each a type of its own, so that a record number is never taken for a chunk number.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid {
    ($name:ident, $of:literal) => {
        impl $name {
            #[doc = concat!("A ", $of, " id from its 16 bytes, as messages carry it.")]
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes of the id.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.into_bytes()
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

/// One execution of a job on one source. A UUIDv7, so that runs sort by the time they were opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RunId(#[schemars(with = "String", extend("format" = "uuid"))] Uuid);

uuid!(RunId, "run");

/// The identity of one store, made when the store is. Every message names it, so that messages of another store are
/// recognized. A copy of a database has the identity of the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoreId(Uuid);

uuid!(StoreId, "store");

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A chunk's place in its source, from 0.
    ChunkNo, u64
}
number! {
    /// A record's place in its source, from 1, header rows not counted.
    RecordNo, u64
}
number! {
    /// A registered worker process or task; small, because every staging row carries it.
    WorkerId, u32
}

impl RecordNo {
    /// The record's leaf in the fingerprint's tree, from 0.
    #[must_use]
    pub const fn leaf(self) -> u64 {
        self.0.saturating_sub(1)
    }

    /// The record whose leaf this is.
    #[must_use]
    pub const fn from_leaf(leaf: u64) -> Self {
        Self(leaf + 1)
    }
}
