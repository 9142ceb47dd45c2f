#![no_main]

#[expect(dead_code, reason = "the other bodies")]
#[path = "../bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    bodies::attestation::body(data);
});
