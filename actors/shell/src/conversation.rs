//! What a service does on an established channel.

use std::sync::Arc;

use actix::prelude::*;
use async_trait::async_trait;
use countersign_channel::ServerKey;
use countersign_ports::{Fault, answered::Answered};
use countersign_protocol::{codes::Close, ids::KeyId};

use crate::session::{SessionActor, Work};

/// The result of looking up the key id of a HELLO.
pub struct Entrance<C> {
    /// The key the phone asked for.
    pub key: ServerKey,
    /// How often the phone is asked to ping, in seconds.
    pub ping_after: u64,
    /// The conversation in its initial state: nothing is known of the phone.
    pub conversation: C,
}

/// An event that the sessions of a service receive. It names what changed and carries no content.
pub trait Event: Clone + Send + Unpin + 'static {}

impl<T: Clone + Send + Unpin + 'static> Event for T {}

/// One phone's conversation with a service: its phases and the frames allowed in each.
///
/// The session around it owns the link, the channel and the deadlines; it hands over one frame at a
/// time and waits until the frame has been handled.
#[async_trait(?Send)]
pub trait Conversation: Sized + Unpin + 'static {
    /// State that all conversations of a service share.
    type Shared: Send + Sync + 'static;
    /// Frames from the phone.
    type Incoming;
    /// Frames to the phone.
    type Outgoing;
    /// Events from the registries about the session's peer. An event names what changed and carries
    /// no content.
    type Event: Event;

    /// Returns the service's key with this id and the initial conversation under it, or `None` when
    /// there is no such key.
    ///
    /// # Errors
    /// When the key cannot be looked up.
    async fn enter(shared: &Arc<Self::Shared>, key_id: KeyId) -> Result<Option<Entrance<Self>>, Fault>;

    /// Decodes a frame from the phone; `None` when it violates the protocol.
    fn decode(content: &[u8]) -> Option<Self::Incoming>;

    /// The name of a frame in metrics.
    fn name(frame: &Self::Incoming) -> &'static str;

    /// Encodes a frame for the phone.
    fn encode(frame: &Self::Outgoing) -> Vec<u8>;

    /// The frame that states why the connection ends.
    fn goodbye(why: Close) -> Self::Outgoing;

    /// How this frame answers the phone's request; `None` for frames that answer no request.
    fn answers(frame: &Self::Outgoing) -> Option<Answered>;

    /// Called when a frame of this name has been answered.
    fn answered(
        session: &mut SessionActor<Self>,
        frame: &'static str,
        how: Answered,
        ctx: &mut Context<SessionActor<Self>>,
    );

    /// Handles a frame. Returns `None` when the phone may not send it now; the connection then
    /// ends.
    fn on_frame(
        session: &mut SessionActor<Self>,
        frame: Self::Incoming,
        ctx: &mut Context<SessionActor<Self>>,
    ) -> Option<Work<Self>>;

    /// Called when something about the peer has changed.
    fn notify(session: &mut SessionActor<Self>, event: Self::Event) -> Work<Self>;

    /// The connection ends: from now on nothing is accepted, and what the conversation holds is
    /// released.
    fn end(&mut self);
}
