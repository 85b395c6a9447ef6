//! Mainframe files as people have them: what `init` and `check` say of their framing, and that a run follows it.

use super::desk::Desk;

const ORDERS: &str = "       01  ORDERS.
           05  ORDER-NO   PIC 9(4).
           05  LINES-CNT  PIC 9(2).
           05  LINE-AMT   PIC S9(5)V99 COMP-3
                          OCCURS 0 TO 20 TIMES DEPENDING ON LINES-CNT.
           05  CURRENCY   PIC X(3).
";

/// An order in EBCDIC, with as many amounts of 1.00 as its number says.
fn order(number: u8, lines: u8) -> Vec<u8> {
    let digit = |number: u8| 0xF0 + number;
    let mut out =
        vec![0xF0, 0xF0, digit(number / 10), digit(number % 10), digit(lines / 10), digit(lines % 10)];
    out.extend([0x00, 0x00, 0x10, 0x0C].repeat(usize::from(lines)));
    out.extend([0xC5, 0xE4, 0xD9]);
    out
}

fn orders() -> Vec<Vec<u8>> {
    (1..=40).map(|number| order(number, number % 21)).collect()
}

#[test]
fn records_that_nothing_separates_are_framed_by_their_layout() {
    let desk = Desk::new();
    desk.put("orders.cpy", ORDERS);
    let bytes = orders().concat();
    desk.put("orders.dat", &bytes);
    desk.run(&["init", "--copybook", "orders.cpy", "--sample", "orders.dat", "-o", "orders.toml"])
        .exits(0)
        .says(&["these settings fit the sample: framing = \"layout\", cobol.behind_tables = \"shift\""]);
    // Cut into chunks of a few records, and all in one: the same fingerprint.
    desk.put("crossfoot.toml", "[fleet]\nchunk_records = 3\n");
    let sum: u32 = (1..=40).map(|number| number % 21).sum();
    let sum = format!("{sum}.00");
    desk.run(&["run", "orders.toml", "--source", "orders.dat"]).exits(0).prints(&[
        "RECONCILED",
        "40 records",
        "14 chunks",
        "INV-13  every byte accounted for",
    ]);
    assert!(desk.run(&["report", "last"]).out.contains("sum of line_amt_1"), "{sum}");
    // The count of record 3 is no number: what follows cannot be separated, and nothing of the run is in final.
    let mut broken = bytes.clone();
    let third = orders()[..2].concat().len();
    broken[third + 4] = 0x40;
    desk.put("broken.dat", &broken);
    let says = [
        "record 3",
        &format!("byte {third} of the source"),
        "ORDERS.LINES-CNT, at byte 4 of the `orders` record",
        "record 2 ends there",
    ];
    desk.run(&["run", "orders.toml", "--source", "broken.dat"]).exits(3).says(&says);
    desk.run(&["check", "orders.toml", "--source", "broken.dat"]).exits(3).says(&says);
    // A job with another framing is told which fits.
    desk.run(&["init", "--copybook", "orders.cpy", "-o", "fixed.toml"]).exits(0);
    desk.run(&["check", "fixed.toml", "--source", "orders.dat"]).exits(0).prints(&["framing = \"layout\""]);
}

/// Descriptors that count themselves or not, blocks, and text lines: the settings are found, and a run needs no edit.
#[test]
fn framings_are_told_by_the_bytes() {
    let with = |prefix: fn(usize) -> Vec<u8>| -> Vec<u8> {
        orders().iter().flat_map(|record| [prefix(record.len()), record.clone()].concat()).collect()
    };
    let two = |length: usize| u16::try_from(length).unwrap().to_be_bytes();
    let rdw_with = with(|length| [&u16::try_from(length + 4).unwrap().to_be_bytes()[..], &[0, 0]].concat());
    let blocks = |own: usize| -> Vec<u8> {
        let records: Vec<Vec<u8>> =
            orders().iter().map(|of| [&two(of.len() + own)[..], &[0, 0], of].concat()).collect();
        let block = |records: &[Vec<u8>]| {
            let inner = records.concat();
            [&two(inner.len() + own)[..], &[0, 0], &inner].concat()
        };
        records.chunks(7).flat_map(block).collect()
    };
    for (name, bytes, setting) in [
        ("rdw", rdw_with.clone(), "framing = \"rdw\", cobol"),
        (
            "rdw-without",
            with(|length| [&u16::try_from(length).unwrap().to_be_bytes()[..], &[0, 0]].concat()),
            "framing = \"rdw\", length_includes_header = false",
        ),
        ("bdw", blocks(4), "framing = \"bdw\", cobol"),
        ("bdw-without", blocks(0), "framing = \"bdw\", length_includes_header = false"),
        (
            "rdw-little",
            with(|length| [&[0, 0], &u16::try_from(length + 4).unwrap().to_le_bytes()[..]].concat()),
            "framing = \"rdw\", length_endian = \"little\"",
        ),
        (
            "prefix-2",
            with(|length| u16::try_from(length).unwrap().to_be_bytes().to_vec()),
            "framing = \"length-prefix\", prefix_bytes = 2",
        ),
    ] {
        let desk = Desk::new();
        desk.put("orders.cpy", ORDERS);
        desk.put("orders.dat", &bytes);
        desk.run(&["init", "--copybook", "orders.cpy", "--sample", "orders.dat", "-o", "o.toml"])
            .exits(0)
            .says(&[setting]);
        desk.run(&["run", "o.toml", "--source", "orders.dat"]).exits(0).prints(&["RECONCILED", "40 records"]);
        // And with a job that was made for another framing.
        desk.run(&["init", "--copybook", "orders.cpy", "--framing", "bdw", "-o", "b.toml"]).exits(0);
        if !name.starts_with("bdw") {
            let ended = desk.run(&["check", "b.toml", "--source", "orders.dat"]);
            assert!(format!("{}{}", ended.out, ended.err).contains(setting), "{name}");
        }
    }
}
