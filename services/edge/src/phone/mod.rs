//! The phone socket: the gate for strangers, then a pump per connection.
//!
//! The pump moves opaque frames between socket and session, one at a time in each direction. It
//! waits for the session to handle a frame before it reads the next, so a phone that floods only
//! fills its own TCP window. A peer that does not read is given a bounded time.

#[cfg(test)]
mod corpus;
mod frames;
pub mod gate;
mod websocket;
mod wire;

use std::{
    future::{Ready, ready},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use actix_server::{Server, ServerBuilder};
use actix_service::fn_service;
use countersign_actors_shell::{LinkReader, Out, Session, Sessions};
use countersign_protocol::{
    codes::Close,
    outer::{HELLO_LEN, MAX_FRAME_BEFORE_AUTH, Outer},
};
use openssl::ssl::{SslAcceptor, SslAcceptorBuilder};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpStream, UnixStream},
    time::{Instant, timeout, timeout_at},
};

use crate::{
    listener::Socket,
    metrics::{Counted, Metric, Metrics},
    tls::Tls,
    workers::Workers,
};
use gate::{Gate, Guest, Seat};
use tokio_util::either::Either;
use websocket::{In, PhoneSocket};
use wire::Plain;

/// Settings of the phone socket.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Longest time from the connection to a whole HELLO.
    pub hello: Duration,
    /// Longest time to write one frame.
    pub write: Duration,
    /// Threads that serve phones.
    pub workers: usize,
}

/// Longest time to send the close, whatever [`Settings::write`] allows.
const MOST_FOR_CLOSE: Duration = Duration::from_secs(2);

/// A service that phones can connect to.
#[derive(Clone)]
pub struct PhoneService {
    /// The path of the WebSocket, such as `/ns/sigmai`.
    pub path: &'static str,
    pub sessions: Arc<dyn Sessions>,
    pub metrics: Metrics,
}

/// State that all connections of the phone socket share.
#[derive(Clone)]
pub struct PhoneListener {
    /// Distinguished by their paths. Until a connection has named a path, it counts as the first
    /// service's.
    services: Arc<[PhoneService]>,
    paths: Arc<[&'static str]>,
    gate: Gate,
    settings: Settings,
    /// Connections are in plaintext when this is `None`.
    tls: Option<Tls>,
}

impl PhoneListener {
    /// Serves these services; there must be at least one.
    #[must_use]
    pub fn new(services: Vec<PhoneService>, gate: Gate, settings: Settings, tls: Option<Tls>) -> Self {
        let paths = services.iter().map(|s| s.path).collect();
        Self { services: services.into(), paths, gate, settings, tls }
    }
}

/// Serves phones on these sockets.
///
/// # Errors
/// When a socket cannot be used.
pub fn serve(sockets: Vec<Socket>, phone: PhoneListener, watched: &Workers) -> std::io::Result<Server> {
    let workers = phone.settings.workers;
    let tls = phone
        .tls
        .as_ref()
        .map(Tls::acceptor)
        .transpose()
        .map_err(std::io::Error::other)?
        .map(SslAcceptorBuilder::build);
    let mut server: ServerBuilder = Server::build()
        .workers(workers)
        .disable_signals()
        .shutdown_timeout(1)
        .max_concurrent_connections(1 << 20)
        .backlog(1024);
    for socket in sockets {
        let (phone, tls, watched) = (phone.clone(), tls.clone(), watched.clone());
        server = match socket {
            Socket::Tcp(listener) => server.listen("phone", listener, move || {
                let (phone, tls, worker) = (phone.clone(), tls.clone(), watched.start());
                fn_service(move |stream: TcpStream| {
                    let _it_lives = &worker;
                    let _small_frames_go_at_once = stream.set_nodelay(true);
                    begin(&phone, tls.as_ref(), Either::Left(stream))
                })
            })?,
            Socket::Unix(listener) => server.listen_uds("phone", listener, move || {
                let (phone, tls, worker) = (phone.clone(), tls.clone(), watched.start());
                fn_service(move |stream: UnixStream| {
                    let _it_lives = &worker;
                    begin(&phone, tls.as_ref(), Either::Right(stream))
                })
            })?,
        };
    }
    Ok(server.run())
}

/// The actix service of a connection ends at once. The connection lives on in a task of its own,
/// which holds no more state than it needs.
fn begin(phone: &PhoneListener, tls: Option<&SslAcceptor>, stream: Plain) -> Ready<Result<(), ()>> {
    actix_rt::spawn(welcome(phone.clone(), tls.cloned(), stream));
    ready(Ok(()))
}

/// Handles a connection until its session has started.
async fn welcome(phone: PhoneListener, tls: Option<SslAcceptor>, mut stream: Plain) {
    let (Some(from), Some(first)) = (wire::address(&stream), phone.services.first()) else { return };
    let Some((guest, seat)) = phone.gate.enter(from) else {
        first.metrics.count(Metric::Handshakes, &["busy"]);
        if tls.is_some() {
            return;
        }
        let busy = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nConnection: \
            close\r\nContent-Length: 0\r\n\r\n";
        let _gone = timeout(phone.settings.write, stream.write_all(busy)).await;
        return;
    };
    let counted = first.metrics.hold(Metric::PhoneConnections);
    let deadline = Instant::now() + phone.settings.hello;
    // Boxed: the upgrade's state is large, and is freed when the upgrade is done.
    let greeted = Box::pin(timeout_at(deadline, greet(&phone, tls.as_ref(), stream, from))).await;
    let (result, service, started) = match greeted {
        Ok(Some((socket, service, Ok(session)))) => ("ok", service, Some((socket, session))),
        Ok(Some((mut socket, service, Err(why)))) => {
            let _gone = timeout(phone.settings.write, refuse(&mut socket, why)).await;
            ("refused", service, None)
        }
        Ok(None) => ("refused", 0, None),
        Err(_) => ("timeout", 0, None),
    };
    let metrics = &phone.services[service].metrics;
    metrics.count(Metric::Handshakes, &[result]);
    if let Some((socket, session)) = started {
        let counted = if service == 0 { counted } else { metrics.hold(Metric::PhoneConnections) };
        let life = Life { _seat: seat, _counted: counted };
        actix_rt::spawn(pump(socket, session, guest, life, phone.settings.write, metrics.clone()));
    }
}

struct Life {
    _seat: Seat,
    _counted: Counted,
}

async fn greet(
    phone: &PhoneListener,
    tls: Option<&SslAcceptor>,
    stream: Plain,
    from: IpAddr,
) -> Option<(PhoneSocket, usize, Result<Session, Close>)> {
    let wire = wire::accept(stream, tls).await?;
    let (mut socket, service) = PhoneSocket::accept(wire, &phone.paths).await?;
    match socket.next().await {
        In::Frame(hello) => {
            let session = phone.services[service].sessions.start(&hello, from).await;
            Some((socket, service, session))
        }
        In::End { violation: true } => Some((socket, service, Err(Close::Protocol))),
        In::End { violation: false } => None,
    }
}

async fn refuse(socket: &mut PhoneSocket, why: Close) {
    socket.send(Outer::Close { code: why.code() }.to_bytes()).await;
    socket.close(why).await;
}

/// Moves frames between a connection and its session until either ends.
///
/// Not an `async fn`, because that stores its arguments twice, and every connection has one of
/// these futures.
fn pump(
    mut socket: PhoneSocket,
    mut session: Session,
    guest: Guest,
    life: Life,
    write: Duration,
    metrics: Metrics,
) -> impl Future<Output = ()> {
    let mut guest = Some(guest);
    async move {
        // Whether the pump itself, not the session, met a violation of the protocol.
        let mut violation = false;
        let (inward, outward) = session.split();
        let why = loop {
            if guest.is_some() && outward.trusted() {
                guest = None;
            }
            tokio::select! {
                biased;
                out = outward.next() => match out {
                    // Boxed, so that an idle pump is not as large as a writing one.
                    Out::Frame(frame) => if let Some(why) = Box::pin(write_frame(&mut socket, frame, write,
                        outward)).await {
                        break why;
                    },
                    Out::Close(why) => break why,
                },
                came = socket.next() => match came {
                    In::Frame(frame) if guest.is_some()
                        && frame.len() > MAX_FRAME_BEFORE_AUTH - HELLO_LEN => {
                        violation = true;
                        break Close::Protocol;
                    }
                    // A session that has ended still gives its reason: its link is polled first in
                    // the next round.
                    In::Frame(frame) => drop(inward.frame(frame).await),
                    In::End { violation: true } => {
                        violation = true;
                        break Close::Protocol;
                    }
                    In::End { violation: false } => break Close::Done,
                },
            }
        };
        metrics.count(Metric::Closed, &[why.as_str()]);
        Box::pin(end(socket, why, violation, write.min(MOST_FOR_CLOSE))).await;
        drop(life);
    }
}

/// Writes one frame within the time limit, unless the session wants to end at once. Returns the
/// reason to close, if there is one.
async fn write_frame(
    socket: &mut PhoneSocket,
    frame: Vec<u8>,
    write: Duration,
    outward: &LinkReader,
) -> Option<Close> {
    let written = tokio::select! {
        written = timeout(write, socket.send(frame)) => written,
        why = outward.cut() => return Some(why),
    };
    match written {
        Ok(true) => None,
        Ok(false) => Some(Close::Done),
        Err(_) => Some(Close::TooSlow),
    }
}

async fn end(mut socket: PhoneSocket, why: Close, violation: bool, write: Duration) {
    if violation {
        let _gone = timeout(write, socket.send(Outer::Close { code: why.code() }.to_bytes())).await;
    }
    let _gone = timeout(write, socket.close(why)).await;
}
