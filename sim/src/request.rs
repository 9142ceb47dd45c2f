//! Requests to a connected account and their replies, as a running `watch` reads and writes them.

use countersign_sdk::FactorProof;
use serde::{Deserialize, Serialize};

use crate::PhoneError;

/// A request to a connected account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Claim a login by an opened link, by a scanned code, or, if it is directed at the account, by
    /// its id (`directed:ID`).
    Claim {
        link: String,
        scanned: bool,
    },
    /// Start a login at this client.
    Start {
        client: String,
    },
    /// Decide a claimed login: refuse it for a reason, or approve it, with the browser's number if
    /// the login asks for one.
    Decide {
        login: String,
        refuse: Option<String>,
        #[serde(default)]
        number: Option<String>,
        #[serde(default)]
        factor: Option<FactorProof>,
    },
    LogoutAll,
    Devices,
    /// `rename`, `block`, `unblock` or `delete` one of the user's phones.
    Manage {
        account: String,
        action: String,
        name: Option<String>,
    },
    NewPhones,
    /// Vouch for a new phone with the number it shows; without a number, reject it.
    Vouch {
        enrolment: String,
        number: Option<String>,
    },
    Logout {
        login: String,
    },
    List,
}

/// What the user is shown of a claimed login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    pub login: String,
    pub realm: String,
    pub client: String,
    pub text: Option<String>,
    pub browser: Option<String>,
    pub place: Option<String>,
    pub expires_at: u64,
    /// URL that the browser opens after a login claimed by link was approved.
    pub return_url: Option<String>,
    pub return_token: Option<String>,
    /// Number of digits that the user types from the browser, if the login asks for a number.
    pub number: Option<u64>,
    /// URL to which the app hands over a login that it started itself.
    pub callback_url: Option<String>,
    /// The second factor that an approval takes, if the login asks for one: `pin`.
    #[serde(default)]
    pub second_factor: Option<String>,
}

/// One of the user's phones, or a new phone that waits to be vouched for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneLine {
    pub id: String,
    pub name: String,
    pub app: String,
    pub state: String,
    pub since: u64,
}

/// One login in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub login: String,
    pub state: String,
    pub client: String,
    pub since: u64,
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    Claimed(Shown),
    Decided {
        login: String,
        state: String,
        return_to: Option<String>,
    },
    Done,
    Logins {
        logins: Vec<Line>,
    },
    Phones {
        phones: Vec<PhoneLine>,
    },
    /// Code, text and exit code of an error.
    Failed {
        code: String,
        text: String,
        exit: u8,
    },
}

impl From<&PhoneError> for Reply {
    fn from(e: &PhoneError) -> Self {
        Self::Failed { code: e.code().to_owned(), text: e.to_string(), exit: e.exit_code() }
    }
}
