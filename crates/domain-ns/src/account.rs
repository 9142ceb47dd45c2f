//! An account: one app × user × realm, with its own P-256 key.

use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, ClientId, Jkt, RealmId},
};

use crate::{
    Refused,
    authority::{Authority, Lineage},
    enrolment::Confirm,
};
use countersign_ports::{presence::Peer, time::Time};

/// The [`Peer`] under which an account's connections are counted.
#[must_use]
pub fn peer(account: AccountId) -> Peer {
    Peer(account.0)
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub realm: RealmId,
    pub user_id: String,
    pub app: String,
    /// The name of the phone, as people see it.
    pub device: String,
    pub jkt: Jkt,
    /// Uncompressed P-256 point.
    pub public_key: [u8; 65],
    pub state: AccountState,
    pub created_at: Time,
    /// Set while the account is blocked.
    pub blocked: Option<Blocked>,
    /// The app's version, as the phone last reported it.
    pub app_version: Option<String>,
    /// How it came to be. Accounts from before this was recorded have only parts of it.
    pub origin: Origin,
    /// For a further phone that was confirmed by number: the time from which it works. Until then
    /// the user's other phones can object.
    pub active_from: Option<Time>,
    /// For a further phone that none of the user's own phones let in: the time from which it may
    /// manage and vouch for the others. Until then they can notice it. It is fixed when the phone
    /// is let in, so that a later change of settings cannot bring it forward.
    pub rules_from: Option<Time>,
    /// Phones that came to its user after it: how many came, and how many it has seen in the list.
    pub phones: PhonesAfter,
}

/// How many phones came to the same user later. Those not seen yet are announced again at each
/// connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhonesAfter {
    pub came: u32,
    pub seen: u32,
}

/// The actor that blocked an account, as the trail spells actors, and its authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    pub by: String,
    pub authority: Authority,
}

/// How an account came to be, for clients that rely on it and for later inquiries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client that invited the phone.
    pub client: Option<ClientId>,
    /// Who asked for the invitation, as the trail spells actors.
    pub enrolled_by: Option<String>,
    /// Who let the phone in.
    pub confirmed_by: Option<String>,
    /// Lineage of the key that let the phone in, directly or through a phone that this key had let
    /// in.
    pub confirmed_lineage: Option<Lineage>,
    /// When it became active for the first time.
    pub confirmed_at: Option<Time>,
    pub way: Option<Confirm>,
    /// When the phone was let in, if the user had a phone before and none of the user's own phones
    /// let this one in.
    pub recovered_at: Option<Time>,
}

impl Account {
    /// Its state at `now`: an active account counts as pending until `active_from`.
    #[must_use]
    pub fn state_at(&self, now: Time) -> AccountState {
        match self.state {
            AccountState::Active if self.active_from.is_some_and(|from| now < from) => AccountState::Pending,
            state => state,
        }
    }

    /// Whether it may claim and approve.
    ///
    /// # Errors
    /// [`Refused::AccountPending`], [`Refused::AccountBlocked`] or [`Refused::AccountDeleted`].
    pub fn may_log_in(&self, now: Time) -> Result<(), Refused> {
        may_log_in(self.state_at(now))
    }

    /// Whether it may manage and vouch for its user's other phones. A phone that none of the user's
    /// own phones let in has to wait until those have had time to notice it.
    ///
    /// # Errors
    /// [`Refused::NotAllowed`].
    pub fn may_rule_phones(&self, now: Time) -> Result<(), Refused> {
        if self.rules_from.is_some_and(|from| now < from) { Err(Refused::NotAllowed) } else { Ok(()) }
    }

    /// Whether an actor with this authority may unblock it. Unblocking takes at least as much
    /// authority as blocking did.
    ///
    /// # Errors
    /// [`Refused::MoreAuthority`].
    pub fn may_unblock(&self, who: Authority) -> Result<(), Refused> {
        let needed = self.blocked.as_ref().map_or(Authority::None, |b| b.authority);
        if self.state != AccountState::Blocked || who >= needed {
            Ok(())
        } else {
            Err(Refused::MoreAuthority)
        }
    }
}

/// What can happen to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its enrolment was confirmed.
    Confirm,
    /// Its enrolment was refused, cancelled or expired.
    Abandon,
    Block,
    Unblock,
    Delete,
}

/// The state machine of an account.
///
/// ```text
/// pending ──Confirm──▶ active ◀──Unblock── blocked
///    │                   │ ────Block──────▶  │
///    └─Abandon─▶ deleted ◀────Delete─────────┘        deleted is final
/// ```
///
/// # Errors
/// [`Refused::NotFound`] for a deleted account (REST does not distinguish it from one that never
/// existed), else [`Refused::NotAllowed`].
pub fn step(state: AccountState, event: Event) -> Result<AccountState, Refused> {
    use AccountState as S;
    match (state, event) {
        (S::Pending, Event::Confirm) | (S::Blocked, Event::Unblock) | (S::Active, Event::Unblock) => {
            Ok(S::Active)
        }
        (S::Pending, Event::Abandon) => Ok(S::Deleted),
        (S::Active | S::Blocked, Event::Block) => Ok(S::Blocked),
        (S::Pending | S::Active | S::Blocked, Event::Delete) => Ok(S::Deleted),
        (S::Deleted, _) => Err(Refused::NotFound),
        (S::Pending, Event::Block | Event::Unblock)
        | (S::Active | S::Blocked, Event::Confirm | Event::Abandon) => Err(Refused::NotAllowed),
    }
}

/// Whether an account in this state may claim and approve.
///
/// # Errors
/// [`Refused::AccountPending`], [`Refused::AccountBlocked`] or [`Refused::AccountDeleted`].
pub fn may_log_in(state: AccountState) -> Result<(), Refused> {
    match state {
        AccountState::Active => Ok(()),
        AccountState::Pending => Err(Refused::AccountPending),
        AccountState::Blocked => Err(Refused::AccountBlocked),
        AccountState::Deleted => Err(Refused::AccountDeleted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_brings_a_deleted_account_back_and_only_confirmation_activates_a_pending_one() {
        let all = [Event::Confirm, Event::Abandon, Event::Block, Event::Unblock, Event::Delete];
        for event in all {
            assert_eq!(step(AccountState::Deleted, event), Err(Refused::NotFound));
            let from_pending = step(AccountState::Pending, event);
            assert_eq!(from_pending == Ok(AccountState::Active), event == Event::Confirm);
        }
    }
}
