//! Small numbers with one meaning, and their spelling outside the channel.
//!
//! A number never changes its meaning and is never used again. A reader refuses a number it does
//! not know; new ones are sent only to peers that announced they know them.

use crate::cbor::{CborError, Field};
use minicbor::{Decoder, Encoder};

macro_rules! codes {
    ($($(#[$m:meta])* pub enum $name:ident {
        $($(#[$vm:meta])* $variant:ident = $n:literal $text:literal),* $(,)? })*) => {$(
        $(#[$m])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vm])* $variant = $n),* }

        impl $name {
            /// Every member, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The number on the wire.
            #[must_use]
            pub fn code(self) -> u16 { self as u16 }
            /// The member with this number.
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
    /// Why a command of the phone was refused. The connection stays open unless the text says
    /// otherwise.
    pub enum Refusal {
        /// The command does not belong to this state of the connection, or its fields contradict
        /// each other.
        NotAllowed = 1 "not_allowed",
        /// No such login here, or not for this account; deliberately the same answer.
        UnknownLogin = 2 "unknown_login",
        /// The QR code is older than 5 seconds.
        StaleQr = 3 "stale_qr",
        /// The QR code or link was not made by this realm for this login.
        BadCapability = 4 "bad_capability",
        /// Another account was faster.
        AlreadyClaimed = 5 "already_claimed",
        /// The login has its outcome.
        AlreadyDecided = 6 "already_decided",
        /// The login's time is over.
        Expired = 7 "expired",
        /// The client or the page took the login back.
        Cancelled = 8 "cancelled",
        /// The client expects another user.
        WrongUser = 9 "wrong_user",
        /// The enrolment still waits for its confirmation.
        AccountPending = 10 "account_pending",
        /// The account is blocked.
        AccountBlocked = 11 "account_blocked",
        /// The account is gone; the phone should forget its key.
        AccountDeleted = 12 "account_deleted",
        /// The signed decision does not say what this login asked.
        BadDecision = 13 "bad_decision",
        /// The enrolment code is unknown, expired or used; deliberately the same answer.
        BadEnrolment = 14 "bad_enrolment",
        /// Too many of these; `retry_after` says when to try again.
        RateLimited = 15 "rate_limited",
        /// The server cannot reach its storage; try again with the same `req_id`.
        Unavailable = 16 "unavailable",
        /// The number is not the one that is shown.
        WrongNumber = 17 "wrong_number",
    }

    /// Why a connection ends: the body of CLOSE and of the authentic Goodbye.
    pub enum Close {
        /// Bytes that are not ours, in whatever way; deliberately the same code for all of them.
        Protocol = 1 "protocol",
        /// ClientAuth failed; deliberately the same code for all causes.
        AuthFailed = 2 "auth_failed",
        /// A step took too long.
        Timeout = 3 "timeout",
        /// A newer connection of the same account took over.
        Displaced = 4 "displaced",
        /// The account was blocked.
        Blocked = 5 "blocked",
        /// The account was deleted.
        Deleted = 6 "deleted",
        /// The pod is going away; connect again after a moment.
        Draining = 7 "draining",
        /// The peer does not read fast enough.
        TooSlow = 8 "too_slow",
        /// Too many connections or handshakes; try again later.
        Busy = 9 "busy",
        /// The conversation is complete (after enrolment).
        Done = 10 "done",
        /// The channel has carried its limit of messages or hours; connect again.
        Rekey = 11 "rekey",
        /// A bug on the server's side.
        Internal = 12 "internal",
        /// The realm asks for a newer app, or does not list this one.
        Update = 13 "update_required",
    }

    /// Where an account is in its life.
    pub enum AccountState {
        /// Its key is proven; the enrolment waits for its confirmation.
        Pending = 1 "pending",
        /// It may log in.
        Active = 2 "active",
        /// An administrator stopped it.
        Blocked = 3 "blocked",
        /// It is gone.
        Deleted = 4 "deleted",
    }

    /// Where a login is in its life, as phones and pages see it.
    pub enum LoginState {
        /// Nobody claimed it yet.
        Pending = 1 "pending",
        /// One account looks at it.
        Claimed = 2 "claimed",
        /// The account approved it.
        Approved = 3 "approved",
        /// The account refused it.
        Refused = 4 "refused",
        /// The client, the page or an administrator took it back.
        Cancelled = 5 "cancelled",
        /// Its time ran out.
        Expired = 6 "expired",
        /// It was approved, and has ended since.
        Ended = 7 "ended",
    }

    /// Why a phone refuses.
    pub enum RefuseReason {
        /// "I changed my mind".
        Declined = 1 "declined",
        /// "I did not start this".
        NotMe = 2 "not_me",
    }

    /// What a phone does to an account of its user.
    pub enum DeviceAction {
        /// Give it another name.
        Rename = 1 "rename",
        /// Stop it, a lost one for example.
        Block = 2 "block",
        /// Let it work again.
        Unblock = 3 "unblock",
        /// End it for good.
        Delete = 4 "delete",
    }
}

/// The version `v` of a login is the rank of its state, so that it never runs backwards.
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

    /// Whether no other state follows: an approved login still ends.
    #[must_use]
    pub fn is_last(self) -> bool {
        self.version() >= Self::OUTCOME && self != Self::Approved
    }
}
