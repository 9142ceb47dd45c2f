//! Client certificates: those presented in a handshake, and those in a list.

use countersign_ports::{secret::sha256, time::Time};
use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    ssl::SslRef,
    x509::{X509, X509Ref},
};

/// The certificate of a connection. The client has proved that it holds the private key.
#[derive(Clone, Debug)]
pub struct Shown {
    der: Box<[u8]>,
}

impl Shown {
    pub(crate) fn by(ssl: &SslRef) -> Option<Self> {
        let der = ssl.peer_certificate()?.to_der().ok()?;
        Some(Self { der: der.into() })
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

/// A certificate in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub der: Vec<u8>,
    /// SHA-256 of the DER encoding, as tools show it.
    pub fingerprint: [u8; 32],
    pub not_before: Time,
    pub not_after: Time,
}

impl Certificate {
    /// Returns the only certificate in this PEM; `None` when there is none, or more than one.
    #[must_use]
    pub fn read(pem: &str) -> Option<Self> {
        let all = X509::stack_from_pem(pem.as_bytes()).ok()?;
        let [one] = &all[..] else { return None };
        let der = one.to_der().ok()?;
        let (not_before, not_after) = lifetime(one)?;
        Some(Self { fingerprint: sha256(&der), der, not_before, not_after })
    }
}

fn lifetime(of: &X509Ref) -> Option<(Time, Time)> {
    Some((time(of.not_before())?, time(of.not_after())?))
}

/// Times before 1970 become 1970: such a certificate has expired in any case.
pub(crate) fn time(at: &Asn1TimeRef) -> Option<Time> {
    let since = Asn1Time::from_unix(0).ok()?.diff(at).ok()?;
    let secs = i64::from(since.days) * 86_400 + i64::from(since.secs);
    Some(Time(u64::try_from(secs).unwrap_or(0) * 1000))
}
