//! LoginRegistry: who on this pod waits for which login or enrolment.
//!
//! A registration is a guard: dropping it unregisters, and only the registration itself (its generation). Wake-ups carry an id and a version, nothing
//! else; whoever is woken reads the store. The registry also wakes at expiry, so that somebody notices.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use actix::prelude::*;
use countersign_domain::{
    ports::{Clock, Topic},
    time::Time,
};
use tokio::sync::Notify;

use crate::watch::Vital;

/// How often expiries are looked for.
const TICK: Duration = Duration::from_millis(200);
/// Waiters for one id at most: pages, long polls and one phone of one login.
const MOST_PER_TOPIC: usize = 64;
/// Messages that may wait for the registry.
const MAILBOX: usize = 16_384;

/// Told to a session that watches: read this login again.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct Woken {
    pub(crate) topic: Topic,
}

#[derive(Clone)]
pub(crate) enum Waiter {
    /// A task that waits (a page, a long poll).
    Task(Arc<Notify>),
    /// A session.
    Session(Recipient<Woken>),
}

impl Waiter {
    /// False when the waiter cannot take the message: it is dropped, and its own deadlines end it.
    fn wake(&self, topic: Topic) -> bool {
        match self {
            Self::Task(notify) => {
                notify.notify_one();
                true
            }
            Self::Session(to) => to.try_send(Woken { topic }).is_ok(),
        }
    }
}

pub(crate) struct LoginRegistry {
    topics: HashMap<Topic, Vec<(u64, Waiter)>>,
    deadlines: BTreeMap<(Time, u64), Topic>,
    generation: u64,
    clock: Arc<dyn Clock>,
    _vital: Vital,
}

impl LoginRegistry {
    pub(crate) fn new(clock: Arc<dyn Clock>, vital: Vital) -> Self {
        Self { topics: HashMap::new(), deadlines: BTreeMap::new(), generation: 0, clock, _vital: vital }
    }

    fn wake(&mut self, topic: Topic) {
        if let Some(waiters) = self.topics.get_mut(&topic) {
            waiters.retain(|(_, w)| w.wake(topic));
            if waiters.is_empty() {
                self.topics.remove(&topic);
            }
        }
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        while let Some((&(at, generation), &topic)) = self.deadlines.first_key_value()
            && at <= now
        {
            self.deadlines.remove(&(at, generation));
            self.wake(topic);
        }
    }
}

impl Actor for LoginRegistry {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(TICK, |registry, _| registry.tick());
    }
}

/// Start waiting; answered with the generation, or `None` when too many wait for this id already.
#[derive(Message)]
#[rtype(result = "Option<u64>")]
struct Register {
    topic: Topic,
    waiter: Waiter,
    wake_at: Option<Time>,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Unregister {
    topic: Topic,
    generation: u64,
    wake_at: Option<Time>,
}

/// This object changed.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Wake(pub(crate) Topic);

/// Wake-ups may have been lost: everybody reads again.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct WakeAll;

/// For the tests of supervision.
#[cfg(feature = "faults")]
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Panic;

impl Handler<Register> for LoginRegistry {
    type Result = Option<u64>;

    fn handle(&mut self, m: Register, _: &mut Self::Context) -> Option<u64> {
        let waiters = self.topics.entry(m.topic).or_default();
        if waiters.len() >= MOST_PER_TOPIC {
            return None;
        }
        self.generation += 1;
        waiters.push((self.generation, m.waiter));
        if let Some(at) = m.wake_at {
            self.deadlines.insert((at, self.generation), m.topic);
        }
        Some(self.generation)
    }
}

impl Handler<Unregister> for LoginRegistry {
    type Result = ();

    fn handle(&mut self, m: Unregister, _: &mut Self::Context) {
        if let Some(at) = m.wake_at {
            self.deadlines.remove(&(at, m.generation));
        }
        if let Some(waiters) = self.topics.get_mut(&m.topic) {
            waiters.retain(|(g, _)| *g != m.generation);
            if waiters.is_empty() {
                self.topics.remove(&m.topic);
            }
        }
    }
}

impl Handler<Wake> for LoginRegistry {
    type Result = ();

    fn handle(&mut self, Wake(topic): Wake, _: &mut Self::Context) {
        self.wake(topic);
    }
}

impl Handler<WakeAll> for LoginRegistry {
    type Result = ();

    fn handle(&mut self, _: WakeAll, _: &mut Self::Context) {
        for topic in self.topics.keys().copied().collect::<Vec<_>>() {
            self.wake(topic);
        }
    }
}

#[cfg(feature = "faults")]
impl Handler<Panic> for LoginRegistry {
    type Result = ();

    #[expect(clippy::panic, reason = "asked for by a test")]
    fn handle(&mut self, _: Panic, _: &mut Self::Context) {
        panic!("asked for by a test");
    }
}

/// A registration. Wakes its holder until it is dropped.
pub struct Watch {
    notify: Arc<Notify>,
    _registration: Registration,
}

impl Watch {
    /// Waits for the next wake-up. One that came between two calls is not lost.
    pub async fn woken(&self) {
        self.notify.notified().await;
    }
}

/// Unregisters on drop.
pub(crate) struct Registration {
    registry: Addr<LoginRegistry>,
    topic: Topic,
    generation: u64,
    wake_at: Option<Time>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        // A full mailbox leaves a stale entry: the next wake-up finds nobody listening and removes it, or the object's deadline passes.
        let _ = self.registry.try_send(Unregister { topic: self.topic, generation: self.generation, wake_at: self.wake_at });
    }
}

/// Registers a task. `None` when the registry is gone or too many wait.
pub(crate) async fn watch(registry: &Addr<LoginRegistry>, topic: Topic, wake_at: Option<Time>) -> Option<Watch> {
    let notify = Arc::new(Notify::new());
    let registration = register(registry, topic, Waiter::Task(notify.clone()), wake_at).await?;
    Some(Watch { notify, _registration: registration })
}

/// Registers a waiter.
pub(crate) async fn register(registry: &Addr<LoginRegistry>, topic: Topic, waiter: Waiter, wake_at: Option<Time>) -> Option<Registration> {
    let generation = registry.send(Register { topic, waiter, wake_at }).await.ok().flatten()?;
    Some(Registration { registry: registry.clone(), topic, generation, wake_at })
}
