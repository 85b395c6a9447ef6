//! The records that kernels work on: made by a formula, so that every machine has the same.

use std::fmt::Write;
use std::sync::Arc;

use domain::ids::RecordNo;
use format::codepage::CodePage;
use job::Job;
use job::chunk::{ChunkDecoder, DecodedChunk, Start};

use crate::RECORDS;

/// A job and the content of its source, without a header.
pub(crate) struct Source {
    pub(crate) job: Arc<Job>,
    pub(crate) bytes: Vec<u8>,
}

impl Source {
    /// All of it decoded as one chunk, proof included.
    pub(crate) fn decoded(&self) -> Result<DecodedChunk, String> {
        let mut decoder = ChunkDecoder::new(&self.job)?;
        let start = Start { first_record_no: RecordNo(1), offset: 0, parents: &[], ends_source: true };
        let decoded = decoder.decode(start, &self.bytes).map_err(|error| error.to_string())?;
        match decoded.rejects.first() {
            None => Ok(decoded),
            Some(reject) => Err(format!("record {} is a reject: {:?}", reject.record_no, reject.reasons)),
        }
    }
}

const DELIMITED: &str = r#"[job]
name = "kernels"
[source]
format = "delimited"
[[record]]
name = "posting"
key = ["id"]
amounts = ["amount"]
staging = "stg_posting"
final = "posting"
[[record.field]]
name = "account"
type = "text(8)"
[[record.field]]
name = "product"
type = "text(4)"
[[record.field]]
name = "amount"
type = "decimal(15,2)"
[[record.field]]
name = "booked_on"
type = "date"
[[record.field]]
name = "id"
type = "integer"
[[record.field]]
name = "text"
type = "text(40)"
"#;

const COPYBOOK: &str = r#"[job]
name = "kernels"
[copybooks]
"card.cpy" = """
       01  CARD.
           05  NUM          PIC X(16).
           05  AMOUNT       PIC S9(9)V99 COMP-3.
           05  UNITS        PIC S9(7) COMP-3.
           05  BRANCH       PIC S9(9) COMP.
           05  BALANCE      PIC S9(16)V99 COMP.
           05  CUSTOMER     PIC X(22).
           05  FEE          PIC S9(7)V99.
           05  SERIAL       PIC 9(9).
           05  BOOKED-ON    PIC 9(8).
           05  KIND         PIC X(2).
"""
[source]
format = "copybook"
copybook = "card.cpy"
[[record]]
name = "card"
amounts = ["amount", "balance"]
staging = "stg_card"
final = "card"
[[record.field]]
name = "booked_on"
type = "date(YYYYMMDD)"
"#;

fn job(text: &str) -> Result<Arc<Job>, String> {
    Job::parse("kernels.toml", text).map(Arc::new).map_err(|error| error.to_string())
}

/// Six fields of text in about 80 bytes; every seventh text is quoted.
pub(crate) fn delimited() -> Result<Source, String> {
    let mut text = String::new();
    for at in 0..RECORDS {
        let mixed = at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let sign = if at % 3 == 0 { "-" } else { "" };
        let quote = if at % 7 == 0 { "\"" } else { "" };
        let written = writeln!(
            text,
            "{:08},P{:03},{sign}{}.{:02},{:04}-{:02}-{:02},{},{quote}posting no. {at} of this day{quote}",
            mixed % 100_000_000,
            mixed % 1_000,
            mixed >> 44,
            mixed % 100,
            1990 + at % 40,
            1 + at % 12,
            1 + at % 28,
            mixed >> 2,
        );
        written.map_err(|error| error.to_string())?;
    }
    Ok(Source { job: job(DELIMITED)?, bytes: text.into_bytes() })
}

/// Ten COBOL fields in 88 bytes: text, packed, binary and zoned numbers, a day.
pub(crate) fn copybook() -> Result<Source, String> {
    let page = &ebcdic()?;
    let mut out = Vec::new();
    for at in 0..i64::try_from(RECORDS).unwrap_or_default() {
        let sign = if at % 3 == 0 { 'd' } else { 'c' };
        text(page, &format!("{:016}", at * 7_919), &mut out)?;
        packed(&format!("{:011}{sign}{:07}{sign}", at * 104_729, at), &mut out)?;
        out.extend(i32::try_from(at).unwrap_or_default().to_be_bytes());
        out.extend((at * -1_299_709).to_be_bytes());
        text(page, &format!("{:22}", format!("Customer no. {at}")), &mut out)?;
        text(page, &format!("{:09}", at * 977), &mut out)?;
        if at % 2 == 0
            && let Some(last) = out.last_mut()
        {
            // A negative number: the zone of its last digit is its sign.
            *last -= 0x20;
        }
        text(
            page,
            &format!("{:09}{:04}{:02}{:02}", at * 31, 1990 + at % 40, 1 + at % 12, 1 + at % 28),
            &mut out,
        )?;
        text(page, if at % 5 == 0 { "A " } else { "BC" }, &mut out)?;
    }
    Ok(Source { job: job(COPYBOOK)?, bytes: out })
}

/// The byte in code page 37 of each ASCII character. Looked up once: under valgrind it would be most of the time.
fn ebcdic() -> Result<[u8; 128], String> {
    let page = CodePage::by_name("cp037").ok_or("no cp037")?;
    let ascii: String = (0..128_u8).map(char::from).collect();
    let mut bytes = Vec::with_capacity(ascii.len());
    page.encode_into(&ascii, &mut bytes).map_err(|error| format!("{error:?}"))?;
    bytes.try_into().map_err(|_| "cp037 has characters of more than one byte".into())
}

fn text(page: &[u8; 128], text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    for byte in text.bytes() {
        out.push(*page.get(usize::from(byte)).ok_or_else(|| format!("{text}: not ASCII"))?);
    }
    Ok(())
}

fn packed(nibbles: &str, out: &mut Vec<u8>) -> Result<(), String> {
    domain::hex::decode_into(nibbles.as_bytes(), out).then_some(()).ok_or_else(|| nibbles.to_owned())
}
