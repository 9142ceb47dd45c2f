//! Users as a whole: deleted, erased, held.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{account::change, devices::of_user};
use crate::{
    Refused,
    account::Event,
    audit::{Filter, Who},
    authority::{Authority, Lineage},
    further::UserHash,
    permission::Permission,
    ports::Ports,
    realm::OpenRealm,
    refused::Stop,
    user::Hold,
};
use countersign_ports::time::Time;

/// How long whoever let a phone in for a user does not erase that user.
const RECENT_MS: u64 = 30 * 86_400_000;

/// Deletes a user with all accounts; taking phones away is for whoever manages accounts. False when
/// there was nothing.
///
/// # Errors
/// [`Refused::Lacking`]; [`Refused::LegalHold`], because attributes and name go with the user.
pub async fn delete(ports: &Ports, realm: &OpenRealm, user_id: &str, who: Who) -> Result<bool, Stop> {
    let mut left = of_user(ports, realm.id(), user_id).await?;
    if !left.is_empty() && !who.permissions.has(Permission::Accounts) {
        return Err(Refused::Lacking.into());
    }
    // The user goes first, so that no enrolment makes another account; then the accounts, one by
    // one.
    let gone =
        ports.store.delete_user(realm.id(), user_id, &ports.stamp(who)).await?.ok_or(Refused::LegalHold)?;
    // One may have been let in since the first look. A list has an end, a user's accounts may not:
    // what is deleted is not listed again.
    left = of_user(ports, realm.id(), user_id).await?;
    let there = gone || !left.is_empty();
    while !left.is_empty() {
        for account in left {
            match change(ports, realm, account.id, Event::Delete, who).await {
                Ok(_) | Err(Stop::Refused(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        left = of_user(ports, realm.id(), user_id).await?;
    }
    Ok(there)
}

/// Deletes a user, and puts a pseudonym where the name stood: everything that names the user goes,
/// what is counted stays. That there was a phone stays under a keyed hash, so that forgetting
/// somebody is no way to become them.
///
/// # Errors
/// [`Refused::NotFound`]; [`Refused::LegalHold`]; [`Refused::Lacking`] for a client's key, because
/// a user concerns every client of the realm.
pub async fn erase(ports: &Ports, realm: &OpenRealm, user_id: &str, who: Who) -> Result<String, Stop> {
    if who.client.is_some() || who.authority() < Authority::Realm {
        return Err(Refused::Lacking.into());
    }
    let id = realm.id();
    // Whoever gave somebody a phone lately does not make it be forgotten to whom.
    let lately = ports.now().0.saturating_sub(RECENT_MS);
    let mine = |(lineage, at): &(Option<Lineage>, Time)| *lineage == who.lineage && at.0 >= lately;
    if who.authority() < Authority::Root && ports.store.recoveries(id, user_id).await?.iter().any(mine) {
        return Err(Refused::SameHands.into());
    }
    let there = delete(ports, realm, user_id, who).await?;
    let known = ports.store.outcomes_of_user(id, user_id, None, 1).await?;
    let told = ports
        .store
        .events(&Filter { realm: Some(id), user_id: Some(user_id.to_owned()), limit: 1, ..Filter::default() })
        .await?;
    if !there && known.is_empty() && told.is_empty() {
        return Err(Refused::NotFound.into());
    }
    let random: [u8; 12] = ports.random.bytes();
    let pseudonym = format!("erased-{}", URL_SAFE_NO_PAD.encode(random));
    let hash = UserHash::of(&ports.vault, id, user_id);
    if !ports.store.erase_user(id, user_id, hash, &pseudonym, &ports.stamp(who)).await? {
        return Err(Refused::LegalHold.into());
    }
    Ok(pseudonym)
}

/// Lays a legal hold on a user; the user need not exist (any more). One that lies there stays as it
/// is, unless this comes with more authority.
///
/// # Errors
/// A fault of the store.
pub async fn hold(
    ports: &Ports,
    realm: &OpenRealm,
    user_id: &str,
    reason: Option<String>,
    who: Who,
) -> Result<Hold, Stop> {
    let hold = Hold {
        realm: realm.id(),
        user_id: user_id.to_owned(),
        reason,
        placed_by: who.actor.text(),
        authority: who.authority(),
        placed_at: ports.now(),
    };
    ports.store.add_hold(&hold, &ports.stamp(who)).await?;
    ports.store.hold(realm.id(), user_id).await?.ok_or(Stop::Refused(Refused::NotFound))
}

/// Lifts it; that takes as much authority as laying it did.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::MoreAuthority`].
pub async fn lift_hold(ports: &Ports, realm: &OpenRealm, user_id: &str, who: Who) -> Result<(), Stop> {
    let hold = ports.store.hold(realm.id(), user_id).await?.ok_or(Refused::NotFound)?;
    hold.may_lift(who.authority())?;
    if ports.store.lift_hold(realm.id(), user_id, &ports.stamp(who)).await? {
        return Ok(());
    }
    // Gone, or taken over by somebody with more authority.
    let now = ports.store.hold(realm.id(), user_id).await?;
    Err(now.map_or(Refused::NotFound, |_| Refused::MoreAuthority).into())
}
