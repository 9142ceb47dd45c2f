//! API keys: who calls REST.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use countersign_domain::{
    api_key::{self, ApiKey, Role},
    audit::Actor,
    ports::Ports,
    realm::Realm,
    refused::Fault,
    time::Time,
};
use countersign_protocol::ids::{ApiKeyId, ClientId};

use crate::problem::Oops;

/// A key that was good is believed for this long without asking the store: so long can a key deleted on another pod still work here.
const BELIEVED_MS: u64 = 2000;
/// Keys remembered at most.
const MOST: usize = 10_000;

/// The known keys.
#[derive(Clone)]
pub struct Keys {
    ports: Ports,
    seen: Arc<Mutex<HashMap<[u8; 32], (ApiKey, Time)>>>,
}

impl Keys {
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self { ports, seen: Arc::default() }
    }

    /// The key with this secret, if it works.
    ///
    /// # Errors
    /// A fault of the store.
    async fn find(&self, text: &str) -> Result<Option<ApiKey>, Fault> {
        let Some(secret) = api_key::read(text) else { return Ok(None) };
        let (hash, now) = (secret.hash(), self.ports.now());
        let known = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&hash)
            .filter(|(_, until)| now < *until)
            .map(|(key, _)| key.clone());
        let key = match known {
            Some(key) => Some(key),
            None => self.ports.store.api_key_by_hash(&hash).await?.inspect(|key| self.remember(hash, key.clone(), now)),
        };
        Ok(key.filter(|k| k.valid(now)))
    }

    fn remember(&self, hash: [u8; 32], key: ApiKey, now: Time) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.clear();
        }
        seen.insert(hash, (key, Time(now.0 + BELIEVED_MS)));
    }

    /// Forgets everything: a key was deleted.
    pub fn forget(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The caller of a request.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub key: ApiKeyId,
    pub role: Role,
}

impl Caller {
    /// For the audit trail.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::Key(self.key)
    }

    /// Only root.
    ///
    /// # Errors
    /// 403.
    pub fn root(&self) -> Result<(), Oops> {
        if self.role == Role::Root { Ok(()) } else { Err(Oops::forbidden()) }
    }

    /// Root, or an administrator of this realm.
    ///
    /// # Errors
    /// 404 for a key of another realm, 403 for a client.
    pub fn admin_of(&self, realm: &Realm) -> Result<(), Oops> {
        self.inside(realm)?;
        if matches!(self.role, Role::Client(..)) { Err(Oops::forbidden()) } else { Ok(()) }
    }

    /// Anybody of this realm, and root.
    ///
    /// # Errors
    /// 404 for a key of another realm: it must not learn that the realm exists.
    pub fn inside(&self, realm: &Realm) -> Result<(), Oops> {
        match self.role {
            Role::Root => Ok(()),
            Role::RealmAdmin(id) | Role::Client(id, _) if id == realm.id => Ok(()),
            Role::RealmAdmin(_) | Role::Client(..) => Err(Oops::not_found()),
        }
    }

    /// Whether an object of this client is the caller's to see.
    ///
    /// # Errors
    /// 404 for another client's object.
    pub fn owns(&self, client: ClientId) -> Result<(), Oops> {
        match self.role {
            Role::Client(_, id) if id != client => Err(Oops::not_found()),
            _ => Ok(()),
        }
    }

    /// The client the caller is, for what belongs to one.
    ///
    /// # Errors
    /// 403 for a key without a client.
    pub fn client(&self) -> Result<ClientId, Oops> {
        match self.role {
            Role::Client(_, id) => Ok(id),
            Role::Root | Role::RealmAdmin(_) => Err(Oops::forbidden().because("this takes the API key of a client")),
        }
    }
}

impl FromRequest for Caller {
    type Error = Oops;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Oops>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let keys = request.app_data::<web::Data<Keys>>().cloned();
        let text = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.strip_prefix("Bearer "))
            .map(str::to_owned);
        Box::pin(async move {
            let (Some(keys), Some(text)) = (keys, text) else { return Err(Oops::unauthorized()) };
            let key = keys.find(&text).await?.ok_or_else(Oops::unauthorized)?;
            Ok(Self { key: key.id, role: key.role })
        })
    }
}
