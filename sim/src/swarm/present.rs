//! Phones that stay connected for a while.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use countersign_api::NewLogin;
use countersign_sdk::{Command, Event};
use tokio::{
    sync::{Mutex, mpsc},
    task::{JoinError, JoinHandle},
    time::{interval, timeout},
};

use super::{Fleet, Stop, Tally};
use crate::{Online, PhoneError};

/// How long to wait until a phone receives a login, or until a phone is free.
const PATIENCE: Duration = Duration::from_secs(30);

/// A phone that stays connected in its own task until it hangs up or the server ends the
/// connection.
pub(super) struct ConnectedPhone(JoinHandle<(PhoneError, Instant)>);

impl ConnectedPhone {
    pub(super) fn start(mut online: Online, tally: Arc<Tally>) -> Self {
        Self(tokio::spawn(async move {
            let here = Here::new(tally);
            let every = Duration::from_secs(online.ping_after.max(1));
            let mut ping = interval(every);
            ping.tick().await;
            let end = loop {
                tokio::select! {
                    event = online.next() => match event {
                        Ok(Event::Over(ended)) => break ended.into(),
                        Ok(_) => {}
                        Err(why) => break why,
                    },
                    _ = ping.tick() => if let Err(why) = online.do_it(&Command::Ping { nonce: 1 }).await {
                        break why;
                    },
                }
            };
            drop(here);
            (end, Instant::now())
        }))
    }

    /// Waits until the connection ends, and returns why and when.
    pub(super) async fn ended(self) -> Result<(PhoneError, Instant), JoinError> {
        self.0.await
    }

    /// Drops the connection without a close frame.
    pub(super) async fn hang_up(self) {
        self.0.abort();
        let _aborted = self.0.await;
    }
}

/// A guard that counts one phone as online.
struct Here(Arc<Tally>);

impl Here {
    fn new(tally: Arc<Tally>) -> Self {
        tally.came();
        Self(tally)
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.0.went();
    }
}

/// A pool of items, each used by one operation at a time.
pub(super) struct Free<T>(mpsc::Sender<T>, Mutex<mpsc::Receiver<T>>);

impl<T> Free<T> {
    pub(super) fn new(all: Vec<T>) -> Self {
        let (give, take) = mpsc::channel(all.len().max(1));
        let free = Self(give, Mutex::new(take));
        all.into_iter().for_each(|one| free.give(one));
        free
    }

    /// Takes the item that has been free for the longest time.
    pub(super) async fn take(&self) -> Result<T, Stop> {
        Ok(timeout(PATIENCE, async { self.1.lock().await.recv().await }).await?.ok_or("nothing is left")?)
    }

    pub(super) fn give(&self, one: T) {
        let _there_is_a_place_for_each = self.0.try_send(one);
    }
}

/// A connected phone that waits for logins directed at its user.
pub(super) struct Listener {
    online: Online,
    /// Number of the pod that receives the REST calls; the phone is connected to the next one.
    at: usize,
    user: String,
}

impl Listener {
    pub(super) async fn connect(fleet: &Fleet, n: usize) -> Result<Self, Stop> {
        let phone = &fleet.phones[n];
        Ok(Self { online: phone.connect(fleet.pod(n + 1)).await?, at: n, user: phone.account.user.clone() })
    }

    /// Creates a login directed at this user, and returns the time from the REST call until the
    /// phone receives the frame.
    pub(super) async fn told(&mut self, fleet: &Fleet) -> Result<Duration, Stop> {
        let new = NewLogin { to_user: Some(self.user.clone()), ..NewLogin::default() };
        let from = Instant::now();
        let (api, realm) = (fleet.api(self.at), fleet.realm());
        let calling = async { Ok::<_, Stop>(api.create_login(realm, &new).await?) };
        let hearing = async {
            loop {
                match self.online.next().await? {
                    Event::LoginOffered { login, .. } => return Ok::<_, Stop>((login, from.elapsed())),
                    Event::Over(ended) => return Err(PhoneError::from(ended).into()),
                    _ => {}
                }
            }
        };
        let (called, (heard, took)) =
            timeout(PATIENCE, async { tokio::try_join!(calling, hearing) }).await??;
        if heard.to_string() == called.id { Ok(took) } else { Err("told of another login".into()) }
    }
}
