use std::cell::Cell;
use std::fs;
use std::io::{self, Cursor, Read, Write};

use domain::fingerprint::Hash;
use domain::travel::Shape;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const STILL: &dyn Fn() -> bool = &|| false;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Numbered lines: compressible, and each place is recognisable.
fn lines(count: u32) -> Vec<u8> {
    (0..count)
        .flat_map(|n| format!("{n:06};{:08x};12.50\n", n.wrapping_mul(2_654_435_761)).into_bytes())
        .collect()
}

/// Hands out a few bytes at a time, with interruptions, like a slow pipe.
struct Dribble(Cursor<Vec<u8>>, usize);

impl Read for Dribble {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 += 1;
        if self.1.is_multiple_of(3) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = out.len().min(1 + self.1 % 7);
        self.0.read(&mut out[..length])
    }
}

fn reader(bytes: &[u8], compression: Compression) -> Result<Reader, SourceError> {
    Reader::from_stream(Box::new(Cursor::new(bytes.to_vec())), compression)
}

fn read(bytes: &[u8], compression: Compression) -> Result<(Vec<u8>, RawTotals), SourceError> {
    let mut reader = reader(bytes, compression)?;
    let mut content = Vec::new();
    reader.read_to_end(&mut content).map_err(|error| SourceError::from_io(error).unwrap())?;
    Ok((content, reader.finish()?))
}

fn written(bytes: &[u8]) -> (TempDir, Location) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("batch.txt");
    fs::write(&path, bytes).unwrap();
    (directory, Location::file(path))
}

#[test]
fn a_hyphen_is_standard_input_and_anything_else_a_path() {
    assert_eq!(Location::parse("-"), Location::stdin());
    assert_eq!(Location::parse("-").to_string(), "standard input");
    assert_eq!(Location::parse("./-").path().unwrap().as_os_str(), "./-");
    assert_eq!(Location::parse("in/a.txt").to_string(), "in/a.txt");
}

#[test]
fn every_compression_yields_the_content_and_the_totals_of_the_raw_bytes() {
    let content = lines(20_000);
    let cases = [
        (content.clone(), Compression::None),
        (gzip(&content), Compression::Gzip),
        (zstd(&content), Compression::Zstd),
    ];
    for (raw, compression) in cases {
        let totals = RawTotals { sha256: Hash::of(&raw), bytes: raw.len() as u64 };
        for asked in [compression, Compression::Auto] {
            let (found, found_totals) = read(&raw, asked).unwrap();
            assert!(found == content, "{compression:?}");
            assert_eq!(found_totals, totals);
        }
        let mut reader =
            Reader::from_stream(Box::new(Dribble(Cursor::new(raw), 0)), Compression::Auto).unwrap();
        let mut found = Vec::new();
        reader.read_to_end(&mut found).unwrap();
        assert!(found == content, "{compression:?} in small pieces");
        assert_eq!(reader.raw_position(), totals.bytes);
        assert_eq!(reader.content_position(), content.len() as u64);
        assert_eq!(reader.finish().unwrap(), totals);
    }
}

#[test]
fn compressed_bytes_read_as_they_are_when_no_compression_is_asked_for() {
    let raw = gzip(b"x");
    assert_eq!(read(&raw, Compression::None).unwrap().0, raw);
}

#[test]
fn several_gzip_members_are_one_content() {
    let raw = [gzip(b"one\n"), gzip(b""), gzip(b"two\n")].concat();
    assert_eq!(read(&raw, Compression::Auto).unwrap().0, b"one\ntwo\n");
}

#[test]
fn several_zstd_frames_are_one_content_and_skippable_ones_are_skipped() {
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0], &b"abc"[..]].concat();
    let raw = [skippable.clone(), zstd(b"one\n"), zstd(b""), skippable, zstd(b"two\n")].concat();
    let (content, totals) = read(&raw, Compression::Auto).unwrap();
    assert_eq!(content, b"one\ntwo\n");
    assert_eq!(totals.sha256, Hash::of(&raw));
}

#[test]
fn no_bytes_at_all_are_an_empty_content() {
    for compression in [Compression::Auto, Compression::None, Compression::Gzip, Compression::Zstd] {
        let (content, totals) = read(b"", compression).unwrap();
        assert!(content.is_empty());
        assert_eq!(totals, RawTotals { sha256: Hash::of(b""), bytes: 0 });
    }
    assert_eq!(read(&gzip(b""), Compression::Auto).unwrap().0, b"");
    assert_eq!(read(&zstd(b""), Compression::Auto).unwrap().0, b"");
}

#[test]
fn contents_shorter_than_the_magic_bytes_are_read_as_they_are() {
    for content in [&b"a"[..], b"ab", b"abc", b"\n", &[0x1f], &[0x28]] {
        assert_eq!(read(content, Compression::Auto).unwrap().0, content);
    }
}

#[test]
fn a_compressed_stream_cut_short_anywhere_says_so_and_where() {
    let content = lines(5_000);
    for raw in [gzip(&content), zstd(&content)] {
        let head = (1..40).chain((40..raw.len()).step_by(100));
        for length in head.chain(raw.len() - 12..raw.len()) {
            let explicit = if raw[0] == 0x1f { Compression::Gzip } else { Compression::Zstd };
            for compression in [explicit, Compression::Auto] {
                if compression == Compression::Auto && length < 2 {
                    continue;
                }
                let error = read(&raw[..length], compression).unwrap_err();
                let SourceError::Truncated { compressed_offset, content_offset, .. } = error else {
                    panic!("{length}: {error}")
                };
                assert_eq!(compressed_offset, length as u64);
                assert!(content_offset <= content.len() as u64);
            }
        }
    }
}

#[test]
fn a_second_member_cut_short_is_noticed_too() {
    for (first, second) in [(gzip(b"one"), gzip(b"two")), (zstd(b"one"), zstd(b"two"))] {
        for length in 1..second.len() {
            let raw = [&first[..], &second[..length]].concat();
            let error = read(&raw, Compression::Auto).unwrap_err();
            assert!(matches!(error, SourceError::Truncated { .. }), "{length}: {error}");
        }
    }
}

#[test]
fn what_follows_a_compressed_stream_is_an_error_that_says_where_it_begins() {
    for raw in [gzip(b"one"), zstd(b"one")] {
        for garbage in [&b"garbage"[..], &[0; 512], b"x"] {
            let mut reader = reader(&[&raw[..], garbage].concat(), Compression::Auto).unwrap();
            let mut content = [0; 3];
            reader.read_exact(&mut content).unwrap();
            let error = reader.finish().unwrap_err();
            let SourceError::TrailingBytes { compressed_offset, content_offset, .. } = error else {
                panic!("{error}")
            };
            assert_eq!((compressed_offset, content_offset), (raw.len() as u64, 3));
        }
    }
}

#[test]
fn a_wrong_checksum_is_damage() {
    let mut raw = gzip(b"content");
    let crc = raw.len() - 8;
    raw[crc] ^= 1;
    let error = read(&raw, Compression::Auto).unwrap_err();
    assert!(matches!(error, SourceError::Corrupt { content_offset: 7, .. }), "{error}");

    let mut raw = zstd(b"content");
    let crc = raw.len() - 4;
    raw[crc] ^= 1;
    let error = read(&raw, Compression::Auto).unwrap_err();
    assert!(matches!(error, SourceError::Corrupt { .. }), "{error}");
}

#[test]
fn a_changed_byte_never_yields_other_content() {
    let content = lines(300);
    for raw in [gzip(&content), zstd(&content)] {
        // The first four bytes are what `Auto` goes by; a changed one makes it another, uncompressed file.
        for at in 4..raw.len() {
            let mut changed = raw.clone();
            changed[at] ^= 0x10;
            if let Ok((found, _)) = read(&changed, Compression::Auto) {
                assert!(found == content, "byte {at}");
            }
        }
    }
}

/// Reads to the end, and keeps nothing: how far it came, and why it stopped.
fn drained(raw: &[u8]) -> (u64, Option<SourceError>) {
    let mut reader = reader(raw, Compression::Auto).unwrap();
    let mut piece = vec![0; 1 << 20];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return (reader.content_position(), None),
            Ok(_) => {}
            Err(error) => return (reader.content_position(), Some(SourceError::from_io(error).unwrap())),
        }
    }
}

#[test]
fn content_that_no_honest_source_of_its_length_has_is_not_read_on() {
    // Small sources may be compressed to anything, and 900 to one is honest.
    let blanks = vec![b' '; 1 << 20];
    let members = |count: usize, raw: &[u8]| raw.repeat(count);
    for raw in [members(40, &zstd(&blanks)), members(64, &gzip(&blanks))] {
        assert!(matches!(drained(&raw), (_, None)));
    }
    let honest = [lines(10_000), vec![b' '; 4 << 20]].concat();
    for raw in [gzip(&honest), zstd(&honest)] {
        assert!(matches!(drained(&members(40, &raw)), (_, None)));
    }
    // A member of gzip has a head and a tail, so that only a long one comes near 1,032 to one.
    for raw in [members(1000, &zstd(&blanks)), gzip(&blanks.repeat(96))] {
        let (content, error) = drained(&raw);
        let Some(error @ SourceError::Inflated { .. }) = error else { panic!("{content} bytes: {error:?}") };
        assert!(content < 66 << 20, "{content}");
        assert!(error.to_string().contains("more than 1000 for each"), "{error}");
    }
}

#[test]
fn a_frame_that_asks_for_more_memory_than_any_writer_needs_is_refused() {
    // A window of 2 GiB (RFC 8878, 3.1.1.1.2), then a raw block of one byte, the last.
    let raw = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, (31 - 10) << 3][..], &[0x09, 0, 0, b'x']].concat();
    let error = read(&raw, Compression::Auto).unwrap_err();
    assert!(matches!(error, SourceError::Corrupt { content_offset: 0, .. }), "{error}");
    assert!(error.to_string().contains("memory"), "{error}");
}

#[test]
fn a_source_that_is_not_compressed_as_asked_is_refused_at_once() {
    let error = reader(b"plain text", Compression::Gzip).err().unwrap();
    assert_eq!(
        error.to_string(),
        "standard input is not compressed with gzip; correct or remove `compression` under [source]"
    );
    assert!(matches!(reader(&gzip(b"x"), Compression::Zstd), Err(SourceError::NotCompressed { .. })));
}

#[test]
fn after_an_error_there_is_no_more_content() {
    let whole = gzip(&lines(1000));
    let mut reader = reader(&whole[..whole.len() / 2], Compression::Auto).unwrap();
    let mut content = Vec::new();
    assert!(reader.read_to_end(&mut content).is_err());
    assert!(reader.read(&mut [0; 8]).is_err());
    assert!(matches!(reader.finish(), Err(SourceError::Read { .. })));
}

#[test]
fn a_failing_stream_is_reported_with_its_own_error() {
    struct Fails(Cursor<Vec<u8>>);
    impl Read for Fails {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            match self.0.read(out)? {
                0 => Err(io::Error::other("the cable is out")),
                read => Ok(read),
            }
        }
    }
    for raw in [gzip(&lines(9)), zstd(&lines(9)), lines(9)] {
        let half = raw[..raw.len() / 2].to_vec();
        let mut reader = Reader::from_stream(Box::new(Fails(Cursor::new(half))), Compression::Auto).unwrap();
        let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
        let SourceError::Read { offset, error, .. } = SourceError::from_io(error).unwrap() else { panic!() };
        assert_eq!(offset, raw.len() as u64 / 2);
        assert_eq!(error.to_string(), "the cable is out");
    }
}

#[test]
fn a_file_knows_its_length_its_digest_and_its_content() {
    let raw = gzip(&lines(200_000));
    let (_directory, location) = written(&raw);
    let source = SourceFile::open(location.clone(), Compression::Auto).unwrap();
    assert_eq!(source.location(), &location);
    assert_eq!(source.bytes_on_disk(), Some(raw.len() as u64));
    let done = Cell::new(0);
    assert_eq!(source.sha256(STILL, &|bytes| done.set(bytes)).unwrap(), Hash::of(&raw));
    assert_eq!(done.get(), raw.len() as u64);
    let mut first = source.reader().unwrap();
    first.read_exact(&mut [0; 100]).unwrap();
    assert!(first.raw_position() > 0);
    assert_eq!(source.reader().unwrap().finish().unwrap(), first.finish().unwrap());
    assert!(matches!(source.sha256(&|| true, &|_| ()), Err(SourceError::Stopped { .. })));
}

#[test]
fn what_cannot_be_opened_is_refused_with_advice() {
    let (directory, location) = written(b"");
    let open =
        |path: &std::path::Path| SourceFile::open(Location::file(path), Compression::Auto).unwrap_err();
    let missing = directory.path().join("missing.txt");
    assert_eq!(
        open(&missing).to_string(),
        format!("{} does not exist; check the path, and that its file system is mounted", missing.display())
    );
    assert!(matches!(open(directory.path()), SourceError::IsDirectory { .. }));
    // A file in the place of a directory: an error whoever asks, unlike missing permissions.
    let error = open(&location.path().unwrap().join("below"));
    assert!(matches!(&error, SourceError::NotReadable { .. }), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_change_of_the_file_is_noticed_and_named() {
    let (_directory, location) = written(b"0123456789");
    let path = location.path().unwrap().to_owned();
    let source = SourceFile::open(location, Compression::Auto).unwrap();
    let before = source.identity().unwrap();
    assert_eq!(source.changed_since(&before), None);

    let later = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
    fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    assert_eq!(source.changed_since(&before).unwrap(), "its modification time changed");

    fs::File::options().append(true).open(&path).unwrap().write_all(b"ab").unwrap();
    assert_eq!(source.changed_since(&before).unwrap(), "its length changed from 10 to 12 bytes");

    let other = path.with_extension("new");
    fs::write(&other, b"0123456789").unwrap();
    fs::rename(&other, &path).unwrap();
    assert_eq!(source.changed_since(&before).unwrap(), "it was replaced by another file");

    fs::remove_file(&path).unwrap();
    assert_eq!(source.changed_since(&before).unwrap(), "it no longer exists");
}

#[test]
fn a_source_can_be_read_in_parts_if_its_bytes_are_its_content() {
    for (bytes, compression, shape) in [
        (lines(100), Compression::Auto, Shape::Plain),
        (Vec::new(), Compression::Auto, Shape::Plain),
        (gzip(b"abc"), Compression::Auto, Shape::Compressed),
        (zstd(b"abc"), Compression::Zstd, Shape::Compressed),
        (gzip(b"abc"), Compression::None, Shape::Plain),
    ] {
        let (_directory, location) = written(&bytes);
        assert_eq!(SourceFile::open(location, compression).unwrap().shape().unwrap(), shape);
    }
    let stdin = SourceFile::open(Location::stdin(), Compression::Auto).unwrap();
    assert_eq!(stdin.shape().unwrap(), Shape::Stream);
}

#[test]
fn standard_input_has_no_length_no_identity_and_no_second_reading() {
    let source = SourceFile::open(Location::stdin(), Compression::Auto).unwrap();
    assert_eq!((source.bytes_on_disk(), source.identity()), (None, None));
    let error = source.sha256(STILL, &|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read standard input a second time; save it to a file first");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_panic(
        magic in prop::sample::select(vec![&[0x1f, 0x8b, 8][..], &[0x28, 0xb5, 0x2f, 0xfd], &[0x50, 0x2a, 0x4d, 0x18], &[]]),
        rest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let raw = [magic, &rest].concat();
        if let Ok((_, totals)) = read(&raw, Compression::Auto) {
            prop_assert_eq!(totals, RawTotals { sha256: Hash::of(&raw), bytes: raw.len() as u64 });
        }
    }
}
