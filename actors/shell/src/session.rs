//! SessionActor: one per phone connection, on the worker of its socket.
//!
//! The actor owns the channel and the deadlines; the pump hands it one frame at a time and waits
//! until the frame has been handled. Everything it sends goes out through its PhoneLink. The
//! content is up to its [`Conversation`].

use std::{net::IpAddr, sync::Arc, time::Duration};

use actix::{ResponseActFuture, prelude::*};
use countersign_channel::{Channel, ChannelError};
use countersign_ports::time::Time;
use countersign_protocol::{codes::Close, outer::Outer};

use crate::{conversation::Conversation, link::PhoneLink, registry::Control, start::Shell};

/// Mailbox capacity: the pump's frame, registry events that are not handled yet, and one spare.
const MAILBOX: usize = 8;

/// A message from the pump.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum Pumped {
    /// One message from the phone.
    Frame(Vec<u8>),
    /// The pump has ended.
    HungUp,
}

/// Work that a session finishes before it receives the next frame.
pub type Work<C> = ResponseActFuture<SessionActor<C>, ()>;

/// Work that has nothing to do.
#[must_use]
pub fn done<C: Conversation>() -> Work<C> {
    Box::pin(actix::fut::ready(()))
}

/// A phone connection.
pub struct SessionActor<C: Conversation> {
    pub conversation: C,
    pub(crate) shell: Arc<Shell>,
    pub(crate) link: PhoneLink,
    channel: Channel,
    /// The address the connection comes from, as far as this pod can see.
    from: IpAddr,
    born: Time,
    deadline: Time,
    /// Name of the frame that has not been answered yet. One command is in flight at a time, so one
    /// field is enough.
    asked: Option<&'static str>,
    /// Waits for a drain until the session is registered; from then on the registry ends the
    /// session.
    waits_for_drain: SpawnHandle,
}

impl<C: Conversation> SessionActor<C> {
    pub(crate) fn new(
        shell: Arc<Shell>,
        link: PhoneLink,
        channel: Channel,
        conversation: C,
        from: IpAddr,
    ) -> Self {
        let born = shell.clock.now();
        let deadline = after(born, shell.first_frame);
        let waits_for_drain = SpawnHandle::default();
        Self { conversation, shell, link, channel, from, born, deadline, asked: None, waits_for_drain }
    }

    /// The channel to the phone.
    #[must_use]
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The address the connection comes from, as far as this pod can see.
    #[must_use]
    pub fn from(&self) -> IpAddr {
        self.from
    }

    /// Whether the phone still waits for an answer.
    #[must_use]
    pub fn owes_an_answer(&self) -> bool {
        self.asked.is_some()
    }

    /// Records that the phone has shown a known key or a good code, so that the pump relaxes its
    /// limits.
    pub fn trust(&mut self) {
        self.link.trust();
    }

    /// Records that a registry knows this session and will inform it of a drain.
    pub fn is_registered(&mut self, ctx: &mut Context<Self>) {
        ctx.cancel_future(self.waits_for_drain);
    }

    /// Seals and queues a frame. A peer that does not read, or an exhausted channel, ends the
    /// session.
    pub fn say(&mut self, frame: impl Into<C::Outgoing>, ctx: &mut Context<Self>) {
        if self.link.is_closed() {
            return;
        }
        let frame = frame.into();
        if let Some(how) = C::answers(&frame)
            && let Some(asked) = self.asked.take()
        {
            C::answered(self, asked, how, ctx);
        }
        match self.channel.seal(&C::encode(&frame)).map(|sealed| self.link.send(sealed)) {
            Ok(true) => {}
            Ok(false) => self.end_at_once(Close::TooSlow, ctx),
            Err(_) => self.end_at_once(Close::Rekey, ctx),
        }
    }

    /// Sends the reason as an authenticated frame, and ends the session.
    pub fn goodbye(&mut self, why: Close, ctx: &mut Context<Self>) {
        self.say(C::goodbye(why), ctx);
        self.end(why, ctx);
    }

    /// Ends the session without an explanation, so that every violation gets the same answer.
    fn abort(&mut self, ctx: &mut Context<Self>) {
        let _full_or_not = self.link.send(Outer::Close { code: Close::Protocol.code() }.to_bytes());
        self.end(Close::Protocol, ctx);
    }

    fn end(&mut self, why: Close, ctx: &mut Context<Self>) {
        self.conversation.end();
        self.link.close(why);
        ctx.stop();
    }

    fn end_at_once(&mut self, why: Close, ctx: &mut Context<Self>) {
        self.link.cut(why);
        self.end(why, ctx);
    }

    /// Moves the deadline to this long from now, but not beyond the connection's lifetime.
    pub fn extend(&mut self, by: Duration) {
        self.deadline = after(self.shell.clock.now(), by).min(after(self.born, self.shell.lifetime));
    }

    /// Ends the session at its deadline. Each session has one timer, which is set again for the
    /// time left when the deadline has moved.
    fn watch_deadline(&mut self, ctx: &mut Context<Self>) {
        let now = self.shell.clock.now();
        if now >= self.deadline {
            let over = now >= after(self.born, self.shell.lifetime);
            return self.goodbye(if over { Close::Rekey } else { Close::Timeout }, ctx);
        }
        ctx.run_later(Duration::from_millis(now.until(self.deadline)), Self::watch_deadline);
    }

    /// Reads a frame, or says how the session ends.
    fn read(&mut self, message: &[u8]) -> Result<C::Incoming, Close> {
        let Ok(Outer::Data { sealed }) = Outer::parse(message) else { return Err(Close::Protocol) };
        let content = self.channel.open(sealed).map_err(|e| match e {
            ChannelError::Unable => Close::Busy,
            _ => Close::Protocol,
        })?;
        C::decode(&content).ok_or(Close::Protocol)
    }

    fn on_message(&mut self, message: &[u8], ctx: &mut Context<Self>) -> Work<C> {
        if self.link.is_cut() {
            ctx.stop();
            return done();
        }
        let frame = match self.read(message) {
            Ok(frame) => frame,
            Err(Close::Busy) => {
                self.end_at_once(Close::Busy, ctx);
                return done();
            }
            Err(_) => {
                self.abort(ctx);
                return done();
            }
        };
        self.asked = Some(C::name(&frame));
        C::on_frame(self, frame, ctx).unwrap_or_else(|| {
            self.abort(ctx);
            done()
        })
    }
}

fn after(time: Time, by: Duration) -> Time {
    Time(time.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
}

impl<C: Conversation> Actor for SessionActor<C> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.watch_deadline(ctx);
        let mut leaving = self.shell.leaving.clone();
        // An error means that the process is already ending.
        let told = async move { leaving.wait_for(|leaving| *leaving).await.is_ok() };
        self.waits_for_drain =
            ctx.spawn(told.into_actor(self).map(|_, session, ctx| session.goodbye(Close::Draining, ctx)));
    }
}

impl<C: Conversation> Handler<Pumped> for SessionActor<C> {
    type Result = Work<C>;

    fn handle(&mut self, pumped: Pumped, ctx: &mut Self::Context) -> Work<C> {
        match pumped {
            Pumped::Frame(message) => self.on_message(&message, ctx),
            Pumped::HungUp => {
                self.conversation.end();
                ctx.stop();
                done()
            }
        }
    }
}

impl<C: Conversation> Handler<Control<C::Event>> for SessionActor<C> {
    type Result = Work<C>;

    fn handle(&mut self, control: Control<C::Event>, ctx: &mut Self::Context) -> Work<C> {
        match control {
            Control::End(why) => {
                self.goodbye(why, ctx);
                done()
            }
            Control::Event(event) => C::notify(self, event),
            #[cfg(feature = "faults")]
            Control::Panic => {
                #[expect(clippy::panic, reason = "asked for by a test")]
                {
                    panic!("asked for by a test");
                }
            }
        }
    }
}
