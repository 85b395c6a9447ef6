//! What sealing costs: messages of a chunk's and a batch's size, sealed and read with keys and without.
//!
//!     cargo bench -p shared --bench seal

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops at the first surprise"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use domain::ids::StoreId;
use domain::seal::{KEY_BYTES, Keyring, MessageKey};
use wire::seal::{open, seal};
use wire::{BodyCompression, Chunk, Sealing};

const ROUNDS: usize = 200;
const STORE: StoreId = StoreId::from_bytes([9; 16]);

/// The fastest of a few passes, for one message sealed and read.
fn time(chunk: &Chunk, sealing: &Sealing) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        for _ in 0..ROUNDS {
            let bytes = seal(black_box(chunk), STORE, 1, sealing, BodyCompression::Plain).unwrap();
            black_box(open::<Chunk>(&bytes, STORE, sealing).unwrap());
        }
        best = best.min(began.elapsed());
    }
    best / u32::try_from(ROUNDS).unwrap()
}

fn main() {
    let keys = Keyring { current: MessageKey::new(&[7; KEY_BYTES]).unwrap(), previous: None };
    for kib in [512_usize, 1024] {
        let chunk =
            Chunk { run_id: [1; 16], chunk_no: 1, recount: false, bytes: vec![0x5a; kib << 10].into() };
        let (sealed, plain) = (time(&chunk, &Sealing::Keys(keys.clone())), time(&chunk, &Sealing::Off));
        let cost = sealed.saturating_sub(plain);
        println!(
            "{kib} KiB: sealed and read in {} µs, without a seal in {} µs: {} µs more, {} ns a KiB",
            sealed.as_micros(),
            plain.as_micros(),
            cost.as_micros(),
            cost.as_nanos() / kib as u128
        );
    }
}
