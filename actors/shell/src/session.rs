//! SessionActor: one per phone connection, on the worker of its socket.
//!
//! It owns the channel and the deadlines; the pump hands it one frame at a time and waits until the
//! frame is dealt with. Everything it says goes out through its PhoneLink. What is said is the
//! [`Conversation`]'s.

use std::{net::IpAddr, sync::Arc, time::Duration};

use actix::{ResponseActFuture, prelude::*};
use countersign_channel::Channel;
use countersign_ports::time::Time;
use countersign_protocol::{codes::Close, outer::Outer};

use crate::{conversation::Conversation, link::PhoneLink, registry::Control, start::Shell};

/// The pump's frame, what is left of the registries' events, and a spare.
const MAILBOX: usize = 8;

/// What comes from the pump.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum Pumped {
    /// One message from the phone.
    Frame(Vec<u8>),
    /// The pump has gone.
    HungUp,
}

/// What a session still does before it hears the next frame.
pub type Work<C> = ResponseActFuture<SessionActor<C>, ()>;

/// Nothing more to do.
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
    /// Where the connection comes from, as far as this pod sees.
    from: IpAddr,
    born: Time,
    deadline: Time,
    /// Name of the frame that has no answer yet. One is heard at a time, so one field is enough.
    asked: Option<&'static str>,
    /// Waits for the drain as long as the registry, which will tell then, does not know this
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

    /// Where the connection comes from, as far as this pod sees.
    #[must_use]
    pub fn from(&self) -> IpAddr {
        self.from
    }

    /// Whether the phone waits for an answer.
    #[must_use]
    pub fn owes_an_answer(&self) -> bool {
        self.asked.is_some()
    }

    /// The phone has shown a known key or a good code: the pump holds it on a longer leash.
    pub fn trust(&mut self) {
        self.link.trust();
    }

    /// A registry knows this session now, and tells it of a drain.
    pub fn is_registered(&mut self, ctx: &mut Context<Self>) {
        ctx.cancel_future(self.waits_for_drain);
    }

    /// Seals and queues. A peer that does not read, and a channel that is used up, end the session.
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

    /// Says why, authentically, and ends.
    pub fn goodbye(&mut self, why: Close, ctx: &mut Context<Self>) {
        self.say(C::goodbye(why), ctx);
        self.end(why, ctx);
    }

    /// Ends without explanation: whatever was wrong, the answer is the same.
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

    /// Lets the connection stand this long from now, within its lifetime.
    pub fn extend(&mut self, by: Duration) {
        self.deadline = after(self.shell.clock.now(), by).min(after(self.born, self.shell.lifetime));
    }

    /// One timer per session: it looks, and sleeps again for what is left.
    fn watch_deadline(&mut self, ctx: &mut Context<Self>) {
        let now = self.shell.clock.now();
        if now >= self.deadline {
            let over = now >= after(self.born, self.shell.lifetime);
            return self.goodbye(if over { Close::Rekey } else { Close::Timeout }, ctx);
        }
        ctx.run_later(Duration::from_millis(now.until(self.deadline)), Self::watch_deadline);
    }

    fn read(&mut self, message: &[u8]) -> Option<C::Incoming> {
        let Ok(Outer::Data { sealed }) = Outer::parse(message) else { return None };
        let content = self.channel.open(sealed).ok()?;
        C::decode(&content)
    }

    fn on_message(&mut self, message: &[u8], ctx: &mut Context<Self>) -> Work<C> {
        if self.link.is_cut() {
            ctx.stop();
            return done();
        }
        let work = self.read(message).and_then(|frame| {
            self.asked = Some(C::name(&frame));
            C::on_frame(self, frame, ctx)
        });
        work.unwrap_or_else(|| {
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
        // An error means that the program is gone already.
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
