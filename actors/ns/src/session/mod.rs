//! The conversation between NS and a phone in one session.

mod answers;
mod commands;
mod devices;
mod entrance;
mod news;
mod phases;

use std::sync::Arc;

use actix::prelude::*;
use async_trait::async_trait;
use countersign_actors_shell::{Control, Conversation, Entrance, SessionActor, done};
use countersign_domain_ns::ports::{Fact, Topic};
use countersign_ports::{Fault, answered::Answered};
use countersign_protocol::{
    codes::{AccountState, Close},
    frames::{ClientAuth, Goodbye, PhoneFrame, ServerFrame},
    ids::KeyId,
};

use crate::{
    registry::waiter::Woken,
    shared::{Event, Shared},
};
use phases::{Greeting, Phase};

/// A phone connection of NS.
pub(crate) type Session = SessionActor<Ns>;
/// Work that a session finishes before it receives the next frame.
type Work = countersign_actors_shell::Work<Ns>;

/// One phone's conversation with NS.
pub(crate) struct Ns {
    shared: Arc<Shared>,
    phase: Phase,
    /// The account's state as the phone knows it.
    notified_state: Option<AccountState>,
    /// The account may have changed while it was being authenticated, or while an answer was
    /// pending.
    look_due: bool,
}

#[async_trait(?Send)]
impl Conversation for Ns {
    type Shared = Shared;
    type Incoming = PhoneFrame;
    type Outgoing = ServerFrame;
    type Event = Event;

    async fn enter(shared: &Arc<Shared>, key_id: KeyId) -> Result<Option<Entrance<Self>>, Fault> {
        let Some(found) = shared.realms.by_key(key_id).await? else { return Ok(None) };
        let ping_after = ping_after(shared.settings.ping_after, found.realm.settings().silence_secs);
        let phase = Phase::Greeting(Greeting { realm: found.realm, epoch: found.epoch });
        let conversation = Self { shared: shared.clone(), phase, notified_state: None, look_due: false };
        Ok(Some(Entrance { key: found.key, ping_after, conversation }))
    }

    fn decode(content: &[u8]) -> Option<PhoneFrame> {
        PhoneFrame::decode(content).ok()
    }

    fn name(frame: &PhoneFrame) -> &'static str {
        frame.name()
    }

    fn encode(frame: &ServerFrame) -> Vec<u8> {
        frame.encode()
    }

    fn goodbye(why: Close) -> ServerFrame {
        Goodbye { code: why }.into()
    }

    fn answers(frame: &ServerFrame) -> Option<Answered> {
        match frame {
            ServerFrame::LoginChanged(_)
            | ServerFrame::AccountChanged(_)
            | ServerFrame::LoginOffered(_)
            | ServerFrame::EnrolmentWaiting(_)
            | ServerFrame::DeviceChanged(_) => None,
            ServerFrame::Refused(refused) => Some(Answered::no(refused.code)),
            ServerFrame::Goodbye(_) => Some(Answered::Ended),
            _ => Some(Answered::Ok),
        }
    }

    fn answered(session: &mut Session, frame: &'static str, result: Answered, ctx: &mut Context<Session>) {
        if session.conversation.look_due && matches!(session.conversation.phase, Phase::Account(_)) {
            session.conversation.look_due = false;
            ctx.notify(Control::Event(Event::Look));
        }
        session.conversation.shared.ports.meter.note(Fact::Command { frame, result });
    }

    fn on_frame(session: &mut Session, frame: PhoneFrame, ctx: &mut Context<Session>) -> Option<Work> {
        match (std::mem::replace(&mut session.conversation.phase, Phase::Over), frame) {
            (Phase::Greeting(g), PhoneFrame::Auth(ClientAuth::Account(auth))) => {
                Some(entrance::authenticate(session, g, auth, ctx))
            }
            (Phase::Greeting(g), PhoneFrame::Auth(ClientAuth::Enrol(auth))) => {
                Some(entrance::offer(session, g, auth))
            }
            (Phase::Enrolling(e), PhoneFrame::Enrol(enrol)) => Some(entrance::enrol(session, e, enrol)),
            (Phase::Account(account), command)
                if !matches!(command, PhoneFrame::Auth(_) | PhoneFrame::Enrol(_)) =>
            {
                session.conversation.phase = Phase::Account(account);
                session.extend(session.conversation.shared.settings.idle);
                Some(commands::command(session, command, ctx))
            }
            _ => None,
        }
    }

    fn notify(session: &mut Session, event: Event) -> Work {
        match event {
            Event::Look => news::look_at_account(session),
            Event::See(topic) => devices::see(session, topic),
        }
    }

    fn end(&mut self) {
        self.phase = Phase::Over;
    }
}

impl Handler<Woken> for Session {
    type Result = Work;

    fn handle(&mut self, woken: Woken, _: &mut Self::Context) -> Work {
        match woken.topic {
            Topic::Login(id) if news::knows(self, id, woken.v) => done(),
            Topic::Login(id) => news::look_at_login(self, id),
            _ => done(),
        }
    }
}

/// The ping interval in seconds. A realm that ends logins after silence gets about three pings
/// within that time.
fn ping_after(usual: u64, silence_secs: u64) -> u64 {
    match silence_secs {
        0 => usual,
        secs => usual.min((secs / 3).max(1)),
    }
}
