//! What is done to the pieces of a record before they are read: joined, and put into UTF-8.

use std::mem::swap;

use domain::constraint::ReasonCode;

use crate::codepage::CodePage;
use crate::delimited::{Piece, Place, State};
use crate::encoding::{Charset, NoText};
use crate::fault::Fault;
use crate::spec::Columns;

/// Makes one field of all from the one at `rest` on.
pub(super) fn merge(pieces: &mut Vec<Piece>, rest: usize) {
    if let (Some(first), Some(last)) = (pieces.get(rest), pieces.last()) {
        let merged = Piece::of_record(first.start, last.end, State::Plain);
        pieces.truncate(rest);
        pieces.push(merged);
    }
}

/// Puts the columns, found in the order of the source, into the order of the fields. Returns how many bytes the columns
/// have that become no field: they are not read, but their quotes must close, or fields could not be told apart.
pub(super) fn put_in_order(
    columns: &Columns,
    pieces: &mut Vec<Piece>,
    found: &mut Vec<Piece>,
) -> Result<usize, Fault> {
    swap(pieces, found);
    pieces.clear();
    pieces.extend(columns.of_fields.iter().filter_map(|at| found.get(*at)));
    let mut bytes = 0;
    for at in &columns.left_out {
        let Some(piece) = found.get(*at) else { continue };
        if matches!(piece.state, State::Misquoted | State::Misescaped) {
            return Err(Fault::new(
                ReasonCode::Quoting,
                format!("the quotes or escapes of column {}, which the job leaves out, are damaged", at + 1),
            ));
        }
        bytes += piece.source_bytes;
    }
    Ok(bytes)
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
