//! What an authenticated account may ask, and what comes back.

use countersign_protocol::{
    codes::{DeviceAction, LoginState, Refusal, RefuseReason},
    decision::Verdict,
    frames::{Device, EnrolmentEntry, LinkToken},
    ids::{AccountId, LoginId, ReqId},
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
    /// None is needed: the login was directed at this account or its user.
    Directed,
}

/// A new phone of this user that waits for a word.
pub type NewPhone = EnrolmentEntry;

/// A command. To repeat it after a lost connection, send the same value again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// "I want to decide this login."
    Claim { req_id: ReqId, login: LoginId, capability: Capability },
    /// The user's decision on what was shown.
    Decide {
        req_id: ReqId,
        prompt: Box<Prompt>,
        verdict: Verdict,
        reason: Option<RefuseReason>,
        number: Option<String>,
    },
    /// "Log me in at this client", from inside the app.
    StartLogin { req_id: ReqId, client: String },
    /// "End every login of my user."
    LogoutAll { req_id: ReqId },
    /// "Which phones does my user have?"
    Devices { req_id: ReqId },
    /// "Do this to that phone of my user."
    Manage { req_id: ReqId, account: AccountId, action: DeviceAction, name: Option<String> },
    /// "Which new phones wait for my word?"
    Enrolments { req_id: ReqId },
    /// The word: yes with the number the new phone shows, no without.
    Vouch { req_id: ReqId, new: NewPhone, number: Option<String> },
    /// "End this login."
    Logout { req_id: ReqId, login: LoginId },
    /// "What is open or running?"
    List { req_id: ReqId },
    /// "Still here."
    Ping { nonce: u64 },
}

impl Command {
    /// Claims the login of a code that the app's own scanner has read. `None` when it is no login
    /// code.
    ///
    /// Text that came any other way must not get here. A link that shows a victim's phone somebody
    /// else's code, fresh from this second, would otherwise do what only standing in front of a
    /// screen should do, and no return token would protect them.
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

    /// The user said yes, where no number is asked for.
    #[must_use]
    pub fn approve(prompt: &Prompt) -> Self {
        Self::approve_with(prompt, None)
    }

    /// The user said yes, and typed this number from the browser ([`Prompt::number`]). There is one
    /// try.
    #[must_use]
    pub fn approve_with(prompt: &Prompt, number: Option<&str>) -> Self {
        let number = number.map(str::to_owned);
        Self::Decide {
            req_id: fresh(),
            prompt: Box::new(prompt.clone()),
            verdict: Verdict::Approve,
            reason: None,
            number,
        }
    }

    /// The user said no.
    #[must_use]
    pub fn refuse(prompt: &Prompt, reason: RefuseReason) -> Self {
        Self::Decide {
            req_id: fresh(),
            prompt: Box::new(prompt.clone()),
            verdict: Verdict::Refuse,
            reason: Some(reason),
            number: None,
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

    /// Does something to a phone of the user; `name` for renaming only.
    #[must_use]
    pub fn manage(account: AccountId, action: DeviceAction, name: Option<&str>) -> Self {
        Self::Manage { req_id: fresh(), account, action, name: name.map(str::to_owned) }
    }

    /// Asks which new phones wait for a word.
    #[must_use]
    pub fn enrolments() -> Self {
        Self::Enrolments { req_id: fresh() }
    }

    /// Says yes to a new phone, with the number it shows; or no, without.
    #[must_use]
    pub fn vouch(new: &NewPhone, number: Option<&str>) -> Self {
        Self::Vouch { req_id: fresh(), new: new.clone(), number: number.map(str::to_owned) }
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
    /// The user's phones.
    Devices(Vec<Device>),
    /// New phones that wait for a word.
    NewPhones(Vec<NewPhone>),
    /// Server time, seconds since 1970.
    Pong { time: u64 },
    /// The server said no.
    Refused { code: Refusal, retry_after: Option<u64> },
}
