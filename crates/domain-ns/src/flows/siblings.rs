//! The phones of one user, and how they learn of one another.

use countersign_ports::Fault;
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, RealmId},
};

use crate::{
    account::Account,
    ports::{AccountQuery, Ports, Topic},
};

/// Most phones of a user that are listed, and that are notified of one another.
pub(crate) const MOST: u32 = 50;

/// All accounts of a user except deleted ones, at most `MOST`.
///
/// # Errors
/// A fault of the store.
pub async fn of_user(ports: &Ports, realm: RealmId, user_id: &str) -> Result<Vec<Account>, Fault> {
    let query = AccountQuery { user_id: Some(user_id.to_owned()), limit: MOST, ..AccountQuery::default() };
    Ok(ports.store.accounts(realm, &query).await?.items)
}

/// A user's phones that work now.
///
/// # Errors
/// A fault of the store.
pub(crate) async fn active_of_user(
    ports: &Ports,
    realm: RealmId,
    user_id: &str,
) -> Result<Vec<Account>, Fault> {
    let active = Some(AccountState::Active);
    let query = AccountQuery {
        user_id: Some(user_id.to_owned()),
        state: active,
        limit: MOST,
        ..AccountQuery::default()
    };
    let (now, mut found) = (ports.now(), ports.store.accounts(realm, &query).await?.items);
    found.retain(|a| a.state_at(now) == AccountState::Active);
    Ok(found)
}

/// Notifies a user's other active phones that this one was added, was changed or has left.
///
/// # Errors
/// A fault of a port.
pub async fn tell_siblings(ports: &Ports, realm: RealmId, of: AccountId, user_id: &str) -> Result<(), Fault> {
    for sibling in active_of_user(ports, realm, user_id).await?.into_iter().filter(|a| a.id != of) {
        ports.announce(Topic::Device { to: sibling.id, of }, 0).await?;
    }
    Ok(())
}
