//! Starts and drives pods.

mod browser;
mod cluster;
mod keyring;
mod page;
mod raw;
mod site;
mod stage;

pub use browser::Browser;
pub use cluster::{Cluster, Shares, shared_databases};
pub use countersign_testkit::{Pod, program};
pub use keyring::{IN_A_REALM, Key};
pub use page::Page;
pub use raw::{Heard, RawPhone};
pub use site::Embedded;
pub use stage::{ORIGIN, Phone, RETURN_URL, Stage, claim, log_in};

use std::fmt::Debug;

use countersign_api::ApiError;

/// Returns the stable code of a refused REST call.
pub fn code<T: Debug>(result: Result<T, ApiError>) -> String {
    result.unwrap_err().code().expect("a problem with a code").to_owned()
}

/// Whether the tests run in CI, where a missing tool is a failure.
pub fn in_ci() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the tests ask for CI themselves")]
    std::env::var("CI").is_ok_and(|v| v == "true")
}
