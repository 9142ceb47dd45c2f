//! Numeric codes of the phone channel, and their spelling outside it.
//!
//! A number never changes its meaning and is never reused. A reader refuses a number it does not
//! know; new numbers are sent only to peers that have announced that they know them.

use crate::cbor::{CborError, Field};
use minicbor::{Decoder, Encoder};

macro_rules! codes {
    ($($(#[$m:meta])* pub enum $name:ident {
        $($(#[$vm:meta])* $variant:ident = $n:literal $text:literal),* $(,)? })*) => {$(
        $(#[$m])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vm])* $variant = $n),* }

        impl $name {
            /// Every variant, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The number on the wire.
            #[must_use]
            pub fn code(self) -> u16 { self as u16 }
            /// The variant with this number.
            #[must_use]
            pub fn from_code(n: u16) -> Option<Self> { Self::ALL.iter().copied().find(|c| c.code() == n) }
            /// The spelling in REST bodies, logs and metrics.
            #[must_use]
            pub fn as_str(self) -> &'static str { match self { $(Self::$variant => $text),* } }
            /// Parses [`Self::as_str`].
            #[must_use]
            pub fn parse(s: &str) -> Option<Self> { Self::ALL.iter().copied().find(|c| c.as_str() == s) }
        }
        impl Field for $name {
            fn put(&self, e: &mut Encoder<Vec<u8>>) { u64::from(self.code()).put(e); }
            fn get(d: &mut Decoder<'_>) -> Result<Self, CborError> {
                let n = u16::try_from(u64::get(d)?).map_err(|_| CborError::WrongType)?;
                Self::from_code(n).ok_or(CborError::WrongType)
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
    )*};
}

codes! {
    /// Why a command of the phone was refused. A refusal leaves the connection open, except that of
    /// an enrolment, which a Goodbye follows.
    pub enum Refusal {
        /// The state of the account or enrolment or the rules of the realm do not allow the
        /// command, or its fields contradict each other.
        NotAllowed = 1 "not_allowed",
        /// There is no such login, or it is not for this account; deliberately the same answer.
        UnknownLogin = 2 "unknown_login",
        /// The QR code is older than 5 seconds, or from the future.
        StaleQr = 3 "stale_qr",
        /// The QR code or link was not made by this realm for this login.
        BadCapability = 4 "bad_capability",
        /// Another account has claimed the login.
        AlreadyClaimed = 5 "already_claimed",
        /// The login already has its outcome.
        AlreadyDecided = 6 "already_decided",
        /// The login has expired.
        Expired = 7 "expired",
        /// The client or the page cancelled the login.
        Cancelled = 8 "cancelled",
        /// The client expects another user.
        WrongUser = 9 "wrong_user",
        /// The enrolment of the account has not been confirmed yet.
        AccountPending = 10 "account_pending",
        /// The account is blocked.
        AccountBlocked = 11 "account_blocked",
        /// The account has been deleted; the phone should forget its key.
        AccountDeleted = 12 "account_deleted",
        /// The JWS is not a decision on this login that this account signed on this channel.
        BadDecision = 13 "bad_decision",
        /// The enrolment code is unknown, expired or used, or the `enrol` frame is not valid;
        /// deliberately the same answer.
        BadEnrolment = 14 "bad_enrolment",
        /// A rate limit was exceeded; `retry_after` is the number of seconds to wait.
        RateLimited = 15 "rate_limited",
        /// The server cannot reach its storage; repeat the command with the same `req_id`.
        Unavailable = 16 "unavailable",
        /// The number is not the one that the new phone shows.
        WrongNumber = 17 "wrong_number",
        /// SFS: the proof that followed an evaluation was wrong, or came too late.
        WrongPin = 18 "wrong_pin",
        /// SFS: no try is left. The record never opens again; a new one needs a new device key.
        PinLocked = 19 "pin_locked",
        /// SFS: this device has no PIN.
        NoPin = 20 "no_pin",
        /// SFS: the PIN has to be proven on this connection first.
        PinNotProven = 21 "pin_not_proven",
        /// SFS: this device has no such factor.
        UnknownFactor = 22 "unknown_factor",
        /// NS: a second factor is required, and the account has none, or the command came without
        /// an attestation.
        FactorNeeded = 23 "second_factor_needed",
        /// NS: the attestation is not one for this account and purpose from an SFS that the realm
        /// trusts.
        BadAttestation = 24 "bad_attestation",
    }

    /// Why a connection ends: the body of CLOSE and of the authentic Goodbye.
    pub enum Close {
        /// The bytes are wrong, in whatever way; deliberately the same code for every cause.
        Protocol = 1 "protocol",
        /// Authentication failed; deliberately the same code for every cause.
        AuthFailed = 2 "auth_failed",
        /// A step took too long, or the phone was silent for too long.
        Timeout = 3 "timeout",
        /// A newer connection of the same account took over.
        Displaced = 4 "displaced",
        /// The account was blocked.
        Blocked = 5 "blocked",
        /// The account was deleted.
        Deleted = 6 "deleted",
        /// The pod is draining; connect again after a moment.
        Draining = 7 "draining",
        /// The peer does not read fast enough.
        TooSlow = 8 "too_slow",
        /// Too many connections or handshakes; try again later.
        Busy = 9 "busy",
        /// The conversation is complete, as after an enrolment.
        Done = 10 "done",
        /// The channel has reached its limit of messages or hours; connect again.
        Rekey = 11 "rekey",
        /// There is a bug in the server.
        Internal = 12 "internal",
        /// The realm requires a newer version of the app, or does not list the app.
        Update = 13 "update_required",
    }

    /// The state of an account.
    pub enum AccountState {
        /// The phone has proven its key; the enrolment has not been confirmed yet.
        Pending = 1 "pending",
        /// The account may log in.
        Active = 2 "active",
        /// An administrator or a phone of the user blocked it.
        Blocked = 3 "blocked",
        /// It has been deleted.
        Deleted = 4 "deleted",
    }

    /// The state of a login, as phones and pages see it.
    pub enum LoginState {
        /// No account has claimed it yet.
        Pending = 1 "pending",
        /// One account has claimed it and has yet to decide.
        Claimed = 2 "claimed",
        /// The account approved it.
        Approved = 3 "approved",
        /// The account refused it.
        Refused = 4 "refused",
        /// The client, the page or an administrator cancelled it.
        Cancelled = 5 "cancelled",
        /// It expired before it had another outcome.
        Expired = 6 "expired",
        /// It was approved and has ended since.
        Ended = 7 "ended",
    }

    /// Why the user refuses a login.
    pub enum RefuseReason {
        /// The user changed their mind.
        Declined = 1 "declined",
        /// The user did not start this login.
        NotMe = 2 "not_me",
        /// The user could not prove the second factor that the login requires: the PIN is locked or
        /// forgotten, or SFS cannot be reached.
        NoSecondFactor = 3 "no_second_factor",
    }

    /// How the owner of a second factor was verified, as RFC 8176 spells methods.
    pub enum FactorKind {
        /// By a PIN.
        Pin = 1 "pin",
    }

    /// Whether a realm wants new phones to bring a second factor.
    pub enum FactorWish {
        /// A phone may bring one.
        Optional = 1 "optional",
        /// No phone is let in without one.
        Required = 2 "required",
    }

    /// What SFS does when no try is left.
    pub enum PinPolicy {
        /// The record is locked.
        Lock = 1 "lock",
        /// The record is deleted, and the phone should forget its accounts.
        Wipe = 2 "wipe",
        /// As [`Self::Lock`], within the limits of PSD2: a longer PIN, proven for each use.
        Psd2 = 3 "psd2",
    }

    /// The state of a device's PIN at SFS.
    pub enum PinState {
        /// None was set.
        None = 1 "none",
        /// It was set and can be tried.
        Set = 2 "set",
        /// No try is left.
        Locked = 3 "locked",
        /// No try was left, and the policy had the record deleted.
        Wiped = 4 "wiped",
    }

    /// What a phone can do to an account of its user.
    pub enum DeviceAction {
        /// Rename it.
        Rename = 1 "rename",
        /// Block it, for example because the phone is lost.
        Block = 2 "block",
        /// Unblock it.
        Unblock = 3 "unblock",
        /// Delete it permanently.
        Delete = 4 "delete",
    }
}

/// The version `v` of a login is the rank of its state, so it never decreases.
impl LoginState {
    /// Version of a login that waits for a phone.
    pub const PENDING: u64 = 1;
    /// Version of a login that a phone has claimed.
    pub const CLAIMED: u64 = 2;
    /// Version of a login that has its outcome.
    pub const OUTCOME: u64 = 3;
    /// Version of a login that was approved and has ended since.
    pub const ENDED: u64 = 4;

    /// The version of this state.
    #[must_use]
    pub fn version(self) -> u64 {
        match self {
            Self::Pending => Self::PENDING,
            Self::Claimed => Self::CLAIMED,
            Self::Approved | Self::Refused | Self::Cancelled | Self::Expired => Self::OUTCOME,
            Self::Ended => Self::ENDED,
        }
    }

    /// Whether the state is final. An approved login is not: it still ends.
    #[must_use]
    pub fn is_last(self) -> bool {
        self.version() >= Self::OUTCOME && self != Self::Approved
    }
}
