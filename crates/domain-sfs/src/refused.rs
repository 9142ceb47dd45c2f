//! Why SFS refuses.

use countersign_pin::PinError;
use countersign_ports::Fault;
use countersign_protocol::codes::Refusal;

/// A refusal of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The command does not fit the state of the device, or its message is not one of OPAQUE.
    NotAllowed,
    /// The proof was wrong, or came too late.
    WrongPin,
    /// No try is left.
    Locked,
    /// The device has no PIN.
    NoPin,
    /// The PIN has to be proven on this connection first, or again.
    NotProven,
    /// The device has no such factor.
    UnknownFactor,
    /// Too soon or too often; the seconds to wait.
    Wait(u64),
}

impl Refused {
    /// The code for the phone, and the seconds it should wait.
    #[must_use]
    pub fn code(self) -> (Refusal, Option<u64>) {
        let code = match self {
            Self::NotAllowed => Refusal::NotAllowed,
            Self::WrongPin => Refusal::WrongPin,
            Self::Locked => Refusal::PinLocked,
            Self::NoPin => Refusal::NoPin,
            Self::NotProven => Refusal::PinNotProven,
            Self::UnknownFactor => Refusal::UnknownFactor,
            Self::Wait(secs) => return (Refusal::RateLimited, Some(secs)),
        };
        (code, None)
    }
}

/// Why a flow stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    Refused(Refused),
    Fault(Fault),
}

impl From<Refused> for Stop {
    fn from(why: Refused) -> Self {
        Self::Refused(why)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<PinError> for Stop {
    fn from(error: PinError) -> Self {
        match error {
            PinError::Malformed => Refused::NotAllowed.into(),
            PinError::Wrong => Refused::WrongPin.into(),
            PinError::Unable => Fault::Unreachable(error.to_string()).into(),
        }
    }
}
