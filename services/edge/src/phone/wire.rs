//! A phone's socket, in plaintext or in TLS.

use std::{
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
};

use openssl::ssl::{Ssl, SslAcceptor};
use tokio::net::{TcpStream, UnixStream};
use tokio_openssl::SslStream;
use tokio_util::either::Either;

/// A socket in plaintext.
pub(super) type Plain = Either<TcpStream, UnixStream>;

/// A socket in plaintext or in TLS. TLS is boxed, so that plaintext connections do not pay for its
/// size.
pub(crate) type Wire = Either<Plain, Box<SslStream<Plain>>>;

/// Returns the address a connection comes from. A unix socket counts as loopback: its peer is a
/// proxy on this machine.
pub(super) fn address(stream: &Plain) -> Option<IpAddr> {
    match stream {
        Either::Left(tcp) => tcp.peer_addr().ok().map(|peer| peer.ip()),
        Either::Right(_) => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    }
}

/// Performs the TLS handshake, if this listener uses TLS.
pub(crate) async fn accept(stream: Plain, tls: Option<&SslAcceptor>) -> Option<Wire> {
    let Some(acceptor) = tls else { return Some(Either::Left(stream)) };
    let ssl = Ssl::new(acceptor.context()).ok()?;
    let mut stream = Box::new(SslStream::new(ssl, stream).ok()?);
    Pin::new(&mut *stream).accept().await.ok()?;
    Some(Either::Right(stream))
}
