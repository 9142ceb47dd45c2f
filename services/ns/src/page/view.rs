//! The common part of all ways to watch a login: access control and events. The socket (`socket`)
//! and plain HTTP (`http`) differ only in the transport.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpRequest, http::header};
use countersign_actors_ns::{Logins, Waiting};
use countersign_api::{FactorKind, page::PageEvent};
use countersign_domain_ns::{
    audit,
    flows::login::Seen,
    login::{Claim, LoginProgress, Via},
    realm::OpenRealm,
    refused::Stop,
};
use countersign_ports::Fault;
use countersign_protocol::{codes::LoginState, ids::LoginId};

/// Pages that may watch one login at a time; the remaining waiters are long polls and phones.
const MOST_PAGES: usize = 16;
/// How often a pending login gets a fresh QR code.
pub(super) const QR_EACH: Duration = Duration::from_secs(1);
/// Longest life of a page's connection.
pub(super) const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// On a drain, pages are disconnected spread over this time, so that they do not reach the other
/// pods all at once.
const SPREAD_MS: u64 = 1000;

/// Base URL of the links in QR codes.
#[derive(Clone, Debug)]
pub struct AppUrl(pub String);

/// Becomes true when the pod drains.
#[derive(Clone, Debug)]
pub struct Leaving(pub tokio::sync::watch::Receiver<bool>);

impl Leaving {
    /// Completes when the page has to be disconnected.
    pub(super) async fn sent_away(mut self, logins: Logins) {
        // An error means that the process is already ending.
        let _ = self.0.wait_for(|leaving| *leaving).await;
        actix_rt::time::sleep(Duration::from_millis(logins.random_below(SPREAD_MS))).await;
    }
}

/// The origin of the page as the browser reports it. An unreadable header counts as an unknown
/// origin, never as a missing one.
pub(super) fn origin(request: &HttpRequest) -> Option<String> {
    request.headers().get(header::ORIGIN).map(|o| o.to_str().unwrap_or_default().to_owned())
}

/// Why a page gets no events, or no further ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageRefusal {
    /// The page sent something that no page sends.
    Malformed,
    BadPageToken,
    BadOrigin,
    /// The page sent nothing in time, or its connection has reached its longest life.
    Timeout,
    /// Too many pages watch this login.
    TooSlow,
    Draining,
    /// A port cannot be reached.
    Unavailable,
}

impl PageRefusal {
    /// The stable code, on the socket and in problems.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::BadPageToken => "bad_page_token",
            Self::BadOrigin => "bad_origin",
            Self::Timeout => "timeout",
            Self::TooSlow => "too_slow",
            Self::Draining => "draining",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A login as an admitted page sees it.
#[derive(Clone)]
pub(super) struct View {
    logins: Logins,
    app: String,
    realm: Arc<OpenRealm>,
    login: LoginId,
}

impl View {
    /// Admits a page by its token, from an origin of the login's client, or returns why not.
    pub(super) async fn open(
        logins: Logins,
        app: &AppUrl,
        token: &str,
        origin: Option<&str>,
    ) -> Result<(Self, Seen), PageRefusal> {
        let (realm, seen) =
            logins.by_page_token(token).await.map_err(unavailable)?.ok_or(PageRefusal::BadPageToken)?;
        let client =
            logins.client(&seen.login).await.map_err(unavailable)?.ok_or(PageRefusal::BadPageToken)?;
        if origin.is_some_and(|o| !client.origins.iter().any(|allowed| allowed == o)) {
            return Err(PageRefusal::BadOrigin);
        }
        Ok((Self { logins, app: app.0.clone(), realm, login: seen.login.id }, seen))
    }

    /// Registers first and reads afterwards, so that no change in between is missed.
    pub(super) async fn watch(&self, seen: &Seen) -> Result<(Waiting, Seen), PageRefusal> {
        let waiting = self.logins.watch(&seen.login, MOST_PAGES).ok_or(PageRefusal::Unavailable)?;
        let seen = self
            .logins
            .look(&self.realm, self.login)
            .await
            .map_err(unavailable)?
            .ok_or(PageRefusal::BadPageToken)?;
        Ok((waiting, seen))
    }

    /// Waits until the login may have changed, and reads it. `None` when it could not be read this
    /// time.
    pub(super) async fn changed(&self, waiting: &Waiting) -> Result<Option<Seen>, PageRefusal> {
        if let Ok(false) = tokio::time::timeout(self.logins.safety_poll(), waiting.woken()).await {
            return Err(PageRefusal::TooSlow);
        }
        Ok(self.logins.look(&self.realm, self.login).await.ok().flatten())
    }

    /// Returns the state event for pages. This event is created nowhere else.
    pub(super) fn state(&self, seen: &Seen) -> PageEvent {
        let state = seen.state.public();
        let seconds_left = (state.version() < 3).then(|| self.logins.seconds_left(&seen.login));
        PageEvent::State {
            v: state.version(),
            state: public(state),
            reason: seen.state.reason().map(str::to_owned),
            seconds_left,
            // Only the person at this page sees it, and types it on the phone.
            number: if let LoginProgress::Claimed(claim) = &seen.state { claim.number.clone() } else { None },
            via: claim(&seen.state).map(|claim| via(claim.via)),
            second_factor: (state == LoginState::Claimed && seen.login.second_factor.is_some())
                .then_some(FactorKind::Pin),
        }
    }

    /// Returns the event with the app link.
    pub(super) fn link(&self) -> PageEvent {
        PageEvent::Link { url: self.logins.link(&self.realm, self.login).to_url(&self.app) }
    }

    /// Returns the event with the QR code for the current second.
    pub(super) fn qr(&self) -> PageEvent {
        PageEvent::Qr { text: self.logins.qr(&self.realm, self.login).to_url(&self.app) }
    }

    /// Returns all events for a page that has seen none: the state first, then link and QR code
    /// while they can be used.
    pub(super) fn everything(&self, seen: &Seen) -> Vec<PageEvent> {
        let mut events = vec![self.state(seen)];
        if seen.state.public() == LoginState::Pending {
            events.extend([self.link(), self.qr()]);
        }
        events
    }

    /// Cancels the login for the person at the browser. Win or lose the race, the page is told the
    /// current state.
    ///
    /// # Errors
    /// A fault of a port.
    pub(super) async fn cancel(&self) -> Result<(), Fault> {
        match self.logins.cancel(&self.realm, self.login, audit::Actor::Page.into()).await {
            Ok(_) | Err(Stop::Refused(_) | Stop::Limited(_)) => Ok(()),
            Err(Stop::Fault(fault)) => Err(fault),
        }
    }
}

fn unavailable(fault: Fault) -> PageRefusal {
    tracing::warn!(%fault, "a page could not be served");
    PageRefusal::Unavailable
}

/// Returns the claim of a claimed or approved login.
#[must_use]
pub(crate) fn claim(state: &LoginProgress) -> Option<&Claim> {
    match state {
        LoginProgress::Claimed(claim) | LoginProgress::Approved { claim, .. } => Some(claim),
        _ => None,
    }
}

/// The spelling of a [`Via`] in JSON.
#[must_use]
pub(crate) fn via(via: Via) -> countersign_api::Via {
    use countersign_api::Via as Api;
    match via {
        Via::Qr => Api::Qr,
        Via::Link => Api::Link,
        Via::Directed => Api::Directed,
        Via::App => Api::App,
    }
}

/// The spelling of a [`LoginState`] in JSON.
#[must_use]
pub(crate) fn public(state: LoginState) -> countersign_api::LoginState {
    use countersign_api::LoginState as Api;
    match state {
        LoginState::Pending => Api::Pending,
        LoginState::Claimed => Api::Claimed,
        LoginState::Approved => Api::Approved,
        LoginState::Refused => Api::Refused,
        LoginState::Cancelled => Api::Cancelled,
        LoginState::Expired => Api::Expired,
        LoginState::Ended => Api::Ended,
    }
}
