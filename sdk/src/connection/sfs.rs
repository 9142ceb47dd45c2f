//! A connection to SFS: setting, proving and attesting the PIN.

use countersign_channel::{ChannelError, ServerPin, p256, random};
use countersign_pin::{PinError, context, phone};
use countersign_protocol::{
    codes::{PinPolicy, PinState, Refusal},
    frames::{
        Attest, AuthDevice, DeviceKind, ForgetPin, ProvePin, SetPin, SfsPhoneFrame, SfsReady, SfsServerFrame,
        StorePin, TryPin, Welcome,
    },
    ids::{FactorId, ReqId},
};

use super::{
    Ended, Turn,
    shell::{Incoming, Shell},
};
use crate::{KeyError, KeyHandle, KeyStore, pin::Pin};

/// Something that the app must know or do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SfsEvent {
    /// The device is online.
    Ready(PinStatus),
    /// The answer to the request under way.
    Answered(SfsAnswer),
    /// The connection has ended; close the socket.
    Over(Ended),
}

/// What SFS says about this device's PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinStatus {
    pub state: PinState,
    pub tries_left: u64,
    pub policy: PinPolicy,
    /// The least digits of a new PIN.
    pub min_digits: u64,
    /// Seconds until the next try is accepted, if it has to wait.
    pub wait_secs: Option<u64>,
    /// Send a ping at least every so many seconds.
    pub ping_after: u64,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SfsAnswer {
    /// The PIN is set.
    Set,
    /// The PIN was right.
    Proven,
    /// The PIN was wrong; so many tries are left.
    WrongPin { tries_left: u64 },
    /// The attestation and the key list of the SFS, for NS.
    Attested { factor: FactorId, attestation: String, keys: String },
    /// The device is forgotten.
    Forgotten,
    /// SFS refused.
    Refused { code: Refusal, retry_after: Option<u64> },
}

enum State {
    /// HELLO has been sent.
    Greeting,
    Authenticating,
    Ready,
    /// `set_pin` has been sent.
    Registering(ReqId, Box<phone::Registration>),
    /// `store_pin` has been sent.
    Storing(ReqId),
    /// `try_pin` has been sent.
    Trying(ReqId, Box<phone::Check>),
    /// `prove_pin` has been sent; so many tries are left if it is refused.
    Proving(ReqId, u64),
    Attesting(ReqId),
    Forgetting(ReqId),
    Over,
}

/// The state machine of a connection to SFS. One request is under way at a time.
pub struct SfsConnection {
    shell: Shell,
    state: State,
    key: KeyHandle,
    ping_after: u64,
    app_version: Option<String>,
}

fn fill(out: &mut [u8]) {
    for chunk in out.chunks_mut(32) {
        chunk.copy_from_slice(&random::<32>()[..chunk.len()]);
    }
}

impl SfsConnection {
    /// Starts a connection as the device with this key; returns HELLO to send.
    ///
    /// # Errors
    /// When the pinned key is not a usable key.
    pub fn hello(
        pin: &ServerPin,
        key: KeyHandle,
        app_version: Option<String>,
    ) -> Result<(Self, Vec<u8>), ChannelError> {
        let (shell, hello) = Shell::hello(pin)?;
        Ok((Self { shell, state: State::Greeting, key, ping_after: 0, app_version }, hello))
    }

    /// Handles one binary message from the server.
    ///
    /// # Errors
    /// When the key store fails; the connection has ended then.
    pub fn on_message(&mut self, message: &[u8], keys: &dyn KeyStore) -> Result<Turn<SfsEvent>, KeyError> {
        let mut turn = Turn::default();
        match self.shell.read(message) {
            Incoming::Nothing => {}
            Incoming::Welcome(welcome) => {
                let greeted = self.greeted(&welcome, keys, &mut turn);
                if greeted.is_err() {
                    self.end(Ended::Protocol, &mut turn);
                }
                greeted?;
            }
            Incoming::Content(content) => match SfsServerFrame::decode(&content) {
                Ok(frame) => self.step(frame, &mut turn),
                Err(_) => self.end(Ended::Protocol, &mut turn),
            },
            Incoming::Ended(why) => self.end(why, &mut turn),
        }
        Ok(turn)
    }

    fn greeted(
        &mut self,
        welcome: &Welcome,
        keys: &dyn KeyStore,
        turn: &mut Turn<SfsEvent>,
    ) -> Result<(), KeyError> {
        self.ping_after = welcome.ping_after;
        let Some(channel) = self.shell.channel() else { return Ok(()) };
        let public_key = keys.public(&self.key)?;
        let sig = keys.sign(&self.key, &channel.auth_message(&p256::thumbprint(&public_key)))?;
        let auth = AuthDevice { kind: DeviceKind, sig, app_version: self.app_version.clone(), public_key };
        self.say(&auth.into(), State::Authenticating, turn);
        Ok(())
    }

    fn end(&mut self, why: Ended, turn: &mut Turn<SfsEvent>) {
        self.shell.end();
        self.state = State::Over;
        turn.events.push(SfsEvent::Over(why));
    }

    fn say(&mut self, frame: &SfsPhoneFrame, next: State, turn: &mut Turn<SfsEvent>) {
        match self.shell.seal(&frame.encode()) {
            Ok(sealed) => {
                self.state = next;
                turn.send.push(sealed);
            }
            Err(why) => self.end(why, turn),
        }
    }

    /// Handles one frame; any pair of state and frame that is not listed ends the connection.
    fn step(&mut self, frame: SfsServerFrame, turn: &mut Turn<SfsEvent>) {
        let state = std::mem::replace(&mut self.state, State::Over);
        let answer = match (state, frame) {
            (_, SfsServerFrame::Goodbye(g)) => return self.end(Ended::Server(g.code), turn),
            (state, SfsServerFrame::Pong(_)) => {
                self.state = state;
                return;
            }
            (State::Authenticating, SfsServerFrame::SfsReady(ready)) => {
                self.state = State::Ready;
                turn.events.push(SfsEvent::Ready(self.status(&ready)));
                return;
            }
            (State::Registering(id, registration), SfsServerFrame::PinOffered(o)) if o.req_id == id => {
                match (*registration).finish(&fill, &o.response) {
                    Ok(record) => {
                        let req_id = ReqId(random());
                        let store = StorePin { req_id, record };
                        return self.say(&store.into(), State::Storing(req_id), turn);
                    }
                    Err(_) => return self.end(Ended::Protocol, turn),
                }
            }
            (State::Trying(id, check), SfsServerFrame::PinEvaluated(e)) if e.req_id == id => {
                return self.evaluated(*check, &e.ke2, e.tries_left, turn);
            }
            (State::Storing(id), SfsServerFrame::Done(d)) if d.req_id == id => SfsAnswer::Set,
            (State::Proving(id, _), SfsServerFrame::Done(d)) if d.req_id == id => SfsAnswer::Proven,
            (State::Forgetting(id), SfsServerFrame::Done(d)) if d.req_id == id => SfsAnswer::Forgotten,
            (State::Attesting(id), SfsServerFrame::Attested(a)) if a.req_id == id => {
                SfsAnswer::Attested { factor: a.factor, attestation: a.attestation, keys: a.keys }
            }
            (state, SfsServerFrame::Refused(r)) if state.asked() == Some(r.req_id) => match (state, r.code) {
                (State::Proving(_, tries_left), Refusal::WrongPin) => SfsAnswer::WrongPin { tries_left },
                (_, code) => SfsAnswer::Refused { code, retry_after: r.retry_after },
            },
            _ => return self.end(Ended::Protocol, turn),
        };
        self.state = State::Ready;
        turn.events.push(SfsEvent::Answered(answer));
    }

    fn evaluated(
        &mut self,
        check: phone::Check,
        ke2: &[u8; countersign_pin::KE2],
        tries_left: u64,
        turn: &mut Turn<SfsEvent>,
    ) {
        let Some(cb) = self.shell.channel().map(countersign_channel::Channel::binding) else {
            return self.end(Ended::Protocol, turn);
        };
        match check.finish(&fill, ke2, &context(&cb)) {
            Ok(ke3) => {
                let req_id = ReqId(random());
                let prove = ProvePin { req_id, ke3 };
                self.say(&prove.into(), State::Proving(req_id, tries_left), turn);
            }
            // The phone finds out by itself; SFS has counted the try.
            Err(PinError::Wrong) => {
                self.state = State::Ready;
                turn.events.push(SfsEvent::Answered(SfsAnswer::WrongPin { tries_left }));
            }
            Err(PinError::Malformed | PinError::Unable) => self.end(Ended::Protocol, turn),
        }
    }

    fn status(&self, ready: &SfsReady) -> PinStatus {
        PinStatus {
            state: ready.state,
            tries_left: ready.tries_left,
            policy: ready.policy,
            min_digits: ready.min_digits,
            wait_secs: ready.wait_secs,
            ping_after: self.ping_after,
        }
    }

    /// Begins a request; `None` when the connection is not ready for one.
    fn request(&mut self, frame: &SfsPhoneFrame, next: State) -> Option<Turn<SfsEvent>> {
        let State::Ready = self.state else { return None };
        let mut turn = Turn::default();
        self.say(frame, next, &mut turn);
        Some(turn)
    }

    /// Sets the PIN. A device that has one must have proven it on this connection.
    ///
    /// # Errors
    /// When the key store fails.
    pub fn set_pin(&mut self, keys: &dyn KeyStore, pin: &Pin) -> Result<Option<Turn<SfsEvent>>, KeyError> {
        let password = pin.password(&*keys.device_secret(&self.key)?);
        let Ok((registration, request)) = phone::Registration::start(&fill, &password[..]) else {
            return Ok(None);
        };
        let req_id = ReqId(random());
        let frame = SetPin { req_id, request }.into();
        Ok(self.request(&frame, State::Registering(req_id, Box::new(registration))))
    }

    /// Proves the PIN. It costs a try, which comes back when the PIN is right.
    ///
    /// # Errors
    /// When the key store fails.
    pub fn prove_pin(&mut self, keys: &dyn KeyStore, pin: &Pin) -> Result<Option<Turn<SfsEvent>>, KeyError> {
        let password = pin.password(&*keys.device_secret(&self.key)?);
        let Ok((check, ke1)) = phone::Check::start(&fill, &password[..]) else { return Ok(None) };
        let req_id = ReqId(random());
        let frame = TryPin { req_id, ke1 }.into();
        Ok(self.request(&frame, State::Trying(req_id, Box::new(check))))
    }

    /// Asks for an attestation over this context. Without a factor, one is made.
    pub fn attest(&mut self, factor: Option<FactorId>, ctx: [u8; 32]) -> Option<Turn<SfsEvent>> {
        let req_id = ReqId(random());
        self.request(&Attest { req_id, factor, ctx }.into(), State::Attesting(req_id))
    }

    /// Deletes the device's PIN and factors.
    pub fn forget(&mut self) -> Option<Turn<SfsEvent>> {
        let req_id = ReqId(random());
        self.request(&ForgetPin { req_id }.into(), State::Forgetting(req_id))
    }
}

impl State {
    /// The request under way.
    fn asked(&self) -> Option<ReqId> {
        match self {
            Self::Registering(id, _)
            | Self::Storing(id)
            | Self::Trying(id, _)
            | Self::Proving(id, _)
            | Self::Attesting(id)
            | Self::Forgetting(id) => Some(*id),
            Self::Greeting | Self::Authenticating | Self::Ready | Self::Over => None,
        }
    }
}
