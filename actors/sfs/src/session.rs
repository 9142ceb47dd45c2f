//! The conversation between SFS and a phone in one session.

use std::sync::Arc;

use actix::prelude::*;
use async_trait::async_trait;
use countersign_actors_shell::{Conversation, Entrance, SessionActor, done};
use countersign_channel::ServerKey;
use countersign_ports::{Fault, answered::Answered};
use countersign_protocol::{
    codes::Close,
    frames::{Goodbye, SfsPhoneFrame, SfsServerFrame},
    ids::KeyId,
};

/// A phone connection of SFS.
type Session = SessionActor<Sfs>;
/// Work that a session finishes before it receives the next frame.
type Work = countersign_actors_shell::Work<Sfs>;

/// State that all sessions of SFS share.
pub(crate) struct Shared {
    pub(crate) keys: Vec<ServerKey>,
    pub(crate) ping_after: u64,
}

/// Events that the registry sends to a session of SFS: none yet.
#[derive(Clone, Copy, Debug)]
pub enum Event {}

/// The state of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// HELLO_OK has been sent; ClientAuth is awaited.
    Greeting,
    /// Nothing is accepted any more.
    Over,
}

/// One phone's conversation with SFS.
pub(crate) struct Sfs {
    phase: Phase,
}

#[async_trait(?Send)]
impl Conversation for Sfs {
    type Shared = Shared;
    type Incoming = SfsPhoneFrame;
    type Outgoing = SfsServerFrame;
    type Event = Event;

    async fn enter(shared: &Arc<Shared>, key_id: KeyId) -> Result<Option<Entrance<Self>>, Fault> {
        let key = shared.keys.iter().find(|key| key.key_id() == key_id).cloned();
        let ping_after = shared.ping_after;
        Ok(key.map(|key| Entrance { key, ping_after, conversation: Self { phase: Phase::Greeting } }))
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
        match frame {
            SfsServerFrame::Pong(_) => Some(Answered::Ok),
            SfsServerFrame::Goodbye(_) => Some(Answered::Ended),
        }
    }

    fn answered(_: &mut Session, _: &'static str, _: Answered, _: &mut Context<Session>) {}

    fn on_frame(session: &mut Session, frame: SfsPhoneFrame, ctx: &mut Context<Session>) -> Option<Work> {
        match (std::mem::replace(&mut session.conversation.phase, Phase::Over), frame) {
            (Phase::Greeting, SfsPhoneFrame::Auth(_)) => {
                // No phone can register here yet, so every key is unknown.
                session.goodbye(Close::AuthFailed, ctx);
                Some(done())
            }
            (Phase::Greeting | Phase::Over, _) => None,
        }
    }

    fn notify(_: &mut Session, event: Event) -> Work {
        match event {}
    }

    fn end(&mut self) {
        self.phase = Phase::Over;
    }
}
