#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod accounts;
mod enrolments;
mod heart;
mod logins;
mod realms;
mod registry;
mod session;

pub use accounts::Accounts;
pub use enrolments::Enrolments;
pub use heart::{Heart, Presences, Settings};
pub use logins::Logins;
pub use realms::Realms;
pub use registry::login::LoginWatch as Waiting;
