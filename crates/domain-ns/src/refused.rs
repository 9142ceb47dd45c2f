//! How a rule refuses a request.

use countersign_ports::{
    Fault,
    refusal::{self, Kind, Refuse},
};
use countersign_protocol::{codes::Refusal, ids::EnrolmentId};

use crate::limits::{Limited, LimitedBy};

/// A refusal by a rule. One list serves both sides: phones get [`Refused::refusal`], REST gets
/// `as_str`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    NotAllowed,
    NotFound,
    StaleQr,
    BadCapability,
    AlreadyClaimed,
    AlreadyDecided,
    Expired,
    Cancelled,
    WrongUser,
    AccountPending,
    AccountBlocked,
    AccountDeleted,
    BadDecision,
    BadEnrolment,
    /// The login needs a second factor, and the account has none or the phone showed none.
    FactorNeeded,
    /// The attestation is not one for this account and purpose from an SFS that the realm trusts, or
    /// was used before.
    BadAttestation,
    /// Something that it takes does not work now, such as the verification of signatures when
    /// memory is short.
    Unable,
    NotApproved,
    AlreadyRedeemed,
    WrongReturnToken,
    TooLate,
    WrongNumber,
    NotRedeemed,
    AlreadyExists,
    /// The idempotency key was used for another request.
    RequestChanged,
    /// The same keyed request made the object with this id before; its secret is not given out
    /// again.
    SecretAlreadyIssued([u8; 16]),
    /// The realm does not allow this way of confirming.
    ConfirmNotAllowed,
    /// The realm does not list this app.
    AppNotListed,
    /// The realm requires a newer version of this app.
    UpdateRequired,
    /// It is still in use.
    InUse,
    /// The key has a successor that has taken its place.
    Superseded,
    /// The user has or had a phone, and cannot get the next one in this way.
    FurtherPhone,
    /// The actor, or a key of the same lineage, took a phone away from the user or recently let one
    /// in, and may not do the other as well.
    SameHands,
    /// An actor with more authority did what this would undo.
    MoreAuthority,
    /// The client does not accept enrolments of the client that invited this phone.
    EnrolmentNotAccepted,
    /// The caller lacks a permission that this would give away, or that it needs besides what the
    /// endpoint requires.
    Lacking,
    /// The user is under a legal hold.
    LegalHold,
}

impl Refused {
    /// The code that the phone gets.
    #[must_use]
    pub fn refusal(self) -> Refusal {
        match self {
            Self::NotFound | Self::NotApproved => Refusal::UnknownLogin,
            Self::StaleQr => Refusal::StaleQr,
            Self::BadCapability => Refusal::BadCapability,
            Self::AlreadyClaimed => Refusal::AlreadyClaimed,
            Self::AlreadyDecided | Self::AlreadyRedeemed => Refusal::AlreadyDecided,
            Self::Expired | Self::TooLate => Refusal::Expired,
            Self::Cancelled => Refusal::Cancelled,
            Self::WrongUser => Refusal::WrongUser,
            Self::AccountPending => Refusal::AccountPending,
            Self::AccountBlocked => Refusal::AccountBlocked,
            Self::AccountDeleted => Refusal::AccountDeleted,
            Self::BadDecision => Refusal::BadDecision,
            Self::BadEnrolment => Refusal::BadEnrolment,
            Self::FactorNeeded => Refusal::FactorNeeded,
            Self::BadAttestation => Refusal::BadAttestation,
            Self::Unable => Refusal::Unavailable,
            Self::WrongNumber => Refusal::WrongNumber,
            Self::NotAllowed
            | Self::WrongReturnToken
            | Self::NotRedeemed
            | Self::AlreadyExists
            | Self::RequestChanged
            | Self::SecretAlreadyIssued(_)
            | Self::ConfirmNotAllowed
            | Self::AppNotListed
            | Self::UpdateRequired
            | Self::InUse
            | Self::Superseded
            | Self::FurtherPhone
            | Self::SameHands
            | Self::MoreAuthority
            | Self::EnrolmentNotAccepted
            | Self::Lacking
            | Self::LegalHold => Refusal::NotAllowed,
        }
    }

    /// The stable code in problem bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::NotFound => "not_found",
            Self::StaleQr => "stale_qr",
            Self::BadCapability => "bad_capability",
            Self::AlreadyClaimed => "already_claimed",
            Self::AlreadyDecided | Self::Expired | Self::Cancelled => "already_decided",
            Self::WrongUser => "wrong_user",
            Self::AccountPending | Self::AccountBlocked | Self::AccountDeleted => "account_not_active",
            Self::BadDecision => "bad_decision",
            Self::BadEnrolment => "bad_enrolment",
            Self::FactorNeeded => "second_factor_needed",
            Self::BadAttestation => "bad_attestation",
            Self::Unable => "unavailable",
            Self::NotApproved => "not_approved",
            Self::AlreadyRedeemed => "already_redeemed",
            Self::WrongReturnToken => "wrong_return_token",
            Self::TooLate => "too_late",
            Self::WrongNumber => "wrong_number",
            Self::NotRedeemed => "not_redeemed",
            Self::AlreadyExists => "already_exists",
            Self::RequestChanged => "idempotency_key_reused",
            Self::SecretAlreadyIssued(_) => "secret_already_issued",
            Self::ConfirmNotAllowed => "confirm_not_allowed",
            Self::AppNotListed => "app_not_listed",
            Self::UpdateRequired => "update_required",
            Self::InUse => "in_use",
            Self::Superseded => "superseded",
            Self::FurtherPhone => "further_phone",
            Self::SameHands => "same_hands",
            Self::MoreAuthority => "more_authority",
            Self::EnrolmentNotAccepted => "enrolment_not_accepted",
            Self::Lacking => "forbidden",
            Self::LegalHold => "legal_hold",
        }
    }
}

impl Refuse for Refused {
    fn refusal(self) -> refusal::Refusal {
        let kind = match self {
            Self::NotFound => Kind::NotFound,
            Self::TooLate => Kind::Gone,
            Self::Unable => Kind::Unavailable,
            Self::RequestChanged | Self::ConfirmNotAllowed | Self::AppNotListed => Kind::Unprocessable,
            Self::Lacking
            | Self::SameHands
            | Self::MoreAuthority
            | Self::EnrolmentNotAccepted
            | Self::WrongReturnToken
            | Self::WrongNumber
            | Self::AccountPending
            | Self::AccountBlocked
            | Self::AccountDeleted => Kind::Forbidden,
            Self::NotAllowed
            | Self::StaleQr
            | Self::BadCapability
            | Self::AlreadyClaimed
            | Self::AlreadyDecided
            | Self::Expired
            | Self::Cancelled
            | Self::WrongUser
            | Self::BadDecision
            | Self::BadEnrolment
            | Self::FactorNeeded
            | Self::BadAttestation
            | Self::NotApproved
            | Self::AlreadyRedeemed
            | Self::NotRedeemed
            | Self::AlreadyExists
            | Self::SecretAlreadyIssued(_)
            | Self::UpdateRequired
            | Self::InUse
            | Self::Superseded
            | Self::FurtherPhone
            | Self::LegalHold => Kind::Conflict,
        };
        // All ids have one text form.
        let object = match self {
            Self::SecretAlreadyIssued(id) => Some(EnrolmentId(id).to_string()),
            _ => None,
        };
        refusal::Refusal { object, ..refusal::Refusal::new(kind, self.as_str()) }
    }
}

impl Refuse for Limited {
    fn refusal(self) -> refusal::Refusal {
        let code = if self.by == LimitedBy::Quarantine { "quarantined" } else { "rate_limited" };
        let detail = match self.by {
            LimitedBy::Quarantine => {
                "phones said of this browser or address that it was not their users; try later, or ask an \
                    administrator to release it"
            }
            LimitedBy::Initiator => "this browser has started too many logins",
            LimitedBy::Account => "this account has tried too often",
            LimitedBy::Client => "this client has started too many logins",
            LimitedBy::Address => "too many logins from this address",
        };
        refusal::Refusal {
            detail: Some(detail.into()),
            limit: Some(self.by.as_str()),
            retry_after: Some(self.retry_after),
            ..refusal::Refusal::new(Kind::TooMany, code)
        }
    }
}

/// Why a flow stops without a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A rule refused it.
    Refused(Refused),
    /// A limit was reached.
    Limited(Limited),
    /// A port failed.
    Fault(Fault),
}

impl From<Limited> for Stop {
    fn from(limited: Limited) -> Self {
        Self::Limited(limited)
    }
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Refuse for Stop {
    fn refusal(self) -> refusal::Refusal {
        match self {
            Self::Refused(refused) => Refuse::refusal(refused),
            Self::Limited(limited) => limited.refusal(),
            Self::Fault(fault) => fault.refusal(),
        }
    }
}
