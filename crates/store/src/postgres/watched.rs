//! What a connection receives that its driver keeps to itself.
//!
//! * The SQLSTATE of errors: diesel keeps a few kinds and drops the code of all others, and the
//!   text is in the server's language.
//! * The process id that the server says it has: behind a pooler it is not that of the process
//!   that runs the queries.
//!
//! The messages are looked at on their way (PostgreSQL's protocol, "Message Formats",
//! ErrorResponse and BackendKeyData).

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// What was seen on a connection. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Facts>);

#[derive(Debug, Default)]
struct Facts {
    /// The five characters of the last SQLSTATE, or zero.
    code: AtomicU64,
    process: AtomicU32,
}

impl Seen {
    /// The SQLSTATE of the last error; empty when there was none.
    pub(super) fn code(&self) -> String {
        let bytes = self.0.code.load(Ordering::Acquire).to_be_bytes();
        bytes[3..].iter().filter(|b| **b != 0).map(|b| char::from(*b)).collect()
    }

    /// Whether the last error was that a table does not exist.
    pub(crate) fn is_undefined_table(&self) -> bool {
        self.code() == "42P01"
    }

    /// The process id that the other end said it has; 0 when it said none.
    pub(super) fn process(&self) -> u32 {
        self.0.process.load(Ordering::Acquire)
    }

    fn message(&self, kind: u8, body: &[u8]) {
        if kind == b'K' {
            let process = body.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
            self.0.process.store(process, Ordering::Release);
        } else if let Some(code) = code(body) {
            let mut bytes = [0; 8];
            bytes[3..].copy_from_slice(&code);
            self.0.code.store(u64::from_be_bytes(bytes), Ordering::Release);
        }
    }
}

/// Maximum number of bytes of a message that are kept. An error's code stands at the beginning.
const KEPT: usize = 256;
/// Length of a message's type and length.
const HEAD: usize = 5;

/// Finds the boundaries of messages, and keeps those that are looked at.
#[derive(Debug, Default)]
struct Scanner {
    head: Vec<u8>,
    /// Bytes of the current message that have not arrived yet.
    left: usize,
    /// What has arrived of a message that is looked at, and its type.
    kept: Option<(u8, Vec<u8>)>,
    seen: Seen,
}

impl Scanner {
    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left == 0 {
                let take = bytes.len().min(HEAD - self.head.len());
                self.head.extend_from_slice(&bytes[..take]);
                bytes = &bytes[take..];
                if let [kind, a, b, c, d] = self.head[..] {
                    let length = u32::from_be_bytes([a, b, c, d]);
                    // The length counts itself.
                    self.left = usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(4);
                    self.kept = matches!(kind, b'E' | b'K').then(|| (kind, Vec::new()));
                    self.head.clear();
                }
                continue;
            }
            let take = bytes.len().min(self.left);
            if let Some((_, kept)) = &mut self.kept {
                let room = KEPT - kept.len();
                kept.extend_from_slice(&bytes[..take.min(room)]);
            }
            self.left -= take;
            bytes = &bytes[take..];
            if self.left == 0
                && let Some((kind, body)) = self.kept.take()
            {
                self.seen.message(kind, &body);
            }
        }
    }
}

/// The field `C` of an ErrorResponse: each field is a type and a text that ends with zero.
fn code(error: &[u8]) -> Option<[u8; 5]> {
    error.split(|b| *b == 0).find_map(|field| field.strip_prefix(b"C")?.try_into().ok())
}

/// A stream whose messages are looked at.
#[derive(Debug)]
pub(super) struct Watched<S> {
    inner: S,
    scanner: Scanner,
}

impl<S> Watched<S> {
    pub(super) fn new(inner: S, seen: Seen) -> Self {
        Self { inner, scanner: Scanner { seen, ..Scanner::default() } }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let done = Pin::new(&mut this.inner).poll_read(cx, buf);
        this.scanner.feed(&buf.filled()[before..]);
        done
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Watched<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

/// Does TLS with `connector`, and looks at what arrives inside of it.
pub(super) struct WatchedTls<T> {
    pub(super) connector: T,
    pub(super) seen: Seen,
}

impl<S, T> TlsConnect<S> for WatchedTls<T>
where
    T: TlsConnect<S>,
    T::Future: Send + 'static,
{
    type Stream = Watched<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, T::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let Self { connector, seen } = self;
        let connecting = connector.connect(stream);
        Box::pin(async move { Ok(Watched::new(connecting.await?, seen)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).expect("short").to_be_bytes();
        [&[kind][..], &length, body].concat()
    }

    #[test]
    fn the_code_is_found_however_the_bytes_arrive() {
        let stream = [
            message(b'R', &[0; 4]),
            message(b'K', &[0, 0, 1, 2, 9, 9, 9, 9]),
            message(b'S', b"TimeZone\0UTC\0"),
            message(b'E', b"SERROR\0VERROR\0C40P01\0Mdeadlock detected\0\0"),
            message(b'D', b"C99999\0"),
            message(b'Z', b"E"),
        ]
        .concat();
        for step in 1..stream.len() {
            let mut scanner = Scanner::default();
            stream.chunks(step).for_each(|part| scanner.feed(part));
            assert_eq!(scanner.seen.code(), "40P01", "in steps of {step}");
            assert_eq!(scanner.seen.process(), 258);
        }
        let mut scanner = Scanner::default();
        assert_eq!(scanner.seen.code(), "");
        let long = [&b"M"[..], &[b'x'; 5000], b"\0\0"].concat();
        scanner.feed(&message(b'E', &[b"C57P01\0", &long[..]].concat()));
        assert_eq!(scanner.seen.code(), "57P01", "a long text does not hide it");
    }
}
