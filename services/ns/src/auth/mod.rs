//! Authentication and authorisation of REST. The endpoint table states what each endpoint needs; a
//! layer checks it before any handler runs, and leaves the caller for [`Caller`] and [`InRealm`] to
//! extract.

mod keys;

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header, web};
use countersign_actors_ns::Realms;
use countersign_domain_ns::{
    api_key::{Granted, certificate_hash},
    audit::{Actor, Mark, Who},
    authority::Lineage,
    permission::{Permission, Permissions},
    realm::OpenRealm,
};
use countersign_edge::{
    access,
    certificates::Shown,
    header::{bearer, one},
    problem::ApiProblem,
    rest::endpoint::Need,
};
use countersign_ports::secret::sha256;
use countersign_protocol::ids::{ApiKeyId, ClientId, RealmId};

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
    /// The event feed: a client's key with `logins` sees what concerns the client; every other key
    /// needs `events`.
    Feed,
    /// This permission everywhere.
    Everywhere(Permission),
}

/// The header with which a key that may act for clients names one.
pub const ACT_FOR: &str = "countersign-client";

/// The authorised caller of a request.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub key: ApiKeyId,
    /// The realm the key is bound to; `None` means every realm.
    pub realm: Option<RealmId>,
    /// The client whose objects the caller sees; `None` means those of all clients.
    pub client: Option<ClientId>,
    pub permissions: Permissions,
    /// Identifies the keys that are held by the same party.
    pub lineage: Option<Lineage>,
    /// `Idempotency-Key`, hashed with everything it is scoped to but the body.
    keyed: Option<[u8; 32]>,
}

impl Caller {
    /// Returns the actor to record for writes.
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

    /// Returns the actor for writes that a request with an Idempotency-Key may repeat. `body` is
    /// the content of the request.
    #[must_use]
    pub fn who_with(&self, body: &impl serde::Serialize) -> Who {
        let mark = self.keyed.map(|scope| Mark {
            id: countersign_ports::random::id_from(&scope),
            // Values that were read from JSON can be written as JSON again.
            hash: sha256(&serde_json::to_vec(body).unwrap_or_default()),
        });
        Who { mark, ..self.who() }
    }

    /// Whether the caller has this permission here, beyond what the endpoint needs.
    #[must_use]
    pub fn may(&self, p: Permission) -> bool {
        self.permissions.has(p)
    }

    /// Checks that the caller may see objects of this client.
    ///
    /// # Errors
    /// 404 for another client's object.
    pub fn owns(&self, client: ClientId) -> Result<(), ApiProblem> {
        if self.client.is_none_or(|mine| mine == client) { Ok(()) } else { Err(ApiProblem::not_found()) }
    }

    /// Returns the client that the caller is, or acts for.
    ///
    /// # Errors
    /// 403 for a key without a client.
    pub fn client(&self) -> Result<ClientId, ApiProblem> {
        self.client.ok_or_else(|| {
            ApiProblem::forbidden().because(
                "this takes a client's API key, or the permission act_for_client and a \
                    Countersign-Client header",
            )
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
        self.realm.id()
    }

    /// Refuses keys that are bound to a client, because the operation concerns every client of the
    /// realm.
    ///
    /// # Errors
    /// 403 for a client's key.
    pub fn whole_realm(&self) -> Result<(), ApiProblem> {
        if self.caller.client.is_none() {
            Ok(())
        } else {
            Err(ApiProblem::forbidden().because("this concerns every client of the realm"))
        }
    }
}

/// Checks during a long request whether the caller may still make it.
#[derive(Clone)]
pub struct Standing {
    request: HttpRequest,
    needs: Needs,
}

impl Standing {
    /// Checks again and returns the caller with their current rights. A change is noticed when the
    /// cached key expires.
    ///
    /// # Errors
    /// Why the caller may not make the request any more.
    pub async fn check(&self) -> Result<Caller, ApiProblem> {
        judge(self.needs, &self.request).await.map(|(caller, _)| caller)
    }
}

type Extracted<T> = Ready<Result<T, ApiProblem>>;

/// Returns what the layer has left; without it, the endpoint is not in the table.
fn left<T: Clone + 'static>(request: &HttpRequest) -> Result<T, ApiProblem> {
    request.extensions().get::<T>().cloned().ok_or_else(ApiProblem::internal)
}

impl FromRequest for Standing {
    type Error = ApiProblem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(left(request).map(|needs| Self { request: request.clone(), needs }))
    }
}

impl FromRequest for Caller {
    type Error = ApiProblem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(left(request))
    }
}

impl FromRequest for InRealm {
    type Error = ApiProblem;
    type Future = Extracted<Self>;

    /// Fails for an endpoint whose path names no realm.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(left(request).and_then(|caller| Ok(Self { caller, realm: left(request)? })))
    }
}

impl Need for Needs {
    fn describe(self) -> String {
        match self {
            Self::Key => "Needs an API key that works.".to_owned(),
            Self::Member => "Needs an API key of the realm.".to_owned(),
            Self::In(p) => format!("Needs the permission `{}`.", p.as_str()),
            Self::OneOf(some) => {
                let names: Vec<String> = some.iter().map(|p| format!("`{}`", p.as_str())).collect();
                format!("Needs one of the permissions {}.", names.join(", "))
            }
            Self::Feed => "Needs the permission `events`; a client's key with `logins` gets the events of \
                its own objects."
                .to_owned(),
            Self::Everywhere(p) => format!(
                "Needs the permission `{}` in a key that is not bound to a \
                realm.",
                p.as_str()
            ),
        }
    }

    async fn check(self, request: &HttpRequest) -> Result<(), ApiProblem> {
        let (caller, realm) = judge(self, request).await?;
        let mut left = request.extensions_mut();
        left.insert(self);
        left.insert(access::KeyId(caller.key.to_string()));
        left.insert(caller);
        if let Some(realm) = realm {
            left.insert(realm);
        }
        Ok(())
    }
}

async fn judge(needs: Needs, request: &HttpRequest) -> Result<(Caller, Option<Arc<OpenRealm>>), ApiProblem> {
    let keys = request.app_data::<web::Data<Keys>>().ok_or_else(ApiProblem::internal)?;
    let granted = granted(request, keys).await?;
    // Our names contain no blanks, and databases differ in how they compare trailing ones.
    if request.match_info().iter().any(|(_, part)| !part.bytes().all(|b| b.is_ascii_graphic())) {
        return Err(ApiProblem::not_found());
    }
    let realm = match request.match_info().get("realm") {
        Some(name) => Some(realm(request, name, &granted).await?),
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
        return Err(ApiProblem::forbidden());
    }
    let client = acts_for(request, keys, &granted, realm.as_deref()).await?;
    // Without a client, no events are the caller's own.
    if needs == Needs::Feed && client.is_none() && !granted.permissions.has(Permission::Events) {
        return Err(ApiProblem::forbidden());
    }
    let keyed = keyed(request, granted.key.id, client)?;
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

async fn granted(request: &HttpRequest, keys: &Keys) -> Result<Granted, ApiProblem> {
    let from = request.peer_addr().map(|a| a.ip());
    let sent = one(request, header::AUTHORIZATION.as_str())?;
    let found = match (sent, request.conn_data::<Shown>()) {
        // A request with an Authorization header is judged by it alone, even when the key does not
        // work.
        (Some(value), _) => keys.find(bearer(value).ok_or_else(ApiProblem::unauthorized)?, from).await?,
        (None, Some(certificate)) => keys.find_certificate(certificate_hash(certificate.der()), from).await?,
        (None, None) => None,
    };
    found.ok_or_else(ApiProblem::unauthorized)
}

/// Finds the realm. A key of another realm must not learn that this realm exists.
async fn realm(request: &HttpRequest, name: &str, granted: &Granted) -> Result<Arc<OpenRealm>, ApiProblem> {
    let realms = request.app_data::<web::Data<Realms>>().ok_or_else(ApiProblem::internal)?;
    let realm = realms.by_name(name).await?.ok_or_else(ApiProblem::not_found)?;
    if granted.key.realm.is_none_or(|mine| mine == realm.id()) {
        Ok(realm)
    } else {
        Err(ApiProblem::not_found())
    }
}

async fn acts_for(
    request: &HttpRequest,
    keys: &Keys,
    granted: &Granted,
    realm: Option<&OpenRealm>,
) -> Result<Option<ClientId>, ApiProblem> {
    let (Some(name), Some(realm)) = (one(request, ACT_FOR)?, realm) else {
        return Ok(granted.key.client);
    };
    if granted.key.client.is_some() || !granted.permissions.has(Permission::ActForClient) {
        return Err(ApiProblem::forbidden().because("the API key may not act for clients"));
    }
    let client = keys.client_by_name(realm.id(), name).await?;
    client
        .map(Some)
        .ok_or_else(|| ApiProblem::invalid("/headers/countersign-client", "no such client in this realm"))
}

/// Hashes the Idempotency-Key with its scope: the same key of another principal, realm or route
/// means another request.
fn keyed(
    request: &HttpRequest,
    key: ApiKeyId,
    client: Option<ClientId>,
) -> Result<Option<[u8; 32]>, ApiProblem> {
    let Some(value) = one(request, "idempotency-key")? else { return Ok(None) };
    let good = Some(value)
        .filter(|v| (1..=255).contains(&v.len()) && v.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
    let text = good.ok_or_else(|| {
        ApiProblem::malformed().because("Idempotency-Key is 1 to 255 visible ASCII characters")
    })?;
    // All keys of a client are one principal, because a retry may come after a rotation.
    let principal = client.map_or(key.0, |c| c.0);
    let scope = [
        b"countersign/request/v1\0",
        &principal[..],
        request.method().as_str().as_bytes(),
        b"\0",
        request.path().as_bytes(),
        b"\0",
    ];
    Ok(Some(sha256(&[&scope.concat()[..], text.as_bytes()].concat())))
}
