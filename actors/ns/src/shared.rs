//! What the actors and handles of NS share.

use std::time::Duration;

use actix::Addr;
use countersign_actors_shell::{BusBridge, MessageRegistry};
use countersign_domain_ns::ports::{Ports, Topic};

use crate::{Realms, registry::login::LoginRegistry};

/// Time limits of a session's steps. The defaults are in the program's configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Longest time from HELLO to ClientAuth.
    pub first_frame: Duration,
    /// Longest time from ClientAuth `enrol` to the end of the enrolment connection.
    pub enrolment: Duration,
    /// Longest silence of an authenticated phone.
    pub idle: Duration,
    /// Longest life of a connection.
    pub lifetime: Duration,
    /// How often phones are asked to ping, in seconds.
    pub ping_after: u64,
    /// How long a waiter relies on wake-ups before it reads the state without one.
    pub safety_poll: Duration,
}

/// State that the actors and handles of NS share.
pub(crate) struct Shared {
    pub(crate) ports: Ports,
    pub(crate) realms: Realms,
    pub(crate) settings: Settings,
    pub(crate) logins: Addr<LoginRegistry>,
    pub(crate) messages: Addr<MessageRegistry<Event>>,
    /// Kept because a supervised actor stops when its last address is dropped.
    pub(crate) _bridge: Addr<BusBridge<Event>>,
}

/// Events that the registry sends to a session of NS.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// The account changed: read it again.
    Look,
    /// An object related to the account changed: notify the phone of it.
    See(Topic),
}
