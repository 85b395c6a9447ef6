//! Reading an archive strictly: every byte that is not a part's content must be what would be written there.

use std::io::{BufRead, BufReader, Read};

use domain::fingerprint::Hash;
use domain::pack::{Listed, Part, archive};
use sha2::{Digest, Sha256};

/// The most bytes of a part that is held in memory while it is checked; parts that grow with the run are not held.
const HELD_MAX: u64 = 256 << 20;

/// Why an archive could not be read on.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is not in the form that is written; the part at fault, and what is wrong.
    Form(&'static str, String),
    /// It could not be read.
    Io(std::io::Error),
}

/// What belongs to no part.
pub(super) const ARCHIVE: &str = "archive";

/// An archive, read once from its beginning to its end.
pub(super) struct Archive<R> {
    input: R,
    /// The block that was read and belongs to what comes next.
    ahead: Option<[u8; archive::BLOCK]>,
    position: u64,
    /// What is wrong and does not keep the rest from being read: the part at fault, and what.
    pub(super) defects: Vec<(&'static str, String)>,
}

/// Reads as much as there is, up to the buffer's length.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl<R: Read> Archive<R> {
    pub(super) const fn new(input: R) -> Self {
        Self { input, ahead: None, position: 0, defects: Vec::new() }
    }

    fn block(&mut self, part: &'static str) -> Result<[u8; archive::BLOCK], Stop> {
        if let Some(block) = self.ahead.take() {
            return Ok(block);
        }
        let mut block = [0; archive::BLOCK];
        let read = fill(&mut self.input, &mut block).map_err(Stop::Io)?;
        self.position += read as u64;
        if read < block.len() {
            return Err(Stop::Form(
                part,
                format!("the archive ends at byte {}, within or before its header", self.position),
            ));
        }
        Ok(block)
    }

    /// Whether a sound header of `part` comes next.
    pub(super) fn comes_next(&mut self, part: Part) -> Result<bool, Stop> {
        let block = self.block(ARCHIVE)?;
        self.ahead = Some(block);
        Ok(archive::read(&block).is_some_and(|(name, _)| name == part.name()))
    }

    /// The next part, which must be `part`: its content is handed to `take`, which may leave some of it.
    pub(super) fn part(
        &mut self,
        part: Part,
        take: &mut dyn FnMut(&mut dyn BufRead) -> std::io::Result<()>,
    ) -> Result<Listed, Stop> {
        let name = part.name();
        let form = |what: String| Stop::Form(name, what);
        let block = self.block(name)?;
        let bytes = match archive::read(&block) {
            Some((found, bytes)) if found == name => bytes,
            Some((found, _)) => return Err(form(format!("found `{found}` in its place"))),
            None if block == [0; archive::BLOCK] => {
                return Err(form("it is missing: the archive ends before it".into()));
            }
            None => return Err(form("its header differs from what crossfoot writes".into())),
        };
        let mut content = Content { input: &mut self.input, left: bytes, hasher: Sha256::new() };
        let taken = {
            let mut buffered = BufReader::with_capacity(1 << 16, &mut content);
            take(&mut buffered).and_then(|()| std::io::copy(&mut buffered, &mut std::io::sink()).map(drop))
        };
        let (left, hasher) = (content.left, content.hasher);
        self.position += bytes - left;
        match taken {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(form(format!(
                    "the archive ends at byte {}, {left} bytes before its end",
                    self.position
                )));
            }
            Err(error) => return Err(Stop::Io(error)),
            Ok(()) => {}
        }
        let padding = usize::try_from(archive::padding(bytes)).unwrap_or(0);
        let mut zeros = [0; archive::BLOCK];
        let read = fill(&mut self.input, &mut zeros[..padding]).map_err(Stop::Io)?;
        self.position += read as u64;
        if read < padding {
            return Err(form(format!(
                "the archive ends at byte {}, within the padding after it",
                self.position
            )));
        }
        if zeros[..padding].iter().any(|byte| *byte != 0) {
            self.defects.push((name, "the padding after it is not zero".into()));
        }
        Ok(Listed { name: name.into(), bytes, sha256: Hash(hasher.finalize().into()) })
    }

    /// As [`Archive::part`], of a part that is kept.
    pub(super) fn held(&mut self, part: Part) -> Result<(Listed, Vec<u8>), Stop> {
        let mut bytes = Vec::new();
        let listed = self.part(part, &mut |input| input.take(HELD_MAX).read_to_end(&mut bytes).map(drop))?;
        Ok((listed, bytes))
    }

    /// The end of the archive: two blocks of zeros, and nothing after them.
    pub(super) fn end(&mut self) -> Result<(), Stop> {
        for _ in 0..archive::END / archive::BLOCK {
            if self.block(ARCHIVE)? != [0; archive::BLOCK] {
                self.defects.push((ARCHIVE, "its end is not two blocks of zeros".into()));
            }
        }
        match fill(&mut self.input, &mut [0]).map_err(Stop::Io)? {
            0 => Ok(()),
            _ => Err(Stop::Form(
                ARCHIVE,
                format!("there is extra data after its end at byte {}", self.position),
            )),
        }
    }
}

/// A part's content, hashed as it is read.
struct Content<'a, R> {
    input: &'a mut R,
    left: u64,
    hasher: Sha256,
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.input.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.hasher.update(&buffer[..read]);
        self.left -= read as u64;
        Ok(read)
    }
}
