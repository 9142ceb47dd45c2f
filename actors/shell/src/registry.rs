//! MessageRegistry: which peer is on which session of this pod. It alone owns displacement: the
//! newest connection wins.
//!
//! Arriving does not wait for an answer. A session that arrives and then reads misses nothing: the
//! arrival was in the mailbox before the wake-up that tells of a later change, and a mailbox keeps
//! its order.

use std::{collections::HashMap, time::Duration};

use actix::prelude::*;
use countersign_ports::presence::Peer;
use countersign_protocol::codes::Close;
use tokio::sync::mpsc;

use crate::{conversation::Event, watch::Vital};

/// Messages that may wait for the registry.
const MAILBOX: usize = 16_384;
/// How long a session that could not take a message is left alone.
const RETRY: Duration = Duration::from_millis(100);

/// Told to a session by the registry.
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

/// The way for departures to other pods: how many may wait to be told of.
pub type Departures = mpsc::Sender<(Peer, u64)>;

/// Who holds a peer here.
struct Registered<E: Event> {
    /// Of the registration on this pod.
    generation: u64,
    /// Of the arrival among all pods.
    arrival: u64,
    session: Recipient<Control<E>>,
}

/// See the module. `E` is what a service's sessions are told of.
pub struct MessageRegistry<E: Event> {
    sessions: HashMap<Peer, Registered<E>>,
    /// Set by a drain: newcomers are sent away at once.
    leaving: bool,
    /// Who left, for other pods.
    departures: Departures,
    _vital: Vital,
}

impl<E: Event> MessageRegistry<E> {
    /// An empty one.
    #[must_use]
    pub fn new(departures: Departures, vital: Vital) -> Self {
        Self { sessions: HashMap::new(), leaving: false, departures, _vital: vital }
    }
}

/// Tells a session; one that is too busy is told again until it hears, or is gone.
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

/// The peer has arrived somewhere with this number: who came before goes.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Moved(pub(crate) Peer, pub(crate) u64);

/// Peers that are here, with the numbers of their arrivals.
#[derive(Message)]
#[rtype(result = "Vec<(Peer, u64)>")]
pub(crate) struct ListPeers;

/// A session has left its place.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Leave {
    pub(crate) peer: Peer,
    pub(crate) generation: u64,
}

/// Tells the session of this peer, if it is here.
pub struct Tell<E> {
    pub peer: Peer,
    pub event: E,
}

impl<E> Message for Tell<E> {
    type Result = ();
}

/// Tells every session.
pub struct TellAll<E>(pub E);

impl<E> Message for TellAll<E> {
    type Result = ();
}

/// Whether a session of this pod holds the peer.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct IsHere(pub Peer);

/// How many are registered.
#[derive(Message)]
#[rtype(result = "usize")]
pub struct Count;

/// Send everybody away, spread over this time.
#[derive(Message)]
#[rtype(result = "usize")]
pub(crate) struct SendAway(pub(crate) Duration);

/// For the tests of supervision: the session of this peer panics.
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
        // Two that came at once may be announced in any order.
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
