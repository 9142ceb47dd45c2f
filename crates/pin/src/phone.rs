//! The phone's part: setting a PIN, and proving it.

use aws_lc_rs::hkdf;
use opaque_ke::{
    ClientLogin, ClientLoginFinishParameters, ClientRegistration, ClientRegistrationFinishParameters,
    CredentialResponse, RegistrationResponse, argon2::Argon2, ksf::Ksf,
};
use zeroize::Zeroizing;

use crate::{
    Fill, KE1, KE2, KE3, PinError, RECORD, REGISTRATION_REQUEST, REGISTRATION_RESPONSE,
    rng::Rng,
    suite::{Suite, explain},
};

/// Length of the password that the protocol runs with.
const PASSWORD: usize = 32;

/// The password of the protocol: HKDF-SHA256 (RFC 5869) with the phone's secret as key material, no
/// salt, and `"countersign/pin/v1" 00 ‖ PIN` as info. Without the secret no PIN can be tried.
///
/// # Panics
/// Never: 32 bytes are a length that HKDF-SHA256 can expand to.
#[must_use]
pub fn password(device_secret: &[u8; 32], pin: &str) -> Zeroizing<[u8; PASSWORD]> {
    let info = Zeroizing::new([b"countersign/pin/v1\0", pin.as_bytes()].concat());
    let mut out = Zeroizing::new([0; PASSWORD]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
        .extract(device_secret)
        .expand(&[&info], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut out[..]))
        .expect("32 bytes are a length of HKDF-SHA256");
    out
}

/// A registration under way.
pub struct Registration<K: Ksf = Argon2<'static>> {
    state: ClientRegistration<Suite<K>>,
    password: Zeroizing<Vec<u8>>,
}

impl Registration {
    /// Begins a registration; returns the request to send.
    ///
    /// # Errors
    /// [`PinError::Malformed`] when the password cannot be blinded, which chance alone rules out.
    pub fn start(random: &Fill<'_>, password: &[u8]) -> Result<(Self, [u8; REGISTRATION_REQUEST]), PinError> {
        Self::begin(random, password)
    }
}

impl<K: Ksf> Registration<K> {
    pub(crate) fn begin(
        random: &Fill<'_>,
        password: &[u8],
    ) -> Result<(Self, [u8; REGISTRATION_REQUEST]), PinError> {
        let begun = ClientRegistration::start(&mut Rng(random), password).map_err(explain)?;
        let request = begun.message.serialize().into();
        Ok((Self { state: begun.state, password: Zeroizing::new(password.to_vec()) }, request))
    }

    /// Completes a registration with the server's response; returns the record to upload.
    ///
    /// # Errors
    /// [`PinError::Malformed`], [`PinError::Unable`].
    pub fn finish(
        self,
        random: &Fill<'_>,
        response: &[u8; REGISTRATION_RESPONSE],
    ) -> Result<[u8; RECORD], PinError> {
        let response = RegistrationResponse::deserialize(response).map_err(explain)?;
        let parameters = ClientRegistrationFinishParameters::default();
        let done =
            self.state.finish(&mut Rng(random), &self.password, response, parameters).map_err(explain)?;
        let mut record = [0; RECORD];
        record.copy_from_slice(&done.message.serialize());
        Ok(record)
    }
}

/// A check of the PIN under way.
pub struct Check<K: Ksf = Argon2<'static>> {
    state: ClientLogin<Suite<K>>,
    password: Zeroizing<Vec<u8>>,
}

impl Check {
    /// Begins a check; returns KE1 to send.
    ///
    /// # Errors
    /// [`PinError::Malformed`] when the password cannot be blinded, which chance alone rules out.
    pub fn start(random: &Fill<'_>, password: &[u8]) -> Result<(Self, [u8; KE1]), PinError> {
        Self::begin(random, password)
    }
}

impl<K: Ksf> Check<K> {
    pub(crate) fn begin(random: &Fill<'_>, password: &[u8]) -> Result<(Self, [u8; KE1]), PinError> {
        let begun = ClientLogin::start(&mut Rng(random), password).map_err(explain)?;
        let mut ke1 = [0; KE1];
        ke1.copy_from_slice(&begun.message.serialize());
        Ok((Self { state: begun.state, password: Zeroizing::new(password.to_vec()) }, ke1))
    }

    /// Opens KE2; returns KE3 to send when the PIN is right.
    ///
    /// # Errors
    /// [`PinError::Wrong`], [`PinError::Malformed`], [`PinError::Unable`].
    pub fn finish(self, random: &Fill<'_>, ke2: &[u8; KE2], context: &[u8]) -> Result<[u8; KE3], PinError> {
        let response = CredentialResponse::deserialize(ke2).map_err(explain)?;
        let parameters = ClientLoginFinishParameters { context: Some(context), ..Default::default() };
        let done =
            self.state.finish(&mut Rng(random), &self.password, response, parameters).map_err(explain)?;
        let mut ke3 = [0; KE3];
        ke3.copy_from_slice(&done.message.serialize());
        Ok(ke3)
    }
}
