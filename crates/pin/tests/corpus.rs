//! Replays the inputs that the fuzzers found worth keeping: `fuzz/README.md`.
#![expect(clippy::unwrap_used, clippy::print_stdout, unreachable_pub, reason = "a test")]

#[path = "../../../fuzz/bodies/opaque.rs"]
mod opaque;
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[test]
fn messages_of_the_corpus_prove_no_pin() {
    replay::replay("opaque", opaque::body);
}
