//! The SDK's connection over a real WebSocket.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use countersign_protocol::{SUBPROTOCOL, frames::EnrolCode, link::EnrolLink, outer::MAX_FRAME};
use countersign_sdk::{
    Account, AccountId, AccountServer, AccountState, Answer, Command, Connection, Ended, Event, FactorAsked,
    FactorProof, FactorWish, KeyHandle, KeyStore, LoginState, Purpose, ReqId, Turn,
};
use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpSocket, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message,
        client::IntoClientRequest,
        http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::WebSocketConfig,
    },
};

use crate::{
    PhoneError, now,
    tls::{self, Stream},
};

/// How long to wait for any answer of the server.
const PATIENCE: Duration = Duration::from_secs(30);

type Keys = Arc<dyn KeyStore + Send + Sync>;
type Socket = WebSocketStream<Stream>;

type Request = tokio_tungstenite::tungstenite::handshake::client::Request;

/// Opens a connection to the server of this request, in TLS for `wss`. `from` sets the local
/// address, for callers that connect from many addresses.
///
/// # Errors
/// [`PhoneError::Unreachable`].
pub async fn reach(request: &Request, from: Option<std::net::IpAddr>) -> Result<Stream, PhoneError> {
    let away = |e: &dyn std::fmt::Display| PhoneError::Unreachable(format!("{}: {e}", request.uri()));
    let secure = match request.uri().scheme_str() {
        Some("ws") => false,
        Some("wss") => true,
        _ => return Err(PhoneError::Unreachable(format!("{} is neither ws:// nor wss://", request.uri()))),
    };
    let host = request.uri().host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = request.uri().port_u16().unwrap_or(if secure { 443 } else { 80 });
    let addr = tokio::net::lookup_host((host.as_str(), port))
        .await
        .map_err(|e| away(&e))?
        .next()
        .ok_or_else(|| away(&"no address"))?;
    let socket =
        if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(|e| away(&e))?;
    if let Some(from) = from {
        socket.bind((from, 0).into()).map_err(|e| away(&e))?;
    }
    let stream =
        timeout(PATIENCE, socket.connect(addr)).await.map_err(|e| away(&e))?.map_err(|e| away(&e))?;
    let _small_frames_go_at_once = stream.set_nodelay(true);
    if secure {
        timeout(PATIENCE, tls::connect(stream, &host)).await.map_err(|e| away(&e))?.map_err(|e| away(&e))
    } else {
        Ok(Stream::Left(stream))
    }
}

/// Opens the phone socket at this URL; `from` as in [`reach`].
///
/// # Errors
/// [`PhoneError::Unreachable`].
pub async fn dial(url: &str, from: Option<std::net::IpAddr>) -> Result<Socket, PhoneError> {
    let away = |e: &dyn std::fmt::Display| PhoneError::Unreachable(format!("{url}: {e}"));
    let mut request = url.into_client_request().map_err(|e| away(&e))?;
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    let stream = reach(&request, from).await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(1024)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let (ws, _) = timeout(PATIENCE, client_async_with_config(request, stream, Some(config)))
        .await
        .map_err(|e| away(&e))?
        .map_err(|e| away(&e))?;
    Ok(ws)
}

/// A connected phone.
pub struct Online {
    ws: Socket,
    connection: Connection,
    keys: Keys,
    /// Events that arrived while the answer to a command was awaited.
    waiting: VecDeque<Event>,
    /// State of the account when the server reported that the connection was ready.
    pub account_state: AccountState,
    pub realm_name: String,
    /// Interval between pings, in seconds.
    pub ping_after: u64,
}

/// Result of an enrolment.
pub struct Enrolled {
    pub account: Account,
    pub client_name: String,
    /// Number that the user types where the enrolment was created, if one is needed.
    pub number: Option<String>,
}

impl Online {
    /// Connects as an account.
    ///
    /// # Errors
    /// When the server cannot be reached, is not the pinned one or ends the connection.
    pub async fn connect(account: &Account, keys: Keys) -> Result<Self, PhoneError> {
        Self::connect_from(account, keys, None).await
    }

    /// As [`Online::connect`], from a chosen local address.
    ///
    /// # Errors
    /// As [`Online::connect`].
    pub async fn connect_from(
        account: &Account,
        keys: Keys,
        from: Option<std::net::IpAddr>,
    ) -> Result<Self, PhoneError> {
        let purpose = Purpose::Account { key: account.key.clone() };
        let mut online = Self::open(&account.server, purpose, keys, from).await?;
        match online.event().await? {
            Event::Ready { state, realm_name, ping_after, .. } => {
                (online.account_state, online.realm_name, online.ping_after) =
                    (state, realm_name, ping_after);
                Ok(online)
            }
            Event::Over(ended) => Err(ended.into()),
            _ => Err(Ended::Protocol.into()),
        }
    }

    async fn open(
        server: &AccountServer,
        purpose: Purpose,
        keys: Keys,
        from: Option<std::net::IpAddr>,
    ) -> Result<Self, PhoneError> {
        let ws = dial(&server.url, from).await?;
        let (connection, hello) =
            Connection::hello(&server.pin()?, purpose, Some(env!("CARGO_PKG_VERSION").to_owned()))
                .map_err(|_| PhoneError::NotTheServer)?;
        let mut online = Self {
            ws,
            connection,
            keys,
            waiting: VecDeque::new(),
            account_state: AccountState::Pending,
            realm_name: String::new(),
            ping_after: 0,
        };
        online.send(hello).await?;
        Ok(online)
    }

    async fn send(&mut self, frame: Vec<u8>) -> Result<(), PhoneError> {
        self.ws.send(Message::Binary(frame.into())).await.map_err(|e| PhoneError::Unreachable(e.to_string()))
    }

    async fn perform(&mut self, turn: Turn) -> Result<(), PhoneError> {
        self.waiting.extend(turn.events);
        for frame in turn.send {
            self.send(frame).await?;
        }
        Ok(())
    }

    /// Waits for the next event, without a time limit. The future may be dropped and `next` called
    /// again.
    ///
    /// # Errors
    /// [`PhoneError::Unreachable`] when the connection breaks.
    pub async fn next(&mut self) -> Result<Event, PhoneError> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(event);
            }
            match self.ws.next().await {
                Some(Ok(Message::Binary(message))) => {
                    let turn = self.connection.on_message(&message, &*self.keys)?;
                    self.perform(turn).await?;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_)) | None => {
                    return Err(PhoneError::Unreachable("the server closed the connection".to_owned()));
                }
                Some(Err(e)) => return Err(PhoneError::Unreachable(e.to_string())),
            }
        }
    }

    async fn event(&mut self) -> Result<Event, PhoneError> {
        timeout(PATIENCE, self.next()).await.map_err(|_| PhoneError::Unreachable("no answer".to_owned()))?
    }

    /// Sends a command and waits for its answer. Events that arrive before it are kept for
    /// [`Online::next`].
    ///
    /// # Errors
    /// When no answer arrives. A refusal is an answer, not an error.
    pub async fn ask(&mut self, command: &Command) -> Result<Answer, PhoneError> {
        let turn = self
            .connection
            .command(command, &*self.keys, now())?
            .ok_or_else(|| PhoneError::Usage("another command is under way".to_owned()))?;
        self.perform(turn).await?;
        let mut kept = VecDeque::new();
        let answer = loop {
            match self.event().await? {
                Event::Answered(answer) => break answer,
                Event::Over(ended) => return Err(ended.into()),
                other => kept.push_back(other),
            }
        };
        kept.append(&mut self.waiting);
        self.waiting = kept;
        Ok(answer)
    }

    /// As [`Online::ask`], but a refusal is an error.
    ///
    /// # Errors
    /// [`PhoneError::Refused`] for a refusal, else as [`Online::ask`].
    pub async fn do_it(&mut self, command: &Command) -> Result<Answer, PhoneError> {
        match self.ask(command).await? {
            Answer::Refused { code, .. } => Err(PhoneError::Refused(code)),
            answer => Ok(answer),
        }
    }

    /// Waits until the server reports that a login has changed to this state.
    ///
    /// # Errors
    /// When the connection ends first, or no event arrives in time.
    pub async fn until(&mut self, wanted: LoginState) -> Result<(), PhoneError> {
        loop {
            match self.event().await? {
                Event::LoginChanged { state, .. } if state == wanted => return Ok(()),
                Event::Over(ended) => return Err(ended.into()),
                _ => {}
            }
        }
    }

    /// Enrols: presents the link's code, proves possession of `key` and disconnects. If the answer
    /// was lost, a retry with the same `key` and `req_id` returns it again.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached, or `key` cannot be used.
    pub async fn enrol(
        link: &EnrolLink,
        keys: Keys,
        key: KeyHandle,
        req_id: ReqId,
        device: &str,
    ) -> Result<Enrolled, PhoneError> {
        Self::enrol_as(crate::app::OPEN, link, keys, key, req_id, device).await
    }

    /// As [`Online::enrol`], for the app with this id.
    ///
    /// # Errors
    /// As [`Online::enrol`].
    pub async fn enrol_as(
        app: &str,
        link: &EnrolLink,
        keys: Keys,
        key: KeyHandle,
        req_id: ReqId,
        device: &str,
    ) -> Result<Enrolled, PhoneError> {
        Joining::open(link, keys).await?.accept(&key, (app, device), req_id, None).await
    }

    /// The underlying socket, for tests that break the protocol.
    pub fn socket(&mut self) -> &mut Socket {
        &mut self.ws
    }
}

/// An enrolment whose offer has arrived.
pub struct Joining {
    online: Online,
    server: AccountServer,
    pub realm_name: String,
    pub client_name: String,
    pub user: String,
    /// The account that gets a second factor, with its own key; `None` makes a new account.
    pub account: Option<AccountId>,
    /// Whether a second factor may or must be brought, and what it has to be proven for.
    pub factor: Option<(FactorWish, FactorAsked)>,
}

impl Joining {
    /// Presents the link's code.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn open(link: &EnrolLink, keys: Keys) -> Result<Self, PhoneError> {
        let server = AccountServer::from_link(link)?;
        let purpose = Purpose::Enrol { code: EnrolCode(link.code.0) };
        let mut online = Online::open(&server, purpose, keys, None).await?;
        match online.event().await? {
            Event::Offer { realm_name, client_name, user, account, factor } => {
                Ok(Self { online, server, realm_name, client_name, user, account, factor })
            }
            Event::Over(ended) => Err(ended.into()),
            _ => Err(Ended::Protocol.into()),
        }
    }

    /// Proves possession of this key, brings the proof of a second factor, and disconnects.
    ///
    /// # Errors
    /// As [`Online::enrol`].
    pub async fn accept(
        self,
        key: &KeyHandle,
        names: (&str, &str),
        req_id: ReqId,
        factor: Option<&FactorProof>,
    ) -> Result<Enrolled, PhoneError> {
        let Self { mut online, server, realm_name, client_name, user, .. } = self;
        let keys = online.keys.clone();
        let turn = online.connection.accept(&*keys, key, req_id, names, factor)?;
        online.perform(turn).await?;
        match online.event().await? {
            Event::Enrolled { account, state, number } => {
                let account = Account {
                    id: account.to_string(),
                    server,
                    realm_name,
                    user,
                    key: key.clone(),
                    state: state.as_str().to_owned(),
                };
                Ok(Enrolled { account, client_name, number })
            }
            Event::Answered(Answer::Refused { code, .. }) => Err(PhoneError::Refused(code)),
            Event::Over(ended) => Err(ended.into()),
            _ => Err(Ended::Protocol.into()),
        }
    }
}
