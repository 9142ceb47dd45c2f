//! Erases who a user was, while what happened can still be counted.

use countersign_domain_ns::{
    audit::{About, Stamp},
    further::UserHash,
    login::{Login, Target},
};
use countersign_protocol::{codes::AccountState, ids::RealmId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Answer, Conn, accounts as people, enrolments as invitations, holds, trail::append, users as users_rows,
};
use crate::{
    rows::At,
    schema::{accounts, enrolments, outcomes, trail, user_attributes, users},
};

/// Actions of trail rows whose details contain only ids and fixed words, and thus nothing about a
/// person.
const IDS_ONLY: [&str; 7] = [
    "enrolment.created",
    "enrolment.confirmed",
    "account.active",
    "account.blocked",
    "account.deleted",
    "alert.recovered",
    "login.ended",
];

/// The account id that stands for all accounts of an erased user.
const ERASED: [u8; 16] = [0; 16];

/// Replaces the user in the outcomes of logins.
async fn outcomes_of(c: &mut Conn, key: &[u8], name: &str, other: &str) -> Answer<()> {
    let mine = outcomes::table
        .filter(outcomes::realm.eq(key.to_vec()))
        .filter(outcomes::user_id.eq(name.to_owned()));
    let found: Vec<(Vec<u8>, String)> = mine.select((outcomes::id, outcomes::login)).load(c).await?;
    for (id, json) in found {
        let at = At { table: "outcomes", row: &id };
        let mut login: Login = serde_json::from_str(&json).map_err(|_| at.bad("login"))?;
        login.expected_user = login.expected_user.map(|_| other.to_owned());
        if matches!(&login.target, Some(Target::User(_))) {
            login.target = Some(Target::User(other.to_owned()));
        }
        // Browser and place may identify the person, too, so they are removed. What was signed over
        // them remains as a hash.
        (login.text, login.browser, login.place) = (None, None, None);
        let json = serde_json::to_string(&login).map_err(|_| at.bad("login"))?;
        let row = outcomes::table.find((key.to_vec(), id.clone()));
        diesel::update(row)
            .set((outcomes::user_id.eq(other.to_owned()), outcomes::login.eq(json)))
            .execute(c)
            .await?;
    }
    Ok(())
}

/// Erases a user: replaces the name with `pseudonym`. Decisions stay, because they name the account
/// and the login, not the person. That the user had a phone, and who took it away, stays under
/// `hash`, so that erasing users is no way to take over their names. False when the user is under a
/// legal hold.
pub(crate) async fn user(
    c: &mut Conn,
    realm: RealmId,
    user_id: &str,
    hash: UserHash,
    pseudonym: &str,
    stamp: &Stamp,
) -> Answer<bool> {
    users_rows::hold(c, realm, user_id).await?;
    if holds::get(c, realm, user_id).await?.is_some() {
        return Ok(false);
    }
    if people::past(c, realm, user_id, hash).await?.had {
        people::close(c, realm, hash, ERASED, stamp).await?;
    }
    let (key, name, other) = (realm.0.to_vec(), user_id.to_owned(), pseudonym.to_owned());
    outcomes_of(c, &key, &name, &other).await?;
    // Only rows about the user are changed, because a role or app may have the same name.
    let rows = trail::table.filter(trail::realm.eq(key.clone())).filter(trail::user_id.eq(name.clone()));
    diesel::update(rows.clone().filter(trail::object.eq(name.clone())))
        .set(trail::object.eq(other.clone()))
        .execute(c)
        .await?;
    // Details about who let a phone in or took it away name keys and phones, but no person, so they
    // stay.
    let words = rows.clone().filter(trail::action.ne_all(IDS_ONLY));
    diesel::update(words).set(trail::detail.eq(None::<String>)).execute(c).await?;
    diesel::update(rows).set(trail::user_id.eq(other.clone())).execute(c).await?;
    // An enrolment made since the user was deleted would otherwise stay open for a user that does
    // not exist.
    invitations::cancel_of_user(c, realm, user_id).await?;
    let theirs = enrolments::table
        .filter(enrolments::realm.eq(key.clone()))
        .filter(enrolments::user_id.eq(name.clone()));
    diesel::update(theirs)
        .set((enrolments::user_id.eq(other.clone()), enrolments::device.eq(None::<String>)))
        .execute(c)
        .await?;
    let gone = accounts::table
        .filter(accounts::realm.eq(key.clone()))
        .filter(accounts::user_id.eq(name.clone()))
        .filter(accounts::state.eq(i32::from(AccountState::Deleted.code())));
    diesel::update(gone)
        .set((accounts::user_id.eq(other.clone()), accounts::device.eq("erased")))
        .execute(c)
        .await?;
    let attributes = user_attributes::table
        .filter(user_attributes::realm.eq(key.clone()))
        .filter(user_attributes::user_id.eq(name.clone()));
    diesel::delete(attributes).execute(c).await?;
    diesel::delete(users::table.find((key, name))).execute(c).await?;
    // A user that was deleted before has no row to lock, so a legal hold may have been placed
    // meanwhile.
    if holds::get(c, realm, user_id).await?.is_some() {
        return Err(diesel::result::Error::RollbackTransaction.into());
    }
    append(c, stamp, "user.erased", &About::of(realm, pseudonym)).await?;
    Ok(true)
}
