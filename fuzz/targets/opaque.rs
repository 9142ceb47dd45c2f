#![no_main]

#[path = "../bodies/opaque.rs"]
mod opaque;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    opaque::body(data);
});
