//! An object that was opened, and readers over it.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::mpsc::Receiver;

use bytes::{Buf, Bytes};
use object_store::{GetOptions, GetRange};

use super::wait::{answer, begin};
use super::{About, ObjectError, Place};

/// What one request asks for.
const BLOCK_BYTES: u64 = 4 << 20;
/// How many requests are under way while a block is read.
const AHEAD: usize = 2;

/// An object as it was when it was opened. Each request asks for that object alone, by its mark, so that readers never
/// see a part of another one that was written meanwhile.
#[derive(Debug, Clone)]
pub struct Object {
    place: Place,
    about: About,
}

impl Object {
    /// Opens the object at `url`.
    ///
    /// # Errors
    /// [`ObjectError::BadUrl`], [`ObjectError::NotFound`], or another of the store.
    pub fn open(url: &str) -> Result<Self, ObjectError> {
        let place = Place::open(url)?;
        let about = place.about()?.ok_or(ObjectError::NotFound)?;
        if about.e_tag.is_none() {
            return Err(ObjectError::Failed(
                "the store gives no ETag, so that a replaced object cannot be told from the one that was opened".into(),
            ));
        }
        Ok(Self { place, about })
    }

    /// What the object was when it was opened.
    #[must_use]
    pub const fn about(&self) -> &About {
        &self.about
    }

    /// What is at its place now; none if there is nothing.
    ///
    /// # Errors
    /// [`ObjectError`] of the store.
    pub fn now(&self) -> Result<Option<About>, ObjectError> {
        self.place.about()
    }

    /// A reader from the beginning. It holds at most three blocks of 4 MiB.
    #[must_use]
    pub fn reader(&self) -> ObjectReader {
        ObjectReader {
            object: self.clone(),
            block: Bytes::new(),
            asked_to: 0,
            coming: VecDeque::new(),
            failed: false,
        }
    }

    /// The bytes from `begin` to `end`, in one request.
    ///
    /// # Errors
    /// [`ObjectError::Replaced`], or another of the store.
    pub fn part(&self, begin_at: u64, end: u64) -> Result<Bytes, ObjectError> {
        if begin_at == end { Ok(Bytes::new()) } else { answer(&self.ask(begin_at, end)) }
    }

    /// Asks for the bytes from `begin` to `end`.
    fn ask(&self, begin_at: u64, end: u64) -> Receiver<Result<Bytes, ObjectError>> {
        let Self { place, about } = self.clone();
        begin(async move {
            let options = GetOptions {
                range: Some(GetRange::Bounded(begin_at..end)),
                if_match: about.e_tag.clone(),
                ..GetOptions::default()
            };
            let found = place.store.get_opts(&place.path, options).await?;
            // A store that ignores the condition answers with another object.
            if found.meta.e_tag != about.e_tag || found.meta.size != about.bytes {
                return Err(ObjectError::Replaced);
            }
            let bytes = found.bytes().await?;
            if bytes.len() as u64 != end - begin_at {
                let got = bytes.len();
                return Err(ObjectError::Failed(format!("{got} of {} bytes came", end - begin_at)));
            }
            Ok(bytes)
        })
    }
}

/// Reads an object from its beginning to its end, block by block, the next ones already on their way.
#[derive(Debug)]
pub struct ObjectReader {
    object: Object,
    block: Bytes,
    asked_to: u64,
    coming: VecDeque<Receiver<Result<Bytes, ObjectError>>>,
    failed: bool,
}

impl ObjectReader {
    fn ask_ahead(&mut self) {
        let length = self.object.about.bytes;
        while self.coming.len() < AHEAD && self.asked_to < length {
            let end = length.min(self.asked_to + BLOCK_BYTES);
            self.coming.push_back(self.object.ask(self.asked_to, end));
            self.asked_to = end;
        }
    }
}

impl Read for ObjectReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::other("an earlier read failed"));
        }
        if self.block.is_empty() {
            self.ask_ahead();
            let Some(coming) = self.coming.pop_front() else { return Ok(0) };
            self.block = answer(&coming).map_err(|error| {
                self.failed = true;
                io::Error::other(error)
            })?;
            self.ask_ahead();
        }
        let length = out.len().min(self.block.len());
        self.block.copy_to_slice(&mut out[..length]);
        Ok(length)
    }
}
