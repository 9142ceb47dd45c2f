//! An account: one app × user × realm, with its own P-256 key.

use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, Jkt, RealmId},
};

use crate::{Refused, time::Time};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub realm: RealmId,
    pub user_id: String,
    pub app: String,
    /// What the phone calls itself.
    pub device: String,
    pub jkt: Jkt,
    /// Uncompressed P-256 point.
    pub public_key: [u8; 65],
    pub state: AccountState,
    pub created_at: Time,
    /// Who blocked it, as the trail spells actors. A phone unblocks only what a phone has blocked.
    pub blocked_by: Option<String>,
    /// The app's version when it was last told.
    pub app_version: Option<String>,
}

impl Account {
    /// Whether one of the user's phones blocked it, and no administrator did.
    #[must_use]
    pub fn blocked_by_phone(&self) -> bool {
        self.state == AccountState::Blocked && self.blocked_by.as_ref().is_some_and(|by| by.starts_with("account:"))
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

/// The life of an account.
///
/// ```text
/// pending ──Confirm──▶ active ◀──Unblock── blocked
///    │                   │ ────Block──────▶  │
///    └─Abandon─▶ deleted ◀────Delete─────────┘        deleted is for ever
/// ```
///
/// # Errors
/// [`Refused::NotFound`] for a deleted account (REST does not tell it from one that never was), else [`Refused::NotAllowed`].
pub fn step(state: AccountState, event: Event) -> Result<AccountState, Refused> {
    use AccountState as S;
    match (state, event) {
        (S::Pending, Event::Confirm) | (S::Blocked, Event::Unblock) | (S::Active, Event::Unblock) => Ok(S::Active),
        (S::Pending, Event::Abandon) => Ok(S::Deleted),
        (S::Active | S::Blocked, Event::Block) => Ok(S::Blocked),
        (S::Pending | S::Active | S::Blocked, Event::Delete) => Ok(S::Deleted),
        (S::Deleted, _) => Err(Refused::NotFound),
        (S::Pending, Event::Block | Event::Unblock) | (S::Active | S::Blocked, Event::Confirm | Event::Abandon) => Err(Refused::NotAllowed),
    }
}

/// Whether the account may claim and approve.
///
/// # Errors
/// Why not.
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
