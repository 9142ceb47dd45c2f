#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod accounts;
mod enrolments;
mod heart;
mod logins;
mod realms;
mod registry;
mod session;
mod shared;

pub use accounts::Accounts;
pub use enrolments::Enrolments;
pub use heart::{Heart, Presences};
pub use logins::Logins;
pub use realms::Realms;
pub use registry::login::LoginWatch as Waiting;
pub use shared::Settings;
