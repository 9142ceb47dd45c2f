//! Enrolment: how an account comes to be.

use serde::{Deserialize, Serialize};

use countersign_protocol::ids::{AccountId, ClientId, EnrolmentId, Jkt, RealmId, ReqId};

use crate::{Refused, factor::EnrolmentFactor, realm::RealmSettings};
use countersign_ports::{
    sabotage::{Sabotage, active},
    secret::same,
    time::Time,
};

/// How many numbers may be tried. The last wrong one refuses the enrolment.
pub const NUMBER_TRIES: u32 = 3;

/// How an enrolment is confirmed once the phone has proven its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// The number that the phone shows is typed where the enrolment was created.
    Number,
    /// A realm administrator approves it.
    Admin,
    /// Another phone of the user approves it, with the number that the new one shows.
    Phone,
    /// It is confirmed at once, without any approval.
    None,
}

impl Confirm {
    pub const ALL: [Self; 4] = [Self::Number, Self::Admin, Self::Phone, Self::None];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Admin => "admin",
            Self::Phone => "phone",
            Self::None => "none",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.as_str() == text)
    }

    /// Whether the new phone shows a number that has to be entered elsewhere.
    #[must_use]
    pub fn shows_number(self) -> bool {
        matches!(self, Self::Number | Self::Phone)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EnrolmentState {
    Pending,
    Redeemed,
    Confirmed,
    Refused,
    Cancelled,
    Expired,
}

impl EnrolmentState {
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Redeemed, Self::Confirmed, Self::Refused, Self::Cancelled, Self::Expired];

    /// Rank of the state; it never decreases.
    #[must_use]
    pub fn version(self) -> u64 {
        match self {
            Self::Pending => 1,
            Self::Redeemed => 2,
            Self::Confirmed | Self::Refused | Self::Cancelled | Self::Expired => 3,
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Redeemed => "redeemed",
            Self::Confirmed => "confirmed",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// The phone that redeemed an enrolment, and the account it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redeemed {
    pub account: AccountId,
    pub jkt: Jkt,
    pub req_id: ReqId,
    pub device: String,
    /// The number that the phone shows, if confirming takes one.
    pub number: Option<String>,
}

/// An enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    pub id: EnrolmentId,
    pub realm: RealmId,
    pub client: ClientId,
    pub user_id: String,
    pub code_hash: [u8; 32],
    pub confirm: Confirm,
    pub created_at: Time,
    pub expires_at: Time,
    pub state: EnrolmentState,
    pub tries_left: u32,
    pub redeemed: Option<Redeemed>,
    /// What another phone of the user signed to let this one in or to turn it away.
    pub approval: Option<String>,
    /// Who asked for it, as the trail spells actors.
    pub created_by: Option<String>,
    /// The account that gets a second factor by it, in the place of one that it has: its phone
    /// redeems the enrolment with the key of the account. `None` makes a new account.
    pub factor_of: Option<AccountId>,
}

impl Enrolment {
    /// Whether the phone may or must bring a second factor.
    #[must_use]
    pub fn factor_wish(&self, settings: &RealmSettings) -> EnrolmentFactor {
        if self.factor_of.is_some() { EnrolmentFactor::Required } else { settings.enrolment_factor }
    }
}

/// What can happen to an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A phone proved a new key with the code.
    Redeem(Jkt, ReqId),
    /// A number was typed where the enrolment was created.
    TypeNumber(String),
    /// An administrator approves it.
    Admit,
    /// Another phone of the user approves it, with the number that the new one shows; its signature
    /// has been verified.
    Vouch(String),
    /// Another phone of the user turns it away.
    Turn,
    /// The creator withdraws it.
    Cancel,
    /// It has expired. Whichever flow reads it first may record that.
    Expire,
}

impl Event {
    /// The way of confirming this event belongs to.
    fn confirms(&self) -> Option<Confirm> {
        match self {
            Self::TypeNumber(_) => Some(Confirm::Number),
            Self::Admit => Some(Confirm::Admin),
            Self::Vouch(_) | Self::Turn => Some(Confirm::Phone),
            Self::Redeem(..) | Self::Cancel | Self::Expire => None,
        }
    }
}

/// Result of [`step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The enrolment moves to this state, with this many tries left.
    To(EnrolmentState, u32),
    /// The same phone repeats its request and gets the same answer.
    SameAgain,
}

/// The state machine of an enrolment.
///
/// ```text
/// pending ──Redeem──▶ redeemed ──TypeNumber ✓, Admit, Vouch ✓──▶ confirmed
///    │  └─Redeem, nothing to confirm──────────────▲
///    │                   ├──number ✗ ×3, Turn──▶ refused
///    └──────Cancel───────┴──────────────────▶ cancelled
///    └──────Expire (after expires_at)───────▶ expired
/// ```
///
/// # Errors
/// The reason why the event does not fit. A wrong number is not an error here: it leads to the same
/// state with one try less, or to refused.
pub fn step(e: &Enrolment, event: &Event, now: Time) -> Result<Step, Refused> {
    use EnrolmentState as S;
    let over = now >= e.expires_at;
    match (e.state, event) {
        (S::Pending | S::Redeemed, Event::Expire) if over => Ok(Step::To(S::Expired, e.tries_left)),
        (_, Event::Expire) => Err(Refused::NotAllowed),

        (S::Pending | S::Redeemed | S::Confirmed, Event::Redeem(jkt, req)) if same_phone(e, jkt, *req) => {
            Ok(Step::SameAgain)
        }
        (S::Pending, Event::Redeem(..)) if over => Err(Refused::BadEnrolment),
        (S::Pending, Event::Redeem(..)) => {
            Ok(Step::To(if e.confirm == Confirm::None { S::Confirmed } else { S::Redeemed }, e.tries_left))
        }
        (S::Redeemed | S::Confirmed, Event::Redeem(..)) if active(Sabotage::ReuseCode) => {
            Ok(Step::To(e.state, e.tries_left))
        }
        (_, Event::Redeem(..)) => Err(Refused::BadEnrolment),

        (S::Redeemed, event) if over && event.confirms().is_some() => Err(Refused::Expired),
        (S::Pending, event) if event.confirms().is_some() => Err(Refused::NotRedeemed),
        (S::Redeemed, event) if event.confirms().is_some_and(|how| how != e.confirm) => {
            Err(Refused::NotAllowed)
        }
        // What cannot be the number is a slip of the fingers or of a program, and costs no try.
        (S::Redeemed, Event::TypeNumber(typed) | Event::Vouch(typed)) if !is_number(typed) => {
            Err(Refused::NotAllowed)
        }
        (S::Redeemed, Event::TypeNumber(typed) | Event::Vouch(typed)) => Ok(typed_number(e, typed)),
        (S::Redeemed, Event::Admit) => Ok(Step::To(S::Confirmed, e.tries_left)),
        (S::Redeemed, Event::Turn) => Ok(Step::To(S::Refused, 0)),

        (S::Pending | S::Redeemed, Event::Cancel) => Ok(Step::To(S::Cancelled, e.tries_left)),

        (S::Pending | S::Confirmed | S::Refused | S::Cancelled | S::Expired, _) => {
            Err(Refused::AlreadyDecided)
        }
    }
}

fn same_phone(e: &Enrolment, jkt: &Jkt, req: ReqId) -> bool {
    e.redeemed.as_ref().is_some_and(|r| r.jkt == *jkt && r.req_id == req)
}

/// Whether a text has the form of the number that a new phone shows, blanks around it aside.
#[must_use]
pub fn is_number(typed: &str) -> bool {
    let typed = typed.trim();
    typed.len() == 4 && typed.bytes().all(|b| b.is_ascii_digit())
}

fn typed_number(e: &Enrolment, typed: &str) -> Step {
    let right = e
        .redeemed
        .as_ref()
        .and_then(|r| r.number.as_deref())
        .is_some_and(|n| same(n.as_bytes(), typed.trim().as_bytes()));
    match (right, e.tries_left) {
        (true, _) => Step::To(EnrolmentState::Confirmed, e.tries_left),
        (false, 0 | 1) => Step::To(EnrolmentState::Refused, 0),
        (false, n) => Step::To(EnrolmentState::Redeemed, n - 1),
    }
}

#[cfg(test)]
mod tests;
