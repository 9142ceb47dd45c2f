//! The vectors of RFC 9807, appendix C.1.1, and what must be refused.

use std::cell::RefCell;

use opaque_ke::ksf::Identity;
use proptest::prelude::*;

use crate::{
    PinError, context,
    phone::{Check, Registration, password},
    server::{Seed, check_record},
};

/// Appendix C.1.1: OPAQUE-3DH with ristretto255, no stretching, no identities.
mod rfc {
    pub(super) const CONTEXT: &[u8] = b"OPAQUE-POC";
    pub(super) const RECORD_ID: &[u8] = b"1234";
    pub(super) const PASSWORD: &[u8] = b"CorrectHorseBatteryStaple";
    pub(super) const OPRF_SEED: &str = "f433d0227b0b9dd54f7c4422b600e764e47fb503f1f9a0f0a47c6606b054a7fd\
        c65347f1a08f277e22358bbabe26f823fca82c7848e9a75661f4ec5d5c1989ef";
    pub(super) const SERVER_KEY: &str = "47451a85372f8b3537e249d7b54188091fb18edde78094b43e2ba42b5eb89f0d";
    pub(super) const BLIND_REGISTRATION: &str =
        "76cfbfe758db884bebb33582331ba9f159720ca8784a2a070a265d9c2d6abe01";
    pub(super) const ENVELOPE_NONCE: &str =
        "ac13171b2f17bc2c74997f0fce1e1f35bec6b91fe2e12dbd323d23ba7a38dfec";
    pub(super) const BLIND_LOGIN: &str = "6ecc102d2e7a7cf49617aad7bbe188556792d4acd60a1a8a8d2b65d4b0790308";
    pub(super) const CLIENT_NONCE: &str = "da7e07376d6d6f034cfa9bb537d11b8c6b4238c334333d1f0aebb380cae6a6cc";
    pub(super) const CLIENT_KEYSHARE_SEED: &str =
        "82850a697b42a505f5b68fcdafce8c31f0af2b581f063cf1091933541936304b";
    pub(super) const MASKING_NONCE: &str = "38fe59af0df2c79f57b8780278f5ae47355fe1f817119041951c80f612fdfc6d";
    pub(super) const SERVER_NONCE: &str = "71cd9960ecef2fe0d0f7494986fa3d8b2bb01963537e60efb13981e138e3d4a1";
    pub(super) const SERVER_KEYSHARE_SEED: &str =
        "05a4f54206eef1ba2f615bc0aa285cb22f26d1153b5b40a1e85ff80da12f982f";
    pub(super) const REQUEST: &str = "5059ff249eb1551b7ce4991f3336205bde44a105a032e747d21bf382e75f7a71";
    pub(super) const RESPONSE: &str = "7408a268083e03abc7097fc05b587834539065e86fb0c7b6342fcf5e01e5b019\
        b2fe7af9f48cc502d016729d2fe25cdd433f2c4bc904660b2a382c9b79df1a78";
    pub(super) const UPLOAD: &str = "\
        76a845464c68a5d2f7e442436bb1424953b17d3e2e289ccbaccafb57ac5c36751ac5844383c7708077dea41c\
        befe2fa15724f449e535dd7dd562e66f5ecfb95864eadddec9db5874959905117dad40a4524111849799281f\
        efe3c51fa82785c5ac13171b2f17bc2c74997f0fce1e1f35bec6b91fe2e12dbd323d23ba7a38dfec634b0f5b\
        96109c198a8027da51854c35bee90d1e1c781806d07d49b76de6a28b8d9e9b6c93b9f8b64d16dddd9c5bfb5f\
        ea48ee8fd2f75012a8b308605cdd8ba5";
    pub(super) const KE1: &str = "\
        c4dedb0ba6ed5d965d6f250fbe554cd45cba5dfcce3ce836e4aee778aa3cd44dda7e07376d6d6f034cfa9bb5\
        37d11b8c6b4238c334333d1f0aebb380cae6a6cc6e29bee50701498605b2c085d7b241ca15ba5c32027dd21b\
        a420b94ce60da326";
    pub(super) const KE2: &str = "\
        7e308140890bcde30cbcea28b01ea1ecfbd077cff62c4def8efa075aabcbb47138fe59af0df2c79f57b87802\
        78f5ae47355fe1f817119041951c80f612fdfc6dd6ec60bcdb26dc455ddf3e718f1020490c192d70dfc7e403\
        981179d8073d1146a4f9aa1ced4e4cd984c657eb3b54ced3848326f70331953d91b02535af44d9fedc80188c\
        a46743c52786e0382f95ad85c08f6afcd1ccfbff95e2bdeb015b166c6b20b92f832cc6df01e0b86a7efd92c1\
        c804ff865781fa93f2f20b446c8371b671cd9960ecef2fe0d0f7494986fa3d8b2bb01963537e60efb13981e1\
        38e3d4a1c4f62198a9d6fa9170c42c3c71f1971b29eb1d5d0bd733e40816c91f7912cc4a660c48dae03e57aa\
        a38f3d0cffcfc21852ebc8b405d15bd6744945ba1a93438a162b6111699d98a16bb55b7bdddfe0fc5608b23d\
        a246e7bd73b47369169c5c90";
    pub(super) const KE3: &str = "\
        4455df4f810ac31a6748835888564b536e6da5d9944dfea9e34defb9575fe5e2661ef61d2ae3929bcf57e53d\
        464113d364365eb7d1a57b629707ca48da18e442";
}

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    let mut out = [0; N];
    assert_eq!(hex.len(), 2 * N);
    for (byte, digits) in out.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).expect("ASCII"), 16).expect("hex");
    }
    out
}

/// Randomness that gives these parts in turn. A part that is asked for with more bytes than it has
/// is followed by zeros: so a scalar, which is reduced from 64 bytes, keeps its value.
fn scripted(parts: &[&str]) -> impl Fn(&mut [u8]) + use<> {
    let parts = RefCell::new(parts.iter().map(|p| bytes::<32>(p)).collect::<Vec<_>>().into_iter());
    move |out| {
        let part = parts.borrow_mut().next().expect("randomness that the script does not know of");
        out.fill(0);
        out[..32].copy_from_slice(&part);
    }
}

/// Different bytes at each call.
fn counting() -> impl Fn(&mut [u8]) {
    let n = RefCell::new(0u8);
    move |out| {
        let mut n = n.borrow_mut();
        *n = n.wrapping_add(1);
        for (i, byte) in out.iter_mut().enumerate() {
            *byte = n.wrapping_mul(31).wrapping_add(u8::try_from(i % 251).unwrap_or(0));
        }
    }
}

fn rfc_seed() -> Seed {
    let both = [&bytes::<64>(rfc::OPRF_SEED)[..], &bytes::<32>(rfc::SERVER_KEY)].concat();
    Seed::read(&both.try_into().expect("96 bytes")).expect("the seed of RFC 9807")
}

#[test]
fn the_vectors_of_rfc_9807_come_out_of_both_ends() {
    let seed = rfc_seed();
    let random = scripted(&[rfc::BLIND_REGISTRATION]);
    let (registration, request) = Registration::<Identity>::begin(&random, rfc::PASSWORD).expect("a request");
    assert_eq!(request, bytes(rfc::REQUEST));
    let response = seed.register(rfc::RECORD_ID, &request).expect("a response");
    assert_eq!(response, bytes(rfc::RESPONSE));
    let record = registration.finish(&scripted(&[rfc::ENVELOPE_NONCE]), &response).expect("a record");
    assert_eq!(record, bytes(rfc::UPLOAD));
    check_record(&record).expect("a record");

    let random = scripted(&[rfc::BLIND_LOGIN, rfc::CLIENT_KEYSHARE_SEED, rfc::CLIENT_NONCE]);
    let (check, ke1) = Check::<Identity>::begin(&random, rfc::PASSWORD).expect("KE1");
    assert_eq!(ke1, bytes(rfc::KE1));
    // The record of a phone that does not exist, which the library makes first in any case.
    let unused = "01".repeat(32);
    let random = scripted(&[&unused, rfc::MASKING_NONCE, rfc::SERVER_KEYSHARE_SEED, rfc::SERVER_NONCE]);
    let (ke2, evaluation) =
        seed.evaluate(&random, (rfc::RECORD_ID, &record), &ke1, rfc::CONTEXT).expect("KE2");
    assert_eq!(ke2, bytes(rfc::KE2));
    let ke3 = check.finish(&counting(), &ke2, rfc::CONTEXT).expect("KE3");
    assert_eq!(ke3, bytes(rfc::KE3));
    assert_eq!(evaluation.finish(&ke3, rfc::CONTEXT), Ok(()));
}

const RECORD: &[u8] = &[7; 16];

/// A seed and a record for this password, stretched as on a phone.
fn registered(secret: &[u8]) -> (Seed, [u8; crate::RECORD]) {
    let random = counting();
    let seed = Seed::read(&Seed::generate(&random)).expect("a seed");
    let (registration, request) = Registration::start(&random, secret).expect("a request");
    let response = seed.register(RECORD, &request).expect("a response");
    (seed, registration.finish(&random, &response).expect("a record"))
}

#[test]
fn only_the_right_pin_of_this_phone_on_this_channel_yields_ke3() {
    let right = password(&[1; 32], "2580");
    let (seed, record) = registered(&right[..]);
    let here = context(&[9; 32]);
    let attempt = |secret: &[u8], record_id: &[u8], told: &[u8]| {
        let (check, ke1) = Check::start(&counting(), secret).expect("KE1");
        let (ke2, evaluation) = seed.evaluate(&counting(), (record_id, &record), &ke1, &here).expect("KE2");
        check.finish(&counting(), &ke2, told).map(|ke3| evaluation.finish(&ke3, &here))
    };
    assert_eq!(attempt(&right[..], RECORD, &here), Ok(Ok(())));
    let wrong = Err(PinError::Wrong);
    assert_eq!(attempt(&password(&[1; 32], "2581")[..], RECORD, &here), wrong, "another PIN");
    assert_eq!(attempt(&password(&[2; 32], "2580")[..], RECORD, &here), wrong, "another phone");
    assert_eq!(attempt(&right[..], &[8; 16], &here), wrong, "another record");
    assert_eq!(attempt(&right[..], RECORD, &context(&[8; 32])), wrong, "another channel");
}

#[test]
fn ke3_of_another_evaluation_or_channel_and_a_reflected_message_are_refused() {
    let secret = password(&[1; 32], "2580");
    let (seed, record) = registered(&secret[..]);
    let (here, there) = (context(&[9; 32]), context(&[8; 32]));
    let (check, ke1) = Check::start(&counting(), &secret[..]).expect("KE1");
    let (ke2, evaluation) = seed.evaluate(&counting(), (RECORD, &record), &ke1, &here).expect("KE2");
    let fresh = |out: &mut [u8]| out.fill(77);
    let (_, another) = seed.evaluate(&fresh, (RECORD, &record), &ke1, &there).expect("KE2");
    let ke3 = check.finish(&counting(), &ke2, &here).expect("KE3");
    assert_eq!(another.finish(&ke3, &there), Err(PinError::Wrong));
    let mut bent = ke3;
    bent[0] ^= 1;
    assert_eq!(evaluation.finish(&bent, &here), Err(PinError::Wrong));
    let (registration, request) = Registration::start(&counting(), &secret[..]).expect("a request");
    let mut reflected = [0; crate::REGISTRATION_RESPONSE];
    reflected[..32].copy_from_slice(&request);
    reflected[32..].copy_from_slice(&request);
    assert_eq!(registration.finish(&counting(), &reflected).map(|_| ()), Err(PinError::Malformed));
}

#[test]
fn points_that_are_no_canonical_elements_and_the_identity_are_refused() {
    let secret = password(&[1; 32], "2580");
    let (seed, record) = registered(&secret[..]);
    let (_, ke1) = Check::start(&counting(), &secret[..]).expect("KE1");
    // The identity; a negative element; a field element above p; one that is on no curve point.
    let negative = bytes("01".repeat(32).as_str());
    let above = bytes("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
    for element in [[0; 32], [255; 32], negative, above] {
        assert_eq!(seed.register(RECORD, &element), Err(PinError::Malformed), "{element:?}");
        for at in [0, 64] {
            let mut bad = ke1;
            bad[at..at + 32].copy_from_slice(&element);
            let evaluated = seed.evaluate(&counting(), (RECORD, &record), &bad, b"");
            assert_eq!(evaluated.map(|_| ()), Err(PinError::Malformed), "{element:?} at {at}");
        }
        let mut bad = record;
        bad[..32].copy_from_slice(&element);
        assert_eq!(check_record(&bad), Err(PinError::Malformed), "{element:?}");
    }
}

#[test]
fn a_seed_is_named_by_its_content_and_does_not_show() {
    let (one, other) = (Seed::generate(&counting()), Seed::generate(&|out| out.fill(5)));
    let id = |bytes| Seed::read(bytes).expect("a seed").id();
    assert_eq!(id(&one), id(&one));
    assert_ne!(id(&one), id(&other));
    let shown = format!("{:?}", Seed::read(&one).expect("a seed"));
    assert!(shown.len() < 90, "{shown}");
    let mut zero = one.clone();
    zero[64..].fill(0);
    assert!(Seed::read(&zero).is_err(), "a private key of zero");
}

proptest! {
    #[test]
    fn no_bytes_make_either_end_panic(a: [u8; 32], b: [u8; 32], c: [u8; 32]) {
        let seed = rfc_seed();
        let ke1: [u8; 96] = [a, b, c].concat().try_into().expect("96 bytes");
        let stored = bytes(rfc::UPLOAD);
        let _ = seed.register(&a, &b);
        let _ = seed.evaluate(&counting(), (&a, &stored), &ke1, &b);
        let (check, _) = Check::<Identity>::begin(&counting(), &a).expect("KE1");
        let mut ke2 = bytes::<320>(rfc::KE2);
        ke2[32..64].copy_from_slice(&b);
        let _ = check.finish(&counting(), &ke2, &c);
    }
}
