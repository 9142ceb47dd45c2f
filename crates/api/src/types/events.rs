//! The trail and its events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Who did what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Grows with every event; what `after` takes.
    pub seq: u64,
    #[schemars(schema_with = "schema::time")]
    pub at: String,
    /// `key:…`, `account:…`, `phone`, `page`, `system`.
    pub actor: String,
    /// Like `login.approved` or `alert.not_me`.
    pub action: String,
    /// Id or name of what it was done to.
    pub object: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// A word more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
