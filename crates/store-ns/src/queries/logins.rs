use countersign_domain_ns::{
    account::Account,
    audit::{About, Actor, Stamp},
    login::{EndedBy, Initiator, Login, Outcome, Record},
    ports::{Page, Recorded, Redeemed},
};
use countersign_ports::time::Time;
use countersign_protocol::{
    codes::{AccountState, LoginState},
    ids::{AccountId, ClientId, LoginId, RealmId},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, accounts as people, factors, insert_new, trail::append};
use crate::{
    rows::{AccountRow, At, OutcomeRow, millis, record},
    schema::{accounts, endings, outcomes, redemptions},
};

const MANY: i64 = 200;

/// Inserts the outcome of a login, unless there is one already.
pub(crate) async fn record_outcome(c: &mut Conn, o: &Outcome, stamp: &Stamp) -> Answer<Recorded> {
    let realm = o.login.realm;
    if o.state == LoginState::Approved
        && let Some(claim) = &o.claim
    {
        // The account is locked. A transaction that blocks it waits, and then ends this approval,
        // too.
        let state = people::held_state(c, realm, claim.account).await?;
        if state != AccountState::Active {
            return Ok(Recorded::AccountNotActive(state));
        }
    }
    if insert_new!(c, outcomes::table, OutcomeRow::new(o)?).await? == 1 {
        if let Some(spent) = o.spent
            && !factors::spend(c, spent).await?
        {
            // Nothing that can be used twice stays written.
            diesel::delete(outcomes::table.find((realm.0.to_vec(), o.login.id.0.to_vec())))
                .execute(c)
                .await?;
            return Ok(Recorded::Spent);
        }
        // An approval has no reason; what it says is the second factor that came with it.
        let detail = o.reason.as_deref().or(o.evidence.as_ref().and_then(|e| Some(e.used()?.kind.as_str())));
        append(c, stamp, &format!("login.{}", o.state), &about(o).detail(detail)).await?;
        return Ok(Recorded::Won);
    }
    let there = get(c, realm, o.login.id).await?;
    there
        .map(|r| Recorded::Lost(Box::new(r)))
        .ok_or_else(|| countersign_store::StoreError::Query("an outcome conflicts with nothing".to_owned()))
}

/// An outcome's row with its redemption and its end, read by one query so that they fit together.
type Whole = (OutcomeRow, Option<i64>, Option<String>, Option<i64>);

macro_rules! wholes {
    () => {
        outcomes::table
            .left_join(
                redemptions::table
                    .on(redemptions::realm.eq(outcomes::realm).and(redemptions::login.eq(outcomes::id))),
            )
            .left_join(
                endings::table.on(endings::realm.eq(outcomes::realm).and(endings::login.eq(outcomes::id))),
            )
            .select((
                OutcomeRow::as_select(),
                redemptions::at.nullable(),
                endings::ended_by.nullable(),
                endings::at.nullable(),
            ))
    };
}

fn whole((row, redeemed, ended_by, ended_at): Whole) -> Answer<Record> {
    record(row, redeemed, ended_by.zip(ended_at))
}

pub(crate) async fn get(c: &mut Conn, realm: RealmId, login: LoginId) -> Answer<Option<Record>> {
    let key = (outcomes::realm.eq(realm.0.to_vec()), outcomes::id.eq(login.0.to_vec()));
    let found: Option<Whole> = wholes!().filter(key.0.and(key.1)).get_result(c).await.optional()?;
    found.map(whole).transpose()
}

/// What a trail row about a decided login names: its client and its user, independently of the actor.
fn about(o: &Outcome) -> About {
    About {
        user_id: o.claim.as_ref().map(|claim| claim.user_id.clone()),
        ..About::of(o.login.realm, o.login.id).client(o.login.client)
    }
}

/// Inserts the redemption of a login, unless there is one already.
pub(crate) async fn redeem(c: &mut Conn, o: &Outcome, account: AccountId, stamp: &Stamp) -> Answer<Redeemed> {
    let (realm, login) = (o.login.realm.0.to_vec(), o.login.id.0.to_vec());
    // The account, and whether the login has ended, read by one query so that they fit together.
    let found: Option<(AccountRow, Option<i64>)> = accounts::table
        .left_join(
            endings::table.on(endings::realm.eq(accounts::realm).and(endings::login.eq(login.clone()))),
        )
        .filter(accounts::realm.eq(realm.clone()).and(accounts::id.eq(account.0.to_vec())))
        .select((AccountRow::as_select(), endings::at.nullable()))
        .get_result(c)
        .await
        .optional()?;
    let account = match found {
        Some((_, Some(_ended_at))) => return Ok(Redeemed::Ended),
        Some((row, None)) => Some(Account::try_from(row)?).filter(|a| a.state == AccountState::Active),
        None => None,
    };
    let Some(account) = account else { return Ok(Redeemed::AccountNotActive) };
    if !o.login.accepts(account.origin.client) {
        return Ok(Redeemed::NotAccepted);
    }
    let values = (
        redemptions::realm.eq(realm),
        redemptions::login.eq(login),
        redemptions::at.eq(millis(stamp.now)),
        redemptions::request.eq(stamp.who.mark.map(|mark| mark.id.to_vec())),
    );
    if insert_new!(c, redemptions::table, values).await? == 0 {
        return Ok(Redeemed::Lost);
    }
    append(c, stamp, "login.redeemed", &about(o)).await?;
    Ok(Redeemed::Won(Box::new(account)))
}

pub(crate) async fn redeemed_by(
    c: &mut Conn,
    realm: RealmId,
    login: LoginId,
    request: &[u8; 16],
) -> Answer<bool> {
    let row = redemptions::table.find((realm.0.to_vec(), login.0.to_vec()));
    let by: Option<Option<Vec<u8>>> = row.select(redemptions::request).get_result(c).await.optional()?;
    Ok(by.flatten().is_some_and(|id| id == request))
}

/// Inserts the end of a login, unless there is one already.
pub(crate) async fn end(
    c: &mut Conn,
    realm: RealmId,
    login: LoginId,
    by: EndedBy,
    stamp: &Stamp,
) -> Answer<bool> {
    let values = (
        endings::realm.eq(realm.0.to_vec()),
        endings::login.eq(login.0.to_vec()),
        endings::ended_by.eq(by.as_str()),
        endings::at.eq(millis(stamp.now)),
    );
    if insert_new!(c, endings::table, values).await? == 0 {
        return Ok(false);
    }
    let about =
        get(c, realm, login).await?.map_or_else(|| About::of(realm, login), |record| about(&record.outcome));
    append(c, stamp, "login.ended", &about.detail(Some(by.as_str()))).await?;
    Ok(true)
}

/// The ids of all of a realm's approvals that have neither expired nor ended at `now`.
macro_rules! open {
    ($realm:expr, $now:expr) => {
        outcomes::table
            .left_join(
                endings::table.on(endings::realm.eq(outcomes::realm).and(endings::login.eq(outcomes::id))),
            )
            .filter(outcomes::realm.eq($realm.0.to_vec()))
            .filter(outcomes::state.eq(i32::from(LoginState::Approved.code())))
            .filter(outcomes::ends_at.gt(millis($now)))
            .filter(endings::at.is_null())
            .select(outcomes::id)
    };
}

/// Ends each login, with a trail row that names its client and its user.
async fn end_each(
    c: &mut Conn,
    realm: RealmId,
    found: Vec<Vec<u8>>,
    by: EndedBy,
    stamp: &Stamp,
) -> Answer<Vec<LoginId>> {
    let mut ended = Vec::with_capacity(found.len());
    for id in found {
        let login = LoginId(At { table: "outcomes", row: &id }.fixed(&id)?);
        if end(c, realm, login, by, &stamp.part(ended.len())).await? {
            ended.push(login);
        }
    }
    Ok(ended)
}

/// Ends all approved logins of an account that are still running, however many there are.
pub(crate) async fn end_all(
    c: &mut Conn,
    realm: RealmId,
    account: AccountId,
    by: EndedBy,
    stamp: &Stamp,
) -> Answer<Vec<LoginId>> {
    let found = open!(realm, stamp.now).filter(outcomes::account.eq(account.0.to_vec())).load(c).await?;
    end_each(c, realm, found, by, stamp).await
}

/// Ends all approved logins of a user that are still running, on every phone, at one client or all.
pub(crate) async fn end_of_user(
    c: &mut Conn,
    realm: RealmId,
    user_id: &str,
    client: Option<ClientId>,
    stamp: &Stamp,
) -> Answer<Vec<LoginId>> {
    let theirs = open!(realm, stamp.now).filter(outcomes::user_id.eq(user_id.to_owned()));
    let all: Vec<(Vec<u8>, String)> = theirs.select((outcomes::id, outcomes::login)).load(c).await?;
    let mut found = Vec::with_capacity(all.len());
    for (id, json) in all {
        let login: Login =
            serde_json::from_str(&json).map_err(|_| At { table: "outcomes", row: &id }.bad("login"))?;
        if client.is_none_or(|client| client == login.client) {
            found.push(id);
        }
    }
    let ended = end_each(c, realm, found, EndedBy::Everywhere, stamp).await?;
    // When a phone asks and nothing is ended, the trail gets no row.
    if ended.is_empty() && matches!(stamp.who.actor, Actor::Account(_)) {
        return Ok(ended);
    }
    let many = Some(ended.len().to_string());
    append(c, stamp, "user.logged_out", &About::of(realm, user_id).user(user_id).detail(many)).await?;
    Ok(ended)
}

/// Number of a user's approved logins that show where the user logs in from.
const LATELY: i64 = 50;

/// The initiators of the user's newest approved logins.
pub(crate) async fn initiators_of_user(
    c: &mut Conn,
    realm: RealmId,
    user_id: &str,
) -> Answer<Vec<Initiator>> {
    let found: Vec<(Vec<u8>, String)> = outcomes::table
        .filter(outcomes::realm.eq(realm.0.to_vec()))
        .filter(outcomes::user_id.eq(user_id.to_owned()))
        .filter(outcomes::state.eq(i32::from(LoginState::Approved.code())))
        .order(outcomes::ends_at.desc())
        .limit(LATELY)
        .select((outcomes::id, outcomes::login))
        .load(c)
        .await?;
    let initiator = |(id, json): (Vec<u8>, String)| {
        serde_json::from_str::<Login>(&json)
            .map(|l| l.initiator)
            .map_err(|_| At { table: "outcomes", row: &id }.bad("login"))
    };
    found.into_iter().map(initiator).collect()
}

macro_rules! running {
    ($realm:expr, $now:expr) => {
        wholes!()
            .filter(outcomes::realm.eq($realm.0.to_vec()))
            .filter(outcomes::state.eq(i32::from(LoginState::Approved.code())))
            .filter(outcomes::ends_at.gt(millis($now)))
            .filter(endings::at.is_null())
            .order(outcomes::ends_at.desc())
    };
}

/// Logins of an account that are approved and have neither ended nor expired at `now`; only the
/// newest, for people to look at.
pub(crate) async fn running(
    c: &mut Conn,
    realm: RealmId,
    account: AccountId,
    now: Time,
) -> Answer<Vec<Record>> {
    let found: Vec<Whole> =
        running!(realm, now).filter(outcomes::account.eq(account.0.to_vec())).limit(MANY).load(c).await?;
    found.into_iter().map(whole).collect()
}

/// Returns the running logins of all of a user's phones, at one client or all.
pub(crate) async fn running_of_user(
    c: &mut Conn,
    realm: RealmId,
    user_id: &str,
    client: Option<ClientId>,
    now: Time,
) -> Answer<Vec<Record>> {
    let (mut mine, mut offset) = (Vec::new(), 0);
    loop {
        let user = outcomes::user_id.eq(user_id.to_owned());
        let found: Vec<Whole> = running!(realm, now).filter(user).limit(MANY).offset(offset).load(c).await?;
        let last = found.len() < MANY as usize;
        for row in found {
            let record = whole(row)?;
            if mine.len() < MANY as usize && client.is_none_or(|client| record.outcome.login.client == client)
            {
                mine.push(record);
            }
        }
        if last || mine.len() == MANY as usize {
            return Ok(mine);
        }
        offset += MANY;
    }
}

/// Every outcome of a user, in the order in which their sessions end.
pub(crate) async fn of_user(
    c: &mut Conn,
    realm: RealmId,
    user_id: &str,
    after: Option<(Time, LoginId)>,
    limit: u32,
) -> Answer<Page<Record, (Time, LoginId)>> {
    let mut query = wholes!()
        .filter(outcomes::realm.eq(realm.0.to_vec()))
        .filter(outcomes::user_id.eq(user_id.to_owned()))
        .order((outcomes::ends_at, outcomes::id))
        .limit(i64::from(limit))
        .into_boxed();
    if let Some((end, id)) = after {
        let (end, id) = (millis(end), id.0.to_vec());
        query =
            query.filter(outcomes::ends_at.ge(end)).filter(outcomes::ends_at.gt(end).or(outcomes::id.gt(id)));
    }
    let found: Vec<Whole> = query.load(c).await?;
    let found = found.into_iter().map(whole).collect::<Answer<Vec<_>>>()?;
    Ok(Page::new(found, limit, |r| (r.outcome.ends_at, r.outcome.login.id), None))
}
