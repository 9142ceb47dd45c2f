//! Wake-ups over Redis' pub/sub, which loses messages when a connection breaks: then whoever listens is told to read everything again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bb8_redis::redis;
use countersign_domain_ns::ports::{Topic, Wake, Wakes};
use countersign_ports::Fault;
use countersign_protocol::ids::{AccountId, EnrolmentId, LoginId, RealmId};
use futures_util::StreamExt;
use redis::aio::{PubSubSink, PubSubStream};
use tokio::{
    sync::broadcast,
    time::{interval, sleep, timeout},
};

use super::{
    lines::Lines,
    place::{Clients, PATIENCE},
};
use crate::subscription::{BACKLOG, Subscription};

/// How often the connection is tried while nothing comes.
const BEAT: Duration = Duration::from_secs(2);
/// How long a pod that is not heard counts as alive.
const LIFE: Duration = Duration::from_secs(10);
/// How long a lost subscription waits before it is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// A wake-up's bytes: kind, ids, version.
pub(super) fn write(topic: Topic, v: u64) -> Vec<u8> {
    let (kind, ids): (u8, Vec<[u8; 16]>) = match topic {
        Topic::Login(id) => (1, vec![id.0]),
        Topic::Enrolment(id) => (2, vec![id.0]),
        Topic::Account(id) => (3, vec![id.0]),
        Topic::Offered { to, login } => (4, vec![to.0, login.0]),
        Topic::Vouch { to, enrolment } => (5, vec![to.0, enrolment.0]),
        Topic::Device { to, of } => (6, vec![to.0, of.0]),
        Topic::Realm(id) => (7, vec![id.0]),
        Topic::Moved(id) => (8, vec![id.0]),
    };
    [&[kind][..], &ids.concat(), &v.to_be_bytes()].concat()
}

/// `None` for what a newer release may say: whoever does not know it reads in time.
pub(super) fn read(bytes: &[u8]) -> Option<Wake> {
    let (kind, rest) = bytes.split_first()?;
    let (ids, v) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
    let v = u64::from_be_bytes(v.try_into().ok()?);
    let id = |n: usize| ids.get(n * 16..n * 16 + 16)?.try_into().ok();
    let topic = match (kind, ids.len()) {
        (1, 16) => Topic::Login(LoginId(id(0)?)),
        (2, 16) => Topic::Enrolment(EnrolmentId(id(0)?)),
        (3, 16) => Topic::Account(AccountId(id(0)?)),
        (4, 32) => Topic::Offered { to: AccountId(id(0)?), login: LoginId(id(1)?) },
        (5, 32) => Topic::Vouch { to: AccountId(id(0)?), enrolment: EnrolmentId(id(1)?) },
        (8, 16) => Topic::Moved(AccountId(id(0)?)),
        (7, 16) => Topic::Realm(RealmId(id(0)?)),
        (6, 32) => Topic::Device { to: AccountId(id(0)?), of: AccountId(id(1)?) },
        _ => return None,
    };
    Some(Wake::Changed { topic, v })
}

/// What keeps one subscription alive.
pub(super) struct Line {
    pub(super) clients: Arc<Clients>,
    pub(super) channel: Vec<u8>,
    /// Raised when the connection is lost: others to the same server are lost, too.
    pub(super) epoch: Arc<AtomicU64>,
    pub(super) beat: Beat,
}

/// Says that this pod lives: what it said of its phones counts as long.
#[derive(Clone)]
pub(super) struct Beat {
    pub(super) lines: Arc<Lines>,
    pub(super) key: Vec<u8>,
}

impl Beat {
    /// Beside everything else: what listens does not wait for it.
    fn strike(&self) {
        let Self { lines, key } = self.clone();
        tokio::spawn(async move {
            let Ok(mut held) = lines.get().await else { return };
            let life = u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX);
            let set: Result<(), _> = redis::cmd("SET").arg(key).arg(1).arg("PX").arg(life).query_async(&mut held.conn).await;
            if let Err(e) = set {
                lines.judge(&held, &e);
            }
        });
    }
}

impl Line {
    /// Subscribes, and keeps subscribing until nobody listens any more. Runs on the runtime this is called on.
    pub(super) async fn open(self) -> Result<Box<dyn Wakes>, Fault> {
        let first = self.subscribe().await.map_err(|e| Fault(format!("Redis: cannot subscribe: {e}")))?;
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
        timeout(PATIENCE, all).await.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
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
                        // After subscribing, so that nothing falls between.
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

/// Until the connection breaks, does not answer, or nobody listens.
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
        let (account, login) = (AccountId([1; 16]), LoginId([2; 16]));
        for topic in [
            Topic::Login(login),
            Topic::Enrolment(EnrolmentId([3; 16])),
            Topic::Account(account),
            Topic::Realm(RealmId([5; 16])),
            Topic::Moved(account),
            Topic::Offered { to: account, login },
            Topic::Vouch { to: account, enrolment: EnrolmentId([3; 16]) },
            Topic::Device { to: account, of: AccountId([4; 16]) },
        ] {
            let bytes = write(topic, 7);
            assert_eq!(read(&bytes), Some(Wake::Changed { topic, v: 7 }));
            for cut in 0..bytes.len() {
                assert_eq!(read(&bytes[..cut]), None);
            }
            assert_eq!(read(&[&bytes[..], &[0]].concat()), None);
        }
        assert_eq!(read(&[9; 25]), None);
    }
}
