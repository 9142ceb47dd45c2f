use countersign_domain_ns::factor::{Factor, Spent};
use countersign_ports::{
    sabotage::{Sabotage, active},
    time::Time,
};
use countersign_protocol::{
    codes::PinPolicy,
    ids::{AccountId, EnrolmentId, FactorId, Jkt, RealmId},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, insert_new};
use crate::{
    rows::{At, millis, time},
    schema::{factors, offered_factors, sfs_key_lists, spent_attestations},
};

/// Rows deleted in one transaction, so that other writers need not wait long.
const BATCH: i64 = 500;

type FactorRow = (Vec<u8>, Vec<u8>, i32, i64);

pub(crate) async fn get(c: &mut Conn, realm: RealmId, account: AccountId) -> Answer<Option<Factor>> {
    let columns = (factors::root, factors::factor, factors::policy, factors::bound_at);
    let found = factors::table.find((realm.0.to_vec(), account.0.to_vec())).select(columns);
    let row: Option<FactorRow> = found.get_result(c).await.optional()?;
    row.map(|row| read(realm, account, row)).transpose()
}

fn read(realm: RealmId, account: AccountId, (root, factor, policy, bound_at): FactorRow) -> Answer<Factor> {
    let at = At { table: "factors", row: &account.0 };
    let policy = u16::try_from(policy).ok().and_then(PinPolicy::from_code);
    Ok(Factor {
        realm,
        account,
        root: Jkt(at.fixed(&root)?),
        id: FactorId(at.fixed(&factor)?),
        policy: policy.ok_or_else(|| at.bad("policy"))?,
        bound_at: time(bound_at),
    })
}

/// Deletes the factor of an account that is gone.
pub(crate) async fn forget(c: &mut Conn, realm: RealmId, account: AccountId) -> Answer<()> {
    diesel::delete(factors::table.find((realm.0.to_vec(), account.0.to_vec()))).execute(c).await?;
    Ok(())
}

/// Binds a factor to an account, in the place of one that it had.
pub(crate) async fn put(c: &mut Conn, f: &Factor) -> Answer<()> {
    let key = (f.realm.0.to_vec(), f.account.0.to_vec());
    diesel::delete(factors::table.find(key.clone())).execute(c).await?;
    let values = (
        factors::realm.eq(key.0),
        factors::account.eq(key.1),
        factors::root.eq(f.root.0.to_vec()),
        factors::factor.eq(f.id.0.to_vec()),
        factors::policy.eq(i32::from(f.policy.code())),
        factors::bound_at.eq(millis(f.bound_at)),
    );
    diesel::insert_into(factors::table).values(values).execute(c).await?;
    Ok(())
}

/// Keeps a factor until its enrolment is confirmed.
pub(crate) async fn offer(c: &mut Conn, id: EnrolmentId, f: &Factor) -> Answer<()> {
    let values = (
        offered_factors::realm.eq(f.realm.0.to_vec()),
        offered_factors::enrolment.eq(id.0.to_vec()),
        offered_factors::root.eq(f.root.0.to_vec()),
        offered_factors::factor.eq(f.id.0.to_vec()),
        offered_factors::policy.eq(i32::from(f.policy.code())),
    );
    diesel::insert_into(offered_factors::table).values(values).execute(c).await?;
    Ok(())
}

/// Ends the offer of an enrolment: the factor is bound to this account now, or to none.
pub(crate) async fn settle(
    c: &mut Conn,
    realm: RealmId,
    id: EnrolmentId,
    to: Option<AccountId>,
    now: Time,
) -> Answer<()> {
    let key = (realm.0.to_vec(), id.0.to_vec());
    if let Some(account) = to {
        let columns = (offered_factors::root, offered_factors::factor, offered_factors::policy);
        let (root, factor, policy): (Vec<u8>, Vec<u8>, i32) =
            offered_factors::table.find(key.clone()).select(columns).get_result(c).await?;
        put(c, &read(realm, account, (root, factor, policy, millis(now)))?).await?;
    }
    diesel::delete(offered_factors::table.find(key)).execute(c).await?;
    Ok(())
}

/// Deletes what was offered for these enrolments, which are cancelled.
pub(crate) async fn withdraw(c: &mut Conn, realm: RealmId, ids: Vec<Vec<u8>>) -> Answer<()> {
    let gone = offered_factors::table
        .filter(offered_factors::realm.eq(realm.0.to_vec()))
        .filter(offered_factors::enrolment.eq_any(ids));
    diesel::delete(gone).execute(c).await?;
    Ok(())
}

/// Uses up an attestation; false when it was used before.
pub(crate) async fn spend(c: &mut Conn, spent: Spent) -> Answer<bool> {
    let values =
        (spent_attestations::id.eq(spent.key.to_vec()), spent_attestations::until.eq(millis(spent.until)));
    let new = insert_new!(c, spent_attestations::table, values).await? == 1;
    Ok(new || active(Sabotage::SpendTwice))
}

/// Deletes attestations that could not be used any more at this time.
pub(crate) async fn purge_spent(c: &mut Conn, now: Time) -> Answer<usize> {
    let over = spent_attestations::table.filter(spent_attestations::until.lt(millis(now)));
    let over = over.order(spent_attestations::until).select(spent_attestations::id).limit(BATCH);
    let over: Vec<Vec<u8>> = over.load(c).await?;
    let gone = spent_attestations::table.filter(spent_attestations::id.eq_any(over));
    Ok(diesel::delete(gone).execute(c).await?)
}

pub(crate) async fn key_list(c: &mut Conn, root: &Jkt) -> Answer<Option<String>> {
    let found = sfs_key_lists::table.find(root.0.to_vec()).select(sfs_key_lists::list);
    Ok(found.get_result(c).await.optional()?)
}

/// Remembers a key list, unless one with as high a number is known.
pub(crate) async fn raise_key_list(c: &mut Conn, root: &Jkt, seq: u64, list: &str) -> Answer<()> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let values = (
        sfs_key_lists::root.eq(root.0.to_vec()),
        sfs_key_lists::seq.eq(seq),
        sfs_key_lists::list.eq(list.to_owned()),
    );
    if insert_new!(c, sfs_key_lists::table, values).await? == 0 {
        let lower = sfs_key_lists::table.find(root.0.to_vec()).filter(sfs_key_lists::seq.lt(seq));
        let set = (sfs_key_lists::seq.eq(seq), sfs_key_lists::list.eq(list.to_owned()));
        diesel::update(lower).set(set).execute(c).await?;
    }
    Ok(())
}
