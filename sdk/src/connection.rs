//! One connection, from HELLO to its end.

use countersign_channel::{Channel, ChannelError, Greeting, ServerPin, p256};
use countersign_protocol::{
    cbor,
    codes::{AccountState, Close, LoginState, RefuseReason},
    decision::{Decision, Verdict, compact},
    frames::{self, AuthAccount, AuthEnrol, ClientAuth, Device, Enrol, EnrolCode, PhoneFrame, ServerFrame, Welcome},
    ids::{AccountId, EnrolmentId, Jkt, LoginId, RealmId, ReqId},
    outer::Outer,
    vouch::Vouch,
};

use crate::{Answer, Capability, Command, KeyError, KeyHandle, KeyStore, NewPhone, Prompt};

/// Why to connect.
pub enum Purpose {
    /// As an account that exists.
    Account { key: KeyHandle },
    /// With an enrolment code.
    Enrol { code: EnrolCode },
}

/// Something the app must know or do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The account is online. Ping at least every `ping_after` seconds.
    Ready { account: AccountId, state: AccountState, realm_name: String, ping_after: u64 },
    /// Show whom the user joins; then [`Connection::accept`] or hang up.
    Offer { realm_name: String, client_name: String, user: String },
    /// The account exists. Show the number, when there is one.
    Enrolled { account: AccountId, state: AccountState, number: Option<String> },
    /// The answer to the one command under way.
    Answered(Answer),
    /// A login this account claimed has changed.
    LoginChanged { login: LoginId, state: LoginState },
    /// The account's own state changed.
    AccountChanged(AccountState),
    /// A login waits for this account: claim it with [`Command::directed`].
    LoginOffered { login: LoginId, client_name: String, expires_at: u64 },
    /// A new phone of this user waits for a word from an old one.
    EnrolmentWaiting { enrolment: EnrolmentId, name: String },
    /// Another phone of this user came, changed or went.
    DeviceChanged(Device),
    /// Nothing more comes; close the socket.
    Over(Ended),
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The server said so, and it really was the server.
    Server(Close),
    /// A CLOSE nobody vouches for: a hint.
    Hint(u16),
    /// The server is not the one that was pinned, or somebody altered its words.
    NotTheServer,
    /// The server breaks the protocol inside the channel.
    Protocol,
    /// It sent RETRY: the pinned key has been replaced. Following it comes with key rotation.
    KeyRetired,
    /// The channel has carried its limit.
    Rekey,
}

/// What one step gives.
#[derive(Debug, Default)]
pub struct Turn {
    /// Send these, in order.
    pub send: Vec<Vec<u8>>,
    pub events: Vec<Event>,
}

enum State {
    Greeting(Box<Greeting>),
    Authenticating(Channel),
    Offered { channel: Channel, challenge: [u8; 32] },
    Enrolling { channel: Channel, req_id: ReqId },
    Ready(Channel),
    Waiting { channel: Channel, req_id: Option<ReqId> },
    Over,
}

/// The state machine of one connection.
pub struct Connection {
    state: State,
    realm: RealmId,
    purpose: Purpose,
    jkt: Option<Jkt>,
    ping_after: u64,
    app_version: Option<String>,
}

impl Connection {
    /// Starts; gives HELLO to send. `app_version` is numbers with dots between them.
    ///
    /// # Errors
    /// When the pinned key is no key.
    pub fn hello(pin: &ServerPin, purpose: Purpose, app_version: Option<String>) -> Result<(Self, Vec<u8>), ChannelError> {
        let (greeting, hello) = Greeting::start(pin)?;
        let state = State::Greeting(Box::new(greeting));
        Ok((Self { state, realm: RealmId(pin.server_id), purpose, jkt: None, ping_after: 0, app_version }, hello))
    }

    /// Takes one binary message from the server.
    ///
    /// # Errors
    /// When the key store fails; the connection is over then.
    pub fn on_message(&mut self, message: &[u8], keys: &dyn KeyStore) -> Result<Turn, KeyError> {
        let mut turn = Turn::default();
        match (std::mem::replace(&mut self.state, State::Over), Outer::parse(message)) {
            (State::Over, _) => {}
            (_, Ok(Outer::Close { code })) => turn.events.push(Event::Over(Ended::Hint(code))),
            (State::Greeting(_), Ok(Outer::Retry { .. })) => turn.events.push(Event::Over(Ended::KeyRetired)),
            (State::Greeting(greeting), Ok(Outer::HelloOk { noise })) => match greeting.finish(noise) {
                Ok((channel, welcome)) => self.greeted(channel, &welcome, keys, &mut turn)?,
                Err(_) => turn.events.push(Event::Over(Ended::NotTheServer)),
            },
            (State::Greeting(_), _) => turn.events.push(Event::Over(Ended::NotTheServer)),
            (state, Ok(Outer::Data { sealed })) => self.data(state, sealed, &mut turn),
            (_, _) => turn.events.push(Event::Over(Ended::NotTheServer)),
        }
        Ok(turn)
    }

    fn greeted(&mut self, mut channel: Channel, welcome: &[u8], keys: &dyn KeyStore, turn: &mut Turn) -> Result<(), KeyError> {
        let Ok(welcome) = cbor::decode::<Welcome>(welcome) else {
            turn.events.push(Event::Over(Ended::Protocol));
            return Ok(());
        };
        self.ping_after = welcome.ping_after;
        let auth = match &self.purpose {
            Purpose::Account { key } => {
                let jkt = p256::thumbprint(&keys.public(key)?);
                self.jkt = Some(jkt);
                ClientAuth::Account(AuthAccount {
                    jkt,
                    sig: keys.sign(key, &channel.auth_message(&jkt))?,
                    app_version: self.app_version.clone(),
                })
            }
            Purpose::Enrol { code } => ClientAuth::Enrol(AuthEnrol { code: code.clone(), app_version: self.app_version.clone() }),
        };
        self.say(&mut channel, &auth.into(), turn);
        self.state = State::Authenticating(channel);
        Ok(())
    }

    fn say(&self, channel: &mut Channel, frame: &PhoneFrame, turn: &mut Turn) {
        match channel.seal(&frame.encode()) {
            Ok(sealed) => turn.send.push(sealed),
            Err(_) => turn.events.push(Event::Over(Ended::Rekey)),
        }
    }

    fn data(&mut self, state: State, sealed: &[u8], turn: &mut Turn) {
        let (mut channel, at) = match state {
            State::Authenticating(c) => (c, At::Authenticating),
            State::Offered { channel, challenge } => (channel, At::Offered(challenge)),
            State::Enrolling { channel, req_id } => (channel, At::Enrolling(req_id)),
            State::Ready(c) => (c, At::Ready),
            State::Waiting { channel, req_id } => (channel, At::Waiting(req_id)),
            State::Greeting(_) | State::Over => return,
        };
        let Ok(content) = channel.open(sealed) else { return turn.events.push(Event::Over(Ended::NotTheServer)) };
        let Ok(frame) = ServerFrame::decode(&content) else { return turn.events.push(Event::Over(Ended::Protocol)) };
        self.state = self.step(channel, at, frame, turn);
    }

    /// `match (state, frame)`; what is not listed ends the connection.
    fn step(&self, channel: Channel, at: At, frame: ServerFrame, turn: &mut Turn) -> State {
        match (at, frame) {
            (_, ServerFrame::Goodbye(g)) => {
                turn.events.push(Event::Over(Ended::Server(g.code)));
                State::Over
            }
            (At::Authenticating, ServerFrame::AuthOk(ok)) => {
                turn.events.push(Event::Ready {
                    account: ok.account,
                    state: ok.state,
                    realm_name: ok.realm_name,
                    ping_after: self.ping_after,
                });
                State::Ready(channel)
            }
            (At::Authenticating, ServerFrame::EnrolOffer(o)) => {
                turn.events.push(Event::Offer { realm_name: o.realm_name, client_name: o.client_name, user: o.user });
                State::Offered { channel, challenge: o.challenge }
            }
            (At::Enrolling(req_id), ServerFrame::EnrolOk(ok)) if ok.req_id == req_id => {
                turn.events.push(Event::Enrolled { account: ok.account, state: ok.state, number: ok.number });
                State::Enrolling { channel, req_id }
            }
            (At::Enrolling(req_id), ServerFrame::Refused(r)) if r.req_id == req_id => {
                turn.events.push(Event::Answered(Answer::Refused { code: r.code, retry_after: r.retry_after }));
                State::Enrolling { channel, req_id }
            }
            (at @ (At::Ready | At::Waiting(_)), frame) if is_news(&frame) => {
                turn.events.extend(news(frame));
                at.back(channel)
            }
            (At::Waiting(req_id), frame) => match answer(req_id, frame, self.realm) {
                Some(answer) => {
                    turn.events.push(Event::Answered(answer));
                    State::Ready(channel)
                }
                None => {
                    turn.events.push(Event::Over(Ended::Protocol));
                    State::Over
                }
            },
            _ => {
                turn.events.push(Event::Over(Ended::Protocol));
                State::Over
            }
        }
    }

    /// The user joins: proves a key made for this account. `req_id` and key must be the same when a lost answer is asked for again.
    ///
    /// # Errors
    /// When the key store fails.
    pub fn accept(&mut self, keys: &dyn KeyStore, key: &KeyHandle, req_id: ReqId, app: &str, device: &str) -> Result<Turn, KeyError> {
        let mut turn = Turn::default();
        let State::Offered { mut channel, challenge } = std::mem::replace(&mut self.state, State::Over) else { return Ok(turn) };
        let public_key = keys.public(key)?;
        let jkt = p256::thumbprint(&public_key);
        let sig = keys.sign(key, &channel.enrol_message(&challenge, &jkt))?;
        self.say(&mut channel, &Enrol { req_id, public_key, sig, app: app.to_owned(), device: device.to_owned() }.into(), &mut turn);
        self.state = State::Enrolling { channel, req_id };
        Ok(turn)
    }

    /// Sends a command. One at a time: `None` when the connection is not ready for one.
    ///
    /// # Errors
    /// When the key store fails.
    pub fn command(&mut self, command: &Command, keys: &dyn KeyStore, now: u64) -> Result<Option<Turn>, KeyError> {
        let mut channel = match std::mem::replace(&mut self.state, State::Over) {
            State::Ready(channel) => channel,
            other => {
                self.state = other;
                return Ok(None);
            }
        };
        let mut turn = Turn::default();
        let frame = self.frame(command, &channel, keys, now)?;
        let req_id = frame.req_id();
        self.say(&mut channel, &frame, &mut turn);
        self.state = State::Waiting { channel, req_id };
        Ok(Some(turn))
    }

    fn frame(&self, command: &Command, channel: &Channel, keys: &dyn KeyStore, now: u64) -> Result<PhoneFrame, KeyError> {
        Ok(match command {
            Command::Claim { req_id, login, capability } => {
                let (qr_time, qr_mac, link) = match capability {
                    Capability::Qr { t, mac } => (Some(u64::from(*t)), Some(*mac), None),
                    Capability::Link(token) => (None, None, Some(token.clone())),
                    Capability::Directed => (None, None, None),
                };
                frames::Claim { req_id: *req_id, login: *login, qr_time, qr_mac, link }.into()
            }
            Command::Decide { req_id, prompt, verdict, reason, number } => {
                let jws = self.sign_decision(prompt, (*verdict, *reason, number.clone()), channel, keys, now)?;
                frames::Decide { req_id: *req_id, login: prompt.login, jws }.into()
            }
            Command::StartLogin { req_id, client } => frames::StartLogin { req_id: *req_id, client: client.clone() }.into(),
            Command::LogoutAll { req_id } => frames::LogoutAll { req_id: *req_id }.into(),
            Command::Devices { req_id } => frames::ListDevices { req_id: *req_id }.into(),
            Command::Manage { req_id, account, action, name } => {
                frames::ManageDevice { req_id: *req_id, account: *account, action: *action, name: name.clone() }.into()
            }
            Command::Enrolments { req_id } => frames::ListEnrolments { req_id: *req_id }.into(),
            Command::Vouch { req_id, new, number } => {
                let jws = self.sign_vouch(new, number.clone(), channel, keys, now)?;
                frames::DecideEnrolment { req_id: *req_id, enrolment: new.enrolment, jws }.into()
            }
            Command::Logout { req_id, login } => frames::Logout { req_id: *req_id, login: *login }.into(),
            Command::List { req_id } => frames::ListLogins { req_id: *req_id }.into(),
            Command::Ping { nonce } => frames::Ping { nonce: *nonce }.into(),
        })
    }

    /// Signed anew for each channel: the binding is part of it.
    fn sign_decision(
        &self,
        prompt: &Prompt,
        (verdict, reason, number): (Verdict, Option<RefuseReason>, Option<String>),
        channel: &Channel,
        keys: &dyn KeyStore,
        now: u64,
    ) -> Result<String, KeyError> {
        let (Purpose::Account { key }, Some(jkt)) = (&self.purpose, self.jkt) else { return Err(KeyError::Missing) };
        let decision = Decision {
            login: prompt.login,
            realm: prompt.realm,
            ctx: prompt.context_hash(),
            verdict,
            reason,
            number,
            iat: now,
            cb: channel.binding(),
        };
        let input = decision.signing_input(&jkt);
        Ok(compact(&input, &keys.sign(key, input.as_bytes())?))
    }

    fn sign_vouch(
        &self,
        new: &NewPhone,
        number: Option<String>,
        channel: &Channel,
        keys: &dyn KeyStore,
        now: u64,
    ) -> Result<String, KeyError> {
        let (Purpose::Account { key }, Some(jkt)) = (&self.purpose, self.jkt) else { return Err(KeyError::Missing) };
        let verdict = if number.is_some() { Verdict::Approve } else { Verdict::Refuse };
        let vouch = Vouch { enrolment: new.enrolment, realm: self.realm, jkt: new.jkt, verdict, number, iat: now, cb: channel.binding() };
        let input = vouch.signing_input(&jkt);
        Ok(compact(&input, &keys.sign(key, input.as_bytes())?))
    }
}

/// Whether a frame may come at any time, asked for or not.
fn is_news(frame: &ServerFrame) -> bool {
    news(frame.clone()).is_some()
}

/// What the server tells unasked.
fn news(frame: ServerFrame) -> Option<Event> {
    Some(match frame {
        ServerFrame::LoginChanged(c) => Event::LoginChanged { login: c.login, state: c.state },
        ServerFrame::AccountChanged(c) => Event::AccountChanged(c.state),
        ServerFrame::LoginOffered(o) => Event::LoginOffered { login: o.login, client_name: o.client_name, expires_at: o.expires_at },
        ServerFrame::EnrolmentWaiting(w) => Event::EnrolmentWaiting { enrolment: w.enrolment, name: w.name },
        ServerFrame::DeviceChanged(frames::DeviceChanged { account, name, app, state, since }) => {
            Event::DeviceChanged(Device { account, name, app, state, since })
        }
        _ => return None,
    })
}

/// A state without its channel.
#[derive(Clone, Copy)]
enum At {
    Authenticating,
    Offered([u8; 32]),
    Enrolling(ReqId),
    Ready,
    Waiting(Option<ReqId>),
}

impl At {
    fn back(self, channel: Channel) -> State {
        match self {
            Self::Waiting(req_id) => State::Waiting { channel, req_id },
            Self::Offered(challenge) => State::Offered { channel, challenge },
            Self::Enrolling(req_id) => State::Enrolling { channel, req_id },
            Self::Authenticating => State::Authenticating(channel),
            Self::Ready => State::Ready(channel),
        }
    }
}

/// The answer to the command under way; `None` when the frame is no answer to it.
fn answer(asked: Option<ReqId>, frame: ServerFrame, realm: RealmId) -> Option<Answer> {
    let mine = |req_id: ReqId| asked == Some(req_id);
    match frame {
        ServerFrame::Pong(p) if asked.is_none() => Some(Answer::Pong { time: p.time }),
        ServerFrame::Claimed(c) if mine(c.req_id) => Prompt::read(&c, realm).map(|p| Answer::Prompt(Box::new(p))),
        ServerFrame::Decided(d) if mine(d.req_id) => Some(Answer::Decided { login: d.login, state: d.state }),
        ServerFrame::Done(d) if mine(d.req_id) => Some(Answer::Done),
        ServerFrame::Logins(l) if mine(l.req_id) => {
            Some(Answer::Logins(l.logins.into_iter().map(|e| (e.login, e.state, e.client_name, e.since)).collect()))
        }
        ServerFrame::Devices(d) if mine(d.req_id) => Some(Answer::Devices(d.devices)),
        ServerFrame::Enrolments(e) if mine(e.req_id) => Some(Answer::NewPhones(e.enrolments)),
        ServerFrame::Refused(r) if mine(r.req_id) => Some(Answer::Refused { code: r.code, retry_after: r.retry_after }),
        _ => None,
    }
}
