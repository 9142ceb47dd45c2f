use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_channel::p256::{SigningKey, thumbprint};
use countersign_protocol::{
    attestation::{Attestation, AttestationKey},
    ids::ServerId,
    jws,
};

use super::*;

const NOW: u64 = 1_790_000_000;
const R: [u8; 32] = [5; 32];

/// An SFS, an account with a factor there, and a challenge.
struct Scene {
    root: SigningKey,
    key: SigningKey,
    list: KeyList,
    attestation: Attestation,
    challenge: FactorChallenge,
    factor: Factor,
    killed: Vec<Jkt>,
}

impl Scene {
    fn set() -> Self {
        let (root, key) = (SigningKey::generate(), SigningKey::generate());
        let iss = ServerId([1; 16]);
        let kid = thumbprint(&key.public());
        let entry = AttestationKey { kid, public: key.public(), nbf: NOW - 100, exp: NOW + 1000 };
        let list = KeyList { iss, seq: 7, keys: vec![entry], iat: NOW - 100, exp: NOW + 1000 };
        let challenge = FactorChallenge { challenge: [3; 32], cb: [4; 32], factor: Some([8; 16]) };
        let factor = Factor {
            realm: RealmId([2; 16]),
            account: AccountId([6; 16]),
            root: thumbprint(&root.public()),
            id: FactorId([8; 16]),
            policy: PinPolicy::Lock,
            bound_at: Time(0),
        };
        let mut scene = Self {
            root,
            key,
            list,
            attestation: Attestation {
                iss,
                sub: factor.id,
                ctx: [0; 32],
                kind: FactorKind::Pin,
                policy: PinPolicy::Lock,
                auth_time: NOW - 10,
                iat: NOW - 5,
                exp: NOW + 55,
                jti: [9; 16],
            },
            challenge,
            factor,
            killed: Vec::new(),
        };
        scene.attestation.ctx = context(&scene.evidence(), &scene.expected()).expect("a context");
        scene
    }

    fn expected(&self) -> Expected<'_> {
        Expected {
            realm: self.factor.realm,
            challenge: &self.challenge,
            jkt: &Jkt([7; 32]),
            purpose: labels::PURPOSE_LOGIN,
            payload: b"what the user saw",
            factor: Some(&self.factor),
            not_before: Time((NOW - 20) * 1000),
            now: Time(NOW * 1000),
        }
    }

    fn evidence(&self) -> Evidence {
        let signed = |input: String, key: &SigningKey| jws::compact(&input, &key.sign(input.as_bytes()));
        Evidence {
            attestation: signed(self.attestation.signing_input(&thumbprint(&self.key.public())), &self.key),
            keys: signed(self.list.signing_input(&thumbprint(&self.root.public())), &self.root),
            r: URL_SAFE_NO_PAD.encode(R),
        }
    }

    fn trusted(&self) -> TrustedSfs {
        TrustedSfs { root: self.root.public(), name: None, killed: self.killed.clone() }
    }

    fn judged(&self) -> Result<Proven, Refused> {
        judge(&self.evidence(), Some(&self.trusted()), None, &self.expected())
    }
}

#[test]
fn what_a_trusted_sfs_attests_for_this_account_and_purpose_is_a_proof() {
    let scene = Scene::set();
    let proven = scene.judged().expect("a proof");
    assert_eq!((proven.id, proven.kind, proven.policy), (scene.factor.id, FactorKind::Pin, PinPolicy::Lock));
    assert_eq!((proven.at, proven.root), (Time((NOW - 10) * 1000), scene.factor.root));
    assert_eq!(proven.newer_list.map(|(seq, _)| seq), Some(7));
    let used = scene.evidence().used().expect("readable");
    assert_eq!((used.kind, used.at), (FactorKind::Pin, proven.at));
}

/// Each change alone makes the attestation worthless.
#[test]
fn what_is_not_exactly_what_was_asked_for_is_no_proof() {
    type Change = fn(&mut Scene);
    let changes: [(&str, Change); 11] = [
        ("another factor", |s| s.attestation.sub = FactorId([1; 16])),
        ("another SFS", |s| s.attestation.iss = ServerId([2; 16])),
        ("another context", |s| s.attestation.ctx = [0; 32]),
        ("another challenge", |s| s.challenge.challenge = [0; 32]),
        ("another channel", |s| s.challenge.cb = [0; 32]),
        ("from the future", |s| {
            (s.attestation.iat, s.attestation.exp) = (NOW + 6, NOW + 66);
        }),
        ("over", |s| (s.attestation.iat, s.attestation.exp) = (NOW - 65, NOW - 5)),
        ("proven too long ago", |s| s.attestation.auth_time = NOW - 26),
        ("a list that is over", |s| s.list.exp = NOW),
        ("a key that is not listed", |s| s.key = SigningKey::generate()),
        ("a key that was killed", |s| s.killed = vec![thumbprint(&s.key.public())]),
    ];
    for (what, change) in changes {
        let mut scene = Scene::set();
        change(&mut scene);
        assert_eq!(scene.judged(), Err(Refused::BadAttestation), "{what}");
    }
    let mut old = Scene::set();
    old.attestation.auth_time = NOW - 25;
    assert!(old.judged().is_ok(), "clocks may be five seconds apart");
}

#[test]
fn only_the_expected_purpose_payload_account_and_random_bytes_fit_the_context() {
    let scene = Scene::set();
    let (evidence, trusted) = (scene.evidence(), scene.trusted());
    let bad = |what: &str, expected: &Expected<'_>| {
        let judged = judge(&evidence, Some(&trusted), None, expected);
        assert_eq!(judged, Err(Refused::BadAttestation), "{what}");
    };
    bad("purpose", &Expected { purpose: labels::PURPOSE_ENROL, ..scene.expected() });
    bad("payload", &Expected { payload: b"something else", ..scene.expected() });
    bad("account", &Expected { jkt: &Jkt([8; 32]), ..scene.expected() });
    bad("realm", &Expected { realm: RealmId([9; 16]), ..scene.expected() });
    for r in ["", "AA", &URL_SAFE_NO_PAD.encode([6; 32])] {
        let other = Evidence { r: r.to_owned(), ..evidence.clone() };
        let judged = judge(&other, Some(&trusted), None, &scene.expected());
        assert_eq!(judged, Err(Refused::BadAttestation), "{r}");
    }
}

#[test]
fn a_root_that_is_not_listed_and_a_list_or_attestation_of_another_signer_count_for_nothing() {
    let scene = Scene::set();
    let expected = scene.expected();
    assert_eq!(judge(&scene.evidence(), None, None, &expected), Err(Refused::BadAttestation));
    let other = TrustedSfs { root: SigningKey::generate().public(), name: None, killed: Vec::new() };
    assert_eq!(judge(&scene.evidence(), Some(&other), None, &expected), Err(Refused::BadAttestation));
    let foreign = Scene::set();
    let mixed = Evidence { keys: foreign.evidence().keys, ..scene.evidence() };
    assert_eq!(judge(&mixed, Some(&scene.trusted()), None, &expected), Err(Refused::BadAttestation));
    let mixed = Evidence { attestation: foreign.evidence().attestation, ..scene.evidence() };
    assert_eq!(judge(&mixed, Some(&scene.trusted()), None, &expected), Err(Refused::BadAttestation));
}

#[test]
fn an_older_list_brings_no_key_back_and_a_newer_one_is_remembered() {
    let scene = Scene::set();
    let (expected, trusted) = (scene.expected(), scene.trusted());
    let mut next = Scene { list: KeyList { seq: 8, ..scene.list.clone() }, ..Scene::set() };
    next.root = SigningKey::from_pkcs8(&scene.root.to_pkcs8()).expect("the same root");
    let with_key = next.evidence().keys;
    let shown = scene.evidence();
    let proven = judge(&shown, Some(&trusted), Some(&with_key), &expected).expect("still listed");
    assert_eq!(proven.newer_list, None);
    next.list.keys[0].kid = Jkt([1; 32]);
    let without = next.evidence().keys;
    assert_eq!(judge(&shown, Some(&trusted), Some(&without), &expected), Err(Refused::BadAttestation));
    // The attestation itself names no list, so a newer one may come with it.
    let newer = Evidence { keys: with_key, ..shown };
    let proven = judge(&newer, Some(&trusted), Some(&scene.evidence().keys), &expected).expect("a proof");
    assert_eq!(proven.newer_list.map(|(seq, _)| seq), Some(8));
}

#[test]
fn a_new_factor_may_have_any_name_and_the_stricter_need_applies() {
    let scene = Scene::set();
    let expected = Expected { factor: None, ..scene.expected() };
    let proven = judge(&scene.evidence(), Some(&scene.trusted()), None, &expected).expect("a proof");
    assert_eq!(proven.id, scene.factor.id);
    let need = |max_age| Some(FactorNeed { max_age });
    assert_eq!(FactorNeed::both(None, None), None);
    assert_eq!(FactorNeed::both(need(60), None), need(60));
    assert_eq!(FactorNeed::both(need(60), need(0)), need(0));
}

/// The vectors that other implementations replay.
#[test]
fn the_vectors_of_a_proof_are_judged_as_they_say() {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("../../../../docs/vectors/rust-sfs.json")).expect("JSON");
    fn bytes<const N: usize>(value: &serde_json::Value) -> [u8; N] {
        let hex = value.as_str().expect("hex");
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex"))
    }
    let (c, text) = (&file["context"], |v: &serde_json::Value| v.as_str().expect("a text").to_owned());
    let trusted = TrustedSfs { root: bytes(&file["root"]), name: None, killed: Vec::new() };
    let factor = Factor {
        realm: RealmId(bytes(&c["server_id"])),
        account: AccountId([6; 16]),
        root: thumbprint(&trusted.root),
        id: text(&file["factor"]).parse().expect("an id"),
        policy: PinPolicy::Lock,
        bound_at: Time(0),
    };
    let challenge = FactorChallenge { challenge: bytes(&c["challenge"]), cb: bytes(&c["cb"]), factor: None };
    let payload: [u8; 17] = bytes(&c["payload"]);
    let time = |what: &str| Time(file[what].as_u64().expect("a number") * 1000);
    let jkt = Jkt(bytes(&c["jkt"]));
    let expected = Expected {
        realm: factor.realm,
        challenge: &challenge,
        jkt: &jkt,
        purpose: labels::PURPOSE_LOGIN,
        payload: &payload,
        factor: Some(&factor),
        not_before: time("claimed_at"),
        now: time("now"),
    };
    let r = URL_SAFE_NO_PAD.encode(bytes::<32>(&c["r"]));
    let judged = |shown: &serde_json::Value| {
        let keys = text(&shown["key_list"]);
        let shown = Evidence { attestation: text(&shown["attestation"]), keys, r: r.clone() };
        judge(&shown, Some(&trusted), None, &expected)
    };
    let proven = judged(&file["accepted"]).expect("a proof");
    assert_eq!(proven.id, factor.id);
    let refused = file["refused"].as_array().expect("a list");
    assert!(refused.len() >= 18, "{}", refused.len());
    for shown in refused {
        assert_eq!(judged(shown), Err(Refused::BadAttestation), "{}", shown["why"]);
    }
}
