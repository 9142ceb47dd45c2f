//! BusBridge: the KV's wake-ups, handed to the registries of this pod.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use countersign_domain_ns::ports::{Ports, Topic};
use countersign_ports::{
    bus::{Bus, Wake, Wakes},
    presence::Presence,
};
use countersign_protocol::ids::PodId;

use crate::{
    realms::Realms,
    registry::{
        login::{self, LoginRegistry, WakeAll},
        message::{Held, MessageRegistry, Moved, Poke, PokeAll},
    },
};

/// How long a lost subscription waits before it is tried again.
const RETRY: Duration = Duration::from_millis(500);

pub(crate) struct BusBridge {
    bus: Arc<dyn Bus>,
    presence: Arc<dyn Presence>,
    pod: PodId,
    /// The subscription the first life begins with.
    wakes: Option<Box<dyn Wakes>>,
    logins: Addr<LoginRegistry>,
    messages: Addr<MessageRegistry>,
    realms: Realms,
}

impl BusBridge {
    pub(crate) fn new(
        ports: &Ports,
        pod: PodId,
        wakes: Box<dyn Wakes>,
        logins: Addr<LoginRegistry>,
        messages: Addr<MessageRegistry>,
        realms: Realms,
    ) -> Self {
        let (bus, presence) = (ports.bus.clone(), ports.presence.clone());
        Self { bus, presence, pod, wakes: Some(wakes), logins, messages, realms }
    }
}

impl Actor for BusBridge {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (bus, presence, pod, first) = (self.bus.clone(), self.presence.clone(), self.pod, self.wakes.take());
        let (logins, messages, realms) = (self.logins.clone(), self.messages.clone(), self.realms.clone());
        let life = async move {
            let mut wakes = match first {
                Some(wakes) => wakes,
                None => {
                    let wakes = subscribe(&*bus, pod).await;
                    tell_all(&logins, &messages).await;
                    send_away_who_moved(&*presence, &messages).await;
                    wakes
                }
            };
            while let Some(wake) = wakes.next().await {
                match wake {
                    Wake::Changed { topic, v } => match Topic::from_bytes(&topic) {
                        Some(topic @ (Topic::Login(_) | Topic::Enrolment(_))) => {
                            let _gone_with_the_pod = logins.send(login::Wake(topic, v)).await;
                        }
                        Some(Topic::Realm(_)) => look_at(&realms),
                        Some(topic) => {
                            let _gone_with_the_pod = messages.send(Poke(topic)).await;
                        }
                        None => {}
                    },
                    Wake::Arrived { peer, arrival } => {
                        let _gone_with_the_pod = messages.send(Moved(peer, arrival)).await;
                    }
                    Wake::Resync => {
                        look_at(&realms);
                        tell_all(&logins, &messages).await;
                        send_away_who_moved(&*presence, &messages).await;
                    }
                }
            }
            tracing::warn!("the bus subscription ended; subscribing again");
        };
        // Stopping restarts it: the supervisor keeps the actor, and `started` subscribes anew.
        ctx.spawn(life.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

impl Supervised for BusBridge {}

/// Reads the realms again, beside the wake-ups.
fn look_at(realms: &Realms) {
    let realms = realms.clone();
    actix_rt::spawn(async move {
        if let Err(fault) = realms.reload().await {
            tracing::warn!(%fault, "the realms cannot be read again; working with what is known");
        }
    });
}

async fn subscribe(bus: &dyn Bus, pod: PodId) -> Box<dyn Wakes> {
    loop {
        match bus.subscribe(pod).await {
            Ok(wakes) => return wakes,
            Err(fault) => tracing::warn!(%fault, "cannot subscribe to the bus"),
        }
        actix_rt::time::sleep(RETRY).await;
    }
}

/// Peers asked about at a time.
const CHUNK: usize = 500;

/// Whose phone has come to another pod while nothing was heard goes.
async fn send_away_who_moved(presence: &dyn Presence, messages: &Addr<MessageRegistry>) {
    let held = messages.send(Held).await.unwrap_or_default();
    for chunk in held.chunks(CHUNK) {
        let peers: Vec<_> = chunk.iter().map(|(peer, _)| *peer).collect();
        let newest = match presence.newest(&peers).await {
            Ok(newest) => newest,
            Err(fault) => return tracing::warn!(%fault, "who has moved meanwhile cannot be seen"),
        };
        for ((peer, here), newest) in chunk.iter().zip(newest) {
            if let Some(arrival) = newest.filter(|arrival| arrival > here) {
                let _gone_with_the_pod = messages.send(Moved(*peer, arrival)).await;
            }
        }
    }
}

async fn tell_all(logins: &Addr<LoginRegistry>, messages: &Addr<MessageRegistry>) {
    let _gone_with_the_pod = (logins.send(WakeAll).await, messages.send(PokeAll).await);
}
