//! Records that nothing separates but their layout, and the public inputs with tables of varying length.
//!
//! `CROSSFOOT_PEER_DATA` names the folder above `cases`, see `cases.rs`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::path::PathBuf;
use std::sync::Arc;

use domain::ids::RecordNo;
use domain::record::records;
use format::{Framer, Taken};
use job::Job;
use job::chunk::{ChunkDecoder, Start};

fn case(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("CROSSFOOT_PEER_DATA").map(PathBuf::from).filter(|path| path.is_dir());
    assert!(folder.is_some() || std::env::var_os("CROSSFOOT_INSIST").is_none(), "set CROSSFOOT_PEER_DATA");
    Some(std::fs::read(folder?.join("cases").join(name)).unwrap())
}

fn job(copybook: &str, source: &str, records: &str) -> Arc<Job> {
    let text = format!(
        "[job]\nname = \"case\"\n[source]\nformat = \"copybook\"\ncopybook = \"c\"\n{source}\n{records}\n\
         [copybooks]\nc = \"\"\"\n{copybook}\"\"\"\n"
    );
    Arc::new(Job::parse("job.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}")))
}

fn refused(copybook: &str, source: &str, records: &str) -> String {
    let text = format!(
        "[job]\nname = \"case\"\n[source]\nformat = \"copybook\"\ncopybook = \"c\"\n{source}\n{records}\n\
         [copybooks]\nc = \"\"\"\n{copybook}\"\"\"\n"
    );
    Job::parse("job.toml", &text).unwrap_err().to_string()
}

const ONE: &str = "[[record]]\nname = \"r\"\nstaging = \"s\"\nfinal = \"f\"";

/// One line a record: its type if there are several, its values, or why it is a reject.
fn lines(job: &Arc<Job>, source: &[u8]) -> Result<Vec<String>, String> {
    let mut decoder = ChunkDecoder::new(job)?;
    let start = Start { first_record_no: RecordNo(1), offset: 0, parents: &[], ends_source: true };
    let decoded = decoder.decode(start, source).map_err(|error| error.to_string())?;
    let mut lines = Vec::new();
    for (record, rows) in job.records.iter().zip(&decoded.rows) {
        for raw in records(rows, record.layout.fields.len()) {
            let raw = raw.unwrap();
            let fields = raw.fields().zip(&record.layout.fields);
            let values: Vec<_> = fields.map(|(field, of)| field.value(&of.ty).unwrap().to_string()).collect();
            let of = if job.has_types() { format!("{}: ", record.layout.record) } else { String::new() };
            lines.push((raw.record_no.0, format!("{of}{}", values.join(" · "))));
        }
    }
    for reject in decoded.rejects {
        let reasons: Vec<_> = reject.reasons.iter().map(|reason| reason.code.to_string()).collect();
        lines.push((reject.record_no.0, format!("REJECT {}", reasons.join(" "))));
    }
    lines.sort();
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}

/// The contents of records that have descriptor words, without these.
fn without_descriptors(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let length = usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        out.extend_from_slice(&bytes[at + 4..at + length]);
        at += length;
    }
    out
}

const MID: [&str; 3] = [
    "'01' · 2 · 'AA' · 'BB' · NULL · 1.00",
    "'02' · 0 · NULL · NULL · NULL · -2.00",
    "'03' · 3 · 'CC' · 'DD' · 'EE' · 3.00",
];

#[test]
fn the_inputs_with_tables_of_varying_length_are_right_in_the_setting_that_fits_and_never_wrong() {
    let Some(mid) = case("odo-mid.cpy") else { return };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (mid, last) = (text(mid), text(case("odo-last.cpy").unwrap()));
    let nested = text(case("odo-nested.cpy").unwrap());
    let settings = [
        "framing = \"fixed\"\nrecord_bytes = 13",
        "framing = \"fixed\"\nrecord_bytes = 13\ncobol = { behind_tables = \"stay\" }",
        "framing = \"rdw\"",
        "framing = \"rdw\"\ncobol = { behind_tables = \"stay\" }",
        "framing = \"layout\"",
        "framing = \"layout\"\ncobol = { behind_tables = \"stay\" }",
    ];
    // Of each file, which settings are right; in no other are all records accepted.
    let shifted = without_descriptors(&case("odo-mid-shift.vb").unwrap());
    for (name, bytes, right) in [
        ("odo-mid-max.fb", case("odo-mid-max.fb").unwrap(), &[1, 5][..]),
        ("odo-mid-pad.fb", case("odo-mid-pad.fb").unwrap(), &[0]),
        ("odo-mid-max.vb", case("odo-mid-max.vb").unwrap(), &[3]),
        ("odo-mid-pad.vb", case("odo-mid-pad.vb").unwrap(), &[2]),
        ("odo-mid-shift.vb", case("odo-mid-shift.vb").unwrap(), &[2]),
        ("odo-mid-shift.vb without descriptors", shifted, &[4]),
    ] {
        for (at, source) in settings.iter().enumerate() {
            let found = lines(&job(&mid, source, ONE), &bytes);
            let is_right = found.as_ref().is_ok_and(|lines| *lines == MID);
            assert_eq!(is_right, right.contains(&at), "{name}: {source}\n{found:#?}");
            let is_accepted = |line: &String| !line.starts_with("REJECT");
            assert!(is_right || !found.is_ok_and(|lines| lines.iter().all(is_accepted)), "{name}: {source}");
        }
    }
    // The table at the end, as long as its count says; what a count does not cover cannot be told from a record.
    let right = ["'01' · 2 · 1.00 · 2.00", "'02' · 3 · 1.00 · 2.00 · 3.00", "'03' · 0 · "];
    let layout = job(&last, "framing = \"layout\"", ONE);
    let exact = [
        &b"\xF0\xF1\xF2\0\0\x10\x0C\0\0\x20\x0C"[..],
        b"\xF0\xF2\xF3\0\0\x10\x0C\0\0\x20\x0C\0\0\x30\x0C",
        b"\xF0\xF3\xF0",
    ]
    .concat();
    let found = lines(&layout, &exact).unwrap();
    assert_eq!(found.len(), 3);
    assert!(found.iter().zip(right).all(|(found, right)| found.starts_with(right)), "{found:#?}");
    for name in ["odo-last.vb", "odo-full.vb", "odo-beyond.vb"] {
        let error = lines(&layout, &without_descriptors(&case(name).unwrap())).unwrap_err();
        assert!(error.contains("REC.CNT, at byte 2 of the `r` record"), "{name}: {error}");
    }
    // Nested: as long as the counts say, and the public files, which are longer.
    let layout = job(&nested, "framing = \"layout\"\nencoding = \"ascii\"", ONE);
    assert_eq!(
        lines(&layout, b"021A2BC13XYZ10").unwrap(),
        [
            "0 · NULL · NULL · NULL · NULL · NULL · NULL · NULL · NULL",
            "2 · 1 · 'A' · NULL · NULL · 2 · 'B' · 'C' · NULL",
            "1 · 3 · 'X' · 'Y' · 'Z' · NULL · NULL · NULL · NULL",
            "1 · 0 · NULL · NULL · NULL · NULL · NULL · NULL · NULL",
        ]
    );
    let error = lines(&layout, &case("odo-nested.fb").unwrap()).unwrap_err();
    assert!(error.contains("byte 1 of the source") && error.contains("REC.OUTER-CNT, at byte 0"), "{error}");
    for name in ["odo-nested.rdw", "odo-nested-max.rdw"] {
        let rdw = job(&nested, "framing = \"rdw\"\nencoding = \"ascii\"", ONE);
        let found = lines(&rdw, &case(name).unwrap()).unwrap();
        assert_eq!(found.iter().filter(|line| line.starts_with("REJECT")).count(), 2, "{name}: {found:#?}");
    }
}

const TYPES: &str = "       01  HDR.
           05  H-TYPE   PIC X.
           05  H-DATE   PIC 9(8).
       01  DTL.
           05  D-TYPE   PIC X.
           05  D-CNT    PIC S9(4) COMP.
           05  D-ITEM   OCCURS 0 TO 100 TIMES
                        DEPENDING ON D-CNT.
               10  D-SUB    PIC 9.
               10  D-AMT    PIC 9(2) OCCURS 0 TO 3 TIMES
                            DEPENDING ON D-SUB.
           05  D-END    PIC X(2).
       01  TRL.
           05  T-TYPE   PIC X.
           05  T-COUNT  PIC 9(7).
";

fn types() -> String {
    let of = |name: &str, level: &str, field: &str, value: &str| {
        format!(
            "[[record]]\nname = \"{name}\"\nlevel_01 = \"{level}\"\n\
             when = {{ field = \"{field}\", in = [\"{value}\"] }}\nstaging = \"s_{name}\"\nfinal = \"f_{name}\"\n"
        )
    };
    [of("hdr", "HDR", "h_type", "H"), of("dtl", "DTL", "d_type", "D"), of("trl", "TRL", "t_type", "T")]
        .concat()
}

fn details() -> Vec<u8> {
    let detail = |subs: &[&str]| {
        let count = u16::try_from(subs.len()).unwrap().to_be_bytes();
        let items: Vec<_> = subs.iter().map(|amounts| format!("{}{amounts}", amounts.len() / 2)).collect();
        [&b"D"[..], &count, items.concat().as_bytes(), b"ok"].concat()
    };
    let many = vec!["010203"; 100];
    [&b"H20240131"[..], &detail(&["0102", "", "03"]), &detail(&[]), &detail(&many), b"T0000003"].concat()
}

#[test]
fn records_of_several_types_are_as_long_as_their_type_and_counts_say() {
    let job = job(TYPES, "framing = \"layout\"\nencoding = \"ascii\"", &types());
    let found = lines(&job, &details()).unwrap();
    assert_eq!(found.len(), 5);
    assert_eq!(found[0], "hdr: 'H' · 2024-01-31".replace("2024-01-31", "20240131"), "{found:#?}");
    assert!(found[1].starts_with("dtl: 'D' · 3 · 2 · 1 · 2 · NULL · 0 · NULL"), "{}", found[1]);
    assert!(found[1].ends_with("'ok'") && found[2].ends_with("'ok'") && found[3].ends_with("'ok'"));
    assert_eq!(found[4], "trl: 'T' · 3");
}

/// The framing is the splitter's as well: whatever bytes are at hand, the records are the same.
#[test]
fn where_records_end_does_not_depend_on_how_the_bytes_come_in() {
    let job = job(TYPES, "framing = \"layout\"\nencoding = \"ascii\"", &types());
    let framer = Framer::new(&job.format);
    let bytes = details();
    let whole = framer.take(&bytes, true, 99, bytes.len()).unwrap();
    assert_eq!(whole, Taken { records: 5, bytes: bytes.len() });
    for size in [1, 7, 10, 13, 50, 710] {
        let (mut at, mut records) = (0, 0);
        while at < bytes.len() {
            let taken = framer.take(&bytes[at..], true, 99, size).unwrap();
            // With less at hand than any record may have, more is waited for, and never another end found.
            for cut in [1, 5, 700] {
                let part = &bytes[at..bytes.len().min(at + cut)];
                let part = framer.take(part, false, 99, size).unwrap();
                assert!(part.bytes == 0 || part == taken, "{part:?} {taken:?}");
            }
            at += taken.bytes;
            records += taken.records;
        }
        assert_eq!(records, 5, "chunks of {size}");
    }
}

#[test]
fn what_cannot_be_told_ends_the_source_and_names_record_field_and_offset() {
    let both = |sensitive: &str| {
        let records = format!("{}{sensitive}", types());
        job(TYPES, "framing = \"layout\"\nencoding = \"ascii\"", &records)
    };
    let open = both("");
    for (bytes, says) in [
        (
            &b"H20240131X20240131"[..],
            &["byte 9 of the source", "none of the job's record types", "`h_type` (byte 0)", "x'58'"][..],
        ),
        (
            b"H20240131D\0\x65",
            &["byte 9", "DTL.D-CNT, at byte 1 of the `dtl` record", "101 times", "0 to 100"],
        ),
        (b"H20240131D\xFF\xFF", &["DTL.D-CNT, at byte 1 of the `dtl` record", "-1"]),
        (b"D\0\x011xx", &["byte 0", "the `dtl` record has 8 bytes by its layout, but 6 bytes are left"]),
        (b"D\0\x01Zxx", &["DTL.D-ITEM.D-SUB(1), at byte 3", "dtl"]),
        (b"D\0\x014xx", &["D-SUB(1), at byte 3", "4 times", "0 to 3"]),
        (b"D\0", &["D-CNT", "2 bytes"]),
        (b"H2024", &["the `hdr` record has 9 bytes by its layout, but 5 bytes are left"]),
    ] {
        let error = lines(&open, bytes).unwrap_err();
        assert!(says.iter().all(|what| error.contains(what)), "{error}: {says:?}");
    }
    // Where a field is sensitive, no byte of the source is shown.
    let masked = both("[[record.field]]\nname = \"t_count\"\nsensitive = true\n");
    for bytes in [&b"X"[..], b"D\0\x65", b"D\0\x01Zxx"] {
        let error = lines(&masked, bytes).unwrap_err();
        assert!(error.contains("withheld") && !error.contains("58") && !error.contains("101"), "{error}");
    }
}

#[test]
fn what_a_layout_cannot_frame_is_refused_with_the_job() {
    let told_by_end = types().replace("field = \"d_type\", in = [\"D\"]", "field = \"d_end\", in = [\"ok\"]");
    let error = refused(TYPES, "framing = \"layout\"\nencoding = \"ascii\"", &told_by_end);
    assert!(error.contains("line 6") && error.contains("`d_end`, whose place or length varies"), "{error}");
    let error = refused(TYPES, "framing = \"layout\"\nrecord_bytes_max = 600", &types());
    assert!(error.contains("705 bytes, more than record_bytes_max (600)"), "{error}");
    for key in ["record_bytes = 5", "length_endian = \"big\"", "line_end = \"lf\"", "prefix_bytes = 2"] {
        let error = refused(TYPES, &format!("framing = \"layout\"\n{key}"), &types());
        assert!(error.contains("does not apply to framing `layout`"), "{error}");
    }
    let fixed = "[job]\nname = \"f\"\n[source]\nformat = \"fixed\"\nframing = \"layout\"\n[[record]]\nname = \"r\"\n\
                 staging = \"s\"\nfinal = \"f\"\n[[record.field]]\nname = \"a\"\ntype = \"text(1)\"\nstart = 1\nwidth = 1\n";
    let error = Job::parse("job.toml", fixed).unwrap_err().to_string();
    assert!(error.contains("applies only to the copybook format"), "{error}");
}
