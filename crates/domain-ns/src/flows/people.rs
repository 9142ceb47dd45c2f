//! Users as a whole: deleting them, erasing them, and legal holds.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{account::change, siblings::of_user};
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

/// How long a key that let a phone in for a user may not erase that user, in milliseconds.
const RECENT_MS: u64 = 30 * 86_400_000;

/// Deletes a user with all accounts. Deleting accounts takes the permission to manage them. False
/// when there was nothing to delete.
///
/// # Errors
/// [`Refused::Lacking`]; [`Refused::LegalHold`], because attributes and name are deleted with the
/// user.
pub async fn delete(ports: &Ports, realm: &OpenRealm, user_id: &str, who: Who) -> Result<bool, Stop> {
    let mut left = of_user(ports, realm.id(), user_id).await?;
    if !left.is_empty() && !who.permissions.has(Permission::Accounts) {
        return Err(Refused::Lacking.into());
    }
    // Delete the user first, so that no enrolment makes another account; then the accounts, one by
    // one.
    let gone =
        ports.store.delete_user(realm.id(), user_id, &ports.stamp(who)).await?.ok_or(Refused::LegalHold)?;
    // An account may have been let in since the first look. A list is limited and a user's accounts
    // may not be, so list again until nothing is left: deleted accounts are not listed.
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

/// Deletes a user and puts a pseudonym where the name stood: everything that names the user is
/// removed, what is counted stays. That there was a phone stays recorded under a keyed hash, so
/// that erasing a user is not a way to take their place.
///
/// # Errors
/// [`Refused::NotFound`]; [`Refused::LegalHold`]; [`Refused::SameHands`] for a key that recently
/// let a phone in for the user; [`Refused::Lacking`] for less than a realm's authority and for a
/// client's key, because a user concerns every client of the realm.
pub async fn erase(ports: &Ports, realm: &OpenRealm, user_id: &str, who: Who) -> Result<String, Stop> {
    if who.client.is_some() || who.authority() < Authority::Realm {
        return Err(Refused::Lacking.into());
    }
    let id = realm.id();
    // A key that recently let a phone in must not erase the record of whose phone it was.
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
    if !there && known.items.is_empty() && told.items.is_empty() {
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

/// Places a legal hold on a user, who need not exist (any more). A hold that is in force stays as
/// it is, unless this one comes with more authority.
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

/// Lifts a legal hold, which takes as much authority as placing it did.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::MoreAuthority`].
pub async fn lift_hold(ports: &Ports, realm: &OpenRealm, user_id: &str, who: Who) -> Result<(), Stop> {
    let hold = ports.store.hold(realm.id(), user_id).await?.ok_or(Refused::NotFound)?;
    hold.may_lift(who.authority())?;
    if ports.store.lift_hold(realm.id(), user_id, &ports.stamp(who)).await? {
        return Ok(());
    }
    // The hold is gone, or an actor with more authority has taken it over.
    let now = ports.store.hold(realm.id(), user_id).await?;
    Err(now.map_or(Refused::NotFound, |_| Refused::MoreAuthority).into())
}
