//! Writing the archive, part by part, each as it comes: its header is written when its length is known.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};

use domain::fingerprint::Hash;
use domain::pack::{Listed, Part, archive};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

/// An archive that is being written, into a file without a name.
pub(super) struct Writer {
    out: BufWriter<NamedTempFile>,
    parts: Vec<Listed>,
    position: u64,
}

/// A part that is being written.
pub(super) struct Open<'a> {
    writer: &'a mut Writer,
    part: Part,
    begin: u64,
    hasher: Sha256,
}

impl Writer {
    pub(super) fn new(file: NamedTempFile) -> Self {
        Self { out: BufWriter::with_capacity(1 << 18, file), parts: Vec::new(), position: 0 }
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.out.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    /// Begins a part: reserves its header, which is written when the part's length is known.
    pub(super) fn open(&mut self, part: Part) -> std::io::Result<Open<'_>> {
        let begin = self.position;
        self.put(&[0; archive::BLOCK])?;
        Ok(Open { writer: self, part, begin, hasher: Sha256::new() })
    }

    /// Writes a part whose bytes are in memory.
    pub(super) fn part(&mut self, part: Part, content: &[u8]) -> std::io::Result<()> {
        let mut open = self.open(part)?;
        open.write(content)?;
        open.close()
    }

    /// The parts that are written.
    pub(super) fn parts(&self) -> &[Listed] {
        &self.parts
    }

    /// Ends the archive; it is on the disk then. Returns its length.
    pub(super) fn finish(mut self) -> std::io::Result<(NamedTempFile, u64)> {
        self.put(&[0; archive::END])?;
        let length = self.position;
        let file = self.out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        File::sync_all(file.as_file())?;
        Ok((file, length))
    }
}

impl Open<'_> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hasher.update(bytes);
        self.writer.put(bytes)
    }

    pub(super) fn close(self) -> std::io::Result<()> {
        let Self { writer, part, begin, hasher } = self;
        let bytes = writer.position - begin - archive::BLOCK as u64;
        let padding = usize::try_from(archive::padding(bytes)).unwrap_or(0);
        writer.put(&[0; archive::BLOCK][..padding])?;
        writer.out.seek(SeekFrom::Start(begin))?;
        writer.out.write_all(&archive::header(part.name(), bytes))?;
        writer.out.seek(SeekFrom::Start(writer.position))?;
        let sha256 = Hash(hasher.finalize().into());
        writer.parts.push(Listed { name: part.name().into(), bytes, sha256 });
        Ok(())
    }
}
