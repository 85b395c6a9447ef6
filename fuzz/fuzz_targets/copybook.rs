//! See `tests/src/fuzz/copybook.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tests::fuzz::copybook(data));
