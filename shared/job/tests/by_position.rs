//! Headers and trailers that only their place in the source tells from details.

#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::sync::Arc;

use domain::ids::RecordNo;
use domain::record::records;
use format::{Framer, frames};
use job::Job;
use job::chunk::{ChunkDecoder, Start};

const COPYBOOK: &str = "       01  HDR.
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

fn record(name: &str, keys: &str) -> String {
    format!(
        "[[record]]\nname = \"{name}\"\nlevel_01 = \"{}\"\nstaging = \"s_{name}\"\nfinal = \"f_{name}\"\n{keys}\n",
        name.to_ascii_uppercase()
    )
}

fn text(source: &str, records: &[(&str, &str)]) -> String {
    let records: Vec<_> = records.iter().map(|(name, keys)| record(name, keys)).collect();
    format!(
        "[job]\nname = \"j\"\n[source]\nformat = \"copybook\"\ncopybook = \"c\"\n{source}\n{}\n\
         [copybooks]\nc = \"\"\"\n{COPYBOOK}\"\"\"\n",
        records.concat()
    )
}

const HEADER: (&str, &str) = ("hdr", "role = \"header\"\nposition = \"first\"");
const TRAILER: (&str, &str) = ("trl", "role = \"trailer\"\nposition = \"last\"");

/// The header, details of 10.00 and -2.50, and the trailer, which says 2 and 7.50.
fn source() -> Vec<u8> {
    let text = |text: &str| -> Vec<u8> {
        text.bytes()
            .map(|byte| match byte {
                b'0'..=b'9' => byte - b'0' + 0xF0,
                b'A'..=b'I' => byte - b'A' + 0xC1,
                _ => 0x40,
            })
            .collect()
    };
    let detail = |account: &str, packed: [u8; 6]| [&text(account)[..], &packed, &text("A   ")].concat();
    [
        text("20240131ADDA        "),
        detail("ACC0000001", [0, 0, 0, 0x01, 0x00, 0x0C]),
        detail("ACC0000002", [0, 0, 0, 0x00, 0x25, 0x0D]),
        text("00000020000000000750"),
    ]
    .concat()
}

/// A line a record, the source being cut into chunks of so many records.
fn lines(job: &Arc<Job>, source: &[u8], per_chunk: usize) -> Vec<String> {
    let framer = Framer::new(&job.format);
    let mut decoder = ChunkDecoder::new(job).unwrap();
    let offsets: Vec<_> = frames(&framer, source).map(|frame| frame.unwrap().0).collect();
    let mut lines = Vec::new();
    for (at, first) in (0..offsets.len()).step_by(per_chunk).enumerate() {
        let (begin, end) = (offsets[first], offsets.get(first + per_chunk).copied().unwrap_or(source.len()));
        let start = Start {
            first_record_no: RecordNo((at * per_chunk) as u64 + 1),
            offset: begin as u64,
            parents: &[],
            ends_source: end == source.len(),
        };
        let decoded = decoder.decode(start, &source[begin..end]).unwrap();
        for (record, rows) in job.records.iter().zip(&decoded.rows) {
            for raw in records(rows, record.layout.fields.len()) {
                let raw = raw.unwrap();
                let fields = raw.fields().zip(&record.layout.fields);
                let values: Vec<_> =
                    fields.map(|(field, of)| field.value(&of.ty).unwrap().to_string()).collect();
                lines.push((raw.record_no.0, format!("{}: {}", record.layout.record, values.join(" · "))));
            }
        }
        for reject in decoded.rejects {
            lines.push((reject.record_no.0, format!("REJECT {}", reject.reasons[0].detail)));
        }
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

#[test]
fn a_place_tells_header_and_trailer_however_the_source_is_cut_and_the_types_are_ordered() {
    let expected = [
        "hdr: 20240131 · 'ADDA'",
        "dtl: 'ACC0000001' · 10.00 · 'A'",
        "dtl: 'ACC0000002' · -2.50 · 'A'",
        "trl: 2 · 7.50",
    ];
    for order in
        [[HEADER, ("dtl", ""), TRAILER], [("dtl", ""), TRAILER, HEADER], [TRAILER, HEADER, ("dtl", "")]]
    {
        let job = Arc::new(Job::parse("j.toml", &text("", &order)).unwrap());
        assert!(job.tells_the_last());
        for per_chunk in 1..=5 {
            assert_eq!(lines(&job, &source(), per_chunk), expected, "{per_chunk}: {order:?}");
        }
        // One record is the first as well as the last: the order of the job file decides.
        let place = |of: (&str, &str)| order.iter().position(|one| *one == of);
        let only = lines(&job, &source()[..20], 1);
        let is_header = place(HEADER) < place(TRAILER);
        assert!(
            only.len() == 1 && only[0].starts_with(if is_header { "hdr: " } else { "REJECT" }),
            "{only:?}"
        );
    }
}

#[test]
fn at_its_place_a_type_must_match_its_when_too_and_others_are_looked_for_after_it() {
    let header =
        ("hdr", "role = \"header\"\nposition = \"first\"\nwhen = { field = \"h_name\", in = [\"ADDA\"] }");
    let job = Arc::new(Job::parse("j.toml", &text("", &[header, ("dtl", "")])).unwrap());
    assert!(!job.tells_the_last());
    assert!(lines(&job, &source(), 9)[0].starts_with("hdr: "));
    let without = &source()[20..60];
    let found = lines(&job, without, 9);
    assert!(found.iter().all(|line| line.starts_with("dtl: ")), "{found:#?}");
}

#[test]
fn a_position_that_cannot_be_is_refused_with_its_line() {
    let of = |records: &[(&str, &str)], source: &str| {
        Job::parse("j.toml", &text(source, records)).unwrap_err().to_string()
    };
    let detail = ("dtl", "");
    for (records, source, says) in [
        (&[("hdr", "position = \"first\""), detail][..], "", "role = \"header\""),
        (&[("trl", "role = \"header\"\nposition = \"last\""), detail], "", "role = \"trailer\""),
        (&[("hdr", "role = \"header\"\nposition = \"second\""), detail], "", "expected first or last"),
        (
            &[HEADER, ("trl", HEADER.1), detail],
            "",
            "no record can be `trl`, because the record at its position is `hdr`",
        ),
        (&[HEADER, detail, ("trl", "role = \"trailer\"")], "", "because every record is `dtl`"),
        (&[HEADER, detail], "framing = \"layout\"", "told by its position, but framing `layout`"),
    ] {
        let error = of(records, source);
        assert!(error.contains(says) && error.contains("line "), "{error}: {says}");
    }
}

#[test]
fn a_footer_line_with_totals_in_it_is_told_by_its_place() {
    let text = "[job]\nname = \"j\"\n[source]\nformat = \"delimited\"\nseparator = \";\"\n\
                [[record]]\nname = \"total\"\nrole = \"trailer\"\nposition = \"last\"\nstaging = \"st\"\nfinal = \"t\"\n\
                [[record.field]]\nname = \"word\"\ntype = \"text(10)\"\n\
                [[record.field]]\nname = \"records\"\ntype = \"integer\"\n\
                [[record]]\nname = \"line\"\nstaging = \"sl\"\nfinal = \"l\"\n\
                [[record.field]]\nname = \"id\"\ntype = \"integer\"\n\
                [[record.field]]\nname = \"text\"\ntype = \"text(10)\"\n\
                [[record.field]]\nname = \"amt\"\ntype = \"decimal(10,2)\"\n";
    let job = Arc::new(Job::parse("j.toml", text).unwrap());
    for per_chunk in 1..=4 {
        assert_eq!(
            lines(&job, b"1;a;2.00\n2;b;3.00\nTotal;2\n", per_chunk),
            ["line: 1 · 'a' · 2.00", "line: 2 · 'b' · 3.00", "total: 'Total' · 2"]
        );
    }
}
