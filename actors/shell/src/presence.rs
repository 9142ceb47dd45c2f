//! A session's place in the registry, and what other pods hear of it.

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

/// Departures told to other pods at a time.
const BATCH: usize = 500;

/// A session's place in the registry. Dropping it leaves the place.
pub struct Presence<E: Event> {
    registry: Addr<MessageRegistry<E>>,
    peer: Peer,
    generation: u64,
}

impl<E: Event> Drop for Presence<E> {
    fn drop(&mut self) {
        // A full mailbox leaves a stale entry: the next session of the peer takes its place.
        let _ = self.registry.try_send(Leave { peer: self.peer, generation: self.generation });
    }
}

/// Takes the peer's place with the number of its arrival; `None` when the registry is gone or
/// overloaded.
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

/// Tells other pods who left here, until the registry ends.
pub async fn report_departures(presence: Arc<dyn PresencePort>, mut departed: mpsc::Receiver<(Peer, u64)>) {
    let mut gone = Vec::new();
    while departed.recv_many(&mut gone, BATCH).await > 0 {
        if let Err(fault) = presence.depart(&gone).await {
            tracing::warn!(%fault, "who left cannot be told to other pods");
        }
        gone.clear();
    }
}
