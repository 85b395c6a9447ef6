//! The raw bytes: buffered, counted, and digested as they pass.

use std::io::{self, BufRead, Read};

use domain::fingerprint::Hash;
use sha2::{Digest, Sha256};

const BUFFER_BYTES: usize = 256 << 10;

/// All of a source's bytes as they are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawTotals {
    /// SHA-256 over all of the raw bytes.
    pub sha256: Hash,
    /// How many raw bytes there are.
    pub bytes: u64,
}

/// A buffered reader that digests whatever it fetches.
pub(super) struct RawStream {
    inner: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
    hasher: Sha256,
    fetched: u64,
    ended: bool,
    failure: Option<io::Error>,
}

impl RawStream {
    pub(super) fn new(inner: Box<dyn Read + Send>) -> Self {
        Self { buffer: vec![0; BUFFER_BYTES], ..Self::empty(inner) }
    }

    /// One that has nothing, to stand in while another is moved.
    pub(super) fn placeholder() -> Self {
        Self::empty(Box::new(io::empty()))
    }

    fn empty(inner: Box<dyn Read + Send>) -> Self {
        Self {
            inner,
            buffer: Vec::new(),
            begin: 0,
            end: 0,
            hasher: Sha256::new(),
            fetched: 0,
            ended: false,
            failure: None,
        }
    }

    /// How many bytes were consumed so far.
    pub(super) const fn position(&self) -> u64 {
        self.fetched - (self.end - self.begin) as u64
    }

    /// Bytes to come, at least `length` of them unless the stream ends before.
    pub(super) fn peek(&mut self, length: usize) -> io::Result<&[u8]> {
        while self.end - self.begin < length && !self.ended {
            if self.begin > 0 {
                self.buffer.copy_within(self.begin..self.end, 0);
                self.end -= self.begin;
                self.begin = 0;
            }
            self.fetch()?;
        }
        Ok(&self.buffer[self.begin..self.end])
    }

    fn fetch(&mut self) -> io::Result<()> {
        loop {
            match self.inner.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(read) => {
                    self.hasher.update(&self.buffer[self.end..self.end + read]);
                    self.end += read;
                    self.fetched += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    // A decompressor may replace the error by its own: keep the first for the report.
                    let copy = io::Error::new(error.kind(), error.to_string());
                    self.failure = Some(error);
                    return Err(copy);
                }
            }
            return Ok(());
        }
    }

    /// The error with which fetching failed, if it did.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// The totals over what was fetched, which at the end of the stream is all of it.
    pub(super) fn totals(self) -> RawTotals {
        RawTotals { sha256: Hash(self.hasher.finalize().into()), bytes: self.fetched }
    }
}

impl BufRead for RawStream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.peek(1)
    }

    fn consume(&mut self, amount: usize) {
        self.begin = (self.begin + amount).min(self.end);
        if self.begin == self.end {
            self.begin = 0;
            self.end = 0;
        }
    }
}

impl Read for RawStream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let waiting = self.fill_buf()?;
        let length = waiting.len().min(out.len());
        out[..length].copy_from_slice(&waiting[..length]);
        self.consume(length);
        Ok(length)
    }
}
