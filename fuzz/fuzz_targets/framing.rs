//! See `tests/src/fuzz/framing.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tests::fuzz::framing(data));
