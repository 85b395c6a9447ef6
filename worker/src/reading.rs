//! The bytes of a chunk: those that its message holds, or those at its place in the run's source.

use job::chunk::ChunkCut;
use source::{Location, PartError, Parts};
use wire::codec::MESSAGE_BYTES_MAX;
use wire::{Chunk, ChunkBytes, RunBytes};

use crate::failure::ProcessError;

/// Where the ledger says that a chunk's bytes are, for one that travels by reference.
pub(crate) struct Place {
    /// The run's source.
    pub(crate) source: Location,
    /// Who reads it, for the reason if that fails.
    pub(crate) reader: String,
}

/// A chunk with its bytes at hand.
pub(crate) struct Loaded {
    /// The run that the chunk belongs to.
    pub(crate) run_id: RunBytes,
    /// The chunk's number, as its message has it.
    pub(crate) chunk_no: u64,
    /// The bytes. Nothing is believed of them before their SHA-256 is compared with the ledger's.
    pub(crate) bytes: Vec<u8>,
    /// The source that they were read from, if the message did not hold them.
    from: Option<Location>,
}

impl Loaded {
    /// The chunk with the bytes of its message, or with those at its place in the source. Blocks if they are read.
    ///
    /// # Errors
    /// [`ProcessError::Unreadable`] when this worker cannot read them; [`ProcessError::Changed`] when nobody can any
    /// more; [`ProcessError::Oversized`] when they are more than a message may hold.
    pub(crate) fn of(
        chunk: Chunk,
        cut: &ChunkCut,
        place: &Place,
        parts: &Parts,
    ) -> Result<Self, ProcessError> {
        let Chunk { run_id, chunk_no, bytes, .. } = chunk;
        let (bytes, from) = match bytes {
            ChunkBytes::Inline(bytes) => (bytes, None),
            ChunkBytes::ByReference => (read(cut, place, parts)?, Some(place.source.clone())),
        };
        Ok(Self { run_id, chunk_no, bytes, from })
    }

    /// What is wrong if the bytes are not those that were split.
    pub(crate) fn altered(&self) -> ProcessError {
        let chunk_no = self.chunk_no;
        match self.from.clone() {
            None => ProcessError::Altered { chunk_no },
            Some(location) => {
                let why = "its bytes there do not match the SHA-256 in the ledger".into();
                ProcessError::Changed { chunk_no, location, why }
            }
        }
    }
}

fn read(cut: &ChunkCut, place: &Place, parts: &Parts) -> Result<Vec<u8>, ProcessError> {
    let chunk_no = cut.chunk_no.0;
    let length = usize::try_from(cut.bytes).unwrap_or(usize::MAX);
    if length > MESSAGE_BYTES_MAX {
        return Err(ProcessError::Oversized { chunk_no, bytes: cut.bytes });
    }
    parts.read(&place.source, cut.offset, length).map_err(|error: PartError| {
        if error.is_of_the_source() {
            return ProcessError::Changed {
                chunk_no,
                location: place.source.clone(),
                why: error.to_string(),
            };
        }
        ProcessError::Unreadable { reader: place.reader.clone(), error }
    })
}

#[cfg(test)]
mod tests {
    use domain::fingerprint::Hash;
    use domain::ids::{ChunkNo, RecordNo};

    use super::*;

    fn cut(offset: u64, bytes: u64) -> ChunkCut {
        ChunkCut {
            chunk_no: ChunkNo(7),
            offset,
            bytes,
            first_record_no: RecordNo(1),
            records: 1,
            parents: Vec::new(),
            ends_source: false,
            sha256: Hash::of(b""),
            decoded: None,
        }
    }

    #[test]
    fn bytes_are_the_messages_or_those_at_the_chunks_place_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("in.csv");
        std::fs::write(&path, b"0123456789").unwrap();
        let place = |path: &std::path::Path| Place { source: Location::file(path), reader: "p1@vm".into() };
        let (here, gone) = (place(&path), place(&dir.path().join("gone")));
        let read = |bytes, cut: ChunkCut, place, parts: &Parts| {
            let chunk = Chunk { run_id: [1; 16], chunk_no: 7, recount: false, bytes };
            Loaded::of(chunk, &cut, place, parts)
        };
        let by_reference = |cut, place| read(ChunkBytes::ByReference, cut, place, &Parts::anywhere());
        let inline = read(b"abc".to_vec().into(), cut(2, 3), &gone, &Parts::nowhere());
        let inline = inline.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((inline.chunk_no, &inline.bytes[..]), (7, &b"abc"[..]), "nothing is read");
        assert!(matches!(inline.altered(), ProcessError::Altered { chunk_no: 7 }));
        let loaded = by_reference(cut(2, 3), &here).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.bytes, b"234");
        assert!(loaded.altered().to_string().contains("the source changed after it was split"));

        let error = by_reference(cut(8, 3), &here).err().unwrap();
        assert!(matches!(error, ProcessError::Changed { chunk_no: 7, .. }), "{error}");
        let error = by_reference(cut(0, 3), &gone).err().unwrap();
        assert!(matches!(error, ProcessError::Unreadable { .. }), "{error}");
        let error = read(ChunkBytes::ByReference, cut(0, 3), &here, &Parts::nowhere()).err().unwrap();
        assert!(
            error.to_string().starts_with("p1@vm: ") && error.to_string().contains("none is set"),
            "{error}"
        );
        let error = by_reference(cut(0, u64::MAX), &here).err().unwrap();
        assert!(matches!(error, ProcessError::Oversized { .. }), "{error}");
    }
}
