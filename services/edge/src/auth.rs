//! Who calls REST, and whether they may. The endpoint table says what each endpoint needs; a handler that takes [`Caller`] or [`InRealm`] cannot run before that has
//! been checked.

mod keys;

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::Pin,
    sync::Arc,
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::{Method, header},
    web,
};
use countersign_actors::Realms;
use countersign_domain_ns::{
    api_key::Granted,
    audit::{Actor, Mark, Who},
    authority::Lineage,
    permission::{Permission, Permissions},
    realm::OpenRealm,
};
use countersign_ports::secret::sha256;
use countersign_protocol::ids::{ApiKeyId, ClientId, RealmId};

use crate::{certificates::Shown, problem::Oops};

pub use keys::Keys;

/// What an endpoint needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Any key that works.
    Key,
    /// A key that belongs to the realm of the path.
    Member,
    /// This permission in the realm of the path.
    In(Permission),
    /// One of these permissions in the realm of the path.
    OneOf(&'static [Permission]),
    /// The event feed: a client's key with `logins` sees what concerns the client, every other key needs `events`.
    Feed,
    /// This permission everywhere.
    Everywhere(Permission),
}

/// The needs of the methods of one path, as data of its resource.
#[derive(Clone, Debug, Default)]
pub struct PathNeeds(pub Vec<(Method, Needs)>);

/// The header with which a key that may act for clients names one.
pub const ACT_FOR: &str = "countersign-client";

/// The caller of a request, who may do what the endpoint does.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub key: ApiKeyId,
    /// Where the key works; `None` is everywhere.
    pub realm: Option<RealmId>,
    /// Whose objects it sees; `None` is everybody's.
    pub client: Option<ClientId>,
    pub permissions: Permissions,
    /// Which keys are in the same hands.
    pub lineage: Option<Lineage>,
    /// `Idempotency-Key`, hashed with everything it is scoped to but the body.
    keyed: Option<[u8; 32]>,
}

impl Caller {
    /// For writes.
    #[must_use]
    pub fn who(&self) -> Who {
        Who {
            actor: Actor::Key(self.key),
            client: self.client,
            mark: None,
            permissions: self.permissions,
            lineage: self.lineage,
            realm: self.realm,
        }
    }

    /// For writes that a keyed request may repeat. `body` is what the request says.
    #[must_use]
    pub fn who_with(&self, body: &impl serde::Serialize) -> Who {
        let mark = self.keyed.map(|scope| Mark {
            id: countersign_ports::random::id_from(&scope),
            // Values that were read from JSON are written as JSON again.
            hash: sha256(&serde_json::to_vec(body).unwrap_or_default()),
        });
        Who { mark, ..self.who() }
    }

    /// Whether it has this permission here, beside what the endpoint needs.
    #[must_use]
    pub fn may(&self, p: Permission) -> bool {
        self.permissions.has(p)
    }

    /// Whether an object of this client is the caller's to see.
    ///
    /// # Errors
    /// 404 for another client's object.
    pub fn owns(&self, client: ClientId) -> Result<(), Oops> {
        if self.client.is_none_or(|mine| mine == client) { Ok(()) } else { Err(Oops::not_found()) }
    }

    /// The client the caller is, or acts for.
    ///
    /// # Errors
    /// 403 for a key without a client.
    pub fn client(&self) -> Result<ClientId, Oops> {
        self.client.ok_or_else(|| {
            Oops::forbidden().because("this takes a client's API key, or the permission act_for_client and a Countersign-Client header")
        })
    }
}

/// The caller, and the realm of the path.
#[derive(Clone, Debug)]
pub struct InRealm {
    pub caller: Caller,
    pub realm: Arc<OpenRealm>,
}

impl InRealm {
    /// The realm's id.
    #[must_use]
    pub fn id(&self) -> RealmId {
        self.realm.realm.id
    }

    /// What is done concerns every client of the realm: it is not for a key that is bound to one.
    ///
    /// # Errors
    /// 403 for a client's key.
    pub fn whole_realm(&self) -> Result<(), Oops> {
        if self.caller.client.is_none() { Ok(()) } else { Err(Oops::forbidden().because("this concerns every client of the realm")) }
    }
}

/// Whether the caller of a request that takes long may still do what it asked for.
#[derive(Clone)]
pub struct Standing(HttpRequest);

impl Standing {
    /// Checks again, and gives the caller as they are now; it takes as long as a key is believed until a change is noticed.
    ///
    /// # Errors
    /// Why not any more.
    pub async fn check(&self) -> Result<Caller, Oops> {
        check(self.0.clone()).await.map(|(caller, _)| caller)
    }
}

impl FromRequest for Standing {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.clone())))
    }
}

type Checked<T> = Pin<Box<dyn Future<Output = Result<T, Oops>>>>;

impl FromRequest for Caller {
    type Error = Oops;
    type Future = Checked<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let check = check(request.clone());
        Box::pin(async move { check.await.map(|(caller, _)| caller) })
    }
}

impl FromRequest for InRealm {
    type Error = Oops;
    type Future = Checked<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let check = check(request.clone());
        Box::pin(async move {
            let (caller, realm) = check.await?;
            // An endpoint whose path names no realm cannot ask for one.
            realm.map(|realm| Self { caller, realm }).ok_or_else(Oops::internal)
        })
    }
}

async fn check(request: HttpRequest) -> Result<(Caller, Option<Arc<OpenRealm>>), Oops> {
    let needs = needs(&request).ok_or_else(Oops::internal)?;
    let keys = request.app_data::<web::Data<Keys>>().ok_or_else(Oops::internal)?;
    let granted = granted(&request, keys).await?;
    // No name of ours holds a blank. Databases differ in what one at the end means.
    if request.match_info().iter().any(|(_, part)| !part.bytes().all(|b| b.is_ascii_graphic())) {
        return Err(Oops::not_found());
    }
    let realm = match request.match_info().get("realm") {
        Some(name) => Some(realm(&request, name, &granted).await?),
        None => None,
    };
    let allowed = match needs {
        Needs::Key | Needs::Member => true,
        Needs::In(p) => granted.permissions.has(p),
        Needs::OneOf(some) => some.iter().any(|p| granted.permissions.has(*p)),
        Needs::Feed => [Permission::Logins, Permission::Events].iter().any(|p| granted.permissions.has(*p)),
        Needs::Everywhere(p) => granted.key.realm.is_none() && granted.permissions.has(p),
    };
    if !allowed {
        return Err(Oops::forbidden());
    }
    let client = acts_for(&request, keys, &granted, realm.as_deref()).await?;
    // Without a client there is nothing that is the caller's own.
    if needs == Needs::Feed && client.is_none() && !granted.permissions.has(Permission::Events) {
        return Err(Oops::forbidden());
    }
    request.extensions_mut().insert(granted.key.id);
    let keyed = keyed(&request, granted.key.id, client)?;
    let caller = Caller {
        key: granted.key.id,
        realm: granted.key.realm,
        client,
        permissions: granted.permissions,
        lineage: granted.key.lineage,
        keyed,
    };
    Ok((caller, realm))
}

fn needs(request: &HttpRequest) -> Option<Needs> {
    let all = request.app_data::<PathNeeds>()?;
    all.0.iter().find(|(method, _)| method == request.method()).map(|(_, needs)| *needs)
}

async fn granted(request: &HttpRequest, keys: &Keys) -> Result<Granted, Oops> {
    let from = request.peer_addr().map(|a| a.ip());
    let found = match (request.headers().get(header::AUTHORIZATION), request.conn_data::<Shown>()) {
        // Whoever shows a key is taken by it, also when it does not work.
        (Some(_), _) => {
            let text = header_text(request, header::AUTHORIZATION.as_str()).and_then(|v| v.strip_prefix("Bearer "));
            keys.find(text.ok_or_else(Oops::unauthorized)?, from).await?
        }
        (None, Some(certificate)) => keys.find_certificate(certificate.hash, from).await?,
        (None, None) => None,
    };
    found.ok_or_else(Oops::unauthorized)
}

/// A key of another realm must not learn that this one exists.
async fn realm(request: &HttpRequest, name: &str, granted: &Granted) -> Result<Arc<OpenRealm>, Oops> {
    let realms = request.app_data::<web::Data<Realms>>().ok_or_else(Oops::internal)?;
    let realm = realms.by_name(name).await?.ok_or_else(Oops::not_found)?;
    if granted.key.realm.is_none_or(|mine| mine == realm.realm.id) { Ok(realm) } else { Err(Oops::not_found()) }
}

async fn acts_for(request: &HttpRequest, keys: &Keys, granted: &Granted, realm: Option<&OpenRealm>) -> Result<Option<ClientId>, Oops> {
    let (Some(name), Some(realm)) = (request.headers().get(ACT_FOR), realm) else { return Ok(granted.key.client) };
    let name = name.to_str().map_err(|_| Oops::malformed().because("Countersign-Client is a client's name"))?;
    if granted.key.client.is_some() || !granted.permissions.has(Permission::ActForClient) {
        return Err(Oops::forbidden().because("the API key may not act for clients"));
    }
    let client = keys.client_by_name(realm.realm.id, name).await?;
    client.map(Some).ok_or_else(|| Oops::invalid("/headers/countersign-client", "no such client in this realm"))
}

/// One principal's keys on one route: another principal, realm or route with the same key means something else.
fn keyed(request: &HttpRequest, key: ApiKeyId, client: Option<ClientId>) -> Result<Option<[u8; 32]>, Oops> {
    let Some(value) = request.headers().get("idempotency-key") else { return Ok(None) };
    let good = value.to_str().ok().filter(|v| (1..=255).contains(&v.len()) && v.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
    let text = good.ok_or_else(|| Oops::malformed().because("Idempotency-Key is 1 to 255 visible ASCII characters"))?;
    // A client's several keys are one principal: a retry may come after a rotation.
    let principal = client.map_or(key.0, |c| c.0);
    let scope =
        [b"countersign/request/v1\0", &principal[..], request.method().as_str().as_bytes(), b"\0", request.path().as_bytes(), b"\0"];
    Ok(Some(sha256(&[&scope.concat()[..], text.as_bytes()].concat())))
}

fn header_text<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name).and_then(|v| v.to_str().ok())
}
