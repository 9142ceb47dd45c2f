#![no_main]

#[path = "../bodies/ws.rs"]
mod body;
// Included by its path, because the reader is private to its crate.
#[expect(dead_code, reason = "only the reader is fuzzed")]
#[path = "../../services/edge/src/phone/frames.rs"]
mod frames;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    body::body(data);
});
