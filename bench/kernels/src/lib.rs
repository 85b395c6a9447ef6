//! The steps that every record goes through, each as a piece of work that can be measured by itself: split, decode,
//! decode proof, digest, encode, codec.
//!
//! `cargo bench -p kernels` takes their times. `bench/instructions` counts their instructions and compares them with
//! what is committed. Both run the same work on the same records, which a formula makes.

// `rows`, below, is a file of the package `postgres`, whose errors are those of `store`. Both bring a database's
// driver, which is not what is measured, and takes a minute to compile optimised.
extern crate self as store;

mod data;
mod decoding;
#[path = "../../../shared/postgres/src/numeric.rs"]
#[allow(dead_code, reason = "reading back is not measured")]
mod numeric;
#[path = "../../../shared/postgres/src/rows.rs"]
#[allow(dead_code, reason = "reading back is not measured")]
mod rows;
mod sending;

/// How many records a kernel works on each time.
pub const RECORDS: u64 = 1_000;

/// The work of a kernel, prepared: each call does it once, and says for how many records.
pub type Work = Box<dyn FnMut() -> Result<u64, String>>;

/// The errors of `store` that encoding rows can end with.
#[derive(Debug)]
pub enum StoreError {
    /// The batch is not what it says it is.
    Damaged {
        /// What is wrong with it.
        what: String,
    },
    /// The database sent what cannot be read.
    Database {
        /// What is wrong with it.
        reason: String,
    },
    /// The database cannot store one of the values.
    Unstorable {
        /// Which value it is, and why not.
        what: String,
    },
}

/// A step that every record goes through.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// What is done, in words.
    pub what: &'static str,
    prepare: fn() -> Result<Work, String>,
}

impl Kernel {
    /// Every kernel, in the order in which a record meets them.
    pub const ALL: [Self; 10] = [
        Self {
            name: "split-delimited",
            what: "the ends of lines found, and where chunks end",
            prepare: || decoding::split(&data::delimited()?),
        },
        Self {
            name: "split-copybook",
            what: "the ends of records of one length found, and where chunks end",
            prepare: || decoding::split(&data::copybook()?),
        },
        Self {
            name: "decode-delimited",
            what: "six fields of text decoded and made canonical",
            prepare: || decoding::decode(&data::delimited()?),
        },
        Self {
            name: "decode-copybook",
            what: "ten COBOL fields decoded and made canonical",
            prepare: || decoding::decode(&data::copybook()?),
        },
        Self {
            name: "proof-delimited",
            what: "six fields of text encoded again and compared",
            prepare: || decoding::prove(&data::delimited()?),
        },
        Self {
            name: "proof-copybook",
            what: "ten COBOL fields encoded again and compared",
            prepare: || decoding::prove(&data::copybook()?),
        },
        Self {
            name: "digest",
            what: "canonical records counted, summed and hashed into the tree",
            prepare: || decoding::digest(&data::delimited()?),
        },
        Self {
            name: "encode",
            what: "canonical records encoded for COPY",
            prepare: || sending::encode(&data::delimited()?),
        },
        Self {
            name: "codec",
            what: "a batch encoded as a message, and decoded",
            prepare: || sending::codec(&data::delimited()?, wire::BodyCompression::Plain),
        },
        Self {
            name: "codec-lz4",
            what: "the same, compressed",
            prepare: || sending::codec(&data::delimited()?, wire::BodyCompression::Lz4),
        },
    ];

    /// The kernel of that name, if there is one.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kernel| kernel.name == name)
    }

    /// Makes the records that it works on, and what it works with.
    ///
    /// # Errors
    /// In words, when the records are not what the job says.
    pub fn prepare(&self) -> Result<Work, String> {
        (self.prepare)()
    }
}

/// Does the work once. `bench/instructions` counts what happens between entering this function and leaving it, so it
/// must stay a function.
///
/// # Errors
/// In words, when the work fails or was done for fewer records than there are.
#[inline(never)]
pub fn measured(work: &mut Work) -> Result<(), String> {
    match work()? {
        RECORDS => Ok(()),
        fewer => Err(format!("{fewer} records instead of {RECORDS}")),
    }
}
