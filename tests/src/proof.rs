//! What must come out, computed a second time from the documentation alone: canonical records and leaves as
//! the tables at the top of `domain/src/record.rs` say, the tree as RFC 6962 section 2.1 says, sums in `i128`.
//! Nothing of the product's encoding, hashing or arithmetic is called.

use sha2::{Digest, Sha256};

/// One value, as the source means it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the field types of a job file")]
pub enum Cell {
    Null,
    Text(String),
    Integer(i64),
    Decimal(i128, u32),
    Date(String),
    Timestamp(String),
    /// In UTC, with the `Z`.
    Instant(String),
    Boolean(bool),
    Bytes(Vec<u8>),
}

impl Cell {
    /// A text, or NULL.
    #[must_use]
    pub fn text(text: Option<&str>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.into()))
    }

    fn encoded(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Null => (0, Vec::new()),
            Self::Text(text) => (1, text.as_bytes().to_vec()),
            Self::Integer(integer) => (2, integer.to_be_bytes().to_vec()),
            Self::Decimal(mantissa, scale) => (3, plain(*mantissa, *scale).into_bytes()),
            Self::Date(date) => (4, date.as_bytes().to_vec()),
            Self::Timestamp(at) => (5, at.as_bytes().to_vec()),
            Self::Instant(at) => (8, at.as_bytes().to_vec()),
            Self::Boolean(truth) => (6, vec![u8::from(*truth)]),
            Self::Bytes(bytes) => (7, bytes.clone()),
        }
    }
}

/// `mantissa` with `scale` digits after the point.
#[must_use]
pub fn plain(mantissa: i128, scale: u32) -> String {
    let sign = if mantissa < 0 { "-" } else { "" };
    let (unit, digits) = (10_u128.pow(scale), mantissa.unsigned_abs());
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    format!("{sign}{}.{:0width$}", digits / unit, digits % unit, width = scale as usize)
}

/// What a source record comes to at one level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaf {
    /// An accepted record: its values, in layout order.
    Accepted(Vec<Cell>),
    /// A reject: its bytes, without framing.
    Rejected(Vec<u8>),
    /// The record is not at this level.
    Absent,
}

/// The bytes as lower-case hexadecimal digits, two for each.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of `bytes` in hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The fingerprint of the records with these leaves, the first of them record 1.
#[must_use]
pub fn fingerprint(leaves: &[Leaf]) -> String {
    let contents: Vec<_> = (1_u64..).zip(leaves).map(|(record_no, leaf)| content(record_no, leaf)).collect();
    hex(&tree_hash(&contents))
}

fn content(record_no: u64, leaf: &Leaf) -> Vec<u8> {
    let kind = match leaf {
        Leaf::Accepted(_) => 1,
        Leaf::Rejected(_) => 2,
        Leaf::Absent => 3,
    };
    let mut out = vec![kind];
    out.extend(record_no.to_be_bytes());
    match leaf {
        Leaf::Accepted(cells) => {
            for (tag, content) in cells.iter().map(Cell::encoded) {
                out.push(tag);
                out.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
                out.extend(content);
            }
        }
        Leaf::Rejected(raw) => out.extend(raw),
        Leaf::Absent => {}
    }
    out
}

/// RFC 6962, 2.1: MTH. Recursive, as it is written there.
fn tree_hash(leaves: &[Vec<u8>]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    match leaves {
        [] => {}
        [one] => {
            hasher.update([0]);
            hasher.update(one);
        }
        _ => {
            // The largest power of two smaller than n.
            let split = 1 << (leaves.len() - 1).ilog2();
            hasher.update([1]);
            hasher.update(tree_hash(&leaves[..split]));
            hasher.update(tree_hash(&leaves[split..]));
        }
    }
    hasher.finalize().into()
}

/// The sum over one column of the accepted records, as mantissa; NULL adds nothing.
#[must_use]
pub fn sum(leaves: &[Leaf], column: usize) -> i128 {
    let accepted = leaves.iter().filter_map(|leaf| match leaf {
        Leaf::Accepted(cells) => cells.get(column),
        _ => None,
    });
    accepted
        .map(|cell| match cell {
            Cell::Decimal(mantissa, _) => *mantissa,
            Cell::Integer(integer) => i128::from(*integer),
            _ => 0,
        })
        .sum()
}
