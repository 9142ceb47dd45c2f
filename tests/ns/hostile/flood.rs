//! Many hostile sockets, and too many frames from one phone.

use std::{net::IpAddr, time::Duration};

use countersign_channel::random;
use futures_util::{SinkExt, future::join_all};
use tokio::{io::AsyncWriteExt, net::TcpSocket, time::timeout};
use tokio_tungstenite::tungstenite::{Message, handshake::client::generate_key};

use crate::support::{Page, Pod, RawPhone, Stage};

#[tokio::test]
async fn a_ping_flood_ends_the_connection() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut raw = RawPhone::online(&stage.phone("alice").await).await;
    for _ in 0..1000 {
        if raw.ws.send(Message::Ping(vec![0; 100].into())).await.is_err() {
            break;
        }
    }
    raw.is_refused("a ping flood").await;
}

/// The ceiling for 2,000 hostile sockets, in bytes: 32 KiB each. Stated in `docs/THREATS.md`.
const CEILING: u64 = 2000 * 32 * 1024;

async fn hostile(address: std::net::SocketAddr, i: u8, kind: usize) -> Option<tokio::net::TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((IpAddr::from([127, 0, 1, i]), 0).into()).unwrap();
    let mut stream = socket.connect(address).await.ok()?;
    let upgrade = format!(
        "GET /ns/sigmai HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: \
            websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\nSec-WebSocket-Protocol: \
            countersign.sigmai.v1\r\n",
        generate_key()
    );
    let said = match kind {
        0 => Vec::new(),
        1 => b"GET /ns/sigmai HTTP/1.1\r\nX-Slow: ".to_vec(),
        2 => random::<512>().to_vec(),
        // A complete upgrade and the beginning of a large frame.
        _ => [upgrade.as_bytes(), b"\r\n", &[0x82, 0xfe, 0x20, 0x00, 1, 2, 3, 4], &[0; 500]].concat(),
    };
    let _ = stream.write_all(&said).await;
    Some(stream)
}

#[tokio::test]
async fn two_thousand_hostile_sockets_stay_below_the_ceiling_and_a_good_phone_logs_in() {
    countersign_testkit::open_files(4096);
    let pod = Pod::with(&[], &[("COUNTERSIGN_PHONE_HELLO_MS", "60000")]);
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    stage.approved(&mut phone.connect().await).await;
    let before = pod.memory();
    let address = pod.url("phone").trim_start_matches("ws://").split('/').next().unwrap().parse().unwrap();
    let mut held = Vec::new();
    for batch in 0..20u8 {
        let sockets = (0..100).map(|n| hostile(address, 1 + batch % 8, n % 4));
        held.extend(join_all(sockets).await.into_iter().flatten());
    }
    assert!(held.len() >= 2000, "{} sockets", held.len());
    stage.approved(&mut phone.connect().await).await;
    let grown = pod.memory().saturating_sub(before);
    assert!(grown <= CEILING, "{grown} bytes for {} hostile sockets", held.len());
    println!("{} bytes per hostile socket", grown / held.len() as u64);
}

#[tokio::test]
async fn strangers_of_one_address_are_limited_and_others_are_not_harmed() {
    let pod = Pod::with(&[], &[("COUNTERSIGN_PHONE_STRANGERS_PER_ADDRESS", "10")]);
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let url = pod.url("phone");
    let from = Some(IpAddr::from([127, 0, 1, 1]));
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(RawPhone::dial(&url, from).await);
    }
    assert!(countersign_sim::online::dial(&url, from).await.is_err(), "the eleventh stranger");
    let mut online = phone.connect().await;
    stage.approved(&mut online).await;
    held.pop().unwrap().ws.close(None).await.unwrap();
    let mut page = Page::open(&stage.new_login().await).await;
    page.qr().await;
    let again = timeout(Duration::from_secs(10), async {
        while countersign_sim::online::dial(&url, from).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    again.await.expect("a place became free");
}
