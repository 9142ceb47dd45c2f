//! API keys, and the client certificates that are listed as keys.

use countersign_ports::{
    Fault,
    random::Random,
    secret::Secret,
    time::{Clock, Time},
};
use countersign_protocol::ids::{ApiKeyId, AuditId};

use crate::{
    Refused,
    api_key::{ApiKey, certificate_hash},
    audit::{Actor, Stamp, Who},
    flows::{
        enrolment::{made_before, refuse_repetition},
        keys,
    },
    grant::{self, NotGranted, Wish},
    permission::role,
    ports::{Directory, KeyQuery, Page, Ports, Rotated},
    refused::Stop,
};

/// API keys and client certificates.
#[derive(Clone)]
pub struct ApiKeys(Ports);

/// A new key with its secret, which is shown once and not stored.
#[derive(Debug)]
pub struct Made {
    pub key: ApiKey,
    pub secret: Secret<32>,
}

/// A client certificate to list as a key.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub der: Vec<u8>,
    /// SHA-256 of `der`.
    pub fingerprint: [u8; 32],
    pub not_before: Time,
    pub not_after: Time,
}

/// Result of a rotation.
#[derive(Debug)]
pub enum Rotation {
    Done(Box<Made>),
    /// The successor would already have expired, so it needs an expiry of its own.
    Expired,
    /// There is no such key any more.
    Missing,
}

impl ApiKeys {
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self(ports)
    }

    /// A key that `who` may look at: of its realm, and of its client when it is bound to one.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn find(&self, who: &Who, id: ApiKeyId) -> Result<Option<ApiKey>, Fault> {
        Ok(self.0.store.api_key(id).await?.filter(|key| grant::sees(who, key)))
    }

    /// The caller's own key.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn own(&self, id: ApiKeyId) -> Result<Option<ApiKey>, Fault> {
        self.0.store.api_key(id).await
    }

    /// Lists keys and certificates.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn list(&self, query: &KeyQuery) -> Result<Page<ApiKey, ApiKeyId>, Fault> {
        self.0.store.api_keys(query).await
    }

    /// Makes the key that `who` asks for, valid for `lives` seconds.
    ///
    /// # Errors
    /// [`Refused::SecretAlreadyIssued`] for a repeated keyed request, [`Refused::RequestChanged`]
    /// when its body differs; faults of a port.
    pub async fn create(
        &self,
        who: Who,
        wish: Wish,
        lives: Option<u64>,
    ) -> Result<Result<Made, NotGranted>, Stop> {
        let ports = &self.0;
        refuse_repetition(ports, who).await?;
        let (id, secret) = (self.fresh(who), ports.random.secret());
        let wish = Wish { expires_at: lives.map(|secs| ports.now().plus_secs(secs)), ..wish };
        let key = match keys::grant(ports, &who, wish, (id, &secret)).await? {
            Ok(key) => key,
            Err(why) => return Ok(Err(why)),
        };
        if ports.store.add_api_key(&key, &ports.stamp(who)).await? {
            return Ok(Ok(Made { key, secret }));
        }
        if let Some(mark) = who.mark
            && ports.store.request(&mark.id).await?.is_some()
        {
            return Err(made_before(ports, who).await?.into());
        }
        Ok(Err(NotGranted::Invalid("/client", "no such client, or role, in this realm")))
    }

    /// Lists a client certificate as a key. The certificate takes the place of the secret, so no
    /// one has a secret for it.
    ///
    /// # Errors
    /// Faults of a port.
    pub async fn list_certificate(
        &self,
        who: Who,
        wish: Wish,
        certificate: &Certificate,
    ) -> Result<Result<ApiKey, NotGranted>, Stop> {
        let (ports, bad) = (&self.0, |why| Ok(Err(NotGranted::Invalid("/certificate", why))));
        if certificate.not_after <= ports.now() {
            return bad("the certificate has expired");
        }
        if certificate.not_before > ports.now() {
            return bad("the certificate is not valid yet");
        }
        let nobodys: Secret<32> = ports.random.secret();
        let wish = Wish { expires_at: Some(certificate.not_after), ..wish };
        let key = match keys::grant(ports, &who, wish, (ApiKeyId(ports.fresh_id()), &nobodys)).await? {
            Ok(key) => ApiKey {
                hash: certificate_hash(&certificate.der),
                certificate: Some(certificate.fingerprint),
                ..key
            },
            Err(why) => return Ok(Err(why)),
        };
        let there = ports.store.api_key_by_hash(&key.hash).await?.is_some();
        if there || !ports.store.add_api_key(&key, &ports.stamp(who)).await? {
            return bad("the certificate is listed already, or its client or role is gone");
        }
        Ok(Ok(key))
    }

    /// Gives a key another role.
    ///
    /// # Errors
    /// As [`keys::change_role`].
    pub async fn change_role(
        &self,
        who: Who,
        key: &ApiKey,
        role: &str,
    ) -> Result<Result<ApiKey, NotGranted>, Stop> {
        keys::change_role(&self.0, who, key, role).await
    }

    /// Deletes a key, at once.
    ///
    /// # Errors
    /// As [`keys::delete`].
    pub async fn delete(&self, who: Who, key: &ApiKey) -> Result<(), Stop> {
        keys::delete(&self.0, who, key).await
    }

    /// Makes a successor of a key, valid for `lives` seconds; the old one works beside it for
    /// `overlap` seconds.
    ///
    /// # Errors
    /// [`Refused::Lacking`], [`Refused::Superseded`], [`Refused::SecretAlreadyIssued`]; faults of a
    /// port.
    pub async fn rotate(
        &self,
        who: Who,
        old: &ApiKey,
        lives: Option<u64>,
        overlap: u64,
    ) -> Result<Rotation, Stop> {
        let (ports, now) = (&self.0, self.0.now());
        refuse_repetition(ports, who).await?;
        let secret: Secret<32> = ports.random.secret();
        let (made, expires_at) = ((self.fresh(who), &secret), lives.map(|secs| now.plus_secs(secs)));
        match keys::rotate(ports, who, old, made, expires_at, now.plus_secs(overlap)).await? {
            Rotated::Done(key) => Ok(Rotation::Done(Box::new(Made { key: *key, secret }))),
            Rotated::Over => Ok(Rotation::Expired),
            Rotated::Missing => Ok(Rotation::Missing),
            Rotated::Taken => Err(made_before(ports, who).await?.into()),
            Rotated::Superseded => Err(Refused::Superseded.into()),
        }
    }

    /// Adds the first root key to a database that never had one. When several pods share the
    /// database, one of them adds it. Returns `false` when there was one.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn add_first_root(&self, secret: &Secret<32>) -> Result<bool, Fault> {
        let ports = &self.0;
        let key = ApiKey::plain(ApiKeyId(ports.fresh_id()), secret, role::ROOT, None, ports.now());
        ports.store.add_first_root_key(&key, &ports.stamp(Actor::System)).await
    }

    /// Whether the database ever had a root key. If so, none is made at the start, even if that key
    /// has been deleted since.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn had_root(&self) -> Result<bool, Fault> {
        self.0.store.had_root_key().await
    }

    /// Whether there is a key with this secret.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn knows(&self, secret: &Secret<32>) -> Result<bool, Fault> {
        Ok(self.0.store.api_key_by_hash(&secret.hash()).await?.is_some())
    }

    /// The id of a new key. A repeated keyed request gets the same id again.
    fn fresh(&self, who: Who) -> ApiKeyId {
        ApiKeyId(who.mark.map_or_else(|| self.0.fresh_id(), |mark| mark.id))
    }
}

/// Makes a root key for an operator with access to the machine and the database, when the other
/// root keys are lost or out of reach. It needs nothing else, and pods may be running meanwhile.
///
/// # Errors
/// [`Refused::AlreadyExists`] when the store did not add the key; a fault of the store.
pub async fn break_glass(
    store: &dyn Directory,
    clock: &dyn Clock,
    random: &dyn Random,
    name: Option<String>,
) -> Result<Made, Stop> {
    let (now, secret) = (clock.now(), random.secret());
    let key = ApiKey { name, ..ApiKey::plain(ApiKeyId(random.id(now)), &secret, role::ROOT, None, now) };
    let stamp = Stamp { id: AuditId(random.id(now)), now, who: Actor::System.into() };
    if store.add_api_key(&key, &stamp).await? {
        Ok(Made { key, secret })
    } else {
        Err(Refused::AlreadyExists.into())
    }
}
