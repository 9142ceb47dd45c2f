//! The part of a connection that is the same with every service: outer frames and the channel.

use countersign_channel::{Channel, ChannelError, Greeting, ServerPin};
use countersign_protocol::{cbor, frames::Welcome, outer::Outer};

use super::Ended;

/// The state of a connection's channel.
enum Stage {
    /// HELLO has been sent.
    Greeting(Box<Greeting>),
    Open(Channel),
    Over,
}

/// One incoming message, read as far as it is the same for every service.
pub(super) enum Incoming {
    /// The handshake is complete and the channel is open.
    Welcome(Welcome),
    /// The content of a sealed message.
    Content(Vec<u8>),
    /// The connection has ended.
    Ended(Ended),
    /// The message came after the end and is ignored.
    Nothing,
}

/// The outer frames and the channel of one connection.
pub(super) struct Shell {
    stage: Stage,
}

impl Shell {
    /// Starts a connection; returns HELLO to send.
    pub(super) fn hello(pin: &ServerPin) -> Result<(Self, Vec<u8>), ChannelError> {
        let (greeting, hello) = Greeting::start(pin)?;
        Ok((Self { stage: Stage::Greeting(Box::new(greeting)) }, hello))
    }

    /// Reads one binary message. After [`Incoming::Ended`], messages are ignored.
    pub(super) fn read(&mut self, message: &[u8]) -> Incoming {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        match (stage, Outer::parse(message)) {
            (Stage::Over, _) => Incoming::Nothing,
            (_, Ok(Outer::Close { code })) => Incoming::Ended(Ended::Hint(code)),
            (Stage::Greeting(_), Ok(Outer::Retry { .. })) => Incoming::Ended(Ended::KeyRetired),
            (Stage::Greeting(greeting), Ok(Outer::HelloOk { noise })) => self.greeted(*greeting, noise),
            (Stage::Open(channel), Ok(Outer::Data { sealed })) => self.open(channel, sealed),
            _ => Incoming::Ended(Ended::NotTheServer),
        }
    }

    fn greeted(&mut self, greeting: Greeting, noise: &[u8]) -> Incoming {
        let Ok((channel, welcome)) = greeting.finish(noise) else {
            return Incoming::Ended(Ended::NotTheServer);
        };
        let Ok(welcome) = cbor::decode(&welcome) else { return Incoming::Ended(Ended::Protocol) };
        self.stage = Stage::Open(channel);
        Incoming::Welcome(welcome)
    }

    fn open(&mut self, mut channel: Channel, sealed: &[u8]) -> Incoming {
        let Ok(content) = channel.open(sealed) else { return Incoming::Ended(Ended::NotTheServer) };
        self.stage = Stage::Open(channel);
        Incoming::Content(content)
    }

    /// The open channel, for signatures that are bound to it.
    pub(super) fn channel(&self) -> Option<&Channel> {
        match &self.stage {
            Stage::Open(channel) => Some(channel),
            Stage::Greeting(_) | Stage::Over => None,
        }
    }

    /// Seals a frame to send.
    pub(super) fn seal(&mut self, frame: &[u8]) -> Result<Vec<u8>, Ended> {
        let Stage::Open(channel) = &mut self.stage else { return Err(Ended::Protocol) };
        channel.seal(frame).map_err(|_| Ended::Rekey)
    }

    /// Ends the connection: messages are ignored from now on.
    pub(super) fn end(&mut self) {
        self.stage = Stage::Over;
    }
}
