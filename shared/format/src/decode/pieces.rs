//! What is done to the pieces of a record before they are read: joined, and put into UTF-8.

use crate::codepage::CodePage;
use crate::delimited::{Piece, Place, State};
use crate::encoding::{Charset, NoText};

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

/// Replaces a piece that is text by its UTF-8, unless it is ASCII.
pub(super) fn of_charset(piece: &mut Piece, charset: Charset, record: &[u8], scratch: &mut Vec<u8>) {
    if !matches!(piece.state, State::Plain | State::Quoted) || piece.bytes(record, scratch).is_ascii() {
        return;
    }
    let mut failed = None;
    move_to_scratch(piece, record, scratch, |bytes, out| {
        failed = charset.append(bytes, out).err();
        failed.is_none()
    });
    match failed {
        None => {}
        Some(NoText::Undecodable) => piece.state = State::Undecodable,
        Some(NoText::Control) => piece.state = State::Control,
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
