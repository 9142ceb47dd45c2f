//! A phone redeems the code of an enrolment.

use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, EnrolmentId, Jkt, ReqId},
    labels,
};

use super::{look, note_enrolled, past};
use crate::{
    Refused,
    account::{Account, Origin, PhonesAfter},
    app::{self, Version},
    audit::Actor,
    enrolment::{Confirm, Enrolment, EnrolmentState, Event, Redeemed, Step, step},
    factor::{EnrolmentFactor, Evidence, Expected, Factor, FactorChallenge, Spent},
    flows::{
        factor::{counted, verify},
        siblings::{active_of_user, tell_siblings},
    },
    further::{self, Admission, Past, UserHash},
    ports::{Fact, FactorResult, Ports, Topic},
    realm::OpenRealm,
    refused::Stop,
    text,
};
use countersign_ports::{
    sabotage::{Sabotage, active},
    secret::sha256,
    time::Time,
};

/// Greatest age of the proof of a second factor that a new phone brings, in milliseconds.
const ENROL_FACTOR_MS: u64 = 300_000;

/// What a phone with a good code gets.
#[derive(Clone, Debug)]
pub struct Offer {
    pub enrolment: Enrolment,
    pub client_name: String,
    /// The new key signs it, so a signature made for another offer proves nothing here.
    pub challenge: [u8; 32],
}

/// Finds what a phone would join with this code, without using the code up.
///
/// # Errors
/// [`Refused::BadEnrolment`], whatever is wrong with the code.
pub async fn offer(ports: &Ports, realm: &OpenRealm, code: &[u8; 16]) -> Result<Offer, Stop> {
    let e = ports.store.enrolment_by_code(realm.id(), &sha256(code)).await?.ok_or(Refused::BadEnrolment)?;
    // An enrolment does not outlive the client that asked for it.
    let client = ports.store.client(realm.id(), e.client).await?.ok_or(Refused::BadEnrolment)?;
    let usable = match e.state {
        EnrolmentState::Pending | EnrolmentState::Redeemed | EnrolmentState::Confirmed => {
            ports.now() < e.expires_at
        }
        EnrolmentState::Refused | EnrolmentState::Cancelled | EnrolmentState::Expired => false,
    };
    if !usable {
        return Err(Refused::BadEnrolment.into());
    }
    Ok(Offer { enrolment: e, client_name: client.display_name, challenge: ports.random.bytes() })
}

/// What the phone sends in answer to an offer; its signature has been verified.
#[derive(Clone, Debug)]
pub struct Proof {
    pub jkt: Jkt,
    pub public_key: [u8; 65],
    pub req_id: ReqId,
    pub app: String,
    pub app_version: Option<String>,
    pub device: String,
    /// The second factor that the phone brings, if it does.
    pub evidence: Option<Evidence>,
    /// What its attestation must be about: the challenge of the offer, on this channel.
    pub challenge: FactorChallenge,
}

/// Whether the realm accepts this app in this version.
///
/// # Errors
/// [`Refused::BadEnrolment`], [`Refused::AppNotListed`], [`Refused::UpdateRequired`].
pub fn admit(realm: &OpenRealm, app: &str, version: Option<&str>) -> Result<(), Refused> {
    app::id(app)?;
    let listed = realm.apps.iter().find(|a| a.id == app);
    if listed.is_none() && realm.settings().listed_apps_only {
        return Err(Refused::AppNotListed);
    }
    let Some(least) = listed.and_then(|a| a.min_version.as_ref()) else { return Ok(()) };
    match version.and_then(Version::parse) {
        Some(version) if version >= *least => Ok(()),
        _ => Err(Refused::UpdateRequired),
    }
}

/// The account of a phone that redeems this enrolment.
fn new_account(ports: &Ports, e: &Enrolment, proof: &Proof, state: AccountState) -> Account {
    let now = ports.now();
    let origin = Origin {
        client: Some(e.client),
        enrolled_by: e.created_by.clone(),
        way: Some(e.confirm),
        ..Origin::default()
    };
    Account {
        id: AccountId(ports.random.id(now)),
        realm: e.realm,
        user_id: e.user_id.clone(),
        app: proof.app.clone(),
        device: proof.device.clone(),
        jkt: proof.jkt,
        public_key: proof.public_key,
        state,
        created_at: now,
        blocked: None,
        app_version: proof.app_version.clone(),
        origin,
        active_from: None,
        rules_from: None,
        phones: PhonesAfter::default(),
    }
}

/// The account that has this key and is to get a second factor; `None` where a new account is made.
///
/// # Errors
/// [`Refused::BadEnrolment`] for the key of another account, or a new key where that of an account
/// is needed; why the account may not log in.
async fn owner(ports: &Ports, e: &Enrolment, jkt: &Jkt) -> Result<Option<Account>, Stop> {
    // A key belongs to one account for ever, even when the account is gone.
    match (ports.store.account_by_jkt(e.realm, jkt).await?, e.factor_of) {
        (None, None) => Ok(None),
        (Some(owner), Some(named)) if owner.id == named => {
            owner.may_log_in(ports.now())?;
            Ok(Some(owner))
        }
        _ => Err(Refused::BadEnrolment.into()),
    }
}

/// The phone proved its key: the code is used up and the account exists, in one transaction.
///
/// # Errors
/// [`Refused::BadEnrolment`] unless this phone is the first, or repeats its own request, and has
/// the key of the account that is to get a factor; those of [`admit`] and [`further::may_come`].
pub async fn redeem(
    ports: &Ports,
    realm: &OpenRealm,
    id: EnrolmentId,
    proof: &Proof,
) -> Result<(Redeemed, AccountState), Stop> {
    admit(realm, &proof.app, proof.app_version.as_deref())?;
    text::shown(&proof.device, 100, false).map_err(|_| Refused::BadEnrolment)?;
    let e = look(ports, realm, id).await?.ok_or(Refused::BadEnrolment)?;
    let now = ports.now();
    let Step::To(state, tries_left) = step(&e, &Event::Redeem(proof.jkt, proof.req_id), now)? else {
        let redeemed = e.redeemed.ok_or(Refused::BadEnrolment)?;
        let account =
            ports.store.account(realm.id(), redeemed.account).await?.ok_or(Refused::BadEnrolment)?;
        return Ok((redeemed, account.state));
    };
    ports.store.client(realm.id(), e.client).await?.ok_or(Refused::BadEnrolment)?;
    let owner = owner(ports, &e, &proof.jkt).await?;
    let number = e.confirm.shows_number().then(|| ports.random.number());
    let past =
        if active(Sabotage::ReuseCode) { Past::default() } else { past(ports, realm, &e.user_id).await? };
    // Judged here already, so that no one reads out a number in vain, and once more when the phone
    // is let in.
    further::may_come(realm.settings(), &past, e.confirm)?;
    let account_state =
        if state == EnrolmentState::Confirmed { AccountState::Active } else { AccountState::Pending };
    let at_once = account_state == AccountState::Active;
    let admission = at_once
        .then(|| further::admit(realm.settings(), past, e.confirm, (&Actor::Phone.into(), None), now))
        .transpose()?;
    let account = owner.unwrap_or_else(|| new_account(ports, &e, proof, account_state));
    let wish = e.factor_wish(realm.settings());
    let factor = counted(ports, new_factor(ports, realm, (&account, wish), proof).await)?;
    let redeemed = Redeemed {
        account: account.id,
        jkt: proof.jkt,
        req_id: proof.req_id,
        device: proof.device.clone(),
        number,
    };
    let after = Enrolment { state, tries_left, redeemed: Some(redeemed.clone()), ..e };
    let hash = UserHash::of(&ports.vault, realm.id(), &account.user_id);
    let stamp = ports.stamp(Actor::Phone);
    let bound = factor.as_ref().map(|(factor, spent)| (factor, *spent));
    if !ports.store.redeem_enrolment(&after, &account, admission.as_ref(), bound, hash, &stamp).await? {
        return lost(ports, realm, id, proof).await;
    }
    note(ports, admission.as_ref(), factor.is_some());
    ports.announce(Topic::Enrolment(id), state.version()).await?;
    if account_state == AccountState::Active {
        tell_siblings(ports, realm.id(), account.id, &account.user_id).await?;
    } else if after.confirm == Confirm::Phone {
        for old in active_of_user(ports, realm.id(), &account.user_id).await? {
            ports.announce(Topic::Vouch { to: old.id, enrolment: id }, 0).await?;
        }
    }
    Ok((redeemed, account.state))
}

fn note(ports: &Ports, admission: Option<&Admission>, factor: bool) {
    if let Some(admission) = admission {
        note_enrolled(ports, admission);
    }
    if factor {
        ports.meter.note(Fact::Factor(FactorResult::Proven));
    }
}

/// The second factor that a new phone brings, verified. It is bound by the enrolment itself, so it
/// has the same authority behind it as the phone.
async fn new_factor(
    ports: &Ports,
    realm: &OpenRealm,
    (account, wish): (&Account, EnrolmentFactor),
    proof: &Proof,
) -> Result<Option<(Factor, Spent)>, Stop> {
    let evidence = match (&proof.evidence, wish) {
        (None, EnrolmentFactor::None | EnrolmentFactor::Optional) => return Ok(None),
        (None, EnrolmentFactor::Required) => return Err(Refused::FactorNeeded.into()),
        (Some(_), EnrolmentFactor::None) => return Err(Refused::BadAttestation.into()),
        (Some(evidence), EnrolmentFactor::Optional | EnrolmentFactor::Required) => evidence,
    };
    let now = ports.now();
    let expected = Expected {
        realm: realm.id(),
        challenge: &proof.challenge,
        jkt: &proof.jkt,
        purpose: labels::PURPOSE_ENROL,
        payload: b"",
        factor: None,
        // The PIN may have been set before the phone connected.
        not_before: Time(now.0.saturating_sub(ENROL_FACTOR_MS)),
        now,
    };
    let proven = verify(ports, realm, &proof.app, evidence, &expected).await?;
    let factor = Factor {
        realm: realm.id(),
        account: account.id,
        root: proven.root,
        id: proven.id,
        policy: proven.policy,
        bound_at: now,
    };
    Ok(Some((factor, proven.spent)))
}

/// Another redemption won. If it was an earlier attempt of the same phone, the phone gets the
/// answer that was lost.
async fn lost(
    ports: &Ports,
    realm: &OpenRealm,
    id: EnrolmentId,
    proof: &Proof,
) -> Result<(Redeemed, AccountState), Stop> {
    let there = look(ports, realm, id).await?.ok_or(Refused::BadEnrolment)?;
    let (Step::SameAgain, Some(redeemed)) =
        (step(&there, &Event::Redeem(proof.jkt, proof.req_id), ports.now())?, there.redeemed)
    else {
        return Err(Refused::BadEnrolment.into());
    };
    let state = ports.store.account(realm.id(), redeemed.account).await?.ok_or(Refused::BadEnrolment)?.state;
    Ok((redeemed, state))
}
