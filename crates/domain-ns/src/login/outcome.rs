//! The terminal fact of a login, and what happened since.

use countersign_protocol::{codes::LoginState, ids::ReqId};

use super::{Claim, EndedBy, Login, LoginProgress};
use countersign_ports::time::Time;

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
    /// When, if it was.
    pub redeemed: Option<Time>,
    /// By whom and when.
    pub ended: Option<(EndedBy, Time)>,
}

impl Record {
    /// The state machine's view.
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
