//! What an authenticated account may ask, and what it is told unasked.

use std::{rc::Rc, sync::Arc};

use actix::prelude::*;
use countersign_domain_ns::{
    account::Account,
    audit::Actor,
    flows::login::{self, Claimed, Seen},
    login::{EndedBy, Login, State},
    ports::Topic,
    realm::OpenRealm,
    refused::Stop,
};
use countersign_protocol::{
    codes::{AccountState, Close, LoginState, Refusal},
    frames::{self, AccountChanged, Decided, Done, LoginChanged, Logins, PhoneFrame, Pong},
    ids::{LoginId, ReqId},
};

use super::{
    actor::{SessionActor, Work, done},
    entrance::hear,
    phases::{MOST_WATCHED, Phase},
    told::{OUTCOME, answer, entry, last},
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
        Stop::Limited(_) => Refusal::RateLimited,
        Stop::Fault(fault) => {
            tracing::warn!(%fault, "a phone's command failed");
            Refusal::Unavailable
        }
    }
}

impl SessionActor {
    pub(super) fn me(&self) -> Option<(Arc<OpenRealm>, Rc<Account>)> {
        match &self.phase {
            // The realm as it is now: what an administrator changes counts for phones that are connected, too.
            Phase::Account(a) => Some((self.shared.realms.known(a.realm.realm.id).unwrap_or_else(|| a.realm.clone()), a.account.clone())),
            _ => None,
        }
    }

    pub(super) fn command(&mut self, frame: PhoneFrame, ctx: &mut Context<Self>) -> Work {
        let Some((realm, account)) = self.me() else { return done() };
        match frame {
            PhoneFrame::Ping(ping) => {
                let time = self.shared.ports.now().secs();
                self.say(Pong { nonce: ping.nonce, time }, ctx);
                self.hear(realm, account)
            }
            PhoneFrame::Claim(claim) => self.claim(realm, account, claim),
            PhoneFrame::Decide(decide) => self.decide(realm, account, decide),
            PhoneFrame::Logout(logout) => self.log_out(realm, account, &logout),
            PhoneFrame::ListLogins(list) => self.list(realm, account, list.req_id),
            PhoneFrame::StartLogin(start) => self.start_login(realm, account, start),
            PhoneFrame::LogoutAll(all) => self.log_out_all(realm, account, all.req_id),
            PhoneFrame::ListDevices(list) => self.list_devices(account, list.req_id),
            PhoneFrame::ManageDevice(manage) => self.manage_device(realm, account, manage),
            PhoneFrame::ListEnrolments(list) => self.list_enrolments(realm, account, list.req_id),
            PhoneFrame::DecideEnrolment(decide) => self.decide_enrolment(realm, account, decide),
            PhoneFrame::Auth(_) | PhoneFrame::Enrol(_) => done(),
        }
    }

    /// A ping keeps logins alive where the realm asks for it.
    fn hear(&mut self, realm: Arc<OpenRealm>, account: Rc<Account>) -> Work {
        if realm.realm.settings.silence_secs == 0 {
            return done();
        }
        let shared = self.shared.clone();
        let work = async move { hear(&shared.ports, &realm, &account).await };
        Box::pin(work.into_actor(self).map(|heard, _, _| {
            if let Err(fault) = heard {
                tracing::warn!(%fault, "a ping could not be noted");
            }
        }))
    }

    fn claim(&mut self, realm: Arc<OpenRealm>, account: Rc<Account>, frame: frames::Claim) -> Work {
        let shared = self.shared.clone();
        let req_id = frame.req_id;
        self.show(req_id, realm.clone(), async move { login::claim(&shared.ports, &realm, &account, &frame).await })
    }

    fn start_login(&mut self, realm: Arc<OpenRealm>, account: Rc<Account>, frame: frames::StartLogin) -> Work {
        let shared = self.shared.clone();
        let req_id = frame.req_id;
        let here = realm.clone();
        self.show(req_id, here, async move { login::start_in_app(&shared.ports, &realm, &account, &frame.client, req_id).await })
    }

    /// Answers with what the phone has to show, and follows the login from then on.
    fn show(&mut self, req_id: ReqId, realm: Arc<OpenRealm>, claim: impl Future<Output = Result<Claimed, Stop>> + 'static) -> Work {
        Box::pin(to_the_end(claim).into_actor(self).then(move |result, act, ctx| match result {
            Ok(claimed) => {
                act.say(answer(&realm, req_id, &claimed), ctx);
                act.watch(&claimed.login, LoginState::Claimed.version(), ctx)
            }
            Err(stop) => {
                act.no(req_id, &stop, ctx);
                done()
            }
        }))
    }

    /// Refuses a command for this reason.
    pub(super) fn no(&mut self, req_id: ReqId, stop: &Stop, ctx: &mut Context<Self>) {
        let retry_after = if let Stop::Limited(limited) = stop { Some(limited.retry_after) } else { None };
        self.say(frames::Refused { req_id, code: refusal(stop), retry_after }, ctx);
    }

    /// Runs a command whose answer is "done".
    pub(super) fn get_done(&mut self, req_id: ReqId, command: impl Future<Output = Result<(), Stop>> + 'static) -> Work {
        Box::pin(to_the_end(command).into_actor(self).map(move |result, act, ctx| match result {
            Ok(()) => act.say(Done { req_id }, ctx),
            Err(stop) => act.no(req_id, &stop, ctx),
        }))
    }

    fn log_out_all(&mut self, realm: Arc<OpenRealm>, account: Rc<Account>, req_id: ReqId) -> Work {
        let shared = self.shared.clone();
        let who = Actor::Account(account.id).into();
        self.get_done(req_id, async move {
            login::end_all_of_user(&shared.ports, &realm, &account.user_id, who).await?;
            Ok(())
        })
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
        let (req_id, id, cb, from) = (frame.req_id, frame.login, self.channel.binding(), self.from);
        // The wake-up of its own outcome comes before the answer, and needs no look.
        self.deciding(id, true);
        let work = to_the_end(async move { login::decide(&shared.ports, &realm, &account, &frame, (&cb, Some(from))).await });
        Box::pin(work.into_actor(self).then(move |result, act, ctx| {
            act.deciding(id, false);
            match result {
                Ok(state) => {
                    act.note(id, state);
                    act.say(Decided { req_id, login: id, state }, ctx);
                    done()
                }
                Err(stop) => {
                    act.no(req_id, &stop, ctx);
                    // What it was not woken for meanwhile.
                    if act.knows(id, OUTCOME) { done() } else { act.look_at_login(id) }
                }
            }
        }))
    }

    fn log_out(&mut self, realm: Arc<OpenRealm>, account: Rc<Account>, frame: &frames::Logout) -> Work {
        let shared = self.shared.clone();
        let (req_id, id) = (frame.req_id, frame.login);
        let who = Actor::Account(account.id).into();
        let work = to_the_end(async move { login::end(&shared.ports, &realm, id, EndedBy::Phone, who).await });
        Box::pin(work.into_actor(self).map(move |result, act, ctx| match result {
            Ok(_) => {
                act.note(id, LoginState::Ended);
                act.say(Done { req_id }, ctx);
            }
            Err(stop) => act.no(req_id, &stop, ctx),
        }))
    }

    fn list(&mut self, realm: Arc<OpenRealm>, account: Rc<Account>, req_id: ReqId) -> Work {
        let shared = self.shared.clone();
        let work = async move { login::list(&shared.ports, &realm, &account).await };
        Box::pin(work.into_actor(self).map(move |result, act, ctx| match result {
            Ok(mut seen) => {
                seen.truncate(MOST_LISTED);
                let logins = seen.iter().map(entry).collect();
                act.say(Logins { req_id, logins }, ctx);
                // A phone that came back hears of the logins of its earlier connections again.
                for s in seen.into_iter().filter(|s| s.state != State::Pending).take(MOST_WATCHED) {
                    let told = s.state.public().version();
                    let watch = act.watch(&s.login, told, ctx);
                    ctx.spawn(watch);
                }
            }
            Err(fault) => act.no(req_id, &Stop::Fault(fault), ctx),
        }))
    }

    /// The phone knows this state: the registry's echo of it is no news.
    fn note(&mut self, login: LoginId, state: LoginState) -> bool {
        match &mut self.phase {
            Phase::Account(a) => a.note(login, state.version(), last(state)),
            _ => false,
        }
    }

    fn deciding(&mut self, login: LoginId, deciding: bool) {
        if let Phase::Account(a) = &mut self.phase {
            a.deciding(login, deciding);
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
        if self.asked.is_some() {
            // What it asked is answered first, also when it blocks itself.
            self.look_due = true;
            return done();
        }
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
        let (state, before) = (self.state_now(&now, ctx), self.told_state);
        let Phase::Account(a) = &mut self.phase else { return };
        a.account = Rc::new(now);
        self.told_state = Some(state);
        match state {
            AccountState::Blocked => self.goodbye(Close::Blocked, ctx),
            AccountState::Deleted => self.goodbye(Close::Deleted, ctx),
            AccountState::Pending | AccountState::Active if before != Some(state) => self.say(AccountChanged { state }, ctx),
            AccountState::Pending | AccountState::Active => {}
        }
    }
}

impl Handler<Woken> for SessionActor {
    type Result = Work;

    fn handle(&mut self, woken: Woken, _: &mut Self::Context) -> Work {
        match woken.topic {
            Topic::Login(id) if self.knows(id, woken.v) => done(),
            Topic::Login(id) => self.look_at_login(id),
            _ => done(),
        }
    }
}
