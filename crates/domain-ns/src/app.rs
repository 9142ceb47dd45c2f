//! Apps: the published phone apps a realm knows.

use std::cmp::Ordering;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_protocol::ids::{Jkt, RealmId};

use crate::{Refused, text};
use countersign_ports::{secret::sha256, time::Time};

/// A phone app a realm lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    pub realm: RealmId,
    /// The app's own identifier, like `com.example.bank`.
    pub id: String,
    pub display_name: String,
    /// The oldest version that is accepted; older ones are asked to update.
    pub min_version: Option<Version>,
    pub created_at: Time,
    /// The second factor servers whose attestations count for accounts of this app.
    pub sfs: Vec<TrustedSfs>,
}

/// Most second factor servers of one app: its own, and those of its past.
pub const MOST_SFS: usize = 8;

/// A second factor server that a realm trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedSfs {
    /// The public key of its root: an uncompressed P-256 point.
    pub root: [u8; 65],
    /// What administrators call it.
    pub name: Option<String>,
    /// Attestation keys that do not count any more, although the root lists them.
    pub killed: Vec<Jkt>,
}

impl TrustedSfs {
    /// The thumbprint (RFC 7638) of the root.
    #[must_use]
    pub fn thumbprint(&self) -> Jkt {
        let (x, y) = (URL_SAFE_NO_PAD.encode(&self.root[1..33]), URL_SAFE_NO_PAD.encode(&self.root[33..]));
        Jkt(sha256(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes()))
    }
}

/// Checks the app id that a phone sends.
///
/// # Errors
/// [`Refused::BadEnrolment`] when it is empty, longer than 100 bytes, or contains invisible
/// characters.
pub fn id(id: &str) -> Result<&str, Refused> {
    text::shown(id, 100, false).map(|()| id).map_err(|_| Refused::BadEnrolment)
}

/// A version: numbers separated by dots, compared one by one. Missing numbers count as zero.
#[derive(Clone, Debug)]
pub struct Version(String);

impl Version {
    /// Reads one to six numbers with dots between them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts = text.split('.').count();
        (parts <= 6
            && text
                .split('.')
                .all(|p| !p.is_empty() && p.len() <= 9 && p.bytes().all(|b| b.is_ascii_digit())))
        .then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parts(&self) -> impl Iterator<Item = u32> {
        self.0.split('.').map(|p| p.parse().unwrap_or(0)).chain(std::iter::repeat(0)).take(6)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(other.parts())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_not_texts() {
        let v = |t: &str| Version::parse(t).expect("a version");
        assert!(v("1.10") > v("1.9.9") && v("2") > v("1.99") && v("1.0.0") == v("1"));
        for bad in ["", "1.", ".1", "1..2", "1.x", "v1", "1.2.3.4.5.6.7", "9999999999"] {
            assert!(Version::parse(bad).is_none(), "{bad}");
        }
    }
}
