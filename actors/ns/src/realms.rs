//! Realms, opened and kept: their secrets are unsealed once and shared by everybody who works in
//! them.

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
    app::{App, Version},
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

/// How often misses lead to a look into the store at most.
const RELOAD_MS: u64 = 200;

#[derive(Default)]
struct Book {
    by_id: HashMap<RealmId, Arc<OpenRealm>>,
    by_name: HashMap<String, RealmId>,
    by_key: HashMap<KeyId, (ServerKey, u64)>,
    /// When the store was read last.
    looked: Option<Time>,
}

/// The realms of this NS.
#[derive(Clone)]
pub struct Realms {
    ports: Ports,
    book: Arc<RwLock<Book>>,
    /// One reads at a time, so that an older reading never replaces a newer one.
    reading: Arc<tokio::sync::Mutex<()>>,
    /// Whoever misses something stands in line: one looks for all.
    missing: Arc<tokio::sync::Mutex<()>>,
}

/// What a HELLO's key id leads to.
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

    /// Reads all realms again: something about one has changed, here or on another pod.
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

    /// Looks in the book; on a miss looks into the store, because another pod may have made a realm
    /// just now. Strangers who ask for what is nowhere cost a look now and then, not one each.
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

    /// By name, as in URLs.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn by_name(&self, name: &str) -> Result<Option<Arc<OpenRealm>>, Fault> {
        self.find_or_reload(|b| b.by_name.get(name).and_then(|id| b.by_id.get(id)).cloned()).await
    }

    /// By id.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn by_id(&self, id: RealmId) -> Result<Option<Arc<OpenRealm>>, Fault> {
        self.find_or_reload(|b| b.by_id.get(&id).cloned()).await
    }

    /// As it is known here, without looking into the store.
    #[must_use]
    pub fn known(&self, id: RealmId) -> Option<Arc<OpenRealm>> {
        self.find(|b| b.by_id.get(&id).cloned())
    }

    /// By the key a HELLO names.
    pub(crate) async fn by_key(&self, id: KeyId) -> Result<Option<Entrance>, Fault> {
        self.find_or_reload(|b| {
            let (key, epoch) = b.by_key.get(&id)?;
            let realm = b.by_id.get(&RealmId(key.server_id()))?;
            Some(Entrance { realm: realm.clone(), key: key.clone(), epoch: *epoch })
        })
        .await
    }

    /// All of them, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Realm> {
        let mut all: Vec<Realm> =
            self.find(|b| Some(b.by_id.values().map(|r| r.realm.clone()).collect())).unwrap_or_default();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Makes a realm with fresh keys.
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
        // Also when the name is taken: the realm that has it may be one that is not known here yet.
        self.tell(id).await?;
        made?;
        Ok(self
            .by_id(id)
            .await?
            .ok_or_else(|| Fault::Inconsistent("a new realm cannot be read back".to_owned()))?)
    }

    /// Changes display name and settings; other pods are told. `None` when the realm is not (any
    /// more) what it was before the change: the book is fresh then.
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

    /// The apps a realm lists.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn apps(&self, realm: RealmId) -> Result<Vec<App>, Fault> {
        self.ports.store.apps(realm).await
    }

    /// One of them.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn app(&self, realm: RealmId, id: &str) -> Result<Option<App>, Fault> {
        self.ports.store.app(realm, id).await
    }

    /// Makes or changes an app; gives it as it is kept.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn put_app(
        &self,
        realm: RealmId,
        id: String,
        display_name: String,
        min_version: Option<Version>,
        who: Who,
    ) -> Result<App, Stop> {
        let realms = self.clone();
        let app = App { realm, id, display_name, min_version, created_at: self.ports.now() };
        run_to_completion(async move {
            realms.ports.store.put_app(&app, &realms.ports.stamp(who)).await?;
            realms.tell(app.realm).await?;
            Ok(realms.app(app.realm, &app.id).await?.unwrap_or(app))
        })
        .await
    }

    /// The realm does not list it any more.
    ///
    /// # Errors
    /// [`Refused::NotFound`].
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

    /// Reads what is there now, here and on every other pod.
    async fn tell(&self, realm: RealmId) -> Result<(), Fault> {
        self.reload().await?;
        if let Err(fault) = self.ports.announce(Topic::Realm(realm), 0).await {
            tracing::warn!(%fault, "other pods see the change of a realm when they refresh");
        }
        Ok(())
    }
}
