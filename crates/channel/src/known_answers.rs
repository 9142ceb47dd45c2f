//! Known answers of other implementations, checked for snow running on our cryptography.

use aws_lc_rs::kem::{DecapsulationKey, ML_KEM_768};
use serde_json::Value;
use snow::{
    Builder, Error,
    error::StateProblem,
    types::{Cipher, Kem},
};

use crate::{
    resolver::{AesGcm, MlKem768, Resolver},
    vectors::{hex, unhex},
};

fn file(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vectors").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes(v: &Value) -> Vec<u8> {
    unhex(v.as_str().unwrap())
}

#[test]
fn plain_noise_nk_of_another_implementation_replays_byte_for_byte() {
    let v = file("noise-nk.json");
    let name = v["protocol_name"].as_str().unwrap();
    let builder = || Builder::with_resolver(name.parse().unwrap(), Box::new(Resolver::default()));
    let [init_prologue, init_ephemeral, server] =
        ["init_prologue", "init_ephemeral", "init_remote_static"].map(|m| bytes(&v[m]));
    let [resp_prologue, resp_ephemeral, key] =
        ["resp_prologue", "resp_ephemeral", "resp_static"].map(|m| bytes(&v[m]));
    let phone = builder().prologue(&init_prologue).unwrap().remote_public_key(&server).unwrap();
    let mut phone = phone.fixed_ephemeral_key_for_testing_only(&init_ephemeral).build_initiator().unwrap();
    let server = builder().prologue(&resp_prologue).unwrap().local_private_key(&key).unwrap();
    let mut server = server.fixed_ephemeral_key_for_testing_only(&resp_ephemeral).build_responder().unwrap();
    let messages: Vec<_> = v["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (bytes(&m["payload"]), bytes(&m["ciphertext"])))
        .collect();
    let (mut sealed, mut opened) = ([0; 256], [0; 256]);
    for (at, (payload, ciphertext)) in messages[..2].iter().enumerate() {
        let (from, to) = if at == 0 { (&mut phone, &mut server) } else { (&mut server, &mut phone) };
        let n = from.write_message(payload, &mut sealed).unwrap();
        assert_eq!(hex(&sealed[..n]), hex(ciphertext));
        let n = to.read_message(ciphertext, &mut opened).unwrap();
        assert_eq!(hex(&opened[..n]), hex(payload));
    }
    assert_eq!(hex(phone.get_handshake_hash()), v["handshake_hash"].as_str().unwrap());
    let (mut phone, mut server) =
        (phone.into_transport_mode().unwrap(), server.into_transport_mode().unwrap());
    for (at, (payload, ciphertext)) in messages[2..].iter().enumerate() {
        let (from, to) = if at % 2 == 0 { (&mut phone, &mut server) } else { (&mut server, &mut phone) };
        let n = from.write_message(payload, &mut sealed).unwrap();
        assert_eq!(hex(&sealed[..n]), hex(ciphertext));
        let n = to.read_message(ciphertext, &mut opened).unwrap();
        assert_eq!(hex(&opened[..n]), hex(payload));
    }
    assert_eq!(messages.len(), 6);
}

#[test]
fn ml_kem_opens_what_nist_sealed_and_gives_a_secret_of_its_own_for_what_was_modified() {
    let v = file("mlkem768-acvp.json");
    let key = DecapsulationKey::new(&ML_KEM_768, &bytes(&v["dk"])).unwrap();
    let kem = MlKem768 { key: Some(key), public: bytes(&v["ek"]), replay: None };
    let tests = v["tests"].as_array().unwrap();
    for reason in ["no modification", "modify ciphertext"] {
        assert!(tests.iter().any(|t| t["reason"] == reason), "{reason}");
    }
    for test in tests {
        let mut secret = [0; 32];
        assert_eq!(kem.decapsulate(&bytes(&test["c"]), &mut secret).unwrap(), 32);
        assert_eq!(hex(&secret), test["k"].as_str().unwrap(), "{} {}", test["tcId"], test["reason"]);
    }
    let good = bytes(&tests[0]["c"]);
    for wrong in [&good[..1087], &[&good[..], &[0]].concat(), &[]] {
        assert!(matches!(kem.decapsulate(wrong, &mut [0; 32]), Err(Error::Kem)), "{} bytes", wrong.len());
    }
    let mut secret = [0; 32];
    kem.encapsulate(&kem.public, &mut secret, &mut [0; 1088]).expect("NIST's encapsulation key is a key");
}

#[test]
fn the_last_nonce_there_is_is_never_used() {
    let builder = || {
        Builder::with_resolver("Noise_NN_25519_AESGCM_SHA256".parse().unwrap(), Box::new(Resolver::default()))
    };
    let (mut phone, mut server) =
        (builder().build_initiator().unwrap(), builder().build_responder().unwrap());
    let (mut a, mut b) = ([0; 64], [0; 64]);
    let n = phone.write_message(&[], &mut a).unwrap();
    server.read_message(&a[..n], &mut b).unwrap();
    let n = server.write_message(&[], &mut a).unwrap();
    phone.read_message(&a[..n], &mut b).unwrap();
    let (phone, server) =
        (phone.into_stateless_transport_mode().unwrap(), server.into_stateless_transport_mode().unwrap());
    // Noise section 5.1 reserves 2^64 − 1, so 2^64 − 2 is the last nonce.
    let n = phone.write_message(u64::MAX - 1, b"last", &mut a).unwrap();
    assert_eq!(server.read_message(u64::MAX - 1, &a[..n], &mut b).unwrap(), 4);
    assert!(matches!(
        phone.write_message(u64::MAX, b"over", &mut a),
        Err(Error::State(StateProblem::Exhausted))
    ));
    assert!(matches!(
        server.read_message(u64::MAX, &a[..n], &mut b),
        Err(Error::State(StateProblem::Exhausted))
    ));
}

#[test]
fn a_nonce_is_four_zero_bytes_and_the_counter_in_big_endian() {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let mut cipher = AesGcm([0; 32]);
    cipher.set(&[7; 32]);
    let plain = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap());
    for (n, nonce) in [
        (1, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        (u64::MAX - 1, [0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 254]),
    ] {
        let mut ours = [0; 21];
        assert_eq!(cipher.encrypt(n, b"ad", b"hello", &mut ours), 21);
        let mut theirs = b"hello".to_vec();
        plain
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(b"ad"), &mut theirs)
            .unwrap();
        assert_eq!(ours[..], theirs[..]);
    }
}
