//! Where records begin and end.

use super::{csv, delimited, fixed};
use crate::spec::{LinePrefix, Skips};
use crate::{
    Delimited, Encoding, FixedFraming, FormatSpec, Frame, FrameError, FrameErrorAt, Framer, HeaderError,
    Taken, frames, header_names,
};

fn contents(spec: &FormatSpec, bytes: &[u8]) -> Result<Vec<String>, FrameErrorAt> {
    frames(&Framer::new(spec), bytes)
        .map(|frame| frame.map(|(_, content)| String::from_utf8_lossy(content).into_owned()))
        .collect()
}

#[test]
fn lines_end_where_a_line_feed_stands_outside_quotes() {
    let table: &[(&str, &str, &[&str])] = &[
        ("an empty record", "", &[]),
        ("LF", "a,b\nc,d\n", &["a,b", "c,d"]),
        ("CRLF", "a,b\r\nc,d\r\n", &["a,b", "c,d"]),
        ("both", "a\r\nb\nc\r\n", &["a", "b", "c"]),
        ("no line end at the end", "a\nb", &["a", "b"]),
        ("CR alone is data", "a\rb\nc\r", &["a\rb", "c\r"]),
        ("empty lines are records", "\n\r\na\n\n", &["", "", "a", ""]),
        ("LF in quotes", "\"a\nb\",c\nd\n", &["\"a\nb\",c", "d"]),
        ("CRLF in quotes", "x,\"a\r\nb\"\r\ny\n", &["x,\"a\r\nb\"", "y"]),
        ("doubled quotes", "\"a\"\"\nb\"\nc\n", &["\"a\"\"\nb\"", "c"]),
        ("empty quotes", "\"\",\"\"\n\"\"\n", &["\"\",\"\"", "\"\""]),
        ("quoted quote alone", "\"\"\"\"\na\n", &["\"\"\"\"", "a"]),
        ("a quote within a field is data", "5\" pipe\nb\n", &["5\" pipe", "b"]),
        ("so is one behind a quoted field", "\"a\"x\"\nb\n", &["\"a\"x\"", "b"]),
        ("quotes close at the very end", "a\n\"b\"", &["a", "\"b\""]),
        ("Ctrl-Z is data", "a\n\x1a", &["a", "\x1a"]),
    ];
    for (what, bytes, expected) in table {
        assert_eq!(contents(&delimited(csv(), 1), bytes.as_bytes()).unwrap(), *expected, "{what}");
    }
}

#[test]
fn lines_that_the_job_says_are_no_records_belong_to_the_record_before_them() {
    let skips = Skips { comment: LinePrefix::new(b"#"), blank: true, end_of_file: true };
    let spec = delimited(Delimited { header: true, skips, ..csv() }, 2);
    let framer = Framer::new(&spec);
    let source = b"\xEF\xBB\xBF# title\n\na,b\n#\n1,2\n\n \n\"#\n\n\",3\r\n# note\r\n\x1a";
    let preamble = framer.preamble(source, true).unwrap().unwrap();
    assert_eq!(preamble, 3 + 8 + 1 + 4 + 2);
    assert_eq!(header_names(&spec, &source[..preamble]).unwrap(), ["a", "b"]);
    let records = &source[preamble..];
    assert_eq!(contents(&spec, records).unwrap(), ["1,2", "\"#\n\n\",3"]);
    // Cut anywhere, chunks are whole records with all that follows them.
    let first = framer.take(records, true, 1, 99).unwrap();
    assert_eq!(first, Taken { records: 1, bytes: 4 + 1 + 2 });
    assert_eq!(framer.take(&records[first.bytes..], true, 9, 99).unwrap().bytes, records.len() - first.bytes);
    // A source of nothing but such lines has no record.
    let only = b"# title\n\n\x1a";
    assert_eq!(framer.preamble(only, true), Ok(Some(only.len())));
    assert_eq!(header_names(&spec, only), Err(HeaderError::Missing));
}

#[test]
fn an_escape_hides_a_quote_only_within_quotes() {
    let form = Delimited { escape: Some(b'\\'), ..csv() };
    let table: &[(&str, &[&str])] = &[
        ("\"a\\\"\nb\"\nc\n", &["\"a\\\"\nb\"", "c"]),
        ("\"a\\\\\"\nb\n", &["\"a\\\\\"", "b"]),
        ("\"a\\\n\"\nb\n", &["\"a\\\n\"", "b"]),
        ("\"a\"\"\n\"\nb\n", &["\"a\"\"\n\"", "b"]),
        ("a\\\nb\n", &["a\\", "b"]),
    ];
    for (bytes, expected) in table {
        assert_eq!(contents(&delimited(form.clone(), 1), bytes.as_bytes()).unwrap(), *expected, "{bytes:?}");
    }
}

#[test]
fn without_quoting_a_quote_hides_nothing() {
    let form = Delimited { quote: None, ..csv() };
    assert_eq!(contents(&delimited(form, 1), b"\"a\nb\"\n").unwrap(), ["\"a", "b\""]);
}

#[test]
fn fixed_records_end_by_line_or_by_length() {
    let by_line = fixed(FixedFraming::Line, 3, vec![]);
    assert_eq!(contents(&by_line, b"abc\r\n\"bc\nabc").unwrap(), ["abc", "\"bc", "abc"]);
    let by_length = fixed(FixedFraming::Length, 3, vec![]);
    assert_eq!(contents(&by_length, b"abc\n\r\"abc").unwrap(), ["abc", "\n\r\"", "abc"]);
    assert_eq!(
        contents(&by_length, b"abcabcab"),
        Err(FrameErrorAt { offset: 6, records: 2, error: FrameError::TruncatedRecord { have: 2, want: 3 } })
    );
}

#[test]
fn an_unclosed_quote_is_found_where_it_opened() {
    let spec = delimited(csv(), 2);
    let expected = FrameErrorAt { offset: 4, records: 1, error: FrameError::UnclosedQuote { opened_at: 2 } };
    assert_eq!(contents(&spec, b"a,b\nc,\"d\ne\nf\n"), Err(expected.clone()));
    assert_eq!(Framer::new(&spec).take(b"a,b\nc,\"d\ne\nf\n", true, 9, 99), Err(expected.clone()));
    assert_eq!(
        expected.to_string(),
        "the quote opened at byte 2 of the record does not close, in the record at byte 4"
    );
}

#[test]
fn no_record_is_longer_than_the_limit() {
    let framer = Framer::new(&FormatSpec { record_bytes_max: 4, ..delimited(csv(), 1) });
    let frame = |end, total| Ok(Some(Frame { start: 0, end, total }));
    //           bytes       at_end  expected
    let table: &[(&[u8], bool, Result<Option<Frame>, FrameError>)] = &[
        (b"abc\n", false, frame(3, 4)),
        (b"abcd", false, Ok(None)),
        (b"abcd", true, frame(4, 4)),
        (b"abcd\n", false, Err(FrameError::TooLong { max: 4 })),
        (b"\"bcd", false, Ok(None)),
        (b"\"bcd", true, Err(FrameError::UnclosedQuote { opened_at: 0 })),
        (b"\"bcd\"", false, Err(FrameError::UnclosedQuote { opened_at: 0 })),
        (b"\"\"\"", false, Ok(None)),
        (b"\"a\"\n", false, frame(3, 4)),
        (b"", true, Ok(None)),
    ];
    for (bytes, at_end, expected) in table {
        assert_eq!(framer.next(bytes, *at_end), *expected, "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn take_stops_at_either_limit_and_takes_at_least_one() {
    let framer = Framer::new(&delimited(csv(), 1));
    let bytes = b"aa\nbbbb\nc\ndd";
    //           at_end records bytes  expected
    let table = [
        (false, 99, 99, (3, 10)),
        (true, 99, 99, (4, 12)),
        (true, 2, 99, (2, 8)),
        (true, 99, 8, (2, 8)),
        (true, 99, 9, (2, 8)),
        (true, 99, 1, (1, 3)),
        (true, 99, 0, (1, 3)),
        (true, 0, 99, (0, 0)),
    ];
    for (at_end, records_max, bytes_max, (records, length)) in table {
        let taken = framer.take(bytes, at_end, records_max, bytes_max);
        assert_eq!(taken, Ok(Taken { records, bytes: length }), "{at_end} {records_max} {bytes_max}");
    }
    assert_eq!(framer.take(b"aa", false, 9, 9), Ok(Taken::default()));
    assert_eq!(framer.take(b"", true, 9, 9), Ok(Taken::default()));
}

#[test]
fn the_preamble_is_the_mark_and_the_header_row() {
    let header = || delimited(Delimited { header: true, ..csv() }, 2);
    let latin1 = |spec| FormatSpec { encoding: Encoding::Latin1 { keeps_controls: true }, ..spec };
    let table: &[(&str, FormatSpec, &[u8], bool, Option<usize>)] = &[
        ("nothing", delimited(csv(), 2), b"a,b\n", false, Some(0)),
        ("a mark", delimited(csv(), 2), b"\xEF\xBB\xBFa,b\n", false, Some(3)),
        ("half a mark", delimited(csv(), 2), b"\xEF\xBB", false, None),
        ("half a mark is all", delimited(csv(), 2), b"\xEF\xBB", true, Some(0)),
        ("a mark before fixed", fixed(FixedFraming::Length, 1, vec![]), b"\xEF\xBB\xBFa", false, Some(3)),
        ("no mark in latin-1", latin1(delimited(csv(), 2)), b"\xEF\xBB\xBFa\n", false, Some(0)),
        ("a header", header(), b"x,y\r\n1,2\n", false, Some(5)),
        ("mark and header", header(), b"\xEF\xBB\xBFx,y\n1,2\n", false, Some(7)),
        ("mark only", header(), b"\xEF\xBB\xBF", false, None),
        ("mark only, at the end", header(), b"\xEF\xBB\xBF", true, Some(3)),
        ("a quoted line end", header(), b"\"x\ny\",z\n1,2\n", false, Some(8)),
        ("half a header", header(), b"x,", false, None),
        ("a header is all", header(), b"x,y", true, Some(3)),
        ("an empty file", header(), b"", true, Some(0)),
    ];
    for (what, spec, bytes, at_end, expected) in table {
        assert_eq!(Framer::new(spec).preamble(bytes, *at_end), Ok(*expected), "{what}");
    }
}

#[test]
fn the_header_row_gives_the_column_names() {
    let header = |trailing_separator| {
        delimited(Delimited { header: true, separator: b'|', trailing_separator, ..csv() }, 2)
    };
    let latin1 = FormatSpec { encoding: Encoding::Latin1 { keeps_controls: true }, ..header(false) };
    let names = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let table: &[(FormatSpec, &[u8], Result<Vec<String>, HeaderError>)] = &[
        (header(false), b"\xEF\xBB\xBFx|\"y \"\"z\"\"\"\r\n", names(&["x", "y \"z\""])),
        (header(true), b"x|y|\n", names(&["x", "y"])),
        (header(true), b"x|y\n", Err(HeaderError::TrailingSeparator)),
        (header(false), b"", Err(HeaderError::Missing)),
        (header(false), b"x|\"y\"z\n", Err(HeaderError::Quoting { column: 2 })),
        (header(false), b"x|\"y\n", Err(HeaderError::Quoting { column: 2 })),
        (header(false), b"x|\xE9\n", Err(HeaderError::Encoding { column: 2 })),
        (latin1, b"x|\xE9\n", names(&["x", "é"])),
        (delimited(csv(), 2), b"", names(&[])),
    ];
    for (spec, preamble, expected) in table {
        assert_eq!(header_names(spec, preamble), *expected, "{}", String::from_utf8_lossy(preamble));
    }
}

#[test]
fn lines_before_the_header_row_are_no_records() {
    let spec = |lead_lines, header| delimited(Delimited { lead_lines, header, ..csv() }, 2);
    let source = b"\xEF\xBB\xBFBank \"Export\r\n\na,b\n1,2\n";
    for (lead_lines, header, before) in [(1, false, 17), (2, false, 18), (2, true, 22), (1, true, 18)] {
        let framer = Framer::new(&spec(lead_lines, header));
        assert_eq!(framer.preamble(source, true), Ok(Some(before)), "{lead_lines} {header}");
        for cut in 0..before {
            assert_eq!(framer.preamble(&source[..cut], false), Ok(None), "{lead_lines} {header} {cut}");
        }
    }
    let names = crate::header_names(&spec(2, true), &source[..22]);
    assert_eq!(names, Ok(vec!["a".to_owned(), "b".to_owned()]));
    let framer = Framer::new(&spec(5, true));
    assert_eq!(framer.preamble(source, true), Err(FrameError::TooFewLines { want: 5 }));
    let long = vec![b'x'; (1 << 20) + 1];
    assert_eq!(framer.preamble(&long, false), Err(FrameError::LeadTooLong { max: 1 << 20 }));
}
