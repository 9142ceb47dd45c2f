//! The conversation between SFS and a phone in one session.

use std::sync::Arc;

use actix::prelude::*;
use async_trait::async_trait;
use countersign_actors_shell::{Control, Conversation, Entrance, Presence, SessionActor, arrive};
use countersign_channel::p256::{self, P256Error};
use countersign_domain_sfs::{
    device::Device,
    flows::pin::{self, Registering, Tried},
    meter::Fact,
};
use countersign_ports::{Fault, answered::Answered, presence::Peer, time::Time};
use countersign_protocol::{
    codes::{Close, PinState},
    frames::{AuthDevice, Goodbye, SfsPhoneFrame, SfsReady, SfsServerFrame},
    ids::{Jkt, KeyId},
};

use crate::{
    commands,
    shared::{Event, Shared},
};

/// A phone connection of SFS.
pub(crate) type Session = SessionActor<Sfs>;
/// Work that a session finishes before it receives the next frame.
pub(crate) type Work = countersign_actors_shell::Work<Sfs>;

/// The state of a conversation.
pub(crate) enum Phase {
    /// HELLO_OK has been sent; ClientAuth is awaited.
    Greeting,
    /// The device key has been proven.
    Device(Box<InDevice>),
    /// Nothing is accepted any more.
    Over,
}

/// A connection of a device. It says nothing about whether the device has a PIN.
pub(crate) struct InDevice {
    pub(crate) jkt: Jkt,
    /// The entry in the registry; leaving the phase in any way removes it.
    _presence: Presence<Event>,
    /// When the PIN was proven on this connection, if it was.
    pub(crate) proven: Option<Time>,
    /// A registration that waits for its record.
    pub(crate) registering: Option<Registering>,
    /// An evaluation that waits for its proof.
    pub(crate) tried: Option<Box<Tried>>,
}

/// One phone's conversation with SFS.
pub(crate) struct Sfs {
    pub(crate) shared: Arc<Shared>,
    pub(crate) phase: Phase,
    /// Epoch of the channel key that the phone used.
    epoch: u64,
}

#[async_trait(?Send)]
impl Conversation for Sfs {
    type Shared = Shared;
    type Incoming = SfsPhoneFrame;
    type Outgoing = SfsServerFrame;
    type Event = Event;

    async fn enter(shared: &Arc<Shared>, key_id: KeyId) -> Result<Option<Entrance<Self>>, Fault> {
        let found = shared.keys.iter().find(|(key, _)| key.key_id() == key_id).cloned();
        let ping_after = shared.ping_after;
        Ok(found.map(|(key, epoch)| {
            let conversation = Self { shared: shared.clone(), phase: Phase::Greeting, epoch };
            Entrance { key, ping_after, conversation }
        }))
    }

    fn decode(content: &[u8]) -> Option<SfsPhoneFrame> {
        SfsPhoneFrame::decode(content).ok()
    }

    fn name(frame: &SfsPhoneFrame) -> &'static str {
        frame.name()
    }

    fn encode(frame: &SfsServerFrame) -> Vec<u8> {
        frame.encode()
    }

    fn goodbye(why: Close) -> SfsServerFrame {
        Goodbye { code: why }.into()
    }

    fn answers(frame: &SfsServerFrame) -> Option<Answered> {
        Some(match frame {
            SfsServerFrame::Refused(refused) => Answered::no(refused.code),
            SfsServerFrame::Goodbye(_) => Answered::Ended,
            _ => Answered::Ok,
        })
    }

    fn answered(session: &mut Session, frame: &'static str, result: Answered, _: &mut Context<Session>) {
        session.conversation.shared.ports.meter.note(Fact::Command { frame, result });
    }

    fn on_frame(session: &mut Session, frame: SfsPhoneFrame, ctx: &mut Context<Session>) -> Option<Work> {
        match (std::mem::replace(&mut session.conversation.phase, Phase::Over), frame) {
            (Phase::Greeting, SfsPhoneFrame::Auth(auth)) => Some(authenticate(session, &auth, ctx)),
            (Phase::Device(device), command) if !matches!(command, SfsPhoneFrame::Auth(_)) => {
                session.conversation.phase = Phase::Device(device);
                session.extend(session.conversation.shared.idle);
                Some(commands::command(session, command, ctx))
            }
            _ => None,
        }
    }

    fn notify(_: &mut Session, event: Event) -> Work {
        match event {}
    }

    fn end(&mut self) {
        self.phase = Phase::Over;
    }
}

/// The entry of a device in the registry: the newest connection of a device displaces the others on
/// this pod. On other pods, a device that tries its PIN again ends the evaluation that was open.
fn peer(jkt: &Jkt) -> Peer {
    let mut peer = [0; 16];
    peer.copy_from_slice(&jkt.0[..16]);
    Peer(peer)
}

/// Handles ClientAuth `device`. The signature is checked before anything is read, so whoever does
/// not hold a device's key learns nothing about it, not even from the time the answer takes.
fn authenticate(session: &mut Session, auth: &AuthDevice, ctx: &mut Context<Session>) -> Work {
    let shared = session.conversation.shared.clone();
    let jkt = p256::thumbprint(&auth.public_key);
    let message = session.channel().auth_message(&jkt);
    let proven = p256::check_public(&auth.public_key)
        .and_then(|()| p256::verify(&auth.public_key, &message, &auth.sig))
        .map_err(|e| match e {
            P256Error::Unable => Close::Busy,
            P256Error::Key | P256Error::Signature => Close::AuthFailed,
        });
    let me = ctx.address().recipient::<Control<Event>>();
    let work = async move {
        proven?;
        let arrival = shared.ports.now().0.saturating_mul(1000);
        let presence = arrive(&shared.messages, peer(&jkt), arrival, me).ok_or(Close::Busy)?;
        match pin::look(&shared.ports, &jkt).await {
            Ok(device) => Ok((device, presence)),
            Err(fault) => {
                tracing::warn!(%fault, "a device could not be read");
                Err(Close::Busy)
            }
        }
    };
    Box::pin(work.into_actor(session).map(move |found: Result<_, Close>, session, ctx| match found {
        Ok((device, presence)) => arrived(session, jkt, device.as_ref(), presence, ctx),
        Err(why) => session.goodbye(why, ctx),
    }))
}

fn arrived(
    session: &mut Session,
    jkt: Jkt,
    device: Option<&Device>,
    presence: Presence<Event>,
    ctx: &mut Context<Session>,
) {
    let ready = ready(session, device);
    session.is_registered(ctx);
    let here = InDevice { jkt, _presence: presence, proven: None, registering: None, tried: None };
    session.conversation.phase = Phase::Device(Box::new(here));
    session.extend(session.conversation.shared.idle);
    session.trust();
    session.say(ready, ctx);
}

/// What the device is told about itself.
fn ready(session: &Session, device: Option<&Device>) -> SfsReady {
    let ports = &session.conversation.shared.ports;
    let (rules, now) = (&ports.rules, ports.now());
    SfsReady {
        state: device.map_or(PinState::None, |d| d.seen(rules.policy, now)),
        tries_left: device.map_or(rules.tries, |d| d.tries_left).into(),
        policy: rules.policy,
        min_digits: rules.min_digits.into(),
        server_epoch: session.conversation.epoch,
        wait_secs: device.and_then(|d| d.wait_secs(now)),
    }
}
