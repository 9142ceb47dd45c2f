use countersign_domain_ns::{
    account::Account,
    audit::{About, Actor, Stamp},
    enrolment::{Confirm, Enrolment, EnrolmentState},
    factor::{Factor, Spent},
    further::{Admission, UserHash},
    user::User,
};
use countersign_ports::{
    sabotage::{Sabotage, active},
    time::Time,
};
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, ClientId, EnrolmentId, RealmId},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, accounts, factors, insert_new, trail::append, users};
use crate::{
    rows::{EnrolmentRow, millis},
    schema::enrolments,
};

fn about(e: &Enrolment) -> About {
    About::of(e.realm, e.id).client(e.client).user(&e.user_id)
}

pub(crate) async fn add(c: &mut Conn, e: &Enrolment, stamp: &Stamp) -> Answer<bool> {
    if get(c, e.realm, e.id).await?.is_some() {
        return Ok(false);
    }
    // The user has no audit row of its own, because one stamp is one row. The enrolment's row names
    // who made both.
    let user = User { realm: e.realm, user_id: e.user_id.clone(), display_name: None, created_at: stamp.now };
    insert_new!(c, crate::schema::users::table, crate::rows::UserRow::from(&user)).await?;
    if insert_new!(c, enrolments::table, EnrolmentRow::from(e)).await? == 0 {
        return Ok(false);
    }
    append(c, stamp, "enrolment.created", &about(e).detail(Some(e.confirm.as_str()))).await?;
    Ok(true)
}

pub(crate) async fn to_vouch(c: &mut Conn, realm: RealmId, user_id: &str) -> Answer<Vec<Enrolment>> {
    let found: Vec<EnrolmentRow> = enrolments::table
        .filter(enrolments::realm.eq(realm.0.to_vec()))
        .filter(enrolments::user_id.eq(user_id.to_owned()))
        .filter(enrolments::state.eq(EnrolmentState::Redeemed.as_str()))
        .filter(enrolments::confirm.eq(Confirm::Phone.as_str()))
        // Newest first, so that many old invitations do not hide a new one.
        .order((enrolments::created_at.desc(), enrolments::id.desc()))
        .limit(20)
        .select(EnrolmentRow::as_select())
        .load(c)
        .await?;
    found.into_iter().map(Enrolment::try_from).collect()
}

pub(crate) async fn list(
    c: &mut Conn,
    realm: RealmId,
    client: Option<ClientId>,
    before: Option<(Time, EnrolmentId)>,
    limit: i64,
) -> Answer<Vec<Enrolment>> {
    let mut query = enrolments::table
        .filter(enrolments::realm.eq(realm.0.to_vec()))
        .order((enrolments::created_at.desc(), enrolments::id.desc()))
        .limit(limit)
        .select(EnrolmentRow::as_select())
        .into_boxed();
    if let Some(client) = client {
        query = query.filter(enrolments::client.eq(client.0.to_vec()));
    }
    if let Some((created, id)) = before {
        let (created, id) = (millis(created), id.0.to_vec());
        query = query.filter(enrolments::created_at.le(created)).filter(
            enrolments::created_at
                .lt(created)
                .or(enrolments::created_at.eq(created).and(enrolments::id.lt(id))),
        );
    }
    let found: Vec<EnrolmentRow> = query.load(c).await?;
    found.into_iter().map(Enrolment::try_from).collect()
}

pub(crate) async fn get(c: &mut Conn, realm: RealmId, id: EnrolmentId) -> Answer<Option<Enrolment>> {
    let row: Option<EnrolmentRow> = enrolments::table
        .find((realm.0.to_vec(), id.0.to_vec()))
        .select(EnrolmentRow::as_select())
        .get_result(c)
        .await
        .optional()?;
    row.map(Enrolment::try_from).transpose()
}

pub(crate) async fn by_code(c: &mut Conn, realm: RealmId, code_hash: &[u8; 32]) -> Answer<Option<Enrolment>> {
    let row: Option<EnrolmentRow> = enrolments::table
        .filter(enrolments::realm.eq(realm.0.to_vec()))
        .filter(enrolments::code_hash.eq(code_hash.to_vec()))
        .select(EnrolmentRow::as_select())
        .get_result(c)
        .await
        .optional()?;
    row.map(Enrolment::try_from).transpose()
}

pub(crate) async fn redeem(
    c: &mut Conn,
    after: &Enrolment,
    account: &Account,
    (admission, factor): (Option<&Admission>, Option<&(Factor, Spent)>),
    hash: UserHash,
    stamp: &Stamp,
) -> Answer<bool> {
    let from = if active(Sabotage::ReuseCode) { after.state } else { EnrolmentState::Pending };
    // This is read after the user is locked, because another transaction may change it before.
    if !users::hold(c, after.realm, &after.user_id).await? {
        return Ok(false);
    }
    let (Some(there), Some(r)) = (get(c, after.realm, after.id).await?, after.redeemed.as_ref()) else {
        return Ok(false);
    };
    if there.state != from && there.state != EnrolmentState::Pending
        || !still_so(c, after, admission, hash).await?
    {
        return Ok(false);
    }
    let row = enrolments::table
        .find((after.realm.0.to_vec(), after.id.0.to_vec()))
        .filter(enrolments::state.eq(there.state.as_str()));
    let set = (
        enrolments::state.eq(after.state.as_str()),
        enrolments::account.eq(r.account.0.to_vec()),
        enrolments::jkt.eq(r.jkt.0.to_vec()),
        enrolments::req_id.eq(r.req_id.0.to_vec()),
        enrolments::device.eq(r.device.clone()),
        enrolments::number.eq(r.number.clone()),
    );
    if let Some((_, spent)) = factor
        && !factors::spend(c, *spent).await?
    {
        return Ok(false);
    }
    if diesel::update(row).set(set).execute(c).await? == 0 {
        return Ok(false);
    }
    match factor {
        Some((factor, _)) if after.factor_of.is_some() => factors::offer(c, after.id, factor).await?,
        Some((factor, _)) => factors::put(c, factor).await?,
        None => {}
    }
    if after.factor_of.is_none() {
        let waits = if admission.is_some() { AccountState::Pending } else { account.state };
        accounts::add(c, &Account { state: waits, ..account.clone() }).await?;
    }
    if let Some(admission) = admission {
        accounts::let_in(c, after, account.id, admission, hash, stamp).await?;
    }
    append(
        c,
        stamp,
        &format!("enrolment.{}", after.state.as_str()),
        &about(after).detail(how(after, admission, stamp)),
    )
    .await?;
    Ok(true)
}

/// Whether the user's past is still the one that was judged. The user must be locked.
async fn still_so(
    c: &mut Conn,
    e: &Enrolment,
    admission: Option<&Admission>,
    hash: UserHash,
) -> Answer<bool> {
    match admission {
        Some(_) if active(Sabotage::ReuseCode) => Ok(true),
        Some(admission) => Ok(accounts::past(c, e.realm, &e.user_id, hash).await? == admission.past),
        None => Ok(true),
    }
}

/// How a phone was let in, as a detail of the trail.
fn how(e: &Enrolment, admission: Option<&Admission>, stamp: &Stamp) -> Option<String> {
    let (admission, redeemed) = (admission?, e.redeemed.as_ref()?);
    let mut told = serde_json::json!({
        "account": redeemed.account.to_string(),
        "way": e.confirm.as_str(),
        "enrolled_by": e.created_by,
        "confirmed_by": stamp.who.actor.text(),
        "further": admission.past.had,
        "recovered": admission.recovered,
    });
    if e.factor_of.is_some() {
        // No phone came; the account has a second factor now.
        told = serde_json::json!({
            "account": redeemed.account.to_string(),
            "way": e.confirm.as_str(),
            "enrolled_by": e.created_by,
            "confirmed_by": stamp.who.actor.text(),
            "second_factor": true,
        });
    }
    Some(told.to_string())
}

pub(crate) async fn change(
    c: &mut Conn,
    before: &Enrolment,
    after: &Enrolment,
    admission: Option<&Admission>,
    hash: UserHash,
    stamp: &Stamp,
) -> Answer<bool> {
    // A phone that was blocked a moment ago must not let in another; the flow judges the request
    // again.
    if let Actor::Account(voucher) = stamp.who.actor
        && accounts::held_state(c, before.realm, voucher).await? != AccountState::Active
    {
        return Ok(false);
    }
    if admission.is_some()
        && (!users::hold(c, before.realm, &before.user_id).await?
            || !still_so(c, before, admission, hash).await?)
    {
        return Ok(false);
    }
    if let (Some(account), EnrolmentState::Confirmed) = (before.factor_of, after.state)
        && accounts::held_state(c, before.realm, account).await? != AccountState::Active
    {
        return Ok(false);
    }
    let row = enrolments::table
        .find((before.realm.0.to_vec(), before.id.0.to_vec()))
        .filter(enrolments::state.eq(before.state.as_str()))
        .filter(enrolments::tries_left.eq(i32::try_from(before.tries_left).unwrap_or(0)));
    let set = (
        enrolments::state.eq(after.state.as_str()),
        enrolments::tries_left.eq(i32::try_from(after.tries_left).unwrap_or(0)),
        enrolments::approval.eq(after.approval.clone()),
    );
    if diesel::update(row).set(set).execute(c).await? == 0 {
        return Ok(false);
    }
    match (after.state, admission, &before.redeemed) {
        (EnrolmentState::Confirmed, Some(_), Some(r)) if before.factor_of.is_some() => {
            factors::settle(c, before.realm, before.id, Some(r.account), stamp.now).await?;
        }
        (EnrolmentState::Confirmed, Some(admission), Some(r)) => {
            accounts::let_in(c, before, r.account, admission, hash, stamp).await?;
        }
        (EnrolmentState::Refused | EnrolmentState::Cancelled | EnrolmentState::Expired, _, Some(_))
            if before.factor_of.is_some() =>
        {
            factors::settle(c, before.realm, before.id, None, stamp.now).await?;
        }
        (EnrolmentState::Refused | EnrolmentState::Cancelled | EnrolmentState::Expired, _, Some(r)) => {
            accounts::set_state(c, before.realm, r.account, AccountState::Pending, AccountState::Deleted)
                .await?;
        }
        _ => {}
    }
    let action = if before.state == after.state {
        "enrolment.wrong_number".to_owned()
    } else {
        format!("enrolment.{}", after.state.as_str())
    };
    append(c, stamp, &action, &about(before).detail(how(before, admission, stamp))).await?;
    Ok(true)
}

/// Whether one of these accounts was let in by its enrolment.
pub(crate) async fn was_confirmed(c: &mut Conn, realm: RealmId, accounts: Vec<Vec<u8>>) -> Answer<bool> {
    let one: Option<Vec<u8>> = enrolments::table
        .filter(enrolments::realm.eq(realm.0.to_vec()))
        .filter(enrolments::account.assume_not_null().eq_any(accounts))
        .filter(enrolments::factor_of.is_null())
        .filter(enrolments::state.eq(EnrolmentState::Confirmed.as_str()))
        .select(enrolments::id)
        .first(c)
        .await
        .optional()?;
    Ok(one.is_some())
}

/// States in which an enrolment is not final.
const OPEN: [&str; 2] = ["pending", "redeemed"];
const CANCELLED: &str = "cancelled";

/// Cancels the open enrolments of a user that was deleted.
pub(crate) async fn cancel_of_user(c: &mut Conn, realm: RealmId, user_id: &str) -> Answer<()> {
    let open = enrolments::table
        .filter(enrolments::realm.eq(realm.0.to_vec()))
        .filter(enrolments::user_id.eq(user_id.to_owned()))
        .filter(enrolments::state.eq_any(OPEN));
    let offers: Vec<Vec<u8>> = open.clone().select(enrolments::id).load(c).await?;
    diesel::update(open).set(enrolments::state.eq(CANCELLED)).execute(c).await?;
    factors::withdraw(c, realm, offers).await
}

/// Cancels the open enrolments of a client that was deleted, and deletes phones that wait for their
/// confirmation.
pub(crate) async fn cancel_of_client(c: &mut Conn, realm: RealmId, client: ClientId) -> Answer<()> {
    let open = enrolments::table
        .filter(enrolments::realm.eq(realm.0.to_vec()))
        .filter(enrolments::client.eq(client.0.to_vec()))
        .filter(enrolments::state.eq_any(OPEN));
    let waiting: Vec<(Vec<u8>, Option<Vec<u8>>)> =
        open.clone().select((enrolments::id, enrolments::account)).load(c).await?;
    diesel::update(open).set(enrolments::state.eq(CANCELLED)).execute(c).await?;
    let (offers, waiting): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
    factors::withdraw(c, realm, offers).await?;
    accounts::drop_pending(c, realm, waiting.into_iter().flatten().collect()).await
}

/// Cancels the open enrolments of an account that was deleted.
pub(crate) async fn cancel_of_account(c: &mut Conn, realm: RealmId, account: AccountId) -> Answer<()> {
    let open = enrolments::table
        .filter(enrolments::realm.eq(realm.0.to_vec()))
        .filter(enrolments::account.eq(account.0.to_vec()))
        .filter(enrolments::state.eq_any(OPEN));
    let offers: Vec<Vec<u8>> = open.clone().select(enrolments::id).load(c).await?;
    diesel::update(open).set(enrolments::state.eq(CANCELLED)).execute(c).await?;
    factors::withdraw(c, realm, offers).await
}
