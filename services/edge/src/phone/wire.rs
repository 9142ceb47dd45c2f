//! A phone's socket, in the clear or in TLS.

use std::{
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
};

use openssl::ssl::{Ssl, SslAcceptor};
use tokio::net::{TcpStream, UnixStream};
use tokio_openssl::SslStream;
use tokio_util::either::Either;

/// In the clear.
pub(super) type Plain = Either<TcpStream, UnixStream>;

/// TLS is boxed: who is in the clear does not pay for it.
pub(crate) type Wire = Either<Plain, Box<SslStream<Plain>>>;

/// Where a connection comes from. Behind a unix socket is a proxy on this machine.
pub(super) fn address(stream: &Plain) -> Option<IpAddr> {
    match stream {
        Either::Left(tcp) => tcp.peer_addr().ok().map(|peer| peer.ip()),
        Either::Right(_) => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    }
}

/// Shakes hands, where this listener wants it.
pub(crate) async fn accept(stream: Plain, tls: Option<&SslAcceptor>) -> Option<Wire> {
    let Some(acceptor) = tls else { return Some(Either::Left(stream)) };
    let ssl = Ssl::new(acceptor.context()).ok()?;
    let mut stream = Box::new(SslStream::new(ssl, stream).ok()?);
    Pin::new(&mut *stream).accept().await.ok()?;
    Some(Either::Right(stream))
}
