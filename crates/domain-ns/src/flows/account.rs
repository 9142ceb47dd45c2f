//! Changes to accounts from outside: block, unblock, delete.

use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, LoginId},
};

use super::siblings::tell_siblings;
use crate::{
    Refused,
    account::{Account, Event, step},
    audit::Who,
    flows::login::{announce_ended, disown},
    further::UserHash,
    login::EndedBy,
    ports::{Ports, Topic},
    realm::OpenRealm,
    refused::Stop,
};
use countersign_ports::Fault;

/// Moves an account, ends the logins it approved, refuses those it claimed, wakes its phone and
/// notifies the user's other phones.
///
/// # Errors
/// [`Refused::NotFound`] when there is no such account, [`Refused::NotAllowed`] when the event does
/// not fit, [`Refused::MoreAuthority`] when unblocking takes more authority.
pub async fn change(
    ports: &Ports,
    realm: &OpenRealm,
    id: AccountId,
    event: Event,
    who: Who,
) -> Result<Account, Stop> {
    loop {
        let account = ports.store.account(realm.id(), id).await?.ok_or(Refused::NotFound)?;
        let to = match step(account.state, event) {
            Err(why) if account.state == AccountState::Deleted => {
                aftermath(ports, realm, &account, &[], who).await?;
                return Err(why.into());
            }
            judged => judged?,
        };
        let after = Account { state: to, ..account.clone() };
        let hash = UserHash::of(&ports.vault, account.realm, &account.user_id);
        // This judges the row that is to be moved: the store moves it only if it is unchanged.
        if event == Event::Unblock {
            account.may_unblock(who.authority())?;
        }
        // When an actor with more authority blocks a blocked account, that is recorded, and
        // unblocking takes as much authority from then on.
        let stronger =
            event == Event::Block && account.blocked.as_ref().is_some_and(|b| who.authority() > b.authority);
        if to == account.state && !stronger {
            // A repeated request, perhaps because the first one stopped half way.
            aftermath(ports, realm, &after, &[], who).await?;
            return Ok(after);
        }
        // `None` means that another request moved the account in between, so judge anew. Each round
        // means that one request made progress.
        let Some(ended) = ports.store.move_account(&account, to, hash, &ports.stamp(who)).await? else {
            continue;
        };
        aftermath(ports, realm, &after, &ended, who).await?;
        return Ok(after);
    }
}

/// Does what follows from the state that an account has reached, after the store has committed it.
/// Repeating it does no harm.
async fn aftermath(
    ports: &Ports,
    realm: &OpenRealm,
    account: &Account,
    ended: &[LoginId],
    who: Who,
) -> Result<(), Fault> {
    let disowned = match account.state {
        AccountState::Blocked => disown(ports, realm, account.id, EndedBy::AccountBlocked, who).await,
        AccountState::Deleted => disown(ports, realm, account.id, EndedBy::AccountDeleted, who).await,
        AccountState::Pending | AccountState::Active => Ok(()),
    };
    // The phone and the pages are woken even if refusing the claimed logins failed.
    announce_ended(ports, ended).await?;
    ports.announce(Topic::Account(account.id), u64::from(account.state.code())).await?;
    tell_siblings(ports, account.realm, account.id, &account.user_id).await?;
    disowned
}
