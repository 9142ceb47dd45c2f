//! LoginRegistry: which tasks and sessions of this pod wait for which login or enrolment.
//!
//! A registration is a guard: dropping it unregisters that registration (by its generation) and no
//! other. Wake-ups carry an id and a version only; a waiter that is woken reads the store. The
//! registry also wakes waiters at expiry, so that they notice it.
//!
//! Registering does not wait for an answer. A caller that registers and then reads misses nothing:
//! if the read returned the old state, the registration was in the mailbox before the change was
//! made, and so before its wake-up; a mailbox keeps its order.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix::prelude::*;
use countersign_actors_shell::{Count, Vital};
use countersign_domain_ns::ports::Topic;
use countersign_ports::time::{Clock, Time};

use super::waiter::{Bell, Delivery, LOOK, Waiter};

/// How often the registry looks for expired objects.
const TICK: Duration = Duration::from_millis(200);
/// Waiters per id at most: pages, long polls and the one phone of a login. Some kinds of waiters
/// are limited to fewer.
pub(crate) const MOST_PER_TOPIC: usize = 64;
/// How long to wait before a wake-up is sent again to a session whose mailbox was full.
const RETRY: Duration = Duration::from_millis(100);
/// Messages that may wait for the registry.
const MAILBOX: usize = 16_384;

pub(crate) struct LoginRegistry {
    topics: HashMap<Topic, Vec<(u64, Waiter)>>,
    deadlines: BTreeMap<(Time, u64), Topic>,
    clock: Arc<dyn Clock>,
    _vital: Vital,
}

impl LoginRegistry {
    pub(crate) fn new(clock: Arc<dyn Clock>, vital: Vital) -> Self {
        Self { topics: HashMap::new(), deadlines: BTreeMap::new(), clock, _vital: vital }
    }

    fn wake(&mut self, topic: Topic, v: u64, ctx: &mut Context<Self>) {
        let Some(waiters) = self.topics.get_mut(&topic) else { return };
        let mut again = false;
        waiters.retain(|(_, w)| {
            let heard = w.wake(topic, v);
            again |= heard == Delivery::Later;
            heard != Delivery::Never
        });
        if waiters.is_empty() {
            self.topics.remove(&topic);
        } else if again {
            ctx.run_later(RETRY, move |registry, ctx| registry.wake(topic, v, ctx));
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        while let Some((&(at, generation), &topic)) = self.deadlines.first_key_value()
            && at <= now
        {
            self.deadlines.remove(&(at, generation));
            self.wake(topic, LOOK, ctx);
        }
    }
}

impl Actor for LoginRegistry {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(TICK, Self::tick);
    }
}

/// Starts waiting.
#[derive(Message)]
#[rtype(result = "()")]
struct Register {
    topic: Topic,
    generation: u64,
    waiter: Waiter,
    /// The registration is refused when there are this many waiters already.
    most: usize,
    wake_at: Option<Time>,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Unregister {
    topic: Topic,
    generation: u64,
    wake_at: Option<Time>,
}

/// The object that the topic names has reached this version.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Wake(pub(crate) Topic, pub(crate) u64);

/// Wake-ups may have been lost: all waiters read again.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct WakeAll;

/// For the tests of supervision: makes the registry panic.
#[cfg(feature = "faults")]
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Panic;

impl Handler<Register> for LoginRegistry {
    type Result = ();

    fn handle(&mut self, m: Register, _: &mut Self::Context) {
        let waiters = self.topics.entry(m.topic).or_default();
        if waiters.len() >= m.most {
            return m.waiter.refuse();
        }
        waiters.push((m.generation, m.waiter));
        if let Some(at) = m.wake_at {
            self.deadlines.insert((at, m.generation), m.topic);
        }
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

    fn handle(&mut self, Wake(topic, v): Wake, ctx: &mut Self::Context) {
        self.wake(topic, v, ctx);
    }
}

impl Handler<WakeAll> for LoginRegistry {
    type Result = ();

    fn handle(&mut self, _: WakeAll, ctx: &mut Self::Context) {
        for topic in self.topics.keys().copied().collect::<Vec<_>>() {
            self.wake(topic, LOOK, ctx);
        }
    }
}

impl Handler<Count> for LoginRegistry {
    type Result = usize;

    fn handle(&mut self, _: Count, _: &mut Self::Context) -> usize {
        self.topics.values().map(Vec::len).sum()
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
pub struct LoginWatch {
    bell: Arc<Bell>,
    _registration: Registration,
}

impl LoginWatch {
    /// Waits for the next wake-up. A wake-up between two calls is not lost. Returns false when the
    /// registration was refused because too many wait for this object already; no wake-up will come
    /// then.
    pub async fn woken(&self) -> bool {
        self.bell.notify.notified().await;
        !self.bell.refused.load(Ordering::Relaxed)
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
        // If the mailbox is full, a stale entry remains. It is removed at the next wake-up, which
        // finds its receiver gone, or at the object's deadline.
        let _ = self.registry.try_send(Unregister {
            topic: self.topic,
            generation: self.generation,
            wake_at: self.wake_at,
        });
    }
}

/// Registers a task, unless `most` waiters exist already. `None` when the registry is gone or
/// overloaded.
pub(crate) fn watch(
    registry: &Addr<LoginRegistry>,
    topic: Topic,
    most: usize,
    wake_at: Option<Time>,
) -> Option<LoginWatch> {
    let bell = Arc::new(Bell::default());
    let registration = register(registry, topic, Waiter::Task(bell.clone()), most, wake_at)?;
    Some(LoginWatch { bell, _registration: registration })
}

/// Registers a waiter. `None` when the registry is gone or overloaded.
pub(crate) fn register(
    registry: &Addr<LoginRegistry>,
    topic: Topic,
    waiter: Waiter,
    most: usize,
    wake_at: Option<Time>,
) -> Option<Registration> {
    static GENERATIONS: AtomicU64 = AtomicU64::new(0);
    let generation = GENERATIONS.fetch_add(1, Ordering::Relaxed);
    registry.try_send(Register { topic, generation, waiter, most, wake_at }).ok()?;
    Some(Registration { registry: registry.clone(), topic, generation, wake_at })
}
