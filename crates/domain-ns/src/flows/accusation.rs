//! The consequences of "not me".
//!
//! They protect the user who says it, and must not become a weapon against others: they are small,
//! apply at one client, take several *users* before a browser or address is kept out, and never
//! touch a browser or address that the accuser uses.

use std::net::IpAddr;

use super::limits::{alert, hex, short, suspect};
use crate::{
    account::Account,
    audit::{About, Who},
    capability::fingerprint,
    further::UserHash,
    login::{Login, Via},
    ports::{Alert, CounterKind, Measure, Ports},
    realm::OpenRealm,
};
use countersign_ports::Fault;

/// Users that have to accuse a browser before it is kept out.
const BROWSER_USERS: u64 = 2;

/// Applies the consequences of "not me" that the phone at the address `from` said to a login it had
/// claimed.
///
/// | the login came by | accused by one user | by [`BROWSER_USERS`] |
/// |---|---|---|
/// | code or link | for a short time, its logins require a number | the browser is kept out |
/// | direction at the user | it directs no logins; its codes still work | the browser is kept out |
///
/// The address is kept out when as many users as the realm's settings require have accused it.
pub(crate) async fn not_me(
    ports: &Ports,
    realm: &OpenRealm,
    account: &Account,
    login: &Login,
    via: Option<Via>,
    from: Option<IpAddr>,
) -> Result<(), Fault> {
    let (limits, client) = (realm.settings().limits, login.client);
    let about = |object: String| About::of(realm.id(), object).client(client);
    let user = UserHash::of(&ports.vault, realm.id(), &account.user_id).0;
    let counter = |kind: CounterKind, key| kind.of(realm.id(), key);
    let said = ports.counters.count(counter(CounterKind::Accusations, user), limits.accusations.secs).await?;
    if said.n > limits.accusations.most {
        if said.n == limits.accusations.most + 1 {
            // The object differs between clients, so that two of them cannot find out together
            // which users they share.
            let object = hex(&short(&[&client.0[..], &user].concat()));
            alert(ports, Alert::Limited, about(object).user(&account.user_id).detail(Some("accusations")))
                .await?;
        }
        return Ok(());
    }
    alert(ports, Alert::NotMe, about(login.id.to_string()).user(&account.user_id)).await?;
    let own = ports.store.initiators_of_user(realm.id(), &account.user_id).await?;
    let mut measures = Vec::new();
    if let Some(browser) = login.initiator.binding.filter(|b| !own.iter().any(|i| i.binding == Some(*b))) {
        let accused = suspect(client, Measure::Browser, &browser);
        let users = ports
            .counters
            .distinct(counter(CounterKind::Initiator, accused.key), user, limits.quarantine_secs)
            .await?;
        measures.push(match via {
            _ if users >= BROWSER_USERS => (accused, limits.quarantine_secs),
            Some(Via::Directed) => (suspect(client, Measure::Directed, &browser), limits.quarantine_secs),
            _ => (suspect(client, Measure::Number, &browser), limits.wary_secs),
        });
    }
    let here = from.map(|ip| fingerprint(realm, "address", &ip.to_canonical().to_string()));
    let own_address = |a: &[u8; 16]| here == Some(*a) || own.iter().any(|i| i.address == Some(*a));
    if let Some(address) = login.initiator.address.filter(|a| !own_address(a)) {
        let accused = suspect(client, Measure::Address, &address);
        let users = ports
            .counters
            .distinct(counter(CounterKind::Address, accused.key), user, limits.quarantine_secs)
            .await?;
        if users >= limits.address_accounts.max(BROWSER_USERS) {
            measures.push((accused, limits.address_secs));
        }
    }
    for (accused, secs) in measures {
        // The row is written first, so that no measure is in force without one.
        alert(ports, Alert::Quarantined, about(hex(&accused.key)).detail(Some(accused.measure.as_str())))
            .await?;
        ports.live.quarantine(realm.id(), accused, secs).await?;
    }
    Ok(())
}

/// Whether a measure to which "not me" to this login can lead is in force already.
pub(crate) async fn follows_already(ports: &Ports, realm: &OpenRealm, login: &Login) -> Result<bool, Fault> {
    let Some(browser) = login.initiator.binding else { return Ok(true) };
    for measure in [Measure::Browser, Measure::Directed, Measure::Number] {
        if ports.live.quarantined(realm.id(), suspect(login.client, measure, &browser)).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lifts a measure for an administrator. False when it is not in force (any more).
///
/// # Errors
/// A fault of a port.
pub async fn lift(ports: &Ports, realm: &OpenRealm, id: &str, who: Who) -> Result<bool, Fault> {
    let all = ports.live.quarantines(realm.id()).await?;
    let Some(found) = all.into_iter().find(|q| hex(&q.suspect.key) == id) else { return Ok(false) };
    let about = About::of(realm.id(), id).detail(Some(found.suspect.measure.as_str()));
    ports.store.tell("quarantine.released", &about, &ports.stamp(who)).await?;
    ports.live.release(realm.id(), found.suspect).await
}
