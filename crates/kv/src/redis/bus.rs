//! Wake-ups over Redis' pub/sub. It loses messages when a connection breaks; subscribers then
//! receive [`Wake::Resync`], which tells them to read everything again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bb8_redis::redis;
use countersign_ports::{
    Fault,
    bus::{ARRIVAL, Wake, Wakes},
    presence::Peer,
};
use futures_util::StreamExt;
use redis::aio::{PubSubSink, PubSubStream};
use tokio::{
    sync::broadcast,
    time::{interval, sleep, timeout},
};

use super::{
    lines::Lines,
    place::{Clients, PATIENCE, said},
};
use crate::subscription::{BACKLOG, Subscription};

/// Interval at which the connection is checked and the pod's key is renewed.
const BEAT: Duration = Duration::from_secs(2);
/// How long a pod counts as alive after it last renewed its key.
const LIFE: Duration = Duration::from_secs(10);
/// Delay before another attempt to subscribe.
const RETRY: Duration = Duration::from_millis(200);

/// Encodes a change of a topic: the bytes of the topic, then the version.
pub(super) fn write(topic: &[u8], v: u64) -> Vec<u8> {
    debug_assert_ne!(topic.first(), Some(&ARRIVAL), "it would be read as an arrival");
    [topic, &v.to_be_bytes()].concat()
}

/// Encodes an arrival without its number, which the script appends.
pub(super) fn arrival(peer: Peer) -> Vec<u8> {
    [&[ARRIVAL][..], &peer.0].concat()
}

/// Decodes a wake-up; `None` for bytes that are not one.
fn read(bytes: &[u8]) -> Option<Wake> {
    let (topic, v) = bytes.split_at_checked(bytes.len().checked_sub(8)?)?;
    let v = u64::from_be_bytes(v.try_into().ok()?);
    match topic.split_first()? {
        (&ARRIVAL, peer) => Some(Wake::Arrived { peer: Peer(peer.try_into().ok()?), arrival: v }),
        _ => Some(Wake::Changed { topic: topic.to_vec(), v }),
    }
}

/// A subscription that is renewed when its connection is lost.
pub(super) struct Line {
    pub(super) clients: Arc<Clients>,
    pub(super) channel: Vec<u8>,
    /// Raised when the connection is lost, because other connections to the same server are then
    /// suspect, too.
    pub(super) epoch: Arc<AtomicU64>,
    pub(super) beat: Beat,
}

/// Renews the key that marks this pod as alive. Other pods trust what this pod stored about its
/// phones only while the key exists.
#[derive(Clone)]
pub(super) struct Beat {
    pub(super) lines: Arc<Lines>,
    pub(super) key: Vec<u8>,
}

impl Beat {
    /// Renews the key in a separate task, so that the listener does not wait for it.
    fn strike(&self) {
        let Self { lines, key } = self.clone();
        tokio::spawn(async move {
            let Ok(mut held) = lines.get().await else { return };
            let life = u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX);
            let set: Result<(), _> =
                redis::cmd("SET").arg(key).arg(1).arg("PX").arg(life).query_async(&mut held.conn).await;
            if let Err(e) = set {
                lines.judge(&held, &e);
            }
        });
    }
}

impl Line {
    /// Subscribes, and subscribes again whenever the connection is lost, until there is no receiver
    /// left. Runs on the runtime this is called on.
    pub(super) async fn open(self) -> Result<Box<dyn Wakes>, Fault> {
        let first = self
            .subscribe()
            .await
            .map_err(|e| Fault::Unreachable(format!("Redis: cannot subscribe: {}", said(&e))))?;
        let (tell, hear) = broadcast::channel(BACKLOG);
        tokio::spawn(self.keep(first, tell));
        Ok(Box::new(Subscription(hear)))
    }

    async fn subscribe(&self) -> Result<(PubSubSink, PubSubStream), redis::RedisError> {
        let all = async {
            let (mut sink, stream) = self.clients.client().await?.get_async_pubsub().await?.split();
            sink.subscribe(&self.channel[..]).await?;
            Ok((sink, stream))
        };
        timeout(PATIENCE, all)
            .await
            .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
    }

    async fn keep(self, first: (PubSubSink, PubSubStream), tell: broadcast::Sender<Wake>) {
        let mut line = Some(first);
        while tell.receiver_count() > 0 {
            match line.take() {
                Some((sink, stream)) => {
                    listen(sink, stream, &tell, &self.beat).await;
                    self.epoch.fetch_add(1, Ordering::AcqRel);
                    tracing::warn!("the subscription to Redis is lost");
                }
                None => match self.subscribe().await {
                    Ok(again) => {
                        line = Some(again);
                        tracing::info!("subscribed to Redis again");
                        // This is sent after subscribing, so that no change is missed in between.
                        let _nobody_listens = tell.send(Wake::Resync);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot subscribe to Redis");
                        sleep(RETRY).await;
                    }
                },
            }
        }
    }
}

/// Forwards wake-ups until the connection breaks or does not answer, or there is no receiver left.
async fn listen(mut sink: PubSubSink, mut stream: PubSubStream, tell: &broadcast::Sender<Wake>, pod: &Beat) {
    let mut beat = interval(BEAT);
    loop {
        tokio::select! {
            message = stream.next() => match message {
                None => return,
                Some(message) => if let Some(wake) = read(message.get_payload_bytes()) {
                    let _nobody_listens = tell.send(wake);
                }
            },
            _ = beat.tick() => {
                pod.strike();
                let answered = timeout(PATIENCE, sink.ping::<redis::Value>()).await;
                if tell.receiver_count() == 0 || !matches!(answered, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wake_up_survives_the_bus_and_other_bytes_are_nothing() {
        let peer = Peer([1; 16]);
        let changed = write(&[3, 9], 7);
        assert_eq!(read(&changed), Some(Wake::Changed { topic: vec![3, 9], v: 7 }));
        let arrived = [&arrival(peer)[..], &7_u64.to_be_bytes()].concat();
        assert_eq!(read(&arrived), Some(Wake::Arrived { peer, arrival: 7 }));
        for cut in 0..arrived.len() {
            assert_eq!(read(&arrived[..cut]), None);
        }
        assert_eq!(read(&[&arrived[..], &[0]].concat()), None);
        assert_eq!(read(&[9; 8]), None, "a version without a topic");
    }
}
