//! The page channel: JSON over a WebSocket, as an event stream, or in the answers of a poll
//! (`docs/API.md`, "The page channel").

use serde::{Deserialize, Serialize};

use crate::{FactorKind, LoginState, Sensitive, Via};

/// First message of the page.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    pub page_token: Sensitive,
    /// Highest `v` already seen. It only marks resumed pages in the server's logs; the current
    /// state is sent in any case.
    #[serde(default)]
    pub after: u64,
}

/// Page → server, after Hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum PageMessage {
    /// The person at the browser gives up. The braces matter: serde does not refuse unknown members
    /// of a variant without fields.
    Cancel {},
}

/// The answer of `GET /page/state`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageEvents {
    pub events: Vec<PageEvent>,
}

/// Server → page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum PageEvent {
    /// The login's state; sent first, and whenever it changes.
    State {
        v: u64,
        state: LoginState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Seconds left until the login expires, while pending or claimed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds_left: Option<u64>,
        /// Two digits that the person types on the phone, while claimed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<String>,
        /// How it was claimed, while claimed or approved. With `link` or `app`, the identity is
        /// only for the caller that has the return token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        via: Option<Via>,
        /// While claimed: the person proves a second factor on the phone, too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        second_factor: Option<FactorKind>,
    },
    /// A fresh QR code, each second while the login is pending.
    Qr { text: String },
    /// The app link, once, while the login is pending.
    Link { url: String },
    /// The connection is about to close.
    Error { code: String },
}
