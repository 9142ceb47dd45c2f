//! The outcome of a login, and what happened to it since.

use countersign_protocol::{codes::LoginState, ids::ReqId};

use super::{Claim, EndedBy, Login, LoginProgress};
use crate::factor::{Evidence, Spent};
use countersign_ports::time::Time;

/// The final decision on a login, as it is stored: one row per login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub login: Login,
    /// Approved, refused, cancelled or expired.
    pub state: LoginState,
    pub reason: Option<String>,
    pub claim: Option<Claim>,
    /// The signed decision, when a phone decided.
    pub decision: Option<String>,
    /// What the phone showed to prove the second factor, if the login needed one.
    pub evidence: Option<Evidence>,
    /// The attestation in it, which is used up with this outcome.
    pub spent: Option<Spent>,
    pub req_id: Option<ReqId>,
    pub decided_at: Time,
    pub redeem_by: Time,
    pub ends_at: Time,
}

/// An outcome with what happened to it since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub outcome: Outcome,
    /// When it was redeemed, if it was.
    pub redeemed: Option<Time>,
    /// Who ended it and when, if it has ended.
    pub ended: Option<(EndedBy, Time)>,
}

impl Record {
    /// The state in terms of the state machine.
    #[must_use]
    pub fn state(&self) -> LoginProgress {
        match (self.ended, self.outcome.state, &self.outcome.claim) {
            (Some((by, _)), ..) => LoginProgress::Ended { by, redeemed: self.redeemed.is_some() },
            (None, LoginState::Approved, Some(claim)) => LoginProgress::Approved {
                claim: claim.clone(),
                redeem_by: self.outcome.redeem_by,
                ends_at: self.outcome.ends_at,
                redeemed: self.redeemed.is_some(),
            },
            (None, LoginState::Refused, _) => {
                LoginProgress::Refused { reason: self.outcome.reason.clone().unwrap_or_default() }
            }
            (None, LoginState::Cancelled, _) => LoginProgress::Cancelled,
            _ => LoginProgress::Expired,
        }
    }
}
