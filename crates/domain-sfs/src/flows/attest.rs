//! Attestations: that a PIN was proven, for a purpose that only the phone and NS know.

use countersign_ports::{
    sabotage::{Sabotage, active},
    time::Time,
};
use countersign_protocol::{
    attestation::{Attestation, MAX_LIFE_SECS},
    codes::{FactorKind, PinState},
    ids::{FactorId, Jkt},
};

use super::pin::{is_fresh, look};
use crate::{Refused, Stop, keys::Signer, meter::Fact, ports::Ports};

/// Most factors of one device: one for each account that uses it.
pub const MOST_FACTORS: u32 = 256;

/// An attestation and the factor that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    pub factor: FactorId,
    pub attestation: String,
}

/// Attests that the PIN of this device was proven on this connection, at `proven`. Without a factor,
/// a new one is made.
///
/// A factor that does not exist and one of another device get the same refusal: nobody learns of a
/// factor without the key of its device.
///
/// # Errors
/// [`Refused::NotProven`], [`Refused::Locked`], [`Refused::UnknownFactor`], [`Refused::NotAllowed`]
/// when the device has too many factors; a fault.
pub async fn attest(
    ports: &Ports,
    signer: &Signer,
    jkt: &Jkt,
    proven: Option<Time>,
    (factor, ctx): (Option<FactorId>, [u8; 32]),
) -> Result<Attested, Stop> {
    let device = look(ports, jkt).await?.ok_or(Refused::NoPin)?;
    if device.state != PinState::Set {
        return Err(Refused::Locked.into());
    }
    let Some(proven) = proven.filter(|at| is_fresh(ports, Some(*at))) else {
        return Err(Refused::NotProven.into());
    };
    let factor = match factor {
        Some(factor) => {
            let owner = ports.store.owner(factor).await?;
            if owner != Some(*jkt) && !active(Sabotage::AttestForAnybody) {
                return Err(Refused::UnknownFactor.into());
            }
            factor
        }
        None => {
            let factor = FactorId(ports.random.bytes());
            if !ports.store.add_factor(factor, jkt, MOST_FACTORS, ports.now()).await? {
                return Err(Refused::NotAllowed.into());
            }
            factor
        }
    };
    let now = ports.now().secs();
    let attestation = Attestation {
        iss: signer.server,
        sub: factor,
        ctx,
        kind: FactorKind::Pin,
        policy: ports.rules.policy,
        auth_time: proven.secs().min(now),
        iat: now,
        exp: now + MAX_LIFE_SECS,
        jti: ports.random.bytes(),
    };
    let attestation = signer.sign(&attestation)?;
    ports.meter.note(Fact::Attested);
    Ok(Attested { factor, attestation })
}
