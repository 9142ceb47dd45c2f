//! Handles through which services use the directory, users and the trail. Each handle covers one
//! noun and writes only by the rules of the flows. Services get these handles and never the ports
//! behind them.

mod api_keys;
mod clients;
mod people;
mod quarantines;
mod roles;
mod trail;

pub use api_keys::{ApiKeys, Certificate, Made, Rotation, break_glass};
pub use clients::Clients;
pub use people::Users;
pub use quarantines::Quarantines;
pub use roles::Roles;
pub use trail::Events;
