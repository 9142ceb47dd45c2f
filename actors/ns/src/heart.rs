//! Starting the actors of NS.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use async_trait::async_trait;
use countersign_actors_shell::{
    BusBridge, Count, Deaths, Drain, Front, Listener, MessageRegistry, Sessions, Shell, Supervision, Tell,
    TellAll, report_departures, subscribe,
};
use countersign_domain_ns::{
    account::peer,
    ports::{Ports, Topic},
};
use countersign_ports::Fault;
use countersign_protocol::ids::PodId;
use tokio::sync::mpsc;

use crate::{
    Accounts, Enrolments, Logins, Realms,
    registry::login::{self, LoginRegistry, WakeAll},
    session::Ns,
    shared::{Event, Settings, Shared},
};

/// How often the realms are read again, to see settings that were changed on another pod.
const REFRESH: Duration = Duration::from_secs(10);

async fn refresh(realms: Realms) {
    loop {
        actix_rt::time::sleep(REFRESH).await;
        if let Err(fault) = realms.reload().await {
            tracing::warn!(%fault, "the realms cannot be read again; working with what is known");
        }
    }
}

/// Departures that may wait to be reported to other pods.
const DEPARTURES: usize = 65_536;
/// Forwards the wake-ups of NS to its registries.
struct Woken {
    logins: Addr<LoginRegistry>,
    messages: Addr<MessageRegistry<Event>>,
    realms: Realms,
}

impl Woken {
    /// Reads the realms again in a task of its own, so that further wake-ups do not wait for it.
    fn look_at_realms(&self) {
        let realms = self.realms.clone();
        actix_rt::spawn(async move {
            if let Err(fault) = realms.reload().await {
                tracing::warn!(%fault, "the realms cannot be read again; working with what is known");
            }
        });
    }
}

#[async_trait(?Send)]
impl Listener for Woken {
    async fn changed(&self, topic: &[u8], v: u64) {
        let Some(topic) = Topic::from_bytes(topic) else { return };
        let (account, event) = match topic {
            Topic::Login(_) | Topic::Enrolment(_) => {
                let _gone_with_the_pod = self.logins.send(login::Wake(topic, v)).await;
                return;
            }
            Topic::Realm(_) => return self.look_at_realms(),
            Topic::Account(account) => (account, Event::Look),
            Topic::Offered { to, .. } | Topic::Vouch { to, .. } | Topic::Device { to, .. } => {
                (to, Event::See(topic))
            }
        };
        let _gone_with_the_pod = self.messages.send(Tell { peer: peer(account), event }).await;
    }

    async fn resync(&self) {
        self.look_at_realms();
        let _gone_with_the_pod =
            (self.logins.send(WakeAll).await, self.messages.send(TellAll(Event::Look)).await);
    }
}

/// The handles of the started actors.
#[derive(Clone)]
pub struct Heart {
    pub realms: Realms,
    pub logins: Logins,
    pub enrolments: Enrolments,
    pub accounts: Accounts,
    pub sessions: Arc<dyn Sessions>,
    pub drain: Drain<Event>,
    shared: Arc<Shared>,
}

/// How many sessions and waiters are on this pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presences {
    /// Phones that have authenticated.
    pub sessions: usize,
    /// Pages, long polls and sessions that wait for a login or enrolment.
    pub waiters: usize,
}

impl Heart {
    /// Starts the registries and the bridge on an arbiter of their own, inside a running actix
    /// system.
    ///
    /// # Errors
    /// When the realms cannot be read, or the KV cannot be subscribed to.
    pub async fn start(ports: Ports, settings: Settings) -> Result<(Self, Deaths), Fault> {
        let realms = Realms::load(ports.clone()).await?;
        let (watch, deaths) = Supervision::new();
        let (leave, leaving) = tokio::sync::watch::channel(false);
        let arbiter = Arbiter::new();
        let (clock, vital) = (ports.clock.clone(), watch.guard("LoginRegistry"));
        let logins =
            LoginRegistry::start_in_arbiter(&arbiter.handle(), move |_| LoginRegistry::new(clock, vital));
        let vital = watch.guard("MessageRegistry");
        let (departures, departed) = mpsc::channel(DEPARTURES);
        let messages = MessageRegistry::start_in_arbiter(&arbiter.handle(), move |_| {
            MessageRegistry::new(departures, vital)
        });
        actix_rt::spawn(report_departures(ports.presence.clone(), departed));
        let pod = PodId(ports.fresh_id());
        let wakes = subscribe(&arbiter, ports.bus.clone(), pod).await?;
        let woken =
            Arc::new(Woken { logins: logins.clone(), messages: messages.clone(), realms: realms.clone() });
        let bridge =
            BusBridge::new((ports.bus.clone(), ports.presence.clone()), pod, wakes, messages.clone(), woken);
        let bridge = Supervisor::start_in_arbiter(&arbiter.handle(), move |_| bridge);
        let (first_frame, lifetime) = (settings.first_frame, settings.lifetime);
        let shell = Arc::new(Shell { clock: ports.clock.clone(), first_frame, lifetime, leaving });
        let shared = Arc::new(Shared {
            ports,
            realms: realms.clone(),
            settings,
            logins,
            messages: messages.clone(),
            _bridge: bridge,
        });
        actix_rt::spawn(refresh(realms.clone()));
        let heart = Self {
            realms,
            logins: Logins::new(shared.clone()),
            enrolments: Enrolments::new(shared.clone()),
            accounts: Accounts::new(shared.clone()),
            sessions: Arc::new(Front::<Ns>::new(shell, shared.clone())),
            drain: Drain::new(messages, watch, leave),
            shared,
        };
        Ok((heart, deaths))
    }

    /// Counts the sessions and waiters on this pod by asking the registries. `None` when one of
    /// them has died.
    pub async fn presences(&self) -> Option<Presences> {
        let sessions = self.shared.messages.send(Count).await.ok()?;
        let waiters = self.shared.logins.send(Count).await.ok()?;
        Some(Presences { sessions, waiters })
    }

    /// For the tests of supervision: makes a registry (`logins`, `messages`) or the session of an
    /// account panic.
    #[cfg(feature = "faults")]
    pub async fn panic_in(&self, what: &str) -> bool {
        use countersign_domain_ns::account;

        match (what, what.parse()) {
            ("logins", _) => self.shared.logins.send(login::Panic).await.is_err(),
            ("messages", _) => self.shared.messages.send(countersign_actors_shell::Panic).await.is_err(),
            (_, Ok(account)) => self
                .shared
                .messages
                .send(countersign_actors_shell::PanicSession(account::peer(account)))
                .await
                .unwrap_or(false),
            _ => false,
        }
    }
}
