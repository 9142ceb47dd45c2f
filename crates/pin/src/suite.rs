//! The one set of algorithms. There is no negotiation.

use std::marker::PhantomData;

use opaque_ke::{CipherSuite, Ristretto255, TripleDh, argon2::Argon2, errors::ProtocolError, ksf::Ksf};

use crate::PinError;

/// OPAQUE-3DH with ristretto255 and SHA-512. `K` stretches the password on the phone: Argon2id
/// version 1.3 with 19 MiB, two passes, one lane and a salt of zeros, whose output is 64 bytes. The
/// server does not stretch, so the vectors of RFC 9807, which do not stretch either, fit it.
pub(crate) struct Suite<K = Argon2<'static>>(PhantomData<K>);

impl<K: Ksf> CipherSuite for Suite<K> {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, sha2::Sha512>;
    type Ksf = K;
}

/// What an error of the library means to us.
pub(crate) fn explain(error: ProtocolError) -> PinError {
    match error {
        ProtocolError::InvalidLoginError => PinError::Wrong,
        ProtocolError::LibraryError(opaque_ke::errors::InternalError::KsfError) => PinError::Unable,
        _ => PinError::Malformed,
    }
}
