//! Known-answer vectors: whole conversations with fixed ephemeral keys, as stored in
//! `docs/vectors/*-channel.json`.
//!
//! ML-KEM encapsulation is random in aws-lc and takes no seed, so a vector records the
//! encapsulation key, the ciphertext and the shared secret, and a replaying KEM plays them back on
//! both sides. All values are lower-case hex.

use aws_lc_rs::kem::{DecapsulationKey, ML_KEM_768};
use countersign_protocol::{ServerRole, outer::Outer};
use serde::{Deserialize, Serialize};

use crate::{
    Channel, Greeting, ServerKey, ServerPin,
    handshake::accept_with,
    random,
    resolver::{Replay, StaticKey},
};

/// One recorded conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    pub comment: String,
    pub role: String,
    pub server_id: String,
    pub server_static_private: String,
    pub server_static_public: String,
    pub key_id: String,
    pub prologue: String,
    pub client_ephemeral_private: String,
    pub server_ephemeral_private: String,
    pub encapsulation_key: String,
    pub ciphertext: String,
    pub shared_secret: String,
    /// The seed `d ‖ z` of FIPS 203, for implementations whose ML-KEM can start from it; absent
    /// when the writer's cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kem_seed: Option<String>,
    pub hello: String,
    /// CBOR payload of HELLO_OK.
    pub welcome: String,
    pub hello_ok: String,
    /// Final handshake hash `h`.
    pub h: String,
    /// Channel binding `cb`.
    pub cb: String,
    /// The messages, alternating, the phone's first.
    pub messages: Vec<Message>,
}

/// One sealed frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `phone` or `server`.
    pub from: String,
    /// The CBOR before padding.
    pub content: String,
    /// The whole outer frame.
    pub sealed: String,
}

/// Encodes bytes as lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Decodes the output of [`hex`].
///
/// # Panics
/// When the text is not hex; the vector files are our own.
#[must_use]
pub fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "an even number of digits");
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hex digits"))
        .collect()
}

fn fixed<const N: usize>(text: &str) -> [u8; N] {
    unhex(text).try_into().expect("the right length")
}

/// Makes a conversation with fresh ephemeral keys.
///
/// # Panics
/// When the operating system provides no randomness.
#[must_use]
pub fn generate(comment: &str, role: ServerRole, welcome: &[u8], contents: &[Vec<u8>]) -> Conversation {
    let kem = DecapsulationKey::generate(&ML_KEM_768).expect("randomness");
    let ek = kem.encapsulation_key().expect("a public half");
    let (ct, ss) = ek.encapsulate().expect("randomness");
    let static_private: [u8; 32] = random();
    let public = StaticKey::from_raw(static_private).expect("a key").public;
    let mut c = Conversation {
        comment: comment.to_owned(),
        role: role.as_str().to_owned(),
        server_id: hex(&random::<16>()),
        server_static_private: hex(&static_private),
        server_static_public: hex(&public),
        key_id: hex(&crate::key_id(&public).0),
        prologue: String::new(),
        client_ephemeral_private: hex(&random::<32>()),
        server_ephemeral_private: hex(&random::<32>()),
        encapsulation_key: hex(ek.key_bytes().expect("bytes").as_ref()),
        ciphertext: hex(ct.as_ref()),
        shared_secret: hex(ss.as_ref()),
        kem_seed: None,
        hello: String::new(),
        welcome: hex(welcome),
        hello_ok: String::new(),
        h: String::new(),
        cb: String::new(),
        messages: contents
            .iter()
            .enumerate()
            .map(|(i, c)| Message {
                from: if i % 2 == 0 { "phone" } else { "server" }.to_owned(),
                content: hex(c),
                sealed: String::new(),
            })
            .collect(),
    };
    c = replay(&c);
    c
}

/// Replays a conversation from its inputs with the phone's and the server's code; returns what they
/// wrote.
///
/// # Panics
/// When either side refuses a message.
#[must_use]
pub fn replay(c: &Conversation) -> Conversation {
    let mut out = c.clone();
    let role = ServerRole::parse(&c.role).expect("a role");
    let server =
        ServerKey::new(role, fixed(&c.server_id), fixed(&c.server_static_private)).expect("a server key");
    let kem = |ephemeral: &str| Replay {
        encapsulation_key: Some(unhex(&c.encapsulation_key)),
        ciphertext: Some(unhex(&c.ciphertext)),
        shared_secret: Some(fixed(&c.shared_secret)),
        ephemeral: Some(fixed(ephemeral)),
    };
    let pin = ServerPin { role, server_id: server.server_id(), static_key: server.public() };
    out.server_static_public = hex(&server.public());
    out.key_id = hex(&server.key_id().0);
    out.prologue = hex(&countersign_protocol::labels::prologue(role, &pin.server_id, &server.key_id().0));
    let (greeting, hello) =
        Greeting::start_with(&pin, Some(kem(&c.client_ephemeral_private))).expect("HELLO");
    let Ok(Outer::Hello { noise, .. }) = Outer::parse(&hello) else { panic!("HELLO is a HELLO") };
    let (hello_ok, mut at_server) =
        accept_with(&server, noise, &unhex(&c.welcome), Some(kem(&c.server_ephemeral_private)))
            .expect("HELLO is accepted");
    let Ok(Outer::HelloOk { noise }) = Outer::parse(&hello_ok) else { panic!("HELLO_OK is a HELLO_OK") };
    let (mut at_phone, welcome) = greeting.finish(noise).expect("HELLO_OK is accepted");
    assert_eq!(welcome, unhex(&c.welcome), "the payload of HELLO_OK");
    assert_eq!(at_phone.handshake_hash(), at_server.handshake_hash(), "both sides agree on h");
    out.hello = hex(&hello);
    out.hello_ok = hex(&hello_ok);
    out.h = hex(&at_phone.handshake_hash());
    out.cb = hex(&at_phone.binding());
    for message in &mut out.messages {
        let (from, to) = if message.from == "phone" {
            (&mut at_phone, &mut at_server)
        } else {
            (&mut at_server, &mut at_phone)
        };
        message.sealed = hex(&pass(from, to, &unhex(&message.content)));
    }
    out
}

fn pass(from: &mut Channel, to: &mut Channel, content: &[u8]) -> Vec<u8> {
    let sealed = from.seal(content).expect("it fits");
    let Ok(Outer::Data { sealed: body }) = Outer::parse(&sealed) else { panic!("DATA is DATA") };
    assert_eq!(to.open(body).expect("it opens"), content, "the content survives");
    sealed
}
