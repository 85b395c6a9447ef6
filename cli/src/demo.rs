//! The demo's job and source: ledger postings in mainframe format, identical each time.

use std::fs::File;
use std::io::{BufWriter, Error, Result, Write};
use std::path::Path;

use format::codepage::CodePage;

/// The demo's job file.
pub(crate) const JOB: &str = include_str!("demo/postings.toml");

/// The copybook that the job file names.
pub(crate) const COPYBOOK: &str = include_str!("demo/postings.cpy");

/// The length of each record in bytes.
const RECORD_BYTES: usize = 100;

/// A small generator of the splitmix64 family (Steele, Lea, Flood 2014), so that the demo is the same everywhere.
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

const NARRATIVES: [&str; 8] = [
    "Salary",
    "Rent",
    "Invoice 4711, second part",
    "Card payment",
    "Überweisung",
    "Interest",
    "Transfer \"savings\"",
    "",
];

/// One record, built field by field.
struct Record {
    page: &'static CodePage,
    bytes: Vec<u8>,
}

impl Record {
    fn begin(&mut self, kind: &str) -> Result<()> {
        self.bytes.clear();
        self.text(kind, 1)
    }

    /// Appends characters in the code page, padded with spaces.
    fn text(&mut self, text: &str, width: usize) -> Result<()> {
        let end = self.bytes.len() + width;
        self.page.encode_into(text, &mut self.bytes).map_err(|error| Error::other(error.to_string()))?;
        self.bytes.resize(end, self.page.space());
        Ok(())
    }

    /// Appends an unsigned zoned decimal.
    fn zoned(&mut self, number: u64, digits: usize) -> Result<()> {
        self.text(&format!("{number:0digits$}"), digits)
    }

    /// Appends a packed decimal: two digits per byte, with the sign in the last half byte.
    fn packed(&mut self, number: i128, digits: usize) {
        let mut rest = number.unsigned_abs();
        let length = digits / 2 + 1;
        let start = self.bytes.len();
        self.bytes.resize(start + length, 0);
        let mut low = if number < 0 { 0xd } else { 0xc };
        for byte in self.bytes[start..].iter_mut().rev() {
            // A remainder below ten fits a byte.
            let digit = u8::try_from(rest % 10).unwrap_or(0);
            *byte = (digit << 4) | low;
            low = u8::try_from(rest / 10 % 10).unwrap_or(0);
            rest /= 100;
        }
    }

    /// Writes the whole record, padded with spaces.
    fn write(&mut self, out: &mut impl Write) -> Result<()> {
        self.bytes.resize(RECORD_BYTES, self.page.space());
        out.write_all(&self.bytes)
    }
}

/// The totals in the trailer.
#[derive(Default)]
struct Totals {
    records: u64,
    cents: i128,
    turnover: i128,
    branches: u64,
}

/// Writes a header, `records` postings and a trailer to `path`. Postings come in pairs, a debit and its credit, so that
/// each day adds up to zero.
pub(crate) fn write_source(path: &Path, records: u64) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let page = CodePage::by_name("cp037").ok_or_else(|| Error::other("code page cp037 is missing"))?;
    let mut record = Record { page, bytes: Vec::with_capacity(RECORD_BYTES) };
    record.begin("H")?;
    record.text("20241231", 8)?;
    record.zoned(1, 5)?;
    record.write(&mut out)?;
    let mut totals = Totals::default();
    let mut random = Random(20_240_229);
    let mut last = (0, 0, 0);
    for number in 0..records {
        let is_credit = number % 2 == 1;
        let is_alone = !is_credit && number + 1 == records;
        if !is_credit {
            // Cents, up to a million; a posting without a partner has the amount zero.
            let cents = if is_alone { 0 } else { random.below(100_000_000) };
            last = (cents, 1 + random.below(12), 1 + random.below(28));
        }
        let (cents, month, day) = last;
        let cents = if is_credit { -i128::from(cents) } else { i128::from(cents) };
        let (high, low) = (random.next(), number);
        let account = random.below(50_000);
        let branch = 1 + account % 9000;
        record.begin("P")?;
        record.text(&format!("{high:016x}{low:016x}"), 32)?;
        record.text(&format!("DE{account:010}"), 12)?;
        record.text(&format!("2024{month:02}{day:02}"), 8)?;
        record.packed(cents, 15);
        record.text("EUR", 3)?;
        record.bytes.extend(u16::try_from(branch).unwrap_or(0).to_be_bytes());
        record.zoned(random.below(100_000), 5)?;
        // Copied out: indexes come from a bound that the array has.
        let narrative = NARRATIVES.get(usize::try_from(random.below(8)).unwrap_or(0)).copied().unwrap_or("");
        record.text(narrative, 29)?;
        record.write(&mut out)?;
        totals.records += 1;
        totals.cents += cents;
        totals.turnover += cents.abs();
        totals.branches += branch;
    }
    record.begin("T")?;
    let count = u32::try_from(totals.records)
        .map_err(|_| Error::other("the trailer can count at most 999,999,999 records"))?;
    record.bytes.extend(count.to_be_bytes());
    record.packed(totals.cents, 17);
    record.packed(totals.turnover, 17);
    record.zoned(totals.branches % 1_000_000, 6)?;
    record.write(&mut out)?;
    out.flush()
}
