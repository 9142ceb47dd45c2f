//! How an account comes to a login, and what ends an approved one.

use serde::{Deserialize, Serialize};

/// How an account came to a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// It scanned the page's code.
    Qr,
    /// It opened the page's link on the browser's own device.
    Link,
    /// The client directed the login at it.
    Directed,
    /// It started the login itself.
    App,
}

impl Via {
    pub const ALL: [Self; 4] = [Self::Qr, Self::Link, Self::Directed, Self::App];

    /// The spelling in REST and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Qr => "qr",
            Self::Link => "link",
            Self::Directed => "directed",
            Self::App => "app",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.as_str() == text)
    }

    /// Whether redeeming takes the return token that the phone was given.
    #[must_use]
    pub fn returns(self) -> bool {
        matches!(self, Self::Link | Self::App)
    }
}

/// What ended an approved login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    Phone,
    Client,
    AccountBlocked,
    AccountDeleted,
    Lifetime,
    /// The phone was silent for longer than the realm allows.
    Silence,
    /// One of the user's phones, or the client, ended all of the user's logins.
    Everywhere,
}

impl EndedBy {
    pub const ALL: [Self; 7] = [
        Self::Phone,
        Self::Client,
        Self::AccountBlocked,
        Self::AccountDeleted,
        Self::Lifetime,
        Self::Silence,
        Self::Everywhere,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Client => "client",
            Self::AccountBlocked => "account_blocked",
            Self::AccountDeleted => "account_deleted",
            Self::Lifetime => "lifetime",
            Self::Silence => "silence",
            Self::Everywhere => "everywhere",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.as_str() == text)
    }
}
