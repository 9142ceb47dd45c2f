//! Second factors, from and to JSON.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_api::{
    EnrolmentFactor as EnrolmentDto, FactorKind as KindDto, SecondFactor as NeedDto, TrustedSfs as SfsDto,
    UsedFactor, limits,
};
use countersign_domain_ns::{
    app::{MOST_SFS, TrustedSfs},
    factor::{EnrolmentFactor, Evidence, FactorNeed},
    text as rules,
};
use countersign_edge::{problem::ApiProblem, rest::times::rfc3339};
use countersign_protocol::{codes::FactorKind, ids::Jkt, jws};

use super::text;

/// Greatest age of a proof that can be asked for, in seconds: an SFS attests none that is older.
const MOST_AGE: u64 = 300;
/// Most attestation keys of one SFS that can be killed.
const MOST_KILLED: usize = 32;

pub(super) fn need_dto(need: Option<FactorNeed>) -> NeedDto {
    match need {
        Some(FactorNeed { max_age }) => NeedDto { kinds: vec![KindDto::Pin], max_age },
        None => NeedDto::default(),
    }
}

/// Reads what a login needs; no kinds mean nothing.
pub(super) fn need(pointer: &str, given: &NeedDto) -> Result<Option<FactorNeed>, ApiProblem> {
    if given.max_age > MOST_AGE {
        return Err(ApiProblem::invalid(&format!("{pointer}/max_age"), format!("0 to {MOST_AGE}")));
    }
    if given.kinds.len() > 1 {
        return Err(ApiProblem::invalid(&format!("{pointer}/kinds"), "each kind once"));
    }
    Ok((!given.kinds.is_empty()).then_some(FactorNeed { max_age: given.max_age }))
}

pub(super) fn enrolment_dto(factor: EnrolmentFactor) -> EnrolmentDto {
    match factor {
        EnrolmentFactor::None => EnrolmentDto::None,
        EnrolmentFactor::Optional => EnrolmentDto::Optional,
        EnrolmentFactor::Required => EnrolmentDto::Required,
    }
}

pub(super) fn enrolment(factor: EnrolmentDto) -> EnrolmentFactor {
    match factor {
        EnrolmentDto::None => EnrolmentFactor::None,
        EnrolmentDto::Optional => EnrolmentFactor::Optional,
        EnrolmentDto::Required => EnrolmentFactor::Required,
    }
}

pub(super) fn sfs_dto(sfs: &TrustedSfs) -> SfsDto {
    SfsDto {
        root: URL_SAFE_NO_PAD.encode(sfs.root),
        name: sfs.name.clone(),
        killed: sfs.killed.iter().map(|kid| URL_SAFE_NO_PAD.encode(kid.0)).collect(),
    }
}

/// Reads the second factor servers of an app.
pub(super) fn trusted(given: &[SfsDto]) -> Result<Vec<TrustedSfs>, ApiProblem> {
    if given.len() > MOST_SFS {
        return Err(ApiProblem::invalid("/sfs", format!("at most {MOST_SFS}")));
    }
    given.iter().enumerate().map(|(i, sfs)| one(&format!("/sfs/{i}"), sfs)).collect()
}

fn one(pointer: &str, given: &SfsDto) -> Result<TrustedSfs, ApiProblem> {
    let root: [u8; 65] =
        jws::bytes(&given.root).ok().filter(|root: &[u8; 65]| root[0] == 4).ok_or_else(|| {
            let why = "an uncompressed P-256 point in base64url, as sfs_root in the SFS's ready.json";
            ApiProblem::invalid(&format!("{pointer}/root"), why)
        })?;
    if let Some(name) = &given.name {
        text(&format!("{pointer}/name"), rules::shown(name, limits::DISPLAY_NAME, false))?;
    }
    if given.killed.len() > MOST_KILLED {
        return Err(ApiProblem::invalid(&format!("{pointer}/killed"), format!("at most {MOST_KILLED}")));
    }
    let kid = |(i, kid): (usize, &String)| {
        jws::bytes(kid).map(Jkt).map_err(|_| {
            ApiProblem::invalid(&format!("{pointer}/killed/{i}"), "a thumbprint in base64url: 32 bytes")
        })
    };
    let killed = given.killed.iter().enumerate().map(kid).collect::<Result<_, _>>()?;
    Ok(TrustedSfs { root, name: given.name.clone(), killed })
}

/// What is told of the factor that a login was approved with.
pub(super) fn used(evidence: &Evidence) -> Option<UsedFactor> {
    let used = evidence.used()?;
    Some(UsedFactor {
        kind: match used.kind {
            FactorKind::Pin => KindDto::Pin,
        },
        at: rfc3339(used.at),
        policy: used.policy.as_str().to_owned(),
        attestation: evidence.attestation.clone(),
        keys: evidence.keys.clone(),
        r: evidence.r.clone(),
    })
}
