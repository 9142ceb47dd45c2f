#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod accounts;
mod bridge;
mod drain;
mod enrolments;
mod heart;
mod link;
mod logins;
mod realms;
mod registry;
mod session;
mod watch;
mod work;

pub use accounts::Accounts;
pub use drain::Drain;
pub use enrolments::Enrolments;
pub use heart::{Heart, Presences, Settings};
pub use link::{LinkReader, Out};
pub use logins::Logins;
pub use realms::Realms;
pub use registry::login::Watch as Waiting;
pub use session::{Session, Sessions};
pub use watch::Deaths;
