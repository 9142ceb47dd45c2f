//! Sabotage of a test build: promises that it breaks, to show that the tests notice.

use std::sync::atomic::Ordering;

/// Breaks a promise from now on; returns whether there is one of this name.
pub(crate) fn start(name: &str) -> bool {
    let known = countersign_ports::sabotage::activate(name);
    if known && name == "ack-before-commit" {
        countersign_store::lite::faults::LOSE_COMMITS.store(true, Ordering::Relaxed);
    }
    known
}
