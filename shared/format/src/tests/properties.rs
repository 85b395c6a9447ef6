//! What holds for any records, blocks and bytes.

use domain::value::{FieldType, Value};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{csv, delimited, field, fixed, layout, plain};
use crate::spec::LinePrefix;
use crate::{
    Decoder, Delimited, Encoding, FieldForm, FixedFraming, FormatSpec, FrameError, FrameErrorAt, Framer,
    Trim, frames, header_names,
};

/// A field and whether to quote it even where it need not be.
fn fields() -> impl Strategy<Value = Vec<(String, bool)>> {
    vec(("[ab,\"\\\\\r\n é]{0,6}", any::<bool>()), 3)
}

fn encode(records: &[Vec<(String, bool)>], form: &Delimited, line_end: &str, ends: bool) -> Vec<u8> {
    let quote_pair = if form.escape.is_some() { "\\\"" } else { "\"\"" };
    let lines: Vec<String> = records
        .iter()
        .map(|record| {
            let fields = record.iter().map(|(text, quoted)| {
                if !*quoted && !text.is_empty() && !text.contains([',', '"', '\r', '\n']) {
                    return text.clone();
                }
                let text = if form.escape.is_some() { text.replace('\\', "\\\\") } else { text.clone() };
                format!("\"{}\"", text.replace('"', quote_pair))
            });
            fields.collect::<Vec<_>>().join(",")
        })
        .collect();
    let mut out = lines.join(line_end);
    if ends && !records.is_empty() {
        out.push_str(line_end);
    }
    out.into_bytes()
}

/// Frames `bytes` as they arrive in blocks.
fn by_blocks(
    framer: &Framer,
    bytes: &[u8],
    block: usize,
) -> Result<Vec<(usize, usize)>, (usize, FrameError)> {
    let (mut found, mut start, mut arrived, mut block_left) = (Vec::new(), 0, 0, 0);
    loop {
        let at_end = arrived == bytes.len();
        let frame = framer.next_within(&mut block_left, &bytes[start..arrived], at_end);
        match frame.map_err(|error| (start, error))? {
            Some(frame) => {
                found.push((start, frame.end - frame.start));
                start += frame.total;
            }
            None if at_end => return Ok(found),
            None => arrived = bytes.len().min(arrived + block),
        }
    }
}

fn at_once(framer: &Framer, bytes: &[u8]) -> Result<Vec<(usize, usize)>, (usize, FrameError)> {
    frames(framer, bytes)
        .map(|frame| {
            frame
                .map(|(offset, content)| (offset, content.len()))
                .map_err(|FrameErrorAt { offset, error, .. }| (offset, error))
        })
        .collect()
}

fn specs() -> impl Strategy<Value = FormatSpec> {
    let types = 8;
    let delimited = (prop::option::of(Just(b'"')), prop::option::of(Just(b'\\')), any::<(bool, bool)>())
        .prop_map(move |(quote, escape, (header, trailing_separator))| {
            delimited(Delimited { quote, escape, header, trailing_separator, ..csv() }, types)
        });
    let continued =
        (prop::sample::select(vec![&b","[..], b"01", b"1,-"]), prop::option::of(Just(b'-')), any::<bool>())
            .prop_map(move |(prefix, terminator, missing_is_null)| {
                let continuation = LinePrefix::new(prefix);
                let form = Delimited { quote: None, continuation, terminator, missing_is_null, ..csv() };
                let mut spec = super::delimited(form, types);
                spec.fields[types - 1].rest = missing_is_null;
                spec
            });
    let fixed =
        prop::sample::select(vec![FixedFraming::Line, FixedFraming::Length]).prop_map(move |framing| {
            let at = |start| FieldForm { span: Some((start, 2)), ..plain() };
            fixed(framing, 2 * types, (0..types).map(|index| at(2 * index)).collect())
        });
    let padded = fixed.clone().prop_map(|mut spec| {
        if let super::Form::Fixed(form) = &mut spec.form {
            form.pads = form.framing == FixedFraming::Line;
        }
        spec
    });
    let trims = prop::sample::select(vec![Trim::None, Trim::Right, Trim::Both]);
    (prop_oneof![delimited, continued, fixed, padded], 1_usize..40, any::<bool>(), trims).prop_map(
        |(mut spec, record_bytes_max, is_latin1, trim)| {
            spec.record_bytes_max = record_bytes_max;
            spec.encoding =
                if is_latin1 { Encoding::Latin1 { keeps_controls: true } } else { Encoding::Utf8 };
            spec.fields.iter_mut().for_each(|form| form.trim = trim);
            spec
        },
    )
}

/// Bytes, among which those that mean something are frequent.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let telling = prop::sample::select(&b",,,\"\"\\\n\r 01-:.aT\xE9\xC3\xA9"[..]);
    vec(prop_oneof![4 => telling, 1 => any::<u8>()], 0..120)
}

proptest! {
    #[test]
    fn records_come_back_as_they_were_written(
        records in vec(fields(), 0..6), block in 1_usize..40, crlf: bool, ends: bool, escaped: bool,
    ) {
        let form = Delimited { escape: escaped.then_some(b'\\'), ..csv() };
        let spec = delimited(form.clone(), 3);
        let written = encode(&records, &form, if crlf { "\r\n" } else { "\n" }, ends);
        let framer = Framer::new(&spec);
        let found = by_blocks(&framer, &written, block).unwrap();
        prop_assert_eq!(&found, &at_once(&framer, &written).unwrap());
        prop_assert_eq!(found.len(), records.len());
        let text = || field("t", FieldType::Text { chars_max: 10 });
        let mut decoder = Decoder::new(&spec, layout(vec![text(), text(), text()])).unwrap();
        for ((start, length), record) in found.into_iter().zip(&records) {
            let decoded = decoder.decode(&written[start..start + length]);
            prop_assert!(decoded.is_accepted(), "{:?}", decoded.reasons());
            let expected: Vec<_> = record.iter().map(|(text, _)| Value::Text(text)).collect();
            prop_assert_eq!(decoded.values(), expected);
        }
    }

    #[test]
    fn blocks_make_no_difference_to_any_bytes(spec in specs(), bytes in bytes(), block in 1_usize..40) {
        let framer = Framer::new(&spec);
        prop_assert_eq!(by_blocks(&framer, &bytes, block), at_once(&framer, &bytes));
        let preamble = framer.preamble(&bytes, true);
        for length in 0..bytes.len() {
            if let Ok(Some(early)) = framer.preamble(&bytes[..length], false) {
                prop_assert_eq!(Ok(Some(early)), preamble.clone());
            }
        }
        if let Ok(Some(length)) = preamble {
            let _ = header_names(&spec, &bytes[..length]);
        }
    }

    #[test]
    fn taking_is_framing_again_and_again(
        spec in specs(), bytes in bytes(), at_end: bool, records_max in 0_u64..9, bytes_max in 0_usize..99,
    ) {
        let framer = Framer::new(&spec);
        let (mut records, mut length) = (0, 0);
        let expected = loop {
            if records == records_max || (records > 0 && length >= bytes_max) {
                break Ok((records, length));
            }
            match framer.next(&bytes[length..], at_end) {
                Err(error) => break Err(FrameErrorAt { offset: length, records, error }),
                Ok(Some(frame)) if records == 0 || length + frame.total <= bytes_max => {
                    records += 1;
                    length += frame.total;
                }
                Ok(_) => break Ok((records, length)),
            }
        };
        let taken = framer.take(&bytes, at_end, records_max, bytes_max);
        prop_assert_eq!(taken.map(|taken| (taken.records, taken.bytes)), expected);
    }

    #[test]
    fn no_bytes_make_decoding_panic(spec in specs(), records in vec(bytes(), 1..5)) {
        use FieldType::{Boolean, Bytes, Date, Decimal, Integer, Text, Timestamp};
        let types = [
            Text { chars_max: 3 }, Integer, Decimal { precision: 4, scale: 2 }, Date, Timestamp, Boolean, Bytes,
            Text { chars_max: 9 },
        ];
        let fields: Vec<_> = types.iter().map(|ty| field("f", *ty)).collect();
        let mut decoder = Decoder::new(&spec, layout(fields)).unwrap();
        for record in &records {
            let accepted = {
                let decoded = decoder.decode(record);
                prop_assert_eq!(decoded.values().len(), types.len());
                let all = (0..types.len()).all(|at| decoded.is_decoded(at));
                prop_assert_eq!(decoded.is_accepted(), all);
                format!("{:?}", decoded.values())
            };
            prop_assert_eq!(accepted, format!("{:?}", decoder.clone().decode(record).values()));
        }
    }
}
