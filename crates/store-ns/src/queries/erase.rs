//! Forgetting who a user was, while what happened stays countable.

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

/// Rows whose details hold ids and words of ours alone.
const IDS_ONLY: [&str; 7] = [
    "enrolment.created",
    "enrolment.confirmed",
    "account.active",
    "account.blocked",
    "account.deleted",
    "alert.recovered",
    "login.ended",
];

/// Stands for all accounts of a user who was erased.
const ERASED: [u8; 16] = [0; 16];

/// In what is kept of logins.
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
        // What browser and place said may point at the person, too; what was signed over them stays
        // as a hash.
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

/// Puts `pseudonym` where the name stood. The decisions stay: they name account and login, not the
/// person. That there was a phone, and who took it away, stays under `hash`: forgetting somebody is
/// no way to become them. False when a legal hold lies on the user.
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
    // A role or app may have the same name: it keeps it.
    let rows = trail::table.filter(trail::realm.eq(key.clone())).filter(trail::user_id.eq(name.clone()));
    diesel::update(rows.clone().filter(trail::object.eq(name.clone())))
        .set(trail::object.eq(other.clone()))
        .execute(c)
        .await?;
    // What says by whom a phone was let in or taken away names keys and phones, and nobody: it
    // stays.
    let words = rows.clone().filter(trail::action.ne_all(IDS_ONLY));
    diesel::update(words).set(trail::detail.eq(None::<String>)).execute(c).await?;
    diesel::update(rows).set(trail::user_id.eq(other.clone())).execute(c).await?;
    // One that was made since the user was deleted would wait for a user who is nobody.
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
    // A user who was deleted before has no row to hold, and this may have taken a while.
    if holds::get(c, realm, user_id).await?.is_some() {
        return Err(diesel::result::Error::RollbackTransaction.into());
    }
    append(c, stamp, "user.erased", &About::of(realm, pseudonym)).await?;
    Ok(true)
}
