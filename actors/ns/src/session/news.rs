//! What the session knows of its account and logins, and the changes it reports unasked.

use std::{rc::Rc, time::Duration};

use actix::prelude::*;
use countersign_actors_shell::done;
use countersign_domain_ns::{
    account::Account,
    flows::login::{self, Seen},
};
use countersign_protocol::{
    codes::{AccountState, Close, LoginState},
    frames::{AccountChanged, LoginChanged},
    ids::LoginId,
};

use super::{Session, Work, answers::me, phases::Phase};

/// Records that the phone knows this state, so that the registry's wake-up for it is not reported.
/// Returns whether the state is new to the phone.
pub(super) fn note(session: &mut Session, login: LoginId, state: LoginState) -> bool {
    match &mut session.conversation.phase {
        Phase::Account(a) => a.note(login, state.version(), state.is_last()),
        _ => false,
    }
}

pub(super) fn deciding(session: &mut Session, login: LoginId, deciding: bool) {
    if let Phase::Account(a) = &mut session.conversation.phase {
        a.deciding(login, deciding);
    }
}

/// Whether the phone has been notified of this version already.
pub(super) fn knows(session: &Session, login: LoginId, v: u64) -> bool {
    matches!(&session.conversation.phase, Phase::Account(a) if a.knows(login, v))
}

/// Reads the login after a possible change, and notifies the phone if the state is new to it.
pub(super) fn look_at_login(session: &mut Session, id: LoginId) -> Work {
    let Some((realm, _)) = me(session) else { return done() };
    let shared = session.conversation.shared.clone();
    let work = async move { login::look(&shared.ports, &realm, id).await };
    Box::pin(work.into_actor(session).map(move |seen, session, ctx| {
        if let Ok(Some(Seen { state, .. })) = seen {
            let state = state.public();
            if note(session, id, state) {
                session.say(LoginChanged { login: id, state, v: state.version() }, ctx);
            }
        }
    }))
}

pub(super) fn look_at_account(session: &mut Session) -> Work {
    let Some((realm, account)) = me(session) else {
        // The account is not authenticated yet: it is read as soon as it is.
        session.conversation.look_due = true;
        return done();
    };
    if session.owes_an_answer() {
        // The pending command is answered first, also when the account blocks itself.
        session.conversation.look_due = true;
        return done();
    }
    let shared = session.conversation.shared.clone();
    let work = async move { shared.ports.store.account(realm.id(), account.id).await };
    Box::pin(work.into_actor(session).map(|found, session, ctx| match found {
        Ok(Some(account)) => account_is(session, account, ctx),
        Ok(None) => session.goodbye(Close::Deleted, ctx),
        // Nothing is lost: commands read the store themselves.
        Err(fault) => tracing::warn!(%fault, "an account could not be read"),
    }))
}

fn account_is(session: &mut Session, now: Account, ctx: &mut Context<Session>) {
    let (state, before) = (state_now(session, &now, ctx), session.conversation.notified_state);
    let Phase::Account(a) = &mut session.conversation.phase else { return };
    a.account = Rc::new(now);
    session.conversation.notified_state = Some(state);
    match state {
        AccountState::Blocked => session.goodbye(Close::Blocked, ctx),
        AccountState::Deleted => session.goodbye(Close::Deleted, ctx),
        AccountState::Pending | AccountState::Active if before != Some(state) => {
            session.say(AccountChanged { state }, ctx)
        }
        AccountState::Pending | AccountState::Active => {}
    }
}

/// Returns the account's current state for the phone. If the account only becomes active later, it
/// is read again at that time.
pub(super) fn state_now(session: &Session, account: &Account, ctx: &mut Context<Session>) -> AccountState {
    let now = session.conversation.shared.ports.now();
    let state = account.state_at(now);
    if let (true, Some(from)) = (state != account.state, account.active_from) {
        let wait = Duration::from_millis(now.until(from)).min(session.conversation.shared.settings.lifetime);
        ctx.run_later(wait, |session, ctx| {
            let look = look_at_account(session);
            ctx.spawn(look);
        });
    }
    state
}
