//! API keys, which authenticate callers of REST.
//!
//! A key is written as `cs_` + base64url of 32 random bytes. The store keeps only its SHA-256 and
//! looks it up by that; 256 bits of randomness need no slow hash.

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_protocol::ids::{ApiKeyId, ClientId, RealmId};
use ipnet::IpNet;

use crate::{
    authority::Lineage,
    permission::{Permissions, role},
};
use countersign_ports::{
    secret::{Secret, sha256},
    time::Time,
};

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub hash: [u8; 32],
    /// A label for people.
    pub name: Option<String>,
    /// Name of a built-in or a custom role.
    pub role: String,
    /// The realm it works in; `None` means every realm.
    pub realm: Option<RealmId>,
    /// The client whose objects it sees; `None` means every client's.
    pub client: Option<ClientId>,
    /// Networks it may be used from; empty means any.
    pub sources: Vec<IpNet>,
    pub created_at: Time,
    pub expires_at: Option<Time>,
    /// Precise to the minute.
    pub last_used_at: Option<Time>,
    /// SHA-256 of the client certificate that serves as this key, if one does.
    pub certificate: Option<[u8; 32]>,
    /// The origin it shares with related keys.
    pub lineage: Option<Lineage>,
}

/// A key with what its role allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub key: ApiKey,
    pub permissions: Permissions,
}

/// Writes the secret in the form that callers send.
#[must_use]
pub fn write(secret: &Secret<32>) -> String {
    // With room for the end of a line, because a text that grows leaves a copy where it was.
    let mut text = String::with_capacity(64);
    text.push_str("cs_");
    URL_SAFE_NO_PAD.encode_string(secret.expose(), &mut text);
    text
}

/// The hash by which the key of a client certificate (DER) is looked up.
#[must_use]
pub fn certificate_hash(der: &[u8]) -> [u8; 32] {
    sha256(&[b"countersign/client-certificate/v1\0", der].concat())
}

/// Reads what [`write`] wrote.
#[must_use]
pub fn read(text: &str) -> Option<Secret<32>> {
    let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix("cs_")?).ok()?;
    bytes.try_into().ok().map(Secret::new)
}

impl ApiKey {
    /// A key with a built-in role and no further limits, made by root or by the program.
    #[must_use]
    pub fn plain(
        id: ApiKeyId,
        secret: &Secret<32>,
        role: &str,
        at: Option<(RealmId, Option<ClientId>)>,
        now: Time,
    ) -> Self {
        Self {
            id,
            hash: secret.hash(),
            name: None,
            role: role.to_owned(),
            realm: at.map(|(realm, _)| realm),
            client: at.and_then(|(_, client)| client),
            sources: Vec::new(),
            created_at: now,
            expires_at: None,
            last_used_at: None,
            certificate: None,
            lineage: Some(Lineage(id.0)),
        }
    }

    /// Whether it has not expired and may be used from this address.
    #[must_use]
    pub fn valid(&self, now: Time, from: Option<IpAddr>) -> bool {
        let here = || from.is_some_and(|ip| self.sources.iter().any(|net| net.contains(&ip.to_canonical())));
        self.expires_at.is_none_or(|t| now < t) && (self.sources.is_empty() || here())
    }

    /// Whether it is a root key, which may do everything.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.role == role::ROOT && self.realm.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_works_until_its_end_and_from_its_networks_only() {
        let mut key = ApiKey::plain(ApiKeyId([1; 16]), &Secret::new([2; 32]), role::ROOT, None, Time(0));
        assert!(key.valid(Time(5), None));
        key.expires_at = Some(Time(5));
        assert!(key.valid(Time(4), None) && !key.valid(Time(5), None));
        key.sources =
            vec!["10.1.0.0/16".parse().expect("a network"), "2001:db8::/32".parse().expect("a network")];
        for (from, works) in [
            ("10.1.2.3", true),
            ("10.2.2.3", false),
            ("::ffff:10.1.2.3", true),
            ("2001:db8::1", true),
            ("::1", false),
        ] {
            assert_eq!(key.valid(Time(4), from.parse().ok()), works, "{from}");
        }
        assert!(!key.valid(Time(4), None));
    }
}
