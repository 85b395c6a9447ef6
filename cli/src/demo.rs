//! The demo's job and source: postings of a ledger, the same ones each time.

use std::fs::File;
use std::io::{BufWriter, Result, Write};
use std::path::Path;

/// The demo's job file.
pub(crate) const JOB: &str = include_str!("demo/postings.toml");

/// A small generator of the splitmix64 family (Steele, Lea, Flood 2014): the demo is the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

const TEXTS: [&str; 8] = [
    "Salary",
    "Rent",
    "\"Invoice 4711, second part\"",
    "Card payment",
    "Überweisung",
    "Interest",
    "\"Transfer \"\"savings\"\"\"",
    "",
];

/// Writes `records` postings to `path`. They come in pairs, a debit and its credit, so that each day adds up to zero.
pub(crate) fn write_source(path: &Path, records: u64) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    out.write_all(b"posting_id,account,booked_on,amount,currency,text\n")?;
    let mut random = Random(20_240_229);
    let mut last = (0, 0, 0);
    for number in 0..records {
        let is_credit = number % 2 == 1;
        let is_alone = !is_credit && number + 1 == records;
        if !is_credit {
            // Cents up to a million; a posting that has no partner is of nothing.
            let cents = if is_alone { 0 } else { random.below(100_000_000) };
            last = (cents, 1 + random.below(12), 1 + random.below(28));
        }
        let (cents, month, day) = last;
        let sign = if is_credit && cents > 0 { "-" } else { "" };
        let (high, low) = (random.next(), number);
        let account = random.below(50_000);
        // Copied out: indexes come from a bound that the array has.
        let text = TEXTS.get(usize::try_from(random.below(8)).unwrap_or(0)).copied().unwrap_or("");
        writeln!(
            out,
            "{high:016x}{low:016x},DE{account:010},2024-{month:02}-{day:02},{sign}{}.{:02},EUR,{text}",
            cents / 100,
            cents % 100
        )?;
    }
    out.flush()
}
