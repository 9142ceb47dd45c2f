//! Starting SFS.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use countersign_actors_shell::{Count, Deaths, Drain, Front, MessageRegistry, Sessions, Shell, Supervision};
use countersign_domain_sfs::ports::Ports;
use countersign_ports::Fault;
use tokio::sync::{mpsc, watch};

use crate::{
    identity::{self, Known},
    session::Sfs,
    shared::{Event, Shared},
    signing,
};

/// Time limits of a session's steps.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Longest time from HELLO to ClientAuth.
    pub first_frame: Duration,
    /// Longest silence of an authenticated phone.
    pub idle: Duration,
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
    /// What others have to know of this SFS.
    pub known: Known,
    messages: Addr<MessageRegistry<Event>>,
}

impl Heart {
    /// Opens the server's identity, or creates it, and starts the registry on an arbiter of its
    /// own, inside a running actix system.
    ///
    /// # Errors
    /// When the identity cannot be read or created.
    pub async fn start(ports: &Ports, settings: Settings) -> Result<(Self, Deaths), Fault> {
        let server = identity::identity(ports).await?;
        let keys = identity::keys(ports, &server)?;
        let known = Known::of(&server)?;
        let signer = signing::signer(ports, &server).await?;
        let (watch, deaths) = Supervision::new();
        let (renewed, signer) = watch::channel(Arc::new(signer));
        let renewal = signing::renew(ports.clone(), server, renewed);
        actix_rt::spawn(watch.task("the renewal of attestation keys", renewal));
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
        let shared = Arc::new(Shared {
            ports: ports.clone(),
            keys,
            signer,
            messages: messages.clone(),
            ping_after: settings.ping_after,
            idle: settings.idle,
        });
        let sessions = Arc::new(Front::<Sfs>::new(shell, shared));
        let drain = Drain::new(messages.clone(), watch, leave);
        Ok((Self { sessions, drain, known, messages }, deaths))
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
