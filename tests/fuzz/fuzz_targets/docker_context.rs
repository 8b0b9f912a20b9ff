#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clusterdock_tests::fuzz::docker_context(bytes));
