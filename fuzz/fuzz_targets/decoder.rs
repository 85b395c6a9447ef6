//! See `tests/src/fuzz/decoder.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tests::fuzz::decoder(data));
