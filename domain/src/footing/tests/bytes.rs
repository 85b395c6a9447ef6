//! The byte form refuses what it did not write.

use super::*;

#[test]
fn every_cut_and_every_flipped_bit_is_refused() {
    let plan = plan(batches());
    let bytes = footing(&plan, &good(), 1).to_bytes(&plan);
    for end in 0..bytes.len() {
        assert!(Footing::from_bytes(&plan, &bytes[..end]).is_err(), "{end}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            assert!(Footing::from_bytes(&plan, &flipped).is_err(), "byte {at}, bit {bit}");
        }
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(Footing::from_bytes(&plan, &longer).is_err());
}

#[test]
fn a_footing_of_another_plan_is_refused() {
    let plan_here = plan(batches());
    let bytes = footing(&plan_here, &good(), 1).to_bytes(&plan_here);
    let other = plan(batches().into_iter().skip(1).collect());
    assert!(Footing::from_bytes(&other, &bytes).is_err());
}

#[test]
fn it_is_compact() {
    let plan = plan(batches());
    let bytes = footing(&plan, &good(), 1).to_bytes(&plan);
    assert!(bytes.len() < 160, "{}", bytes.len());
    let quiet = footing(&plan, &vec![rec(ENTRY, ["1.00", "40"]); 50_000], 1).to_bytes(&plan);
    assert!(quiet.len() < 70, "{}", quiet.len());
}

#[test]
fn content_that_is_wrong_under_a_right_seal_costs_neither_a_panic_nor_memory() {
    let plan = plan(batches());
    let bytes = footing(&plan, &good(), 1).to_bytes(&plan);
    let content = &bytes[..bytes.len() - 8];
    let sealed = |content: &[u8]| [content, &crate::footing::bytes::seal(&plan, content)].concat();
    assert!(Footing::from_bytes(&plan, &sealed(content)).is_ok());
    for at in 0..content.len() {
        assert!(Footing::from_bytes(&plan, &sealed(&content[..at])).is_err(), "{at}");
        for byte in 0..=u8::MAX {
            let mut other = content.to_vec();
            other[at] = byte;
            if let Ok(footing) = Footing::from_bytes(&plan, &sealed(&other)) {
                // What it says is wrong; that it can be folded without harm is all that is asked.
                drop(Fold::new(&plan, Given::default()).chunk(&footing));
            }
        }
    }
}
