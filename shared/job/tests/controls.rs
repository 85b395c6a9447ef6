//! The example jobs for NACHA, BAI2 and X9.37 on files that nobody in this project wrote: what foots foots, however
//! the records are cut into chunks; what does not fails by name; and no file that is cut short passes.
//!
//! `CROSSFOOT_PEER_DATA` names the folder of the files. Without it the tests say so and pass, unless
//! `CROSSFOOT_INSIST` is set.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use domain::check::{CheckResult, Verdict};
use domain::footing::{Fold, Footing, FootingBuilder, Given};
use domain::ids::RecordNo;
use format::{Framer, codepage::CodePage, lines};
use job::Job;
use job::select::{Selector, Standing};

fn peers() -> Option<PathBuf> {
    let folder = std::env::var_os("CROSSFOOT_PEER_DATA").map(PathBuf::from).filter(|path| path.is_dir());
    if folder.is_none() {
        assert!(
            std::env::var_os("CROSSFOOT_INSIST").is_none(),
            "CROSSFOOT_PEER_DATA must name a folder here"
        );
        drop(std::io::stderr().write_all(b"SKIPPED: CROSSFOOT_PEER_DATA names no folder\n"));
    }
    folder
}

fn bytes(path: &Path) -> Vec<u8> {
    let raw = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension().is_none_or(|extension| extension != "gz") {
        return raw;
    }
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(&raw[..]).read_to_end(&mut plain).unwrap();
    plain
}

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the controls of `job` make of these records, cut into chunks at random; and how many records were rejected.
fn footed<'a>(job: &Job, records: impl IntoIterator<Item = &'a [u8]>, seed: u64) -> (Vec<CheckResult>, u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let plan = job.footing.as_ref().unwrap();
    let mut selector = Selector::new(job).unwrap();
    let mut fold = Fold::new(plan, Given::default());
    let mut footer = FootingBuilder::new(plan, RecordNo(1));
    let mut rejected = 0;
    let mut no = 0;
    let pass = |footer: FootingBuilder, fold: &mut Fold| {
        let bytes = footer.finish().unwrap().to_bytes(plan);
        fold.chunk(&Footing::from_bytes(plan, &bytes).unwrap()).unwrap();
    };
    let mut left = random.u32(..50);
    for record in records {
        no += 1;
        let count = if plan.counts_lines() { lines(record) } else { 1 };
        let place = selector.type_of(record, Standing::default());
        match place.and_then(|place| selector.decode(place, record)) {
            Some(decoded) => {
                rejected += u64::from(!decoded.is_accepted());
                footer
                    .record(place, RecordNo(no), count, decoded.values(), |field| decoded.is_decoded(field))
                    .unwrap();
            }
            None => {
                rejected += 1;
                footer.record(None, RecordNo(no), count, &[], |_| false).unwrap();
            }
        }
        if left == 0 {
            let next_footer = FootingBuilder::new(plan, RecordNo(no + 1));
            pass(std::mem::replace(&mut footer, next_footer), &mut fold);
            left = random.u32(..50);
        } else {
            left -= 1;
        }
    }
    pass(footer, &mut fold);
    (fold.finish().unwrap().checks(0), rejected)
}

/// The records of `content`, which the splitter would cut into the same ones: it is asked with a growing buffer too.
fn framed<'a>(job: &Job, content: &'a [u8]) -> Vec<&'a [u8]> {
    let framer = Framer::new(&job.format);
    let mut records = Vec::new();
    let (mut at, mut seen) = (0, 0);
    loop {
        let at_end = seen == content.len();
        match framer.next(&content[at..seen], at_end).unwrap() {
            Some(frame) => {
                records.push(&content[at + frame.start..at + frame.end]);
                at += frame.total;
            }
            None if at_end => return records,
            // Odd steps, so that the buffer ends at every kind of place.
            None => seen = (seen + 61).min(content.len()),
        }
    }
}

fn shown(checks: &[CheckResult]) -> Vec<String> {
    checks.iter().map(|c| format!("{} [{}]: {} = {}", c.name, c.verdict, c.expected, c.actual)).collect()
}

fn failed(checks: &[CheckResult]) -> Vec<String> {
    let bad: Vec<_> = checks.iter().filter(|check| check.verdict != Verdict::Pass).cloned().collect();
    shown(&bad)
}

/// The checks of a file, which are the same for three ways of cutting it.
fn of_file(job: &Job, path: &Path) -> Vec<CheckResult> {
    let content = bytes(path);
    let records = framed(job, &content);
    let (checks, rejected) = footed(job, records.iter().copied(), 1);
    assert_eq!(rejected, 0, "{}", path.display());
    for seed in [2, 3] {
        assert_eq!(footed(job, records.iter().copied(), seed).0, checks, "{}, seed {seed}", path.display());
    }
    checks
}

/// No proper beginning of the file passes. `ends` are the lengths that are tried.
fn never_cut_short(job: &Job, path: &Path, ends: impl Fn(&[u8]) -> Vec<usize>) {
    let content = bytes(path);
    for end in ends(&content) {
        let checks = footed(job, framed(job, &content[..end]), 7).0;
        assert!(!failed(&checks).is_empty(), "{} cut to {end} of {}", path.display(), content.len());
    }
}

/// Where the last line that begins so does, the line feed before it counted.
fn at(content: &[u8], line: &[u8]) -> usize {
    content.windows(line.len()).rposition(|window| window == line).unwrap()
}

fn nacha() -> Job {
    Job::parse("nacha.toml", &example("nacha/nacha.toml")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_control_of_a_hundred_thousand_ach_entries_foots() {
    let Some(folder) = peers() else { return };
    let path = folder.join("ach/PPD-200-batches-100000-entries.ach.gz");
    let checks = of_file(&nacha(), &path);
    assert_eq!(failed(&checks), [""; 0]);
    let shown = shown(&checks);
    for line in [
        "control batch_control [pass]: 200 batch_control = 200 batch_control",
        "control batch_control: entries [pass]: 200 of 200 foot: 100199 = 200 of 200 foot: 100199",
        "control batch_control: credits [pass]: 200 of 200 foot: 201233987.66 = 200 of 200 foot: 201233987.66",
        "control file_control: batches [pass]: 200 = 200",
        "control file_control: blocks [pass]: 10061 = 10061",
        "control file_control: entries [pass]: 100199 = 100199",
        "control file_control: entry_hash [pass]: 8405463990 = 8405463990",
        "control file_control: credits [pass]: 201233987.66 = 201233987.66",
    ] {
        assert!(shown.iter().any(|shown| shown == line), "{line}: {shown:#?}");
    }
    // Behind the file control there are only lines of nines, and blanks behind its 55 columns.
    never_cut_short(&nacha(), &path, |content| {
        let control = at(content, b"\n9000200");
        vec![content.len() / 3, control, control + 30, control + 54]
    });
}

#[test]
fn every_control_of_an_international_ach_file_foots() {
    let Some(folder) = peers() else { return };
    let path = folder.join("ach/20180713-IAT.ach");
    let checks = of_file(&nacha(), &path);
    assert_eq!(failed(&checks), [""; 0]);
    let shown = shown(&checks);
    for line in [
        "control batch_control [pass]: 2 batch_control = 2 batch_control",
        "control file_control: debits [pass]: 20.00 = 20.00",
        "control file_control: credits [pass]: 1000.00 = 1000.00",
        "control file_control: blocks [pass]: 3 = 3",
    ] {
        assert!(shown.iter().any(|shown| shown == line), "{line}: {shown:#?}");
    }
    // Its file control ends in column 55, and behind it are lines of nines.
    never_cut_short(&nacha(), &path, |content| (0..at(content, b"\n9000002") + 55).collect());
}

#[test]
fn an_ach_file_that_declares_a_batch_too_many_fails_on_the_batches_alone() {
    let Some(folder) = peers() else { return };
    let path = folder.join("ach/20110805A.ach");
    let checks = of_file(&nacha(), &path);
    assert_eq!(failed(&checks), ["control file_control: batches [fail]: 5 = 4"]);
}

fn bai2() -> Job {
    Job::parse("bai2.toml", &example("bai2/bai2.toml")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_trailer_of_a_bai2_file_foots() {
    let Some(folder) = peers() else { return };
    let path = folder.join("bai2/sample1.txt");
    let checks = of_file(&bai2(), &path);
    assert_eq!(failed(&checks), [""; 0]);
    assert_eq!(
        shown(&checks),
        [
            "control account_trailer [pass]: 2 account_trailer = 2 account_trailer",
            "control account_trailer: control_total [pass]: 2 of 2 foot: 1280000 = 2 of 2 foot: 1280000",
            "control account_trailer: lines [pass]: 2 of 2 foot: 23 = 2 of 2 foot: 23",
            "control group_trailer [pass]: 1 group_trailer = 1 group_trailer",
            "control group_trailer: control_total [pass]: 1280000 = 1280000",
            "control group_trailer: accounts [pass]: 2 = 2",
            "control group_trailer: lines [pass]: 25 = 25",
            "control file_trailer [pass]: 1 file_trailer = 1 file_trailer",
            "control file_trailer: control_total [pass]: 1280000 = 1280000",
            "control file_trailer: groups [pass]: 1 = 1",
            "control file_trailer: lines [pass]: 27 = 27",
        ]
    );
    // The last slash may go: nothing is lost with it.
    never_cut_short(&bai2(), &path, |content| (0..content.len() - 1).collect());
}

#[test]
fn a_bai2_file_that_does_not_foot_says_by_how_much() {
    let Some(folder) = peers() else { return };
    let checks = of_file(&bai2(), &folder.join("bai2/sample4-continuations-newline-delimited.txt"));
    let failed = failed(&checks);
    for line in [
        "control group_trailer: control_total [fail]: 13060195162 = -1247101146600",
        "control group_trailer: accounts [fail]: 4 = 5",
        "control group_trailer: lines [fail]: 16 = 114",
        "control file_trailer: lines [fail]: 18 = 116",
    ] {
        assert!(failed.iter().any(|failed| failed == line), "{line}: {failed:#?}");
    }
    // What the group declares is what the file repeats.
    assert!(
        shown(&checks)
            .contains(&"control file_trailer: control_total [pass]: 13060195162 = 13060195162".to_owned())
    );
}

/// The X9.37 example as far as this test reads records: of an image only what describes it. Their lengths are read
/// here, apart from the product's own framing.
fn x937(content: &[u8], page: Option<&'static CodePage>) -> (Job, Vec<Vec<u8>>) {
    let text = example("x937/x937.toml");
    let text = text
        .replace("framing = \"length-prefix\"", "framing = \"fixed\"")
        .replace("encoding = [\"cp037\", \"latin-1\"]", "encoding = \"latin-1\"")
        // Every record is padded to 117 bytes below.
        .replace("record_bytes = 80\n", "")
        .replace("record_bytes = 100\n", "")
        .replace("[[record.field]]\nname = \"image\"\ntype = \"bytes\"\nstart = 118\nwidth = \"rest\"\n", "");
    let job = Job::parse("x937.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let (mut records, mut at) = (Vec::new(), 0);
    while let Some(length) = content.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let Some(record) = content.get(at + 4..at + 4 + length) else { break };
        at += 4 + length;
        let mut record = record[..length.min(117)].to_vec();
        if let Some(page) = page {
            let mut text = Vec::new();
            page.decode_into(&record, &mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            record = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        }
        record.resize(117, b' ');
        records.push(record);
    }
    (job, records)
}

#[test]
fn every_control_of_an_image_cash_letter_foots_in_either_encoding() {
    let Some(folder) = peers() else { return };
    for (file, page) in [("valid-ascii.x937", None), ("valid-ebcdic.x937", CodePage::by_name("cp037"))] {
        let content = bytes(&folder.join("x937").join(file));
        let (job, records) = x937(&content, page);
        assert_eq!(records.len(), 12);
        let (checks, rejected) = footed(&job, records.iter().map(Vec::as_slice), 1);
        assert_eq!((failed(&checks), rejected), (vec![], 0), "{file}");
        let shown = shown(&checks);
        for line in [
            "control bundle_control: total [pass]: 100.00 = 100.00",
            "control bundle_control: micr_valid_total [pass]: 100.00 = 100.00",
            "control letter_control: images [pass]: 2 = 2",
            "control file_control: records [pass]: 12 = 12",
            "control file_control: total [pass]: 100.00 = 100.00",
        ] {
            assert!(shown.iter().any(|shown| shown == line), "{line}: {shown:#?}");
        }
        for seed in [2, 3] {
            assert_eq!(
                footed(&job, records.iter().map(Vec::as_slice), seed).0,
                checks,
                "{file}, seed {seed}"
            );
        }
        for left in 0..records.len() {
            let cut = footed(&job, records[..left].iter().map(Vec::as_slice), 4).0;
            assert!(!failed(&cut).is_empty(), "{file} cut to {left} records");
        }
    }
}
