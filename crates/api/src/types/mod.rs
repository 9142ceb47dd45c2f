//! Request and answer bodies of `/v1`. Ids are UUID texts, times are RFC 3339 in UTC, and unknown
//! members of requests are refused.

mod access;
mod admin;
mod clients;
mod events;
mod factors;
mod logins;
mod people;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use access::*;
pub use admin::*;
pub use clients::*;
pub use events::*;
pub use factors::*;
pub use logins::*;
pub use people::*;

/// Limits of sizes and counts. Texts are measured in bytes.
pub mod limits {
    /// Realm and client names (lower-case letters, digits, `-`), and user ids.
    pub const NAME: usize = 100;
    /// Names that people read.
    pub const DISPLAY_NAME: usize = 100;
    /// The text a client shows on the phone.
    pub const TEXT: usize = 500;
    /// Descriptions of browser and place, each.
    pub const CONTEXT: usize = 200;
    /// Origins and return URLs, each.
    pub const URL: usize = 500;
    /// How many origins, return URLs, callback URLs, templates or source networks may be listed.
    pub const URLS: usize = 20;
    /// Attributes of one user.
    pub const ATTRIBUTES: usize = 50;
    /// An attribute's value.
    pub const VALUE: usize = 1000;
    /// A request body.
    pub const BODY: usize = 64 * 1024;
    /// Longest `wait`, in seconds.
    pub const WAIT: u64 = 60;
    /// Items on one page of a list: [`PAGE`] when there is no `limit`, and [`MOST`] at most.
    pub const PAGE: u32 = 100;
    pub const MOST: u32 = 1000;
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    /// Pass it as `page_token`, with the other parameters unchanged, to get the next page. Absent
    /// on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
