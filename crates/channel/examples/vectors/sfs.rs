//! `rust-sfs.json`: a proof of a second factor, and what must be refused in its place.

use countersign_channel::{
    p256::{SigningKey, thumbprint},
    random, sha256, vectors,
};
use countersign_protocol::{
    attestation::{Attestation, AttestationKey, KeyList},
    codes::{FactorKind, PinPolicy},
    ids::{FactorId, ServerId},
    jws, labels,
};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;
const PAYLOAD: &[u8] = b"what the user saw";

/// An SFS with one listed key.
struct Sfs {
    root: SigningKey,
    key: SigningKey,
    list: KeyList,
    said: Attestation,
}

impl Sfs {
    fn new(ctx: [u8; 32]) -> Self {
        let (root, key) = (SigningKey::generate(), SigningKey::generate());
        let iss = ServerId(random());
        let entry = AttestationKey {
            kid: thumbprint(&key.public()),
            public: key.public(),
            nbf: NOW - 86_400,
            exp: NOW + 86_400,
        };
        let list = KeyList { iss, seq: 7, keys: vec![entry], iat: NOW - 86_400, exp: NOW + 86_400 };
        let said = Attestation {
            iss,
            sub: FactorId(random()),
            ctx,
            kind: FactorKind::Pin,
            policy: PinPolicy::Lock,
            auth_time: NOW - 8,
            iat: NOW - 5,
            exp: NOW + 55,
            jti: random(),
        };
        Self { root, key, list, said }
    }

    fn attestation(&self, change: impl Fn(&mut Attestation)) -> String {
        let mut said = self.said.clone();
        change(&mut said);
        signed(said.signing_input(&thumbprint(&self.key.public())), &self.key)
    }

    fn list(&self, change: impl Fn(&mut KeyList)) -> String {
        let mut list = self.list.clone();
        change(&mut list);
        signed(list.signing_input(&thumbprint(&self.root.public())), &self.root)
    }
}

fn signed(input: String, key: &SigningKey) -> String {
    jws::compact(&input, &key.sign(input.as_bytes()))
}

pub(crate) fn sfs() -> Value {
    let hex = vectors::hex;
    let (r, realm, challenge, cb) = (random::<32>(), random::<16>(), random::<32>(), random::<32>());
    let jkt = thumbprint(&SigningKey::generate().public());
    let ctx = sha256(&labels::second_factor(&labels::SecondFactor {
        r: &r,
        server_id: &realm,
        challenge: &challenge,
        cb: &cb,
        jkt: &jkt,
        purpose: labels::PURPOSE_LOGIN,
        payload_hash: &sha256(PAYLOAD),
    }));
    let (sfs, other) = (Sfs::new(ctx), Sfs::new(ctx));
    let (good, list) = (sfs.attestation(|_| {}), sfs.list(|_| {}));
    let attestations = [
        ("another factor", sfs.attestation(|a| a.sub = FactorId([1; 16]))),
        ("another SFS", sfs.attestation(|a| a.iss = other.said.iss)),
        ("another context", sfs.attestation(|a| a.ctx = [1; 32])),
        ("from the future", sfs.attestation(|a| (a.iat, a.exp) = (NOW + 6, NOW + 66))),
        ("over", sfs.attestation(|a| (a.iat, a.exp) = (NOW - 66, NOW - 6))),
        ("proven before the claim", sfs.attestation(|a| a.auth_time = NOW - 16)),
        ("a key that is not listed", other.attestation(|a| *a = sfs.said.clone())),
        ("of a life of 61 seconds", sfs.attestation(|a| a.exp = a.iat + 61)),
        ("proven after it was made", sfs.attestation(|a| a.auth_time = a.iat + 1)),
        ("the list itself", list.clone()),
    ];
    let lists = [
        ("a list that is over", sfs.list(|l| l.exp = NOW)),
        ("a list without the key", sfs.list(|l| l.keys = other.list.keys.clone())),
        ("a key whose time is over", sfs.list(|l| l.keys[0].exp = NOW - 5)),
        ("a key whose time has not come", sfs.list(|l| l.keys[0].nbf = NOW - 4)),
        ("a list of another SFS", sfs.list(|l| l.iss = other.list.iss)),
        ("of another root", other.list(|l| *l = sfs.list.clone())),
        ("without keys", sfs.list(|l| l.keys.clear())),
        ("the attestation itself", good.clone()),
    ];
    let by_attestation = attestations.map(|(why, a)| json!({"why": why, "attestation": a, "key_list": list}));
    let by_list = lists.map(|(why, l)| json!({"why": why, "attestation": good, "key_list": l}));
    let refused = [&by_attestation[..], &by_list[..]].concat();
    json!({
        "comment": "written by the Rust implementation; hex unless it is a JWS or an id",
        "root": hex(&sfs.root.public()), "factor": sfs.said.sub.to_string(),
        "now": NOW, "claimed_at": NOW - 10,
        "context": {"r": hex(&r), "server_id": hex(&realm), "challenge": hex(&challenge), "cb": hex(&cb),
            "jkt": hex(&jkt.0), "purpose": labels::PURPOSE_LOGIN, "payload": hex(PAYLOAD), "ctx": hex(&ctx)},
        "accepted": {"attestation": good, "key_list": list},
        "refused": refused,
    })
}
