//! Phones that are connected, for a while.

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

/// For a phone to hear of a login, or to be free.
const PATIENCE: Duration = Duration::from_secs(30);

/// A phone that stays connected in a task of its own until it is told to go, or the server ends it.
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

    /// Waits until the server ends it: why, and when.
    pub(super) async fn ended(self) -> Result<(PhoneError, Instant), JoinError> {
        self.0.await
    }

    /// Hangs up, without a word.
    pub(super) async fn hang_up(self) {
        self.0.abort();
        let _aborted = self.0.await;
    }
}

/// Counts a phone that is online.
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

/// What is used by one operation at a time.
pub(super) struct Free<T>(mpsc::Sender<T>, Mutex<mpsc::Receiver<T>>);

impl<T> Free<T> {
    pub(super) fn new(all: Vec<T>) -> Self {
        let (give, take) = mpsc::channel(all.len().max(1));
        let free = Self(give, Mutex::new(take));
        all.into_iter().for_each(|one| free.give(one));
        free
    }

    /// The one that has rested longest.
    pub(super) async fn take(&self) -> Result<T, Stop> {
        Ok(timeout(PATIENCE, async { self.1.lock().await.recv().await }).await?.ok_or("nothing is left")?)
    }

    pub(super) fn give(&self, one: T) {
        let _there_is_a_place_for_each = self.0.try_send(one);
    }
}

/// A connected phone that waits to be told.
pub(super) struct Listener {
    online: Online,
    /// The pod it is at is the one after this one's.
    at: usize,
    user: String,
}

impl Listener {
    pub(super) async fn connect(fleet: &Fleet, n: usize) -> Result<Self, Stop> {
        let phone = &fleet.phones[n];
        Ok(Self { online: phone.connect(fleet.pod(n + 1)).await?, at: n, user: phone.account.user.clone() })
    }

    /// From the REST call until the frame is here.
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
