//! A session's entry in the registry, and how other pods learn of its departure.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use actix::prelude::*;
use countersign_ports::presence::{Peer, Presence as PresencePort};
use tokio::sync::mpsc;

use crate::{
    conversation::Event,
    registry::{Arrive, Control, Leave, MessageRegistry},
};

/// Departures per batch.
const BATCH: usize = 500;

/// A session's entry in the registry. Dropping it removes the entry.
pub struct Presence<E: Event> {
    registry: Addr<MessageRegistry<E>>,
    peer: Peer,
    generation: u64,
}

impl<E: Event> Drop for Presence<E> {
    fn drop(&mut self) {
        // If the mailbox is full, a stale entry remains; the next session of the peer replaces it.
        let _ = self.registry.try_send(Leave { peer: self.peer, generation: self.generation });
    }
}

/// Registers the session as the peer's, with the number of its arrival; `None` when the registry is
/// gone or overloaded.
pub fn arrive<E: Event>(
    registry: &Addr<MessageRegistry<E>>,
    peer: Peer,
    arrival: u64,
    session: Recipient<Control<E>>,
) -> Option<Presence<E>> {
    static GENERATIONS: AtomicU64 = AtomicU64::new(0);
    let generation = GENERATIONS.fetch_add(1, Ordering::Relaxed);
    registry.try_send(Arrive { peer, generation, arrival, session }).ok()?;
    Some(Presence { registry: registry.clone(), peer, generation })
}

/// Reports departures from this pod to other pods, until the registry ends.
pub async fn report_departures(presence: Arc<dyn PresencePort>, mut departed: mpsc::Receiver<(Peer, u64)>) {
    let mut gone = Vec::new();
    while departed.recv_many(&mut gone, BATCH).await > 0 {
        if let Err(fault) = presence.depart(&gone).await {
            tracing::warn!(%fault, "departures could not be announced to other pods");
        }
        gone.clear();
    }
}
