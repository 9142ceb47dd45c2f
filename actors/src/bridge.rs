//! BusBridge: the KV's wake-ups, handed to the registries of this pod.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use countersign_domain::ports::{Live, Topic, Wake, Wakes};
use countersign_protocol::ids::PodId;

use crate::registry::{
    login::{self, LoginRegistry, WakeAll},
    message::{MessageRegistry, Poke, PokeAll},
};

/// How long a lost subscription waits before it is tried again.
const RETRY: Duration = Duration::from_millis(500);

pub(crate) struct BusBridge {
    live: Arc<dyn Live>,
    pod: PodId,
    /// The subscription the first life begins with.
    wakes: Option<Box<dyn Wakes>>,
    logins: Addr<LoginRegistry>,
    messages: Addr<MessageRegistry>,
}

impl BusBridge {
    pub(crate) fn new(
        live: Arc<dyn Live>,
        pod: PodId,
        wakes: Box<dyn Wakes>,
        logins: Addr<LoginRegistry>,
        messages: Addr<MessageRegistry>,
    ) -> Self {
        Self { live, pod, wakes: Some(wakes), logins, messages }
    }
}

impl Actor for BusBridge {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (live, pod, first) = (self.live.clone(), self.pod, self.wakes.take());
        let (logins, messages) = (self.logins.clone(), self.messages.clone());
        let life = async move {
            let mut wakes = match first {
                Some(wakes) => wakes,
                None => {
                    let wakes = subscribe(&*live, pod).await;
                    tell_all(&logins, &messages).await;
                    wakes
                }
            };
            while let Some(wake) = wakes.next().await {
                match wake {
                    Wake::Changed { topic: topic @ (Topic::Login(_) | Topic::Enrolment(_)), v } => {
                        let _gone_with_the_pod = logins.send(login::Wake(topic, v)).await;
                    }
                    Wake::Changed { topic, .. } => {
                        let _gone_with_the_pod = messages.send(Poke(topic)).await;
                    }
                    Wake::Resync => tell_all(&logins, &messages).await,
                }
            }
            tracing::warn!("the bus subscription ended; subscribing again");
        };
        // Stopping restarts it: the supervisor keeps the actor, and `started` subscribes anew.
        ctx.spawn(life.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

impl Supervised for BusBridge {}

async fn subscribe(live: &dyn Live, pod: PodId) -> Box<dyn Wakes> {
    loop {
        match live.subscribe(pod).await {
            Ok(wakes) => return wakes,
            Err(fault) => tracing::warn!(%fault, "cannot subscribe to the bus"),
        }
        actix_rt::time::sleep(RETRY).await;
    }
}

async fn tell_all(logins: &Addr<LoginRegistry>, messages: &Addr<MessageRegistry>) {
    let _gone_with_the_pod = (logins.send(WakeAll).await, messages.send(PokeAll).await);
}
