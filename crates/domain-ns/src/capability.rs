//! The secrets of one login. QR codes, link token, return token and page token are derived from the
//! realm's QR key, so none of them is stored; the login holds a hash of the page token's secret.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_protocol::{
    frames::{Claim as ClaimFrame, LinkToken, ReturnToken},
    ids::{AccountId, LoginId, RealmId},
    labels,
    link::{Link, LoginLink, LoginQr, QR_MAX_AGE},
};

use crate::{Refused, realm::OpenRealm};
use countersign_ports::{
    secret::{Secret, mac16, same},
    time::Time,
};

/// The rotating QR code for this second.
#[must_use]
pub fn qr(realm: &OpenRealm, login: LoginId, now: Time) -> Link {
    let t = u32::try_from(now.secs()).unwrap_or(u32::MAX);
    Link::Qr(LoginQr {
        realm: realm.id(),
        login,
        t,
        mac: mac16(&realm.qr_key, &labels::qr(&realm.id().0, &login.0, t)),
    })
}

/// The login link for the browser's own device.
#[must_use]
pub fn link(realm: &OpenRealm, login: LoginId) -> Link {
    Link::Login(LoginLink { realm: realm.id(), login, token: link_token(realm, login) })
}

fn link_token(realm: &OpenRealm, login: LoginId) -> LinkToken {
    LinkToken(mac16(&realm.qr_key, &[b"countersign/link/v1\0", &realm.id().0[..], &login.0].concat()))
}

/// The secret of a login's page token. Derived like the others, so that a repeated keyed request
/// gets the same one without its being stored.
#[must_use]
pub fn page_secret(realm: &OpenRealm, login: LoginId) -> Secret<32> {
    let half =
        |n: u8| mac16(&realm.qr_key, &[b"countersign/page/v1\0", &[n][..], &realm.id().0, &login.0].concat());
    let mut secret = [0; 32];
    secret[..16].copy_from_slice(&half(1));
    secret[16..].copy_from_slice(&half(2));
    Secret::new(secret)
}

/// A keyed hash of what a client reports about a browser. Within a realm, equal texts of one kind
/// have equal hashes; nothing else can be learned from them.
#[must_use]
pub fn fingerprint(realm: &OpenRealm, kind: &str, text: &str) -> [u8; 16] {
    mac16(&realm.qr_key, &[b"countersign/initiator/v1\0", kind.as_bytes(), b"\0", text.as_bytes()].concat())
}

/// The token that the phone hands to the browser after a claim by link, or to its own back end when
/// it started the login itself.
#[must_use]
pub fn return_token(realm: &OpenRealm, login: LoginId, account: AccountId) -> ReturnToken {
    ReturnToken(mac16(
        &realm.qr_key,
        &[b"countersign/return/v1\0", &realm.id().0[..], &login.0, &account.0].concat(),
    ))
}

/// The capability that a claim shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The link on the browser's own device.
    Link,
    /// A QR code that is at most [`QR_MAX_AGE`] seconds old.
    FreshQr,
    /// A genuine QR code that is too old or from the future. It is good enough only for the account
    /// that has already claimed the login.
    StaleQr,
    /// No capability: the login must have been directed at this account.
    Nothing,
}

/// Returns which genuine capability the claim shows.
///
/// # Errors
/// [`Refused::BadCapability`] when it was not made by this realm for this login.
pub fn check(realm: &OpenRealm, claim: &ClaimFrame, now: Time) -> Result<Shown, Refused> {
    match (claim.qr_time, claim.qr_mac, &claim.link) {
        (Some(t), Some(mac), None) => {
            let t32 = u32::try_from(t).map_err(|_| Refused::BadCapability)?;
            if !same(&mac16(&realm.qr_key, &labels::qr(&realm.id().0, &claim.login.0, t32)), &mac) {
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

/// `pt_` + base64url(realm ‖ login ‖ secret). It names the login, and only its secret part is
/// proof.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realm::{Realm, RealmSettings};

    fn realm(id: u8, key: u8) -> OpenRealm {
        let (name, display_name) = ("demo".to_owned(), "Demo".to_owned());
        let realm = Realm {
            id: RealmId([id; 16]),
            name,
            display_name,
            created_at: Time(0),
            settings: RealmSettings::default(),
        };
        OpenRealm {
            realm,
            root_pin: [0; 32],
            qr_key: Secret::new([key; 32]),
            keys: Vec::new(),
            apps: Vec::new(),
        }
    }

    /// The claim that a phone sends for what it scanned or opened.
    fn claim(shown: Link) -> ClaimFrame {
        let req_id = countersign_protocol::ids::ReqId([1; 16]);
        match shown {
            Link::Qr(qr) => ClaimFrame {
                req_id,
                login: qr.login,
                qr_time: Some(qr.t.into()),
                qr_mac: Some(qr.mac),
                link: None,
            },
            Link::Login(l) => {
                ClaimFrame { req_id, login: l.login, qr_time: None, qr_mac: None, link: Some(l.token) }
            }
            Link::Enrol(_) | Link::Sfs(_) => panic!("no capability for a login"),
        }
    }

    #[test]
    fn a_qr_code_is_good_for_five_seconds_and_never_before_its_time() {
        let (realm, login, now) = (realm(1, 2), LoginId([3; 16]), Time(1_790_000_000_000));
        let shown_at = |made: Time| check(&realm, &claim(qr(&realm, login, made)), now);
        assert_eq!(shown_at(now), Ok(Shown::FreshQr));
        assert_eq!(shown_at(Time(now.0 - 5000)), Ok(Shown::FreshQr), "exactly five seconds");
        assert_eq!(shown_at(Time(now.0 - 6000)), Ok(Shown::StaleQr));
        assert_eq!(shown_at(Time(now.0 + 1000)), Ok(Shown::StaleQr), "from the future");
        assert_eq!(shown_at(Time(0)), Ok(Shown::StaleQr));
    }

    #[test]
    fn a_capability_counts_in_its_realm_for_its_login_as_what_it_is() {
        let (here, login, now) = (realm(1, 2), LoginId([3; 16]), Time(1_790_000_000_000));
        for made in [qr(&here, login, now), link(&here, login)] {
            let good = claim(made);
            assert!(check(&here, &good, now).is_ok());
            for other in [realm(9, 2), realm(1, 9)] {
                assert_eq!(
                    check(&other, &good, now),
                    Err(Refused::BadCapability),
                    "another realm, another key"
                );
            }
            assert_eq!(
                check(&here, &ClaimFrame { login: LoginId([4; 16]), ..good.clone() }, now),
                Err(Refused::BadCapability)
            );
            let later = good.qr_time.map(|t| t + 1);
            assert!(
                later.is_none() || check(&here, &ClaimFrame { qr_time: later, ..good.clone() }, now).is_err(),
                "another second"
            );
            let mac = good.qr_mac.or(good.link.as_ref().map(|t| t.0));
            let swapped = match good.link {
                None => ClaimFrame { qr_time: None, qr_mac: None, link: mac.map(LinkToken), ..good },
                Some(_) => ClaimFrame { qr_time: Some(now.secs()), qr_mac: mac, link: None, ..good },
            };
            assert_eq!(check(&here, &swapped, now), Err(Refused::BadCapability), "one as the other");
        }
    }
}
