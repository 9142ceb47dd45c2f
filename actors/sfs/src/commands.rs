//! The commands of a device.

use actix::prelude::*;
use countersign_actors_shell::{done, run_to_completion};
use countersign_domain_sfs::{
    Stop,
    flows::{attest, pin},
};
use countersign_protocol::{
    codes::Refusal,
    frames::{
        Attest, Attested, Done, PinEvaluated, PinOffered, Pong, ProvePin, Refused as RefusedFrame, SetPin,
        SfsPhoneFrame, StorePin, TryPin,
    },
    ids::ReqId,
};

use crate::session::{InDevice, Phase, Session, Work};

/// Handles a command. What it changes is committed even if the phone is gone meanwhile.
pub(crate) fn command(session: &mut Session, command: SfsPhoneFrame, ctx: &mut Context<Session>) -> Work {
    match command {
        SfsPhoneFrame::Ping(ping) => {
            let time = session.conversation.shared.ports.now().secs();
            session.say(Pong { nonce: ping.nonce, time }, ctx);
            done()
        }
        SfsPhoneFrame::SetPin(f) => set(session, f),
        SfsPhoneFrame::StorePin(f) => store(session, f, ctx),
        SfsPhoneFrame::TryPin(f) => attempt(session, f),
        SfsPhoneFrame::ProvePin(f) => prove(session, f, ctx),
        SfsPhoneFrame::Attest(f) => attest(session, f),
        SfsPhoneFrame::ForgetPin(f) => forget(session, f.req_id),
        // The conversation hands over no further ClientAuth.
        SfsPhoneFrame::Auth(_) => done(),
    }
}

/// The device of this connection; `None` when the connection has ended meanwhile.
fn device(session: &mut Session) -> Option<&mut InDevice> {
    match &mut session.conversation.phase {
        Phase::Device(device) => Some(device),
        Phase::Greeting | Phase::Over => None,
    }
}

fn refuse(session: &mut Session, req_id: ReqId, stop: Stop, ctx: &mut Context<Session>) {
    let (code, retry_after) = match stop {
        Stop::Refused(why) => why.code(),
        Stop::Fault(fault) => {
            tracing::warn!(%fault, "a command could not be carried out");
            (Refusal::Unavailable, None)
        }
    };
    session.say(RefusedFrame { req_id, code, retry_after }, ctx);
}

fn set(session: &mut Session, f: SetPin) -> Work {
    let shared = session.conversation.shared.clone();
    let Some((jkt, proven)) = device(session).map(|d| (d.jkt, d.proven)) else { return done() };
    let work = async move { pin::set(&shared.ports, &jkt, proven, &f.request).await };
    Box::pin(work.into_actor(session).map(move |begun, session, ctx| match begun {
        Ok((registering, response)) => {
            let Some(device) = device(session) else { return };
            device.registering = Some(registering);
            session.say(PinOffered { req_id: f.req_id, response }, ctx);
        }
        Err(stop) => refuse(session, f.req_id, stop, ctx),
    }))
}

fn store(session: &mut Session, f: StorePin, ctx: &mut Context<Session>) -> Work {
    let (shared, from) = (session.conversation.shared.clone(), session.from());
    let Some(d) = device(session) else { return done() };
    let (jkt, proven) = (d.jkt, d.proven);
    let Some(registering) = d.registering.take() else {
        refuse(session, f.req_id, countersign_domain_sfs::Refused::NotAllowed.into(), ctx);
        return done();
    };
    let work = run_to_completion(async move {
        pin::store(&shared.ports, &jkt, proven, (registering, &f.record), from).await
    });
    Box::pin(work.into_actor(session).map(move |stored: Result<(), Stop>, session, ctx| match stored {
        Ok(()) => {
            // What was proven was the old PIN.
            if let Some(device) = device(session) {
                device.proven = None;
                device.tried = None;
            }
            session.say(Done { req_id: f.req_id }, ctx);
        }
        Err(stop) => refuse(session, f.req_id, stop, ctx),
    }))
}

fn attempt(session: &mut Session, f: TryPin) -> Work {
    let (shared, from, cb) =
        (session.conversation.shared.clone(), session.from(), session.channel().binding());
    let Some(d) = device(session) else { return done() };
    d.tried = None;
    let jkt = d.jkt;
    let work = run_to_completion(async move { pin::attempt(&shared.ports, &jkt, &f.ke1, (&cb, from)).await });
    Box::pin(work.into_actor(session).map(move |tried: Result<pin::Tried, Stop>, session, ctx| match tried {
        Ok(tried) => {
            let answer =
                PinEvaluated { req_id: f.req_id, ke2: tried.ke2, tries_left: tried.tries_left.into() };
            let Some(device) = device(session) else { return };
            device.tried = Some(Box::new(tried));
            session.say(answer, ctx);
        }
        Err(stop) => refuse(session, f.req_id, stop, ctx),
    }))
}

fn prove(session: &mut Session, f: ProvePin, ctx: &mut Context<Session>) -> Work {
    let (shared, cb) = (session.conversation.shared.clone(), session.channel().binding());
    let Some(d) = device(session) else { return done() };
    let jkt = d.jkt;
    let Some(tried) = d.tried.take() else {
        refuse(session, f.req_id, countersign_domain_sfs::Refused::NotAllowed.into(), ctx);
        return done();
    };
    let work = run_to_completion(async move { pin::prove(&shared.ports, &jkt, *tried, &f.ke3, &cb).await });
    Box::pin(work.into_actor(session).map(move |proven, session, ctx| match proven {
        Ok(at) => {
            let Some(device) = device(session) else { return };
            device.proven = Some(at);
            session.say(Done { req_id: f.req_id }, ctx);
        }
        Err(stop) => refuse(session, f.req_id, stop, ctx),
    }))
}

fn attest(session: &mut Session, f: Attest) -> Work {
    let shared = session.conversation.shared.clone();
    let Some((jkt, proven)) = device(session).map(|d| (d.jkt, d.proven)) else { return done() };
    let signer = shared.signer.borrow().clone();
    let keys = signer.list.clone();
    let work = run_to_completion(async move {
        attest::attest(&shared.ports, &signer, &jkt, proven, (f.factor, f.ctx)).await
    });
    Box::pin(work.into_actor(session).map(move |attested: Result<attest::Attested, Stop>, session, ctx| {
        match attested {
            Ok(attest::Attested { factor, attestation }) => {
                session.say(Attested { req_id: f.req_id, factor, attestation, keys }, ctx)
            }
            Err(stop) => refuse(session, f.req_id, stop, ctx),
        }
    }))
}

fn forget(session: &mut Session, req_id: ReqId) -> Work {
    let shared = session.conversation.shared.clone();
    let Some(d) = device(session) else { return done() };
    (d.proven, d.tried, d.registering) = (None, None, None);
    let jkt = d.jkt;
    let work = run_to_completion(async move { pin::forget(&shared.ports, &jkt).await });
    Box::pin(work.into_actor(session).map(move |gone: Result<(), Stop>, session, ctx| match gone {
        Ok(()) => session.say(Done { req_id }, ctx),
        Err(stop) => refuse(session, req_id, stop, ctx),
    }))
}
