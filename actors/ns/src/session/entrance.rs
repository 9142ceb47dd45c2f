//! Authentication of a phone: by the key of an account, or by a code and a new key.

use std::rc::Rc;

use actix::prelude::*;
use countersign_actors_shell::{Control, Presence, arrive, run_to_completion};
use countersign_channel::p256::{self, P256Error};
use countersign_domain_ns::{
    Refused,
    account::{Account, peer},
    app::Version,
    factor::{EnrolmentFactor, FactorChallenge},
    flows::{
        enrolment::{self, Offer, Proof},
        factor,
    },
    ports::Ports,
    realm::OpenRealm,
    refused::Stop,
};
use countersign_ports::Fault;
use countersign_protocol::{
    codes::{AccountState, Close, FactorWish, Refusal},
    frames::{AuthAccount, AuthEnrol, AuthOk, Enrol, EnrolOffer, EnrolOk, Refused as RefusedFrame},
    ids::ReqId,
};

use super::{
    Event, Session, Work,
    devices::tell_phones,
    news::{look_at_account, state_now},
    phases::{Enrolling, Greeting, InAccount, Phase},
};

/// Handles ClientAuth `account`: finds the account by its key, verifies the signature for this
/// channel, and registers the session.
pub(super) fn authenticate(
    session: &mut Session,
    g: Greeting,
    auth: AuthAccount,
    ctx: &mut Context<Session>,
) -> Work {
    let (shared, jkt, sig) = (session.conversation.shared.clone(), auth.jkt, auth.sig);
    let message = session.channel().auth_message(&jkt);
    let me = ctx.address().recipient::<Control<Event>>();
    let work = async move {
        let found = shared.ports.store.account_by_jkt(g.realm.id(), &jkt).await;
        let account = found.map_err(|_| Close::Busy)?.ok_or(Close::AuthFailed)?;
        p256::verify(&account.public_key, &message, &sig).map_err(|e| match e {
            P256Error::Unable => Close::Busy,
            P256Error::Key | P256Error::Signature => Close::AuthFailed,
        })?;
        let arrival = arrival(&shared.ports, &account, shared.settings.lifetime.as_secs()).await;
        let presence = arrive(&shared.messages, peer(account.id), arrival, me).ok_or(Close::Busy)?;
        // Read again now that the registry knows the session, so that a block in between is not
        // missed.
        let account = shared
            .ports
            .store
            .account(account.realm, account.id)
            .await
            .map_err(|_| Close::Busy)?
            .ok_or(Close::Deleted)?;
        let version = auth.app_version.filter(|v| Version::parse(v).is_some());
        if matches!(account.state, AccountState::Blocked | AccountState::Deleted) {
            // A blocked or deleted account is reported as such, whatever its app version.
            return Ok((g, account, presence));
        }
        enrolment::admit(&g.realm, &account.app, version.as_deref()).map_err(|_| Close::Update)?;
        note(&shared.ports, &g.realm, &account, version).await.map_err(|_| Close::Busy)?;
        Ok((g, account, presence))
    };
    Box::pin(work.into_actor(session).map(|found: Result<_, Close>, session, ctx| match found {
        Ok((g, account, presence)) => arrived(session, g, account, presence, ctx),
        Err(why) => session.goodbye(why, ctx),
    }))
}

fn arrived(
    session: &mut Session,
    g: Greeting,
    account: Account,
    presence: Presence<Event>,
    ctx: &mut Context<Session>,
) {
    match account.state {
        AccountState::Blocked => return session.goodbye(Close::Blocked, ctx),
        AccountState::Deleted => return session.goodbye(Close::Deleted, ctx),
        AccountState::Pending | AccountState::Active => {}
    }
    let state = state_now(session, &account, ctx);
    session.conversation.notified_state = Some(state);
    let has_news = account.phones.came > account.phones.seen;
    let ok = AuthOk {
        account: account.id,
        state,
        realm_name: g.realm.display_name().to_owned(),
        server_epoch: g.epoch,
    };
    session.is_registered(ctx);
    session.conversation.phase = Phase::Account(Box::new(InAccount {
        realm: g.realm,
        account: Rc::new(account),
        _presence: presence,
        watched: Vec::new(),
    }));
    session.extend(session.conversation.shared.settings.idle);
    session.trust();
    session.say(ok, ctx);
    if has_news && state == AccountState::Active {
        let news = tell_phones(session);
        ctx.spawn(news);
    }
    if std::mem::take(&mut session.conversation.look_due) {
        let look = look_at_account(session);
        ctx.spawn(look);
    }
}

/// Handles ClientAuth `enrol`: the code leads to an enrolment, and is not used up yet.
pub(super) fn offer(session: &mut Session, g: Greeting, auth: AuthEnrol) -> Work {
    let shared = session.conversation.shared.clone();
    let app_version = auth.app_version.filter(|v| Version::parse(v).is_some());
    let work = async move {
        let offered = enrolment::offer(&shared.ports, &g.realm, &auth.code.0).await;
        (g, offered)
    };
    Box::pin(work.into_actor(session).map(move |(g, offered), session, ctx| match offered {
        Ok(Offer { enrolment: e, client_name, challenge }) => {
            let offer = EnrolOffer {
                challenge,
                realm_name: g.realm.display_name().to_owned(),
                client_name,
                factor: match e.factor_wish(g.realm.settings()) {
                    EnrolmentFactor::None => None,
                    EnrolmentFactor::Optional => Some(FactorWish::Optional),
                    EnrolmentFactor::Required => Some(FactorWish::Required),
                },
                account: e.factor_of,
                user: e.user_id,
            };
            session.conversation.phase =
                Phase::Enrolling(Enrolling { realm: g.realm, enrolment: e.id, challenge, app_version });
            session.extend(session.conversation.shared.settings.enrolment);
            session.trust();
            session.say(offer, ctx);
        }
        Err(Stop::Refused(_) | Stop::Limited(_)) => session.goodbye(Close::AuthFailed, ctx),
        Err(Stop::Fault(fault)) => {
            tracing::warn!(%fault, "an enrolment could not be read");
            session.goodbye(Close::Busy, ctx);
        }
    }))
}

/// Handles the new key: it is proven on this channel for this challenge, or refused without using
/// up the code.
pub(super) fn enrol(session: &mut Session, e: Enrolling, enrol: Enrol) -> Work {
    let jkt = p256::thumbprint(&enrol.public_key);
    let message = session.channel().enrol_message(&e.challenge, &jkt);
    let proven = p256::check_public(&enrol.public_key)
        .and_then(|()| p256::verify(&enrol.public_key, &message, &enrol.sig));
    let shared = session.conversation.shared.clone();
    let shown = factor::evidence(&enrol.attestation, &enrol.sfs_keys, enrol.factor_r);
    let challenge = FactorChallenge { challenge: e.challenge, cb: session.channel().binding(), factor: None };
    let proof = Proof {
        jkt,
        public_key: enrol.public_key,
        req_id: enrol.req_id,
        app: enrol.app,
        app_version: e.app_version,
        device: enrol.device,
        evidence: shown.clone().unwrap_or_default(),
        challenge,
    };
    let work = async move {
        proven.map_err(|e| match e {
            P256Error::Unable => Refused::Unable,
            P256Error::Key | P256Error::Signature => Refused::BadEnrolment,
        })?;
        shown?;
        run_to_completion(
            async move { enrolment::redeem(&shared.ports, &e.realm, e.enrolment, &proof).await },
        )
        .await
    };
    Box::pin(work.into_actor(session).map(move |redeemed, session, ctx| match redeemed {
        Ok((r, state)) => {
            session.say(
                EnrolOk {
                    req_id: enrol.req_id,
                    account: r.account,
                    state,
                    number: r.number.filter(|_| state == AccountState::Pending),
                },
                ctx,
            );
            session.goodbye(Close::Done, ctx);
        }
        Err(Stop::Refused(Refused::UpdateRequired | Refused::AppNotListed)) => {
            refuse(session, enrol.req_id, Refusal::NotAllowed, ctx);
            session.goodbye(Close::Update, ctx);
        }
        // The phone may bring another attestation with the same link.
        Err(Stop::Refused(why @ (Refused::FactorNeeded | Refused::BadAttestation))) => {
            refuse(session, enrol.req_id, why.refusal(), ctx);
            session.goodbye(Close::AuthFailed, ctx);
        }
        Err(Stop::Refused(_) | Stop::Limited(_)) => {
            refuse(session, enrol.req_id, Refusal::BadEnrolment, ctx);
            session.goodbye(Close::AuthFailed, ctx);
        }
        Err(Stop::Fault(fault)) => {
            tracing::warn!(%fault, "an enrolment could not be stored");
            refuse(session, enrol.req_id, Refusal::Unavailable, ctx);
            session.goodbye(Close::Busy, ctx);
        }
    }))
}

/// Returns the number of this arrival of the account among all pods. When the presence port fails,
/// the number comes from the clock, so that phones can still connect while Redis is unavailable.
async fn arrival(ports: &Ports, account: &Account, lifetime: u64) -> u64 {
    match ports.presence.arrive(peer(account.id), lifetime).await {
        Ok(arrival) => arrival,
        Err(fault) => {
            tracing::warn!(%fault, "an arrival could not be announced");
            ports.now().0.saturating_mul(1000)
        }
    }
}

/// Records the app version and the heartbeat that a connection implies.
async fn note(
    ports: &Ports,
    realm: &OpenRealm,
    account: &Account,
    version: Option<String>,
) -> Result<(), Fault> {
    if version != account.app_version {
        ports.store.note_app_version(account.realm, account.id, version.as_deref()).await?;
    }
    record_heartbeat(ports, realm, account).await
}

/// Records a heartbeat (a connection or a ping) where the realm asks for continuous authentication.
pub(super) async fn record_heartbeat(
    ports: &Ports,
    realm: &OpenRealm,
    account: &Account,
) -> Result<(), Fault> {
    match realm.settings().silence_secs {
        0 => Ok(()),
        // Kept a minute longer than the allowed silence.
        secs => ports.presence.record_heartbeat(peer(account.id), secs + 60).await,
    }
}

fn refuse(session: &mut Session, req_id: ReqId, why: Refusal, ctx: &mut Context<Session>) {
    session.say(RefusedFrame { req_id, code: why, retry_after: None }, ctx);
}
