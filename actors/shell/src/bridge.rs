//! BusBridge: forwards the wake-ups of all pods to the registries of this pod.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use async_trait::async_trait;
use countersign_ports::{
    Fault,
    bus::{Bus, Wake, Wakes},
    presence::Presence,
};
use countersign_protocol::ids::PodId;
use tokio::sync::oneshot;

use crate::{
    conversation::Event,
    registry::{ListPeers, MessageRegistry, Moved},
};

/// How long to wait before a failed subscription is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// Peers per query.
const CHUNK: usize = 500;

/// What a service does when it receives a wake-up.
#[async_trait(?Send)]
pub trait Listener {
    /// The object that the topic names has changed, up to version `v`.
    async fn changed(&self, topic: &[u8], v: u64);
    /// Wake-ups may have been lost: all sessions and waiters read again.
    async fn resync(&self);
}

/// Forwards wake-ups; see the module. `E` is the event that the sessions of the service receive.
pub struct BusBridge<E: Event> {
    bus: Arc<dyn Bus>,
    presence: Arc<dyn Presence>,
    pod: PodId,
    /// The subscription that the first life of the actor starts with.
    wakes: Option<Box<dyn Wakes>>,
    messages: Addr<MessageRegistry<E>>,
    listener: Arc<dyn Listener + Send + Sync>,
}

impl<E: Event> BusBridge<E> {
    /// Creates a bridge that starts with an existing subscription.
    #[must_use]
    pub fn new(
        (bus, presence): (Arc<dyn Bus>, Arc<dyn Presence>),
        pod: PodId,
        wakes: Box<dyn Wakes>,
        messages: Addr<MessageRegistry<E>>,
        listener: Arc<dyn Listener + Send + Sync>,
    ) -> Self {
        Self { bus, presence, pod, wakes: Some(wakes), messages, listener }
    }
}

impl<E: Event> Actor for BusBridge<E> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (bus, presence, pod, first) =
            (self.bus.clone(), self.presence.clone(), self.pod, self.wakes.take());
        let (messages, listener) = (self.messages.clone(), self.listener.clone());
        let life = async move {
            let mut wakes = match first {
                Some(wakes) => wakes,
                None => {
                    let wakes = subscribe_again(&*bus, pod).await;
                    listener.resync().await;
                    send_away_who_moved(&*presence, &messages).await;
                    wakes
                }
            };
            while let Some(wake) = wakes.next().await {
                match wake {
                    Wake::Changed { topic, v } => listener.changed(&topic, v).await,
                    Wake::Arrived { peer, arrival } => {
                        let _gone_with_the_pod = messages.send(Moved(peer, arrival)).await;
                    }
                    Wake::Resync => {
                        listener.resync().await;
                        send_away_who_moved(&*presence, &messages).await;
                    }
                }
            }
            tracing::warn!("the bus subscription ended; subscribing again");
        };
        // Stopping restarts the actor: the supervisor keeps it, and `started` subscribes again.
        ctx.spawn(life.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

impl<E: Event> Supervised for BusBridge<E> {}

/// Subscribes on the arbiter's thread, which also forwards the wake-ups, so that a wake-up wakes
/// only that thread.
///
/// # Errors
/// When the bus cannot be reached.
pub async fn subscribe(arbiter: &Arbiter, bus: Arc<dyn Bus>, pod: PodId) -> Result<Box<dyn Wakes>, Fault> {
    let (tell, told) = oneshot::channel();
    arbiter.spawn(async move {
        let _nobody_starts_any_more = tell.send(bus.subscribe(pod).await);
    });
    told.await
        .unwrap_or_else(|_| Err(Fault::Unreachable("the thread of the registries has ended".to_owned())))
}

async fn subscribe_again(bus: &dyn Bus, pod: PodId) -> Box<dyn Wakes> {
    loop {
        match bus.subscribe(pod).await {
            Ok(wakes) => return wakes,
            Err(fault) => tracing::warn!(%fault, "cannot subscribe to the bus"),
        }
        actix_rt::time::sleep(RETRY).await;
    }
}

/// Ends the sessions of peers that connected to another pod while the subscription was lost.
async fn send_away_who_moved<E: Event>(presence: &dyn Presence, messages: &Addr<MessageRegistry<E>>) {
    let held = messages.send(ListPeers).await.unwrap_or_default();
    for chunk in held.chunks(CHUNK) {
        let peers: Vec<_> = chunk.iter().map(|(peer, _)| *peer).collect();
        let newest = match presence.newest(&peers).await {
            Ok(newest) => newest,
            Err(fault) => {
                return tracing::warn!(%fault, "it is unknown which phones connected to other pods \
                meanwhile");
            }
        };
        for ((peer, here), newest) in chunk.iter().zip(newest) {
            if let Some(arrival) = newest.filter(|arrival| arrival > here) {
                let _gone_with_the_pod = messages.send(Moved(*peer, arrival)).await;
            }
        }
    }
}
