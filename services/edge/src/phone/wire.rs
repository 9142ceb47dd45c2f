//! A phone's socket, in the clear or in TLS.

use std::pin::Pin;

use openssl::ssl::{Ssl, SslAcceptor};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;
use tokio_util::either::Either;

/// TLS is boxed: who is in the clear does not pay for it.
pub(crate) type Wire = Either<TcpStream, Box<SslStream<TcpStream>>>;

/// Shakes hands, where this listener wants it.
pub(crate) async fn accept(stream: TcpStream, tls: Option<&SslAcceptor>) -> Option<Wire> {
    let Some(acceptor) = tls else { return Some(Either::Left(stream)) };
    let ssl = Ssl::new(acceptor.context()).ok()?;
    let mut stream = Box::new(SslStream::new(ssl, stream).ok()?);
    Pin::new(&mut *stream).accept().await.ok()?;
    Some(Either::Right(stream))
}
