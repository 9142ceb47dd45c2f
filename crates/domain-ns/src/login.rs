//! A login: one authentication of one user at one client.

mod outcome;
mod ways;

use countersign_protocol::{
    cbor,
    codes::{LoginState, RefuseReason},
    decision::Verdict,
    frames,
    ids::{AccountId, ClientId, LoginId, RealmId},
    labels,
};
use serde::{Deserialize, Serialize};

use crate::{
    Refused,
    factor::{FactorChallenge, FactorNeed},
};
use countersign_ports::{
    secret::{same, sha256},
    time::Time,
};

pub use outcome::{Outcome, Record};
pub use ways::{EndedBy, Via};

/// The part of a login that does not change after creation. It is kept in the KV while the login is
/// undecided, and in its outcome row afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    #[serde(with = "as_text")]
    pub id: LoginId,
    #[serde(with = "as_text")]
    pub realm: RealmId,
    #[serde(with = "as_text")]
    pub client: ClientId,
    pub realm_name: String,
    pub client_name: String,
    pub created_at: Time,
    /// Until when it may be claimed and decided.
    pub expires_at: Time,
    pub expected_user: Option<String>,
    pub text: Option<String>,
    pub browser: Option<String>,
    pub place: Option<String>,
    pub return_url: Option<String>,
    /// SHA-256 of the page token's secret.
    pub page_hash: [u8; 32],
    /// The user or account that it is directed at, which needs no code to claim it.
    #[serde(default)]
    pub target: Option<Target>,
    #[serde(default)]
    pub initiator: Initiator,
    /// Whether a number is required, whatever the realm's settings say.
    #[serde(default)]
    pub number_match: bool,
    /// Where the app hands the login over, if the phone started it itself.
    #[serde(default)]
    pub callback_url: Option<String>,
    /// SHA-256 of the keyed request that made it.
    #[serde(default)]
    pub request: Option<[u8; 32]>,
    /// Whether the client, which has the permission to do so, asks for no number, whatever the
    /// realm's settings say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub number_off: bool,
    /// The clients whose enrolments the login's client accepts; empty accepts all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepts: Vec<String>,
    /// The second factor that an approval needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<FactorNeed>,
}

/// The user or account that a directed login waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    User(String),
    #[serde(with = "as_text")]
    Account(AccountId),
}

/// Who started the login, as far as the client can tell, as keyed hashes: good for counting, not
/// for looking up people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Initiator {
    /// The browser: what the client keeps in its cookie.
    pub binding: Option<[u8; 16]>,
    /// Its address.
    pub address: Option<[u8; 16]>,
}

impl Login {
    /// The bytes the phone shows and signs over. The same login always gives the same bytes.
    #[must_use]
    pub fn context(&self) -> Vec<u8> {
        cbor::encode(&frames::Context {
            login: self.id,
            realm: self.realm,
            realm_name: self.realm_name.clone(),
            client_name: self.client_name.clone(),
            created_at: self.created_at.secs(),
            text: self.text.clone(),
            browser: self.browser.clone(),
            place: self.place.clone(),
        })
    }

    /// The `ctx` claim of the decision: the hash of the context.
    #[must_use]
    pub fn context_hash(&self) -> [u8; 32] {
        sha256(&labels::login_context(&self.context()))
    }

    /// Checks that the login may belong to this account. A directed login belongs only to its
    /// target, also when another account shows its code.
    fn expects(&self, account: AccountId, user: &str) -> Result<(), Refused> {
        let account_fits = !matches!(&self.target, Some(Target::Account(id)) if *id != account);
        if account_fits && self.expected_user.as_deref().is_none_or(|u| u == user) {
            Ok(())
        } else {
            Err(Refused::WrongUser)
        }
    }

    /// Whether its client accepts a phone that `invited_by` invited.
    #[must_use]
    pub fn accepts(&self, invited_by: Option<ClientId>) -> bool {
        self.accepts.is_empty() || invited_by.is_some_and(|client| self.accepts.contains(&client.to_string()))
    }

    /// Whether it waits for this account.
    #[must_use]
    pub fn is_for(&self, account: AccountId, user_id: &str) -> bool {
        match &self.target {
            Some(Target::User(user)) => user == user_id,
            Some(Target::Account(id)) => *id == account,
            None => false,
        }
    }
}

/// The account that has claimed a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    #[serde(with = "as_text")]
    pub account: AccountId,
    pub user_id: String,
    pub via: Via,
    /// The number that the page shows, to be typed on the phone.
    pub number: Option<String>,
    pub at: Time,
    /// What an attestation must be about, when the login needs a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<FactorChallenge>,
}

/// The state of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginProgress {
    Pending,
    Claimed(Claim),
    /// Approved, and redeemed if `redeemed` is true.
    Approved {
        claim: Claim,
        redeem_by: Time,
        ends_at: Time,
        redeemed: bool,
    },
    Refused {
        reason: String,
    },
    Cancelled,
    Expired,
    Ended {
        by: EndedBy,
        redeemed: bool,
    },
}

impl LoginProgress {
    /// The state as phones and pages see it.
    #[must_use]
    pub fn public(&self) -> LoginState {
        match self {
            Self::Pending => LoginState::Pending,
            Self::Claimed(_) => LoginState::Claimed,
            Self::Approved { .. } => LoginState::Approved,
            Self::Refused { .. } => LoginState::Refused,
            Self::Cancelled => LoginState::Cancelled,
            Self::Expired => LoginState::Expired,
            Self::Ended { .. } => LoginState::Ended,
        }
    }

    /// The reason for the state, where there is one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Refused { reason } => Some(reason),
            Self::Ended { by, .. } => Some(by.as_str()),
            _ => None,
        }
    }

    #[must_use]
    pub fn redeemed(&self) -> bool {
        matches!(self, Self::Approved { redeemed: true, .. } | Self::Ended { redeemed: true, .. })
    }
}

/// The reason of a login that is refused because the number was typed wrong.
pub const WRONG_NUMBER: &str = "wrong_number";

/// What can happen to a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An account shows a genuine, fresh capability.
    Claim(Claim),
    /// The account that claimed it decides; the signature has been verified.
    Decide { account: AccountId, verdict: Verdict, reason: Option<RefuseReason>, number: Option<String> },
    /// The account that claimed it was blocked or deleted.
    Disown(AccountId, EndedBy),
    /// The client or the page withdraws it.
    Cancel,
    /// It has expired. Whichever flow reads it first may record that.
    Expire,
    /// The client redeems it; `return_token` is what the browser brought, `expected` what it should
    /// be.
    Redeem { return_token: Option<[u8; 16]>, expected: [u8; 16] },
    /// It is ended after its approval.
    End(EndedBy),
}

/// The state machine of a login.
///
/// ```text
/// pending ──Claim──▶ claimed ──Decide approve──▶ approved ──Redeem (once)──▶ approved, redeemed
///    │                  ├─────Decide refuse────▶ refused        │
///    ├───────Cancel─────┴──────────────────────▶ cancelled      ├──End──▶ ended
///    └───────Expire (after expires_at)─────────▶ expired        ▼
/// ```
///
/// The step to "approved" becomes final only in the store: the INSERT of the outcome's row has one
/// winner.
///
/// # Errors
/// The reason why the event does not fit; the state stays as it is.
pub fn step(
    login: &Login,
    state: &LoginProgress,
    event: &Event,
    now: Time,
) -> Result<LoginProgress, Refused> {
    use LoginProgress as S;
    let over = now >= login.expires_at
        && !countersign_ports::sabotage::active(countersign_ports::sabotage::Sabotage::LoseExpiry);
    match (state, event) {
        (S::Pending | S::Claimed(_), Event::Expire) => {
            if over {
                Ok(S::Expired)
            } else {
                Err(Refused::NotAllowed)
            }
        }
        (S::Pending | S::Claimed(_), Event::Claim(_) | Event::Decide { .. }) if over => Err(Refused::Expired),

        (S::Pending, Event::Claim(claim)) => {
            login.expects(claim.account, &claim.user_id).map(|()| S::Claimed(claim.clone()))
        }
        (S::Claimed(by), Event::Claim(again)) if by.account == again.account => Ok(state.clone()),
        (S::Claimed(_), Event::Claim(_)) => Err(Refused::AlreadyClaimed),

        (S::Claimed(by), Event::Decide { account, verdict, reason, number }) if by.account == *account => {
            decide(login, by, *verdict, *reason, number.as_deref(), now)
        }
        (S::Claimed(by), Event::Disown(account, why)) if by.account == *account => {
            Ok(S::Refused { reason: why.as_str().to_owned() })
        }
        // For this account, a login that it has not claimed does not exist.
        (S::Pending | S::Claimed(_), Event::Decide { .. } | Event::Disown(..)) => Err(Refused::NotFound),

        (S::Pending | S::Claimed(_), Event::Cancel) => Ok(S::Cancelled),
        (S::Pending | S::Claimed(_), Event::Redeem { .. } | Event::End(_)) => Err(Refused::NotApproved),

        (S::Approved { claim, redeem_by, ends_at, redeemed }, Event::Redeem { return_token, expected }) => {
            redeem(claim, *redeem_by, *redeemed, *return_token, expected, now)?;
            Ok(S::Approved { claim: claim.clone(), redeem_by: *redeem_by, ends_at: *ends_at, redeemed: true })
        }
        (S::Approved { ends_at, .. }, Event::End(EndedBy::Lifetime)) if now < *ends_at => {
            Err(Refused::NotAllowed)
        }
        (S::Approved { redeemed, .. }, Event::End(by)) => Ok(S::Ended { by: *by, redeemed: *redeemed }),

        (
            S::Refused { .. } | S::Cancelled | S::Expired | S::Ended { .. },
            Event::Redeem { .. } | Event::End(_),
        ) => Err(Refused::NotApproved),
        (S::Expired, Event::Claim(_) | Event::Decide { .. }) => Err(Refused::Expired),
        (S::Cancelled, Event::Claim(_) | Event::Decide { .. }) => Err(Refused::Cancelled),
        (S::Approved { .. } | S::Refused { .. } | S::Cancelled | S::Expired | S::Ended { .. }, _) => {
            Err(Refused::AlreadyDecided)
        }
    }
}

/// A wrong number, or none where one is required, refuses the login: there is one try.
fn decide(
    login: &Login,
    by: &Claim,
    verdict: Verdict,
    reason: Option<RefuseReason>,
    number: Option<&str>,
    now: Time,
) -> Result<LoginProgress, Refused> {
    match (verdict, reason) {
        (Verdict::Approve, None) => {
            login.expects(by.account, &by.user_id)?;
            let right = by
                .number
                .as_deref()
                .is_none_or(|wanted| number.is_some_and(|typed| same(wanted.as_bytes(), typed.as_bytes())));
            if !right {
                return Ok(LoginProgress::Refused { reason: WRONG_NUMBER.to_owned() });
            }
            // The lifetimes come from the realm's settings; the flow that stores the outcome sets
            // them.
            Ok(LoginProgress::Approved { claim: by.clone(), redeem_by: now, ends_at: now, redeemed: false })
        }
        (Verdict::Refuse, Some(reason)) => Ok(LoginProgress::Refused { reason: reason.as_str().to_owned() }),
        (Verdict::Approve, Some(_)) | (Verdict::Refuse, None) => Err(Refused::BadDecision),
    }
}

fn redeem(
    claim: &Claim,
    redeem_by: Time,
    redeemed: bool,
    token: Option<[u8; 16]>,
    expected: &[u8; 16],
    now: Time,
) -> Result<(), Refused> {
    if redeemed {
        return Err(Refused::AlreadyRedeemed);
    }
    if claim.via.returns() && !token.is_some_and(|t| same(&t, expected)) {
        return Err(Refused::WrongReturnToken);
    }
    if now >= redeem_by { Err(Refused::TooLate) } else { Ok(()) }
}

/// Writes ids as text in the KV, so that people can read them.
mod as_text {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }
    pub(super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        d: D,
    ) -> Result<T, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
