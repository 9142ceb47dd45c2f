//! The WebSocket under the phone socket: the only file that names tungstenite.
//!
//! Buffers are tiny on purpose: an idle phone costs its read buffer and little else.

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use countersign_protocol::{SUBPROTOCOL, codes::Close, outer::{MAX_FRAME, MAX_PHONE_FRAME}};

/// WebSocket pings and pongs between two frames; a phone needs none at all.
const MOST_CONTROL: u32 = 64;

/// An accepted WebSocket.
pub(crate) struct PhoneSocket {
    ws: WebSocketStream<TcpStream>,
    control: u32,
}

/// What came from the phone.
pub(crate) enum In {
    Frame(Vec<u8>),
    /// It is gone, or says what a phone never says.
    End { rude: bool },
}

impl PhoneSocket {
    /// The HTTP upgrade, on `path` and with our subprotocol only.
    pub(crate) async fn accept(stream: TcpStream, path: &'static str) -> Option<Self> {
        let config = WebSocketConfig::default()
            .read_buffer_size(1024)
            .write_buffer_size(0)
            .max_write_buffer_size(MAX_FRAME * 2)
            .max_message_size(Some(MAX_PHONE_FRAME))
            .max_frame_size(Some(MAX_PHONE_FRAME));
        #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
        let check = move |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            if request.uri().path() != path {
                return Err(refusal(StatusCode::NOT_FOUND, "no phone socket here\n"));
            }
            let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|v| v.to_str().ok());
            if !offered.flat_map(|v| v.split(',')).any(|p| p.trim() == SUBPROTOCOL) {
                return Err(refusal(StatusCode::BAD_REQUEST, "the subprotocol is countersign.sigmai.v1\n"));
            }
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
            Ok(response)
        };
        let ws = accept_hdr_async_with_config(stream, check, Some(config)).await.ok()?;
        Some(Self { ws, control: 0 })
    }

    /// The next frame. Safe to be dropped and called again.
    pub(crate) async fn next(&mut self) -> In {
        loop {
            match self.ws.next().await {
                Some(Ok(Message::Binary(bytes))) => {
                    self.control = 0;
                    return In::Frame(bytes.into());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) if self.control < MOST_CONTROL => self.control += 1,
                Some(Ok(Message::Close(_))) | None => return In::End { rude: false },
                Some(Ok(_)) | Some(Err(_)) => return In::End { rude: true },
            }
        }
    }

    /// Writes a frame; true when it is with the operating system.
    pub(crate) async fn send(&mut self, frame: Vec<u8>) -> bool {
        self.ws.send(Message::Binary(frame.into())).await.is_ok()
    }

    /// Says why, and closes.
    pub(crate) async fn close(&mut self, why: Close) {
        let code = match why {
            Close::Draining => CloseCode::Restart,
            Close::Busy => CloseCode::Again,
            Close::Done => CloseCode::Normal,
            Close::Protocol => CloseCode::Protocol,
            other => CloseCode::Library(4000 + other.code()),
        };
        let _gone_already = self.ws.close(Some(CloseFrame { code, reason: why.as_str().into() })).await;
    }
}

fn refusal(status: StatusCode, text: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(text.to_owned()));
    *response.status_mut() = status;
    response
}
