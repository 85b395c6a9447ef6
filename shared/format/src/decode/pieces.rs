//! What is done to the pieces of a record before they are read: joined, and put into UTF-8.

use crate::codepage::CodePage;
use crate::delimited::{Piece, Place, State};

/// Makes one field of all from the one at `rest` on.
pub(super) fn merge(pieces: &mut Vec<Piece>, rest: usize) {
    if let (Some(first), Some(last)) = (pieces.get(rest), pieces.last()) {
        let merged = Piece::of_record(first.start, last.end, State::Plain);
        pieces.truncate(rest);
        pieces.push(merged);
    }
}

/// Replaces a piece of the record, if it is text, by its UTF-8.
pub(super) fn of_page(piece: &mut Piece, page: &CodePage, record: &[u8], scratch: &mut Vec<u8>) {
    if piece.state != State::Plain || piece.place != Place::Record {
        return;
    }
    let start = scratch.len();
    match record.get(piece.start..piece.end).map(|bytes| page.decode_into(bytes, scratch)) {
        Some(Ok(())) => (piece.start, piece.end, piece.place) = (start, scratch.len(), Place::Scratch),
        _ => {
            scratch.truncate(start);
            piece.state = State::Undecodable;
        }
    }
}

/// Replaces the piece by what `write` makes of it, unless that fails.
pub(super) fn move_to_scratch(
    piece: &mut Piece,
    record: &[u8],
    scratch: &mut Vec<u8>,
    write: impl FnOnce(&[u8], &mut Vec<u8>) -> bool,
) -> bool {
    // Rare enough to allocate: the piece may itself be in the scratch that is written to.
    let bytes = piece.bytes(record, scratch).to_vec();
    let start = scratch.len();
    let is_written = write(&bytes, scratch);
    if is_written {
        (piece.start, piece.end, piece.place) = (start, scratch.len(), Place::Scratch);
    } else {
        scratch.truncate(start);
    }
    is_written
}
