//! SessionActor: one per phone connection, on its socket's worker.
//!
//! It owns the channel and the phase; the pump hands it one frame at a time and waits until the frame is dealt with. Everything it says goes out through its Link.

mod actor;
mod commands;
mod devices;
mod entrance;
mod phases;
mod told;

use std::{net::IpAddr, sync::Arc};

use actix::prelude::*;
use countersign_channel::accept;
use countersign_protocol::{
    cbor::encode,
    codes::Close,
    frames::Welcome,
    ids::KeyId,
    outer::{MAX_PHONE_FRAME, Outer},
};

use crate::{
    heart::Shared,
    link::{LinkReader, link},
};
use actor::{Frame, HungUp, SessionActor};

/// Starts sessions: the handle of the phone socket.
#[derive(Clone)]
pub struct Sessions(Arc<Shared>);

impl Sessions {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Answers a HELLO (the whole outer frame) that came from this address, and starts its session on this thread.
    ///
    /// # Errors
    /// What to close the connection with: the frame is no HELLO, its key is unknown, or it was not made for that key.
    pub async fn start(&self, hello: &[u8], from: IpAddr) -> Result<Session, Close> {
        let Ok(Outer::Hello { key_id, noise }) = Outer::parse(hello) else { return Err(Close::Protocol) };
        let entrance = match self.0.realms.by_key(KeyId(key_id)).await {
            Ok(Some(entrance)) => entrance,
            Ok(None) => return Err(Close::Protocol),
            Err(fault) => {
                tracing::warn!(%fault, "cannot look for a realm");
                return Err(Close::Busy);
            }
        };
        let welcome = Welcome {
            time: self.0.ports.now().secs(),
            max_frame: MAX_PHONE_FRAME as u64,
            ping_after: ping_after(self.0.settings.ping_after, entrance.realm.realm.settings.silence_secs),
        };
        let (hello_ok, channel) = accept(&entrance.key, noise, &encode(&welcome)).map_err(|_| Close::Protocol)?;
        let (way_out, reader) = link();
        if !way_out.send(hello_ok) {
            return Err(Close::Internal);
        }
        let shared = self.0.clone();
        let addr = SessionActor::new(shared, way_out, channel, entrance, from).start();
        Ok(Session { addr, reader })
    }
}

/// The pump's hold on a session. Dropping it ends the session.
pub struct Session {
    addr: Addr<SessionActor>,
    reader: LinkReader,
}

impl Session {
    /// Both at once: frames go in while answers come out.
    pub fn split(&mut self) -> (SessionIn<'_>, &mut LinkReader) {
        (SessionIn(&self.addr), &mut self.reader)
    }
}

/// The way in alone.
pub struct SessionIn<'a>(&'a Addr<SessionActor>);

impl SessionIn<'_> {
    /// Hands over one message from the phone and waits until it is dealt with. False when the session has ended.
    pub async fn frame(&self, message: Vec<u8>) -> bool {
        self.0.send(Frame(message)).await.is_ok()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // With a full mailbox the actor meets the cut Link at its next message instead.
        let _ = self.addr.try_send(HungUp);
    }
}

/// How often to ping, in seconds: a realm that ends logins in silence wants to hear three times before.
fn ping_after(usual: u64, silence_secs: u64) -> u64 {
    match silence_secs {
        0 => usual,
        secs => usual.min((secs / 3).max(1)),
    }
}
