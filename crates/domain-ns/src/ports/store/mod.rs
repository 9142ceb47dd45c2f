//! Truth: SQL. Every write commits durably before it returns, together with its row in the trail.

mod directory;
mod logins;
mod people;
mod trail;

use async_trait::async_trait;

pub use directory::{Directory, KeyQuery, Rotated};
pub use logins::{Logins, Recorded, Redeemed};
pub use people::{AccountQuery, People, UserQuery, UserSort};
pub use trail::{Kept, Purged, Trail};

use countersign_ports::Fault;

/// The store port of NS. "Absent" is `None` or `false`; only broken infrastructure is a [`Fault`].
#[async_trait]
pub trait Store: Directory + People + Logins + Trail {
    /// Whether the database answers.
    async fn ping(&self) -> Result<(), Fault>;
}
