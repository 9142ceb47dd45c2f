//! A user: the name a client knows a person by.

use countersign_protocol::ids::RealmId;

use crate::{Refused, authority::Authority};
use countersign_ports::time::Time;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub realm: RealmId,
    /// Chosen by the caller; see [`crate::text::user_id`].
    pub user_id: String,
    pub display_name: Option<String>,
    pub created_at: Time,
}

/// A legal hold: while it is in force, nothing that is kept about the user is purged or erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub realm: RealmId,
    pub user_id: String,
    pub reason: Option<String>,
    /// The actor that placed it, as the trail spells actors.
    pub placed_by: String,
    pub authority: Authority,
    pub placed_at: Time,
}

impl Hold {
    /// Whether an actor with this authority may lift it.
    ///
    /// # Errors
    /// [`Refused::MoreAuthority`].
    pub fn may_lift(&self, who: Authority) -> Result<(), Refused> {
        if who >= self.authority { Ok(()) } else { Err(Refused::MoreAuthority) }
    }
}
