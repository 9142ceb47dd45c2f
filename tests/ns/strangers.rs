//! What the phone socket answers to invalid bytes, byte for byte, and what it accepts as a
//! WebSocket message or a signature.

use std::time::Duration;

use countersign_api::Confirm;
use countersign_channel::{Greeting, p256};
use countersign_protocol::{
    ServerRole,
    codes::{Close, Refusal},
    frames::{
        AuthAccount, AuthEnrol, Claim, ClientAuth, EnrolCode, Goodbye, LinkToken, ListLogins, PhoneFrame,
        Ping, Refused, ServerFrame,
    },
    ids::{LoginId, ReqId},
    labels,
    link::Link,
    outer::{MAX_PHONE_FRAME, Outer},
};
use countersign_sdk::KeyStore;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::support::{Heard, Phone, Pod, RawPhone, Stage};

const PATIENCE: Duration = Duration::from_secs(20);

/// CLOSE 1, then WebSocket close 1002: the only answer to invalid bytes.
const WRONG: &[u8] = b"\x82\x04\x01\x1f\x00\x01\x88\x0a\x03\xeaprotocol";

/// Returns the head of a client's WebSocket frame with an all-zero mask; `first` is FIN, RSV and
/// opcode.
fn head(first: u8, len: usize) -> Vec<u8> {
    let len = match len {
        0..126 => vec![0x80 | u8::try_from(len).unwrap()],
        126..0x1_0000 => [&[0xfe][..], &u16::try_from(len).unwrap().to_be_bytes()].concat(),
        _ => [&[0xff][..], &(len as u64).to_be_bytes()].concat(),
    };
    [&[first][..], &len, &[0; 4]].concat()
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&head(first, payload.len()), payload].concat()
}

fn binary(payload: &[u8]) -> Vec<u8> {
    frame(0x82, payload)
}

/// Sends these bytes below the WebSocket, and returns every byte until the server hangs up.
async fn last_words(raw: &mut RawPhone, bytes: &[u8]) -> Vec<u8> {
    let stream = raw.ws.get_mut();
    // The server may have closed already.
    let _ = stream.write_all(bytes).await;
    let mut said = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("the server hangs up").unwrap();
    said
}

#[tokio::test]
async fn whatever_is_wrong_before_authentication_the_answer_is_the_same_byte_for_byte() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let (_, hello) = Greeting::start(&phone.account.server.pin().unwrap()).unwrap();
    let flipped = |at: usize| [&hello[..at], &[hello[at] ^ 1], &hello[at + 1..]].concat();
    for (what, bytes) in [
        ("no frame", binary(&[])),
        ("another version", binary(&flipped(0))),
        ("another type", binary(&flipped(1))),
        ("an unknown key", binary(&flipped(2))),
        ("a flipped point", binary(&flipped(10))),
        ("a flipped encapsulation key", binary(&flipped(100))),
        ("a flipped tag", binary(&flipped(1257))),
        ("a short HELLO", binary(&hello[..1257])),
        ("DATA", binary(&Outer::Data { sealed: &[0; 272] }.to_bytes())),
        ("CLOSE", binary(&Outer::Close { code: 9 }.to_bytes())),
        ("a text", frame(0x81, b"hello")),
        ("no mask", [&[0x82, 4][..], b"bare"].concat()),
        ("compressed", frame(0xc2, &hello)),
        ("too long", head(0x82, MAX_PHONE_FRAME + 1)),
    ] {
        let mut raw = RawPhone::dial(&phone.account.server.url, None).await;
        assert_eq!(last_words(&mut raw, &bytes).await, WRONG, "{what}");
    }
    let nonsense: [(&str, &dyn Fn(&mut RawPhone) -> Vec<u8>); 8] = [
        ("HELLO twice", &|_| hello.clone()),
        ("what does not open", &|_| Outer::Data { sealed: &[0; 272] }.to_bytes()),
        ("no tag", &|_| Outer::Data { sealed: &[0; 17] }.to_bytes()),
        ("no CBOR", &|raw| raw.channel.as_mut().unwrap().seal(b"nonsense").unwrap()),
        ("nothing sealed", &|raw| raw.channel.as_mut().unwrap().seal(b"").unwrap()),
        ("an unknown frame", &|raw| raw.channel.as_mut().unwrap().seal(&[0xa1, 0x00, 0x18, 0x63]).unwrap()),
        ("a command", &|raw| raw.seal(&ListLogins { req_id: ReqId([1; 16]) }.into())),
        ("more than 4 KiB", &|raw| raw.channel.as_mut().unwrap().seal(&[0; 5000]).unwrap()),
    ];
    for (what, say) in nonsense {
        let mut raw = RawPhone::greeted(&phone.account.server).await;
        let message = say(&mut raw);
        assert_eq!(last_words(&mut raw, &binary(&message)).await, WRONG, "{what} after HELLO_OK");
    }
}

#[tokio::test]
async fn messages_in_fragments_are_heard_with_pings_between_them() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut raw = RawPhone::online(&stage.phone("alice").await).await;
    let sealed = raw.seal(&Ping { nonce: 7 }.into());
    let (first, rest) = sealed.split_at(1);
    let (second, third) = rest.split_at(100);
    let ping = frame(0x89, b"are you there");
    let bytes =
        [frame(0x02, first), ping.clone(), frame(0x00, second), frame(0x8a, b""), ping, frame(0x80, third)]
            .concat();
    for byte in bytes {
        raw.ws.get_mut().write_all(&[byte]).await.unwrap();
    }
    assert!(
        matches!(raw.heard().await, Heard::Frame(f) if matches!(*f, ServerFrame::Pong(ref p) if p.nonce == 7))
    );
    // An empty final fragment, as some libraries send it.
    let sealed = raw.seal(&Ping { nonce: 8 }.into());
    raw.ws.get_mut().write_all(&[frame(0x02, &sealed), frame(0x80, b"")].concat()).await.unwrap();
    assert!(
        matches!(raw.heard().await, Heard::Frame(f) if matches!(*f, ServerFrame::Pong(ref p) if p.nonce == 8))
    );
}

#[tokio::test]
async fn websocket_frames_that_break_its_rules_or_our_limits_end_the_connection_at_their_head() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let most = vec![0; MAX_PHONE_FRAME];
    for (what, bytes) in [
        ("33 KiB and a byte, declared", head(0x82, 33 * 1024 + 1)),
        ("a byte too many, declared", head(0x82, MAX_PHONE_FRAME + 1)),
        ("2^63 bytes, declared", [&[0x82, 0xff, 0x80][..], &[0; 7], &[0; 4]].concat()),
        ("fragments that are too long together", [frame(0x02, &most), frame(0x80, b"x")].concat()),
        ("a fragment without a beginning", frame(0x80, b"x")),
        ("a message inside a message", [frame(0x02, b"x"), frame(0x82, b"y")].concat()),
        ("an empty fragment in the middle", [frame(0x02, b"x"), frame(0x00, b"")].concat()),
        ("a text fragment", frame(0x01, b"x")),
        ("RSV 1, as a compressed message has it", frame(0xc2, b"x")),
        ("RSV 2", frame(0xa2, b"x")),
        ("RSV 3", frame(0x92, b"x")),
        ("a reserved opcode", frame(0x83, b"x")),
        ("a reserved control opcode", frame(0x8b, b"x")),
        ("a ping in fragments", frame(0x09, b"x")),
        ("a ping of 126 bytes", head(0x89, 126)),
        ("no mask", vec![0x82, 0x01, b'x']),
    ] {
        let mut raw = RawPhone::online(&phone).await;
        assert_eq!(last_words(&mut raw, &bytes).await, WRONG, "{what}");
    }
    stage.approved(&mut phone.connect().await).await;
}

/// Returns the same signature with a high `s`: n − s.
fn high_s(sig: [u8; 64]) -> [u8; 64] {
    const ORDER: [u8; 32] = *b"\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\
           \xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";
    let mut twin = sig;
    let mut borrow = 0i16;
    for i in (0..32).rev() {
        let d = i16::from(ORDER[i]) - i16::from(sig[32 + i]) - borrow;
        borrow = i16::from(d < 0);
        twin[32 + i] = u8::try_from(d.rem_euclid(256)).unwrap();
    }
    twin
}

/// Returns the same signature in DER, as X.509 and many key stores encode it.
fn der(sig: &[u8; 64]) -> Vec<u8> {
    let integer = |half: &[u8]| {
        let short = &half[half.iter().take_while(|b| **b == 0).count().min(31)..];
        let sign = if short[0] >= 0x80 { &[0][..] } else { &[] };
        [&[0x02, u8::try_from(sign.len() + short.len()).unwrap()], sign, short].concat()
    };
    let both = [integer(&sig[..32]), integer(&sig[32..])].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()], &both[..]].concat()
}

/// What a phone may wrongly sign and send instead of the correct authentication.
fn wrong_auths(raw: &RawPhone, phone: &Phone, other: &Phone) -> Vec<(&'static str, AuthAccount)> {
    let channel = raw.channel.as_ref().unwrap();
    let (server_id, h) = (phone.account.server.pin().unwrap().server_id, channel.handshake_hash());
    let key = |p: &Phone| p256::thumbprint(&p.keys.public(&p.account.key).unwrap());
    let sign = |p: &Phone, message: &[u8]| p.keys.sign(&p.account.key, message).unwrap();
    let (jkt, theirs) = (key(phone), key(other));
    let good = sign(phone, &channel.auth_message(&jkt));
    let mut flipped = good;
    flipped[40] ^= 1;
    let half = |r: [u8; 32], s: [u8; 32]| -> [u8; 64] { [r, s].concat().try_into().unwrap() };
    let [r, s] = [0, 32].map(|at| <[u8; 32]>::try_from(&good[at..at + 32]).unwrap());
    let signed = |what, sig| (what, AuthAccount { jkt, sig, app_version: None });
    vec![
        signed("for SFS", sign(phone, &labels::channel_auth(ServerRole::Sfs, &server_id, &h, &jkt))),
        signed("for another server", sign(phone, &labels::channel_auth(ServerRole::Ns, &[9; 16], &h, &jkt))),
        signed(
            "for another h",
            sign(phone, &labels::channel_auth(ServerRole::Ns, &server_id, &[9; 32], &jkt)),
        ),
        signed("as if for an enrolment", sign(phone, &channel.enrol_message(&[0; 32], &jkt))),
        signed("for another account's key", sign(phone, &channel.auth_message(&theirs))),
        ("another account's jkt", AuthAccount { jkt: theirs, sig: good, app_version: None }),
        (
            "another account's jkt, signed over by this one",
            AuthAccount { jkt: theirs, sig: sign(phone, &channel.auth_message(&theirs)), app_version: None },
        ),
        signed("by another account", sign(other, &channel.auth_message(&jkt))),
        signed("r is zero", half([0; 32], s)),
        signed("s is zero", half(r, [0; 32])),
        signed("r and s are swapped", half(s, r)),
        signed("r and s are the largest there is", [0xff; 64]),
        signed("a flipped bit", flipped),
        signed("the beginning of DER", der(&good)[..64].try_into().unwrap()),
    ]
}

#[tokio::test]
async fn a_client_auth_that_is_signed_for_or_by_anything_else_gets_the_one_answer() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (phone, other) = (stage.phone("alice").await, stage.phone("bob").await);
    let cases = wrong_auths(&RawPhone::greeted(&phone.account.server).await, &phone, &other).len();
    for case in 0..cases {
        let mut raw = RawPhone::greeted(&phone.account.server).await;
        let (what, auth) = wrong_auths(&raw, &phone, &other).swap_remove(case);
        raw.say(&ClientAuth::Account(auth).into()).await;
        assert_eq!(
            raw.heard().await,
            Heard::Frame(Box::new(Goodbye { code: Close::AuthFailed }.into())),
            "{what}"
        );
        assert_eq!(raw.heard().await, Heard::End(4002), "{what}");
    }
    let mut raw = RawPhone::greeted(&phone.account.server).await;
    let PhoneFrame::Auth(ClientAuth::Account(good)) = raw.auth(&phone) else { panic!("an auth") };
    raw.say(&ClientAuth::Account(AuthAccount { sig: high_s(good.sig), ..good }).into()).await;
    assert!(
        matches!(raw.heard().await, Heard::Frame(f) if matches!(*f, ServerFrame::AuthOk(_))),
        "high s is the same signature"
    );

    let mut raw = RawPhone::greeted(&phone.account.server).await;
    let PhoneFrame::Auth(ClientAuth::Account(good)) = raw.auth(&phone) else { panic!("an auth") };
    let der = der(&good.sig);
    let length = u8::try_from(der.len()).unwrap();
    let content =
        [&[0xa4, 0x00, 0x01, 0x01, 0x01, 0x02, 0x58, 32][..], &good.jkt.0, &[0x03, 0x58, length], &der]
            .concat();
    let sealed = raw.channel.as_mut().unwrap().seal(&content).unwrap();
    assert_eq!(last_words(&mut raw, &binary(&sealed)).await, WRONG, "DER is another length");
}

#[tokio::test]
async fn a_code_of_another_realm_is_unknown_here_and_stays_good_there() {
    let pod = Pod::start();
    let (stage, elsewhere) = (Stage::set(&pod).await, Stage::set(&pod).await);
    let phone = stage.phone("alice").await;
    let enrolment = elsewhere.new_enrolment("bob", Confirm::None).await;
    let Link::Enrol(link) = Link::parse(enrolment.link.as_ref().unwrap()).unwrap() else {
        panic!("an enrolment link")
    };
    let mut raw = RawPhone::greeted(&phone.account.server).await;
    raw.say(&ClientAuth::Enrol(AuthEnrol { code: EnrolCode(link.code.0), app_version: None }).into()).await;
    assert_eq!(raw.heard().await, Heard::Frame(Box::new(Goodbye { code: Close::AuthFailed }.into())));
    Phone::enrol(enrolment.link.as_ref().unwrap()).await.expect("the code still works where it was made");
}

#[tokio::test]
async fn a_phone_of_another_deployment_gets_no_further_than_hello() {
    let (here, there) = (Pod::start(), Pod::start());
    let phone = Stage::set(&there).await.phone("alice").await;
    Stage::set(&here).await;
    let (_, hello) = Greeting::start(&phone.account.server.pin().unwrap()).unwrap();
    let mut raw = RawPhone::dial(&here.url("phone"), None).await;
    assert_eq!(last_words(&mut raw, &binary(&hello)).await, WRONG);
}

#[tokio::test]
async fn a_claim_shows_exactly_one_whole_capability() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let login: LoginId = stage.new_login().await.id.parse().unwrap();
    let mut raw = RawPhone::online(&stage.phone("alice").await).await;
    let (t, mac, token) = (Some(1_790_000_000), Some([1; 16]), || Some(LinkToken([1; 16])));
    for (what, qr_time, qr_mac, link) in [
        ("none", None, None, None),
        ("a time without its mac", t, None, None),
        ("a mac without its time", None, mac, None),
        ("a wrong mac", t, mac, None),
        ("a time beyond 32 bits", Some(1 << 32), mac, None),
        ("a wrong token", None, None, token()),
        ("both", t, mac, token()),
        ("a token and a mac", None, mac, token()),
    ] {
        let req_id = ReqId([7; 16]);
        raw.say(&Claim { req_id, login, qr_time, qr_mac, link }.into()).await;
        // A claim without any proof is for a login directed at this account, which this one is not.
        let code = if what == "none" { Refusal::UnknownLogin } else { Refusal::BadCapability };
        let refused = Refused { req_id, code, retry_after: None };
        assert_eq!(raw.heard().await, Heard::Frame(Box::new(refused.into())), "{what}");
    }
}
