//! Errors of the virtual phone, and the exit codes that report them.

use countersign_sdk::{AppError, Close, Ended, KeyError, LinkError, Refusal, WalletError, WeakPin};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("{}", refusal_text(*.0))]
    Refused(Refusal),
    #[error("{}", close_text(*.0))]
    Closed(Close),
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    #[error("this is not the server this phone was enrolled with")]
    NotTheServer,
    #[error("{0}")]
    Keys(#[from] KeyError),
    #[error("{0}")]
    Wallet(#[from] WalletError),
    #[error("{0}")]
    App(#[from] AppError),
    #[error(
        "not approved: the number was not the one in the browser, and there is one try; the login is {0}"
    )]
    NotApproved(String),
    #[error("{}", wrong_pin_text(*.0))]
    WrongPin(u64),
    #[error("too soon or too often; wait {0} seconds")]
    Wait(u64),
    #[error("{0}")]
    Pin(#[from] WeakPin),
    #[error("{0}: {1}")]
    File(String, std::io::Error),
}

impl PhoneError {
    /// The process exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Closed(_) | Self::NotApproved(_) | Self::WrongPin(_) | Self::Wait(_) => {
                3
            }
            Self::Unreachable(_) => 4,
            Self::NotTheServer => 5,
            Self::App(_)
            | Self::Usage(_)
            | Self::Pin(_)
            | Self::Link(_)
            | Self::Keys(_)
            | Self::Wallet(_)
            | Self::File(..) => 2,
        }
    }

    /// A stable error code for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(r) => r.as_str(),
            Self::Closed(c) => c.as_str(),
            Self::NotApproved(_) => "wrong_number",
            Self::Unreachable(_) => "unreachable",
            Self::NotTheServer => "not_the_server",
            Self::Link(_) => "bad_link",
            Self::App(_) => "app",
            Self::Usage(_) | Self::Pin(_) => "usage",
            Self::WrongPin(_) => Refusal::WrongPin.as_str(),
            Self::Wait(_) => Refusal::RateLimited.as_str(),
            Self::Keys(_) | Self::Wallet(_) | Self::File(..) => "state",
        }
    }
}

impl From<Ended> for PhoneError {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Server(close) => Self::Closed(close),
            Ended::Hint(code) if code == Close::Busy.code() || code == Close::Draining.code() => {
                Self::Unreachable("it is busy; try again in a moment".to_owned())
            }
            // The peer did not read the HELLO, which only the pinned server can read.
            Ended::Hint(_) | Ended::NotTheServer | Ended::Protocol | Ended::KeyRetired => Self::NotTheServer,
            Ended::Rekey => Self::Unreachable("the connection has been used up; connect again".to_owned()),
        }
    }
}

fn refusal_text(r: Refusal) -> &'static str {
    match r {
        Refusal::NotAllowed => "the server does not allow this now",
        Refusal::UnknownLogin => "there is no such login for this account",
        Refusal::StaleQr => "the QR code is too old; scan the current one",
        Refusal::BadCapability => "this code or link is not genuine",
        Refusal::AlreadyClaimed => "another phone has this login already",
        Refusal::AlreadyDecided => "this login has been decided already",
        Refusal::Expired => "this login has expired",
        Refusal::Cancelled => "this login was cancelled",
        Refusal::WrongUser => "the site expects another user",
        Refusal::AccountPending => "this account still waits for its confirmation",
        Refusal::AccountBlocked => "this account is blocked",
        Refusal::AccountDeleted => "this account no longer exists",
        Refusal::BadDecision => "the server does not accept this decision",
        Refusal::BadEnrolment => "this enrolment link is used up, expired or unknown; ask for a new one",
        Refusal::RateLimited => "too many attempts; wait a little",
        Refusal::WrongNumber => "this is not the number that is shown",
        Refusal::Unavailable => "the server cannot store this now; try again",
        Refusal::WrongPin => "the PIN is wrong",
        Refusal::PinLocked => "the PIN is locked for ever: no try is left; begin anew with `pin new`",
        Refusal::NoPin => "this phone has no PIN yet; set one with `pin set`",
        Refusal::PinNotProven => "the PIN has to be entered first",
        Refusal::UnknownFactor => "the second factor of this account is not known; enrol it anew",
        Refusal::FactorNeeded => "this needs a second factor, and this account has none",
        Refusal::BadAttestation => "the server does not accept the attestation of the second factor",
    }
}

fn wrong_pin_text(tries_left: u64) -> String {
    match tries_left {
        0 => "the PIN is wrong, and no try is left: it is locked".to_owned(),
        1 => "the PIN is wrong; one try is left".to_owned(),
        n => format!("the PIN is wrong; {n} tries are left"),
    }
}

fn close_text(c: Close) -> &'static str {
    match c {
        Close::AuthFailed => {
            "the server does not know this account, or the enrolment link is used up, expired or unknown"
        }
        Close::Displaced => "another connection of this account took over",
        Close::Blocked => "this account is blocked",
        Close::Deleted => "this account no longer exists",
        Close::Draining => "the server is restarting; try again in a moment",
        Close::Update => "this app is too old for the realm, or not one of its apps",
        Close::Busy => "the server has too much to do; try again in a moment",
        Close::Timeout => "the server waited too long for this phone",
        _ => "the server ended the connection",
    }
}
