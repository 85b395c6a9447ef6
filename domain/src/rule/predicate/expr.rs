//! The typed tree: what a predicate is once every name is a field and every type is known.
//!
//! Conditions and scalars are separate, so that a condition is evaluated without passing through a value.

use std::fmt;

use super::Place;
use super::like::Pattern;
use crate::value::{FieldType, Literal};

/// What an expression yields, as far as comparing and computing need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The literal NULL, which goes with everything.
    Null,
    Text,
    /// A whole number; the result of arithmetic may be longer than 64 bits.
    Integer,
    Decimal,
    Date,
    Timestamp,
    Instant,
    Boolean,
    Bytes,
}

impl Kind {
    pub(super) const fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Decimal | Self::Null)
    }

    /// The kind that holds both; `None` when the two cannot be compared or take each other's place.
    pub(super) fn with(self, other: Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Null, kind) | (kind, Self::Null) => kind,
            (Self::Integer, Self::Decimal) | (Self::Decimal, Self::Integer) => Self::Decimal,
            (Self::Date, Self::Timestamp) | (Self::Timestamp, Self::Date) => Self::Timestamp,
            (a, b) if a == b => a,
            _ => return None,
        })
    }
}

impl From<FieldType> for Kind {
    fn from(ty: FieldType) -> Self {
        match ty {
            FieldType::Text { .. } => Self::Text,
            FieldType::Integer => Self::Integer,
            FieldType::Decimal { .. } => Self::Decimal,
            FieldType::Date => Self::Date,
            FieldType::Timestamp => Self::Timestamp,
            FieldType::Instant => Self::Instant,
            FieldType::Boolean => Self::Boolean,
            FieldType::Bytes => Self::Bytes,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Null => "null",
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Instant => "timestamptz",
            Self::Boolean => "boolean",
            Self::Bytes => "bytes",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// An expression that is true, false or unknown.
#[derive(Debug)]
pub(super) enum Test {
    /// A boolean field, literal or result.
    Scalar(Scalar),
    Compare {
        comparison: Comparison,
        left: Scalar,
        right: Scalar,
    },
    /// IS DISTINCT FROM, or with `negated` IS NOT DISTINCT FROM.
    Distinct {
        left: Scalar,
        right: Scalar,
        negated: bool,
    },
    In {
        needle: Scalar,
        list: List,
        negated: bool,
    },
    Between {
        scalar: Scalar,
        low: Scalar,
        high: Scalar,
        negated: bool,
    },
    Like {
        text: Scalar,
        pattern: LikePattern,
        negated: bool,
    },
    Null {
        scalar: Scalar,
        negated: bool,
    },
    /// IS [NOT] TRUE, FALSE or UNKNOWN.
    Is {
        test: Box<Test>,
        truth: super::Truth,
        negated: bool,
    },
    Not(Box<Test>),
    /// AND of two or more, flat so that a long chain is not a deep tree.
    All(Vec<Test>),
    /// OR of two or more.
    Any(Vec<Test>),
}

/// The right side of IN.
#[derive(Debug)]
pub(super) struct List {
    /// The literals: as written, or sorted if there are many.
    pub(super) literals: Vec<Literal>,
    pub(super) sorted: bool,
    /// Whether the literal NULL is among them.
    pub(super) has_null: bool,
    /// What is looked at after the literals. All there is, in the order of the text, if an item could fail.
    pub(super) others: Vec<Scalar>,
}

#[derive(Debug)]
pub(super) enum LikePattern {
    /// A literal, compiled when the predicate was parsed.
    Fixed(Pattern),
    /// A pattern that comes from the record.
    Computed { scalar: Scalar, escape: Option<char>, place: Place },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Remainder,
}

/// What yields a value.
#[derive(Debug)]
pub(super) enum Scalar {
    Null,
    Literal(Literal),
    /// A field, by index.
    Field(usize),
    /// A condition's truth as a boolean, NULL for unknown.
    Test(Box<Test>),
    Negate(Box<Scalar>),
    Arithmetic {
        operator: Operator,
        left: Box<Scalar>,
        right: Box<Scalar>,
        place: Place,
    },
    /// The days from one date to another: `later - earlier`.
    Days {
        later: Box<Scalar>,
        earlier: Box<Scalar>,
    },
    /// Concatenation (`||`) of several values, flat instead of nested.
    Concat(Vec<Scalar>),
    Call {
        function: Function,
        arguments: Vec<Scalar>,
        place: Place,
    },
    /// An integer as a decimal of a given precision and scale.
    Cast {
        scalar: Box<Scalar>,
        precision: u8,
        scale: u8,
        place: Place,
    },
    /// CASE WHEN condition THEN result ...
    Case {
        branches: Vec<(Test, Scalar)>,
        otherwise: Box<Scalar>,
    },
    /// CASE operand WHEN value THEN result ...
    Switch {
        operand: Box<Scalar>,
        branches: Vec<(Scalar, Scalar)>,
        otherwise: Box<Scalar>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    Sign,
    Coalesce,
    Nullif,
    Greatest,
    Least,
    /// Characters of text, bytes of bytes.
    Length,
    OctetLength,
    Upper,
    Lower,
    /// One argument: blanks; two: the text, then the character that is taken off.
    Trim(Ends),
    /// Text, start, and perhaps length.
    Substring,
    Left,
    Right,
    StartsWith,
    /// Text, then what is looked for.
    Position,
    Extract(Part),
}

/// Where trim takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) leading: bool,
    pub(super) trailing: bool,
}

/// What extract takes out of a date or timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    /// With its fraction, exact to the microsecond.
    Second,
}
