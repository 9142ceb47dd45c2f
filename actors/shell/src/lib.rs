#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod bridge;
mod completion;
mod conversation;
mod drain;
pub mod identity;
mod link;
mod presence;
mod registry;
mod session;
mod start;
mod watch;

pub use bridge::{BusBridge, Listener, subscribe};
pub use completion::run_to_completion;
pub use conversation::{Conversation, Entrance, Event};
pub use drain::Drain;
pub use link::{LinkReader, Out};
pub use presence::{Presence, arrive, report_departures};
pub use registry::{Control, Count, Departures, IsHere, MessageRegistry, Tell, TellAll};
#[cfg(feature = "faults")]
pub use registry::{Panic, PanicSession};
pub use session::{SessionActor, Work, done};
pub use start::{Front, Session, SessionIn, Sessions, Shell};
pub use watch::{Deaths, Supervision, Vital};
