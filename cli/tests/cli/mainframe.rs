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
    // A stream can be read only once: it is shown.
    desk.pipe(&["check", "orders.toml", "--source", "-"], &bytes).exits(0).prints(&["record 5, byte"]);
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

const BY_POSITION: &str = "       01  HDR.
           05  H-DATE   PIC 9(8).
           05  H-NAME   PIC X(12).
       01  DTL.
           05  D-ACCT   PIC X(10).
           05  D-AMT    PIC S9(9)V99 COMP-3.
           05  D-NOTE   PIC X(4).
       01  TRL.
           05  T-COUNT  PIC 9(7).
           05  T-SUM    PIC S9(11)V99.
";

/// Text of digits, capitals and blanks in EBCDIC.
fn ebcdic(text: &str) -> Vec<u8> {
    let byte = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0' + 0xF0,
        b'A'..=b'I' => byte - b'A' + 0xC1,
        _ => 0x40,
    };
    text.bytes().map(byte).collect()
}

/// A header, details of the given cents, and a trailer that says how many they are and their sum.
fn between(details: &[u16], said: (usize, i64)) -> Vec<u8> {
    let mut out = ebcdic("20240131ADDA        ");
    for (at, cents) in details.iter().enumerate() {
        out.extend(ebcdic(&format!("ACC{at:07}")));
        let digits = format!("{cents:011}C");
        out.extend((0..6).map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).unwrap()));
        out.extend(ebcdic("A   "));
    }
    out.extend(ebcdic(&format!("{:07}{:013}", said.0, said.1)));
    out
}

#[test]
fn a_header_and_a_trailer_without_a_type_code_are_told_by_their_place() {
    let desk = Desk::new();
    desk.put("pos.cpy", BY_POSITION);
    desk.put("pos.dat", between(&[1000, 250, 125], (3, 1375)));
    desk.run(&["init", "--copybook", "pos.cpy", "--sample", "pos.dat", "-o", "pos.toml"]).exits(0);
    let made = std::fs::read_to_string(desk.path("pos.toml")).unwrap();
    assert!(made.contains("position = \"first\"") && made.contains("position = \"last\""), "{made}");
    // The trailer's count and sum are offered; what holds is uncommented.
    let (_, offered) = made.split_once("uncomment what holds.\n").unwrap();
    let controls: String =
        offered.lines().map(|line| format!("{}\n", line.trim_start_matches("# "))).collect();
    let job = format!("{}{controls}", made.replace("# -> the fields", "# the fields"));
    desk.put("pos.toml", &job);
    for chunk_records in [1, 2, 4, 100] {
        desk.put("crossfoot.toml", format!("[fleet]\nchunk_records = {chunk_records}\n"));
        let run = desk.run(&["run", "pos.toml", "--source", "pos.dat", "--again"]).exits(0);
        run.prints(&["RECONCILED", "control trl: t_count", "control trl: t_sum", "13.75"]);
    }
    desk.run(&["check", "pos.toml", "--source", "pos.dat"]).exits(0).prints(&["(hdr)", "(dtl)", "(trl)"]);
    // A detail that is lost, a trailer that is lost, a source that has only its header.
    for (name, bytes) in [
        ("lost.dat", between(&[1000, 250], (3, 1375))),
        ("cut.dat", between(&[1000, 250, 125], (3, 1375))[..80].to_vec()),
        ("header.dat", between(&[], (0, 0))[..20].to_vec()),
    ] {
        desk.put(name, bytes);
        desk.run(&["run", "pos.toml", "--source", name]).exits(1).prints(&["NOT RECONCILED"]);
    }
    // One record's proof knows that the record is the last.
    desk.run(&["run", "pos.toml", "--source", "pos.dat", "--again"]).exits(0);
    desk.run(&["audit", "keygen", "-o", "me"]).exits(0);
    for record in ["1", "3", "5"] {
        let (prove, verify) =
            (["prove", "--record", record, "-o", "p.json", "--record-out", "r.bin"], ["audit", "verify"]);
        desk.run(&[&prove[..], &["--key", "me.key"]].concat()).exits(0);
        let with = ["p.json", "--record", "r.bin", "--job", "pos.toml", "--key", "me.pub"];
        desk.run(&[&verify[..], &with].concat()).exits(0).prints(&["decoded with the job"]);
        std::fs::remove_file(desk.path("p.json")).unwrap();
        std::fs::remove_file(desk.path("r.bin")).unwrap();
    }
}

#[test]
fn a_footer_line_of_a_delimited_file_is_told_by_its_place() {
    let desk = Desk::new();
    desk.put(
        "d.toml",
        "[job]\nname = \"d\"\n[source]\nformat = \"delimited\"\nseparator = \";\"\nheader = true\n\
         [[record]]\nname = \"total\"\nrole = \"trailer\"\nposition = \"last\"\nstaging = \"st\"\nfinal = \"t\"\n\
         [[record.field]]\nname = \"word\"\ntype = \"text(10)\"\n\
         [[record.field]]\nname = \"records\"\ntype = \"integer\"\n\
         [[record.field]]\nname = \"sum\"\ntype = \"decimal(10,2)\"\n\
         [[record]]\nname = \"line\"\namounts = [\"amt\"]\nstaging = \"sl\"\nfinal = \"l\"\n\
         [[record.field]]\nname = \"id\"\ntype = \"integer\"\n\
         [[record.field]]\nname = \"amt\"\ntype = \"decimal(10,2)\"\n\
         [[control]]\nrecord = \"total\"\n[[control.total]]\nfield = \"records\"\ncount = \"line\"\n\
         [[control.total]]\nfield = \"sum\"\nsum = \"line.amt\"\n",
    );
    desk.put("d.csv", "id;amt\n1;2.50\n2;5.00\nTotal;2;7.50\n");
    desk.run(&["run", "d.toml", "--source", "d.csv"]).exits(0).prints(&["RECONCILED", "7.50"]);
    desk.put("short.csv", "id;amt\n1;2.50\nTotal;2;7.50\n");
    desk.run(&["run", "d.toml", "--source", "short.csv"]).exits(1);
    desk.put("none.csv", "id;amt\n1;2.50\n2;5.00\n");
    desk.run(&["run", "d.toml", "--source", "none.csv"]).exits(1).prints(&["NOT RECONCILED"]);
}

/// As the export of a card system with a hole in its numbers has it: header, transactions and trailer share one
/// sequence.
#[test]
fn numbers_that_are_missing_or_repeated_fail_the_check_of_their_sequence() {
    let desk = Desk::new();
    let job = "[job]\nname = \"s\"\n[source]\nformat = \"fixed\"\n\
               [[record]]\nname = \"batch\"\nwhen = { field = \"kind\", in = [\"B\"] }\nstaging = \"sb\"\nfinal = \"b\"\n\
               [[record.field]]\nname = \"kind\"\ntype = \"text(1)\"\nstart = 1\nwidth = 1\n\
               [[record.field]]\nname = \"seq\"\ntype = \"text(6)\"\nstart = 2\nwidth = 6\n\
               [[record]]\nname = \"entry\"\nstaging = \"se\"\nfinal = \"e\"\n\
               [[record.field]]\nname = \"kind\"\ntype = \"text(1)\"\nstart = 1\nwidth = 1\n\
               [[record.field]]\nname = \"seq\"\ntype = \"integer\"\nstart = 2\nwidth = 6\n\
               [[sequence]]\nname = \"export numbers\"\nfield = [\"batch.seq\", \"entry.seq\"]\nstart = 1\n";
    desk.put("s.toml", job);
    let lines = |numbers: &mut dyn Iterator<Item = u32>| {
        numbers.map(|at| format!("{}{at:06}\n", if at % 100 == 1 { 'B' } else { 'E' })).collect::<String>()
    };
    desk.put("whole.txt", lines(&mut (1..=500)));
    desk.put("gap.txt", lines(&mut (1..=450).chain(460..=500)));
    desk.put("twice.txt", lines(&mut (1..=320).chain(320..=500)));
    for chunk_records in [1, 7, 450, 10_000] {
        desk.put("crossfoot.toml", format!("[fleet]\nchunk_records = {chunk_records}\n"));
        desk.run(&["run", "s.toml", "--source", "whole.txt", "--again"])
            .exits(0)
            .prints(&["sequence export numbers"]);
        desk.run(&["run", "s.toml", "--source", "gap.txt", "--again"])
            .exits(1)
            .prints(&["sequence export numbers: 451-459 are missing after record 450", "NOT RECONCILED"]);
        desk.run(&["run", "s.toml", "--source", "twice.txt", "--again"])
            .exits(1)
            .prints(&["record 321 repeats 320 of record 320"]);
    }
    // What is found names the record, and a final table has nothing of it.
    desk.run(&["explain", "last"]).exits(0).prints(&["321"]);
    // Batch by batch.
    desk.put("b.toml", format!("{job}restarts = \"batch\"\n"));
    let batches = "B000001\nE000002\nE000003\nB000001\nE000002\nB000001\nE000003\n";
    desk.put("batches.txt", batches);
    desk.run(&["run", "b.toml", "--source", "batches.txt"])
        .exits(1)
        .prints(&["sequence export numbers: 2 is missing after record 6"]);
    for (keys, says) in [
        ("field = \"kind\"", "does not name its record"),
        ("field = \"entry.nothing\"", "there is no field `nothing`"),
        ("field = \"entry.seq\"\nstep = 0", "a step of 0"),
        ("field = \"entry.seq\"\nrestarts = \"none\"", "there is no record `none`"),
        ("field = [\"entry.seq\", \"entry.kind\"]", "only one number"),
        ("field = []", "an empty list"),
    ] {
        let (before, _) = job.split_once("[[sequence]]").unwrap();
        desk.put("bad.toml", format!("{before}[[sequence]]\nname = \"n\"\n{keys}\n"));
        desk.run(&["check", "bad.toml"]).exits(2).says(&[says, "line "]);
    }
}
