//! Replays the WebSocket inputs that the fuzzer found worth keeping; see `fuzz/README.md`. The test
//! is inside the crate because the reader is private.
#![expect(clippy::unwrap_used, clippy::print_stdout, unreachable_pub, reason = "a test")]

use super::frames;

#[path = "../../../../fuzz/bodies/ws.rs"]
mod body;
#[path = "../../../../fuzz/replay.rs"]
mod replay;

#[test]
fn the_reader_says_the_same_however_the_corpus_is_cut() {
    replay::replay("ws", body::body);
}
