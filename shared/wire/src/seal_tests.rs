use domain::seal::{KEY_BYTES, MessageKey};

use super::*;
use crate::ChunkBytes;

fn key(byte: u8) -> MessageKey {
    MessageKey::new(&[byte; KEY_BYTES]).unwrap()
}

fn keys(current: u8, previous: Option<u8>) -> Sealing {
    Sealing::Keys(Keyring { current: key(current), previous: previous.map(key) })
}

const STORE: StoreId = StoreId::from_bytes([9; 16]);

fn range() -> Range {
    Range { run_id: [1; 16], pass: 4, first: 512, end: 1024 }
}

fn sealed(sealing: &Sealing) -> Vec<u8> {
    seal(&range(), STORE, 7, sealing, BodyCompression::Plain).unwrap().to_vec()
}

fn refusal(bytes: &[u8], sealing: &Sealing) -> String {
    open::<Range>(bytes, STORE, sealing).unwrap_err().to_string()
}

#[test]
fn the_bytes_of_a_sealed_message_are_those_of_version_1() {
    // A change here is a new version of the seal: give it a number.
    let bytes = sealed(&keys(3, None));
    let head = "435846530109090909090909090909090909090909\
                010101010101010101010101010101010000000000000007";
    assert!(domain::hex::encode(&bytes).starts_with(head));
    assert_eq!(bytes[45..49], key(3).id().0.to_be_bytes());
    assert_eq!(bytes[COVER_BYTES..], codec::encode(&range()).unwrap());
}

#[test]
fn a_sealed_message_goes_there_and_back_by_either_valid_key() {
    for compression in [BodyCompression::Plain, BodyCompression::Lz4] {
        let chunk = Chunk { run_id: [1; 16], chunk_no: 3, recount: false, bytes: vec![7; 5000].into() };
        let bytes = seal(&chunk, STORE, 7, &keys(3, None), compression).unwrap();
        for sealing in [keys(3, None), keys(4, Some(3)), Sealing::Off] {
            let opened = open::<Chunk>(&bytes, STORE, &sealing).unwrap();
            assert_eq!((&opened.message, opened.attempt), (&chunk, 7));
        }
    }
}

#[test]
fn a_message_without_a_valid_seal_is_refused_by_name() {
    let ours = keys(4, Some(3));
    let plain = codec::encode(&range()).unwrap();
    assert!(refusal(&plain, &ours).contains("not sealed"));
    assert!(refusal(&sealed(&Sealing::Off), &ours).contains("not sealed"));
    assert!(refusal(&sealed(&keys(2, None)), &ours).contains(&format!("key {}", key(2).id())));
    assert!(refusal(b"hello, world", &ours).contains("not a Crossfoot message"));
    assert!(refusal(b"CX", &ours).contains("too few"));
    let mut other = sealed(&ours);
    other[4] = 2;
    assert!(refusal(&other, &ours).contains("version 2"));
}

#[test]
fn a_message_of_another_store_is_refused_whatever_its_seal() {
    for sealing in [keys(4, None), Sealing::Off] {
        let other = StoreId::from_bytes([8; 16]);
        let bytes = seal(&range(), other, 7, &sealing, BodyCompression::Plain).unwrap();
        let said = refusal(&bytes, &sealing);
        assert!(said.contains(&other.to_string()) && said.contains(&STORE.to_string()), "{said}");
    }
}

#[test]
fn a_sealed_message_that_was_changed_in_any_bit_or_cut_anywhere_is_refused() {
    let (ours, bytes) = (keys(4, None), sealed(&keys(4, None)));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(open::<Range>(&flipped, STORE, &ours).is_err(), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(open::<Range>(&bytes[..length], STORE, &ours).is_err(), "{length}");
    }
}

#[test]
fn a_seal_is_of_its_address_too() {
    // The same message, moved to another run or attempt by somebody without the key.
    let ours = keys(4, None);
    for place in [21, 44] {
        let mut moved = sealed(&ours);
        moved[place] ^= 1;
        assert!(refusal(&moved, &ours).contains("seal is invalid"));
    }
    // Without seals the run still has to be the message's own.
    let mut moved = sealed(&Sealing::Off);
    moved[21] ^= 1;
    assert!(refusal(&moved, &Sealing::Off).contains("a different run"));
}

#[test]
fn what_cannot_be_right_is_refused_when_it_is_read() {
    let beyond = (i64::MAX as u64) + 1;
    let refused = |message: &Range| {
        let bytes = seal(message, STORE, 7, &Sealing::Off, BodyCompression::Plain).unwrap();
        refusal(&bytes, &Sealing::Off)
    };
    assert!(
        refused(&Range { first: beyond, end: u64::MAX, ..range() }).contains("first is 9223372036854775808")
    );
    assert!(refused(&Range { pass: u64::MAX, ..range() }).contains("pass"));
    assert!(refused(&Range { first: 5, end: 5, ..range() }).contains("is empty"));
    let chunk = Chunk { run_id: [1; 16], chunk_no: beyond, recount: false, bytes: Vec::new().into() };
    let bytes = seal(&chunk, STORE, 7, &Sealing::Off, BodyCompression::Plain).unwrap();
    assert!(open::<Chunk>(&bytes, STORE, &Sealing::Off).unwrap_err().to_string().contains("chunk_no"));
    let bytes = seal(&range(), STORE, u64::MAX, &Sealing::Off, BodyCompression::Plain).unwrap();
    assert!(refusal(&bytes, &Sealing::Off).contains("attempt"));
}

#[test]
fn a_chunk_by_reference_holds_no_byte_of_its_source() {
    let chunk = Chunk { run_id: [1; 16], chunk_no: 3, recount: true, bytes: ChunkBytes::ByReference };
    let bytes = codec::encode(&chunk).unwrap();
    let golden = "43584654090100000013bcc778b501010101010101010101010101010101030101";
    assert_eq!(domain::hex::encode(&bytes), golden);
    assert_eq!(codec::decode::<Chunk>(&bytes).unwrap(), chunk);
    assert!(chunk.bytes.held().is_empty() && chunk.bytes.clone().held_mut().is_none());
    let mut inline = ChunkBytes::from(vec![1, 2]);
    inline.held_mut().unwrap().push(3);
    assert_eq!(inline.held(), [1, 2, 3]);
}
