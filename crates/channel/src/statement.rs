//! Signing and verifying server key statements (RETRY).

use countersign_protocol::{
    ServerRole,
    ids::KeyId,
    statement::{KeyStatement, RETRY_MAX_AGE, Signed, to_be_signed},
};

use crate::{
    handshake::key_id,
    p256::{self, SigningKey},
    sha256,
};

/// How many seconds in the phone's future a statement may be issued, because clocks differ.
const CLOCK_LEEWAY: u64 = 300;

/// What a phone pinned at enrolment, and the epoch that it must not go back behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootPin {
    pub role: ServerRole,
    pub server_id: [u8; 16],
    /// SHA-256 of the root's uncompressed point.
    pub root_pin: [u8; 32],
    /// Epoch of the key the phone holds; only a higher one is accepted.
    pub epoch: u64,
}

/// Why a statement is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    #[error("not a key statement")]
    Malformed,
    #[error("not made by the pinned root")]
    Root,
    #[error("made for another server")]
    Server,
    #[error("too old, expired, or from the future")]
    Time,
    #[error("not newer than the key at hand")]
    Epoch,
    #[error("speaks no version this phone knows")]
    Version,
}

/// SHA-256 of the root's uncompressed point, which an enrolment link carries.
#[must_use]
pub fn root_pin(public: &[u8; 65]) -> [u8; 32] {
    sha256(public)
}

/// Signs a statement; `root_key` and `key_id` are filled in from the keys.
#[must_use]
pub fn sign(root: &SigningKey, mut statement: KeyStatement) -> Vec<u8> {
    statement.root_key = root.public();
    statement.key_id = key_id(&statement.static_key);
    let payload = statement.to_payload();
    let signature = root.sign(&to_be_signed(&payload));
    Signed { payload, signature }.to_bytes()
}

/// Verifies the statement of a RETRY: the pinned root must have signed it recently, for this
/// server, with a higher epoch. The caller must store the new epoch only after a handshake with the
/// new key has completed.
///
/// # Errors
/// [`StatementError`].
pub fn verify(bytes: &[u8], pin: &RootPin, now: u64) -> Result<KeyStatement, StatementError> {
    let signed = Signed::parse(bytes).map_err(|_| StatementError::Malformed)?;
    let s = signed.statement().map_err(|_| StatementError::Malformed)?;
    if sha256(&s.root_key) != pin.root_pin {
        return Err(StatementError::Root);
    }
    p256::verify(&s.root_key, &to_be_signed(&signed.payload), &signed.signature)
        .map_err(|_| StatementError::Root)?;
    if s.role != pin.role.as_str() || s.server_id != pin.server_id || s.key_id != key_id(&s.static_key) {
        return Err(StatementError::Server);
    }
    let fresh = s.issued_at <= now.saturating_add(CLOCK_LEEWAY)
        && now.saturating_sub(s.issued_at) <= RETRY_MAX_AGE
        && now < s.not_after;
    if !fresh {
        return Err(StatementError::Time);
    }
    if s.epoch <= pin.epoch {
        return Err(StatementError::Epoch);
    }
    if s.min_version > 1 || s.max_version < 1 {
        return Err(StatementError::Version);
    }
    Ok(s)
}

/// A statement for [`sign`], which fills in `root_key` and `key_id`.
#[must_use]
pub fn draft(
    role: ServerRole,
    server_id: [u8; 16],
    static_key: [u8; 32],
    epoch: u64,
    issued_at: u64,
    not_after: u64,
) -> KeyStatement {
    KeyStatement {
        role: role.as_str().to_owned(),
        server_id,
        static_key,
        key_id: KeyId([0; 8]),
        epoch,
        issued_at,
        not_after,
        min_version: 1,
        max_version: 1,
        root_key: [0; 65],
    }
}
