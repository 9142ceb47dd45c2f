//! Replays the inputs that the fuzzer found worth keeping: `fuzz/README.md`.
#![expect(clippy::unwrap_used, clippy::print_stdout, unreachable_pub, reason = "a test")]

#[path = "../../../fuzz/bodies/rest.rs"]
mod body;
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[test]
fn bodies_of_the_corpus_say_nothing_that_is_not_heard() {
    replay::replay("rest", body::body);
}
