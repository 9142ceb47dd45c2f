//! Commands of an authenticated account.

use std::{rc::Rc, sync::Arc};

use actix::prelude::*;
use countersign_actors_shell::{done, run_to_completion};
use countersign_domain_ns::{
    account::Account,
    audit::Actor,
    flows::login::{self, Claimed},
    login::{EndedBy, Login, LoginProgress},
    ports::Topic,
    realm::OpenRealm,
    refused::Stop,
};
use countersign_protocol::{
    codes::LoginState,
    frames::{self, Decided, Done, Logins, PhoneFrame, Pong},
    ids::ReqId,
};

use super::{
    Session, Work,
    answers::{answer, entry, get_done, me, no},
    devices::{decide_enrolment, list_devices, list_enrolments, manage_device},
    entrance::record_heartbeat,
    news::{deciding, knows, look_at_login, note},
    phases::{MOST_WATCHED, Phase},
};
use crate::registry::{
    login::{MOST_PER_TOPIC, register},
    waiter::{Waiter, Woken},
};

/// Entries of one `logins` answer at most, far below the largest frame.
const MOST_LISTED: usize = 100;

pub(super) fn command(session: &mut Session, frame: PhoneFrame, ctx: &mut Context<Session>) -> Work {
    let Some((realm, account)) = me(session) else { return done() };
    match frame {
        PhoneFrame::Ping(ping) => {
            let time = session.conversation.shared.ports.now().secs();
            session.say(Pong { nonce: ping.nonce, time }, ctx);
            keep_alive(session, realm, account)
        }
        PhoneFrame::Claim(frame) => claim(session, realm, account, frame),
        PhoneFrame::Decide(frame) => decide(session, realm, account, frame),
        PhoneFrame::Logout(logout) => log_out(session, realm, account, &logout),
        PhoneFrame::ListLogins(asked) => list(session, realm, account, asked.req_id),
        PhoneFrame::StartLogin(start) => start_login(session, realm, account, start),
        PhoneFrame::LogoutAll(all) => log_out_all(session, realm, account, all.req_id),
        PhoneFrame::ListDevices(list) => list_devices(session, realm, account, list.req_id),
        PhoneFrame::ManageDevice(manage) => manage_device(session, realm, account, manage),
        PhoneFrame::ListEnrolments(list) => list_enrolments(session, realm, account, list.req_id),
        PhoneFrame::DecideEnrolment(decide) => decide_enrolment(session, realm, account, decide),
        PhoneFrame::Auth(_) | PhoneFrame::Enrol(_) => done(),
    }
}

/// A ping keeps logins alive in realms that ask for continuous authentication.
fn keep_alive(session: &mut Session, realm: Arc<OpenRealm>, account: Rc<Account>) -> Work {
    if realm.settings().silence_secs == 0 {
        return done();
    }
    let shared = session.conversation.shared.clone();
    let work = async move { record_heartbeat(&shared.ports, &realm, &account).await };
    Box::pin(work.into_actor(session).map(|heard, _, _| {
        if let Err(fault) = heard {
            tracing::warn!(%fault, "a heartbeat could not be recorded");
        }
    }))
}

fn claim(session: &mut Session, realm: Arc<OpenRealm>, account: Rc<Account>, frame: frames::Claim) -> Work {
    let shared = session.conversation.shared.clone();
    let (req_id, cb) = (frame.req_id, session.channel().binding());
    show(session, req_id, realm.clone(), async move {
        login::claim(&shared.ports, &realm, &account, &frame, &cb).await
    })
}

fn start_login(
    session: &mut Session,
    realm: Arc<OpenRealm>,
    account: Rc<Account>,
    frame: frames::StartLogin,
) -> Work {
    let shared = session.conversation.shared.clone();
    let (req_id, cb) = (frame.req_id, session.channel().binding());
    let here = realm.clone();
    show(session, req_id, here, async move {
        login::start_in_app(&shared.ports, &realm, &account, (&frame.client, req_id), &cb).await
    })
}

/// Answers with what the phone has to show, and follows the login from then on.
fn show(
    session: &mut Session,
    req_id: ReqId,
    realm: Arc<OpenRealm>,
    claim: impl Future<Output = Result<Claimed, Stop>> + 'static,
) -> Work {
    Box::pin(run_to_completion(claim).into_actor(session).then(move |result, session, ctx| match result {
        Ok(claimed) => {
            session.say(answer(&realm, req_id, &claimed), ctx);
            watch(session, &claimed.login, LoginState::Claimed.version(), ctx)
        }
        Err(stop) => {
            no(session, req_id, &stop, ctx);
            done()
        }
    }))
}

fn log_out_all(session: &mut Session, realm: Arc<OpenRealm>, account: Rc<Account>, req_id: ReqId) -> Work {
    let shared = session.conversation.shared.clone();
    let who = Actor::Account(account.id).into();
    get_done(session, req_id, async move {
        login::end_all_of_user(&shared.ports, &realm, &account.user_id, who).await?;
        Ok(())
    })
}

/// Registers for a login's changes, then reads it once, so that changes in between are reported.
fn watch(session: &mut Session, login: &Login, notified: u64, ctx: &mut Context<Session>) -> Work {
    if matches!(&session.conversation.phase, Phase::Account(a) if a.watches(login.id)) {
        return done();
    }
    let (id, me) = (login.id, ctx.address().recipient::<Woken>());
    let registration = register(
        &session.conversation.shared.logins,
        Topic::Login(id),
        Waiter::Session(me),
        MOST_PER_TOPIC,
        Some(login.expires_at),
    );
    let (Phase::Account(a), Some(registration)) = (&mut session.conversation.phase, registration) else {
        return done();
    };
    a.watch(id, notified, registration);
    look_at_login(session, id)
}

fn decide(session: &mut Session, realm: Arc<OpenRealm>, account: Rc<Account>, frame: frames::Decide) -> Work {
    let shared = session.conversation.shared.clone();
    let (req_id, id, cb, from) = (frame.req_id, frame.login, session.channel().binding(), session.from());
    // The wake-up for this decision's own outcome comes before the answer, and needs no read.
    deciding(session, id, true);
    let work = run_to_completion(async move {
        login::decide(&shared.ports, &realm, &account, &frame, (&cb, Some(from))).await
    });
    Box::pin(work.into_actor(session).then(move |result, session, ctx| {
        deciding(session, id, false);
        match result {
            Ok(state) => {
                note(session, id, state);
                session.say(Decided { req_id, login: id, state }, ctx);
                done()
            }
            Err(stop) => {
                no(session, req_id, &stop, ctx);
                // Reads the changes whose wake-ups were skipped in the meantime.
                if knows(session, id, LoginState::OUTCOME) { done() } else { look_at_login(session, id) }
            }
        }
    }))
}

fn log_out(
    session: &mut Session,
    realm: Arc<OpenRealm>,
    account: Rc<Account>,
    frame: &frames::Logout,
) -> Work {
    let shared = session.conversation.shared.clone();
    let (req_id, id) = (frame.req_id, frame.login);
    let who = Actor::Account(account.id).into();
    let work =
        run_to_completion(async move { login::end(&shared.ports, &realm, id, EndedBy::Phone, who).await });
    Box::pin(work.into_actor(session).map(move |result, session, ctx| match result {
        Ok(_) => {
            note(session, id, LoginState::Ended);
            session.say(Done { req_id }, ctx);
        }
        Err(stop) => no(session, req_id, &stop, ctx),
    }))
}

fn list(session: &mut Session, realm: Arc<OpenRealm>, account: Rc<Account>, req_id: ReqId) -> Work {
    let shared = session.conversation.shared.clone();
    let work = async move { login::list(&shared.ports, &realm, &account).await };
    Box::pin(work.into_actor(session).map(move |result, session, ctx| match result {
        Ok(mut seen) => {
            seen.truncate(MOST_LISTED);
            let logins = seen.iter().map(entry).collect();
            session.say(Logins { req_id, logins }, ctx);
            // A phone that reconnects is again notified about the logins of its earlier
            // connections.
            for s in seen.into_iter().filter(|s| s.state != LoginProgress::Pending).take(MOST_WATCHED) {
                let notified = s.state.public().version();
                let watch = watch(session, &s.login, notified, ctx);
                ctx.spawn(watch);
            }
        }
        Err(stop) => no(session, req_id, &stop, ctx),
    }))
}
