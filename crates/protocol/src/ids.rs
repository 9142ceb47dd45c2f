//! One type per noun, so that an account id can never be passed where a login id is meant.
//!
//! Object ids are 16 bytes, written as UUID text. The code that creates an object makes its id,
//! usually a UUIDv7 (RFC 9562, section 5.7). Ids are names, never capabilities: knowing one gives
//! no right.

use std::{fmt, str::FromStr};

/// The text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected a lower-case UUID like 0191e2a0-7c3e-7d55-a8f0-0242ac120002")]
pub struct BadId;

macro_rules! id16 {
    ($($(#[$m:meta])* $name:ident),* $(,)?) => {$(
        $(#[$m])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// The raw bytes, as sent in CBOR and stored in the database.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write_uuid(&self.0, f) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
        impl FromStr for $name {
            type Err = BadId;
            fn from_str(s: &str) -> Result<Self, BadId> { read_uuid(s).map(Self) }
        }
        impl TryFrom<&[u8]> for $name {
            type Error = BadId;
            fn try_from(b: &[u8]) -> Result<Self, BadId> { b.try_into().map(Self).map_err(|_| BadId) }
        }
    )*};
}

id16! {
    /// A realm; also the server id of NS in the channel prologue.
    RealmId,
    /// A relying party inside a realm.
    ClientId,
    /// An account: one app × user × realm.
    AccountId,
    /// An enrolment: one creation of an account.
    EnrolmentId,
    /// A login: one authentication.
    LoginId,
    /// An API key (its public name, not its secret).
    ApiKeyId,
    /// A row of the audit trail.
    AuditId,
    /// A second factor server or message center; also its server id in the channel prologue.
    ServerId,
    /// A running process.
    PodId,
    /// A second factor: SFS's name for one phone's PIN at one account. Random, so that factors of one
    /// phone have nothing in common.
    FactorId,
    /// Chosen by the phone for each command, so that the server recognises a retry.
    ReqId,
}

impl RealmId {
    /// The server id of NS, which is the id of the realm.
    #[must_use]
    pub fn server_id(self) -> [u8; 16] {
        self.0
    }
}

/// RFC 7638 thumbprint (SHA-256) of a P-256 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jkt(pub [u8; 32]);

impl fmt::Debug for Jkt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jkt({:02x}{:02x}..)", self.0[0], self.0[1])
    }
}

/// Names one static key of a server: the first 8 bytes of SHA-256 of the public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyId(")?;
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))?;
        f.write_str(")")
    }
}

fn write_uuid(b: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (i, byte) in b.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            f.write_str("-")?;
        }
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

fn read_uuid(s: &str) -> Result<[u8; 16], BadId> {
    let s = s.as_bytes();
    if s.len() != 36 {
        return Err(BadId);
    }
    let mut out = [0; 16];
    let mut at = 0;
    for (i, byte) in out.iter_mut().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            if s[at] != b'-' {
                return Err(BadId);
            }
            at += 1;
        }
        *byte = (hex(s[at])? << 4) | hex(s[at + 1])?;
        at += 2;
    }
    Ok(out)
}

fn hex(c: u8) -> Result<u8, BadId> {
    match c {
        b'0'..=b'9' => Ok(c - b'0'),
        b'a'..=b'f' => Ok(c - b'a' + 10),
        _ => Err(BadId),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text() {
        let id = LoginId([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255]);
        assert_eq!(id.to_string(), "01020304-0506-0708-090a-0b0c0d0e0fff");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn sloppy_uuid_texts_are_refused() {
        for bad in [
            "",
            "01020304050607080900b0c0d0e0fff",
            "01020304-0506-0708-090A-0b0c0d0e0fff",
            "01020304_0506-0708-090a-0b0c0d0e0fff",
            "01020304-0506-0708-090a-0b0c0d0e0fff ",
        ] {
            assert_eq!(bad.parse::<LoginId>(), Err(BadId), "{bad}");
        }
    }
}
