//! Reading a source's content: raw bytes in, decompressed bytes out.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, InBuffer, Operation, OutBuffer};

use super::bounds::{RATIO_FREE_BYTES, RATIO_MAX, WINDOW_LOG_MAX};
use super::raw::RawStream;
use super::{Location, RawTotals, SourceError};

const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
// RFC 8878, 3.1.2: 16 magic numbers, 0x184d2a50 to 0x184d2a5f, for frames to be skipped. `pzstd` begins with one.
const ZSTD_SKIPPABLE_TAIL: [u8; 3] = [0x2a, 0x4d, 0x18];

/// How a source is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// As its first bytes say: gzip, zstd, or not at all.
    #[default]
    Auto,
    /// Not at all, whatever its first bytes are.
    None,
    /// gzip, of one or several members.
    Gzip,
    /// Zstandard, of one or several frames.
    Zstd,
}

/// Reads the content, and digests the raw bytes meanwhile.
///
/// Its [`io::Error`]s carry a [`SourceError`]: [`SourceError::from_io`] takes it out. After an error there is no
/// more content to be had.
pub struct Reader {
    location: Location,
    state: State,
    content_offset: u64,
}

enum State {
    Plain(RawStream),
    Gzip(Box<GzDecoder<RawStream>>),
    /// Between the frames of a zstd stream when `in_frame` is false.
    Zstd {
        raw: RawStream,
        decoder: Box<ZstdDecoder<'static>>,
        in_frame: bool,
    },
    Failed {
        position: u64,
    },
}

/// What went wrong inside a compressed stream, before it has a place.
enum Fault {
    NotCompressed(&'static str),
    Truncated,
    Trailing,
    Inflated,
    Other(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Other(error)
    }
}

impl Reader {
    /// Reads from any stream; in messages it is called standard input.
    ///
    /// # Errors
    /// When its first bytes cannot be read, or are not compressed as `compression` says.
    pub fn from_stream(stream: Box<dyn Read + Send>, compression: Compression) -> Result<Self, SourceError> {
        Self::new(Location::stdin(), stream, compression)
    }

    pub(super) fn new(
        location: Location,
        stream: Box<dyn Read + Send>,
        compression: Compression,
    ) -> Result<Self, SourceError> {
        let mut raw = RawStream::new(stream);
        match Self::begin(&mut raw, compression) {
            Ok(compression) => {
                let state = match compression {
                    Compression::Auto | Compression::None => Ok(State::Plain(raw)),
                    Compression::Gzip => Ok(State::Gzip(Box::new(GzDecoder::new(raw)))),
                    Compression::Zstd => bounded_zstd().map(|decoder| State::Zstd {
                        raw,
                        decoder: Box::new(decoder),
                        in_frame: false,
                    }),
                };
                match state {
                    Ok(state) => Ok(Self { location, state, content_offset: 0 }),
                    Err(error) => Err(SourceError::Read { location, offset: 0, error }),
                }
            }
            Err(fault) => Err(describe(location, &mut raw, 0, fault)),
        }
    }

    /// Compares what the first bytes say with the compression that was asked for.
    fn begin(raw: &mut RawStream, wanted: Compression) -> Result<Compression, Fault> {
        if wanted == Compression::None {
            return Ok(Compression::None);
        }
        let head = raw.peek(4)?;
        let found = if head.is_empty() {
            return Ok(Compression::None);
        } else if begins(head, &GZIP_MAGIC) {
            Compression::Gzip
        } else if begins_zstd(head) {
            Compression::Zstd
        } else {
            Compression::None
        };
        match wanted {
            Compression::Auto => Ok(found),
            _ if found == wanted => Ok(found),
            Compression::Gzip if GZIP_MAGIC.starts_with(head) => Err(Fault::Truncated),
            Compression::Zstd if ZSTD_MAGIC.starts_with(head) => Err(Fault::Truncated),
            Compression::Gzip => Err(Fault::NotCompressed("gzip")),
            _ => Err(Fault::NotCompressed("zstd")),
        }
    }

    /// How many raw bytes were consumed so far: for progress, against [`SourceFile::bytes_on_disk`](super::SourceFile).
    #[must_use]
    pub fn raw_position(&self) -> u64 {
        match &self.state {
            State::Plain(raw) | State::Zstd { raw, .. } => raw.position(),
            State::Gzip(decoder) => decoder.get_ref().position(),
            State::Failed { position } => *position,
        }
    }

    /// How many bytes of content were read so far.
    #[must_use]
    pub const fn content_position(&self) -> u64 {
        self.content_offset
    }

    /// What an error means that came through [`io::Read`].
    #[must_use]
    pub fn explain(&self, error: io::Error) -> SourceError {
        SourceError::from_io(error).unwrap_or_else(|error| SourceError::Read {
            location: self.location.clone(),
            offset: self.raw_position(),
            error,
        })
    }

    /// Digest and length of the raw bytes. What was not read yet is read, decompressed and dropped: damage after the
    /// part that was used is found too.
    ///
    /// # Errors
    /// As reading to the end has them; also after an earlier error.
    pub fn finish(mut self) -> Result<RawTotals, SourceError> {
        let mut scratch = vec![0; 64 << 10];
        while self.read_content(&mut scratch)? > 0 {}
        match self.state {
            State::Plain(raw) | State::Zstd { raw, .. } => Ok(raw.totals()),
            State::Gzip(decoder) => Ok(decoder.into_inner().totals()),
            State::Failed { position } => Err(failed_before(self.location, position)),
        }
    }

    fn read_content(&mut self, out: &mut [u8]) -> Result<usize, SourceError> {
        if out.is_empty() {
            return Ok(0);
        }
        let read = match &mut self.state {
            State::Plain(raw) => raw.read(out).map_err(Fault::Other),
            State::Gzip(decoder) => read_gzip(decoder, out),
            State::Zstd { raw, decoder, in_frame } => read_zstd(raw, decoder, in_frame, out),
            State::Failed { position } => return Err(failed_before(self.location.clone(), *position)),
        };
        match read {
            Ok(read) => {
                self.content_offset += read as u64;
                if self.is_inflated() { Err(self.fail(Fault::Inflated)) } else { Ok(read) }
            }
            Err(fault) => Err(self.fail(fault)),
        }
    }

    /// Whether the content is not the bytes as they are stored.
    pub(super) const fn is_compressed(&self) -> bool {
        matches!(self.state, State::Gzip(_) | State::Zstd { .. })
    }

    /// Whether the content is more than any honest source of this length has.
    fn is_inflated(&self) -> bool {
        self.is_compressed()
            && self.content_offset > RATIO_FREE_BYTES
            && self.content_offset / RATIO_MAX > self.raw_position()
    }

    fn fail(&mut self, fault: Fault) -> SourceError {
        let position = self.raw_position();
        let raw = match &mut self.state {
            State::Plain(raw) | State::Zstd { raw, .. } => raw,
            State::Gzip(decoder) => decoder.get_mut(),
            State::Failed { position } => return failed_before(self.location.clone(), *position),
        };
        let error = describe(self.location.clone(), raw, self.content_offset, fault);
        self.state = State::Failed { position };
        error
    }
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.read_content(out).map_err(SourceError::into_io)
    }
}

fn failed_before(location: Location, offset: u64) -> SourceError {
    SourceError::Read { location, offset, error: io::Error::other("an earlier read failed") }
}

fn describe(location: Location, raw: &mut RawStream, content_offset: u64, fault: Fault) -> SourceError {
    let compressed_offset = raw.position();
    if let Some(error) = raw.take_failure() {
        return SourceError::Read { location, offset: compressed_offset, error };
    }
    match fault {
        Fault::NotCompressed(expected) => SourceError::NotCompressed { location, expected },
        Fault::Truncated => {
            // Whatever is still in the buffer belongs to the piece that is not whole.
            let rest = raw.peek(0).map_or(0, <[u8]>::len) as u64;
            SourceError::Truncated { location, compressed_offset: compressed_offset + rest, content_offset }
        }
        Fault::Inflated => SourceError::Inflated { location, compressed_offset, content_offset },
        Fault::Trailing => SourceError::TrailingBytes { location, compressed_offset, content_offset },
        Fault::Other(error) => {
            SourceError::Corrupt { location, compressed_offset, content_offset, detail: error.to_string() }
        }
    }
}

fn bounded_zstd() -> io::Result<ZstdDecoder<'static>> {
    let mut decoder = ZstdDecoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
    Ok(decoder)
}

/// Whether `head`, which may be cut short after two bytes, begins with `magic`.
fn begins(head: &[u8], magic: &[u8]) -> bool {
    let length = head.len().min(magic.len());
    length >= 2 && head[..length] == magic[..length]
}

fn begins_zstd(head: &[u8]) -> bool {
    begins(head, &ZSTD_MAGIC)
        || (head.len() >= 4 && head[0] & 0xf0 == 0x50 && head[1..4] == ZSTD_SKIPPABLE_TAIL)
}

/// Reads within one member, and continues with the next where one ends.
fn read_gzip(decoder: &mut GzDecoder<RawStream>, out: &mut [u8]) -> Result<usize, Fault> {
    loop {
        match decoder.read(out) {
            Ok(0) => {}
            Ok(read) => return Ok(read),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(Fault::Truncated),
            Err(error) => return Err(Fault::Other(error)),
        }
        let head = decoder.get_mut().peek(GZIP_MAGIC.len())?;
        if head.is_empty() {
            return Ok(0);
        } else if head.starts_with(&GZIP_MAGIC) {
            let raw = decoder.reset(RawStream::placeholder());
            decoder.reset(raw);
        } else if GZIP_MAGIC.starts_with(head) {
            return Err(Fault::Truncated);
        } else {
            return Err(Fault::Trailing);
        }
    }
}

fn read_zstd(
    raw: &mut RawStream,
    decoder: &mut ZstdDecoder<'static>,
    in_frame: &mut bool,
    out: &mut [u8],
) -> Result<usize, Fault> {
    loop {
        if !*in_frame {
            let head = raw.peek(ZSTD_MAGIC.len())?;
            if head.is_empty() {
                return Ok(0);
            } else if head.len() < 4 && ZSTD_MAGIC.starts_with(head) {
                return Err(Fault::Truncated);
            } else if !begins_zstd(head) {
                return Err(Fault::Trailing);
            }
            decoder.reinit()?;
            *in_frame = true;
        }
        let waiting = raw.peek(1)?;
        let ended = waiting.is_empty();
        let mut input = InBuffer::around(waiting);
        let mut output = OutBuffer::around(&mut *out);
        let still_expected = decoder.run(&mut input, &mut output)?;
        let (consumed, written) = (input.pos(), output.pos());
        raw.consume(consumed);
        *in_frame = still_expected != 0;
        if written > 0 {
            return Ok(written);
        }
        if ended && *in_frame {
            return Err(Fault::Truncated);
        }
    }
}
