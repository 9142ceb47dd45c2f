//! What a phone can ask of SFS: one function each. A flow ends in a durable write before its answer
//! is given.

pub mod attest;
pub mod pin;

use std::sync::Arc;

use countersign_pin::{Fill, RECORD};
use countersign_ports::{Fault, random::Random, vault::Vault};

use crate::device::RecordId;

/// The place that a registration record is sealed for.
fn place(record: RecordId) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    format!("sfs/pin/{}", URL_SAFE_NO_PAD.encode(record.0))
}

fn open_record(vault: &Vault, record: RecordId, sealed: &[u8]) -> Result<[u8; RECORD], Fault> {
    let plain = vault.open(&place(record), sealed)?;
    let wrong = |_| Fault::Inconsistent("a registration record has the wrong length".to_owned());
    plain.as_slice().try_into().map_err(wrong)
}

/// Runs with the randomness of the port.
fn with_random<T>(random: &Arc<dyn Random>, run: impl FnOnce(&Fill<'_>) -> T) -> T {
    run(&|out: &mut [u8]| random.fill(out))
}
