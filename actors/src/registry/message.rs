//! MessageRegistry: which account is on which session of this pod. It alone owns displacement: the newest connection wins.
//!
//! Arriving does not wait for an answer, for the reason given in `login.rs`.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use actix::prelude::*;
use countersign_domain_ns::{account::peer, ports::Topic};
use countersign_ports::presence::Peer;
use countersign_protocol::codes::Close;
use tokio::sync::mpsc;

use crate::watch::Vital;

/// Messages that may wait for the registry.
const MAILBOX: usize = 16_384;
/// How long a session that could not take a message is left alone.
const RETRY: Duration = Duration::from_millis(100);

/// Told to a session by the registry.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub(crate) enum Control {
    /// Say goodbye for this reason and end.
    End(Close),
    /// The account changed: read it again.
    Look,
    /// Something that concerns the account without being it: see to it.
    See(Topic),
    /// For the tests of supervision.
    #[cfg(feature = "faults")]
    Panic,
}

/// Who holds an account here.
struct Place {
    /// Of the registration on this pod.
    generation: u64,
    /// Of the arrival among all pods.
    arrival: u64,
    session: Recipient<Control>,
}

pub(crate) struct MessageRegistry {
    sessions: HashMap<Peer, Place>,
    /// Set by a drain: newcomers are sent away at once.
    leaving: bool,
    /// Who left, for other pods.
    departures: mpsc::Sender<(Peer, u64)>,
    _vital: Vital,
}

impl MessageRegistry {
    pub(crate) fn new(departures: mpsc::Sender<(Peer, u64)>, vital: Vital) -> Self {
        Self { sessions: HashMap::new(), leaving: false, departures, _vital: vital }
    }
}

/// Tells a session; one that is too busy is told again until it hears, or is gone.
fn tell(session: Recipient<Control>, what: Control, ctx: &mut Context<MessageRegistry>) {
    if let Err(SendError::Full(_)) = session.try_send(what) {
        ctx.run_later(RETRY, move |_, ctx| tell(session, what, ctx));
    }
}

impl Actor for MessageRegistry {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

/// A session has authenticated. Whoever held the account is displaced.
#[derive(Message)]
#[rtype(result = "()")]
struct Arrive {
    peer: Peer,
    generation: u64,
    arrival: u64,
    session: Recipient<Control>,
}

/// The account has arrived somewhere with this number: who came before goes.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Moved(pub(crate) Peer, pub(crate) u64);

/// Accounts that are here, with the numbers of their arrivals.
#[derive(Message)]
#[rtype(result = "Vec<(Peer, u64)>")]
pub(crate) struct Held;

#[derive(Message)]
#[rtype(result = "()")]
struct Leave {
    peer: Peer,
    generation: u64,
}

/// Something about this topic changed.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Poke(pub(crate) Topic);

/// Wake-ups may have been lost: every session reads its account again.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct PokeAll;

/// Whether a session of this pod holds the account.
#[derive(Message)]
#[rtype(result = "bool")]
pub(crate) struct IsHere(pub(crate) Peer);

/// How many are registered.
#[derive(Message)]
#[rtype(result = "usize")]
pub(crate) struct Count;

/// Send everybody away, spread over this time.
#[derive(Message)]
#[rtype(result = "usize")]
pub(crate) struct SendAway(pub(crate) Duration);

/// For the tests of supervision: the session of this account panics.
#[cfg(feature = "faults")]
#[derive(Message)]
#[rtype(result = "bool")]
pub(crate) struct PanicSession(pub(crate) Peer);

impl Handler<Arrive> for MessageRegistry {
    type Result = ();

    fn handle(&mut self, m: Arrive, ctx: &mut Self::Context) {
        if self.leaving {
            tell(m.session.clone(), Control::End(Close::Draining), ctx);
        }
        // Two that came at once may be announced in any order.
        if self.sessions.get(&m.peer).is_some_and(|there| there.arrival > m.arrival) {
            return tell(m.session, Control::End(Close::Displaced), ctx);
        }
        let place = Place { generation: m.generation, arrival: m.arrival, session: m.session };
        if let Some(old) = self.sessions.insert(m.peer, place) {
            tell(old.session, Control::End(Close::Displaced), ctx);
        }
    }
}

impl Handler<Moved> for MessageRegistry {
    type Result = ();

    fn handle(&mut self, Moved(peer, arrival): Moved, ctx: &mut Self::Context) {
        if self.sessions.get(&peer).is_some_and(|there| there.arrival < arrival)
            && let Some(old) = self.sessions.remove(&peer)
        {
            tell(old.session, Control::End(Close::Displaced), ctx);
        }
    }
}

impl Handler<Held> for MessageRegistry {
    type Result = MessageResult<Held>;

    fn handle(&mut self, _: Held, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.sessions.iter().map(|(peer, place)| (*peer, place.arrival)).collect())
    }
}

impl Handler<Leave> for MessageRegistry {
    type Result = ();

    /// Only if it is still the one: a displaced session must not remove its successor.
    fn handle(&mut self, m: Leave, _: &mut Self::Context) {
        if self.sessions.get(&m.peer).is_some_and(|there| there.generation == m.generation)
            && let Some(place) = self.sessions.remove(&m.peer)
            // In a drain everybody is about to arrive elsewhere, which says more.
            && !self.leaving
        {
            // When too many leave at once, the others count as present until they come again.
            let _too_many = self.departures.try_send((m.peer, place.arrival));
        }
    }
}

impl Handler<Poke> for MessageRegistry {
    type Result = ();

    fn handle(&mut self, Poke(topic): Poke, ctx: &mut Self::Context) {
        let (to, what) = match topic {
            Topic::Account(account) => (account, Control::Look),
            Topic::Offered { to, .. } | Topic::Vouch { to, .. } | Topic::Device { to, .. } => (to, Control::See(topic)),
            Topic::Login(_) | Topic::Enrolment(_) | Topic::Realm(_) => return,
        };
        if let Some(there) = self.sessions.get(&peer(to)) {
            tell(there.session.clone(), what, ctx);
        }
    }
}

impl Handler<PokeAll> for MessageRegistry {
    type Result = ();

    fn handle(&mut self, _: PokeAll, ctx: &mut Self::Context) {
        for there in self.sessions.values() {
            tell(there.session.clone(), Control::Look, ctx);
        }
    }
}

impl Handler<IsHere> for MessageRegistry {
    type Result = bool;

    fn handle(&mut self, IsHere(peer): IsHere, _: &mut Self::Context) -> bool {
        self.sessions.contains_key(&peer)
    }
}

impl Handler<Count> for MessageRegistry {
    type Result = usize;

    fn handle(&mut self, _: Count, _: &mut Self::Context) -> usize {
        self.sessions.len()
    }
}

impl Handler<SendAway> for MessageRegistry {
    type Result = usize;

    fn handle(&mut self, SendAway(spread): SendAway, ctx: &mut Self::Context) -> usize {
        self.leaving = true;
        let sessions: Vec<_> = self.sessions.values().map(|there| there.session.clone()).collect();
        let n = sessions.len();
        // In ten batches, so that the other pods do not meet everybody at once.
        let batch = n.div_ceil(10).max(1);
        for (i, chunk) in sessions.chunks(batch).enumerate() {
            let chunk = chunk.to_vec();
            let at = spread.mul_f64(f64::from(u32::try_from(i).unwrap_or(0)) / 10.0);
            ctx.run_later(at, move |_, ctx| {
                for session in chunk {
                    tell(session, Control::End(Close::Draining), ctx);
                }
            });
        }
        n
    }
}

/// For the tests of supervision.
#[cfg(feature = "faults")]
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Panic;

#[cfg(feature = "faults")]
impl Handler<Panic> for MessageRegistry {
    type Result = ();

    #[expect(clippy::panic, reason = "asked for by a test")]
    fn handle(&mut self, _: Panic, _: &mut Self::Context) {
        panic!("asked for by a test");
    }
}

#[cfg(feature = "faults")]
impl Handler<PanicSession> for MessageRegistry {
    type Result = bool;

    fn handle(&mut self, PanicSession(peer): PanicSession, _: &mut Self::Context) -> bool {
        self.sessions.get(&peer).is_some_and(|there| there.session.try_send(Control::Panic).is_ok())
    }
}

/// A session's place in the registry; unregisters on drop.
pub(crate) struct Presence {
    registry: Addr<MessageRegistry>,
    peer: Peer,
    generation: u64,
}

impl Drop for Presence {
    fn drop(&mut self) {
        // A full mailbox leaves a stale entry: the account's next session takes its place.
        let _ = self.registry.try_send(Leave { peer: self.peer, generation: self.generation });
    }
}

/// Takes the account's place with the number of its arrival; `None` when the registry is gone or overloaded.
pub(crate) fn arrive(registry: &Addr<MessageRegistry>, peer: Peer, arrival: u64, session: Recipient<Control>) -> Option<Presence> {
    static GENERATIONS: AtomicU64 = AtomicU64::new(0);
    let generation = GENERATIONS.fetch_add(1, Ordering::Relaxed);
    registry.try_send(Arrive { peer, generation, arrival, session }).ok()?;
    Some(Presence { registry: registry.clone(), peer, generation })
}
