//! What happens to accounts from outside: block, unblock, delete.

use countersign_protocol::{codes::AccountState, ids::AccountId};

use crate::{
    Refused,
    account::{Account, Event, step},
    audit::Actor,
    flows::login::{announce_ended, disown},
    login::EndedBy,
    ports::{Ports, Topic},
    realm::OpenRealm,
    refused::Stop,
};

/// Moves an account, ends what it approved, refuses what it claimed, and wakes its phone.
///
/// # Errors
/// [`Refused::NotFound`] when there is no such account, [`Refused::NotAllowed`] when the event does not fit.
pub async fn change(ports: &Ports, realm: &OpenRealm, id: AccountId, event: Event, actor: Actor) -> Result<Account, Stop> {
    loop {
        let account = ports.store.account(realm.realm.id, id).await?.ok_or(Refused::NotFound)?;
        let to = step(account.state, event)?;
        let after = Account { state: to, ..account.clone() };
        if to == account.state {
            return Ok(after);
        }
        // `None`: somebody else moved it in between; judge anew. Each round means that somebody made progress.
        let Some(ended) = ports.store.move_account(realm.realm.id, id, account.state, to, &ports.stamp(actor)).await? else { continue };
        let why = if to == AccountState::Blocked { EndedBy::AccountBlocked } else { EndedBy::AccountDeleted };
        if to != AccountState::Active {
            disown(ports, realm, id, why, actor).await?;
        }
        announce_ended(ports, &ended).await?;
        ports.live.announce(Topic::Account(id), u64::from(to.code())).await?;
        return Ok(after);
    }
}
