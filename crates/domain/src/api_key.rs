//! API keys: who may call REST.
//!
//! `cs_` + base64url of 32 random bytes. Stored as SHA-256 (256 bits of randomness need no slow hash); looked up by it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_protocol::ids::{ApiKeyId, ClientId, RealmId};

use crate::{secret::Secret, time::Time};

/// What a key may do; roles a realm defines itself come with the permissions of later versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything, everywhere.
    Root,
    /// Everything inside one realm.
    RealmAdmin(RealmId),
    /// What a relying party needs, inside its realm.
    Client(RealmId, ClientId),
}

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub hash: [u8; 32],
    pub role: Role,
    pub created_at: Time,
    pub expires_at: Option<Time>,
}

/// Writes the secret as people paste it.
#[must_use]
pub fn write(secret: &Secret<32>) -> String {
    format!("cs_{}", URL_SAFE_NO_PAD.encode(secret.expose()))
}

/// Reads what [`write`] wrote.
#[must_use]
pub fn read(text: &str) -> Option<Secret<32>> {
    let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix("cs_")?).ok()?;
    bytes.try_into().ok().map(Secret::new)
}

impl ApiKey {
    /// Whether it still works.
    #[must_use]
    pub fn valid(&self, now: Time) -> bool {
        self.expires_at.is_none_or(|t| now < t)
    }
}
