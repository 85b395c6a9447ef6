//! Any bytes in any framing: records tile them, however the bytes come in, or an error says where they do not.

use format::cobol::ByteOrder::{self, BigEndian, LittleEndian};
use format::spec::{LinePrefix, Skips};
use format::{
    Delimited, Encoding, Fixed, FixedFraming, Form, FormatSpec, Frame, FrameErrorAt, Framer, LengthField,
    LengthKind, Outside, Prefix, PrefixForm, Taken, frames,
};

/// A record's place in the bytes, its length, and that of the content in it.
type Found = (usize, Frame);

/// Takes the first four bytes of `data` for a framing, its limits and how the bytes come in, the others for a source.
///
/// # Panics
/// When something is found that must not be.
pub fn framing(data: &[u8]) {
    let Some((&[kind, max, step, more], bytes)) = data.split_first_chunk() else { return };
    let spec = spec(kind, 1 + usize::from(max), more);
    let framer = Framer::new(&spec);
    let (found, error) = at_once(&framer, bytes);
    they_tile(&found, error.as_ref(), bytes);
    in_pieces(&framer, bytes, step, &found, error.as_ref());
    let chunks = chunks(&framer, bytes, step, more);
    assert_eq!(
        chunks,
        self::chunks(&framer, bytes, step.wrapping_add(7), more),
        "chunks depend on the reads"
    );
    chunks_are_the_records(&framer, bytes, &chunks, &found, error.as_ref());
    come_back_as_written(&spec, bytes, &found);
    preamble(&framer, bytes);
}

fn spec(kind: u8, record_bytes_max: usize, more: u8) -> FormatSpec {
    let order = |bit: u8| if more & bit == 0 { BigEndian } else { LittleEndian };
    let form = [PrefixForm::Descriptor, PrefixForm::Two, PrefixForm::Four][usize::from(more >> 2) % 3];
    let prefix = |form| Prefix { form, order: order(1), includes_itself: more & 2 == 0 };
    let framing = match kind % 11 {
        0 => FixedFraming::Line,
        1 => FixedFraming::LineEnd { end: 0x15, drops_return: false },
        2 => FixedFraming::LineEnd { end: 0x25, drops_return: true },
        3 => FixedFraming::Length,
        4 => FixedFraming::Prefix(prefix(form)),
        5 => FixedFraming::Blocks(prefix(PrefixForm::Descriptor)),
        6..=8 => FixedFraming::Field(length_field(kind % 11, order(1), more)),
        kind => return delimited(kind == 9, record_bytes_max, more),
    };
    let form = Form::Fixed(Fixed {
        framing,
        record_bytes: 1 + usize::from(more),
        pads: false,
        padding: format::Padding::LaidOut,
    });
    let outside = Outside { header_bytes: usize::from(more & 16), footer_bytes: usize::from(more & 8) };
    FormatSpec {
        form,
        encoding: Encoding::Latin1 { keeps_controls: true },
        record_bytes_max,
        outside,
        fields: vec![],
        stage: None,
    }
}

fn length_field(kind: u8, order: ByteOrder, more: u8) -> LengthField {
    let (kind, width_max) = match kind {
        6 => (LengthKind::Binary(order), 8),
        7 => (LengthKind::Digits(if more & 1 == 0 { b'0' } else { 0xF0 }), 18),
        _ => (LengthKind::Packed, 10),
    };
    let width = 1 + usize::from(more >> 1) % width_max;
    LengthField { start: usize::from(more >> 5), width, kind, adds: i64::from(more & 7) - 3 }
}

fn delimited(is_quoted: bool, record_bytes_max: usize, more: u8) -> FormatSpec {
    let continuation = if is_quoted { None } else { LinePrefix::new(&b"88,,"[..1 + usize::from(more & 3)]) };
    let skips = if is_quoted {
        let comment =
            if more & 16 == 0 { None } else { LinePrefix::new(&b"##"[..1 + usize::from(more >> 7)]) };
        Skips { comment, blank: more & 32 != 0, end_of_file: more & 64 != 0 }
    } else {
        Skips::default()
    };
    let form = Form::Delimited(Delimited {
        separator: b',',
        quote: is_quoted.then_some(b'"'),
        escape: (is_quoted && more & 1 != 0).then_some(b'\\'),
        header: more & 4 != 0,
        null: String::new(),
        trailing_separator: false,
        terminator: None,
        continuation,
        missing_is_null: false,
        columns: None,
        lead_lines: 0,
        skips,
    });
    let encoding = if more & 8 == 0 { Encoding::Utf8 } else { Encoding::Latin1 { keeps_controls: true } };
    FormatSpec { form, encoding, record_bytes_max, outside: Outside::default(), fields: vec![], stage: None }
}

/// The records of `bytes` when all of them are at hand.
fn at_once(framer: &Framer, bytes: &[u8]) -> (Vec<Found>, Option<FrameErrorAt>) {
    let (mut found, mut at, mut block_left) = (Vec::new(), 0, 0);
    loop {
        match framer.next_within(&mut block_left, &bytes[at..], true) {
            Ok(None) => return (found, None),
            Ok(Some(frame)) => {
                found.push((at, frame));
                at += frame.total;
            }
            Err(error) => {
                let records = found.len() as u64;
                return (found, Some(FrameErrorAt { offset: at, records, error }));
            }
        }
    }
}

/// What was consumed is what was there; an error stands where the last record ended.
fn they_tile(found: &[Found], error: Option<&FrameErrorAt>, bytes: &[u8]) {
    let mut at = 0;
    for (offset, frame) in found {
        assert_eq!(*offset, at);
        assert!(frame.total > 0 && frame.start <= frame.end && frame.end <= frame.total);
        at += frame.total;
    }
    match error {
        None => assert_eq!(at, bytes.len(), "bytes that are of no record"),
        Some(error) => {
            assert_eq!((error.offset, error.records), (at, found.len() as u64));
            assert!(at < bytes.len(), "an error past the end");
            assert!(error.to_string().len() < 400);
        }
    }
}

/// The same records, with bytes that come in by and by.
fn in_pieces(framer: &Framer, bytes: &[u8], step: u8, expected: &[Found], error: Option<&FrameErrorAt>) {
    let (mut at, mut arrived, mut block_left, mut turn) = (0, 0, 0, usize::from(step));
    let mut expected = expected.iter();
    loop {
        let at_end = arrived == bytes.len();
        match framer.next_within(&mut block_left, &bytes[at..arrived], at_end) {
            Ok(Some(frame)) => {
                assert_eq!(Some(&(at, frame)), expected.next());
                at += frame.total;
            }
            Ok(None) if at_end => {
                assert!(error.is_none() && expected.next().is_none());
                return;
            }
            Ok(None) => {
                turn = turn.wrapping_mul(5).wrapping_add(3) % 61;
                arrived = bytes.len().min(arrived + 1 + turn);
            }
            Err(found) => {
                assert_eq!(Some(found), error.map(|error| error.error.clone()), "at byte {at}");
                assert!(expected.next().is_none());
                return;
            }
        }
    }
}

/// Cuts `bytes` into chunks as the splitter does, with as much at hand as it has.
fn chunks(framer: &Framer, bytes: &[u8], step: u8, more: u8) -> Result<Vec<Taken>, FrameErrorAt> {
    let (records_max, bytes_max) = (1 + u64::from(more % 5), 1 + usize::from(more) * 2);
    let lookahead = bytes_max + framer.unit_bytes_max();
    let (mut taken, mut records, mut at, mut arrived) = (Vec::new(), 0, 0, 0);
    loop {
        while arrived < bytes.len() && arrived - at < lookahead {
            arrived = bytes.len().min(arrived + 1 + usize::from(step));
        }
        if at == bytes.len() {
            return Ok(taken);
        }
        let at_end = arrived == bytes.len();
        let chunk = framer.take(&bytes[at..arrived], at_end, records_max, bytes_max).map_err(|error| {
            FrameErrorAt { offset: at + error.offset, records: records + error.records, error: error.error }
        })?;
        assert!(chunk.records > 0 && chunk.bytes > 0, "the splitter would wait for ever");
        at += chunk.bytes;
        records += chunk.records;
        taken.push(chunk);
    }
}

/// A chunk by itself has the records that it was cut with.
fn chunks_are_the_records(
    framer: &Framer,
    bytes: &[u8],
    chunks: &Result<Vec<Taken>, FrameErrorAt>,
    found: &[Found],
    error: Option<&FrameErrorAt>,
) {
    let chunks = match chunks {
        Ok(chunks) => chunks,
        Err(at) => {
            assert_eq!(Some(at), error);
            return;
        }
    };
    assert_eq!(error, None, "an error that cutting does not see");
    let (mut at, mut expected) = (0, found.iter());
    for chunk in chunks {
        let content = &bytes[at..at + chunk.bytes];
        let mut records = 0;
        for frame in frames(framer, content) {
            let (offset, content) = frame.expect("a chunk can be framed by itself");
            let (place, frame) = expected.next().expect("as many records as there are");
            assert_eq!((at + offset, content), (*place, &bytes[place + frame.start..place + frame.end]));
            records += 1;
        }
        assert_eq!(records, chunk.records);
        at += chunk.bytes;
    }
    assert_eq!((at, expected.next()), (bytes.len(), None));
}

/// A record that is written back, as a reject is to be mended, is read as the same record.
fn come_back_as_written(spec: &FormatSpec, bytes: &[u8], found: &[Found]) {
    // A last line need not have an end, nor does the limit count one.
    let framer = Framer::new(&FormatSpec { record_bytes_max: spec.record_bytes_max + 8, ..spec.clone() });
    let mut written = Vec::new();
    for (at, frame) in found {
        let content = &bytes[at + frame.start..at + frame.end];
        written.clear();
        framer.write(content, &mut written).expect("what was framed can be framed");
        let mut again = frames(&framer, &written);
        let (offset, read) = again.next().expect("a record").expect("what was written can be framed");
        let is_cut_short = content.ends_with(b"\r") && content[..content.len() - 1] == *read;
        assert!(offset == 0 && (read == content || is_cut_short), "{content:?} comes back as {read:?}");
        assert!(again.next().is_none());
    }
}

/// What stands before the first record is the same however much of the source is at hand.
fn preamble(framer: &Framer, bytes: &[u8]) {
    let whole = framer.preamble(bytes, true);
    if let Ok(length) = whole {
        let length = length.expect("nothing more will come");
        assert!(length <= bytes.len());
    }
    for arrived in [0, 1, 2, 3, bytes.len() / 2, bytes.len()] {
        let Some(early) = bytes.get(..arrived) else { continue };
        match framer.preamble(early, false) {
            Ok(None) => {}
            early => assert_eq!(early, whole),
        }
    }
}
