//! Checks this code against the committed known-answer vectors of every implementation.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::{fs, path::PathBuf};

use countersign_channel::{
    p256, sha256,
    statement::{RootPin, StatementError, verify},
    vectors::{Conversation, replay, unhex},
};
use countersign_protocol::{ServerRole, decision, frames, ids::Jkt, labels, link::Link};
use serde_json::Value;

fn files(suffix: &str) -> Vec<(String, String)> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/vectors");
    let mut found: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.to_string_lossy().ends_with(suffix))
        .collect();
    found.sort();
    found.into_iter().map(|p| (p.display().to_string(), fs::read_to_string(p).unwrap())).collect()
}

fn fixed<const N: usize>(v: &Value) -> [u8; N] {
    unhex(v.as_str().unwrap()).try_into().unwrap()
}

#[test]
fn conversations_written_in_rust_and_in_python_replay_byte_for_byte() {
    let files = files("-channel.json");
    for writer in ["rust-channel.json", "python-channel.json"] {
        assert!(files.iter().any(|(name, _)| name.ends_with(writer)), "{writer} is there");
    }
    for (name, text) in files {
        let conversations: Vec<Conversation> = serde_json::from_str(&text).unwrap();
        assert!(!conversations.is_empty(), "{name}");
        for c in conversations {
            assert_eq!(replay(&c), c, "{name}");
        }
    }
}

#[test]
fn formats_written_in_rust_and_in_python_are_read_alike() {
    let files = files("-formats.json");
    for writer in ["rust-formats.json", "python-formats.json"] {
        assert!(files.iter().any(|(name, _)| name.ends_with(writer)), "{writer} is there");
    }
    for (name, text) in files {
        let v: Value = serde_json::from_str(&text).unwrap();
        println!("{name}");
        signatures(&v);
        decisions(&v);
        links(&v);
        retry(&v);
    }
}

fn signatures(v: &Value) {
    let public: [u8; 65] = fixed(&v["account_public_key"]);
    let (server_id, h, jkt) = (fixed(&v["server_id"]), fixed(&v["h"]), Jkt(fixed(&v["jkt"])));
    assert_eq!(p256::thumbprint(&public), jkt);
    let auth = labels::channel_auth(ServerRole::Ns, &server_id, &h, &jkt);
    assert_eq!(auth, unhex(v["channel_auth"]["message"].as_str().unwrap()));
    p256::verify(&public, &auth, &fixed(&v["channel_auth"]["signature"])).unwrap();
    let enrol = labels::enrol(ServerRole::Ns, &server_id, &h, &fixed(&v["challenge"]), &jkt);
    assert_eq!(enrol, unhex(v["enrol"]["message"].as_str().unwrap()));
    p256::verify(&public, &enrol, &fixed(&v["enrol"]["signature"])).unwrap();
    assert!(p256::verify(&public, &auth, &fixed(&v["enrol"]["signature"])).is_err());
}

fn decisions(v: &Value) {
    let d = &v["decision"];
    let parsed = decision::parse(d["jws"].as_str().unwrap()).unwrap();
    p256::verify(&fixed(&v["account_public_key"]), parsed.signing_input.as_bytes(), &parsed.signature)
        .unwrap();
    assert_eq!(parsed.kid, Jkt(fixed(&v["jkt"])));
    assert_eq!(parsed.decision.login.to_string(), d["login"].as_str().unwrap());
    let context = unhex(d["context"].as_str().unwrap());
    assert_eq!(parsed.decision.ctx, sha256(&labels::login_context(&context)));
    assert_eq!(parsed.decision.cb, sha256(&labels::channel_binding(&fixed(&v["h"]))));
    let context: frames::Context = countersign_protocol::cbor::decode(&context).unwrap();
    assert_eq!(context.login, parsed.decision.login);
    frames::PhoneFrame::decode(&unhex(v["frames"]["claim"].as_str().unwrap())).unwrap();
    assert_eq!(
        frames::PhoneFrame::decode(&unhex(v["frames"]["ping_7"].as_str().unwrap())).unwrap(),
        frames::Ping { nonce: 7 }.into()
    );
}

fn links(v: &Value) {
    let Link::Qr(qr) = Link::parse(v["qr"]["url"].as_str().unwrap()).unwrap() else { panic!("a QR code") };
    let key =
        aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &unhex(v["qr"]["key"].as_str().unwrap()));
    let mac = aws_lc_rs::hmac::sign(&key, &labels::qr(&qr.realm.0, &qr.login.0, qr.t));
    assert_eq!((u64::from(qr.t), &qr.mac[..]), (v["qr"]["t"].as_u64().unwrap(), &mac.as_ref()[..16]));
    let Link::Login(login) = Link::parse(v["login_link"]["url"].as_str().unwrap()).unwrap() else {
        panic!("a login link")
    };
    assert_eq!(login.token.0, fixed(&v["login_link"]["token"]));
    let Link::Enrol(enrol) = Link::parse(v["enrol_link"]["url"].as_str().unwrap()).unwrap() else {
        panic!("an enrolment link")
    };
    assert_eq!(enrol.code.0, fixed(&v["enrol_link"]["code"]));
    assert_eq!(enrol.key_id, countersign_channel::key_id(&enrol.static_key));
}

fn retry(v: &Value) {
    let r = &v["retry"];
    let bytes = unhex(r["statement"].as_str().unwrap());
    let now = r["verify_at"].as_u64().unwrap();
    let pin = RootPin {
        role: ServerRole::Ns,
        server_id: fixed(&v["server_id"]),
        root_pin: fixed(&r["root_pin"]),
        epoch: r["epoch_held"].as_u64().unwrap(),
    };
    let statement = verify(&bytes, &pin, now).unwrap();
    assert_eq!(statement.static_key, fixed(&r["static_key"]));
    let with = |change: &dyn Fn(&mut RootPin)| {
        let mut pin = pin.clone();
        change(&mut pin);
        verify(&bytes, &pin, now)
    };
    assert_eq!(with(&|p| p.root_pin[0] ^= 1), Err(StatementError::Root));
    assert_eq!(with(&|p| p.epoch = statement.epoch), Err(StatementError::Epoch));
    assert_eq!(with(&|p| p.role = ServerRole::Mc), Err(StatementError::Server));
    assert_eq!(with(&|p| p.server_id[0] ^= 1), Err(StatementError::Server));
    assert_eq!(verify(&bytes, &pin, statement.not_after), Err(StatementError::Time));
    assert_eq!(verify(&bytes, &pin, statement.issued_at + 7 * 86_400 + 1), Err(StatementError::Time));
    assert_eq!(verify(&bytes, &pin, statement.issued_at - 301), Err(StatementError::Time));
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        assert!(verify(&bad, &pin, now).is_err(), "byte {at} of the statement flipped");
    }
}
