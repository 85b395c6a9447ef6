//! Every byte of a chunk is accounted for, whatever the layout; and a decoder that loses sight of some is found out.

use std::fmt::Write as _;

use domain::bytes::{ByteCounts, ByteShares};
use domain::ids::RecordNo;
use format::copybook::plan::{Field, Plan};
use format::{Copybook, Form};

use super::*;
use crate::chunk::{ChunkDecoder, Start};
use crate::select::Selector;

fn job(copybook: &str, record: &str) -> Job {
    let text = format!(
        "[job]\nname = \"any\"\n[source]\nformat = \"copybook\"\ncopybook = \"any.cpy\"\nencoding = \"cp037\"\n\
         framing = \"rdw\"\n[copybooks]\n\"any.cpy\" = '''\n{copybook}'''\n\
         [[record]]\nname = \"one\"\nstaging = \"stg_one\"\nfinal = \"one\"\n{record}"
    );
    Job::parse("any.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Decodes a chunk; returns where its bytes went, and how many records were rejected.
fn decoded(job: &Job, chunk: &[u8]) -> (ByteShares, usize) {
    let mut decoder = ChunkDecoder::new(&Arc::new(job.clone())).unwrap();
    let start = Start { first_record_no: RecordNo(1), offset: 0, parents: &[], ends_source: true };
    let decoded = decoder.decode(start, chunk).unwrap();
    (decoded.bytes, decoded.rejects.len())
}

fn rdw(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 4).unwrap().to_be_bytes();
    [&length[..], &[0, 0], content].concat()
}

/// Numbers that look random and are the same in each run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// A copybook, the keys of its record, and one record as it lays it out.
#[derive(Default)]
struct Drawn {
    copybook: String,
    views: Vec<String>,
    left_out: Vec<String>,
    items: usize,
    varies: bool,
}

const SPACE: u8 = 0x40;
const A: u8 = 0xC1;

impl Drawn {
    fn line(&mut self, level: usize, rest: &str) {
        writeln!(self.copybook, "       {level:02}  {rest}.").unwrap();
    }

    /// Draws items and returns their bytes in one record.
    fn items(&mut self, draw: &mut Draw, level: usize, may_vary: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..=draw.below(4) {
            self.items += 1;
            let (name, length) = (format!("I{}", self.items), 1 + draw.below(5));
            match draw.below(8) {
                0 => {
                    self.line(level, &format!("FILLER PIC X({length})"));
                    bytes.extend(vec![SPACE; length]);
                }
                1 => {
                    self.left_out.push(name.clone());
                    self.line(level, &format!("{name} PIC X({length})"));
                    bytes.extend(vec![A; length]);
                }
                2 => {
                    let times = 1 + draw.below(3);
                    self.line(level, &format!("{name} PIC X({length}) OCCURS {times}"));
                    bytes.extend(vec![A; length * times]);
                }
                3 if level < 40 => {
                    self.line(level, &name);
                    self.line(level + 1, &format!("{name}-T PIC X"));
                    bytes.push(A);
                    bytes.extend(self.items(draw, level + 1, may_vary));
                }
                4 => {
                    // Views that are shorter, longer, and of which a part is FILLER.
                    // A view may not be longer after a table of varying length.
                    let most = if self.varies { length } else { 8 };
                    let (other, third) = (1 + draw.below(most), draw.below(most));
                    self.line(level, &format!("{name} PIC X({length})"));
                    self.line(level, &format!("{name}-B REDEFINES {name} PIC X({other})"));
                    self.line(level, &format!("{name}-C REDEFINES {name}"));
                    self.line(level + 1, &format!("{name}-D PIC X"));
                    if third > 0 {
                        self.line(level + 1, &format!("FILLER PIC X({third})"));
                    }
                    self.views
                        .extend(["", "-B", "-C"].get(draw.below(3)).map(|view| format!("{name}{view}")));
                    let area = length.max(other).max(third + 1);
                    bytes.extend(vec![SPACE; area]);
                }
                5 | 6 if may_vary => {
                    self.varies = true;
                    let (max, times) = (1 + draw.below(3), draw.below(4));
                    let times = times.min(max);
                    self.line(level, &format!("{name}-N PIC 9"));
                    self.line(level, &format!("{name} OCCURS 0 TO {max} DEPENDING ON {name}-N"));
                    self.line(level + 1, &format!("{name}-V PIC X({length})"));
                    self.line(level + 1, "FILLER PIC X(2)");
                    if draw.below(3) == 0 {
                        self.left_out.push(format!("{name}-N"));
                    }
                    bytes.push(0xF0 + u8::try_from(times).unwrap());
                    for _ in 0..times {
                        bytes.extend(vec![A; length]);
                        bytes.extend([SPACE, SPACE]);
                    }
                }
                _ => {
                    self.line(level, &format!("{name} PIC X({length})"));
                    bytes.extend(vec![A; length]);
                }
            }
        }
        bytes
    }

    fn job(draw: &mut Draw) -> (Job, Vec<u8>) {
        let mut drawn = Self::default();
        drawn.line(1, "R");
        drawn.line(5, "FIRST-ONE PIC X");
        let mut bytes = vec![A];
        bytes.extend(drawn.items(draw, 5, true));
        let record = format!("views = {:?}\nleave_out = {:?}\n", drawn.views, drawn.left_out);
        (job(&drawn.copybook, &record), bytes)
    }
}

fn plan(job: &Job) -> &Plan {
    let Form::Copybook(form) = &job.records[0].format.form else { panic!("not a copybook") };
    &form.record.plan
}

/// The job with another plan, of which the columns are left out that `keeps` does not keep.
fn altered(job: &Job, keeps: impl Fn(usize, &Field) -> bool, alter: impl FnOnce(&mut Plan)) -> Job {
    let mut job = job.clone();
    let record = &mut job.records[0];
    let Form::Copybook(form) = &record.format.form else { panic!("not a copybook") };
    let mut spec = (*form.record).clone();
    let mut plan = (*spec.plan).clone();
    let kept: Vec<_> = plan.fields.iter().enumerate().map(|(at, field)| keeps(at, field)).collect();
    let keep = |at: &mut usize| {
        *at += 1;
        kept[*at - 1]
    };
    let mut layout = (*record.own).clone();
    let mut places = [0; 4];
    plan.fields.retain(|_| keep(&mut places[0]));
    spec.fields.retain(|_| keep(&mut places[1]));
    spec.lengths.retain(|_| keep(&mut places[2]));
    layout.fields.retain(|_| keep(&mut places[3]));
    layout.hashed = (0..layout.fields.len()).collect();
    alter(&mut plan);
    spec.plan = Arc::new(plan);
    record.format.form = Form::Copybook(Copybook { record: Arc::new(spec), ..form.clone() });
    (record.own, record.layout) = (Arc::new(layout.clone()), Arc::new(layout));
    job
}

#[test]
fn every_byte_of_any_layout_is_accounted_for_and_a_decoder_that_loses_one_is_found_out() {
    let (mut lost, mut doubled, mut cut) = (0, 0, 0);
    for seed in 0..400 {
        let mut draw = Draw(seed * 7_919 + 1);
        let (job, record) = Drawn::job(&mut draw);
        let chunk = [rdw(&record), rdw(&record)].concat();
        let bytes = chunk.len() as u64;
        let (shares, rejects) = decoded(&job, &chunk);
        assert_eq!(rejects, 0, "seed {seed}: {record:02x?}\n{:#?}", plan(&job));
        assert!(shares.account_for(bytes), "seed {seed}: {bytes} bytes, {shares:?}\n{:#?}", plan(&job));
        assert_eq!(shares.types[0].framing, 8);
        // A field that is not decoded.
        let fields = plan(&job).fields.len();
        let victim = draw.below(fields);
        let field = &plan(&job).fields[victim];
        let is_there = field.within.is_none();
        let is_count = plan(&job).counts.iter().any(|count| count.item == field.item);
        if fields > 1 && is_there && !is_count {
            let (shares, _) = decoded(&altered(&job, |at, _| at != victim, |_| {}), &chunk);
            assert!(!shares.account_for(bytes) && shares.unaccounted.records == 2, "seed {seed}: {shares:?}");
            lost += 1;
        }
        // FILLER that is counted twice.
        if let Some(one) = plan(&job).unread.iter().find(|one| one.within.is_none()).copied() {
            let (shares, _) = decoded(&altered(&job, |_, _| true, |plan| plan.unread.push(one)), &chunk);
            assert!(!shares.account_for(bytes), "seed {seed}: {shares:?}");
            doubled += 1;
        }
        // A table of which only the first occurrence is decoded.
        let keeps = |_: usize, field: &Field| field.within.is_none_or(|within| within.occurrence == 1);
        let (shares, _) = decoded(&altered(&job, keeps, |_| {}), &chunk);
        let is_whole = shares.types[0].fields == decoded(&job, &chunk).0.types[0].fields;
        assert_eq!(shares.account_for(bytes), is_whole, "seed {seed}: {shares:?}");
        cut += usize::from(!is_whole);
    }
    assert!(lost > 100 && doubled > 100 && cut > 30, "{lost} {doubled} {cut}");
}

/// One byte put in, taken out or changed anywhere: another value, a reject, or bytes of another class; and where all
/// is as before, the byte is one that the layout gives to no field.
#[test]
fn one_byte_more_less_or_changed_never_gives_the_same_record() {
    let mut quiet = 0;
    for seed in 0..400 {
        let mut draw = Draw(seed * 104_729 + 3);
        let (job, record) = Drawn::job(&mut draw);
        let job = Arc::new(job);
        let decode = |record: &[u8]| {
            let mut decoder = ChunkDecoder::new(&job).unwrap();
            let start = Start { first_record_no: RecordNo(1), offset: 0, parents: &[], ends_source: false };
            let chunk = decoder.decode(start, &rdw(record)).unwrap();
            (chunk.rows, chunk.rejects.len(), chunk.bytes)
        };
        let whole = decode(&record);
        let mut selector = Selector::new(&job).unwrap();
        let places: Vec<_> = (0..job.records[0].own.fields.len())
            .filter_map(|at| selector.field_place(0, &record, at))
            .collect();
        for _ in 0..20 {
            let at = draw.below(record.len());
            let byte = [SPACE, A, 0xC2, 0xF1, 0xF0, 0x00, 0xFF][draw.below(7)];
            let mut other = record.clone();
            let is_longer_or_shorter = match draw.below(3) {
                0 => {
                    other.insert(at, byte);
                    true
                }
                1 => {
                    other.remove(at);
                    true
                }
                _ => {
                    other[at] = byte;
                    false
                }
            };
            let found = decode(&other);
            if other == record || found.1 > 0 || found.0 != whole.0 {
                continue;
            }
            let is_of_field = places.iter().any(|(start, length)| (*start..start + length).contains(&at));
            let is_told = if is_longer_or_shorter { found.2 != whole.2 } else { !is_of_field };
            assert!(is_told, "seed {seed}, byte {at}: {record:02x?} {other:02x?}\n{:#?}", plan(&job));
            quiet += 1;
        }
    }
    assert!(quiet > 50, "{quiet}");
}

#[test]
fn each_class_of_a_copybook_is_counted_where_it_is() {
    let copybook = "       01  R.\n       05  A PIC X(3).\n       05  FILLER PIC X(2).\n       05  B PIC X(4).\n\
                    \x20      05  V.\n       10  W PIC X(6).\n       05  V2 REDEFINES V PIC X.\n\
                    \x20      05  N PIC 9.\n       05  T PIC X(2) OCCURS 0 TO 2 DEPENDING ON N.\n";
    let record = "leave_out = [\"B\"]\nviews = [\"V2\"]\npadding = \"blank\"\n";
    let content = [&[A; 3][..], &[SPACE; 2], &[A; 4], &[A; 6], &[0xF1, A, A], &[SPACE; 7]].concat();
    let (shares, rejects) = decoded(&job(copybook, record), &[rdw(&content), rdw(&[A; 8])].concat());
    assert_eq!(rejects, 1);
    let expected = ByteCounts {
        framing: 8,
        fields: 3 + 1 + 1 + 2,
        filler: 2,
        unused_views: 5,
        left_out: 4,
        padding: 7,
        rejects: 8,
    };
    assert_eq!(shares.types[0], expected);
    // What stands in FILLER is looked at, and said by its place: the length precedes each record.
    let with_data = [&content[..4], &[0x5C], &content[5..]].concat();
    let (shares, _) = decoded(&job(copybook, record), &[rdw(&content), rdw(&with_data)].concat());
    let found = &shares.filler_data[0];
    assert_eq!((found.records, found.first[0].record_no, found.first[0].offset), (1, 2, 37));
    for blank in [0x00, SPACE, 0xF0] {
        let blanked = [&content[..3], &[blank, blank], &content[5..]].concat();
        assert_eq!(decoded(&job(copybook, record), &rdw(&blanked)).0.filler_data[0].records, 0);
    }
}

fn text_job(source: &str, record: &str, fields: &[&str]) -> Job {
    let fields: String = fields.iter().map(|field| format!("[[record.field]]\n{field}\n")).collect();
    let text = format!(
        "[job]\nname = \"any\"\n[source]\n{source}\n[[record]]\nname = \"one\"\nstaging = \"stg_one\"\nfinal = \"one\"\n\
         {record}\n{fields}"
    );
    Job::parse("any.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn every_byte_of_lines_and_of_fixed_records_is_accounted_for() {
    let text = |name: &str| format!("name = \"{name}\"\ntype = \"text(20)\"");
    let (a, b, c) = (text("a"), text("b"), text("c"));
    let three: [&str; 3] = [&a, &b, &c];
    let at =
        |name: &str, start: usize, width: usize| format!("{}\nstart = {start}\nwidth = {width}", text(name));
    let (at_a, at_b) = (at("a", 1, 3), at("b", 6, 2));
    let placed: [&str; 2] = [&at_a, &at_b];
    #[rustfmt::skip]
    let table: [(&str, Job, &str, [u64; 4]); 8] = [
        // the chunk; framing, fields, filler, padding
        ("plain", text_job("format = \"delimited\"", "", &three), "a,bb,ccc\r\n,,\n", [2 + 2 + 2 + 1, 6, 0, 0]),
        ("quoted", text_job("format = \"delimited\"", "", &three), "\"a\",\"b\"\"\nb\",c\n", [4 + 2 + 1, 7, 0, 0]),
        ("no last line end", text_job("format = \"delimited\"", "", &three), "a,b,c", [2, 3, 0, 0]),
        ("escaped", text_job("format = \"delimited\"\nquote = \"\"\nescape = \"\\\\\"", "", &three), "a\\,a,b,c\n", [2 + 1, 6, 0, 0]),
        ("trailing", text_job("format = \"delimited\"\nseparator = \"|\"\ntrailing_separator = true", "", &three), "a|b|c|\n", [3 + 1, 3, 0, 0]),
        ("missing", text_job("format = \"delimited\"", "missing = \"null\"", &three), "a\n", [1, 1, 0, 0]),
        ("gap", text_job("format = \"fixed\"\nframing = \"line\"\nrecord_bytes = 10", "", &placed), "aaa  bb   \n", [1, 5, 2, 3]),
        ("short", text_job("format = \"fixed\"\nframing = \"line\"\nrecord_bytes = 10\nshort_lines = \"pad\"", "", &placed), "aaa  b\naa\n", [2, 3 + 1 + 2, 2, 0]),
    ];
    for (name, job, chunk, [framing, fields, filler, padding]) in table {
        let (shares, rejects) = decoded(&job, chunk.as_bytes());
        assert_eq!(rejects, 0, "{name}");
        let expected = ByteCounts { framing, fields, filler, padding, ..ByteCounts::default() };
        assert_eq!(shares.types[0], expected, "{name}");
        assert!(shares.account_for(chunk.len() as u64), "{name}: {shares:?}");
    }
}
