//! Replays the inputs that the fuzzers found worth keeping: `fuzz/README.md`.
#![expect(clippy::unwrap_used, clippy::print_stdout, unreachable_pub, reason = "a test")]

#[path = "../../../fuzz/bodies/mod.rs"]
mod bodies;
#[path = "../../../fuzz/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn the_validator_and_another_reader_agree_on_the_corpus() {
    replay("cbor", bodies::cbor::body);
}

#[test]
fn frames_of_the_corpus_are_written_as_they_were_read() {
    replay("frames", bodies::frames::body);
}

#[test]
fn outer_frames_of_the_corpus_are_written_as_they_were_read() {
    replay("outer", bodies::outer::body);
}

#[test]
fn padding_of_the_corpus_is_what_would_be_put_on() {
    replay("padding", bodies::padding::body);
}

#[test]
fn links_of_the_corpus_survive_being_written() {
    replay("link", bodies::link::body);
}

#[test]
fn decisions_of_the_corpus_say_what_was_heard() {
    replay("decision", bodies::decision::body);
}

#[test]
fn key_statements_of_the_corpus_are_written_as_they_were_read() {
    replay("statement", bodies::statement::body);
}

#[test]
fn attestations_and_key_lists_of_the_corpus_say_what_was_heard() {
    replay("attestation", bodies::attestation::body);
}
