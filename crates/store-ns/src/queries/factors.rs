use countersign_domain_ns::factor::{Factor, Spent};
use countersign_ports::{
    sabotage::{Sabotage, active},
    time::Time,
};
use countersign_protocol::{
    codes::PinPolicy,
    ids::{AccountId, FactorId, Jkt, RealmId},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, insert_new};
use crate::{
    rows::{At, millis, time},
    schema::{factors, sfs_key_lists, spent_attestations},
};

/// Rows deleted in one transaction, so that other writers need not wait long.
const BATCH: i64 = 500;

type FactorRow = (Vec<u8>, Vec<u8>, i32, i64);

pub(crate) async fn get(c: &mut Conn, realm: RealmId, account: AccountId) -> Answer<Option<Factor>> {
    let columns = (factors::root, factors::factor, factors::policy, factors::bound_at);
    let found = factors::table.find((realm.0.to_vec(), account.0.to_vec())).select(columns);
    let row: Option<FactorRow> = found.get_result(c).await.optional()?;
    let at = At { table: "factors", row: &account.0 };
    let factor = |(root, factor, policy, bound_at): FactorRow| {
        let policy = u16::try_from(policy).ok().and_then(PinPolicy::from_code);
        Ok(Factor {
            realm,
            account,
            root: Jkt(at.fixed(&root)?),
            id: FactorId(at.fixed(&factor)?),
            policy: policy.ok_or_else(|| at.bad("policy"))?,
            bound_at: time(bound_at),
        })
    };
    row.map(factor).transpose()
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
