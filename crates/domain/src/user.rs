//! A user: the name a client knows a person by.

use countersign_protocol::ids::RealmId;

use crate::time::Time;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub realm: RealmId,
    /// Chosen by the caller; see [`crate::text::user_id`].
    pub user_id: String,
    pub display_name: Option<String>,
    pub created_at: Time,
}
