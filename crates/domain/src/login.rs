//! A login: one authentication of one user at one client.

use countersign_protocol::{
    cbor,
    codes::{LoginState, RefuseReason},
    decision::Verdict,
    frames,
    ids::{AccountId, ClientId, LoginId, RealmId, ReqId},
    labels,
};
use serde::{Deserialize, Serialize};

use crate::{
    Refused,
    secret::{same, sha256},
    time::Time,
};

/// What does not change after creation. Lives in the KV while the login is pending, and in its outcome row afterwards.
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

    /// `ctx` of the decision.
    #[must_use]
    pub fn context_hash(&self) -> [u8; 32] {
        sha256(&labels::login_context(&self.context()))
    }

    fn expects(&self, user: &str) -> Result<(), Refused> {
        if self.expected_user.as_deref().is_none_or(|u| u == user) { Ok(()) } else { Err(Refused::WrongUser) }
    }
}

/// Who looks at the login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    #[serde(with = "as_text")]
    pub account: AccountId,
    pub user_id: String,
    /// Claimed by link: redeeming then takes the return token.
    pub by_link: bool,
}

/// Where the login is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Pending,
    Claimed(Claim),
    /// Approved; not redeemed yet unless `redeemed`.
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

/// Who ended an approved login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    Phone,
    Client,
    AccountBlocked,
    AccountDeleted,
    Lifetime,
}

impl EndedBy {
    pub const ALL: [Self; 5] = [Self::Phone, Self::Client, Self::AccountBlocked, Self::AccountDeleted, Self::Lifetime];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Client => "client",
            Self::AccountBlocked => "account_blocked",
            Self::AccountDeleted => "account_deleted",
            Self::Lifetime => "lifetime",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.as_str() == text)
    }
}

impl State {
    /// As phones and pages see it.
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

    /// Why, where there is a reason.
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

/// What can happen to a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An account shows a genuine, fresh capability.
    Claim(Claim),
    /// The account that claimed it decides; the signature has been verified.
    Decide { account: AccountId, verdict: Verdict, reason: Option<RefuseReason> },
    /// The account that claimed it was blocked or deleted.
    Disown(AccountId, EndedBy),
    /// The client or the page takes it back.
    Cancel,
    /// Its time is over; anybody may notice.
    Expire,
    /// The client exchanges it; `return_token` is what the browser brought, `expected` what it should be.
    Redeem { return_token: Option<[u8; 16]>, expected: [u8; 16] },
    /// Somebody ends it.
    End(EndedBy),
}

/// The life of a login.
///
/// ```text
/// pending ──Claim──▶ claimed ──Decide approve──▶ approved ──Redeem (once)──▶ approved, redeemed
///    │                  ├─────Decide refuse────▶ refused        │
///    ├───────Cancel─────┴──────────────────────▶ cancelled      ├──End──▶ ended
///    └───────Expire (after expires_at)─────────▶ expired        ▼
/// ```
///
/// The gap between "approved" and its durable row is closed by the store: the row's INSERT has one winner.
///
/// # Errors
/// Why the event does not fit; the state stays as it is.
pub fn step(login: &Login, state: &State, event: &Event, now: Time) -> Result<State, Refused> {
    let over = now >= login.expires_at && !crate::faults::active(crate::faults::FaultName::LoseExpiry);
    match (state, event) {
        (State::Pending | State::Claimed(_), Event::Expire) => {
            if over {
                Ok(State::Expired)
            } else {
                Err(Refused::NotAllowed)
            }
        }
        (State::Pending | State::Claimed(_), Event::Claim(_) | Event::Decide { .. }) if over => Err(Refused::Expired),

        (State::Pending, Event::Claim(claim)) => login.expects(&claim.user_id).map(|()| State::Claimed(claim.clone())),
        (State::Claimed(by), Event::Claim(again)) if by.account == again.account => Ok(state.clone()),
        (State::Claimed(_), Event::Claim(_)) => Err(Refused::AlreadyClaimed),

        (State::Claimed(by), Event::Decide { account, verdict, reason }) if by.account == *account => {
            decide(login, by, *verdict, *reason, now)
        }
        (State::Claimed(by), Event::Disown(account, why)) if by.account == *account => {
            Ok(State::Refused { reason: why.as_str().to_owned() })
        }
        // A login somebody else holds does not exist for this account.
        (State::Pending | State::Claimed(_), Event::Decide { .. } | Event::Disown(..)) => Err(Refused::NotFound),

        (State::Pending | State::Claimed(_), Event::Cancel) => Ok(State::Cancelled),
        (State::Pending | State::Claimed(_), Event::Redeem { .. } | Event::End(_)) => Err(Refused::NotApproved),

        (State::Approved { claim, redeem_by, ends_at, redeemed }, Event::Redeem { return_token, expected }) => {
            redeem(claim, *redeem_by, *redeemed, *return_token, expected, now)?;
            Ok(State::Approved { claim: claim.clone(), redeem_by: *redeem_by, ends_at: *ends_at, redeemed: true })
        }
        (State::Approved { ends_at, .. }, Event::End(EndedBy::Lifetime)) if now < *ends_at => Err(Refused::NotAllowed),
        (State::Approved { redeemed, .. }, Event::End(by)) => Ok(State::Ended { by: *by, redeemed: *redeemed }),

        (State::Refused { .. } | State::Cancelled | State::Expired | State::Ended { .. }, Event::Redeem { .. } | Event::End(_)) => {
            Err(Refused::NotApproved)
        }
        (State::Expired, Event::Claim(_) | Event::Decide { .. }) => Err(Refused::Expired),
        (State::Cancelled, Event::Claim(_) | Event::Decide { .. }) => Err(Refused::Cancelled),
        (State::Approved { .. } | State::Refused { .. } | State::Cancelled | State::Expired | State::Ended { .. }, _) => {
            Err(Refused::AlreadyDecided)
        }
    }
}

fn decide(login: &Login, by: &Claim, verdict: Verdict, reason: Option<RefuseReason>, now: Time) -> Result<State, Refused> {
    match (verdict, reason) {
        (Verdict::Approve, None) => {
            login.expects(&by.user_id)?;
            // Lifetimes are the realm's; the flow that stores the outcome sets them.
            Ok(State::Approved { claim: by.clone(), redeem_by: now, ends_at: now, redeemed: false })
        }
        (Verdict::Refuse, Some(reason)) => Ok(State::Refused { reason: reason.as_str().to_owned() }),
        (Verdict::Approve, Some(_)) | (Verdict::Refuse, None) => Err(Refused::BadDecision),
    }
}

fn redeem(claim: &Claim, redeem_by: Time, redeemed: bool, token: Option<[u8; 16]>, expected: &[u8; 16], now: Time) -> Result<(), Refused> {
    if redeemed {
        return Err(Refused::AlreadyRedeemed);
    }
    if claim.by_link && !token.is_some_and(|t| same(&t, expected)) {
        return Err(Refused::WrongReturnToken);
    }
    if now >= redeem_by { Err(Refused::TooLate) } else { Ok(()) }
}

/// The terminal fact, as it is stored: one row a login, for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub login: Login,
    /// Approved, refused, cancelled or expired.
    pub state: LoginState,
    pub reason: Option<String>,
    pub claim: Option<Claim>,
    /// The signed decision, when a phone decided.
    pub decision: Option<String>,
    pub req_id: Option<ReqId>,
    pub decided_at: Time,
    pub redeem_by: Time,
    pub ends_at: Time,
}

/// An outcome with what happened to it since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub outcome: Outcome,
    pub redeemed: bool,
    pub ended: Option<EndedBy>,
}

impl Record {
    /// The state machine's view.
    #[must_use]
    pub fn state(&self) -> State {
        match (self.ended, self.outcome.state, &self.outcome.claim) {
            (Some(by), ..) => State::Ended { by, redeemed: self.redeemed },
            (None, LoginState::Approved, Some(claim)) => State::Approved {
                claim: claim.clone(),
                redeem_by: self.outcome.redeem_by,
                ends_at: self.outcome.ends_at,
                redeemed: self.redeemed,
            },
            (None, LoginState::Refused, _) => State::Refused { reason: self.outcome.reason.clone().unwrap_or_default() },
            (None, LoginState::Cancelled, _) => State::Cancelled,
            _ => State::Expired,
        }
    }
}

/// Ids as their texts in the KV, so that a person can read it.
mod as_text {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }
    pub(super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
