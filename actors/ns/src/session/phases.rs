//! The phases of a session, as types: the phase determines what a connection may do.

use std::{rc::Rc, sync::Arc};

use countersign_domain_ns::{account::Account, realm::OpenRealm};
use countersign_protocol::{
    codes::LoginState,
    ids::{EnrolmentId, LoginId},
};

use crate::{registry::login::Registration, session::Event};
use countersign_actors_shell::Presence;

/// The phase of a session.
pub(super) enum Phase {
    /// HELLO_OK has been sent; ClientAuth is awaited.
    Greeting(Greeting),
    /// The code was good; the new key is awaited.
    Enrolling(Enrolling),
    /// The account key has been proven.
    Account(Box<InAccount>),
    /// Between two phases, or ended: nothing is accepted.
    Over,
}

pub(super) struct Greeting {
    pub(super) realm: Arc<OpenRealm>,
    /// Epoch of the key the phone used.
    pub(super) epoch: u64,
}

pub(super) struct Enrolling {
    pub(super) realm: Arc<OpenRealm>,
    pub(super) enrolment: EnrolmentId,
    pub(super) challenge: [u8; 32],
    pub(super) app_version: Option<String>,
}

pub(super) struct InAccount {
    pub(super) realm: Arc<OpenRealm>,
    pub(super) account: Rc<Account>,
    /// The entry in the MessageRegistry; leaving the phase in any way removes it.
    pub(super) _presence: Presence<Event>,
    pub(super) watched: Vec<WatchedLogin>,
}

/// A login whose changes this phone is notified of.
pub(super) struct WatchedLogin {
    pub(super) login: LoginId,
    /// The version the phone knows.
    pub(super) notified: u64,
    /// The phone is deciding this login, and gets the outcome as an answer.
    pub(super) deciding: bool,
    pub(super) _registration: Registration,
}

/// Logins per session at most; when the limit is reached, the oldest is dropped.
pub(super) const MOST_WATCHED: usize = 32;

impl InAccount {
    /// Whether this login is watched already.
    pub(super) fn watches(&self, login: LoginId) -> bool {
        self.watched.iter().any(|w| w.login == login)
    }

    /// Whether the phone has been notified of this version of a login or is about to be, or does
    /// not follow the login (any more).
    pub(super) fn knows(&self, login: LoginId, v: u64) -> bool {
        self.watched
            .iter()
            .find(|w| w.login == login)
            .is_none_or(|w| w.notified >= v || w.deciding && v <= LoginState::OUTCOME)
    }

    pub(super) fn watch(&mut self, login: LoginId, notified: u64, registration: Registration) {
        if self.watched.len() == MOST_WATCHED {
            self.watched.remove(0);
        }
        self.watched.push(WatchedLogin { login, notified, deciding: false, _registration: registration });
    }

    /// Records whether the phone is deciding this login.
    pub(super) fn deciding(&mut self, login: LoginId, deciding: bool) {
        if let Some(watched) = self.watched.iter_mut().find(|w| w.login == login) {
            watched.deciding = deciding;
        }
    }

    /// Records that the phone knows this version; returns true when it was new. A login that cannot
    /// change any more is dropped.
    pub(super) fn note(&mut self, login: LoginId, v: u64, last: bool) -> bool {
        let Some(at) = self.watched.iter().position(|w| w.login == login) else { return false };
        let news = self.watched[at].notified < v;
        self.watched[at].notified = self.watched[at].notified.max(v);
        if last {
            self.watched.remove(at);
        }
        if self.watched.is_empty() {
            self.watched = Vec::new();
        }
        news
    }
}
