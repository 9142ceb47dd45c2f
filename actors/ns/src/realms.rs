//! Realms, opened and kept in memory: their secrets are unsealed once and shared by all users of
//! this handle.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use countersign_actors_shell::{
    identity::{Fresh, Owner, open_secret},
    run_to_completion,
};
use countersign_channel::ServerKey;
use countersign_domain_ns::{
    Refused,
    app::{App, TrustedSfs, Version},
    audit::Who,
    flows::realms::{self as flow, NewRealm},
    ports::{Ports, Topic},
    realm::{OpenRealm, PublicKey, Realm, RealmSettings, SealedRealm, place, qr_place},
    refused::Stop,
};
use countersign_ports::{Fault, identity::Part, time::Time};
use countersign_protocol::{
    ServerRole,
    ids::{KeyId, RealmId},
};

/// Least time between two reads of the store that are caused by misses, in milliseconds.
const RELOAD_MS: u64 = 200;

#[derive(Default)]
struct Book {
    by_id: HashMap<RealmId, Arc<OpenRealm>>,
    by_name: HashMap<String, RealmId>,
    by_key: HashMap<KeyId, (ServerKey, u64)>,
    /// When the store was last read.
    looked: Option<Time>,
}

/// The realms of this NS.
#[derive(Clone)]
pub struct Realms {
    ports: Ports,
    book: Arc<RwLock<Book>>,
    /// One task reads at a time, so that an older result never replaces a newer one.
    reading: Arc<tokio::sync::Mutex<()>>,
    /// Callers with a miss wait here, so that one read of the store serves all of them.
    missing: Arc<tokio::sync::Mutex<()>>,
}

/// The result of looking up the key id of a HELLO.
pub(crate) struct Entrance {
    pub(crate) realm: Arc<OpenRealm>,
    pub(crate) key: ServerKey,
    pub(crate) epoch: u64,
}

impl Realms {
    /// Reads and opens all realms.
    ///
    /// # Errors
    /// When the store fails, or the master key is not the one they were sealed under.
    pub async fn load(ports: Ports) -> Result<Self, Fault> {
        let realms = Self { ports, book: Arc::default(), reading: Arc::default(), missing: Arc::default() };
        realms.reload().await?;
        Ok(realms)
    }

    /// Reads all realms again, because one of them has changed here or on another pod.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn reload(&self) -> Result<(), Fault> {
        let _one_at_a_time = self.reading.lock().await;
        let mut book = Book { looked: Some(self.ports.now()), ..Book::default() };
        for sealed in self.ports.store.realms().await? {
            let id = sealed.realm.id;
            let place = |part| place(id, part);
            let owner = self.owner(id, &place);
            for key in &sealed.keys {
                book.by_key.insert(key.key_id, (owner.open(key)?, key.epoch));
            }
            let open = self.open(sealed)?;
            book.by_name.insert(open.name().to_owned(), id);
            book.by_id.insert(id, Arc::new(open));
        }
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = book;
        Ok(())
    }

    fn open(&self, sealed: SealedRealm) -> Result<OpenRealm, Fault> {
        let keys = sealed
            .keys
            .iter()
            .map(|k| PublicKey { key_id: k.key_id, epoch: k.epoch, public: k.public })
            .collect();
        let qr_key = open_secret(&self.ports.vault, &qr_place(sealed.realm.id), &sealed.sealed_qr)?;
        Ok(OpenRealm { realm: sealed.realm, root_pin: sealed.root_pin, qr_key, keys, apps: sealed.apps })
    }

    fn owner<'a>(&'a self, realm: RealmId, place: &'a dyn Fn(Part) -> String) -> Owner<'a> {
        Owner { role: ServerRole::Ns, server_id: realm.server_id(), vault: &self.ports.vault, place }
    }

    fn find<T>(&self, f: impl Fn(&Book) -> Option<T>) -> Option<T> {
        f(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks in memory, and on a miss in the store, because another pod may have just created the
    /// realm. Misses share reads, at most one per [`RELOAD_MS`], so that requests for unknown
    /// realms do not cause one read each.
    async fn find_or_reload<T>(&self, f: impl Fn(&Book) -> Option<T>) -> Result<Option<T>, Fault> {
        if let Some(found) = self.find(&f) {
            return Ok(Some(found));
        }
        let asked = self.ports.now();
        let _in_line = self.missing.lock().await;
        let looked = self.find(|b| b.looked).unwrap_or(Time(0));
        if looked <= asked {
            let wait = looked.0.saturating_add(RELOAD_MS).saturating_sub(self.ports.now().0).min(RELOAD_MS);
            actix_rt::time::sleep(Duration::from_millis(wait)).await;
            self.reload().await?;
        }
        Ok(self.find(&f))
    }

    /// Returns the realm with this name, as used in URLs.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn by_name(&self, name: &str) -> Result<Option<Arc<OpenRealm>>, Fault> {
        self.find_or_reload(|b| b.by_name.get(name).and_then(|id| b.by_id.get(id)).cloned()).await
    }

    /// Returns the realm with this id.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn by_id(&self, id: RealmId) -> Result<Option<Arc<OpenRealm>>, Fault> {
        self.find_or_reload(|b| b.by_id.get(&id).cloned()).await
    }

    /// Returns the realm as known on this pod, without reading the store.
    #[must_use]
    pub fn known(&self, id: RealmId) -> Option<Arc<OpenRealm>> {
        self.find(|b| b.by_id.get(&id).cloned())
    }

    /// Returns the realm and key that a HELLO names.
    pub(crate) async fn by_key(&self, id: KeyId) -> Result<Option<Entrance>, Fault> {
        self.find_or_reload(|b| {
            let (key, epoch) = b.by_key.get(&id)?;
            let realm = b.by_id.get(&RealmId(key.server_id()))?;
            Some(Entrance { realm: realm.clone(), key: key.clone(), epoch: *epoch })
        })
        .await
    }

    /// Lists all realms, sorted by name.
    #[must_use]
    pub fn all(&self) -> Vec<Realm> {
        let mut all: Vec<Realm> =
            self.find(|b| Some(b.by_id.values().map(|r| r.realm.clone()).collect())).unwrap_or_default();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Creates a realm with fresh keys.
    ///
    /// # Errors
    /// [`Refused::AlreadyExists`] when the name is taken.
    pub async fn create(
        &self,
        name: &str,
        display_name: &str,
        settings: RealmSettings,
        who: impl Into<Who>,
    ) -> Result<Arc<OpenRealm>, Stop> {
        let Ports { random, .. } = &self.ports;
        let id = RealmId(self.ports.fresh_id());
        let place = |part| place(id, part);
        let identity = self.owner(id, &place).make(&Fresh::from(&**random), self.ports.now(), &**random);
        let new = NewRealm { id, name: name.to_owned(), display_name: display_name.to_owned(), settings };
        let made = flow::create(&self.ports, new, identity, &random.secret(), who.into()).await;
        // Announced even when the name is taken: the realm that has it may not be known here yet.
        self.tell(id).await?;
        made?;
        Ok(self
            .by_id(id)
            .await?
            .ok_or_else(|| Fault::Inconsistent("a new realm cannot be read back".to_owned()))?)
    }

    /// Changes display name and settings, and notifies other pods. Returns `None` when the realm no
    /// longer equals `before`; the realms in memory are up to date then.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn change(
        &self,
        before: &Realm,
        after: &Realm,
        who: Who,
    ) -> Result<Option<Arc<OpenRealm>>, Stop> {
        let (realms, before, after) = (self.clone(), before.clone(), after.clone());
        run_to_completion(async move {
            let changed = realms.ports.store.change_realm(&before, &after, &realms.ports.stamp(who)).await?;
            realms.tell(after.id).await?;
            let now = realms.by_id(after.id).await?.ok_or(Refused::NotFound)?;
            Ok(changed.then_some(now))
        })
        .await
    }

    /// Lists the apps of a realm.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn apps(&self, realm: RealmId) -> Result<Vec<App>, Fault> {
        self.ports.store.apps(realm).await
    }

    /// Returns one app of a realm.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn app(&self, realm: RealmId, id: &str) -> Result<Option<App>, Fault> {
        self.ports.store.app(realm, id).await
    }

    /// Creates or changes an app; returns it as it is stored.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn put_app(
        &self,
        realm: RealmId,
        id: String,
        (display_name, min_version, sfs): (String, Option<Version>, Vec<TrustedSfs>),
        who: Who,
    ) -> Result<App, Stop> {
        let realms = self.clone();
        let app = App { realm, id, display_name, min_version, created_at: self.ports.now(), sfs };
        run_to_completion(async move {
            realms.ports.store.put_app(&app, &realms.ports.stamp(who)).await?;
            realms.tell(app.realm).await?;
            Ok(realms.app(app.realm, &app.id).await?.unwrap_or(app))
        })
        .await
    }

    /// Removes an app from the realm's list.
    ///
    /// # Errors
    /// [`Refused::NotFound`] when the realm does not list it, or a fault of the store.
    pub async fn delete_app(&self, realm: RealmId, id: String, who: Who) -> Result<(), Stop> {
        let realms = self.clone();
        run_to_completion(async move {
            if !realms.ports.store.delete_app(realm, &id, &realms.ports.stamp(who)).await? {
                return Err(Refused::NotFound.into());
            }
            Ok(realms.tell(realm).await?)
        })
        .await
    }

    /// Reads the realms again here and makes every other pod do so.
    async fn tell(&self, realm: RealmId) -> Result<(), Fault> {
        self.reload().await?;
        if let Err(fault) = self.ports.announce(Topic::Realm(realm), 0).await {
            tracing::warn!(%fault, "other pods see the change of a realm when they refresh");
        }
        Ok(())
    }
}
