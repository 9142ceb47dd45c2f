//! Links and QR codes.
//!
//! All are https URLs whose *fragment* carries the payload, so that no server on the way sees it:
//! `https://host/app#e1.…` enrols, `#q1.…` is the rotating login QR code, `#l1.…` the login link on
//! the same device, `#s1.…` the second factor server of an app. The payload is unpadded base64url
//! (RFC 4648, section 5). A QR code and a link for one login are different capabilities: the first
//! is worthless after 5 seconds, the second yields a return token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::cbor::{decode, encode, record};
use crate::frames::{EnrolCode, LinkToken};
use crate::ids::{KeyId, LoginId, RealmId, ServerId};

/// Maximum length of a link; longer texts are refused unread.
pub const MAX_LINK: usize = 2048;
/// Maximum age of a rotating QR code when it is claimed, in seconds.
pub const QR_MAX_AGE: u64 = 5;

/// Why a text is not one of our links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error("this is not a Countersign link or QR code")]
    NotOurs,
    #[error("this link has a version this app does not know; update the app")]
    Version,
    #[error("this link is damaged; copy the whole of it")]
    Damaged,
}

record! {
    /// What an enrolment link carries: where to connect, whom to expect, and the single-use code.
    pub struct EnrolLink {
        /// URL of the phone socket, `wss://…` (`ws://` on loopback only).
        1 => url: String,
        2 => realm: RealmId,
        /// SHA-256 of the realm root's uncompressed P-256 point.
        3 => root_pin: [u8; 32],
        /// The static X25519 key that the server proves to hold in the handshake.
        4 => static_key: [u8; 32],
        5 => key_id: KeyId,
        6 => epoch: u64,
        7 => code: EnrolCode
    }
}

record! {
    /// The SFS of an app, as its publisher builds it into the app.
    pub struct SfsLink {
        /// URL of the phone socket, `wss://…` (`ws://` on loopback only).
        1 => url: String,
        2 => server: ServerId,
        /// SHA-256 of the SFS root's uncompressed P-256 point.
        3 => root_pin: [u8; 32],
        /// The static X25519 key that the server proves to hold in the handshake.
        4 => static_key: [u8; 32],
        5 => key_id: KeyId,
        6 => epoch: u64
    }
}

/// What the rotating QR code carries: 52 bytes `realm ‖ login ‖ t(u32) ‖ mac(16)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginQr {
    pub realm: RealmId,
    pub login: LoginId,
    /// Seconds since 1970.
    pub t: u32,
    /// First 16 bytes of HMAC-SHA256(realm QR key, [`crate::labels::qr`]).
    pub mac: [u8; 16],
}

/// What a login link carries: 48 bytes `realm ‖ login ‖ token(16)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginLink {
    pub realm: RealmId,
    pub login: LoginId,
    pub token: LinkToken,
}

/// A link or QR code of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    Enrol(EnrolLink),
    Qr(LoginQr),
    Login(LoginLink),
    Sfs(SfsLink),
}

impl Link {
    /// Parses the fragment of a URL; everything before `#` is ignored.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        if text.len() > MAX_LINK {
            return Err(LinkError::NotOurs);
        }
        let (_, fragment) = text.trim().split_once('#').ok_or(LinkError::NotOurs)?;
        let (kind, payload) = fragment.split_once('.').ok_or(LinkError::NotOurs)?;
        let (letter, version) = kind.split_at_checked(1).ok_or(LinkError::NotOurs)?;
        if !matches!(letter, "e" | "q" | "l" | "s")
            || version.is_empty()
            || !version.bytes().all(|b| b.is_ascii_digit())
        {
            return Err(LinkError::NotOurs);
        }
        if version != "1" {
            return Err(LinkError::Version);
        }
        let bytes = URL_SAFE_NO_PAD.decode(payload).map_err(|_| LinkError::Damaged)?;
        match letter {
            "e" => decode(&bytes).map(Self::Enrol).map_err(|_| LinkError::Damaged),
            "s" => decode(&bytes).map(Self::Sfs).map_err(|_| LinkError::Damaged),
            "q" => parse_qr(&bytes).map(Self::Qr).ok_or(LinkError::Damaged),
            _ => parse_login(&bytes).map(Self::Login).ok_or(LinkError::Damaged),
        }
    }

    /// Writes the link as a URL below `base`, the page that explains what to open the link with.
    #[must_use]
    pub fn to_url(&self, base: &str) -> String {
        let (kind, payload) = match self {
            Self::Enrol(link) => ("e1", encode(link)),
            Self::Sfs(link) => ("s1", encode(link)),
            Self::Qr(qr) => ("q1", [&qr.realm.0[..], &qr.login.0, &qr.t.to_be_bytes(), &qr.mac].concat()),
            Self::Login(link) => ("l1", [link.realm.0, link.login.0, link.token.0].concat()),
        };
        format!("{base}#{kind}.{}", URL_SAFE_NO_PAD.encode(payload))
    }
}

fn parse_qr(bytes: &[u8]) -> Option<LoginQr> {
    let (realm, rest) = bytes.split_first_chunk::<16>()?;
    let (login, rest) = rest.split_first_chunk::<16>()?;
    let (t, rest) = rest.split_first_chunk::<4>()?;
    Some(LoginQr {
        realm: RealmId(*realm),
        login: LoginId(*login),
        t: u32::from_be_bytes(*t),
        mac: rest.try_into().ok()?,
    })
}

fn parse_login(bytes: &[u8]) -> Option<LoginLink> {
    let (realm, rest) = bytes.split_first_chunk::<16>()?;
    let (login, rest) = rest.split_first_chunk::<16>()?;
    Some(LoginLink {
        realm: RealmId(*realm),
        login: LoginId(*login),
        token: LinkToken(rest.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn enrol() -> Link {
        Link::Enrol(EnrolLink {
            url: "wss://ns.example/ns/sigmai".into(),
            realm: RealmId([1; 16]),
            root_pin: [2; 32],
            static_key: [3; 32],
            key_id: KeyId([4; 8]),
            epoch: 1,
            code: EnrolCode([5; 16]),
        })
    }

    #[test]
    fn links_survive_their_text() {
        let qr = Link::Qr(LoginQr { realm: RealmId([1; 16]), login: LoginId([2; 16]), t: 77, mac: [3; 16] });
        let login = Link::Login(LoginLink {
            realm: RealmId([1; 16]),
            login: LoginId([2; 16]),
            token: LinkToken([3; 16]),
        });
        let sfs = Link::Sfs(SfsLink {
            url: "wss://sfs.example/sfs/sigmai".into(),
            server: ServerId([1; 16]),
            root_pin: [2; 32],
            static_key: [3; 32],
            key_id: KeyId([4; 8]),
            epoch: 1,
        });
        for link in [enrol(), qr, login, sfs] {
            assert_eq!(Link::parse(&link.to_url("https://id.example/app")), Ok(link));
        }
    }

    #[test]
    fn texts_that_are_not_links_say_what_to_do() {
        let whole = enrol().to_url("https://id.example/app");
        assert_eq!(Link::parse(&whole[..whole.len() - 4]), Err(LinkError::Damaged));
        assert_eq!(Link::parse("https://id.example/app#e2.AAAA"), Err(LinkError::Version));
        for bad in [
            "",
            "hello",
            "https://id.example/app",
            "https://id.example/app#x1.AA",
            "https://id.example/app#1.AA",
            "https://id.example/#é1.A",
        ] {
            assert_eq!(Link::parse(bad), Err(LinkError::NotOurs), "{bad}");
        }
        assert_eq!(Link::parse("x#q1.AAAA"), Err(LinkError::Damaged));
        assert_eq!(Link::parse(&"#".repeat(MAX_LINK + 1)), Err(LinkError::NotOurs));
    }

    proptest! {
        #[test]
        fn no_text_panics_the_parser(text in ".{0,80}", payload in "[eqls][0-9]\\.[A-Za-z0-9_-]{0,120}") {
            let _ = Link::parse(&text);
            let _ = Link::parse(&format!("x#{payload}"));
        }
    }
}
