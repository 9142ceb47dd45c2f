//! What an authenticated account may ask, and what it is told unasked.

use std::{rc::Rc, sync::Arc};

use actix::prelude::*;
use countersign_domain::{
    account::Account,
    capability,
    flows::login::{self, Seen},
    login::{Claim, EndedBy, Login},
    ports::Topic,
    realm::OpenRealm,
    refused::Stop,
};
use countersign_protocol::{
    codes::{AccountState, Close, LoginState, Refusal},
    frames::{self, AccountChanged, Claimed, Decided, Done, LoginChanged, LoginEntry, Logins, PhoneFrame, Pong},
    ids::{LoginId, ReqId},
};

use super::{
    actor::{SessionActor, Work, done},
    phases::{MOST_WATCHED, Phase},
};
use crate::{
    registry::login::{MOST_PER_TOPIC, Waiter, Woken, register},
    work::to_the_end,
};

/// Entries of one `logins` answer: far below the largest frame.
const MOST_LISTED: usize = 100;

fn refusal(stop: &Stop) -> Refusal {
    match stop {
        Stop::Refused(refused) => refused.refusal(),
        Stop::Fault(fault) => {
            tracing::warn!(%fault, "a phone's command failed");
            Refusal::Unavailable
        }
    }
}

impl SessionActor {
    fn me(&self) -> Option<(Arc<OpenRealm>, Rc<Account>)> {
        match &self.phase {
            Phase::Account(a) => Some((a.realm.clone(), a.account.clone())),
            _ => None,
        }
    }

    pub(super) fn command(&mut self, frame: PhoneFrame, ctx: &mut Context<Self>) -> Work {
        let Some((realm, account)) = self.me() else { return done() };
        match frame {
            PhoneFrame::Ping(ping) => {
                let time = self.shared.ports.now().secs();
                self.say(Pong { nonce: ping.nonce, time }, ctx);
                done()
            }
            PhoneFrame::Claim(claim) => self.claim(realm, account, claim),
            PhoneFrame::Decide(decide) => self.decide(realm, account, decide),
            PhoneFrame::Logout(logout) => self.log_out(realm, account, &logout),
            PhoneFrame::ListLogins(list) => self.list(realm, account, list.req_id),
            PhoneFrame::Auth(_) | PhoneFrame::Enrol(_) => done(),
        }
    }

    fn claim(&mut self, realm: Arc<OpenRealm>, account: Rc<Account>, frame: frames::Claim) -> Work {
        let shared = self.shared.clone();
        let req_id = frame.req_id;
        let work = to_the_end(async move {
            let (login, claim) = login::claim(&shared.ports, &realm, &account, &frame).await?;
            Ok((claimed(&realm, req_id, &login, &claim), login))
        });
        Box::pin(work.into_actor(self).then(move |result: Result<_, Stop>, act, ctx| match result {
            Ok((answer, login)) => {
                act.say(answer, ctx);
                act.watch(&login, LoginState::Claimed.version(), ctx)
            }
            Err(stop) => {
                act.refuse(req_id, refusal(&stop), ctx);
                done()
            }
        }))
    }

    /// Registers for a login's changes, then looks once: what changed in between is told.
    fn watch(&mut self, login: &Login, told: u64, ctx: &mut Context<Self>) -> Work {
        if matches!(&self.phase, Phase::Account(a) if a.watches(login.id)) {
            return done();
        }
        let (id, me) = (login.id, ctx.address().recipient::<Woken>());
        let registration = register(&self.shared.logins, Topic::Login(id), Waiter::Session(me), MOST_PER_TOPIC, Some(login.expires_at));
        let (Phase::Account(a), Some(registration)) = (&mut self.phase, registration) else { return done() };
        a.watch(id, told, registration);
        self.look_at_login(id)
    }

    fn decide(&mut self, realm: Arc<OpenRealm>, account: Rc<Account>, frame: frames::Decide) -> Work {
        let shared = self.shared.clone();
        let (req_id, id, cb) = (frame.req_id, frame.login, self.channel.binding());
        let work = to_the_end(async move { login::decide(&shared.ports, &realm, &account, &frame, &cb).await });
        Box::pin(work.into_actor(self).map(move |result, act, ctx| match result {
            Ok(state) => {
                act.note(id, state);
                act.say(Decided { req_id, login: id, state }, ctx);
            }
            Err(stop) => act.refuse(req_id, refusal(&stop), ctx),
        }))
    }

    fn log_out(&mut self, realm: Arc<OpenRealm>, account: Rc<Account>, frame: &frames::Logout) -> Work {
        let shared = self.shared.clone();
        let (req_id, id) = (frame.req_id, frame.login);
        let actor = countersign_domain::audit::Actor::Account(account.id);
        let work = to_the_end(async move { login::end(&shared.ports, &realm, id, EndedBy::Phone, actor).await });
        Box::pin(work.into_actor(self).map(move |result, act, ctx| match result {
            Ok(_) => {
                act.note(id, LoginState::Ended);
                act.say(Done { req_id }, ctx);
            }
            Err(stop) => act.refuse(req_id, refusal(&stop), ctx),
        }))
    }

    fn list(&mut self, realm: Arc<OpenRealm>, account: Rc<Account>, req_id: ReqId) -> Work {
        let shared = self.shared.clone();
        let work = async move { login::list(&shared.ports, &realm, account.id).await };
        Box::pin(work.into_actor(self).map(move |result, act, ctx| match result {
            Ok(mut seen) => {
                seen.truncate(MOST_LISTED);
                let logins = seen.iter().map(entry).collect();
                act.say(Logins { req_id, logins }, ctx);
                // A phone that came back hears of the logins of its earlier connections again.
                for s in seen.into_iter().take(MOST_WATCHED) {
                    let told = s.state.public().version();
                    let watch = act.watch(&s.login, told, ctx);
                    ctx.spawn(watch);
                }
            }
            Err(fault) => act.refuse(req_id, refusal(&Stop::Fault(fault)), ctx),
        }))
    }

    /// The phone knows this state: the registry's echo of it is no news.
    fn note(&mut self, login: LoginId, state: LoginState) -> bool {
        match &mut self.phase {
            Phase::Account(a) => a.note(login, state.version(), last(state)),
            _ => false,
        }
    }

    /// Whether the phone has been told this version already.
    fn knows(&self, login: LoginId, v: u64) -> bool {
        matches!(&self.phase, Phase::Account(a) if a.knows(login, v))
    }

    /// Something may have changed: read, and tell if it is news.
    fn look_at_login(&mut self, id: LoginId) -> Work {
        let Some((realm, _)) = self.me() else { return done() };
        let shared = self.shared.clone();
        let work = async move { login::look(&shared.ports, &realm, id).await };
        Box::pin(work.into_actor(self).map(move |seen, act, ctx| {
            if let Ok(Some(Seen { state, .. })) = seen {
                let state = state.public();
                if act.note(id, state) {
                    act.say(LoginChanged { login: id, state, v: state.version() }, ctx);
                }
            }
        }))
    }

    pub(super) fn look_at_account(&mut self) -> Work {
        let Some((realm, account)) = self.me() else {
            // It is being authenticated: look as soon as it is.
            self.look_due = true;
            return done();
        };
        let shared = self.shared.clone();
        let work = async move { shared.ports.store.account(realm.realm.id, account.id).await };
        Box::pin(work.into_actor(self).map(|found, act, ctx| match found {
            Ok(Some(account)) => act.account_is(account, ctx),
            Ok(None) => act.goodbye(Close::Deleted, ctx),
            // Nothing is lost: commands read the store themselves.
            Err(fault) => tracing::warn!(%fault, "an account could not be read"),
        }))
    }

    fn account_is(&mut self, now: Account, ctx: &mut Context<Self>) {
        let state = now.state;
        let Phase::Account(a) = &mut self.phase else { return };
        let before = a.account.state;
        a.account = Rc::new(now);
        match state {
            AccountState::Blocked => self.goodbye(Close::Blocked, ctx),
            AccountState::Deleted => self.goodbye(Close::Deleted, ctx),
            AccountState::Pending | AccountState::Active if before != state => self.say(AccountChanged { state }, ctx),
            AccountState::Pending | AccountState::Active => {}
        }
    }
}

/// Whether nothing comes after this state.
fn last(state: LoginState) -> bool {
    state.version() >= 3 && state != LoginState::Approved
}

fn claimed(realm: &OpenRealm, req_id: ReqId, login: &Login, claim: &Claim) -> Claimed {
    Claimed {
        req_id,
        login: login.id,
        context: login.context(),
        expires_at: login.expires_at.secs(),
        return_token: claim.by_link.then(|| capability::return_token(realm, login.id, claim.account)),
        return_url: login.return_url.clone().filter(|_| claim.by_link),
    }
}

fn entry(seen: &Seen) -> LoginEntry {
    LoginEntry {
        login: seen.login.id,
        state: seen.state.public(),
        client_name: seen.login.client_name.clone(),
        since: seen.login.created_at.secs(),
    }
}

impl Handler<Woken> for SessionActor {
    type Result = Work;

    fn handle(&mut self, woken: Woken, _: &mut Self::Context) -> Work {
        match woken.topic {
            Topic::Login(id) if self.knows(id, woken.v) => done(),
            Topic::Login(id) => self.look_at_login(id),
            Topic::Enrolment(_) | Topic::Account(_) => done(),
        }
    }
}
