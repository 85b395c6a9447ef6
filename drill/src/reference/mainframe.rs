//! The source of the mainframe job, written as a COBOL program would.

use format::codepage::CodePage;

/// The records, each after its descriptor word. Nothing, if there were no such code page.
pub(super) fn source(records: u64) -> Vec<u8> {
    let Some(page) = CodePage::by_name("cp037") else { return Vec::new() };
    let mut out = Vec::new();
    for number in 1..=records {
        let cents =
            i64::try_from(number * 7919 % 200_003).unwrap_or(0) * if number % 3 == 0 { -1 } else { 1 };
        let parts = number % 4;
        let mut record = characters(page, &format!("{number:06}"));
        record.extend(packed(cents, 11));
        record.extend(zoned(page, cents % 100_000, 7));
        record.extend(i32::try_from(number * 65_537 % 1_000_000).unwrap_or(0).to_be_bytes());
        let owner = ["Zürich [AG]", "two words", "Smith & Sons", "no. 1 | 2"];
        let owner = owner[usize::try_from(number % 4).unwrap_or(0)];
        record.extend(characters(page, &format!("{owner:20}")));
        record.extend(characters(page, "   "));
        record.extend(characters(page, &parts.to_string()));
        for part in 1..=parts {
            record.extend(packed(cents / i64::try_from(part + 1).unwrap_or(1), 7));
        }
        let length = u16::try_from(record.len() + 4).unwrap_or(0);
        out.extend(length.to_be_bytes());
        out.extend([0, 0]);
        out.extend(record);
    }
    out
}

fn characters(page: &CodePage, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    // A character that the page lacks would cut the record short, and the undamaged run would not reconcile.
    let _ = page.encode_into(text, &mut out);
    out
}

fn packed(value: i64, digits: usize) -> Vec<u8> {
    let sign = if value < 0 { 'd' } else { 'c' };
    domain::hex::decode(&format!("{:0digits$}{sign}", value.unsigned_abs())).unwrap_or_default()
}

fn zoned(page: &CodePage, value: i64, digits: usize) -> Vec<u8> {
    let mut out = characters(page, &format!("{:0digits$}", value.unsigned_abs()));
    if let Some(last) = out.last_mut() {
        *last = (*last & 0x0F) | if value < 0 { 0xD0 } else { 0xC0 };
    }
    out
}
