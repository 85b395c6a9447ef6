//! Random ledgers: sources whose every record is known as it is meant, not only as it is written.

use fastrand::Rng;

use crate::proof::{Cell, Leaf, plain};

/// One posting as it is meant. The job of [`crate::jobs::ledger`] has these fields in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Posting {
    pub id: i64,
    pub account: String,
    pub booked_on: String,
    pub cents: i128,
    pub quantity: Option<i64>,
    pub text: Option<String>,
    pub checked: Option<bool>,
    pub booked_at: Option<String>,
    pub token: Option<Vec<u8>>,
}

/// The place of `amount` among the fields.
pub const AMOUNT: usize = 3;
/// The place of `quantity` among the fields.
pub const QUANTITY: usize = 4;

const TEXTS: [&str; 10] = [
    "Rent",
    "Salary, March",
    "say \"hello\"",
    "two\nlines",
    "Überweisung €",
    "",
    " leading and trailing ",
    "NULL",
    "a\u{301} combining",
    "\"quoted\"\r\nand, more",
];

impl Posting {
    /// A posting with this number and everything else at random.
    pub fn random(id: i64, random: &mut Rng) -> Self {
        let maybe = |random: &mut Rng| random.u64(..4) > 0;
        let day = format!("2024-{:02}-{:02}", 1 + random.u64(..12), 1 + random.u64(..28));
        Self {
            id,
            account: format!("DE{:05}", random.u64(..50_000)),
            cents: i128::from(random.u64(..200_000_001)) - 100_000_000,
            quantity: maybe(random).then(|| random.u64(..2_000_000).cast_signed() - 1_000_000),
            text: maybe(random).then(|| (*random.choice(&TEXTS).unwrap()).into()),
            checked: maybe(random).then(|| random.bool()),
            booked_at: maybe(random).then(|| format!("{day} 0{}:5{}:07", random.u64(..10), random.u64(..10))),
            token: maybe(random).then(|| random.u64(..).to_be_bytes().to_vec()),
            booked_on: day,
        }
    }

    /// The values it has, field by field.
    #[must_use]
    pub fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::Integer(self.id),
            Cell::Text(self.account.clone()),
            Cell::Date(self.booked_on.clone()),
            Cell::Decimal(self.cents, 2),
            self.quantity.map_or(Cell::Null, Cell::Integer),
            Cell::text(self.text.as_deref()),
            self.checked.map_or(Cell::Null, Cell::Boolean),
            self.booked_at.as_ref().map_or(Cell::Null, |at| Cell::Timestamp(format!("{at}.000000"))),
            self.token.clone().map_or(Cell::Null, Cell::Bytes),
        ]
    }

    /// Its line of CSV, without the line end. NULL is nothing at all, an empty text is `""`.
    #[must_use]
    pub fn csv(&self) -> String {
        let text = self.text.as_ref().map(|text| format!("\"{}\"", text.replace('"', "\"\"")));
        [
            self.id.to_string(),
            self.account.clone(),
            self.booked_on.clone(),
            plain(self.cents, 2),
            self.quantity.map(|quantity| quantity.to_string()).unwrap_or_default(),
            text.unwrap_or_default(),
            self.checked.map(|checked| checked.to_string()).unwrap_or_default(),
            self.booked_at.clone().unwrap_or_default(),
            self.token.as_deref().map(crate::proof::hex).unwrap_or_default(),
        ]
        .join(",")
    }
}

/// A whole source: its postings, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger(pub Vec<Posting>);

impl Ledger {
    /// `records` random postings, numbered from 1.
    #[must_use]
    pub fn random(seed: u64, records: usize) -> Self {
        let mut random = Rng::with_seed(seed);
        Self((1..).take(records).map(|id| Posting::random(id, &mut random)).collect())
    }

    /// As CSV with this line end, without a header row.
    #[must_use]
    pub fn csv_with(&self, line_end: &str) -> Vec<u8> {
        self.0.iter().map(|posting| posting.csv() + line_end).collect::<String>().into_bytes()
    }

    /// The postings as CSV, one per line, without a header row.
    #[must_use]
    pub fn csv(&self) -> Vec<u8> {
        self.csv_with("\n")
    }

    /// What each record comes to when all are accepted.
    #[must_use]
    pub fn leaves(&self) -> Vec<Leaf> {
        self.0.iter().map(|posting| Leaf::Accepted(posting.cells())).collect()
    }
}
