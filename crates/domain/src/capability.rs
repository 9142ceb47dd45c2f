//! The secrets around one login. QR codes, link token and return token are derived from the realm's QR key, so nothing of them is stored;
//! the page token is random and stored hashed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_protocol::{
    frames::{Claim as ClaimFrame, LinkToken, ReturnToken},
    ids::{AccountId, LoginId, RealmId},
    labels,
    link::{Link, LoginLink, LoginQr, QR_MAX_AGE},
};

use crate::{
    Refused,
    realm::OpenRealm,
    secret::{Secret, mac16, same},
    time::Time,
};

/// The rotating QR code for this second.
#[must_use]
pub fn qr(realm: &OpenRealm, login: LoginId, now: Time) -> Link {
    let t = u32::try_from(now.secs()).unwrap_or(u32::MAX);
    Link::Qr(LoginQr { realm: realm.realm.id, login, t, mac: mac16(&realm.qr_key, &labels::qr(&realm.realm.id.0, &login.0, t)) })
}

/// The login link for the browser's own device.
#[must_use]
pub fn link(realm: &OpenRealm, login: LoginId) -> Link {
    Link::Login(LoginLink { realm: realm.realm.id, login, token: link_token(realm, login) })
}

fn link_token(realm: &OpenRealm, login: LoginId) -> LinkToken {
    LinkToken(mac16(&realm.qr_key, &[b"countersign/link/v1\0", &realm.realm.id.0[..], &login.0].concat()))
}

/// The secret of a login's page token. Derived like the others, so that a repeated keyed request gets the same one without its being stored.
#[must_use]
pub fn page_secret(realm: &OpenRealm, login: LoginId) -> Secret<32> {
    let half = |n: u8| mac16(&realm.qr_key, &[b"countersign/page/v1\0", &[n][..], &realm.realm.id.0, &login.0].concat());
    let mut secret = [0; 32];
    secret[..16].copy_from_slice(&half(1));
    secret[16..].copy_from_slice(&half(2));
    Secret::new(secret)
}

/// A keyed hash of what a client says about a browser: equal for equal texts in this realm, and nothing else.
#[must_use]
pub fn fingerprint(realm: &OpenRealm, kind: &str, text: &str) -> [u8; 16] {
    mac16(&realm.qr_key, &[b"countersign/initiator/v1\0", kind.as_bytes(), b"\0", text.as_bytes()].concat())
}

/// What the phone hands to the browser after a claim by link, or to its own back end when it started the login.
#[must_use]
pub fn return_token(realm: &OpenRealm, login: LoginId, account: AccountId) -> ReturnToken {
    ReturnToken(mac16(&realm.qr_key, &[b"countersign/return/v1\0", &realm.realm.id.0[..], &login.0, &account.0].concat()))
}

/// What a claim shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The link on the browser's own device.
    Link,
    /// A QR code of the last seconds.
    FreshQr,
    /// A genuine QR code that has been lying around: good enough only for the account that has the login already.
    StaleQr,
    /// Nothing: the login must have been directed at this account.
    Nothing,
}

/// Whether the claim shows a genuine capability, and which.
///
/// # Errors
/// [`Refused::BadCapability`] when it was not made by this realm for this login.
pub fn check(realm: &OpenRealm, claim: &ClaimFrame, now: Time) -> Result<Shown, Refused> {
    match (claim.qr_time, claim.qr_mac, &claim.link) {
        (Some(t), Some(mac), None) => {
            let t32 = u32::try_from(t).map_err(|_| Refused::BadCapability)?;
            if !same(&mac16(&realm.qr_key, &labels::qr(&realm.realm.id.0, &claim.login.0, t32)), &mac) {
                return Err(Refused::BadCapability);
            }
            let fresh = t <= now.secs() && now.secs() - t <= QR_MAX_AGE;
            Ok(if fresh { Shown::FreshQr } else { Shown::StaleQr })
        }
        (None, None, None) => Ok(Shown::Nothing),
        (None, None, Some(token)) if same(&link_token(realm, claim.login).0, &token.0) => Ok(Shown::Link),
        _ => Err(Refused::BadCapability),
    }
}

/// `pt_` + base64url(realm ‖ login ‖ secret): all a page needs, and only its secret part counts.
#[must_use]
pub fn write_page_token(realm: RealmId, login: LoginId, secret: &Secret<32>) -> String {
    format!("pt_{}", URL_SAFE_NO_PAD.encode([&realm.0[..], &login.0, secret.expose()].concat()))
}

/// Reads what [`write_page_token`] wrote.
#[must_use]
pub fn read_page_token(text: &str) -> Option<(RealmId, LoginId, Secret<32>)> {
    let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix("pt_")?).ok()?;
    let (realm, rest) = bytes.split_first_chunk::<16>()?;
    let (login, secret) = rest.split_first_chunk::<16>()?;
    Some((RealmId(*realm), LoginId(*login), Secret::new(secret.try_into().ok()?)))
}
