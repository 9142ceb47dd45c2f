//! What a service says over the channel, once there is one.

use std::sync::Arc;

use actix::prelude::*;
use async_trait::async_trait;
use countersign_channel::ServerKey;
use countersign_ports::{Fault, answered::Answered};
use countersign_protocol::{codes::Close, ids::KeyId};

use crate::session::{SessionActor, Work};

/// What the key id of a HELLO leads to.
pub struct Entrance<C> {
    /// The key the phone asked for.
    pub key: ServerKey,
    /// How often the phone is asked to ping, in seconds.
    pub ping_after: u64,
    /// The conversation as it begins: nothing is known of the phone.
    pub conversation: C,
}

/// What the sessions of a service are told of. It names what changed, and carries no content.
pub trait Event: Clone + Send + Unpin + 'static {}

impl<T: Clone + Send + Unpin + 'static> Event for T {}

/// One phone's conversation with a service: its phases and what may be said in each.
///
/// The session around it owns the link, the channel and the deadlines; it hands over one frame at a
/// time and waits until the frame is dealt with.
#[async_trait(?Send)]
pub trait Conversation: Sized + Unpin + 'static {
    /// What every conversation of a service shares.
    type Shared: Send + Sync + 'static;
    /// What comes from the phone.
    type Incoming;
    /// What goes to the phone.
    type Outgoing;
    /// What the registries tell a session about its peer. It names what changed, and carries no
    /// content.
    type Event: Event;

    /// The service's key with this id, and how a conversation under it begins. `None` for a key
    /// that is not there.
    ///
    /// # Errors
    /// When nobody can tell.
    async fn enter(shared: &Arc<Self::Shared>, key_id: KeyId) -> Result<Option<Entrance<Self>>, Fault>;

    /// Reads what a phone sent; `None` for what breaks the protocol.
    fn decode(content: &[u8]) -> Option<Self::Incoming>;

    /// The name of a frame in metrics.
    fn name(frame: &Self::Incoming) -> &'static str;

    /// Writes what the phone is sent.
    fn encode(frame: &Self::Outgoing) -> Vec<u8>;

    /// The frame that says why the connection ends.
    fn goodbye(why: Close) -> Self::Outgoing;

    /// How this frame answers what the phone asked; `None` for what is said unasked.
    fn answers(frame: &Self::Outgoing) -> Option<Answered>;

    /// A frame of this name was answered.
    fn answered(
        session: &mut SessionActor<Self>,
        frame: &'static str,
        how: Answered,
        ctx: &mut Context<SessionActor<Self>>,
    );

    /// Deals with a frame. `None` when the phone may not say it now: the connection ends.
    fn on_frame(
        session: &mut SessionActor<Self>,
        frame: Self::Incoming,
        ctx: &mut Context<SessionActor<Self>>,
    ) -> Option<Work<Self>>;

    /// Something about the peer changed.
    fn notify(session: &mut SessionActor<Self>, event: Self::Event) -> Work<Self>;

    /// The connection ends: from now on nothing is accepted, and what the conversation holds is let
    /// go.
    fn end(&mut self);
}
