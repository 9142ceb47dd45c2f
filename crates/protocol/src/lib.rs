#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod app_config;
pub mod attestation;
pub mod cbor;
pub mod codes;
pub mod decision;
pub mod frames;
pub mod ids;
pub mod jws;
pub mod known;
pub mod labels;
pub mod link;
pub mod outer;
pub mod padding;
pub mod statement;
pub mod vouch;

/// The WebSocket subprotocol of every phone socket (RFC 6455, section 1.9).
pub const SUBPROTOCOL: &str = "countersign.sigmai.v1";

/// The service at the other end of a phone connection; part of every label and of the prologue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerRole {
    /// Logins and signing; its server id is the realm's id.
    Ns,
    /// Second factor; it has a server id of its own.
    Sfs,
    /// Message center; it has a server id of its own.
    Mc,
}

impl ServerRole {
    /// The spelling used in labels, prologue and URL paths.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ns => "ns",
            Self::Sfs => "sfs",
            Self::Mc => "mc",
        }
    }

    /// Parses [`ServerRole::as_str`].
    #[must_use]
    pub fn parse(s: &str) -> Option<Self> {
        [Self::Ns, Self::Sfs, Self::Mc].into_iter().find(|r| r.as_str() == s)
    }

    /// The HTTP path of the phone socket.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Ns => "/ns/sigmai",
            Self::Sfs => "/sfs/sigmai",
            Self::Mc => "/mc/sigmai",
        }
    }
}
