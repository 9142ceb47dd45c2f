//! Starting SFS.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use countersign_actors_shell::{Count, Deaths, Drain, Front, MessageRegistry, Sessions, Shell, Supervision};
use countersign_domain_sfs::ports::Ports;
use countersign_ports::Fault;
use tokio::sync::{mpsc, watch};

use crate::{
    identity,
    session::{Event, Sfs, Shared},
};

/// Time limits of a session's steps.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Longest time from HELLO to ClientAuth.
    pub first_frame: Duration,
    /// Longest life of a connection.
    pub lifetime: Duration,
    /// How often phones are asked to ping, in seconds.
    pub ping_after: u64,
}

/// The handles of a started SFS.
#[derive(Clone)]
pub struct Heart {
    pub sessions: Arc<dyn Sessions>,
    pub drain: Drain<Event>,
    messages: Addr<MessageRegistry<Event>>,
}

impl Heart {
    /// Opens the server's identity, or creates it, and starts the registry on an arbiter of its
    /// own, inside a running actix system.
    ///
    /// # Errors
    /// When the identity cannot be read or created.
    pub async fn start(ports: &Ports, settings: Settings) -> Result<(Self, Deaths), Fault> {
        let keys = identity::keys(ports).await?;
        let (watch, deaths) = Supervision::new();
        let (leave, leaving) = watch::channel(false);
        // Departures are not reported: SFS has no bus, so no other pod asks where a phone is
        // connected.
        let (departures, _nobody_is_told) = mpsc::channel(1);
        let vital = watch.guard("MessageRegistry");
        let messages = MessageRegistry::start_in_arbiter(&Arbiter::new().handle(), move |_| {
            MessageRegistry::new(departures, vital)
        });
        let (first_frame, lifetime) = (settings.first_frame, settings.lifetime);
        let shell = Arc::new(Shell { clock: ports.clock.clone(), first_frame, lifetime, leaving });
        let shared = Arc::new(Shared { keys, ping_after: settings.ping_after });
        let sessions = Arc::new(Front::<Sfs>::new(shell, shared));
        let drain = Drain::new(messages.clone(), watch, leave);
        Ok((Self { sessions, drain, messages }, deaths))
    }

    /// How many phones have authenticated, as counted by the registry. `None` when it has died.
    pub async fn sessions(&self) -> Option<usize> {
        self.messages.send(Count).await.ok()
    }

    /// For the tests of supervision: makes the registry panic.
    #[cfg(feature = "faults")]
    pub async fn panic_in(&self, what: &str) -> bool {
        what == "messages" && self.messages.send(countersign_actors_shell::Panic).await.is_err()
    }
}
