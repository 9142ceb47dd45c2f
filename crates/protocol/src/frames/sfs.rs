//! The frames of SFS: a device's PIN, and attestations of it. The messages of OPAQUE (RFC 9807) are
//! carried as they are; see `docs/PROTOCOL.md`.

use minicbor::{Decoder, Encoder};

use super::{Done, Goodbye, Ping, Pong, Refused};
use crate::{
    cbor::{CborError, Field, MapReader, Record, record},
    codes::{PinPolicy, PinState},
    ids::{FactorId, ReqId},
};

/// The kind of [`AuthDevice`]: always 3. The kinds of NS are 1 and 2, so no service takes a first
/// frame that was meant for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceKind;

const KIND_DEVICE: u64 = 3;

impl Field for DeviceKind {
    fn put(&self, e: &mut Encoder<Vec<u8>>) {
        KIND_DEVICE.put(e);
    }
    fn get(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        if u64::get(d)? == KIND_DEVICE { Ok(Self) } else { Err(CborError::WrongType) }
    }
}

record! {
    /// First frame of a phone. `sig` is the device key's signature over
    /// [`crate::labels::channel_auth`]; `public_key` is its uncompressed point. SFS learns the key
    /// from the frame, so a key it does not know is no error.
    pub struct AuthDevice {
        1 => kind: DeviceKind,
        3 => sig: [u8; 64],
        5 => app_version: Option<String>,
        6 => public_key: [u8; 65]
    }
    /// Begins to set the PIN, with OPAQUE's registration request. A device that has a PIN must have
    /// proven it on this connection.
    pub struct SetPin { 1 => req_id: ReqId, 2 => request: [u8; 32] }
    /// Stores the PIN that [`SetPin`] began, as OPAQUE's registration record.
    pub struct StorePin { 1 => req_id: ReqId, 2 => record: [u8; 192] }
    /// Begins to prove the PIN, with KE1. The answer costs one try.
    pub struct TryPin { 1 => req_id: ReqId, 2 => ke1: [u8; 96] }
    /// Proves the PIN that [`TryPin`] began to prove, with KE3.
    pub struct ProvePin { 1 => req_id: ReqId, 2 => ke3: [u8; 64] }
    /// Asks for an attestation over `ctx`, the hash of [`crate::labels::second_factor`]. Without a
    /// factor, one is made.
    pub struct Attest { 1 => req_id: ReqId, 2 => factor: Option<FactorId>, 3 => ctx: [u8; 32] }
    /// Deletes the device's record and its factors.
    pub struct ForgetPin { 1 => req_id: ReqId }
    /// The channel is now authenticated as this device. `wait_secs` is how long the next try has to
    /// wait; when absent, it need not.
    pub struct SfsReady {
        1 => state: PinState,
        2 => tries_left: u64,
        3 => policy: PinPolicy,
        4 => min_digits: u64,
        5 => server_epoch: u64,
        6 => wait_secs: Option<u64>
    }
    /// Answer to [`SetPin`]: OPAQUE's registration response.
    pub struct PinOffered { 1 => req_id: ReqId, 2 => response: [u8; 64] }
    /// Answer to [`TryPin`]: KE2. One try has been used; `tries_left` remain.
    pub struct PinEvaluated { 1 => req_id: ReqId, 2 => ke2: [u8; 320], 3 => tries_left: u64 }
    /// Answer to [`Attest`]: the attestation, and the key list of the SFS ([`crate::attestation`]).
    pub struct Attested {
        1 => req_id: ReqId,
        2 => factor: FactorId,
        3 => attestation: String,
        4 => keys: String
    }
}

frames! {
    /// Phone → SFS. Frame numbers have the same meaning as in NS.
    pub enum SfsPhoneFrame {
        1 Auth(AuthDevice),
        3 Ping(Ping),
        16 SetPin(SetPin),
        17 StorePin(StorePin),
        18 TryPin(TryPin),
        19 ProvePin(ProvePin),
        20 Attest(Attest),
        21 ForgetPin(ForgetPin),
    }

    /// SFS → phone.
    #[expect(clippy::large_enum_variant, reason = "a frame lives for a moment, one at a time")]
    pub enum SfsServerFrame {
        67 Refused(Refused),
        68 Pong(Pong),
        71 Done(Done),
        82 Goodbye(Goodbye),
        96 SfsReady(SfsReady),
        97 PinOffered(PinOffered),
        98 PinEvaluated(PinEvaluated),
        99 Attested(Attested),
    }
}

impl SfsPhoneFrame {
    /// The command's `req_id`, when the frame is a command.
    #[must_use]
    pub fn req_id(&self) -> Option<ReqId> {
        match self {
            Self::SetPin(f) => Some(f.req_id),
            Self::StorePin(f) => Some(f.req_id),
            Self::TryPin(f) => Some(f.req_id),
            Self::ProvePin(f) => Some(f.req_id),
            Self::Attest(f) => Some(f.req_id),
            Self::ForgetPin(f) => Some(f.req_id),
            Self::Auth(_) | Self::Ping(_) => None,
        }
    }
}
