//! Writes the first files of every corpus: valid inputs, from our own encoders and `docs/vectors`,
//! and nearly valid ones.
//!
//! Run `cargo run --manifest-path fuzz/Cargo.toml --example seeds` in the root of the repository.
//! Existing files are kept.

use std::{fs, path::Path};

use countersign_protocol::{
    cbor::encode,
    codes::{AccountState, Close, LoginState, Refusal, RefuseReason},
    decision::{Decision, Verdict, compact},
    frames::*,
    ids::{AccountId, Jkt, KeyId, LoginId, RealmId, ReqId},
    outer::{NOISE_MSG1, Outer},
    padding::pad,
    statement::KeyStatement,
};
use serde_json::Value;

struct Corpus(&'static str, usize);

impl Corpus {
    fn add(&mut self, bytes: &[u8]) {
        let dir = Path::new("fuzz/corpus").join(self.0);
        fs::create_dir_all(&dir).expect("run from the root of the repository");
        fs::write(dir.join(format!("seed-{:02}", self.1)), bytes).expect("a file can be written");
        self.1 += 1;
    }
    fn all<B: AsRef<[u8]>>(name: &'static str, seeds: impl IntoIterator<Item = B>) {
        let mut corpus = Self(name, 0);
        seeds.into_iter().for_each(|s| corpus.add(s.as_ref()));
    }
}

fn unhex(v: &Value) -> Vec<u8> {
    let text = v.as_str().expect("hex");
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hex")).collect()
}

fn main() {
    let vectors = ["rust", "python"].map(|writer| {
        let file = |what| fs::read(format!("docs/vectors/{writer}-{what}.json")).expect("a vector file");
        let read = |what| serde_json::from_slice::<Value>(&file(what));
        (read("channel").expect("JSON"), read("formats").expect("JSON"))
    });
    Corpus::all(
        "frames",
        frames()
            .into_iter()
            .chain(vectors.iter().flat_map(|(_, v)| ["claim", "ping_7"].map(|f| unhex(&v["frames"][f])))),
    );
    Corpus::all("cbor", items().into_iter().chain(frames().into_iter().step_by(5)));
    Corpus::all("outer", outers(&vectors[0].0[0]));
    Corpus::all("padding", paddings());
    Corpus::all("link", links(&vectors));
    Corpus::all("decision", decisions(&vectors));
    Corpus::all(
        "statement",
        vectors
            .iter()
            .map(|(_, v)| unhex(&v["retry"]["statement"]))
            .chain([statement(), vec![0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0, 0x40, 0x40]]),
    );
    Corpus::all("ws", websockets());
    Corpus::all("rest", BODIES);
}

fn frames() -> Vec<Vec<u8>> {
    let (req_id, login, account) = (ReqId([1; 16]), LoginId([2; 16]), AccountId([3; 16]));
    let phone: [PhoneFrame; 9] = [
        ClientAuth::Account(AuthAccount { jkt: Jkt([4; 32]), sig: [5; 64] }).into(),
        ClientAuth::Enrol(AuthEnrol { code: EnrolCode([6; 16]) }).into(),
        Enrol { req_id, public_key: [4; 65], sig: [5; 64], app: "app".into(), device: "Ünïcode".into() }
            .into(),
        Ping { nonce: u64::MAX }.into(),
        Claim { req_id, login, qr_time: Some(1_790_000_000), qr_mac: Some([7; 16]), link: None }.into(),
        Claim { req_id, login, qr_time: None, qr_mac: None, link: Some(LinkToken([8; 16])) }.into(),
        Decide { req_id, login, jws: "a.b.c".into() }.into(),
        Logout { req_id, login }.into(),
        ListLogins { req_id }.into(),
    ];
    let entry = LoginEntry { login, state: LoginState::Approved, client_name: "Shop".into(), since: 5 };
    let claimed = |return_token, return_url| Claimed {
        req_id,
        login,
        context: context(),
        expires_at: 9,
        return_token,
        return_url,
    };
    let server: [ServerFrame; 15] = [
        AuthOk { account, state: AccountState::Active, realm_name: "R".into(), server_epoch: 1 }.into(),
        EnrolOffer { challenge: [9; 32], realm_name: "R".into(), client_name: "C".into(), user: "u".into() }
            .into(),
        EnrolOk { req_id, account, state: AccountState::Pending, number: Some("0042".into()) }.into(),
        EnrolOk { req_id, account, state: AccountState::Active, number: None }.into(),
        Refused { req_id, code: Refusal::StaleQr, retry_after: None }.into(),
        Refused { req_id, code: Refusal::RateLimited, retry_after: Some(30) }.into(),
        Pong { nonce: 7, time: 1_790_000_000 }.into(),
        claimed(None, None).into(),
        claimed(Some(ReturnToken([1; 16])), Some("https://x/".into())).into(),
        Decided { req_id, login, state: LoginState::Refused }.into(),
        Done { req_id }.into(),
        Logins { req_id, logins: vec![entry; 2] }.into(),
        LoginChanged { login, state: LoginState::Ended, v: 4 }.into(),
        AccountChanged { state: AccountState::Active }.into(),
        Goodbye { code: Close::Rekey }.into(),
    ];
    let of_phones = phone.iter().map(PhoneFrame::encode);
    let mut all: Vec<Vec<u8>> = of_phones.chain(server.iter().map(ServerFrame::encode)).collect();
    all.push(context());
    all.push(encode(&Welcome { time: 1_790_000_000, max_frame: 8210, ping_after: 240 }));
    // A frame with an extension (key 128), and one with an unknown key that is no extension (127).
    all.push(vec![0xa3, 0x00, 0x03, 0x01, 0x07, 0x18, 0x80, 0x81, 0x00]);
    all.push(vec![0xa3, 0x00, 0x03, 0x01, 0x07, 0x18, 0x7f, 0x00]);
    all
}

fn context() -> Vec<u8> {
    encode(&Context {
        login: LoginId([2; 16]),
        realm: RealmId([3; 16]),
        realm_name: "Example".into(),
        client_name: "Shop".into(),
        created_at: 1_790_000_000,
        text: Some("Log in".into()),
        browser: None,
        place: Some("Here".into()),
    })
}

fn items() -> Vec<Vec<u8>> {
    let deep = |n| [vec![0x81; n], vec![0x00]].concat();
    let mut all = vec![deep(8), deep(9)];
    all.extend(
        [
            &[0x17][..],
            &[0x18, 0x18],
            &[0x18, 0x17],
            &[0x20],
            &[0x3b, 255, 255, 255, 255, 255, 255, 255, 255],
            &[0x62, b'h', b'i'],
            &[0x61, 255],
        ]
        .map(Vec::from),
    );
    all.extend(
        [
            &[0xa2, 1, 2, 3, 4][..],
            &[0xa2, 3, 4, 1, 2],
            &[0xa2, 1, 0, 1, 0],
            &[0x82, 0xf4, 0xf5],
            &[0xf6],
            &[0xf9, 0, 0],
            &[0xc0, 0],
            &[0x9f, 0xff],
        ]
        .map(Vec::from),
    );
    all.push([0x58, 24].into_iter().chain([7; 24]).collect());
    all
}

fn outers(conversation: &Value) -> Vec<Vec<u8>> {
    let mut all = vec![
        unhex(&conversation["hello"]),
        unhex(&conversation["hello_ok"]),
        unhex(&conversation["messages"][0]["sealed"]),
    ];
    all.push(Outer::Retry { statement: &[7; 40] }.to_bytes());
    all.push(Outer::Close { code: 513 }.to_bytes());
    all.push(Outer::Hello { key_id: [1; 8], noise: &[2; NOISE_MSG1 + 1] }.to_bytes());
    all.extend([&[1, 16][..], &[2, 16, 0], &[1, 31, 0]].map(Vec::from));
    all
}

fn paddings() -> Vec<Vec<u8>> {
    let mut dirty = pad(b"content").expect("short");
    dirty[255] = 1;
    let mut all: Vec<Vec<u8>> =
        [0, 10, 254, 255, 510, 511].iter().map(|n| pad(&vec![7; *n]).expect("short")).collect();
    all.extend([dirty, vec![0, 3, 1, 2, 3], vec![0; 255], vec![255; 256], vec![]]);
    all
}

fn links(vectors: &[(Value, Value)]) -> Vec<Vec<u8>> {
    let urls = vectors.iter().flat_map(|(_, v)| {
        ["qr", "login_link", "enrol_link"].map(|kind| v[kind]["url"].as_str().expect("a URL").into())
    });
    let texts =
        ["https://id.example/app#e2.AAAA", "x#q1.AAAA", "x#l1.", "#", "hello", " x#q1.AAAA "].map(Vec::from);
    // Payloads, whose first byte chooses the kind of link.
    let payloads =
        [[&[1][..], &[7; 52]].concat(), [&[2][..], &[7; 48]].concat(), [&[1][..], &[7; 51]].concat()];
    urls.chain(texts).chain(payloads).collect()
}

fn decisions(vectors: &[(Value, Value)]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> =
        vectors.iter().map(|(_, v)| v["decision"]["jws"].as_str().expect("a JWS").into()).collect();
    let (login, realm) = (LoginId([1; 16]), RealmId([2; 16]));
    let refuse = Decision {
        login,
        realm,
        ctx: [3; 32],
        verdict: Verdict::Refuse,
        reason: Some(RefuseReason::NotMe),
        iat: 1_790_000_000,
        cb: [4; 32],
    };
    all.push(compact(&refuse.signing_input(&Jkt([5; 32])), &[6; 64]).into());
    let (ids, hash) = ("01020304-0506-0708-090a-0b0c0d0e0fff", "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM");
    for (alg, decision) in [
        ("ES256", r#""approve""#),
        ("ES256", r#""refuse","reason":"declined""#),
        ("none", r#""approve""#),
        ("ES256", r#""approve","reason":null"#),
    ] {
        all.push(
            format!(
                r#"{{"alg":"{alg}","typ":"cs-login+jwt","kid":"{hash}"}}
{{"login":"{ids}","realm":"{ids}","ctx":"{hash}","decision":{decision},"iat":1,"cb":"{hash}"}}"#
            )
            .into(),
        );
    }
    all
}

fn statement() -> Vec<u8> {
    encode(&KeyStatement {
        role: "ns".into(),
        server_id: [1; 16],
        static_key: [2; 32],
        key_id: KeyId([3; 8]),
        epoch: 4,
        issued_at: 5,
        not_after: 6,
        min_version: 1,
        max_version: 1,
        root_key: [7; 65],
    })
}

/// Seeds for the WebSocket reader; the first byte is the size of the pieces.
fn websockets() -> Vec<Vec<u8>> {
    let frame = |first: u8, payload: &[u8]| {
        let mask = [7, 0, 255, 3];
        let len: Vec<u8> = match payload.len() {
            n @ 0..126 => vec![0x80 | n as u8],
            n => [&[0xfe][..], &(n as u16).to_be_bytes()].concat(),
        };
        [
            &[first][..],
            &len,
            &mask,
            &payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m).collect::<Vec<u8>>(),
        ]
        .concat()
    };
    [
        frame(0x82, b"whole"),
        frame(0x82, &[7; 300]),
        [frame(0x02, b"one"), frame(0x89, b"ping"), frame(0x00, b"two"), frame(0x80, b"three")].concat(),
        [frame(0x8a, b""), frame(0x88, &[3, 232]), frame(0x82, b"late")].concat(),
        frame(0x81, b"text"),
        frame(0x80, b"no beginning"),
        [frame(0x02, b"one"), frame(0x82, b"another")].concat(),
        [frame(0x02, b"one"), frame(0x00, b"")].concat(),
        frame(0xc2, b"compressed"),
        vec![0x82, 0x05, b'n', b'a', b'k', b'e', b'd'],
        vec![0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0],
        frame(0x09, b"a ping in pieces"),
    ]
    .map(|bytes| [&[3][..], &bytes].concat())
    .into()
}

const BODIES: [&str; 19] = [
    r#"{"name":"demo","display_name":"Demo"}"#,
    r#"{"name":"shop","display_name":"Shop","origins":["https://shop.example"],
        "return_urls":["https://shop.example/back"]}"#,
    r#"{"role":"root"}"#,
    r#"{"role":"client","realm":"demo","client":"01020304-0506-0708-090a-0b0c0d0e0fff","expires_in":60}"#,
    r#"{"role":"realm-admin","realm":"demo","expires_in":null}"#,
    r#"{"display_name":"Alice"}"#,
    "{}",
    r#"{"user_id":"alice","confirm":"none"}"#,
    r#"{"user_id":"alice"}"#,
    r#"{"number":"0042"}"#,
    r#"{"expected_user":"alice","text":"Log in\nto the shop","browser":"Firefox","place":"Here",
        "return_url":"https://shop.example/back"}"#,
    r#"{"return_token":"AAAAAAAAAAAAAAAAAAAAAA"}"#,
    r#"{"page_token":"pt_AAAA","after":3}"#,
    r#"{"page_token":"pt_AAAA"}"#,
    r#"{"type":"cancel"}"#,
    r#"{"type":"cancel","why":1}"#,
    r#"["demo","Demo"]"#,
    r#"{"text":"a","text":"b"}"#,
    "null",
];
