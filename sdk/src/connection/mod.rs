//! One connection, from HELLO to its end.

mod ns;
pub(crate) mod sfs;
mod shell;

use countersign_channel::{ChannelError, ServerPin, p256, sha256};
use countersign_protocol::{
    codes::{AccountState, Close, FactorWish, LoginState},
    frames::{
        AuthAccount, AuthEnrol, ClientAuth, Device, Enrol, EnrolCode, PhoneFrame, ServerFrame, Welcome,
    },
    ids::{AccountId, EnrolmentId, Jkt, LoginId, RealmId, ReqId},
    labels,
};

use crate::{Answer, Command, FactorAsked, FactorProof, KeyError, KeyHandle, KeyStore};
use ns::{Signer, Sorted, answer, sort};
use shell::{Incoming, Shell};

/// The purpose of a connection.
pub enum Purpose {
    /// Authenticate as an existing account.
    Account { key: KeyHandle },
    /// Enrol with an enrolment code.
    Enrol { code: EnrolCode },
}

/// Something that the app must know or do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The account is online. Send a ping at least every `ping_after` seconds.
    Ready { account: AccountId, state: AccountState, realm_name: String, ping_after: u64 },
    /// Show the user whom they join; then call [`Connection::accept`] or close the connection.
    Offer {
        realm_name: String,
        client_name: String,
        user: String,
        /// The account that gets a second factor; it is accepted with the key of that account.
        /// `None` makes a new account with a new key.
        account: Option<AccountId>,
        factor: Option<(FactorWish, FactorAsked)>,
    },
    /// The account has been created. Show the number, if there is one.
    Enrolled { account: AccountId, state: AccountState, number: Option<String> },
    /// The answer to the one command in flight.
    Answered(Answer),
    /// A login that was claimed on this connection changed.
    LoginChanged { login: LoginId, state: LoginState },
    /// The account's own state changed.
    AccountChanged(AccountState),
    /// A login waits for this account to claim it with [`Command::directed`].
    LoginOffered { login: LoginId, client_name: String, expires_at: u64 },
    /// A new phone of this user waits for another phone to vouch for it.
    EnrolmentWaiting { enrolment: EnrolmentId, name: String },
    /// Another phone of this user was added, changed or deleted.
    DeviceChanged(Device),
    /// The connection has ended; close the socket.
    Over(Ended),
}

/// Why a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The server sent an authentic Goodbye.
    Server(Close),
    /// An unauthenticated CLOSE arrived: only a hint.
    Hint(u16),
    /// The server is not the one that was pinned, or its messages were altered.
    NotTheServer,
    /// The server violated the protocol inside the channel.
    Protocol,
    /// The server sent RETRY: the pinned key has been replaced. Following RETRY will come with key
    /// rotation.
    KeyRetired,
    /// The channel has carried its limit of messages.
    Rekey,
}

/// The result of one step.
#[derive(Debug)]
pub struct Turn<E = Event> {
    /// The outer frames to send, in order.
    pub send: Vec<Vec<u8>>,
    pub events: Vec<E>,
}

impl<E> Default for Turn<E> {
    fn default() -> Self {
        Self { send: Vec::new(), events: Vec::new() }
    }
}

#[derive(Clone, Copy)]
enum ConnectionState {
    /// HELLO has been sent.
    Greeting,
    Authenticating,
    /// The offer has arrived, with the challenge that the new key signs.
    Offered([u8; 32]),
    Enrolling(ReqId),
    Ready,
    /// A command is in flight; a ping has no request id.
    Waiting(Option<ReqId>),
    Over,
}

/// The state machine of one connection.
pub struct Connection {
    shell: Shell,
    state: ConnectionState,
    realm: RealmId,
    purpose: Purpose,
    jkt: Option<Jkt>,
    ping_after: u64,
    app_version: Option<String>,
}

impl Connection {
    /// Starts a connection; returns HELLO to send. `app_version` consists of numbers separated by
    /// dots.
    ///
    /// # Errors
    /// When the pinned key is not a usable key.
    pub fn hello(
        pin: &ServerPin,
        purpose: Purpose,
        app_version: Option<String>,
    ) -> Result<(Self, Vec<u8>), ChannelError> {
        let (shell, hello) = Shell::hello(pin)?;
        let (state, realm) = (ConnectionState::Greeting, RealmId(pin.server_id));
        Ok((Self { shell, state, realm, purpose, jkt: None, ping_after: 0, app_version }, hello))
    }

    /// Handles one binary message from the server.
    ///
    /// # Errors
    /// When the key store fails; the connection has ended then.
    pub fn on_message(&mut self, message: &[u8], keys: &dyn KeyStore) -> Result<Turn, KeyError> {
        let mut turn = Turn::default();
        match self.shell.read(message) {
            Incoming::Nothing => {}
            Incoming::Welcome(welcome) => self.or_end(|c| c.greeted(&welcome, keys, &mut turn))?,
            Incoming::Content(content) => match ServerFrame::decode(&content) {
                Ok(frame) => self.step(frame, &mut turn),
                Err(_) => self.end(Ended::Protocol, &mut turn),
            },
            Incoming::Ended(why) => self.end(why, &mut turn),
        }
        Ok(turn)
    }

    /// Runs work that needs keys; when it fails, the connection ends.
    fn or_end<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, KeyError>) -> Result<T, KeyError> {
        let done = work(self);
        if done.is_err() {
            self.shell.end();
            self.state = ConnectionState::Over;
        }
        done
    }

    fn end(&mut self, why: Ended, turn: &mut Turn) {
        self.shell.end();
        self.state = ConnectionState::Over;
        turn.events.push(Event::Over(why));
    }

    fn say(&mut self, frame: &PhoneFrame, next: ConnectionState, turn: &mut Turn) {
        match self.shell.seal(&frame.encode()) {
            Ok(sealed) => {
                self.state = next;
                turn.send.push(sealed);
            }
            Err(why) => self.end(why, turn),
        }
    }

    fn greeted(&mut self, welcome: &Welcome, keys: &dyn KeyStore, turn: &mut Turn) -> Result<(), KeyError> {
        self.ping_after = welcome.ping_after;
        let Some(channel) = self.shell.channel() else { return Ok(()) };
        let app_version = self.app_version.clone();
        let auth = match &self.purpose {
            Purpose::Account { key } => {
                let jkt = p256::thumbprint(&keys.public(key)?);
                self.jkt = Some(jkt);
                ClientAuth::Account(AuthAccount {
                    jkt,
                    sig: keys.sign(key, &channel.auth_message(&jkt))?,
                    app_version,
                })
            }
            Purpose::Enrol { code } => ClientAuth::Enrol(AuthEnrol { code: code.clone(), app_version }),
        };
        self.say(&auth.into(), ConnectionState::Authenticating, turn);
        Ok(())
    }

    /// Handles one frame; any pair of state and frame that is not listed ends the connection.
    fn step(&mut self, frame: ServerFrame, turn: &mut Turn) {
        let (event, next) = match (self.state, frame) {
            (_, ServerFrame::Goodbye(g)) => return self.end(Ended::Server(g.code), turn),
            (ConnectionState::Authenticating, ServerFrame::AuthOk(ok)) => {
                let ping_after = self.ping_after;
                (
                    Event::Ready {
                        account: ok.account,
                        state: ok.state,
                        realm_name: ok.realm_name,
                        ping_after,
                    },
                    ConnectionState::Ready,
                )
            }
            (ConnectionState::Authenticating, ServerFrame::EnrolOffer(o)) => {
                let factor = self.shell.channel().zip(o.factor).map(|(channel, wish)| {
                    let asked = FactorAsked {
                        challenge: o.challenge,
                        cb: channel.binding(),
                        server_id: self.realm.server_id(),
                        max_age: 300,
                        factor: None,
                        purpose: labels::PURPOSE_ENROL.to_owned(),
                        payload_hash: sha256(b""),
                    };
                    (wish, asked)
                });
                let offer = Event::Offer {
                    realm_name: o.realm_name,
                    client_name: o.client_name,
                    user: o.user,
                    account: o.account,
                    factor,
                };
                (offer, ConnectionState::Offered(o.challenge))
            }
            (at @ ConnectionState::Enrolling(req_id), ServerFrame::EnrolOk(ok)) if ok.req_id == req_id => {
                (Event::Enrolled { account: ok.account, state: ok.state, number: ok.number }, at)
            }
            (at @ ConnectionState::Enrolling(req_id), ServerFrame::Refused(r)) if r.req_id == req_id => {
                (Event::Answered(Answer::Refused { code: r.code, retry_after: r.retry_after }), at)
            }
            (at @ (ConnectionState::Ready | ConnectionState::Waiting(_)), frame) => match (sort(frame), at) {
                (Sorted::News(event), at) => (event, at),
                (Sorted::Other(frame), ConnectionState::Waiting(req_id)) => {
                    match answer(req_id, frame, self.realm) {
                        Some(answer) => (Event::Answered(answer), ConnectionState::Ready),
                        None => return self.end(Ended::Protocol, turn),
                    }
                }
                (Sorted::Other(_), _) => return self.end(Ended::Protocol, turn),
            },
            _ => return self.end(Ended::Protocol, turn),
        };
        self.state = next;
        turn.events.push(event);
    }

    /// Joins the realm: proves possession of a key made for this account, and brings the proof of a
    /// second factor where the offer asked for one. To ask again for a lost
    /// answer, use the same `req_id` and key.
    ///
    /// # Errors
    /// When the key store fails; the connection has ended then.
    pub fn accept(
        &mut self,
        keys: &dyn KeyStore,
        key: &KeyHandle,
        req_id: ReqId,
        (app, device): (&str, &str),
        factor: Option<&FactorProof>,
    ) -> Result<Turn, KeyError> {
        let mut turn = Turn::default();
        let ConnectionState::Offered(challenge) = self.state else { return Ok(turn) };
        let frame = self.or_end(|c| {
            let Some(channel) = c.shell.channel() else { return Ok(None) };
            let public_key = keys.public(key)?;
            let sig = keys.sign(key, &channel.enrol_message(&challenge, &p256::thumbprint(&public_key)))?;
            let (attestation, sfs_keys, factor_r) = FactorProof::parts(factor);
            Ok(Some(Enrol {
                req_id,
                public_key,
                sig,
                app: app.to_owned(),
                device: device.to_owned(),
                attestation,
                sfs_keys,
                factor_r,
            }))
        })?;
        if let Some(frame) = frame {
            self.say(&frame.into(), ConnectionState::Enrolling(req_id), &mut turn);
        }
        Ok(turn)
    }

    /// Sends a command. One command may be in flight at a time: `None` when the connection is not
    /// ready for one.
    ///
    /// # Errors
    /// When the key store fails; the connection has ended then.
    pub fn command(
        &mut self,
        command: &Command,
        keys: &dyn KeyStore,
        now: u64,
    ) -> Result<Option<Turn>, KeyError> {
        let ConnectionState::Ready = self.state else { return Ok(None) };
        let frame = self.or_end(|c| {
            let (Purpose::Account { key }, Some(jkt), Some(channel)) = (&c.purpose, c.jkt, c.shell.channel())
            else {
                return Err(KeyError::Missing);
            };
            Signer { keys, key, jkt, channel, realm: c.realm, now }.frame(command)
        })?;
        let mut turn = Turn::default();
        self.say(&frame, ConnectionState::Waiting(frame.req_id()), &mut turn);
        Ok(Some(turn))
    }
}
