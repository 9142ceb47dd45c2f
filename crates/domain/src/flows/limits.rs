//! Who may start something now, and what follows from "not me".
//!
//! The order is the order of blame: the browser that starts it, the client it comes through, the address it comes from. What is done *to* a user or
//! account never stops that user: beyond the limit logins wait in silence, and codes and links work as ever.

use countersign_protocol::ids::{AccountId, ClientId, LoginId};

use crate::{
    Refused,
    audit::{About, Actor},
    limits::{Limit, Limited, LimitedBy},
    login::{Initiator, Target},
    ports::{Alert, Counter, CounterKind, Fact, Ports},
    realm::OpenRealm,
    refused::{Fault, Stop},
    secret::sha256,
};

/// Codes and links that are not genuine, for each login an account may be shown unasked.
const BAD_CLAIMS: u64 = 6;

/// Somebody wants to start a login.
pub(crate) struct Attempt<'a> {
    pub(crate) client: ClientId,
    pub(crate) initiator: Initiator,
    pub(crate) target: Option<&'a Target>,
}

/// Lets an attempt in, or says what it ran into; true when it has to be quiet.
pub(crate) async fn let_in(ports: &Ports, realm: &OpenRealm, attempt: &Attempt<'_>) -> Result<bool, Stop> {
    let limits = &realm.realm.settings.limits;
    for key in [attempt.initiator.binding, attempt.initiator.address].into_iter().flatten() {
        if let Some(until) = ports.live.quarantined(realm.realm.id, key).await? {
            let retry_after = (ports.now().until(until) / 1000).max(1);
            return Err(stop(ports, LimitedBy::Quarantine, retry_after));
        }
    }
    if let Some(key) = attempt.initiator.binding {
        within(ports, realm, CounterKind::Initiator, key, limits.initiator, LimitedBy::Initiator).await?;
    }
    let quiet = match attempt.target {
        Some(Target::User(user)) => {
            let counter = Counter { realm: realm.realm.id, kind: CounterKind::User, key: short(user.as_bytes()) };
            let count = ports.live.count(counter, limits.user.secs).await?;
            if count.n == limits.user.most + 1 {
                alert(ports, Alert::Limited, About::of(realm.realm.id, user).user(user).detail(Some("user"))).await?;
            }
            count.n > limits.user.most
        }
        _ => false,
    };
    within(ports, realm, CounterKind::Client, attempt.client.0, limits.client, LimitedBy::Client).await?;
    if let Some(key) = attempt.initiator.address {
        within(ports, realm, CounterKind::Address, key, limits.address, LimitedBy::Address).await?;
    }
    Ok(quiet)
}

/// The same for a login that a phone starts.
pub(crate) async fn let_in_app(ports: &Ports, realm: &OpenRealm, account: AccountId, client: ClientId) -> Result<(), Stop> {
    let limits = &realm.realm.settings.limits;
    within(ports, realm, CounterKind::Initiator, account.0, limits.initiator, LimitedBy::Account).await?;
    within(ports, realm, CounterKind::Client, client.0, limits.client, LimitedBy::Client).await
}

/// A phone changes something about its user's phones or logins: each is a write and a row of the trail.
pub(crate) async fn let_change(ports: &Ports, realm: &OpenRealm, account: AccountId) -> Result<(), Stop> {
    within(ports, realm, CounterKind::Changes, account.0, realm.realm.settings.limits.initiator, LimitedBy::Account).await
}

/// An account showed a code or link that is not genuine.
pub(crate) async fn not_genuine(ports: &Ports, realm: &OpenRealm, account: AccountId, why: Refused) -> Result<Stop, Fault> {
    let limit = realm.realm.settings.limits.account;
    let limit = Limit { most: limit.most.saturating_mul(BAD_CLAIMS), ..limit };
    match within(ports, realm, CounterKind::BadClaims, account.0, limit, LimitedBy::Account).await {
        Ok(()) => Ok(why.into()),
        Err(Stop::Fault(fault)) => Err(fault),
        Err(limited) => Ok(limited),
    }
}

async fn within(ports: &Ports, realm: &OpenRealm, kind: CounterKind, key: [u8; 16], limit: Limit, by: LimitedBy) -> Result<(), Stop> {
    let count = ports.live.count(Counter { realm: realm.realm.id, kind, key }, limit.secs).await?;
    if count.n == limit.most + 1 {
        // Told once a window, so that nobody fills the trail by knocking.
        alert(ports, Alert::Limited, About::of(realm.realm.id, hex(&key)).detail(Some(by.as_str()))).await?;
    }
    if count.n > limit.most { Err(stop(ports, by, count.left)) } else { Ok(()) }
}

/// A phone said "not me": the browser stays out for a while; its address only after several accounts said so.
pub(crate) async fn not_me(
    ports: &Ports,
    realm: &OpenRealm,
    account: AccountId,
    login: LoginId,
    initiator: Initiator,
) -> Result<(), Fault> {
    let limits = &realm.realm.settings.limits;
    alert(ports, Alert::NotMe, About::of(realm.realm.id, login)).await?;
    if let Some(key) = initiator.binding {
        ports.live.quarantine(realm.realm.id, key, false, limits.quarantine_secs).await?;
        alert(ports, Alert::Quarantined, About::of(realm.realm.id, hex(&key)).detail(Some("browser"))).await?;
    }
    if let Some(key) = initiator.address {
        let counter = Counter { realm: realm.realm.id, kind: CounterKind::Address, key };
        let accounts = ports.live.distinct(counter, account.0, limits.quarantine_secs).await?;
        if accounts >= limits.address_accounts {
            ports.live.quarantine(realm.realm.id, key, true, limits.address_secs).await?;
            alert(ports, Alert::Quarantined, About::of(realm.realm.id, hex(&key)).detail(Some("address"))).await?;
        }
    }
    Ok(())
}

pub(crate) async fn alert(ports: &Ports, alert: Alert, about: About) -> Result<(), Fault> {
    ports.store.tell(alert.action(), &about, &ports.stamp(Actor::System)).await?;
    ports.meter.note(Fact::Alert(alert));
    Ok(())
}

/// Turns somebody away.
fn stop(ports: &Ports, by: LimitedBy, retry_after: u64) -> Stop {
    ports.meter.note(Fact::Limited(by));
    Limited { by, retry_after }.into()
}

fn short(bytes: &[u8]) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&sha256(bytes)[..16]);
    key
}

/// As quarantined browsers and addresses are named.
#[must_use]
pub fn hex(key: &[u8; 16]) -> String {
    key.iter().map(|b| format!("{b:02x}")).collect()
}
