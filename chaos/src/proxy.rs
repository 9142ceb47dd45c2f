//! A TCP proxy whose connections can be cut, slowed, silenced or garbled.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    time::sleep,
};

use crate::Stop;

/// Present conditions on the wire, shared by all its connections.
#[derive(Default)]
struct Weather {
    delay_ms: AtomicU64,
    /// Nothing gets through, and neither end is notified.
    silent: AtomicBool,
    /// One bit of the next chunk from the server is flipped.
    garble: AtomicBool,
}

/// A proxy that carries TCP connections to one local port.
pub struct Proxy {
    pub port: u16,
    weather: Arc<Weather>,
    /// Each new value ends the existing connections.
    cut: watch::Sender<u64>,
}

impl Proxy {
    /// Starts a proxy to the local port `target`, on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn to(target: u16) -> Result<Self, Stop> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (port, weather, cut) =
            (listener.local_addr()?.port(), Arc::<Weather>::default(), watch::Sender::new(0));
        let (these, ends) = (weather.clone(), cut.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // If the target does not accept, the client's connection ends, as at a closed port.
                tokio::spawn(carry(client, target, these.clone(), ends.clone()));
            }
        });
        Ok(Self { port, weather, cut })
    }

    /// Ends every existing connection.
    pub fn cut(&self) {
        self.cut.send_modify(|n| *n += 1);
    }

    /// Delays every chunk by `ms` milliseconds from now on.
    pub fn delay(&self, ms: u64) {
        self.weather.delay_ms.store(ms, Ordering::Relaxed);
    }

    /// While `on`, connections are half open: they exist, but nothing gets through.
    pub fn silence(&self, on: bool) {
        self.weather.silent.store(on, Ordering::Relaxed);
    }

    /// Flips one bit of the next chunk from the server. For connections in TLS only, which notices
    /// it; in plaintext the pods could not.
    pub fn garble(&self) {
        self.weather.garble.store(true, Ordering::Relaxed);
    }
}

async fn carry(client: TcpStream, target: u16, weather: Arc<Weather>, mut ends: watch::Receiver<u64>) {
    ends.mark_unchanged();
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    let _small_pieces_go_at_once = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        () = pass(from_client, to_server, &weather, false) => {}
        () = pass(from_server, to_client, &weather, true) => {}
        _ = ends.changed() => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, weather: &Weather, may_be_garbled: bool) {
    let mut piece = vec![0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut piece).await {
        while weather.silent.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(20)).await;
        }
        let delay = weather.delay_ms.load(Ordering::Relaxed);
        if delay > 0 {
            sleep(Duration::from_millis(delay)).await;
        }
        if may_be_garbled && weather.garble.swap(false, Ordering::Relaxed) {
            piece[n / 2] ^= 0x10;
        }
        if to.write_all(&piece[..n]).await.is_err() {
            return;
        }
    }
}
