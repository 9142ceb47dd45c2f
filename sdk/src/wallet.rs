//! What a phone stores: its accounts, and the history of what was decided with them. It is plain
//! data, which the app stores in its own way, excluded from backups.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_channel::{ServerPin, key_id};
use countersign_protocol::{
    ServerRole,
    codes::AccountState,
    ids::{AccountId, KeyId, RealmId},
    link::EnrolLink,
};
use serde::{Deserialize, Serialize};

use crate::{KeyHandle, SfsDevice};

/// Maximum length of the history; the oldest entries are dropped first.
const MOST_HISTORY: usize = 1000;

/// A server as pinned at enrolment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountServer {
    /// URL of the phone socket.
    pub url: String,
    /// Realm id, UUID text.
    pub realm: String,
    /// SHA-256 of the realm root's key, base64url.
    pub root_pin: String,
    /// X25519 key, base64url.
    pub static_key: String,
    pub epoch: u64,
}

/// Why a wallet or link cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WalletError {
    #[error("ws:// is for this machine only; this link would send everything in plaintext")]
    Plaintext,
    #[error("the link contradicts itself")]
    Contradiction,
    #[error("the wallet is damaged")]
    Damaged,
}

impl AccountServer {
    /// Pins the server of an enrolment link.
    ///
    /// # Errors
    /// [`WalletError::Plaintext`] unless the URL is `wss://`, or `ws://` on loopback;
    /// [`WalletError::Contradiction`] when the key id does not belong to the key.
    pub fn from_link(link: &EnrolLink) -> Result<Self, WalletError> {
        check_pin(&link.url, &link.static_key, link.key_id)?;
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Ok(Self {
            url: link.url.clone(),
            realm: link.realm.to_string(),
            root_pin: b64(&link.root_pin),
            static_key: b64(&link.static_key),
            epoch: link.epoch,
        })
    }

    /// The realm's id.
    ///
    /// # Errors
    /// [`WalletError::Damaged`].
    pub fn realm_id(&self) -> Result<RealmId, WalletError> {
        self.realm.parse().map_err(|_| WalletError::Damaged)
    }

    /// The server to expect in the handshake.
    ///
    /// # Errors
    /// [`WalletError::Damaged`].
    pub fn pin(&self) -> Result<ServerPin, WalletError> {
        let static_key = URL_SAFE_NO_PAD
            .decode(&self.static_key)
            .ok()
            .and_then(|b| b.try_into().ok())
            .ok_or(WalletError::Damaged)?;
        Ok(ServerPin { role: ServerRole::Ns, server_id: self.realm_id()?.server_id(), static_key })
    }
}

/// Checks what a link says of a server before it is pinned.
pub(crate) fn check_pin(url: &str, static_key: &[u8; 32], id: KeyId) -> Result<(), WalletError> {
    if !safe(url) {
        return Err(WalletError::Plaintext);
    }
    if key_id(static_key) == id { Ok(()) } else { Err(WalletError::Contradiction) }
}

/// Whether the URL is `wss://`, or `ws://` to this machine.
fn safe(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("ws://") else { return url.starts_with("wss://") };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (name, after) = match authority.strip_prefix('[') {
        Some(v6) => v6.split_once(']').unwrap_or_default(),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    // Only a port may follow the host, and nothing, above all no user info, may precede it.
    let port = after.is_empty() || after.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok());
    port && (name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()))
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// UUID text.
    pub id: String,
    pub server: AccountServer,
    pub realm_name: String,
    pub user: String,
    pub key: KeyHandle,
    /// Last state that the server reported: `pending`, `active`, …
    pub state: String,
}

impl Account {
    /// The account's id.
    ///
    /// # Errors
    /// [`WalletError::Damaged`].
    pub fn account_id(&self) -> Result<AccountId, WalletError> {
        self.id.parse().map_err(|_| WalletError::Damaged)
    }
}

/// What a history entry records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Enrolled,
    Approved,
    Refused,
    LoggedOut,
    Forgotten,
}

/// One entry of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Seconds since 1970.
    pub at: u64,
    /// Account, UUID text.
    pub account: String,
    pub what: What,
    /// Login, UUID text, where there is one.
    pub login: Option<String>,
    pub client_name: Option<String>,
}

/// Everything that a phone stores.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wallet {
    pub accounts: Vec<Account>,
    /// This phone at the app's SFS, once it has a PIN there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sfs: Option<SfsDevice>,
    pub history: Vec<HistoryEntry>,
}

impl Wallet {
    /// The newest active account of a realm, or the newest one when none is active.
    #[must_use]
    pub fn of_realm(&self, realm: RealmId) -> Option<&Account> {
        let realm = realm.to_string();
        let here = || self.accounts.iter().rev().filter(|a| a.server.realm == realm);
        here().find(|a| a.state == AccountState::Active.as_str()).or_else(|| here().next())
    }

    /// The account with this id.
    #[must_use]
    pub fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|a| a.id == id)
    }

    /// Records the state that the server reported for an account.
    pub fn note_state(&mut self, id: &str, state: AccountState) {
        if let Some(account) = self.accounts.iter_mut().find(|a| a.id == id) {
            state.as_str().clone_into(&mut account.state);
        }
    }

    /// Removes an account and returns its key, which the caller should delete, too.
    pub fn forget(&mut self, id: &str) -> Option<KeyHandle> {
        let at = self.accounts.iter().position(|a| a.id == id)?;
        Some(self.accounts.remove(at).key)
    }

    /// Adds an entry to the history, which drops the oldest ones beyond its limit.
    pub fn note(&mut self, entry: HistoryEntry) {
        self.history.push(entry);
        let excess = self.history.len().saturating_sub(MOST_HISTORY);
        self.history.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_protocol::frames::EnrolCode;

    fn link(url: &str) -> EnrolLink {
        EnrolLink {
            url: url.into(),
            realm: RealmId([1; 16]),
            root_pin: [2; 32],
            static_key: [3; 32],
            key_id: key_id(&[3; 32]),
            epoch: 1,
            code: EnrolCode([4; 16]),
        }
    }

    #[test]
    fn plaintext_is_for_this_machine_only() {
        for good in [
            "wss://id.example/ns/sigmai",
            "ws://127.0.0.1:8888/ns/sigmai",
            "ws://[::1]:1/x",
            "ws://localhost/x",
        ] {
            assert!(AccountServer::from_link(&link(good)).is_ok(), "{good}");
        }
        for bad in [
            "ws://id.example/ns/sigmai",
            "ws://127.0.0.1.evil.example/",
            "ws://127.0.0.1:80@evil.example/",
            "ws://[::1]@evil.example/",
            "ws://localhost:x/",
            "http://127.0.0.1/",
            "ws://",
        ] {
            assert_eq!(AccountServer::from_link(&link(bad)), Err(WalletError::Plaintext), "{bad}");
        }
    }

    #[test]
    fn a_link_whose_key_id_is_not_the_keys_is_refused() {
        let mut bad = link("wss://id.example/");
        bad.static_key[0] ^= 1;
        assert_eq!(AccountServer::from_link(&bad), Err(WalletError::Contradiction));
    }
}
