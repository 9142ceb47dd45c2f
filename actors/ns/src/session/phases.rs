//! The phases of a session, as types: what a connection may do follows from what it is.

use std::{rc::Rc, sync::Arc};

use countersign_domain_ns::{account::Account, realm::OpenRealm};
use countersign_protocol::{
    codes::LoginState,
    ids::{EnrolmentId, LoginId},
};

use crate::{registry::login::Registration, session::Event};
use countersign_actors_shell::Presence;

/// Where a session is.
pub(super) enum Phase {
    /// HELLO_OK is out; ClientAuth is awaited.
    Greeting(Greeting),
    /// The code was good; the new key is awaited.
    Enrolling(Enrolling),
    /// The account key is proven.
    Account(Box<InAccount>),
    /// Between two phases, or over: nothing is accepted.
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
    /// The place in the MessageRegistry; leaving the phase in any way leaves the place.
    pub(super) _presence: Presence<Event>,
    pub(super) watched: Vec<WatchedLogin>,
}

/// A login whose changes this phone is notified.
pub(super) struct WatchedLogin {
    pub(super) login: LoginId,
    /// The version it knows.
    pub(super) notified: u64,
    /// It is deciding: the outcome it hears as an answer.
    pub(super) deciding: bool,
    pub(super) _registration: Registration,
}

/// Logins one session is notified about at most; the oldest is forgotten first.
pub(super) const MOST_WATCHED: usize = 32;

impl InAccount {
    /// Whether this login is watched already.
    pub(super) fn watches(&self, login: LoginId) -> bool {
        self.watched.iter().any(|w| w.login == login)
    }

    /// Whether the phone has been notified this version of a login or is about to be, or does not
    /// follow it (any more).
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

    /// The phone decides a login, or has done so.
    pub(super) fn deciding(&mut self, login: LoginId, deciding: bool) {
        if let Some(watched) = self.watched.iter_mut().find(|w| w.login == login) {
            watched.deciding = deciding;
        }
    }

    /// Notes that the phone knows this version; true when that is news. A login that cannot change
    /// any more is forgotten.
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
