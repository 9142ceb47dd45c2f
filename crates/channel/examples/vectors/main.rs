//! Writes the Rust half of `docs/vectors/`: `cargo run -p countersign-channel --features vectors
//! --example vectors -- docs/vectors`.
//!
//! Every run draws new randomness, so run it only when the protocol changes. The tests check the
//! code against the committed files.

mod sfs;

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_channel::{p256, random, sha256, statement, vectors};
use countersign_protocol::{
    ServerRole,
    cbor::encode,
    decision::{Decision, Verdict, compact},
    frames::{
        AuthEnrol, Claim, ClientAuth, Context, EnrolCode, LinkToken, PhoneFrame, Ping, Pong, ServerFrame,
        Welcome,
    },
    ids::{LoginId, RealmId, ReqId},
    labels,
    link::{EnrolLink, Link, LoginLink, LoginQr},
};
use serde_json::json;

fn main() -> std::io::Result<()> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "docs/vectors".to_owned());
    // With a second word only that file: the others stay as they are.
    let only = std::env::args().nth(2);
    let write = |name: &str, value: serde_json::Value| match only.as_deref() {
        Some(only) if only != name => Ok(()),
        _ => fs::write(Path::new(&dir).join(name), format!("{value:#}\n")),
    };
    write("rust-channel.json", json!([conversation(ServerRole::Ns), conversation(ServerRole::Sfs)]))?;
    write("rust-formats.json", formats())?;
    write("rust-sfs.json", sfs::sfs())
}

fn conversation(role: ServerRole) -> vectors::Conversation {
    let welcome = encode(&Welcome { time: 1_790_000_000, max_frame: 32_786, ping_after: 240 });
    let contents = [
        PhoneFrame::from(ClientAuth::Enrol(AuthEnrol { code: EnrolCode(random()), app_version: None }))
            .encode(),
        ServerFrame::from(Pong { nonce: 7, time: 1_790_000_001 }).encode(),
        PhoneFrame::from(Ping { nonce: 8 }).encode(),
        vec![0x58; 300],
    ];
    vectors::generate(
        "written by the Rust implementation; the last content fills the second padding bucket",
        role,
        &welcome,
        &contents,
    )
}

fn context(login: LoginId, realm: RealmId) -> Vec<u8> {
    encode(&Context {
        login,
        realm,
        realm_name: "Example".into(),
        client_name: "Shop".into(),
        created_at: 1_790_000_000,
        text: Some("Log in to the shop".into()),
        browser: None,
        place: None,
    })
}

fn qr(realm: RealmId, login: LoginId, qr_key: &[u8; 32]) -> LoginQr {
    let mac = aws_lc_rs::hmac::sign(
        &aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, qr_key),
        &labels::qr(&realm.0, &login.0, 1_790_000_003),
    );
    LoginQr { realm, login, t: 1_790_000_003, mac: mac.as_ref()[..16].try_into().expect("16 of 32 bytes") }
}

fn enrol_link(realm: RealmId, root: &p256::SigningKey, static_key: [u8; 32]) -> Link {
    Link::Enrol(EnrolLink {
        url: "wss://ns.example/ns/sigmai".into(),
        realm,
        root_pin: statement::root_pin(&root.public()),
        static_key,
        key_id: countersign_channel::key_id(&static_key),
        epoch: 2,
        code: EnrolCode([9; 16]),
    })
}

fn formats() -> serde_json::Value {
    let hex = vectors::hex;
    let (root, account) = (p256::SigningKey::generate(), p256::SigningKey::generate());
    let (realm, login, h, challenge) = (RealmId(random()), LoginId(random()), random::<32>(), random::<32>());
    let jkt = p256::thumbprint(&account.public());
    let auth = labels::channel_auth(ServerRole::Ns, &realm.0, &h, &jkt);
    let enrol = labels::enrol(ServerRole::Ns, &realm.0, &h, &challenge, &jkt);
    let context = context(login, realm);
    let decision = Decision {
        login,
        realm,
        ctx: sha256(&labels::login_context(&context)),
        verdict: Verdict::Approve,
        number: None,
        reason: None,
        att: None,
        iat: 1_790_000_009,
        cb: sha256(&labels::channel_binding(&h)),
    };
    let input = decision.signing_input(&jkt);
    let qr_key = random::<32>();
    let qr = qr(realm, login, &qr_key);
    let static_key = random();
    let retry = statement::sign(
        &root,
        statement::draft(ServerRole::Ns, realm.0, static_key, 3, 1_790_000_000, 1_790_600_000),
    );
    let jws = compact(&input, &account.sign(input.as_bytes()));
    let by_link = Link::Login(LoginLink { realm, login, token: LinkToken([7; 16]) });
    let base = "https://id.example/app";
    let claim = Claim {
        req_id: ReqId(random()),
        login,
        qr_time: Some(1_790_000_003),
        qr_mac: Some(qr.mac),
        link: None,
    };
    json!({
        "comment": "written by the Rust implementation; hex unless it is a URL or a JWS",
        "account_public_key": hex(&account.public()),
        "jkt": hex(&jkt.0), "jkt_base64url": URL_SAFE_NO_PAD.encode(jkt.0),
        "role": "ns", "server_id": hex(&realm.0), "h": hex(&h), "challenge": hex(&challenge),
        "channel_auth": {"message": hex(&auth), "signature": hex(&account.sign(&auth))},
        "enrol": {"message": hex(&enrol), "signature": hex(&account.sign(&enrol))},
        "decision": {"login": login.to_string(), "realm": realm.to_string(), "context": hex(&context),
            "ctx": hex(&decision.ctx), "cb": hex(&decision.cb), "jws": jws},
        "qr": {"key": hex(&qr_key), "t": 1_790_000_003, "mac": hex(&qr.mac),
            "url": Link::Qr(qr).to_url(base)},
        "login_link": {"token": hex(&[7; 16]), "url": by_link.to_url(base)},
        "enrol_link": {"code": hex(&[9; 16]), "url": enrol_link(realm, &root, static_key).to_url(base)},
        "retry": {"root_pin": hex(&statement::root_pin(&root.public())), "epoch_held": 2,
            "verify_at": 1_790_000_100, "static_key": hex(&static_key), "statement": hex(&retry)},
        "frames": {"claim": hex(&PhoneFrame::from(claim).encode()),
            "ping_7": hex(&PhoneFrame::from(Ping { nonce: 7 }).encode())},
    })
}
