//! An attacker who speaks the whole handshake and cheats inside it. What they send is authentic and
//! encrypted, so that only the key exchange itself can refuse it.

use std::sync::Arc;

use countersign_protocol::{
    ServerRole, labels,
    outer::{NOISE_MSG1, NOISE_MSG2_OVERHEAD, Outer},
};
use snow::{
    Builder, Error, HandshakeState,
    params::{CipherChoice, DHChoice, HashChoice, KemChoice},
    resolvers::CryptoResolver,
    types::{Cipher, Dh, Hash, Kem, Random},
};

use crate::{
    ChannelError, Greeting, ServerKey, ServerPin, accept,
    noise::params,
    random,
    resolver::{Resolver, StaticKey},
    vectors::unhex,
};

/// The small-order points of RFC 7748, and their encodings beyond p. X25519 with any of them is
/// zero, whatever the secret.
const SMALL: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trick {
    /// Follows the protocol. This shows that the tricks are refused, not the attacker as such.
    Fair,
    /// Follows the protocol, but accepts an all-zero X25519 result: the victim that an attacker
    /// hopes to find.
    Lenient,
    /// Sends this point as the ephemeral key, and takes zero as its X25519 results.
    Point([u8; 32]),
    /// Increases one coefficient of the encapsulation key by q, which makes no difference to a
    /// server that does not check for it.
    BeyondModulus,
    /// Sends another ciphertext than the one that was made; implicit rejection gives the phone
    /// another secret.
    FlippedCiphertext,
    /// Sends a ciphertext of another length.
    CiphertextOf(usize),
}

struct Attacker(Resolver, Trick);

impl CryptoResolver for Attacker {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        self.0.resolve_rng()
    }
    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        Some(Box::new(EvilDh { fair: self.0.resolve_dh(choice)?, trick: self.1, ephemeral: false }))
    }
    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        self.0.resolve_hash(choice)
    }
    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        self.0.resolve_cipher(choice)
    }
    fn resolve_kem(&self, choice: &KemChoice) -> Option<Box<dyn Kem>> {
        Some(Box::new(EvilKem { fair: self.0.resolve_kem(choice)?, trick: self.1, public: Vec::new() }))
    }
}

struct EvilDh {
    fair: Box<dyn Dh>,
    trick: Trick,
    /// Whether this is an ephemeral key: a static key is set, an ephemeral one is generated.
    ephemeral: bool,
}

impl Dh for EvilDh {
    fn name(&self) -> &'static str {
        self.fair.name()
    }
    fn pub_len(&self) -> usize {
        self.fair.pub_len()
    }
    fn priv_len(&self) -> usize {
        self.fair.priv_len()
    }
    fn set(&mut self, privkey: &[u8]) {
        self.fair.set(privkey);
    }
    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        self.ephemeral = true;
        self.fair.generate(rng)
    }
    fn pubkey(&self) -> &[u8] {
        match &self.trick {
            Trick::Point(point) if self.ephemeral => point,
            _ => self.fair.pubkey(),
        }
    }
    fn privkey(&self) -> &[u8] {
        self.fair.privkey()
    }
    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let zero = |out: &mut [u8]| out[..32].fill(0);
        match self.trick {
            Trick::Point(_) if self.ephemeral => zero(out),
            Trick::Lenient => self.fair.dh(pubkey, out).unwrap_or_else(|_| zero(out)),
            _ => self.fair.dh(pubkey, out)?,
        }
        Ok(())
    }
}

struct EvilKem {
    fair: Box<dyn Kem>,
    trick: Trick,
    public: Vec<u8>,
}

impl Kem for EvilKem {
    fn name(&self) -> &'static str {
        self.fair.name()
    }
    fn pub_len(&self) -> usize {
        self.fair.pub_len()
    }
    fn ciphertext_len(&self) -> usize {
        if let Trick::CiphertextOf(len) = self.trick { len } else { self.fair.ciphertext_len() }
    }
    fn shared_secret_len(&self) -> usize {
        self.fair.shared_secret_len()
    }
    fn generate(&mut self, rng: &mut dyn Random) {
        self.fair.generate(rng);
        self.public = self.fair.pubkey().to_vec();
        if self.trick == Trick::BeyondModulus {
            add_q(&mut self.public);
        }
    }
    fn pubkey(&self) -> &[u8] {
        &self.public
    }
    fn encapsulate(
        &self,
        pubkey: &[u8],
        secret: &mut [u8],
        ciphertext: &mut [u8],
    ) -> Result<(usize, usize), Error> {
        let mut whole = [0; 1088];
        let (n, _) = self.fair.encapsulate(pubkey, secret, &mut whole)?;
        if self.trick == Trick::FlippedCiphertext {
            whole[500] ^= 1;
        }
        let len = self.ciphertext_len();
        ciphertext[..len.min(1088)].copy_from_slice(&whole[..len.min(1088)]);
        Ok((n, len))
    }
    fn decapsulate(&self, ciphertext: &[u8], secret: &mut [u8]) -> Result<usize, Error> {
        self.fair.decapsulate(ciphertext, secret)
    }
}

/// Increases the first coefficient that has room for it by q = 3329 (FIPS 203: 12 bits each,
/// little-endian).
fn add_q(key: &mut [u8]) {
    let at = (0..1152)
        .step_by(3)
        .find(|at| u16::from(key[*at]) | (u16::from(key[at + 1] & 15) << 8) < 4096 - 3329);
    let at = at.expect("one of 384 random coefficients is small");
    let c = (u16::from(key[at]) | (u16::from(key[at + 1] & 15) << 8)) + 3329;
    key[at] = c.to_le_bytes()[0];
    key[at + 1] = (key[at + 1] & 0xf0) | c.to_le_bytes()[1];
}

struct Server {
    raw: [u8; 32],
    key: ServerKey,
    pin: ServerPin,
}

impl Server {
    fn new() -> Self {
        let raw = random();
        let key = ServerKey::new(ServerRole::Ns, [7; 16], raw).unwrap();
        let pin = ServerPin { role: ServerRole::Ns, server_id: [7; 16], static_key: key.public() };
        Self { raw, key, pin }
    }
    fn prologue(&self) -> Vec<u8> {
        labels::prologue(ServerRole::Ns, &[7; 16], &self.key.key_id().0)
    }
    /// The responder of an attacker who holds this server's static key.
    fn responder(&self, trick: Trick) -> HandshakeState {
        let honest = Resolver { static_key: StaticKey::from_raw(self.raw).map(Arc::new), replay: None };
        let builder = Builder::with_resolver(params(), Box::new(Attacker(honest, trick)));
        builder
            .prologue(&self.prologue())
            .unwrap()
            .local_private_key(&self.raw)
            .unwrap()
            .build_responder()
            .unwrap()
    }
    fn initiator(&self, trick: Trick) -> HandshakeState {
        let builder = Builder::with_resolver(params(), Box::new(Attacker(Resolver::default(), trick)));
        builder
            .prologue(&self.prologue())
            .unwrap()
            .remote_public_key(&self.pin.static_key)
            .unwrap()
            .build_initiator()
            .unwrap()
    }
    /// Sends an attacking phone's first message; returns how our server reacts.
    fn asked(&self, trick: Trick) -> Result<(), ChannelError> {
        let mut message = [0; NOISE_MSG1];
        let n = self.initiator(trick).write_message(&[], &mut message).unwrap();
        assert_eq!(n, NOISE_MSG1);
        accept(&self.key, &message, b"welcome").map(drop)
    }
    /// Sends an attacking server's answer; returns how our phone reacts.
    fn answered(&self, trick: Trick) -> Result<(), ChannelError> {
        let (greeting, hello) = Greeting::start(&self.pin).unwrap();
        let Ok(Outer::Hello { noise, .. }) = Outer::parse(&hello) else { panic!("HELLO") };
        let mut responder = self.responder(trick);
        responder.read_message(noise, &mut [0; 64]).unwrap();
        let mut answer = [0; NOISE_MSG2_OVERHEAD + 512];
        let n = responder.write_message(b"welcome", &mut answer).unwrap();
        greeting.finish(&answer[..n]).map(drop)
    }
}

#[test]
fn an_attacker_who_plays_fair_is_like_anybody() {
    let server = Server::new();
    assert_eq!(server.asked(Trick::Fair), Ok(()));
    assert_eq!(server.answered(Trick::Fair), Ok(()));
}

#[test]
fn a_handshake_on_a_point_of_small_order_is_refused_by_server_and_phone() {
    let server = Server::new();
    for point in SMALL {
        let trick = Trick::Point(unhex(point).try_into().unwrap());
        assert_eq!(server.asked(trick), Err(ChannelError::Handshake), "{point}");
        assert_eq!(server.answered(trick), Err(ChannelError::Handshake), "{point}");
        // Only the zero secret is wrong: a server that accepts it completes this handshake.
        let (mut evil, mut victim) = (server.initiator(trick), server.responder(Trick::Lenient));
        let (mut message, mut payload) = ([0; 2048], [0; 2048]);
        let n = evil.write_message(&[], &mut message).unwrap();
        victim.read_message(&message[..n], &mut payload).expect("the lenient server is deceived");
        let n = victim.write_message(&[], &mut message).unwrap();
        evil.read_message(&message[..n], &mut payload).unwrap();
        assert_eq!(evil.get_handshake_hash(), victim.get_handshake_hash());
    }
}

#[test]
fn an_encapsulation_key_with_a_coefficient_beyond_the_modulus_is_refused() {
    assert_eq!(Server::new().asked(Trick::BeyondModulus), Err(ChannelError::Handshake));
}

#[test]
fn a_ciphertext_that_was_changed_before_it_was_sealed_opens_nothing() {
    assert_eq!(Server::new().answered(Trick::FlippedCiphertext), Err(ChannelError::Handshake));
}

#[test]
fn a_ciphertext_of_another_length_is_refused() {
    let server = Server::new();
    for len in [0, 1, 32, 1087, 1089, 1568] {
        assert_eq!(server.answered(Trick::CiphertextOf(len)), Err(ChannelError::Handshake), "{len} bytes");
    }
    assert_eq!(server.answered(Trick::CiphertextOf(1088)), Ok(()), "the right length");
}
