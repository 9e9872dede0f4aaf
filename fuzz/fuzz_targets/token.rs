#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| plugsign_fuzz::targets::token(input));
