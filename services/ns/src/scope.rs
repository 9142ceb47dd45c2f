//! From a path to a realm and an id: what is not there and what is not yours give the same answer.

use std::{str::FromStr, sync::Arc};

use countersign_actors::Realms;
use countersign_domain::realm::OpenRealm;
use countersign_edge::{auth::Caller, problem::Oops};

/// The realm of the path, if the caller belongs there.
pub(crate) async fn realm(realms: &Realms, name: &str, caller: &Caller) -> Result<Arc<OpenRealm>, Oops> {
    let realm = realms.by_name(name).await?.ok_or_else(Oops::not_found)?;
    caller.inside(&realm.realm)?;
    Ok(realm)
}

/// The same, for administrators.
pub(crate) async fn realm_for_admin(realms: &Realms, name: &str, caller: &Caller) -> Result<Arc<OpenRealm>, Oops> {
    let realm = realms.by_name(name).await?.ok_or_else(Oops::not_found)?;
    caller.admin_of(&realm.realm)?;
    Ok(realm)
}

/// The id of the path. A text that is no id names nothing.
pub(crate) fn id<T: FromStr>(text: &str) -> Result<T, Oops> {
    text.parse().map_err(|_| Oops::not_found())
}
