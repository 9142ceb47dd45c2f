//! MessageRegistry: which peer is connected to which session of this pod. It alone decides on
//! displacement: the newest connection wins.
//!
//! Arriving does not wait for an answer. A session that arrives and then reads misses nothing: its
//! arrival is in the mailbox before the wake-up of any later change, and a mailbox keeps its order.

use std::{collections::HashMap, time::Duration};

use actix::prelude::*;
use countersign_ports::presence::Peer;
use countersign_protocol::codes::Close;
use tokio::sync::mpsc;

use crate::{conversation::Event, watch::Vital};

/// Messages that may wait for the registry.
const MAILBOX: usize = 16_384;
/// How long to wait before a message is sent again to a session whose mailbox was full.
const RETRY: Duration = Duration::from_millis(100);

/// A message from the registry to a session.
#[derive(Clone, Copy, Debug)]
pub enum Control<E> {
    /// Say goodbye for this reason and end.
    End(Close),
    /// Something about the peer changed.
    Event(E),
    /// For the tests of supervision.
    #[cfg(feature = "faults")]
    Panic,
}

impl<E> Message for Control<E> {
    type Result = ();
}

/// The queue of departures to report to other pods; its capacity limits how many may wait.
pub type Departures = mpsc::Sender<(Peer, u64)>;

/// The session that holds a peer on this pod.
struct Registered<E: Event> {
    /// Number of the registration on this pod.
    generation: u64,
    /// Number of the arrival among all pods.
    arrival: u64,
    session: Recipient<Control<E>>,
}

/// Maps peers to sessions; see the module. `E` is the event that a service's sessions receive.
pub struct MessageRegistry<E: Event> {
    sessions: HashMap<Peer, Registered<E>>,
    /// Set by a drain: new sessions are ended at once.
    leaving: bool,
    /// Departures, to be reported to other pods.
    departures: Departures,
    _vital: Vital,
}

impl<E: Event> MessageRegistry<E> {
    /// Creates an empty registry.
    #[must_use]
    pub fn new(departures: Departures, vital: Vital) -> Self {
        Self { sessions: HashMap::new(), leaving: false, departures, _vital: vital }
    }
}

/// Sends a message to a session; retries while its mailbox is full, until the session has ended.
fn tell<E: Event>(session: Recipient<Control<E>>, what: Control<E>, ctx: &mut Context<MessageRegistry<E>>) {
    if let Err(SendError::Full(what)) = session.try_send(what) {
        ctx.run_later(RETRY, move |_, ctx| tell(session, what, ctx));
    }
}

impl<E: Event> Actor for MessageRegistry<E> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

/// A session has authenticated. The session that held the peer before is displaced.
pub(crate) struct Arrive<E: Event> {
    pub(crate) peer: Peer,
    pub(crate) generation: u64,
    pub(crate) arrival: u64,
    pub(crate) session: Recipient<Control<E>>,
}

impl<E: Event> Message for Arrive<E> {
    type Result = ();
}

/// The peer has arrived on some pod with this number: a session with a lower number is displaced.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Moved(pub(crate) Peer, pub(crate) u64);

/// Lists the peers on this pod with the numbers of their arrivals.
#[derive(Message)]
#[rtype(result = "Vec<(Peer, u64)>")]
pub(crate) struct ListPeers;

/// A session has given up its entry.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Leave {
    pub(crate) peer: Peer,
    pub(crate) generation: u64,
}

/// Sends an event to the session of this peer, if it is on this pod.
pub struct Tell<E> {
    pub peer: Peer,
    pub event: E,
}

impl<E> Message for Tell<E> {
    type Result = ();
}

/// Sends an event to every session.
pub struct TellAll<E>(pub E);

impl<E> Message for TellAll<E> {
    type Result = ();
}

/// Whether a session of this pod holds the peer.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct IsHere(pub Peer);

/// The number of registered sessions or waiters.
#[derive(Message)]
#[rtype(result = "usize")]
pub struct Count;

/// Ends all sessions, spread over this time.
#[derive(Message)]
#[rtype(result = "usize")]
pub(crate) struct SendAway(pub(crate) Duration);

/// For the tests of supervision: makes the session of this peer panic.
#[cfg(feature = "faults")]
#[derive(Message)]
#[rtype(result = "bool")]
pub struct PanicSession(pub Peer);

impl<E: Event> Handler<Arrive<E>> for MessageRegistry<E> {
    type Result = ();

    fn handle(&mut self, m: Arrive<E>, ctx: &mut Self::Context) {
        if self.leaving {
            tell(m.session.clone(), Control::End(Close::Draining), ctx);
        }
        // Two simultaneous arrivals may reach the registry in any order.
        if self.sessions.get(&m.peer).is_some_and(|there| there.arrival > m.arrival) {
            return tell(m.session, Control::End(Close::Displaced), ctx);
        }
        let place = Registered { generation: m.generation, arrival: m.arrival, session: m.session };
        if let Some(old) = self.sessions.insert(m.peer, place) {
            tell(old.session, Control::End(Close::Displaced), ctx);
        }
    }
}

impl<E: Event> Handler<Moved> for MessageRegistry<E> {
    type Result = ();

    fn handle(&mut self, Moved(peer, arrival): Moved, ctx: &mut Self::Context) {
        if self.sessions.get(&peer).is_some_and(|there| there.arrival < arrival)
            && let Some(old) = self.sessions.remove(&peer)
        {
            tell(old.session, Control::End(Close::Displaced), ctx);
        }
    }
}

impl<E: Event> Handler<ListPeers> for MessageRegistry<E> {
    type Result = MessageResult<ListPeers>;

    fn handle(&mut self, _: ListPeers, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.sessions.iter().map(|(peer, place)| (*peer, place.arrival)).collect())
    }
}

impl<E: Event> Handler<Leave> for MessageRegistry<E> {
    type Result = ();

    /// Removes only the session's own entry: a displaced session must not remove its successor.
    fn handle(&mut self, m: Leave, _: &mut Self::Context) {
        if self.sessions.get(&m.peer).is_some_and(|there| there.generation == m.generation)
            && let Some(place) = self.sessions.remove(&m.peer)
            // During a drain every peer is about to arrive on another pod, which makes the
            // departure redundant.
            && !self.leaving
        {
            // When the queue is full, the remaining peers count as present until they connect
            // again.
            let _too_many = self.departures.try_send((m.peer, place.arrival));
        }
    }
}

impl<E: Event> Handler<Tell<E>> for MessageRegistry<E> {
    type Result = ();

    fn handle(&mut self, Tell { peer, event }: Tell<E>, ctx: &mut Self::Context) {
        if let Some(there) = self.sessions.get(&peer) {
            tell(there.session.clone(), Control::Event(event), ctx);
        }
    }
}

impl<E: Event> Handler<TellAll<E>> for MessageRegistry<E> {
    type Result = ();

    fn handle(&mut self, TellAll(event): TellAll<E>, ctx: &mut Self::Context) {
        for there in self.sessions.values() {
            tell(there.session.clone(), Control::Event(event.clone()), ctx);
        }
    }
}

impl<E: Event> Handler<IsHere> for MessageRegistry<E> {
    type Result = bool;

    fn handle(&mut self, IsHere(peer): IsHere, _: &mut Self::Context) -> bool {
        self.sessions.contains_key(&peer)
    }
}

impl<E: Event> Handler<Count> for MessageRegistry<E> {
    type Result = usize;

    fn handle(&mut self, _: Count, _: &mut Self::Context) -> usize {
        self.sessions.len()
    }
}

impl<E: Event> Handler<SendAway> for MessageRegistry<E> {
    type Result = usize;

    fn handle(&mut self, SendAway(spread): SendAway, ctx: &mut Self::Context) -> usize {
        self.leaving = true;
        let sessions: Vec<_> = self.sessions.values().map(|there| there.session.clone()).collect();
        let n = sessions.len();
        // In ten batches, so that the sessions do not reach the other pods all at once.
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

/// For the tests of supervision: makes the registry panic.
#[cfg(feature = "faults")]
#[derive(Message)]
#[rtype(result = "()")]
pub struct Panic;

#[cfg(feature = "faults")]
impl<E: Event> Handler<Panic> for MessageRegistry<E> {
    type Result = ();

    #[expect(clippy::panic, reason = "asked for by a test")]
    fn handle(&mut self, _: Panic, _: &mut Self::Context) {
        panic!("asked for by a test");
    }
}

#[cfg(feature = "faults")]
impl<E: Event> Handler<PanicSession> for MessageRegistry<E> {
    type Result = bool;

    fn handle(&mut self, PanicSession(peer): PanicSession, _: &mut Self::Context) -> bool {
        self.sessions.get(&peer).is_some_and(|there| there.session.try_send(Control::Panic).is_ok())
    }
}
