//! Events of the audit trail.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// One event of the audit trail: who did what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Higher with every event. Pass the highest one seen as `after` to get what follows it.
    pub seq: u64,
    #[schemars(schema_with = "schema::time")]
    pub at: String,
    /// Who did it: `key:…`, `account:…`, `phone`, `page`, `system`.
    pub actor: String,
    /// What was done, like `login.approved` or `alert.not_me`.
    pub action: String,
    /// Id or name of the object it was done to.
    pub object: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Further detail: one word, or a JSON object for some actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
