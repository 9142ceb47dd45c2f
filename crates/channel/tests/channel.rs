//! What an attacker between phone and server can try on the channel, and how the channel reacts.
#![expect(clippy::unwrap_used, reason = "a test")]

use countersign_channel::{
    Channel, ChannelError, Greeting, MAX_MESSAGES, ServerKey, ServerPin, accept, p256, random,
};
use countersign_protocol::{ServerRole, ids::Jkt, labels, outer::Outer};

fn server() -> ServerKey {
    ServerKey::new(ServerRole::Ns, [7; 16], random()).unwrap()
}

fn pin(key: &ServerKey) -> ServerPin {
    ServerPin { role: key.role(), server_id: key.server_id(), static_key: key.public() }
}

fn noise(frame: &[u8]) -> Vec<u8> {
    match Outer::parse(frame).unwrap() {
        Outer::Hello { noise, .. } | Outer::HelloOk { noise } => noise.to_vec(),
        Outer::Data { sealed } => sealed.to_vec(),
        other => panic!("unexpected {other:?}"),
    }
}

fn established() -> (Channel, Channel) {
    let key = server();
    let (greeting, hello) = Greeting::start(&pin(&key)).unwrap();
    let (hello_ok, at_server) = accept(&key, &noise(&hello), b"welcome").unwrap();
    let (at_phone, payload) = greeting.finish(&noise(&hello_ok)).unwrap();
    assert_eq!(payload, b"welcome");
    (at_phone, at_server)
}

#[test]
fn both_sides_agree_and_talk() {
    let (mut phone, mut server) = established();
    assert_eq!(phone.handshake_hash(), server.handshake_hash());
    assert_eq!(phone.binding(), server.binding());
    for content in [&b""[..], b"hello", &[7; 32_000]] {
        let sealed = phone.seal(content).unwrap();
        assert_eq!(server.open(&noise(&sealed)).unwrap(), content);
        let sealed = server.seal(content).unwrap();
        assert_eq!(phone.open(&noise(&sealed)).unwrap(), content);
    }
}

#[test]
fn every_flipped_cut_or_added_byte_in_hello_is_refused() {
    let key = server();
    let (_, hello) = Greeting::start(&pin(&key)).unwrap();
    let good = noise(&hello);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        // X25519 ignores the unused top bit of a point (RFC 7748, section 5), but Noise hashes it,
        // so flipping that bit fails, too.
        assert_eq!(accept(&key, &bad, b"").map(drop), Err(ChannelError::Handshake), "byte {at}");
    }
    for len in [0, 1, 31, 32, 1000, good.len() - 1] {
        assert_eq!(accept(&key, &good[..len], b"").map(drop), Err(ChannelError::Handshake), "{len} bytes");
    }
    assert_eq!(accept(&key, &[good, vec![0]].concat(), b"").map(drop), Err(ChannelError::Handshake));
}

#[test]
fn every_flipped_or_cut_byte_in_hello_ok_is_refused() {
    let key = server();
    let (greeting, hello) = Greeting::start(&pin(&key)).unwrap();
    let (answer, _) = accept(&key, &noise(&hello), b"welcome").unwrap();
    let good = noise(&answer);
    let mut greeting = Some(greeting);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        let (fresh, hello) = Greeting::start(&pin(&key)).unwrap();
        // Each byte gets a fresh exchange, so that only the flip can be the reason for the refusal.
        let (answer, _) = accept(&key, &noise(&hello), b"welcome").unwrap();
        let mut flipped = noise(&answer);
        flipped[at] ^= 1 << (at % 8);
        assert_eq!(fresh.finish(&flipped).map(drop), Err(ChannelError::Handshake), "byte {at}");
        if let Some(first) = greeting.take() {
            assert_eq!(first.finish(&bad).map(drop), Err(ChannelError::Handshake));
        }
    }
    for len in [0, 31, 32, 1000, good.len() - 1] {
        let (fresh, hello) = Greeting::start(&pin(&key)).unwrap();
        let (answer, _) = accept(&key, &noise(&hello), b"welcome").unwrap();
        assert_eq!(
            fresh.finish(&noise(&answer)[..len]).map(drop),
            Err(ChannelError::Handshake),
            "{len} bytes"
        );
    }
}

#[test]
fn small_order_and_non_canonical_points_are_refused_on_both_sides() {
    let points: [&str; 7] = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let key = server();
    for point in points.map(countersign_channel::vectors::unhex) {
        let (greeting, hello) = Greeting::start(&pin(&key)).unwrap();
        let mut bad = noise(&hello);
        bad[..32].copy_from_slice(&point);
        assert!(accept(&key, &bad, b"").is_err());
        let (answer, _) = accept(&key, &noise(&hello), b"").unwrap();
        let mut bad = noise(&answer);
        bad[..32].copy_from_slice(&point);
        assert!(greeting.finish(&bad).is_err());
        let evil = ServerPin { static_key: point.try_into().unwrap(), ..pin(&key) };
        assert!(Greeting::start(&evil).is_err(), "a pinned key that is a small-order point");
    }
}

#[test]
fn another_role_server_id_or_key_refuses_the_same_hello() {
    let raw = random();
    let key = ServerKey::new(ServerRole::Ns, [7; 16], raw).unwrap();
    let (_, hello) = Greeting::start(&pin(&key)).unwrap();
    for other in [
        ServerKey::new(ServerRole::Sfs, [7; 16], raw),
        ServerKey::new(ServerRole::Ns, [8; 16], raw),
        ServerKey::new(ServerRole::Ns, [7; 16], random()),
    ] {
        assert_eq!(accept(&other.unwrap(), &noise(&hello), b"").map(drop), Err(ChannelError::Handshake));
    }
    accept(&key, &noise(&hello), b"").unwrap();
}

#[test]
fn replayed_skipped_reflected_and_foreign_messages_do_not_open() {
    let (mut phone, mut server) = established();
    let (mut other_phone, _) = established();
    let first = noise(&phone.seal(b"1").unwrap());
    let second = noise(&phone.seal(b"2").unwrap());
    assert_eq!(server.open(&second), Err(ChannelError::Open), "skipped");
    assert_eq!(server.open(&first).unwrap(), b"1", "a refusal does not move the counter");
    assert_eq!(server.open(&first), Err(ChannelError::Open), "replayed");
    assert_eq!(phone.open(&second), Err(ChannelError::Open), "reflected");
    assert_eq!(server.open(&noise(&other_phone.seal(b"2").unwrap())), Err(ChannelError::Open), "foreign");
    assert_eq!(server.open(&[]), Err(ChannelError::Open));
    assert_eq!(server.open(&[0; 40_000]), Err(ChannelError::Open));
    let mut flipped = second.clone();
    for at in 0..flipped.len() {
        flipped[at] ^= 1;
        assert_eq!(server.open(&flipped), Err(ChannelError::Open), "byte {at}");
        flipped[at] ^= 1;
    }
    assert_eq!(server.open(&second).unwrap(), b"2");
}

#[test]
fn a_channel_ends_after_its_limit_of_messages() {
    let (mut phone, mut server) = established();
    for _ in 0..MAX_MESSAGES {
        let sealed = phone.seal(b"").unwrap();
        server.open(&sealed[2..]).unwrap();
    }
    assert_eq!(phone.seal(b""), Err(ChannelError::Exhausted));
    assert_eq!(server.open(&[0; 272]), Err(ChannelError::Exhausted));
    assert_eq!(phone.seal(&[0; 32_767]), Err(ChannelError::Exhausted));
}

#[test]
fn an_account_signature_counts_for_one_channel_key_and_purpose() {
    let (phone, _) = established();
    let (other, _) = established();
    let key = p256::SigningKey::generate();
    let jkt = p256::thumbprint(&key.public());
    let good = key.sign(&phone.auth_message(&jkt));
    p256::verify(&key.public(), &phone.auth_message(&jkt), &good).unwrap();
    assert!(p256::verify(&key.public(), &other.auth_message(&jkt), &good).is_err(), "another h");
    assert!(
        p256::verify(&key.public(), &phone.enrol_message(&[0; 32], &jkt), &good).is_err(),
        "another purpose"
    );
    assert!(
        p256::verify(&p256::SigningKey::generate().public(), &phone.auth_message(&jkt), &good).is_err(),
        "another key"
    );
    for bad in [[0; 64], [0xff; 64]] {
        assert!(p256::verify(&key.public(), &phone.auth_message(&jkt), &bad).is_err(), "r or s out of range");
    }
    // The same signature with a high s (s' = n − s) is accepted, too, which is why signature bytes
    // identify nothing.
    let n = countersign_channel::vectors::unhex(
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    );
    let mut twin = good;
    let mut borrow = 0i16;
    for i in (0..32).rev() {
        let d = i16::from(n[i]) - i16::from(good[32 + i]) - borrow;
        borrow = i16::from(d < 0);
        twin[32 + i] = u8::try_from(d.rem_euclid(256)).unwrap();
    }
    p256::verify(&key.public(), &phone.auth_message(&jkt), &twin).unwrap();
}

#[test]
fn an_enrolment_signature_counts_for_one_channel_challenge_and_key() {
    let (phone, server) = established();
    let (other, _) = established();
    let (key, challenge) = (p256::SigningKey::generate(), random());
    let jkt = p256::thumbprint(&key.public());
    let good = key.sign(&phone.enrol_message(&challenge, &jkt));
    let verify = |message: &[u8]| p256::verify(&key.public(), message, &good);
    verify(&server.enrol_message(&challenge, &jkt)).unwrap();
    assert!(verify(&other.enrol_message(&challenge, &jkt)).is_err(), "another h");
    assert!(verify(&server.enrol_message(&random(), &jkt)).is_err(), "another challenge");
    assert!(verify(&server.enrol_message(&challenge, &Jkt([7; 32]))).is_err(), "another key's thumbprint");
    assert!(verify(&server.auth_message(&jkt)).is_err(), "another purpose");
    let h = server.handshake_hash();
    verify(&labels::enrol(ServerRole::Ns, &[7; 16], &h, &challenge, &jkt)).unwrap();
    assert!(verify(&labels::enrol(ServerRole::Sfs, &[7; 16], &h, &challenge, &jkt)).is_err(), "another role");
    assert!(
        verify(&labels::enrol(ServerRole::Ns, &[8; 16], &h, &challenge, &jkt)).is_err(),
        "another server"
    );
}

#[test]
fn points_off_the_curve_compressed_or_infinite_are_not_keys() {
    let key = p256::SigningKey::generate();
    p256::check_public(&key.public()).unwrap();
    let mut off = key.public();
    off[64] ^= 1;
    let mut compressed = key.public();
    compressed[0] = 2;
    for bad in [off, compressed, [0; 65], [4; 65]] {
        assert_eq!(p256::check_public(&bad), Err(p256::P256Error::Key));
    }
}
