//! What strangers and faulty phones may try at the phone socket.

mod flood;

use std::time::Duration;

use countersign_channel::{Greeting, p256};
use countersign_protocol::{
    codes::{Close, Refusal},
    frames::{
        AuthAccount, AuthEnrol, Claim, ClientAuth, Decide, Enrol, EnrolCode, Goodbye, ListLogins, PhoneFrame,
        Ping, Refused, ServerFrame,
    },
    ids::{LoginId, ReqId},
    link::Link,
    outer::MAX_PHONE_FRAME,
};
use countersign_sdk::{Command, KeyStore};
use futures_util::{SinkExt, future::join_all};
use tokio::{io::AsyncWriteExt, time::timeout};
use tokio_tungstenite::tungstenite::{Message, handshake::client::generate_key};

use crate::support::{Heard, Phone, Pod, RawPhone, Stage};

fn list() -> PhoneFrame {
    ListLogins { req_id: ReqId([1; 16]) }.into()
}

fn goodbye(code: Close) -> Heard {
    Heard::Frame(Box::new(ServerFrame::Goodbye(Goodbye { code })))
}

/// An `enrol` without a second factor.
fn enrol(public_key: [u8; 65], sig: [u8; 64], device: &str) -> Enrol {
    Enrol {
        req_id: ReqId([1; 16]),
        public_key,
        sig,
        app: "x".into(),
        device: device.into(),
        attestation: None,
        sfs_keys: None,
        factor_r: None,
    }
}

/// A `decide` without a second factor.
fn decide(req_id: ReqId, login: LoginId, jws: String) -> Decide {
    Decide { req_id, login, jws, attestation: None, sfs_keys: None, factor_r: None }
}

#[tokio::test]
async fn every_flipped_byte_of_hello_is_refused_by_the_running_server() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let pin = phone.account.server.pin().unwrap();
    for start in (0..1258).step_by(16) {
        let attempts = (start..(start + 16).min(1258)).map(|at| {
            let (_, mut hello) = Greeting::start(&pin).unwrap();
            hello[at] ^= 1 << (at % 8);
            let url = pod.url("phone");
            async move {
                let mut raw = RawPhone::dial(&url, None).await;
                raw.send(hello).await;
                raw.is_refused(&format!("byte {at} of HELLO")).await;
            }
        });
        join_all(attempts).await;
    }
    phone.connect().await;
}

#[tokio::test]
async fn frames_that_are_malformed_early_late_or_out_of_turn_end_the_connection() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let url = pod.url("phone");
    let (_, hello) = Greeting::start(&phone.account.server.pin().unwrap()).unwrap();

    for (what, bytes) in [
        ("nothing", vec![]),
        ("one byte", vec![1]),
        ("another version", [vec![2], hello[1..].to_vec()].concat()),
        ("an unknown type", vec![1, 9, 0, 0]),
        ("DATA before HELLO", [vec![1, 0x10], vec![0; 272]].concat()),
        ("CLOSE before HELLO", vec![1, 0x1f, 0, 1]),
        ("a short HELLO", hello[..1257].to_vec()),
        ("a long HELLO", [hello.clone(), vec![0]].concat()),
        ("an unknown key", [&hello[..2], &[9; 8], &hello[10..]].concat()),
    ] {
        let mut raw = RawPhone::dial(&url, None).await;
        raw.send(bytes).await;
        raw.is_refused(what).await;
    }

    let mut twice = RawPhone::greeted(&phone.account.server).await;
    twice.send(hello.clone()).await;
    twice.is_refused("HELLO twice").await;

    let mut late = RawPhone::online(&phone).await;
    late.send(hello).await;
    late.is_refused("HELLO after authentication").await;

    let mut early = RawPhone::greeted(&phone.account.server).await;
    early.say(&list()).await;
    early.is_refused("a command before authentication").await;

    let mut enrols = RawPhone::greeted(&phone.account.server).await;
    enrols.say(&enrol([4; 65], [0; 64], "x").into()).await;
    enrols.is_refused("Enrol without an offer").await;

    let mut again = RawPhone::online(&phone).await;
    let auth = again.auth(&phone);
    again.say(&auth).await;
    again.is_refused("authentication twice").await;

    let mut text = RawPhone::online(&phone).await;
    text.ws.send(Message::Text("hello".into())).await.unwrap();
    text.is_refused("a text message").await;

    let mut large = RawPhone::online(&phone).await;
    large.send(vec![0; MAX_PHONE_FRAME + 1]).await;
    large.is_refused("an oversize message").await;

    let mut hasty = RawPhone::greeted(&phone.account.server).await;
    let sealed = hasty.channel.as_mut().unwrap().seal(&[0; 5000]).unwrap();
    hasty.send(sealed).await;
    hasty.is_refused("more than 4 KiB before authentication").await;

    stage.approved(&mut phone.connect().await).await;
}

#[tokio::test]
async fn sealed_nonsense_ends_the_connection_like_unsealed_nonsense() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let ping = PhoneFrame::from(Ping { nonce: 7 }).encode();
    for (what, content) in [
        ("nothing", vec![]),
        ("an array", vec![0x80]),
        ("trailing bytes", [ping.clone(), vec![0]].concat()),
        ("a longer integer than needed", vec![0xa2, 0x00, 0x18, 0x03, 0x01, 0x07]),
        ("a duplicate key", vec![0xa3, 0x00, 0x03, 0x01, 0x07, 0x01, 0x07]),
        ("keys out of order", vec![0xa2, 0x01, 0x07, 0x00, 0x03]),
        ("an indefinite map", vec![0xbf, 0x00, 0x03, 0x01, 0x07, 0xff]),
        ("an unknown critical key", vec![0xa3, 0x00, 0x03, 0x01, 0x07, 0x02, 0x00]),
        (
            "a huge declared length",
            vec![0xa2, 0x00, 0x03, 0x01, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ),
        ("a depth bomb", vec![0x81; 200]),
        ("an unknown frame", vec![0xa1, 0x00, 0x18, 0x63]),
    ] {
        let mut raw = RawPhone::online(&phone).await;
        let sealed = raw.channel.as_mut().unwrap().seal(&content).unwrap();
        raw.send(sealed).await;
        raw.is_refused(what).await;
    }
    let mut raw = RawPhone::online(&phone).await;
    let sealed = raw.seal(&Ping { nonce: 7 }.into());
    raw.send(sealed.clone()).await;
    assert!(matches!(raw.heard().await, Heard::Frame(_)));
    raw.send(sealed).await;
    raw.is_refused("a replayed frame").await;

    let mut raw = RawPhone::online(&phone).await;
    let _skipped = raw.seal(&Ping { nonce: 7 }.into());
    raw.say(&Ping { nonce: 8 }.into()).await;
    raw.is_refused("a skipped frame").await;

    let (mut raw, mut other) =
        (RawPhone::online(&phone).await, RawPhone::greeted(&phone.account.server).await);
    let foreign = other.seal(&Ping { nonce: 7 }.into());
    raw.send(foreign).await;
    raw.is_refused("another channel's frame").await;

    for at in [2, 50, 150, 273] {
        let mut raw = RawPhone::online(&phone).await;
        let mut sealed = raw.seal(&Ping { nonce: 7 }.into());
        sealed[at] ^= 1;
        raw.send(sealed).await;
        raw.is_refused("a flipped byte").await;
    }
}

#[tokio::test]
async fn a_wrong_signature_and_an_unknown_key_or_code_get_the_same_answer() {
    let pod = Pod::start();
    let (stage, elsewhere) = (Stage::set(&pod).await, Stage::set(&pod).await);
    let phone = stage.phone("alice").await;
    let foreign = elsewhere.phone("alice").await;
    let jkt = p256::thumbprint(&phone.keys.public(&phone.account.key).unwrap());
    let other_channel = RawPhone::greeted(&phone.account.server).await;
    let replayed = other_channel.auth(&phone);
    let wrong: Vec<(&str, PhoneFrame)> = vec![
        ("no signature", ClientAuth::Account(AuthAccount { app_version: None, jkt, sig: [0; 64] }).into()),
        ("another channel's signature", replayed),
        (
            "an unknown key",
            ClientAuth::Account(AuthAccount {
                jkt: countersign_protocol::ids::Jkt([7; 32]),
                sig: [1; 64],
                app_version: None,
            })
            .into(),
        ),
        (
            "an unknown code",
            ClientAuth::Enrol(AuthEnrol { code: EnrolCode([7; 16]), app_version: None }).into(),
        ),
    ];
    for (what, auth) in wrong {
        let mut raw = RawPhone::greeted(&phone.account.server).await;
        raw.say(&auth).await;
        assert_eq!(raw.heard().await, goodbye(Close::AuthFailed), "{what}");
        assert_eq!(raw.heard().await, Heard::End(4002), "{what}");
    }
    let mut raw = RawPhone::greeted(&phone.account.server).await;
    let foreign_auth = {
        let jkt = p256::thumbprint(&foreign.keys.public(&foreign.account.key).unwrap());
        let message = raw.channel.as_ref().unwrap().auth_message(&jkt);
        ClientAuth::Account(AuthAccount {
            app_version: None,
            jkt,
            sig: foreign.keys.sign(&foreign.account.key, &message).unwrap(),
        })
    };
    raw.say(&foreign_auth.into()).await;
    assert_eq!(raw.heard().await, goodbye(Close::AuthFailed), "another realm's account");
}

#[tokio::test]
async fn an_enrolment_with_a_bad_key_or_signature_does_not_use_the_code_up() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let enrolment = stage.new_enrolment("alice", countersign_api::Confirm::None).await;
    let text = enrolment.link.clone().unwrap();
    let Link::Enrol(link) = Link::parse(&text).unwrap() else { panic!("an enrolment link") };
    let server = countersign_sdk::AccountServer::from_link(&link).unwrap();
    let key = p256::SigningKey::generate();
    for (what, public_key, device) in [
        ("no point", [4; 65], "x"),
        ("the infinite point", [0; 65], "x"),
        ("a wrong signature", key.public(), "x"),
        ("a name that deceives", key.public(), "a\u{202e}b"),
        ("an empty name", key.public(), ""),
    ] {
        let mut raw = RawPhone::greeted(&server).await;
        raw.say(&ClientAuth::Enrol(AuthEnrol { code: EnrolCode(link.code.0), app_version: None }).into())
            .await;
        let Heard::Frame(offer) = raw.heard().await else { panic!("{what}: an offer") };
        let ServerFrame::EnrolOffer(offer) = *offer else { panic!("{what}: an offer") };
        let right = key.sign(
            &raw.channel.as_ref().unwrap().enrol_message(&offer.challenge, &p256::thumbprint(&key.public())),
        );
        let sig = if what == "a wrong signature" { [1; 64] } else { right };
        raw.say(&enrol(public_key, sig, device).into()).await;
        assert_eq!(
            raw.heard().await,
            Heard::Frame(Box::new(
                Refused { req_id: ReqId([1; 16]), code: Refusal::BadEnrolment, retry_after: None }.into()
            )),
            "{what}"
        );
        assert_eq!(raw.heard().await, goodbye(Close::AuthFailed), "{what}");
    }
    Phone::enrol(&text).await.expect("the code still works");
}

#[tokio::test]
async fn a_decision_for_something_else_is_refused_and_changes_nothing() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (phone, other) = (stage.phone("alice").await, stage.phone("bob").await);
    let mut online = phone.connect().await;
    let (login, prompt) = stage.claimed(&mut online).await;
    let (second, _) = stage.claimed(&mut online).await;
    drop(online);
    let mut raw = RawPhone::online(&phone).await;
    let good = |ctx: [u8; 32], cb: [u8; 32], login: LoginId| countersign_protocol::decision::Decision {
        login,
        realm: prompt.realm,
        ctx,
        verdict: countersign_protocol::decision::Verdict::Approve,
        number: None,
        reason: None,
        att: None,
        iat: 0,
        cb,
    };
    let (cb, id): (_, LoginId) = (raw.channel.as_ref().unwrap().binding(), login.id.parse().unwrap());
    let jkt = p256::thumbprint(&phone.keys.public(&phone.account.key).unwrap());
    let sign = |d: countersign_protocol::decision::Decision, by: &Phone| {
        let input = d.signing_input(&jkt);
        countersign_protocol::decision::compact(
            &input,
            &by.keys.sign(&by.account.key, input.as_bytes()).unwrap(),
        )
    };
    for (what, jws) in [
        ("other content than was shown", sign(good([9; 32], cb, id), &phone)),
        ("another channel", sign(good([9; 32], [9; 32], id), &phone)),
        ("another login", sign(good([9; 32], cb, second.id.parse().unwrap()), &phone)),
        ("another account's signature", sign(good([9; 32], cb, id), &other)),
        ("no JWS", "nonsense".to_owned()),
    ] {
        raw.say(&decide(ReqId([2; 16]), id, jws).into()).await;
        assert_eq!(
            raw.heard().await,
            Heard::Frame(Box::new(
                Refused { req_id: ReqId([2; 16]), code: Refusal::BadDecision, retry_after: None }.into()
            )),
            "{what}"
        );
    }
    // Without a code, only a login directed at this account can be claimed.
    raw.say(&Claim { req_id: ReqId([3; 16]), login: id, qr_time: None, qr_mac: None, link: None }.into())
        .await;
    assert_eq!(
        raw.heard().await,
        Heard::Frame(Box::new(
            Refused { req_id: ReqId([3; 16]), code: Refusal::UnknownLogin, retry_after: None }.into()
        ))
    );
    drop(raw);
    phone.connect().await.do_it(&Command::approve(&prompt)).await.unwrap();
}

#[tokio::test]
async fn the_upgrade_takes_the_right_path_subprotocol_and_no_compression() {
    let pod = Pod::start();
    let host = pod.url("phone").trim_start_matches("ws://").split('/').next().unwrap().to_owned();
    for (path, protocol, status) in [
        ("/ns/sigmai", "countersign.sigmai.v1", 101),
        ("/mc/sigmai", "countersign.sigmai.v1", 404),
        ("/", "countersign.sigmai.v1", 404),
        ("/ns/sigmai", "chat", 400),
    ] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: \
                websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\nSec-WebSocket-Protocol: \
                {protocol}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
            generate_key()
        );
        let mut stream = tokio::net::TcpStream::connect(&host).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = vec![0; 1024];
        let n = timeout(Duration::from_secs(10), tokio::io::AsyncReadExt::read(&mut stream, &mut head))
            .await
            .unwrap()
            .unwrap();
        let head = String::from_utf8_lossy(&head[..n]).into_owned();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{path} {protocol}: {head}");
        assert!(!head.to_lowercase().contains("permessage-deflate"), "compression was accepted");
    }
}
