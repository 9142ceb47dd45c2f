//! What services may do with the directory, people and the trail: each handle covers one noun, and
//! writes by the rules of the flows alone. Services are given these, and never the ports behind
//! them.

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
