//! The actor: frames in, deadlines, the first two phases.

use std::{net::IpAddr, sync::Arc};

use actix::{ResponseActFuture, prelude::*};
use countersign_channel::Channel;
use countersign_domain_ns::ports::{Answered, Fact};
use countersign_ports::time::Time;
use countersign_protocol::{
    codes::{AccountState, Close, Refusal},
    frames::{ClientAuth, Goodbye, PhoneFrame, Refused as RefusedFrame, ServerFrame},
    ids::ReqId,
    outer::Outer,
};

use super::phases::{Greeting, Phase};
use crate::{heart::Shared, link::Link, realms::Entrance, registry::message::Control};

/// The pump's frame, what is left of the registries' events, and a spare.
const MAILBOX: usize = 8;

/// One message from the phone.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Frame(pub(super) Vec<u8>);

/// The pump has gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct HungUp;

pub(super) type Work = ResponseActFuture<SessionActor, ()>;

pub(crate) struct SessionActor {
    pub(super) shared: Arc<Shared>,
    pub(super) link: Link,
    pub(super) channel: Channel,
    pub(super) phase: Phase,
    /// Where the connection comes from, as far as this pod sees.
    pub(super) from: IpAddr,
    born: Time,
    deadline: Time,
    /// Name of the frame that has no answer yet.
    pub(super) asked: Option<&'static str>,
    /// The account's state as the phone knows it.
    pub(super) told_state: Option<AccountState>,
    /// The account may have changed while it was being authenticated.
    pub(super) look_due: bool,
    /// Waits for the drain as long as the registry, which will tell then, does not know this session.
    pub(super) waits_for_drain: SpawnHandle,
}

impl SessionActor {
    pub(super) fn new(shared: Arc<Shared>, link: Link, channel: Channel, entrance: Entrance, from: IpAddr) -> Self {
        let born = shared.ports.now();
        let deadline = after(born, shared.settings.first_frame);
        Self {
            shared,
            link,
            channel,
            phase: Phase::Greeting(Greeting { realm: entrance.realm, epoch: entrance.epoch }),
            from,
            born,
            deadline,
            asked: None,
            told_state: None,
            look_due: false,
            waits_for_drain: SpawnHandle::default(),
        }
    }

    /// Seals and queues. A peer that does not read, and a channel that is used up, end the session.
    pub(super) fn say(&mut self, frame: impl Into<ServerFrame>, ctx: &mut Context<Self>) {
        if self.link.is_closed() {
            return;
        }
        let frame = frame.into();
        self.count(&frame, ctx);
        match self.channel.seal(&frame.encode()).map(|sealed| self.link.send(sealed)) {
            Ok(true) => {}
            Ok(false) => self.end_at_once(Close::TooSlow, ctx),
            Err(_) => self.end_at_once(Close::Rekey, ctx),
        }
    }

    /// Counts what answers the phone. It is answered before it is heard again, so there is one question at most.
    fn count(&mut self, frame: &ServerFrame, ctx: &mut Context<Self>) {
        let result = match frame {
            ServerFrame::LoginChanged(_)
            | ServerFrame::AccountChanged(_)
            | ServerFrame::LoginOffered(_)
            | ServerFrame::EnrolmentWaiting(_)
            | ServerFrame::DeviceChanged(_) => return,
            ServerFrame::Refused(refused) => Answered::no(refused.code),
            ServerFrame::Goodbye(_) => Answered::Ended,
            _ => Answered::Ok,
        };
        if let Some(frame) = self.asked.take() {
            if self.look_due && matches!(self.phase, Phase::Account(_)) {
                self.look_due = false;
                ctx.notify(Control::Look);
            }
            self.shared.ports.meter.note(Fact::Command { frame, result });
        }
    }

    pub(super) fn refuse(&mut self, req_id: ReqId, why: Refusal, ctx: &mut Context<Self>) {
        self.say(RefusedFrame { req_id, code: why, retry_after: None }, ctx);
    }

    /// Says why, authentically, and ends.
    pub(super) fn goodbye(&mut self, why: Close, ctx: &mut Context<Self>) {
        self.say(Goodbye { code: why }, ctx);
        self.end(why, ctx);
    }

    /// Ends without explanation: whatever was wrong, the answer is the same.
    fn abort(&mut self, ctx: &mut Context<Self>) {
        let _full_or_not = self.link.send(Outer::Close { code: Close::Protocol.code() }.to_bytes());
        self.end(Close::Protocol, ctx);
    }

    fn end(&mut self, why: Close, ctx: &mut Context<Self>) {
        self.phase = Phase::Over;
        self.link.close(why);
        ctx.stop();
    }

    fn end_at_once(&mut self, why: Close, ctx: &mut Context<Self>) {
        self.link.cut(why);
        self.end(why, ctx);
    }

    pub(super) fn extend(&mut self, by: std::time::Duration) {
        self.deadline = after(self.shared.ports.now(), by).min(after(self.born, self.shared.settings.lifetime));
    }

    /// One timer per session: it looks, and sleeps again for what is left.
    fn watch_deadline(&mut self, ctx: &mut Context<Self>) {
        let now = self.shared.ports.now();
        if now >= self.deadline {
            let why = if now >= after(self.born, self.shared.settings.lifetime) { Close::Rekey } else { Close::Timeout };
            return self.goodbye(why, ctx);
        }
        let left = std::time::Duration::from_millis(now.until(self.deadline));
        ctx.run_later(left, Self::watch_deadline);
    }

    fn read(&mut self, message: &[u8]) -> Option<PhoneFrame> {
        let Ok(Outer::Data { sealed }) = Outer::parse(message) else { return None };
        let content = self.channel.open(sealed).ok()?;
        PhoneFrame::decode(&content).ok()
    }

    fn dispatch(&mut self, frame: PhoneFrame, ctx: &mut Context<Self>) -> Work {
        match (std::mem::replace(&mut self.phase, Phase::Over), frame) {
            (Phase::Greeting(g), PhoneFrame::Auth(ClientAuth::Account(auth))) => self.authenticate(g, auth, ctx),
            (Phase::Greeting(g), PhoneFrame::Auth(ClientAuth::Enrol(auth))) => self.offer(g, auth),
            (Phase::Enrolling(e), PhoneFrame::Enrol(enrol)) => self.enrol(e, enrol),
            (Phase::Account(account), command) if !matches!(command, PhoneFrame::Auth(_) | PhoneFrame::Enrol(_)) => {
                self.phase = Phase::Account(account);
                self.extend(self.shared.settings.idle);
                self.command(command, ctx)
            }
            _ => {
                self.abort(ctx);
                done()
            }
        }
    }
}

pub(super) fn done() -> Work {
    Box::pin(actix::fut::ready(()))
}

fn after(time: Time, by: std::time::Duration) -> Time {
    Time(time.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
}

impl Actor for SessionActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.watch_deadline(ctx);
        let mut leaving = self.shared.leaving.clone();
        // An error means that the program is gone already.
        let told = async move { leaving.wait_for(|leaving| *leaving).await.is_ok() };
        self.waits_for_drain = ctx.spawn(told.into_actor(self).map(|_, act, ctx| act.goodbye(Close::Draining, ctx)));
    }
}

impl Handler<Frame> for SessionActor {
    type Result = Work;

    fn handle(&mut self, Frame(message): Frame, ctx: &mut Self::Context) -> Work {
        if self.link.is_cut() {
            ctx.stop();
            return done();
        }
        match self.read(&message) {
            Some(frame) => {
                self.asked = Some(frame.name());
                self.dispatch(frame, ctx)
            }
            None => {
                self.abort(ctx);
                done()
            }
        }
    }
}

impl Handler<HungUp> for SessionActor {
    type Result = ();

    fn handle(&mut self, _: HungUp, ctx: &mut Self::Context) {
        self.phase = Phase::Over;
        ctx.stop();
    }
}

impl Handler<Control> for SessionActor {
    type Result = Work;

    fn handle(&mut self, control: Control, ctx: &mut Self::Context) -> Work {
        match control {
            Control::End(why) => {
                self.goodbye(why, ctx);
                done()
            }
            Control::Look => self.look_at_account(),
            Control::See(topic) => self.see(topic),
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
