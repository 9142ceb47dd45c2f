//! Objects related to an account: logins offered to it, enrolments it can vouch for, and the other
//! phones of its user.

use std::{rc::Rc, sync::Arc};

use actix::prelude::*;
use countersign_actors_shell::done;
use countersign_domain_ns::{
    account::Account,
    enrolment::Enrolment,
    flows::{devices, enrolment, login},
    login::LoginProgress,
    ports::Topic,
    realm::OpenRealm,
};
use countersign_ports::Fault;
use countersign_protocol::{
    frames::{
        self, DecideEnrolment, Device, DeviceChanged, Devices, EnrolmentEntry, EnrolmentWaiting,
        LoginOffered, ManageDevice, ServerFrame,
    },
    ids::ReqId,
};

use super::{
    Session, Work,
    answers::{get_done, me, no},
};
use crate::shared::Shared;

pub(super) fn list_devices(
    session: &mut Session,
    realm: Arc<OpenRealm>,
    account: Rc<Account>,
    req_id: ReqId,
) -> Work {
    let shared = session.conversation.shared.clone();
    let work = async move { devices::seen_by(&shared.ports, &realm, &account).await };
    Box::pin(work.into_actor(session).map(move |found, session, ctx| match found {
        Ok(all) => session.say(Devices { req_id, devices: all.iter().map(device).collect() }, ctx),
        Err(stop) => no(session, req_id, &stop, ctx),
    }))
}

pub(super) fn manage_device(
    session: &mut Session,
    realm: Arc<OpenRealm>,
    account: Rc<Account>,
    asked: ManageDevice,
) -> Work {
    let shared = session.conversation.shared.clone();
    get_done(session, asked.req_id, async move {
        devices::manage(&shared.ports, &realm, account.id, &asked).await
    })
}

pub(super) fn list_enrolments(
    session: &mut Session,
    realm: Arc<OpenRealm>,
    account: Rc<Account>,
    req_id: ReqId,
) -> Work {
    let shared = session.conversation.shared.clone();
    let work = async move { devices::waiting(&shared.ports, &realm, &account).await };
    Box::pin(work.into_actor(session).map(move |found, session, ctx| match found {
        Ok(all) => {
            let entry = |(e, new): (Enrolment, Account)| EnrolmentEntry {
                enrolment: e.id,
                name: new.device,
                app: new.app,
                since: e.created_at.secs(),
                jkt: new.jkt,
            };
            session.say(frames::Enrolments { req_id, enrolments: all.into_iter().map(entry).collect() }, ctx);
        }
        Err(stop) => no(session, req_id, &stop, ctx),
    }))
}

pub(super) fn decide_enrolment(
    session: &mut Session,
    realm: Arc<OpenRealm>,
    account: Rc<Account>,
    asked: DecideEnrolment,
) -> Work {
    let (shared, cb) = (session.conversation.shared.clone(), session.channel().binding());
    get_done(session, asked.req_id, async move {
        devices::vouch(&shared.ports, &realm, &account, &asked, &cb).await
    })
}

/// Notifies the phone of phones that the user has added since this phone last asked for the list,
/// so that an old phone learns of a new one however long it was offline.
pub(super) fn tell_phones(session: &mut Session) -> Work {
    let Some((_, account)) = me(session) else { return done() };
    let shared = session.conversation.shared.clone();
    let work = async move { devices::news_for(&shared.ports, &account).await };
    Box::pin(work.into_actor(session).map(|found, session, ctx| match found {
        Ok(all) => all.iter().for_each(|a| session.say(changed(a), ctx)),
        // Nothing is lost: the notification is repeated at each connection, until the phone has
        // asked for a list that contains the new phones.
        Err(fault) => tracing::warn!(%fault, "a phone could not be notified of the user's other phones"),
    }))
}

/// Handles a wake-up that names only a topic; the content is read now.
pub(super) fn see(session: &mut Session, topic: Topic) -> Work {
    let Some((realm, account)) = me(session) else { return done() };
    let shared = session.conversation.shared.clone();
    let work = async move { news(&shared, &realm, &account, topic).await };
    Box::pin(work.into_actor(session).map(|news, session, ctx| match news {
        Ok(Some(frame)) => session.say(frame, ctx),
        Ok(None) => {}
        // Nothing is lost: the lists that a phone asks for contain it.
        Err(fault) => tracing::warn!(%fault, "a phone could not be notified"),
    }))
}

async fn news(
    shared: &Shared,
    realm: &OpenRealm,
    account: &Account,
    topic: Topic,
) -> Result<Option<ServerFrame>, Fault> {
    let ports = &shared.ports;
    Ok(match topic {
        Topic::Offered { login: id, .. } => {
            let seen = login::look(ports, realm, id).await?;
            let waits = seen.filter(|s| {
                s.state == LoginProgress::Pending && s.login.is_for(account.id, &account.user_id)
            });
            waits.map(|s| {
                LoginOffered {
                    login: id,
                    client_name: s.login.client_name,
                    expires_at: s.login.expires_at.secs(),
                }
                .into()
            })
        }
        Topic::Vouch { enrolment: id, .. } => {
            let e = enrolment::look(ports, realm, id).await?.filter(|e| e.user_id == account.user_id);
            e.and_then(|e| e.redeemed).map(|r| EnrolmentWaiting { enrolment: id, name: r.device }.into())
        }
        Topic::Device { of, .. } => {
            let other = ports.store.account(realm.id(), of).await?.filter(|a| a.user_id == account.user_id);
            other.map(|a| changed(&a).into())
        }
        Topic::Login(_) | Topic::Enrolment(_) | Topic::Account(_) | Topic::Realm(_) => None,
    })
}

fn changed(a: &Account) -> DeviceChanged {
    let Device { account, name, app, state, since } = device(a);
    DeviceChanged { account, name, app, state, since }
}

fn device(a: &Account) -> Device {
    Device {
        account: a.id,
        name: a.device.clone(),
        app: a.app.clone(),
        state: a.state,
        since: a.created_at.secs(),
    }
}
