//! The cache of API keys, and the counters of their failures.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use countersign_domain_ns::{
    api_key::{self, ApiKey, Granted},
    flows::keys::{Unauthorized, unauthorized},
    ports::Ports,
};
use countersign_ports::{Fault, time::Time};
use countersign_protocol::ids::{ApiKeyId, ClientId, RealmId};

/// A key that worked is trusted for this long without asking the store. A key that was deleted, or
/// whose role was changed, on another pod may work here for that long.
const BELIEVED_MS: u64 = 2000;
/// Keys in the cache at most.
const MOST: usize = 10_000;
/// How precisely the time of last use is stored.
const TOUCH_MS: u64 = 60_000;

/// How long failures are counted before they are written to the trail.
const TELL_MS: u64 = 60_000;
/// Failure counters of single keys at most; further keys share a counter.
const MOST_FAILING: usize = 1000;

struct Known {
    granted: Granted,
    until: Time,
}

/// The cache of API keys.
#[derive(Clone)]
pub struct Keys {
    ports: Ports,
    seen: Arc<Mutex<Seen>>,
    failures: Arc<Mutex<HashMap<(Option<ApiKeyId>, Unauthorized), Failures>>>,
}

/// How often a key did not work; unknown keys share a counter.
struct Failures {
    key: Option<ApiKey>,
    n: u64,
    since: Time,
}

#[derive(Default)]
struct Seen {
    known: HashMap<[u8; 32], Known>,
    /// How often the cache was cleared: a key that was read before a clear is not stored after it.
    forgotten: u64,
}

impl Keys {
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self { ports, seen: Arc::default(), failures: Arc::default() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes from the cache what has expired there.
    pub fn sweep(&self) {
        let now = self.ports.now();
        self.seen().known.retain(|_, k| now < k.until);
    }

    /// Returns the key with this secret, if it works from this address.
    pub(super) async fn find(&self, text: &str, from: Option<IpAddr>) -> Result<Option<Granted>, Fault> {
        match api_key::read(text) {
            Some(secret) => self.find_by_hash(secret.hash(), from).await,
            None => Ok(None),
        }
    }

    /// Returns the key of this client certificate, if it is listed and works from this address.
    pub(super) async fn find_certificate(
        &self,
        hash: [u8; 32],
        from: Option<IpAddr>,
    ) -> Result<Option<Granted>, Fault> {
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
        let why = match &granted {
            None => Unauthorized::Unknown,
            Some(g) if g.key.valid(now, from) => return Ok(granted),
            Some(g) if g.key.expires_at.is_some_and(|end| end <= now) => Unauthorized::Expired,
            Some(_) => Unauthorized::Network,
        };
        self.failed(granted.map(|g| g.key), why, now);
        Ok(None)
    }

    /// Counts a failure. Failures are written to the trail only now and then, so that repeated
    /// attempts cannot fill it.
    fn failed(&self, key: Option<ApiKey>, why: Unauthorized, now: Time) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let id = key.as_ref().map(|k| k.id);
        // Keys with an id exist. Beyond the limit their failures are counted together.
        let id = if failures.len() < MOST_FAILING || failures.contains_key(&(id, why)) { id } else { None };
        failures
            .entry((id, why))
            .or_insert_with(|| Failures { key: key.filter(|_| id.is_some()), n: 0, since: now })
            .n += 1;
    }

    /// Writes to the trail how often keys did not work, for counters that are old enough.
    ///
    /// # Errors
    /// A fault of the store; what was not written is kept and written later.
    pub async fn tell_failures(&self) -> Result<(), Fault> {
        let now = self.ports.now();
        let due: Vec<_> = {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.extract_if(|_, f| now.0.saturating_sub(f.since.0) >= TELL_MS).collect()
        };
        let mut first = Ok(());
        for ((id, why), failures) in due {
            if let Err(fault) = unauthorized(&self.ports, failures.key.as_ref(), why, failures.n).await {
                let mut kept = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
                let n = failures.n;
                kept.entry((id, why)).or_insert(Failures { n: 0, ..failures }).n += n;
                first = first.and(Err(fault));
            }
        }
        first
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

    /// Clears the cache, because a key or role was changed.
    pub fn forget(&self) {
        let mut seen = self.seen();
        seen.known.clear();
        seen.forgotten += 1;
    }

    pub(super) async fn client_by_name(&self, realm: RealmId, name: &str) -> Result<Option<ClientId>, Fault> {
        Ok(self.ports.store.client_by_name(realm, name).await?.map(|c| c.id))
    }
}
