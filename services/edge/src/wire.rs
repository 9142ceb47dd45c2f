//! A phone's socket, in the clear or in TLS.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use openssl::ssl::{Ssl, SslAcceptor};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_openssl::SslStream;

/// Either.
pub(crate) enum Wire {
    Plain(TcpStream),
    /// Boxed: who is in the clear does not pay for it.
    Tls(Box<SslStream<TcpStream>>),
}

impl Wire {
    /// Shakes hands, where this listener wants it.
    pub(crate) async fn accept(stream: TcpStream, tls: Option<&SslAcceptor>) -> Option<Self> {
        let Some(acceptor) = tls else { return Some(Self::Plain(stream)) };
        let ssl = Ssl::new(acceptor.context()).ok()?;
        let mut stream = Box::new(SslStream::new(ssl, stream).ok()?);
        Pin::new(&mut *stream).accept().await.ok()?;
        Some(Self::Tls(stream))
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}
