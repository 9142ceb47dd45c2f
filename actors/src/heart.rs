//! Starting the heart.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use countersign_domain_ns::ports::Ports;
use countersign_ports::{
    Fault,
    bus::{Bus, Wakes},
    presence::{Peer, Presence},
};
use countersign_protocol::ids::PodId;
use tokio::sync::{mpsc, oneshot};

use crate::{
    Accounts, Deaths, Drain, Enrolments, Logins, Realms, Sessions,
    bridge::BusBridge,
    registry::{
        login::LoginRegistry,
        message::{Count, MessageRegistry},
    },
    watch::Watch,
};

/// How long the steps of a session may take. The defaults are in the program's configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From HELLO to ClientAuth.
    pub first_frame: Duration,
    /// From ClientAuth `enrol` to the end of the enrolment connection.
    pub enrolment: Duration,
    /// Without hearing anything from an authenticated phone.
    pub idle: Duration,
    /// Of a whole connection.
    pub lifetime: Duration,
    /// How often phones are asked to ping, in seconds.
    pub ping_after: u64,
    /// How long a waiter trusts that no wake-up was lost.
    pub safety_poll: Duration,
}

/// What everybody in the heart shares.
pub(crate) struct Shared {
    pub(crate) ports: Ports,
    pub(crate) realms: Realms,
    pub(crate) settings: Settings,
    pub(crate) logins: Addr<LoginRegistry>,
    pub(crate) messages: Addr<MessageRegistry>,
    /// A supervised actor lives only as long as somebody could send to it.
    _bridge: Addr<BusBridge>,
    /// Turns true when the pod sends everybody away.
    pub(crate) leaving: tokio::sync::watch::Receiver<bool>,
}

/// How soon settings that were changed on another pod are seen here.
const REFRESH: Duration = Duration::from_secs(10);

async fn refresh(realms: Realms) {
    loop {
        actix_rt::time::sleep(REFRESH).await;
        if let Err(fault) = realms.reload().await {
            tracing::warn!(%fault, "the realms cannot be read again; working with what is known");
        }
    }
}

/// Phones that left and have not been told of yet, at most.
const DEPARTURES: usize = 65_536;
/// Departures per batch.
const TOGETHER: usize = 500;

/// Tells other pods who left here, until the registry ends.
async fn tell_who_left(presence: Arc<dyn Presence>, mut departed: mpsc::Receiver<(Peer, u64)>) {
    let mut gone = Vec::new();
    while departed.recv_many(&mut gone, TOGETHER).await > 0 {
        if let Err(fault) = presence.depart(&gone).await {
            tracing::warn!(%fault, "who left cannot be told to other pods");
        }
        gone.clear();
    }
}

/// The bus is listened to on the thread that hands on what it says: a wake-up then wakes that thread alone.
async fn subscribe(arbiter: &Arbiter, bus: Arc<dyn Bus>, pod: PodId) -> Result<Box<dyn Wakes>, Fault> {
    let (tell, told) = oneshot::channel();
    arbiter.spawn(async move {
        let _nobody_starts_any_more = tell.send(bus.subscribe(pod).await);
    });
    told.await.unwrap_or_else(|_| Err(Fault("the heart's thread has ended".to_owned())))
}

/// The handles of a started heart.
#[derive(Clone)]
pub struct Heart {
    pub realms: Realms,
    pub logins: Logins,
    pub enrolments: Enrolments,
    pub accounts: Accounts,
    pub sessions: Sessions,
    pub drain: Drain,
    shared: Arc<Shared>,
}

/// How many are here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presences {
    /// Phones that have authenticated.
    pub sessions: usize,
    /// Pages, long polls and sessions that wait for a login or enrolment.
    pub waiters: usize,
}

impl Heart {
    /// Starts registries and bridge on an arbiter of their own, inside a running actix system.
    ///
    /// # Errors
    /// When the realms cannot be read, or the KV cannot be subscribed to.
    pub async fn start(ports: Ports, settings: Settings) -> Result<(Self, Deaths), Fault> {
        let realms = Realms::load(ports.clone()).await?;
        let (watch, deaths) = Watch::new();
        let (leave, leaving) = tokio::sync::watch::channel(false);
        let arbiter = Arbiter::new();
        let (clock, vital) = (ports.clock.clone(), watch.guard("LoginRegistry"));
        let logins = LoginRegistry::start_in_arbiter(&arbiter.handle(), move |_| LoginRegistry::new(clock, vital));
        let vital = watch.guard("MessageRegistry");
        let (departures, departed) = mpsc::channel(DEPARTURES);
        let messages = MessageRegistry::start_in_arbiter(&arbiter.handle(), move |_| MessageRegistry::new(departures, vital));
        actix_rt::spawn(tell_who_left(ports.presence.clone(), departed));
        let pod = PodId(ports.fresh_id());
        let wakes = subscribe(&arbiter, ports.bus.clone(), pod).await?;
        let bridge = BusBridge::new(&ports, pod, wakes, logins.clone(), messages.clone(), realms.clone());
        let bridge = Supervisor::start_in_arbiter(&arbiter.handle(), move |_| bridge);
        let shared =
            Arc::new(Shared { ports, realms: realms.clone(), settings, logins, messages: messages.clone(), _bridge: bridge, leaving });
        actix_rt::spawn(refresh(realms.clone()));
        let heart = Self {
            realms,
            logins: Logins::new(shared.clone()),
            enrolments: Enrolments::new(shared.clone()),
            accounts: Accounts::new(shared.clone()),
            sessions: Sessions::new(shared.clone()),
            drain: Drain::new(messages, watch, leave),
            shared,
        };
        Ok((heart, deaths))
    }

    /// How many are here; asks the registries. `None` when one of them has died.
    pub async fn presences(&self) -> Option<Presences> {
        let sessions = self.shared.messages.send(Count).await.ok()?;
        let waiters = self.shared.logins.send(Count).await.ok()?;
        Some(Presences { sessions, waiters })
    }

    /// For the tests of supervision: makes a registry (`logins`, `messages`) or the session of an account panic.
    #[cfg(feature = "faults")]
    pub async fn panic_in(&self, what: &str) -> bool {
        use countersign_domain_ns::account;

        use crate::registry::{login, message};
        match (what, what.parse()) {
            ("logins", _) => self.shared.logins.send(login::Panic).await.is_err(),
            ("messages", _) => self.shared.messages.send(message::Panic).await.is_err(),
            (_, Ok(account)) => self.shared.messages.send(message::PanicSession(account::peer(account))).await.unwrap_or(false),
            _ => false,
        }
    }
}
