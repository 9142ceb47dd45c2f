//! The commands of an authenticated account, and their answers.

use countersign_protocol::{
    codes::{DeviceAction, LoginState, Refusal, RefuseReason},
    decision::Verdict,
    frames::{Device, EnrolmentEntry, LinkToken},
    ids::{AccountId, LoginId, ReqId},
    link::Link,
};

use crate::{FactorProof, Prompt};

/// What gives the right to claim a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capability {
    /// From a rotating QR code.
    Qr { t: u32, mac: [u8; 16] },
    /// From a link on the same device.
    Link(LinkToken),
    /// None is needed: the login was directed at this account or its user.
    Directed,
}

/// A new phone of this user that waits for another phone to vouch for it.
pub type NewPhone = EnrolmentEntry;

/// A command. To repeat it after a lost connection, send the same value again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Claims a login, in order to decide it.
    Claim { req_id: ReqId, login: LoginId, capability: Capability },
    /// The user's decision on what was shown.
    Decide {
        req_id: ReqId,
        prompt: Box<Prompt>,
        verdict: Verdict,
        reason: Option<RefuseReason>,
        number: Option<String>,
        /// The proof of the second factor, if the login asks for one ([`Prompt::factor`]).
        factor: Option<Box<FactorProof>>,
    },
    /// Starts a login at this client from inside the app.
    StartLogin { req_id: ReqId, client: String },
    /// Ends every login of the user.
    LogoutAll { req_id: ReqId },
    /// Asks for the user's phones.
    Devices { req_id: ReqId },
    /// Applies an action to a phone of the user.
    Manage { req_id: ReqId, account: AccountId, action: DeviceAction, name: Option<String> },
    /// Asks for the new phones that wait for another phone to vouch for them.
    Enrolments { req_id: ReqId },
    /// Decides on a new phone: approves it with the number that it shows, refuses it without one.
    Vouch { req_id: ReqId, new: NewPhone, number: Option<String> },
    /// Ends a login.
    Logout { req_id: ReqId, login: LoginId },
    /// Asks for the logins that are open or running.
    List { req_id: ReqId },
    /// Keeps the connection alive.
    Ping { nonce: u64 },
}

impl Command {
    /// Claims the login of a QR code that the app's own scanner has read. `None` when it is no
    /// login QR code.
    ///
    /// Never pass text that came any other way. Otherwise a link to an attacker's code of this
    /// second would let one tap on the victim's phone do what only standing in front of a screen
    /// should do, and no return token would protect the victim.
    #[must_use]
    pub fn scanned(link: &Link) -> Option<Self> {
        let Link::Qr(qr) = link else { return None };
        Some(Self::Claim {
            req_id: fresh(),
            login: qr.login,
            capability: Capability::Qr { t: qr.t, mac: qr.mac },
        })
    }

    /// Claims the login of a link that the app was opened with. `None` when it is no login link.
    #[must_use]
    pub fn opened(link: &Link) -> Option<Self> {
        let Link::Login(link) = link else { return None };
        Some(Self::Claim {
            req_id: fresh(),
            login: link.login,
            capability: Capability::Link(link.token.clone()),
        })
    }

    /// Claims a login that waits for this account.
    #[must_use]
    pub fn directed(login: LoginId) -> Self {
        Self::Claim { req_id: fresh(), login, capability: Capability::Directed }
    }

    /// Approves a login that asks for no number.
    #[must_use]
    pub fn approve(prompt: &Prompt) -> Self {
        Self::approve_with(prompt, None)
    }

    /// Approves a login with the number that the user typed from the browser ([`Prompt::number`]).
    /// There is only one attempt.
    #[must_use]
    pub fn approve_with(prompt: &Prompt, number: Option<&str>) -> Self {
        let number = number.map(str::to_owned);
        Self::Decide {
            req_id: fresh(),
            prompt: Box::new(prompt.clone()),
            verdict: Verdict::Approve,
            reason: None,
            number,
            factor: None,
        }
    }

    /// Adds the proof of the second factor to an approval.
    #[must_use]
    pub fn with_factor(mut self, proof: FactorProof) -> Self {
        if let Self::Decide { factor, verdict: Verdict::Approve, .. } = &mut self {
            *factor = Some(Box::new(proof));
        }
        self
    }

    /// Refuses a login.
    #[must_use]
    pub fn refuse(prompt: &Prompt, reason: RefuseReason) -> Self {
        Self::Decide {
            req_id: fresh(),
            prompt: Box::new(prompt.clone()),
            verdict: Verdict::Refuse,
            reason: Some(reason),
            number: None,
            factor: None,
        }
    }

    /// Ends a login.
    #[must_use]
    pub fn logout(login: LoginId) -> Self {
        Self::Logout { req_id: fresh(), login }
    }

    /// Starts a login at a client, by the client's name.
    #[must_use]
    pub fn start_login(client: &str) -> Self {
        Self::StartLogin { req_id: fresh(), client: client.to_owned() }
    }

    /// Ends every login of the user.
    #[must_use]
    pub fn logout_all() -> Self {
        Self::LogoutAll { req_id: fresh() }
    }

    /// Asks for the user's phones.
    #[must_use]
    pub fn devices() -> Self {
        Self::Devices { req_id: fresh() }
    }

    /// Applies an action to a phone of the user; `name` is for renaming only.
    #[must_use]
    pub fn manage(account: AccountId, action: DeviceAction, name: Option<&str>) -> Self {
        Self::Manage { req_id: fresh(), account, action, name: name.map(str::to_owned) }
    }

    /// Asks for the new phones that wait for another phone to vouch for them.
    #[must_use]
    pub fn enrolments() -> Self {
        Self::Enrolments { req_id: fresh() }
    }

    /// Approves a new phone with the number that it shows, or refuses it without one.
    #[must_use]
    pub fn vouch(new: &NewPhone, number: Option<&str>) -> Self {
        Self::Vouch { req_id: fresh(), new: new.clone(), number: number.map(str::to_owned) }
    }

    /// Asks for the logins that are open or running.
    #[must_use]
    pub fn list() -> Self {
        Self::List { req_id: fresh() }
    }
}

fn fresh() -> ReqId {
    ReqId(countersign_channel::random())
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The login to show to the user, who then decides.
    Prompt(Box<Prompt>),
    /// The decision is stored.
    Decided { login: LoginId, state: LoginState },
    /// The command succeeded and has no result of its own.
    Done,
    /// Login, state, name of the client, and creation time in seconds since 1970.
    Logins(Vec<(LoginId, LoginState, String, u64)>),
    /// The user's phones.
    Devices(Vec<Device>),
    /// The new phones that wait for another phone to vouch for them.
    NewPhones(Vec<NewPhone>),
    /// Server time in seconds since 1970.
    Pong { time: u64 },
    /// The server refused the command.
    Refused { code: Refusal, retry_after: Option<u64> },
}
