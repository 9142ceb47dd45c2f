//! Black box: real pods, real sockets, real SQLite, driven by virtual phones, pages and REST.
//!
//! `support` starts and drives pods. `stories` are what people do; `sabotage` runs them again, on
//! pods that violate a guarantee on purpose.
#![expect(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout, unreachable_pub, reason = "tests")]

mod ns;
mod product;
mod sfs;
mod stories;
mod support;
mod walls;
