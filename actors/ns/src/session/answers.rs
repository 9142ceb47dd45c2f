//! Answers to a phone's commands: what informs it about a login, refusals, `Done`.

use std::{rc::Rc, sync::Arc};

use actix::prelude::*;
use countersign_actors_shell::run_to_completion;
use countersign_domain_ns::{
    account::Account,
    capability,
    flows::login::{Claimed, Seen},
    login::Via,
    realm::OpenRealm,
    refused::Stop,
};
use countersign_ports::Fault;
use countersign_protocol::{
    codes::Refusal,
    frames::{self, Done, LoginEntry},
    ids::{FactorId, ReqId},
};

use super::{Session, Work, phases::Phase};

pub(super) fn answer(
    realm: &OpenRealm,
    req_id: ReqId,
    Claimed { login, claim }: &Claimed,
) -> frames::Claimed {
    let returns = claim.via.returns();
    frames::Claimed {
        req_id,
        login: login.id,
        context: login.context(),
        expires_at: login.expires_at.secs(),
        return_token: returns.then(|| capability::return_token(realm, login.id, claim.account)),
        return_url: login.return_url.clone().filter(|_| claim.via == Via::Link),
        number: claim.number.as_ref().map(|n| n.len() as u64),
        callback_url: login.callback_url.clone().filter(|_| claim.via == Via::App),
        factor_challenge: claim.factor.as_ref().map(|f| f.challenge),
        factor_cb: claim.factor.as_ref().map(|f| f.cb),
        factor_max_age: claim.factor.as_ref().and(login.second_factor).map(|need| need.max_age),
        factor: claim.factor.as_ref().and_then(|f| f.factor).map(FactorId),
    }
}

pub(super) fn entry(seen: &Seen) -> LoginEntry {
    LoginEntry {
        login: seen.login.id,
        state: seen.state.public(),
        client_name: seen.login.client_name.clone(),
        since: seen.login.created_at.secs(),
    }
}

fn refusal(stop: &Stop) -> Refusal {
    match stop {
        Stop::Refused(refused) => refused.refusal(),
        Stop::Limited(_) => Refusal::RateLimited,
        Stop::Fault(fault @ Fault::Inconsistent(_)) => {
            tracing::error!(%fault, "a phone's command met inconsistent data in storage");
            Refusal::Unavailable
        }
        Stop::Fault(fault @ Fault::Rejected(_)) => {
            tracing::warn!(%fault, "a phone's command has a value that cannot be stored");
            Refusal::NotAllowed
        }
        Stop::Fault(fault) => {
            tracing::warn!(%fault, "a phone's command failed");
            Refusal::Unavailable
        }
    }
}

pub(super) fn me(session: &Session) -> Option<(Arc<OpenRealm>, Rc<Account>)> {
    match &session.conversation.phase {
        // The current realm, so that an administrator's changes also apply to connected phones.
        Phase::Account(a) => Some((
            session.conversation.shared.realms.known(a.realm.id()).unwrap_or_else(|| a.realm.clone()),
            a.account.clone(),
        )),
        _ => None,
    }
}

/// Refuses a command for this reason.
pub(super) fn no(session: &mut Session, req_id: ReqId, stop: &Stop, ctx: &mut Context<Session>) {
    let retry_after = if let Stop::Limited(limited) = stop { Some(limited.retry_after) } else { None };
    session.say(frames::Refused { req_id, code: refusal(stop), retry_after }, ctx);
}

/// Runs a command that is answered with `Done`.
pub(super) fn get_done(
    session: &mut Session,
    req_id: ReqId,
    command: impl Future<Output = Result<(), Stop>> + 'static,
) -> Work {
    Box::pin(run_to_completion(command).into_actor(session).map(move |result, session, ctx| match result {
        Ok(()) => session.say(Done { req_id }, ctx),
        Err(stop) => no(session, req_id, &stop, ctx),
    }))
}
