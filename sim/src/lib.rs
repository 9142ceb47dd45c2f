#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod agent;
pub mod app;
pub mod ask;
pub mod error;
pub mod factor;
pub mod keys;
pub mod online;
mod phones;
pub mod qr;
pub mod request;
pub mod state;
pub mod swarm;
pub mod tls;

pub use error::PhoneError;
pub use keys::{FileKeys, MemoryKeys};
pub use online::Online;
pub use state::PhoneState;

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the Unix time in seconds, by this machine's clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the phone's own clock")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
