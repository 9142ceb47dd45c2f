//! SFS's part: it evaluates without learning the PIN.

use std::fmt;

use opaque_ke::{
    CredentialFinalization, CredentialRequest, RegistrationRequest, RegistrationUpload, ServerLogin,
    ServerLoginParameters, ServerRegistration, ServerSetup,
};
use zeroize::Zeroizing;

use crate::{
    Fill, KE1, KE2, KE3, PinError, RECORD, REGISTRATION_REQUEST, REGISTRATION_RESPONSE,
    rng::Rng,
    suite::{Suite, explain},
};

/// Length of a seed in bytes: the OPRF seed (64) and the server's private key (32).
pub const SEED: usize = 96;

/// Names a seed. Each record remembers the one it was made under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedId(pub [u8; 8]);

/// The secret that every evaluation needs. Whoever has it and the records can try PINs of phones
/// whose secret they have as well.
pub struct Seed {
    setup: ServerSetup<Suite>,
    id: SeedId,
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({:?})", self.id)
    }
}

impl Seed {
    /// Makes the bytes of a new seed.
    #[must_use]
    pub fn generate(random: &Fill<'_>) -> Zeroizing<[u8; SEED]> {
        let setup = ServerSetup::<Suite>::new(&mut Rng(random));
        let mut bytes = Zeroizing::new([0; SEED]);
        bytes.copy_from_slice(&setup.serialize()[..SEED]);
        bytes
    }

    /// Reads a seed.
    ///
    /// # Errors
    /// [`PinError::Malformed`] when the bytes are not a seed.
    pub fn read(bytes: &[u8; SEED]) -> Result<Self, PinError> {
        // The library keeps a third part for records that do not exist, which we never ask for: a
        // phone names its own record only. Any public key fills it.
        let own = opaque_ke::keypair::PrivateKey::<opaque_ke::Ristretto255>::deserialize(&bytes[64..])
            .map_err(explain)?
            .public_key();
        let whole = Zeroizing::new([&bytes[..], &own.serialize()].concat());
        let setup = ServerSetup::deserialize(&whole).map_err(explain)?;
        let digest = aws_lc_rs::digest::digest(
            &aws_lc_rs::digest::SHA256,
            &[&b"countersign/pin-seed-id/v1"[..], bytes].concat(),
        );
        let mut id = [0; 8];
        id.copy_from_slice(&digest.as_ref()[..8]);
        Ok(Self { setup, id: SeedId(id) })
    }

    /// The name of this seed.
    #[must_use]
    pub fn id(&self) -> SeedId {
        self.id
    }

    /// Answers a registration request for the record with this id.
    ///
    /// # Errors
    /// [`PinError::Malformed`].
    pub fn register(
        &self,
        record: &[u8],
        request: &[u8; REGISTRATION_REQUEST],
    ) -> Result<[u8; REGISTRATION_RESPONSE], PinError> {
        let request = RegistrationRequest::deserialize(request).map_err(explain)?;
        let answer = ServerRegistration::<Suite>::start(&self.setup, request, record).map_err(explain)?;
        Ok(answer.message.serialize().into())
    }

    /// Evaluates KE1 for a record. Whoever receives the answer has used up one try, whether or not
    /// they go on, so the try must be counted durably before this is called.
    ///
    /// # Errors
    /// [`PinError::Malformed`].
    pub fn evaluate(
        &self,
        random: &Fill<'_>,
        (record, stored): (&[u8], &[u8; RECORD]),
        ke1: &[u8; KE1],
        context: &[u8],
    ) -> Result<([u8; KE2], Evaluation), PinError> {
        let file = ServerRegistration::<Suite>::deserialize(stored).map_err(explain)?;
        let request = CredentialRequest::deserialize(ke1).map_err(explain)?;
        let answer = ServerLogin::start(
            &mut Rng(random),
            &self.setup,
            Some(file),
            request,
            record,
            ServerLoginParameters { context: Some(context), ..Default::default() },
        )
        .map_err(explain)?;
        let mut ke2 = [0; KE2];
        ke2.copy_from_slice(&answer.message.serialize());
        Ok((ke2, Evaluation(Box::new(answer.state))))
    }
}

/// Checks what a phone wants to have stored as its record.
///
/// # Errors
/// [`PinError::Malformed`].
pub fn check_record(record: &[u8; RECORD]) -> Result<(), PinError> {
    RegistrationUpload::<Suite>::deserialize(record).map(drop).map_err(explain)
}

/// An evaluation that waits for KE3. It is used once.
pub struct Evaluation(Box<ServerLogin<Suite>>);

impl Evaluation {
    /// Checks KE3; the PIN was right when this succeeds.
    ///
    /// # Errors
    /// [`PinError::Wrong`], [`PinError::Malformed`].
    pub fn finish(self, ke3: &[u8; KE3], context: &[u8]) -> Result<(), PinError> {
        let ke3 = CredentialFinalization::deserialize(ke3).map_err(explain)?;
        let parameters = ServerLoginParameters { context: Some(context), ..Default::default() };
        self.0.finish(ke3, parameters).map(drop).map_err(explain)
    }
}
