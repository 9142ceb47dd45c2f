//! Starting a session from a HELLO.

use std::{net::IpAddr, sync::Arc, time::Duration};

use actix::prelude::*;
use async_trait::async_trait;
use countersign_channel::{ChannelError, accept};
use countersign_ports::time::Clock;
use countersign_protocol::{
    cbor::encode,
    codes::Close,
    frames::Welcome,
    ids::KeyId,
    outer::{MAX_PHONE_FRAME, Outer},
};
use tokio::sync::watch;

use crate::{
    conversation::{Conversation, Entrance},
    link::{LinkReader, link},
    session::{Pumped, SessionActor},
};

/// State that all sessions of a pod share, whatever their conversation.
pub struct Shell {
    pub clock: Arc<dyn Clock>,
    /// Longest time from HELLO to the first frame.
    pub first_frame: Duration,
    /// Longest life of a connection.
    pub lifetime: Duration,
    /// Becomes true when the pod drains.
    pub leaving: watch::Receiver<bool>,
}

/// Starts sessions; the phone socket's handle of a service.
#[async_trait(?Send)]
pub trait Sessions: Send + Sync {
    /// Answers a HELLO (the whole outer frame) that came from this address, and starts its session
    /// on this thread.
    ///
    /// # Errors
    /// The code to close the connection with: the frame is not a HELLO, its key is unknown, or it
    /// was not made for that key.
    async fn start(&self, hello: &[u8], from: IpAddr) -> Result<Session, Close>;
}

/// Starts the sessions of one service.
pub struct Front<C: Conversation> {
    shell: Arc<Shell>,
    shared: Arc<C::Shared>,
}

impl<C: Conversation> Front<C> {
    #[must_use]
    pub fn new(shell: Arc<Shell>, shared: Arc<C::Shared>) -> Self {
        Self { shell, shared }
    }
}

#[async_trait(?Send)]
impl<C: Conversation> Sessions for Front<C> {
    async fn start(&self, hello: &[u8], from: IpAddr) -> Result<Session, Close> {
        let Ok(Outer::Hello { key_id, noise }) = Outer::parse(hello) else { return Err(Close::Protocol) };
        let Entrance { key, ping_after, conversation } = match C::enter(&self.shared, KeyId(key_id)).await {
            Ok(Some(entrance)) => entrance,
            Ok(None) => return Err(Close::Protocol),
            Err(fault) => {
                tracing::warn!(%fault, "the key that a HELLO names could not be looked up");
                return Err(Close::Busy);
            }
        };
        let welcome =
            Welcome { time: self.shell.clock.now().secs(), max_frame: MAX_PHONE_FRAME as u64, ping_after };
        let (hello_ok, channel) = accept(&key, noise, &encode(&welcome)).map_err(|e| match e {
            ChannelError::Unable => Close::Busy,
            _ => Close::Protocol,
        })?;
        let (way_out, reader) = link();
        if !way_out.send(hello_ok) {
            return Err(Close::Internal);
        }
        let actor = SessionActor::new(self.shell.clone(), way_out, channel, conversation, from);
        Ok(Session { actor: actor.start().recipient(), reader })
    }
}

/// The pump's handle of a session. Dropping it ends the session.
pub struct Session {
    actor: Recipient<Pumped>,
    reader: LinkReader,
}

impl Session {
    /// Splits the session into its input and its output, so that frames go in while answers come
    /// out.
    pub fn split(&mut self) -> (SessionIn<'_>, &mut LinkReader) {
        (SessionIn(&self.actor), &mut self.reader)
    }
}

/// The input of a session.
pub struct SessionIn<'a>(&'a Recipient<Pumped>);

impl SessionIn<'_> {
    /// Hands over one message from the phone and waits until it has been handled. Returns false
    /// when the session has ended.
    pub async fn frame(&self, message: Vec<u8>) -> bool {
        self.0.send(Pumped::Frame(message)).await.is_ok()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // If the mailbox is full, the actor notices the closed link at its next message instead.
        let _ = self.actor.try_send(Pumped::HungUp);
    }
}
