//! What an authenticated account may ask, and what comes back.

use countersign_protocol::{
    codes::{LoginState, Refusal, RefuseReason},
    decision::Verdict,
    frames::LinkToken,
    ids::{LoginId, ReqId},
    link::Link,
};

use crate::Prompt;

/// What entitles to claim a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capability {
    /// From a rotating QR code.
    Qr { t: u32, mac: [u8; 16] },
    /// From a link on the same device.
    Link(LinkToken),
}

/// A command. To repeat it after a lost connection, send the same value again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// "I want to decide this login."
    Claim { req_id: ReqId, login: LoginId, capability: Capability },
    /// The user's decision on what was shown.
    Decide { req_id: ReqId, prompt: Box<Prompt>, verdict: Verdict, reason: Option<RefuseReason> },
    /// "End this login."
    Logout { req_id: ReqId, login: LoginId },
    /// "What is open or running?"
    List { req_id: ReqId },
    /// "Still here."
    Ping { nonce: u64 },
}

impl Command {
    /// Claims the login of a code that the app's own scanner has read. `None` when it is no login code.
    ///
    /// Text that came any other way must not get here. A link that shows a victim's phone somebody else's code, fresh from this second, would otherwise do what
    /// only standing in front of a screen should do, and no return token would protect him.
    #[must_use]
    pub fn scanned(link: &Link) -> Option<Self> {
        let Link::Qr(qr) = link else { return None };
        Some(Self::Claim { req_id: fresh(), login: qr.login, capability: Capability::Qr { t: qr.t, mac: qr.mac } })
    }

    /// Claims the login of a link that the app was opened with. `None` when it is no login link.
    #[must_use]
    pub fn opened(link: &Link) -> Option<Self> {
        let Link::Login(link) = link else { return None };
        Some(Self::Claim { req_id: fresh(), login: link.login, capability: Capability::Link(link.token.clone()) })
    }

    /// The user said yes.
    #[must_use]
    pub fn approve(prompt: &Prompt) -> Self {
        Self::Decide { req_id: fresh(), prompt: Box::new(prompt.clone()), verdict: Verdict::Approve, reason: None }
    }

    /// The user said no.
    #[must_use]
    pub fn refuse(prompt: &Prompt, reason: RefuseReason) -> Self {
        Self::Decide { req_id: fresh(), prompt: Box::new(prompt.clone()), verdict: Verdict::Refuse, reason: Some(reason) }
    }

    /// Ends a login.
    #[must_use]
    pub fn logout(login: LoginId) -> Self {
        Self::Logout { req_id: fresh(), login }
    }

    /// Asks what is open or running.
    #[must_use]
    pub fn list() -> Self {
        Self::List { req_id: fresh() }
    }
}

fn fresh() -> ReqId {
    ReqId(countersign_channel::random())
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Show this, and let the user decide.
    Prompt(Box<Prompt>),
    /// The decision is stored.
    Decided { login: LoginId, state: LoginState },
    /// Done.
    Done,
    /// Login, state, client's name, since when.
    Logins(Vec<(LoginId, LoginState, String, u64)>),
    /// Server time, seconds since 1970.
    Pong { time: u64 },
    /// The server said no.
    Refused { code: Refusal, retry_after: Option<u64> },
}
