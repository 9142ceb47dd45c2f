//! The WebSocket under the phone socket: tungstenite for the upgrade, our own frames after it
//! (`frames.rs`).
//!
//! An idle socket holds no buffers: bytes are read into the stack when the socket has some, and
//! written from a buffer that is freed afterwards.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use countersign_protocol::{SUBPROTOCOL, codes::Close};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    task::coop::consume_budget,
    time::timeout,
};
use tokio_tungstenite::{
    accept_hdr_async_with_config,
    tungstenite::{
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::{
            WebSocketConfig,
            frame::coding::{CloseCode, Control, Data, OpCode},
        },
    },
};

use super::{
    frames::{Incoming, ProtocolViolation, Reader, write},
    wire::Wire,
};

/// Most WebSocket pings and pongs between two frames; a phone needs none.
const MOST_CONTROL: u32 = 64;

/// Bytes read at a time.
const PIECE: usize = 4096;
/// How long a peer may take to hang up after our close frame, so that the frame is not lost to a
/// reset.
const LINGER: Duration = Duration::from_secs(1);

/// An accepted WebSocket.
pub(crate) struct PhoneSocket {
    stream: Wire,
    reader: Reader,
    /// Bytes of frames that the operating system has not taken yet. Kept here rather than in a
    /// future, because a future may be dropped at any time.
    out: Vec<u8>,
    /// The payload of the newest ping; older ones need no answer (RFC 6455 §5.5.3).
    pong: Option<Vec<u8>>,
    control: u32,
}

/// What came from the phone.
pub(crate) enum In {
    Frame(Vec<u8>),
    /// The peer is gone, or broke the protocol.
    End {
        violation: bool,
    },
}

impl PhoneSocket {
    /// Performs the HTTP upgrade, on one of these paths and with our subprotocol only. Returns the
    /// index of the path.
    pub(crate) async fn accept(stream: Wire, paths: &[&'static str]) -> Option<(Self, usize)> {
        let mut asked = None;
        #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
        let check = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            asked = paths.iter().position(|path| request.uri().path() == *path);
            if asked.is_none() {
                return Err(refusal(StatusCode::NOT_FOUND, "no phone socket here\n"));
            }
            let offered =
                request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|v| v.to_str().ok());
            if !offered.flat_map(|v| v.split(',')).any(|p| p.trim() == SUBPROTOCOL) {
                return Err(refusal(StatusCode::BAD_REQUEST, "the subprotocol is countersign.sigmai.v1\n"));
            }
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
            Ok(response)
        };
        // tungstenite's frame buffers, 128 KiB by default, are never used.
        let config = WebSocketConfig::default().read_buffer_size(0);
        // Bytes that a peer sends before it has read our response are dropped: RFC 6455 §4.1
        // requires the peer to wait.
        let stream = accept_hdr_async_with_config(stream, check, Some(config)).await.ok()?.into_inner();
        Some((Self { stream, reader: Reader::default(), out: Vec::new(), pong: None, control: 0 }, asked?))
    }

    /// Returns the next frame. Cancel-safe: the future may be dropped and the method called again.
    pub(crate) async fn next(&mut self) -> In {
        loop {
            match self.reader.next() {
                Ok(Some(Incoming::Message(frame))) => {
                    self.control = 0;
                    return In::Frame(frame);
                }
                Ok(Some(Incoming::Ping(_) | Incoming::Pong)) if self.control >= MOST_CONTROL => {
                    return In::End { violation: true };
                }
                Ok(Some(Incoming::Ping(payload))) => {
                    self.control += 1;
                    self.pong = Some(payload);
                    continue;
                }
                Ok(Some(Incoming::Pong)) => {
                    self.control += 1;
                    continue;
                }
                Ok(Some(Incoming::Close)) => return In::End { violation: false },
                Err(ProtocolViolation) => return In::End { violation: true },
                Ok(None) => {}
            }
            if self.flush().await.is_err() || !matches!(self.read().await, Ok(true)) {
                return In::End { violation: false };
            }
        }
    }

    /// Waits for bytes and reads them; returns false at the end of the stream.
    async fn read(&mut self) -> io::Result<bool> {
        // A peer that never pauses must not keep other tasks of this thread, or its own deadline,
        // from running.
        consume_budget().await;
        Ok(poll_fn(|cx| self.take(cx, true)).await? > 0)
    }

    /// Reads one piece of data and keeps or discards it. Not async, so that the buffer is never
    /// part of a future.
    fn take(&mut self, cx: &mut Context<'_>, keep: bool) -> Poll<io::Result<usize>> {
        let mut piece = [0; PIECE];
        let mut piece = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
        if keep {
            self.reader.push(piece.filled());
        }
        Poll::Ready(Ok(piece.filled().len()))
    }

    /// Writes what is pending. Cancel-safe: the future may be dropped and the method called again.
    async fn flush(&mut self) -> io::Result<()> {
        if let Some(payload) = self.pong.take() {
            write(&mut self.out, OpCode::Control(Control::Pong), &payload);
        }
        while !self.out.is_empty() {
            let (stream, out) = (&mut self.stream, &self.out);
            let n = poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, out)).await?;
            if n == self.out.len() { self.out = Vec::new() } else { drop(self.out.drain(..n)) }
        }
        Ok(())
    }

    /// Writes a frame; returns true when the operating system has taken it.
    pub(crate) async fn send(&mut self, frame: Vec<u8>) -> bool {
        write(&mut self.out, OpCode::Data(Data::Binary), &frame);
        self.flush().await.is_ok()
    }

    /// Sends the reason in a close frame, and closes.
    pub(crate) async fn close(&mut self, why: Close) {
        let code = match why {
            Close::Draining => CloseCode::Restart,
            Close::Busy => CloseCode::Again,
            Close::Done => CloseCode::Normal,
            Close::Protocol => CloseCode::Protocol,
            other => CloseCode::Library(4000 + other.code()),
        };
        let payload = [&u16::from(code).to_be_bytes()[..], why.as_str().as_bytes()].concat();
        write(&mut self.out, OpCode::Control(Control::Close), &payload);
        if self.flush().await.is_ok() && self.stream.shutdown().await.is_ok() {
            let _waited_long_enough = timeout(LINGER, self.hang_up()).await;
        }
    }

    /// Reads and discards what still arrives. Closing with unread bytes would reset the connection,
    /// and the peer might never see the reason.
    async fn hang_up(&mut self) {
        loop {
            consume_budget().await;
            if !matches!(poll_fn(|cx| self.take(cx, false)).await, Ok(n) if n > 0) {
                return;
            }
        }
    }
}

fn refusal(status: StatusCode, text: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(text.to_owned()));
    *response.status_mut() = status;
    response
}
