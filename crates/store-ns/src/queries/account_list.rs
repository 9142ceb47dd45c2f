//! The list of accounts.

use countersign_domain_ns::{
    account::Account,
    ports::{AccountQuery, Page},
};
use countersign_ports::time::Time;
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, RealmId},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, WALK};
use crate::{
    rows::{AccountRow, At, millis, time},
    schema::accounts,
};

/// The accounts after the position of the query, in its order, with this selection. One filter is
/// walked by its index: the user, the app, the state, or none.
macro_rules! walked {
    ($realm:expr, $q:expr, $select:expr) => {{
        let mut query =
            accounts::table.filter(accounts::realm.eq($realm.0.to_vec())).select($select).into_boxed();
        query = match ($q.user_id.as_ref(), $q.app.as_ref(), $q.state) {
            (Some(user), ..) => query.filter(accounts::user_id.eq(user.clone())),
            (None, Some(app), _) => query.filter(accounts::app.eq(app.clone())),
            (None, None, Some(state)) => query.filter(accounts::state.eq(i32::from(state.code()))),
            (None, None, None) => query,
        };
        if let Some((created, id)) = $q.after {
            let (created, id) = (millis(created), id.0.to_vec());
            query = query.filter(accounts::created_at.ge(created)).filter(
                accounts::created_at
                    .gt(created)
                    .or(accounts::created_at.eq(created).and(accounts::id.gt(id))),
            );
        }
        if $q.newest_first {
            query.order((accounts::created_at.desc(), accounts::id.desc()))
        } else {
            query.order((accounts::created_at, accounts::id))
        }
    }};
}

pub(crate) async fn list(
    c: &mut Conn,
    realm: RealmId,
    q: &AccountQuery,
) -> Answer<Page<Account, (Time, AccountId)>> {
    // A user has few accounts, and the newest of them are not paged.
    let last: Option<(i64, Vec<u8>)> = if q.user_id.is_none() && !q.newest_first {
        let last = walked!(realm, q, (accounts::created_at, accounts::id)).offset(WALK - 1);
        last.first(c).await.optional()?
    } else {
        None
    };
    let mut query = walked!(realm, q, AccountRow::as_select()).limit(i64::from(q.limit));
    if let Some((created, id)) = &last {
        query = query
            .filter(accounts::created_at.le(*created))
            .filter(accounts::created_at.lt(*created).or(accounts::id.le(id.clone())));
    }
    let there = accounts::state.ne(i32::from(AccountState::Deleted.code()));
    // A deleted account is listed only if it was let in once.
    query = if q.gone {
        query.filter(there.or(accounts::confirmed_at.is_not_null()))
    } else {
        query.filter(there)
    };
    if q.let_in {
        query = query.filter(accounts::state.ne(i32::from(AccountState::Pending.code())));
    }
    if let Some(state) = q.state {
        query = query.filter(accounts::state.eq(i32::from(state.code())));
    }
    if let Some(app) = &q.app {
        query = query.filter(accounts::app.eq(app.clone()));
    }
    let found: Vec<AccountRow> = query.load(c).await?;
    let found = found.into_iter().map(Account::try_from).collect::<Answer<Vec<_>>>()?;
    let at = At { table: "accounts", row: &[] };
    let last = last.map(|(created, id)| {
        Ok::<_, countersign_store::StoreError>((time(created), AccountId(at.fixed(&id)?)))
    });
    Ok(Page::new(found, q.limit, |a| (a.created_at, a.id), last.transpose()?))
}
