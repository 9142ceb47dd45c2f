//! A phone that sends whatever a test wants: it drives the channel by hand, below the SDK.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use countersign_channel::{Channel, Greeting, p256};
use countersign_protocol::{
    frames::{AuthAccount, ClientAuth, PhoneFrame, ServerFrame},
    outer::Outer,
};
use countersign_sdk::{AccountServer, KeyStore};
use countersign_sim::{online::dial, tls::Stream};
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use super::Phone;

const PATIENCE: Duration = Duration::from_secs(20);

/// What was received from the server.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Frame(Box<ServerFrame>),
    /// An outer CLOSE.
    Close(u16),
    /// The end of the connection, with the WebSocket's close code.
    End(u16),
}

/// A socket, and the channel once it is established.
pub struct RawPhone {
    pub ws: WebSocketStream<Stream>,
    pub channel: Option<Channel>,
}

impl RawPhone {
    /// Connects and upgrades, and sends nothing.
    pub async fn dial(url: &str, from: Option<IpAddr>) -> Self {
        Self { ws: dial(url, from).await.unwrap(), channel: None }
    }

    /// Returns the addresses of both ends of the connection, its own first. It must not be in TLS.
    pub fn addresses(&self) -> (SocketAddr, SocketAddr) {
        let Stream::Left(tcp) = self.ws.get_ref() else { panic!("a connection in the clear") };
        (tcp.local_addr().unwrap(), tcp.peer_addr().unwrap())
    }

    /// Connects and does the handshake.
    pub async fn greeted(server: &AccountServer) -> Self {
        let mut raw = Self::dial(&server.url, None).await;
        let (greeting, hello) = Greeting::start(&server.pin().unwrap()).unwrap();
        raw.send(hello).await;
        let answer = raw.message().await.unwrap();
        let Ok(Outer::HelloOk { noise }) = Outer::parse(&answer) else { panic!("HELLO_OK") };
        raw.channel = Some(greeting.finish(noise).unwrap().0);
        raw
    }

    /// Connects and authenticates.
    pub async fn online(phone: &Phone) -> Self {
        let mut raw = Self::greeted(&phone.account.server).await;
        let auth = raw.auth(phone);
        raw.say(&auth).await;
        assert!(matches!(raw.heard().await, Heard::Frame(f) if matches!(*f, ServerFrame::AuthOk(_))));
        raw
    }

    /// Returns a correct ClientAuth for this channel.
    pub fn auth(&self, phone: &Phone) -> PhoneFrame {
        let jkt = p256::thumbprint(&phone.keys.public(&phone.account.key).unwrap());
        let message = self.channel.as_ref().unwrap().auth_message(&jkt);
        ClientAuth::Account(AuthAccount {
            app_version: None,
            jkt,
            sig: phone.keys.sign(&phone.account.key, &message).unwrap(),
        })
        .into()
    }

    /// Claims by the text of a QR code, and waits for the answer.
    #[cfg(feature = "faults")]
    pub async fn claim(&mut self, qr: &str) {
        use countersign_protocol::{frames::Claim, ids::ReqId, link::Link};
        let Link::Qr(qr) = Link::parse(qr).unwrap() else { panic!("a QR code") };
        let claim = Claim {
            req_id: ReqId(countersign_channel::random()),
            login: qr.login,
            qr_time: Some(u64::from(qr.t)),
            qr_mac: Some(qr.mac),
            link: None,
        };
        self.say(&claim.into()).await;
        assert!(matches!(self.heard().await, Heard::Frame(f) if matches!(*f, ServerFrame::Claimed(_))));
    }

    pub fn seal(&mut self, frame: &PhoneFrame) -> Vec<u8> {
        self.channel.as_mut().unwrap().seal(&frame.encode()).unwrap()
    }

    pub async fn say(&mut self, frame: &PhoneFrame) {
        let sealed = self.seal(frame);
        self.send(sealed).await;
    }

    /// Sends a message. The server may have closed already.
    pub async fn send(&mut self, message: Vec<u8>) {
        let _ = self.ws.send(Message::Binary(message.into())).await;
    }

    async fn message(&mut self) -> Result<Vec<u8>, u16> {
        loop {
            match timeout(PATIENCE, self.ws.next()).await.expect("the server says something") {
                Some(Ok(Message::Binary(bytes))) => return Ok(bytes.into()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |f| f.code.into())),
                Some(Ok(_)) => {}
                None | Some(Err(_)) => return Err(1006),
            }
        }
    }

    /// Whether HELLO_OK comes next.
    pub async fn answer_to_hello(&mut self) -> bool {
        let answer = self.message().await.unwrap();
        matches!(Outer::parse(&answer), Ok(Outer::HelloOk { .. }))
    }

    /// Waits for what the server sends next.
    pub async fn heard(&mut self) -> Heard {
        match self.message().await {
            Err(code) => Heard::End(code),
            Ok(message) => match Outer::parse(&message).unwrap() {
                Outer::Close { code } => Heard::Close(code),
                Outer::Data { sealed } => {
                    let content = self.channel.as_mut().unwrap().open(sealed).unwrap();
                    Heard::Frame(Box::new(ServerFrame::decode(&content).unwrap()))
                }
                other => panic!("{other:?}"),
            },
        }
    }

    /// Checks that the connection ends as for every protocol violation: CLOSE 1, WebSocket 1002,
    /// and nothing more.
    pub async fn is_refused(&mut self, what: &str) {
        match self.heard().await {
            Heard::Close(code) => {
                assert_eq!(code, 1, "{what}");
                assert_eq!(self.heard().await, Heard::End(1002), "{what}");
            }
            other => assert!(matches!(other, Heard::End(1002 | 1006 | 1005)), "{what}: {other:?}"),
        }
    }
}
