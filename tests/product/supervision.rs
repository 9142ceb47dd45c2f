//! What a dead task ends, what goes on, and which connections are closed.

use std::{net::SocketAddr, pin::pin, time::Duration};

use countersign_protocol::{
    frames::{Goodbye, Ping, ServerFrame},
    outer::Outer,
};
use countersign_sdk::{Close, Command, Ended, Event};
use countersign_sim::PhoneError;
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Heard, Page, Pod, RawPhone, Stage};

#[tokio::test]
async fn a_panic_in_a_session_ends_that_session_and_no_other() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (victim, other) = (stage.phone("victim").await, stage.phone("other").await);
    let (mut doomed, mut bystander) = (victim.connect().await, other.connect().await);
    assert_eq!(pod.fault(&format!("panic/{}", victim.account.id)).await, 200);
    assert!(matches!(doomed.next().await, Err(PhoneError::Unreachable(_))));
    stage.approved(&mut bystander).await;
    let mut again = victim.connect().await;
    stage.approved(&mut again).await;
    assert_eq!(pod.admin("/readyz").await.0, 200);
}

#[tokio::test]
async fn a_panic_in_a_registry_makes_the_pod_unready_drains_it_and_ends_it_with_an_error() {
    for registry in ["logins", "messages"] {
        let mut pod = Pod::with(
            &[],
            &[("COUNTERSIGN_DRAIN_SPREAD_MS", "3000"), ("COUNTERSIGN_DRAIN_DEADLINE_MS", "5000")],
        );
        let stage = Stage::set(&pod).await;
        let phones = [stage.phone("a").await, stage.phone("b").await, stage.phone("c").await];
        let mut online = Vec::new();
        for phone in &phones {
            online.push(phone.connect().await);
        }
        assert_eq!(pod.fault(&format!("panic/{registry}")).await, 200);
        let (status, body) = pod.admin("/readyz").await;
        assert_eq!(status, 503, "{body}");
        assert!(body.contains("died") || body.contains("draining"), "{body}");
        for phone in &mut online {
            match phone.next().await {
                Ok(over) => assert_eq!(over, Event::Over(Ended::Server(Close::Draining))),
                // The list of connections died with this registry, so its phones only notice that
                // the pod ends.
                Err(gone) => {
                    assert!(registry == "messages" && matches!(gone, PhoneError::Unreachable(_)), "{gone:?}")
                }
            }
        }
        assert_eq!(pod.ended().await.code(), Some(1));
    }
}

#[tokio::test]
async fn a_pod_told_to_stop_sends_phones_and_pages_away_in_good_order() {
    let mut pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phones = Vec::new();
    for i in 0..20 {
        phones.push(stage.phone(&format!("user{i}")).await.connect().await);
    }
    let mut page = Page::open(&stage.new_login().await).await;
    page.qr().await;
    pod.signal("TERM");
    for phone in &mut phones {
        assert_eq!(phone.next().await.unwrap(), Event::Over(Ended::Server(Close::Draining)));
        match phone.socket().next().await {
            Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 1012),
            other => panic!("a Close frame with 1012, not {other:?}"),
        }
    }
    let end = loop {
        if let Err(code) = page.next().await {
            break code;
        }
    };
    assert_eq!(end, 1012);
    assert_eq!(pod.ended().await.code(), Some(0));
}

/// Sends requests and never reads the answers, until no more requests can be sent: the phone's TCP
/// window is full, and its pump in the pod waits in vain. This is reached when neither queue of the
/// pod's socket changes any more; a pod that is merely slow still writes.
async fn turn_deaf(pod: &Pod, phone: &mut RawPhone) {
    let (here, there) = phone.addresses();
    for nonce in 0..1_000_000 {
        let frame = phone.seal(&Ping { nonce }.into());
        let mut send = pin!(phone.ws.send(Message::Binary(frame.into())));
        let mut before = None;
        loop {
            match timeout(Duration::from_millis(500), send.as_mut()).await {
                Ok(Ok(())) => break,
                Ok(Err(_)) => return,
                Err(_) => {}
            }
            let queues = queues(there, here);
            if queues == before && queues.is_some_and(|(out, into)| out > 0 && into > 0) {
                return;
            }
            before = queues;
            assert_eq!(pod.admin("/livez").await.0, 200);
        }
    }
    panic!("a million answers went unread and nobody minded");
}

/// Returns the bytes that wait to be sent from and to be read from the socket with these ends
/// (proc(5), `/proc/net/tcp`).
fn queues(local: SocketAddr, remote: SocketAddr) -> Option<(u64, u64)> {
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let ends = [local, remote].map(|end| format!(":{:04X}", end.port()));
    let mut rows = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row[1].ends_with(&ends[0]) && row[2].ends_with(&ends[1]))?;
    let (out, into) = row[4].split_once(':')?;
    Some((u64::from_str_radix(out, 16).ok()?, u64::from_str_radix(into, 16).ok()?))
}

async fn until_offline(stage: &Stage, account: &str) {
    while stage.api.account(&stage.realm, account).await.unwrap().online {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_phone_that_does_not_read_is_cut_off_and_its_account_is_free_again() {
    let pod = Pod::with(&[], &[("COUNTERSIGN_PHONE_WRITE_MS", "300")]);
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let mut deaf = RawPhone::online(&phone).await;
    turn_deaf(&pod, &mut deaf).await;
    until_offline(&stage, &phone.account.id).await;
    stage.approved(&mut phone.connect().await).await;
    let (_, metrics) = pod.admin("/metrics").await;
    assert!(
        metrics.contains(r#"countersign_phone_closed_total{code="too_slow",service="ns"} 1"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_full_link_ends_the_session() {
    // The pump's own timeout is too long to matter here: only the Link's bound can end this
    // session.
    let pod = Pod::with(&[], &[("COUNTERSIGN_PHONE_WRITE_MS", "600000")]);
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let mut deaf = RawPhone::online(&phone).await;
    let mut logins = Vec::new();
    for _ in 0..24 {
        let login = stage.new_login().await;
        deaf.claim(&Page::open(&login).await.qr().await).await;
        logins.push(login);
    }
    turn_deaf(&pod, &mut deaf).await;
    for login in &logins {
        stage.api.cancel_login(&stage.realm, &login.id).await.unwrap();
    }
    until_offline(&stage, &phone.account.id).await;
    let (_, metrics) = pod.admin("/metrics").await;
    assert!(
        metrics.contains(r#"countersign_phone_closed_total{code="too_slow",service="ns"} 1"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn every_phase_has_its_deadline() {
    let pod = Pod::with(
        &[],
        &[
            ("COUNTERSIGN_PHONE_HELLO_MS", "300"),
            ("COUNTERSIGN_PHONE_FIRST_FRAME_MS", "300"),
            ("COUNTERSIGN_PHONE_ENROLMENT_MS", "300"),
            ("COUNTERSIGN_PHONE_IDLE_MS", "300"),
            ("COUNTERSIGN_PHONE_LIFETIME_MS", "2000"),
        ],
    );
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let url = pod.url("phone");

    let mut silent =
        tokio::net::TcpStream::connect(url.trim_start_matches("ws://").split('/').next().unwrap())
            .await
            .unwrap();
    let mut rest = Vec::new();
    timeout(Duration::from_secs(10), tokio::io::AsyncReadExt::read_to_end(&mut silent, &mut rest))
        .await
        .expect("no upgrade: closed")
        .unwrap();

    let mut upgraded = countersign_sim::online::dial(&url, None).await.unwrap();
    let end =
        timeout(Duration::from_secs(10), async { while let Some(Ok(_)) = upgraded.next().await {} }).await;
    end.expect("no HELLO: closed");

    let pin = phone.account.server.pin().unwrap();
    let (_, hello) = countersign_channel::Greeting::start(&pin).unwrap();
    let mut greeted = countersign_sim::online::dial(&url, None).await.unwrap();
    greeted.send(Message::Binary(hello.into())).await.unwrap();
    let first = greeted.next().await.unwrap().unwrap();
    assert!(matches!(Outer::parse(&first.into_data()), Ok(Outer::HelloOk { .. })));
    timeout(Duration::from_secs(10), async { while let Some(Ok(_)) = greeted.next().await {} })
        .await
        .expect("no ClientAuth: closed");

    let mut idle = phone.connect().await;
    assert_eq!(idle.next().await.unwrap(), Event::Over(Ended::Server(Close::Timeout)));

    let mut busy = phone.connect().await;
    let over = loop {
        match busy.ask(&Command::Ping { nonce: 1 }).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(over) => break over,
        }
    };
    assert!(matches!(over, PhoneError::Closed(Close::Rekey)), "however lively, a connection ends: {over:?}");
}

#[tokio::test]
async fn readiness_says_when_the_pod_drains() {
    let mut pod = Pod::with(&[], &[("COUNTERSIGN_DRAIN_SPREAD_MS", "3000")]);
    let stage = Stage::set(&pod).await;
    let mut phones = Vec::new();
    for i in 0..10 {
        phones.push(stage.phone(&format!("user{i}")).await.connect().await);
    }
    pod.signal("TERM");
    let body = loop {
        let (status, body) = pod.admin("/readyz").await;
        if status == 503 {
            break body;
        }
    };
    assert!(body.contains("draining"), "{body}");
    assert_eq!(pod.admin("/livez").await.0, 200, "draining is not dying");
    drop(phones);
    assert_eq!(pod.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_login_survives_the_loss_of_its_phones_connection() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let mut first = phone.connect().await;
    let (login, prompt) = stage.claimed(&mut first).await;
    drop(first);
    let mut second = phone.connect().await;
    second.do_it(&Command::approve(&prompt)).await.unwrap();
    assert_eq!(stage.api.redeem(&stage.realm, &login.id, None).await.unwrap().user_id, "alice");
}

#[tokio::test]
async fn a_phone_that_is_nobody_yet_is_sent_away_too_and_does_not_hold_up_the_end() {
    let mut pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let mut stranger = RawPhone::greeted(&phone.account.server).await;
    pod.signal("TERM");
    assert!(matches!(stranger.heard().await, Heard::Frame(f) if matches!(*f,
            ServerFrame::Goodbye(Goodbye { code: Close::Draining }))));
    drop(stranger);
    assert!(pod.ended().await.success());
}
