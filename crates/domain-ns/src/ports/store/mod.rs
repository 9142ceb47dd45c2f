//! The store port: the database. Every write commits durably before it returns, together with its
//! row in the trail.

mod directory;
mod logins;
mod page;
mod people;
mod trail;

pub use directory::{Directory, KeyQuery, Rotated};
pub use logins::{Logins, Recorded, Redeemed};
pub use page::Page;
pub use people::{AccountQuery, People, UserQuery, UserSort};
pub use trail::{Kept, Purged, Trail};

use countersign_ports::probe::Probe;

/// The store port of NS. Absence is `None` or `false`; only broken infrastructure is a
/// [`countersign_ports::Fault`].
pub trait Store: Directory + People + Logins + Trail + Probe {}

impl<T: Directory + People + Logins + Trail + Probe> Store for T {}
