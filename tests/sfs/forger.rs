//! An SFS of the test's own, which states whatever it is told to.

use countersign_channel::p256::{SigningKey, thumbprint};
use countersign_protocol::{
    attestation::{Attestation, AttestationKey, KeyList},
    codes::{FactorKind, PinPolicy},
    ids::{FactorId, ServerId},
    jws,
};
use countersign_sdk::{FactorAsked, FactorProof, KeyHandle, KeyStore};

use super::device::Device;

pub(crate) struct Forger {
    pub(crate) root: SigningKey,
    pub(crate) key: SigningKey,
}

impl Forger {
    pub(crate) fn new() -> Self {
        Self { root: SigningKey::generate(), key: SigningKey::generate() }
    }

    /// The root as a realm's list of apps spells it.
    pub(crate) fn listed(&self) -> String {
        base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, self.root.public())
    }

    /// A proof of this factor, for what an NS asks of the account with this key of this device.
    pub(crate) fn proof(
        &self,
        (device, key): (&Device, &KeyHandle),
        asked: &FactorAsked,
        factor: FactorId,
        jti: [u8; 16],
    ) -> FactorProof {
        let now = countersign_sim::now();
        let (r, ctx) = asked.context(&thumbprint(&device.keys.public(key).unwrap()));
        let kid = thumbprint(&self.key.public());
        let iss = ServerId([1; 16]);
        let entry = AttestationKey { kid, public: self.key.public(), nbf: now - 10, exp: now + 1000 };
        let list = KeyList { iss, seq: 1, keys: vec![entry], iat: now - 10, exp: now + 1000 };
        let said = Attestation {
            iss,
            sub: factor,
            ctx,
            kind: FactorKind::Pin,
            policy: PinPolicy::Lock,
            auth_time: now,
            iat: now,
            exp: now + 60,
            jti,
        };
        let signed = |input: String, key: &SigningKey| jws::compact(&input, &key.sign(input.as_bytes()));
        FactorProof {
            attestation: signed(said.signing_input(&kid), &self.key),
            keys: signed(list.signing_input(&thumbprint(&self.root.public())), &self.root),
            r,
        }
    }
}
