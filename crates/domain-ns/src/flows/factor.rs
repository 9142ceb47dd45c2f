//! Verifying what a phone shows of its second factor.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    Refused,
    factor::{Evidence, Expected, Proven, judge, root_of},
    ports::{Fact, FactorResult, Ports},
    realm::OpenRealm,
    refused::Stop,
};

/// What a frame shows: all three parts, or none.
///
/// # Errors
/// [`Refused::BadAttestation`].
pub fn evidence(
    attestation: &Option<String>,
    keys: &Option<String>,
    r: Option<[u8; 32]>,
) -> Result<Option<Evidence>, Refused> {
    match (attestation, keys, r) {
        (None, None, None) => Ok(None),
        (Some(attestation), Some(keys), Some(r)) => Ok(Some(Evidence {
            attestation: attestation.clone(),
            keys: keys.clone(),
            r: URL_SAFE_NO_PAD.encode(r),
        })),
        _ => Err(Refused::BadAttestation),
    }
}

/// Counts a refusal that is about the second factor.
pub(super) fn counted<T>(ports: &Ports, judged: Result<T, Stop>) -> Result<T, Stop> {
    if let Err(Stop::Refused(why)) = &judged
        && let Some(result) = FactorResult::of(why)
    {
        ports.meter.note(Fact::Factor(result));
    }
    judged
}

/// Verifies evidence from an account of this app, and remembers a newer key list that came with it.
///
/// # Errors
/// [`Refused::BadAttestation`]; a fault of the store.
pub async fn verify(
    ports: &Ports,
    realm: &OpenRealm,
    app: &str,
    evidence: &Evidence,
    expected: &Expected<'_>,
) -> Result<Proven, Stop> {
    let root = root_of(evidence)?;
    let known = ports.store.sfs_key_list(&root).await?;
    let proven = judge(evidence, realm.trusted_sfs(app, &root), known.as_deref(), expected)?;
    if let Some((seq, list)) = &proven.newer_list {
        ports.store.raise_sfs_key_list(&root, *seq, list).await?;
    }
    Ok(proven)
}
