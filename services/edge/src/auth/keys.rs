//! The known API keys.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use countersign_domain::{
    api_key::{self, Granted},
    ports::Ports,
    refused::Fault,
    time::Time,
};
use countersign_protocol::ids::{ClientId, RealmId};

/// A key that was good is believed for this long without asking the store: so long can a key deleted, or a role changed, on another pod still work here.
const BELIEVED_MS: u64 = 2000;
/// Keys remembered at most.
const MOST: usize = 10_000;
/// How exactly the last use is kept.
const TOUCH_MS: u64 = 60_000;

struct Known {
    granted: Granted,
    until: Time,
}

/// The known keys.
#[derive(Clone)]
pub struct Keys {
    ports: Ports,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    known: HashMap<[u8; 32], Known>,
    /// How often everything was forgotten: what was read before is not remembered after.
    forgotten: u64,
}

impl Keys {
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self { ports, seen: Arc::default() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key with this secret, if it works from this address.
    pub(super) async fn find(&self, text: &str, from: Option<IpAddr>) -> Result<Option<Granted>, Fault> {
        match api_key::read(text) {
            Some(secret) => self.find_by_hash(secret.hash(), from).await,
            None => Ok(None),
        }
    }

    /// The key that this client certificate is, if it is listed and works from this address.
    pub(super) async fn find_certificate(&self, hash: [u8; 32], from: Option<IpAddr>) -> Result<Option<Granted>, Fault> {
        let found = self.find_by_hash(hash, from).await?;
        Ok(found.filter(|g| g.key.certificate.is_some()))
    }

    async fn find_by_hash(&self, hash: [u8; 32], from: Option<IpAddr>) -> Result<Option<Granted>, Fault> {
        let now = self.ports.now();
        let (known, forgotten) = {
            let seen = self.seen();
            (seen.known.get(&hash).filter(|k| now < k.until).map(|k| k.granted.clone()), seen.forgotten)
        };
        let granted = match known {
            Some(granted) => Some(granted),
            None => match self.ports.store.api_key_by_hash(&hash).await? {
                Some(granted) => Some(self.remember(hash, granted, from, now, forgotten).await?),
                None => None,
            },
        };
        Ok(granted.filter(|g| g.key.valid(now, from)))
    }

    async fn remember(
        &self,
        hash: [u8; 32],
        mut granted: Granted,
        from: Option<IpAddr>,
        now: Time,
        forgotten: u64,
    ) -> Result<Granted, Fault> {
        let stale = granted.key.last_used_at.is_none_or(|at| now.0.saturating_sub(at.0) >= TOUCH_MS);
        if stale && granted.key.valid(now, from) {
            self.ports.store.touch_api_key(granted.key.id, now).await?;
            granted.key.last_used_at = Some(now);
        }
        let mut seen = self.seen();
        if seen.forgotten != forgotten {
            return Ok(granted);
        }
        if seen.known.len() >= MOST {
            seen.known.clear();
        }
        seen.known.insert(hash, Known { granted: granted.clone(), until: Time(now.0 + BELIEVED_MS) });
        Ok(granted)
    }

    /// Forgets everything: a key or role was changed.
    pub fn forget(&self) {
        let mut seen = self.seen();
        seen.known.clear();
        seen.forgotten += 1;
    }

    pub(super) async fn client_by_name(&self, realm: RealmId, name: &str) -> Result<Option<ClientId>, Fault> {
        Ok(self.ports.store.client_by_name(realm, name).await?.map(|c| c.id))
    }
}
