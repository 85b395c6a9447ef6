//! Records whose length is told: by a descriptor or prefix before them, by a field in them, in blocks.

use super::fixed;
use crate::cobol::ByteOrder::{BigEndian, LittleEndian};
use crate::spec::{LengthField, LengthKind, Outside, Prefix, PrefixForm};
use crate::{FixedFraming, FormatSpec, FrameError, Framer, Taken, UnframeableError, frames};

pub(super) fn rdw() -> Prefix {
    Prefix { form: PrefixForm::Descriptor, order: BigEndian, includes_itself: true }
}

pub(super) fn plain_prefix(form: PrefixForm) -> Prefix {
    Prefix { form, order: BigEndian, includes_itself: false }
}

pub(super) fn spec(framing: FixedFraming) -> FormatSpec {
    fixed(framing, 1, vec![])
}

type Found<'a> = Result<Vec<&'a [u8]>, (u64, FrameError)>;

fn contents<'a>(framing: FixedFraming, bytes: &'a [u8]) -> Found<'a> {
    frames(&Framer::new(&FormatSpec { record_bytes_max: 50, ..spec(framing) }), bytes)
        .map(|frame| frame.map(|(_, content)| content).map_err(|at| (at.records, at.error)))
        .collect()
}

#[test]
fn a_length_before_each_record_tells_where_it_ends() {
    let little = Prefix { order: LittleEndian, ..rdw() };
    let excluding = |prefix| Prefix { includes_itself: false, ..prefix };
    let including = |prefix| Prefix { includes_itself: true, ..prefix };
    let (two, four) = (plain_prefix(PrefixForm::Two), plain_prefix(PrefixForm::Four));
    let table: &[(&str, Prefix, &[u8], &[&[u8]])] = &[
        ("an empty record", rdw(), b"", &[]),
        ("IBM's", rdw(), b"\0\x07\0\0abc\0\x05\0\0d", &[b"abc", b"d"]),
        ("an empty record", rdw(), b"\0\x04\0\0\0\x05\0\0d", &[b"", b"d"]),
        ("a line feed is data", rdw(), b"\0\x06\0\0a\n", &[b"a\n"]),
        ("excluding itself", excluding(rdw()), b"\0\x03\0\0abc\0\x01\0\0d", &[b"abc", b"d"]),
        ("little-endian", little, b"\0\0\x07\0abc\0\0\x05\0d", &[b"abc", b"d"]),
        ("little-endian, excluding", excluding(little), b"\0\0\x03\0abc\0\0\x01\0d", &[b"abc", b"d"]),
        ("four bytes", four, b"\0\0\0\x03abc\0\0\0\x01d", &[b"abc", b"d"]),
        ("four, including", including(four), b"\0\0\0\x07abc\0\0\0\x05d", &[b"abc", b"d"]),
        ("two bytes", two, b"\0\x03abc\0\x01d", &[b"abc", b"d"]),
        ("two, little", Prefix { order: LittleEndian, ..two }, b"\x03\0abc\x01\0d", &[b"abc", b"d"]),
    ];
    for (what, prefix, bytes, expected) in table {
        assert_eq!(contents(FixedFraming::Prefix(*prefix), bytes).unwrap(), *expected, "{what}");
        let mut written = Vec::new();
        let framer = Framer::new(&spec(FixedFraming::Prefix(*prefix)));
        expected.iter().for_each(|content| framer.write(content, &mut written).unwrap());
        assert_eq!(written, *bytes, "{what}");
    }
}

#[test]
fn a_broken_length_is_an_error_that_says_what_was_found() {
    let four = plain_prefix(PrefixForm::Four);
    let little = Prefix { order: LittleEndian, ..rdw() };
    let table: &[(Prefix, &[u8], u64, FrameError, &str)] = &[
        (rdw(), b"\0\x05\0\0a\0\0\0\0", 1, FrameError::ZeroLength, "the length is 0"),
        (
            rdw(),
            b"\0\x03\0\0",
            0,
            FrameError::LengthTooSmall { length: 3, least: 4 },
            "the length is 3, but it must be at least 4",
        ),
        (
            rdw(),
            b"\0\x33\0\0",
            0,
            FrameError::LengthTooLarge { length: 51, max: 50 },
            "the record has 51 bytes with its header, more than `record_bytes_max` (50)",
        ),
        (
            rdw(),
            b"\0\x05\0\0a\0\x09\0\0ab",
            1,
            FrameError::PastEnd { length: 9, have: 6 },
            "the record should have 9 bytes with its header, but only 6 are left",
        ),
        (
            rdw(),
            b"\0\x05\0\0a\0\x09\0",
            1,
            FrameError::TruncatedLength { have: 3, want: 4 },
            "3 bytes are left, but the length of the record takes 4",
        ),
        (
            rdw(),
            b"\0\x05\x01\0a",
            0,
            FrameError::Spanned { control: 1 },
            "a segment of a spanned record (segment control x'01', expected x'00'): spanned records are \
             not supported",
        ),
        (
            little,
            b"\0\x05\0\0a",
            0,
            FrameError::NotZero { found: 0x0500 },
            "the record or block descriptor has x'0500' where x'0000' is expected; check endianness and framing",
        ),
        (
            four,
            b"\xFF\xFF\xFF\xFF",
            0,
            FrameError::LengthTooLarge { length: (1 << 32) + 3, max: 50 },
            "the record has 4294967299 bytes with its header, more than `record_bytes_max` (50)",
        ),
    ];
    for (prefix, bytes, records, error, text) in table {
        assert_eq!(contents(FixedFraming::Prefix(*prefix), bytes), Err((*records, error.clone())));
        let said = error.to_string();
        // A descriptor read the wrong way round shows its halves as they were read.
        assert_eq!(said.replace("x'0005'", "x'0500'"), *text);
    }
}

#[test]
fn a_field_of_the_record_may_tell_its_length() {
    let field = |kind, width, adds| FixedFraming::Field(LengthField { start: 1, width, kind, adds });
    let table: &[(FixedFraming, &[u8], Found<'_>)] = &[
        (field(LengthKind::Digits(b'0'), 2, 0), b"a05bcA04Z", Ok(vec![b"a05bc", b"A04Z"])),
        (field(LengthKind::Digits(b'0'), 2, 0), b"a05bcA04Z"[..5].into(), Ok(vec![b"a05bc"])),
        (field(LengthKind::Digits(b'0'), 2, 3), b"a02bcA01Z", Ok(vec![b"a02bc", b"A01Z"])),
        (field(LengthKind::Digits(0xF0), 1, 0), b"a\xF3bA\xF2", Ok(vec![b"a\xF3b", b"A\xF2"])),
        (field(LengthKind::Digits(0xF0), 1, 0), b"a3b", Err((0, FrameError::NoNumber { at: 1 }))),
        (field(LengthKind::Binary(BigEndian), 2, 0), b"a\0\x04b", Ok(vec![b"a\0\x04b"])),
        (field(LengthKind::Binary(LittleEndian), 2, 0), b"a\x04\0b", Ok(vec![b"a\x04\0b"])),
        (field(LengthKind::Packed, 2, 0), b"a\0\x4Cb", Ok(vec![b"a\0\x4Cb"])),
        (field(LengthKind::Packed, 2, 0), b"a\0\x4Db", Err((0, FrameError::NoNumber { at: 2 }))),
        (field(LengthKind::Packed, 2, 0), b"a\0\xACb", Err((0, FrameError::NoNumber { at: 2 }))),
        (field(LengthKind::Binary(BigEndian), 1, -9), b"a\x04bcd", Err((0, FrameError::ZeroLength))),
        (
            field(LengthKind::Binary(BigEndian), 1, 0),
            b"a\x01",
            Err((0, FrameError::LengthTooSmall { length: 1, least: 2 })),
        ),
        (
            field(LengthKind::Binary(BigEndian), 1, 0),
            b"a\x09b",
            Err((0, FrameError::PastEnd { length: 9, have: 3 })),
        ),
        (
            field(LengthKind::Binary(BigEndian), 1, 0),
            b"a\x02b",
            Err((1, FrameError::TruncatedLength { have: 1, want: 2 })),
        ),
    ];
    for (framing, bytes, expected) in table {
        assert_eq!(contents(*framing, bytes), *expected, "{framing:?} {bytes:?}");
    }
}

#[test]
fn blocks_hold_whole_records_and_are_taken_whole() {
    let framing = FixedFraming::Blocks(rdw());
    let one = b"\0\x10\0\0\0\x06\0\0ab\0\x06\0\0cd";
    let other = b"\0\x09\0\0\0\x05\0\0e";
    let bytes = [&one[..], other].concat();
    assert_eq!(contents(framing, &bytes).unwrap(), [&b"ab"[..], b"cd", b"e"]);
    let offsets: Vec<_> = frames(&Framer::new(&spec(framing)), &bytes).map(|f| f.unwrap().0).collect();
    assert_eq!(offsets, [0, 10, 16]);
    let extended = b"\x80\0\0\x09\0\x05\0\0e";
    assert_eq!(contents(framing, extended).unwrap(), [b"e"]);
    let framer = Framer::new(&spec(framing));
    //           records bytes   expected
    let table = [(9, 99, (3, 25)), (3, 25, (3, 25)), (9, 24, (2, 16)), (2, 99, (2, 16)), (1, 1, (2, 16))];
    for (records_max, bytes_max, (records, length)) in table {
        let taken = framer.take(&bytes, true, records_max, bytes_max);
        assert_eq!(taken, Ok(Taken { records, bytes: length }), "{records_max} {bytes_max}");
    }
    assert_eq!(framer.take(&bytes[..15], false, 9, 99), Ok(Taken::default()));
    let mut written = Vec::new();
    [b"ab", b"cd"].iter().for_each(|content| framer.write(*content, &mut written).unwrap());
    assert_eq!(contents(framing, &written).unwrap(), [b"ab", b"cd"]);
}

#[test]
fn a_broken_block_is_an_error() {
    let table: &[(&[u8], u64, FrameError)] = &[
        (b"\0\x04\0\0", 0, FrameError::LengthTooSmall { length: 4, least: 8 }),
        (b"\0\x0A\0\0\0\x05\0\0e", 0, FrameError::PastEnd { length: 10, have: 9 }),
        (b"\0\x09\0\0\0\x06\0\0e", 0, FrameError::PastBlock { length: 6, have: 5 }),
        (b"\0\x0B\0\0\0\x05\0\0e\0\x05", 1, FrameError::TruncatedLength { have: 2, want: 4 }),
        (b"\0\x09\0\x01\0\x05\0\0e", 0, FrameError::NotZero { found: 1 }),
        (b"\0\x09\0\0\0\x05\x02\0e", 0, FrameError::Spanned { control: 2 }),
        (b"\x7F\xF9\0\0", 0, FrameError::LengthTooLarge { length: 32_761, max: 32_760 }),
        (b"\xFF\xFF\xFF\xFF", 0, FrameError::LengthTooLarge { length: 0x7FFF_FFFF, max: 32_760 }),
    ];
    for (bytes, records, error) in table {
        assert_eq!(contents(FixedFraming::Blocks(rdw()), bytes), Err((*records, error.clone())), "{bytes:?}");
    }
    let record = b"\0\x04\0\0".repeat(50_001);
    let mut block = (0x8000_0000_u32 + 4 + record.len() as u32).to_be_bytes().to_vec();
    block.extend(record);
    let taken = Framer::new(&spec(FixedFraming::Blocks(rdw()))).take(&block, true, 50_000, 1 << 20);
    assert_eq!(taken.map_err(|at| at.error), Err(FrameError::BlockOfTooMany { max: 50_000 }));
}

#[test]
fn a_framing_says_what_it_cannot_hold() {
    let write = |framing, bytes: usize| Framer::new(&spec(framing)).write(&vec![0; bytes], &mut Vec::new());
    let two = FixedFraming::Prefix(plain_prefix(PrefixForm::Two));
    assert_eq!(write(two, 65_535), Ok(()));
    assert_eq!(write(two, 65_536), Err(UnframeableError::TooLong { bytes: 65_536 }));
    assert_eq!(write(two, 0), Err(UnframeableError::Empty));
    assert_eq!(write(FixedFraming::Prefix(rdw()), 0), Ok(()));
}

#[test]
fn file_header_and_footer_are_skipped_and_a_source_shorter_than_both_is_an_error() {
    let outside = Outside { header_bytes: 3, footer_bytes: 2 };
    let framer = Framer::new(&FormatSpec { outside, ..spec(FixedFraming::Prefix(rdw())) });
    assert_eq!(framer.preamble(b"HDRFT", true), Ok(Some(3)));
    assert_eq!(framer.preamble(b"HDRF", true), Err(FrameError::TooShort { have: 4, want: 5 }));
    assert_eq!(framer.preamble(b"HDRF", false), Ok(None));
}

#[test]
fn lines_of_ebcdic_end_at_its_own_line_ends() {
    let lf = FixedFraming::LineEnd { end: 0x25, drops_return: true };
    let nel = FixedFraming::LineEnd { end: 0x15, drops_return: false };
    assert_eq!(contents(lf, b"\xC1\x25\xC2\x0D\x25\n\x25").unwrap(), [&b"\xC1"[..], b"\xC2", b"\n"]);
    assert_eq!(contents(nel, b"\xC1\x15\xC2\x0D\x15\n").unwrap(), [&b"\xC1"[..], b"\xC2\x0D", b"\n"]);
    let mut written = Vec::new();
    Framer::new(&spec(nel)).write(b"\xC1", &mut written).unwrap();
    assert_eq!(written, b"\xC1\x15");
}

/// Forty records of 1 to 40 bytes, no two alike.
fn records() -> Vec<Vec<u8>> {
    (1..=40_u8).map(|at| (0..at).map(|byte| byte.wrapping_mul(7).wrapping_add(at)).collect()).collect()
}

/// The framings that tell lengths before records, with where each length field lies in the bytes of `records()`.
fn told() -> Vec<(FixedFraming, Vec<u8>, Vec<std::ops::Range<usize>>)> {
    let little = Prefix { order: LittleEndian, includes_itself: false, ..rdw() };
    let framings = [
        FixedFraming::Prefix(rdw()),
        FixedFraming::Prefix(little),
        FixedFraming::Prefix(plain_prefix(PrefixForm::Four)),
        FixedFraming::Prefix(plain_prefix(PrefixForm::Two)),
        FixedFraming::Blocks(rdw()),
    ];
    let one = |framing: FixedFraming| {
        let framer = Framer::new(&FormatSpec { record_bytes_max: 50, ..spec(framing) });
        let (mut bytes, mut lengths) = (Vec::new(), Vec::new());
        for record in records() {
            let before = bytes.len();
            framer.write(&record, &mut bytes).unwrap();
            lengths.push(before..bytes.len() - record.len());
        }
        (framing, bytes, lengths)
    };
    framings.into_iter().map(one).collect()
}

/// What a loaded file would be held to: how many records, and each one's bytes, by which its digest and sums are made.
fn seen(framing: FixedFraming, bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    Some(contents(framing, bytes).ok()?.into_iter().map(<[u8]>::to_vec).collect())
}

#[test]
fn every_flipped_bit_of_a_length_is_found_or_changes_what_the_totals_are_of() {
    for (framing, bytes, lengths) in told() {
        let whole = seen(framing, &bytes).unwrap();
        assert_eq!(whole, records(), "{framing:?}");
        let mut refused = 0;
        for bit in lengths.iter().flat_map(|length| length.start * 8..length.end * 8) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match seen(framing, &flipped) {
                None => refused += 1,
                // Never the same records: count, content or both differ, and so do digests.
                Some(other) => assert_ne!(other, whole, "{framing:?}: bit {bit}"),
            }
        }
        assert!(refused > 0, "{framing:?}: nothing was refused");
    }
}

#[test]
fn every_truncation_is_found_or_loses_whole_records_which_the_count_tells() {
    for (framing, bytes, _) in told() {
        for length in 0..bytes.len() {
            if let Some(rest) = seen(framing, &bytes[..length]) {
                assert!(rest.len() < records().len(), "{framing:?}: {length} bytes");
                assert_eq!(rest, records()[..rest.len()], "{framing:?}: {length} bytes");
            }
        }
    }
}

/// A small generator (xorshift): the same damage each time.
fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 33).unwrap()
}

#[test]
fn no_damage_makes_framing_panic_go_back_or_find_more_than_there_is() {
    let mut state = 0x9E37_79B9_7F4A_7C15;
    for round in 0..20_000 {
        let all = told_once();
        let (framing, bytes) = &all[round % all.len()];
        let mut damaged = bytes.clone();
        for _ in 0..=random(&mut state) % 4 {
            let at = random(&mut state) % damaged.len();
            match random(&mut state) % 3 {
                0 => damaged[at] = u8::try_from(random(&mut state) % 256).unwrap(),
                1 => damaged.truncate(at.max(1)),
                _ => damaged.insert(at, 0),
            }
        }
        let found = seen(*framing, &damaged).unwrap_or_default();
        assert!(found.iter().map(Vec::len).sum::<usize>() <= damaged.len());
    }
}

fn told_once() -> &'static [(FixedFraming, Vec<u8>)] {
    static TOLD: std::sync::OnceLock<Vec<(FixedFraming, Vec<u8>)>> = std::sync::OnceLock::new();
    TOLD.get_or_init(|| told().into_iter().map(|(framing, bytes, _)| (framing, bytes)).collect())
}

#[test]
fn a_limit_below_the_length_s_own_bytes_is_an_error_and_no_endless_wait() {
    let field = LengthField { start: 9, width: 2, kind: LengthKind::Binary(BigEndian), adds: 0 };
    for (framing, least) in [(FixedFraming::Prefix(rdw()), 4), (FixedFraming::Field(field), 11)] {
        let framer = Framer::new(&FormatSpec { record_bytes_max: 1, ..spec(framing) });
        assert_eq!(framer.unit_bytes_max(), least);
        let found = framer.take(&b"\0\x07\0\0abcde\0\x0Bxyz"[..framer.unit_bytes_max()], false, 9, 1);
        let length = if least == 4 { 7 } else { 11 };
        assert_eq!(found.unwrap_err().error, FrameError::LengthTooLarge { length, max: 1 });
    }
}
