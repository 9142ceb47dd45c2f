//! The handle for logins that REST and pages use.

use std::{sync::Arc, time::Duration};

use countersign_actors_shell::run_to_completion;
use countersign_domain_ns::{
    audit::Who,
    capability,
    client::Client,
    flows::login::{self, Created, Directed, NewLogin, Redemption, Seen},
    login::{EndedBy, Login, Record, Target},
    ports::{Page, Topic},
    realm::OpenRealm,
    refused::Stop,
};
use countersign_ports::{Fault, secret::same, time::Time};
use countersign_protocol::{
    ids::{ClientId, LoginId},
    link::Link,
};

use crate::{
    registry::login::{LoginWatch, MOST_PER_TOPIC, watch},
    shared::Shared,
};

/// Operations on logins from outside. IO runs in the caller's task.
#[derive(Clone)]
pub struct Logins(Arc<Shared>);

impl Logins {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// See [`login::direct`].
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn direct(&self, realm: &OpenRealm, target: Target) -> Result<Directed, Fault> {
        login::direct(&self.0.ports, realm, target).await
    }

    /// See [`login::create`].
    ///
    /// # Errors
    /// When the login is refused, or a port fails.
    pub async fn create(
        &self,
        realm: &OpenRealm,
        client: &Client,
        new: NewLogin,
        who: Who,
    ) -> Result<Created, Stop> {
        login::create(&self.0.ports, realm, client, new, who).await
    }

    /// Returns the stored record of a decided login.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn record(&self, realm: &OpenRealm, id: LoginId) -> Result<Option<Record>, Fault> {
        self.0.ports.store.outcome(realm.id(), id).await
    }

    /// Lists the stored records of a user's logins, starting after `after`.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn records_of_user(
        &self,
        realm: &OpenRealm,
        user_id: &str,
        after: Option<(Time, LoginId)>,
        limit: u32,
    ) -> Result<Page<Record, (Time, LoginId)>, Fault> {
        self.0.ports.store.outcomes_of_user(realm.id(), user_id, after, limit).await
    }

    /// Returns the login as it is now, judged by the current realm: a caller that watches for hours
    /// may hold an older one.
    ///
    /// # Errors
    /// A fault of a port.
    pub async fn look(&self, realm: &OpenRealm, id: LoginId) -> Result<Option<Seen>, Fault> {
        let now = self.0.realms.known(realm.id());
        login::look(&self.0.ports, now.as_deref().unwrap_or(realm), id).await
    }

    /// Returns the login as soon as its version is above `after`, or as it is when `wait` has
    /// elapsed.
    ///
    /// # Errors
    /// A fault of a port.
    pub async fn wait(
        &self,
        realm: &OpenRealm,
        id: LoginId,
        after: u64,
        wait: Duration,
    ) -> Result<Option<Seen>, Fault> {
        let Some(seen) = self.look(realm, id).await? else { return Ok(None) };
        if seen.state.public().version() > after || wait.is_zero() {
            return Ok(Some(seen));
        }
        let until = tokio::time::Instant::now() + wait;
        let Some(watch) = self.watch(&seen.login, MOST_PER_TOPIC) else {
            // The registry is overloaded. Long polls have the lowest priority: sleep, then read
            // once.
            tokio::time::sleep_until(until.min(tokio::time::Instant::now() + self.safety_poll())).await;
            return self.look(realm, id).await;
        };
        // Register first, then read: the read sees earlier changes, and later changes wake.
        loop {
            let now = self.look(realm, id).await?;
            if now.as_ref().is_none_or(|s| s.state.public().version() > after)
                || tokio::time::Instant::now() >= until
            {
                return Ok(now);
            }
            let poll = tokio::time::Instant::now() + self.safety_poll();
            if let Ok(false) = tokio::time::timeout_at(until.min(poll), watch.woken()).await {
                // Too many wait for this login already: this caller polls instead of being woken.
                tokio::time::sleep_until(until.min(poll)).await;
            }
        }
    }

    /// Returns a watch that wakes its holder whenever the login may have changed, including at its
    /// expiry. The watch is refused when `most` waiters exist already. `None` when the registry is
    /// overloaded.
    #[must_use]
    pub fn watch(&self, login: &Login, most: usize) -> Option<LoginWatch> {
        watch(&self.0.logins, Topic::Login(login.id), most, Some(login.expires_at))
    }

    /// How long to rely on wake-ups before reading without one: the setting, shortened by up to a
    /// fifth so that waiters do not poll in step.
    #[must_use]
    pub fn safety_poll(&self) -> Duration {
        let jitter = u32::from(self.0.ports.random.bytes::<1>()[0]);
        self.0.settings.safety_poll.mul_f64(1.0 - f64::from(jitter) / 1280.0)
    }

    /// Returns the login that a page token belongs to, and its realm.
    ///
    /// # Errors
    /// A fault of a port.
    pub async fn by_page_token(&self, token: &str) -> Result<Option<(Arc<OpenRealm>, Seen)>, Fault> {
        let Some((realm, login, secret)) = capability::read_page_token(token) else { return Ok(None) };
        let Some(realm) = self.0.realms.by_id(realm).await? else { return Ok(None) };
        let seen = self.look(&realm, login).await?;
        Ok(seen.filter(|s| same(&s.login.page_hash, &secret.hash())).map(|s| (realm, s)))
    }

    /// Returns the client that a login belongs to.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn client(&self, login: &Login) -> Result<Option<Client>, Fault> {
        self.0.ports.store.client(login.realm, login.client).await
    }

    /// The QR code for the current second.
    #[must_use]
    pub fn qr(&self, realm: &OpenRealm, id: LoginId) -> Link {
        capability::qr(realm, id, self.0.ports.now())
    }

    /// The link for the app on the browser's own device.
    #[must_use]
    pub fn link(&self, realm: &OpenRealm, id: LoginId) -> Link {
        capability::link(realm, id)
    }

    /// See [`login::cancel`].
    ///
    /// # Errors
    /// When the cancellation is refused, or a port fails.
    pub async fn cancel(&self, realm: &Arc<OpenRealm>, id: LoginId, who: Who) -> Result<Seen, Stop> {
        let (shared, realm) = (self.0.clone(), realm.clone());
        run_to_completion(async move { login::cancel(&shared.ports, &realm, id, who).await }).await
    }

    /// See [`login::redeem`].
    ///
    /// # Errors
    /// When the redemption is refused, or a port fails.
    pub async fn redeem(
        &self,
        realm: &Arc<OpenRealm>,
        id: LoginId,
        return_token: Option<[u8; 16]>,
        who: Who,
    ) -> Result<Redemption, Stop> {
        let (shared, realm) = (self.0.clone(), realm.clone());
        run_to_completion(async move { login::redeem(&shared.ports, &realm, id, return_token, who).await })
            .await
    }

    /// See [`login::end`].
    ///
    /// # Errors
    /// When the logout is refused, or a port fails.
    pub async fn log_out(&self, realm: &Arc<OpenRealm>, id: LoginId, who: Who) -> Result<Seen, Stop> {
        let (shared, realm) = (self.0.clone(), realm.clone());
        run_to_completion(async move { login::end(&shared.ports, &realm, id, EndedBy::Client, who).await })
            .await
    }

    /// Ends everything that a user has approved; returns how many logins were ended.
    ///
    /// # Errors
    /// A fault of a port.
    pub async fn log_out_user(
        &self,
        realm: &Arc<OpenRealm>,
        user_id: String,
        who: Who,
    ) -> Result<usize, Stop> {
        let (shared, realm) = (self.0.clone(), realm.clone());
        run_to_completion(async move { login::end_all_of_user(&shared.ports, &realm, &user_id, who).await })
            .await
    }

    /// See [`login::running_of_user`].
    ///
    /// # Errors
    /// A fault of a port.
    pub async fn running_of_user(
        &self,
        realm: &OpenRealm,
        user_id: &str,
        client: Option<ClientId>,
    ) -> Result<Vec<Seen>, Fault> {
        login::running_of_user(&self.0.ports, realm, user_id, client).await
    }

    /// A random number below `n`, for jitter.
    #[must_use]
    pub fn random_below(&self, n: u64) -> u64 {
        u64::from(u32::from_be_bytes(self.0.ports.random.bytes())) % n.max(1)
    }

    /// Seconds until the login expires.
    #[must_use]
    pub fn seconds_left(&self, login: &Login) -> u64 {
        self.0.ports.now().until(login.expires_at).div_ceil(1000)
    }
}
