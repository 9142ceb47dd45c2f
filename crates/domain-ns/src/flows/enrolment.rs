//! Flows of enrolments.

mod redeem;

use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, ClientId, EnrolmentId},
};

pub use redeem::{Offer, Proof, admit, offer, redeem};

use super::siblings::{active_of_user, tell_siblings};
use crate::{
    Refused,
    audit::{Actor, Who},
    enrolment::{Confirm, Enrolment, EnrolmentState, Event, NUMBER_TRIES, Step, step},
    further::{self, Admission, Past, UserHash},
    ports::{Alert, Fact, Ports, Topic},
    realm::OpenRealm,
    refused::Stop,
};
use countersign_ports::{Fault, secret::Secret};

/// Whom an enrolment is for, and how it is confirmed.
#[derive(Clone, Debug)]
pub struct Invitation {
    pub client: ClientId,
    pub user_id: String,
    pub confirm: Confirm,
    /// As in [`Enrolment`].
    pub factor_of: Option<AccountId>,
}

/// Makes an enrolment. Returns it with its code, of which only a hash is stored.
///
/// # Errors
/// [`Refused::FurtherPhone`] and [`Refused::ConfirmNotAllowed`] when the user may not get a phone
/// or a second factor in this way; [`Refused::NotFound`] when the account that is to get a factor
/// is not the user's, or why it may not log in; those of [`made_before`]; a fault of the store.
pub async fn create(
    ports: &Ports,
    realm: &OpenRealm,
    invitation: Invitation,
    who: Who,
) -> Result<(Enrolment, Secret<16>), Stop> {
    let Invitation { client, user_id, confirm, factor_of } = invitation;
    let now = ports.now();
    // A repetition is told what it made, even where the rules would no longer let it.
    refuse_repetition(ports, who).await?;
    let past = past(ports, realm, &user_id).await?;
    further::may_come(realm.settings(), &past, confirm)?;
    if confirm == Confirm::Phone && active_of_user(ports, realm.id(), &user_id).await?.is_empty() {
        // The user has no phone that could vouch.
        return Err(Refused::ConfirmNotAllowed.into());
    }
    if let Some(account) = factor_of {
        let account = ports.store.account(realm.id(), account).await?.ok_or(Refused::NotFound)?;
        if account.user_id != user_id {
            return Err(Refused::NotFound.into());
        }
        account.may_log_in(now)?;
        // The phone would vouch for itself, with nothing but the key of the account.
        if confirm == Confirm::Phone {
            return Err(Refused::ConfirmNotAllowed.into());
        }
    }
    let code: Secret<16> = ports.random.secret();
    let enrolment = Enrolment {
        id: EnrolmentId(who.mark.map_or_else(|| ports.random.id(now), |mark| mark.id)),
        realm: realm.id(),
        client,
        user_id,
        code_hash: code.hash(),
        confirm,
        created_at: now,
        expires_at: now.plus_secs(realm.settings().enrolment_secs),
        state: EnrolmentState::Pending,
        tries_left: NUMBER_TRIES,
        redeemed: None,
        approval: None,
        created_by: Some(who.actor.text()),
        factor_of,
    };
    if !ports.store.add_enrolment(&enrolment, &ports.stamp(who)).await? {
        return Err(made_before(ports, who).await?.into());
    }
    Ok((enrolment, code))
}

/// The phones a user has and has had.
async fn past(ports: &Ports, realm: &OpenRealm, user_id: &str) -> Result<Past, Fault> {
    let hash = UserHash::of(&ports.vault, realm.id(), user_id);
    ports.store.past(realm.id(), user_id, hash).await
}

/// Why the id of a keyed request is taken: by the same request, or by one with another body.
///
/// # Errors
/// A fault of the store.
pub async fn made_before(ports: &Ports, who: Who) -> Result<Refused, Fault> {
    let Some(mark) = who.mark else { return Ok(Refused::AlreadyExists) };
    Ok(match ports.store.request(&mark.id).await? {
        Some(hash) if hash == mark.hash => Refused::SecretAlreadyIssued(mark.id),
        Some(_) => Refused::RequestChanged,
        None => Refused::AlreadyExists,
    })
}

/// Refuses a keyed request that has been served before.
///
/// # Errors
/// Those of [`made_before`].
pub async fn refuse_repetition(ports: &Ports, who: Who) -> Result<(), Stop> {
    match who.mark {
        Some(mark) if ports.store.request(&mark.id).await?.is_some() => {
            Err(made_before(ports, who).await?.into())
        }
        _ => Ok(()),
    }
}

/// The enrolment as it is now. When it has expired, this records the expiry first.
///
/// # Errors
/// A fault of a port.
pub async fn look(ports: &Ports, realm: &OpenRealm, id: EnrolmentId) -> Result<Option<Enrolment>, Fault> {
    let Some(e) = ports.store.enrolment(realm.id(), id).await? else { return Ok(None) };
    let Ok(Step::To(state, tries)) = step(&e, &Event::Expire, ports.now()) else { return Ok(Some(e)) };
    moved(ports, &e, state, tries, Actor::System.into(), None, None).await?;
    ports.store.enrolment(realm.id(), id).await
}

async fn moved(
    ports: &Ports,
    before: &Enrolment,
    state: EnrolmentState,
    tries: u32,
    who: Who,
    approval: Option<&str>,
    admission: Option<&Admission>,
) -> Result<bool, Fault> {
    let approval = approval.filter(|_| state != before.state).map(str::to_owned);
    let after = Enrolment { state, tries_left: tries, approval, ..before.clone() };
    let hash = UserHash::of(&ports.vault, before.realm, &before.user_id);
    let won = ports.store.move_enrolment(before, &after, admission, hash, &ports.stamp(who)).await?;
    if won {
        let account = match state {
            // The account stays what it was.
            _ if before.factor_of.is_some() => None,
            EnrolmentState::Confirmed => Some(AccountState::Active),
            EnrolmentState::Refused | EnrolmentState::Cancelled | EnrolmentState::Expired => {
                Some(AccountState::Deleted)
            }
            EnrolmentState::Pending | EnrolmentState::Redeemed => None,
        };
        if let (Some(admission), None) = (admission, before.factor_of) {
            note_enrolled(ports, admission);
        }
        ports.announce(Topic::Enrolment(before.id), state.version()).await?;
        if let (Some(redeemed), Some(state)) = (&before.redeemed, account) {
            ports.announce(Topic::Account(redeemed.account), u64::from(state.code())).await?;
            tell_siblings(ports, before.realm, redeemed.account, &before.user_id).await?;
        }
    }
    Ok(won)
}

fn note_enrolled(ports: &Ports, admission: &Admission) {
    ports.meter.note(Fact::Enrolled);
    if admission.recovered {
        ports.meter.note(Fact::Alert(Alert::Recovered));
    }
}

/// Applies an event from outside: a typed number, an administrator's approval, another phone's
/// vouch or refusal, or a withdrawal.
///
/// # Errors
/// [`Refused::WrongNumber`], or why the event cannot be applied.
pub async fn act(
    ports: &Ports,
    realm: &OpenRealm,
    id: EnrolmentId,
    event: &Event,
    approval: Option<&str>,
    who: Who,
) -> Result<Enrolment, Stop> {
    loop {
        let voucher = match who.actor {
            Actor::Account(voucher) => {
                Some(ports.store.account(realm.id(), voucher).await?.ok_or(Refused::AccountDeleted)?)
            }
            _ => None,
        };
        if let Some(voucher) = &voucher {
            voucher.may_log_in(ports.now())?;
            // Until then neither its approval nor its refusal counts.
            voucher.may_rule_phones(ports.now())?;
        }
        let e = look(ports, realm, id).await?.ok_or(Refused::NotFound)?;
        let Step::To(state, tries) = step(&e, event, ports.now())? else { return Ok(e) };
        // If the move below loses to a concurrent one, look again and judge anew. Each round means
        // that another caller made progress.
        let admission = match state {
            EnrolmentState::Confirmed => {
                if let Some(account) = e.factor_of {
                    let account = ports.store.account(realm.id(), account).await?;
                    account.ok_or(Refused::AccountDeleted)?.may_log_in(ports.now())?;
                }
                let past = past(ports, realm, &e.user_id).await?;
                Some(further::admit(
                    realm.settings(),
                    past,
                    e.confirm,
                    (&who, voucher.as_ref()),
                    ports.now(),
                )?)
            }
            _ => None,
        };
        if !moved(ports, &e, state, tries, who, approval, admission.as_ref()).await? {
            if ports.store.user(realm.id(), &e.user_id).await?.is_none() {
                // The user is gone, so no further attempt can succeed.
                return Err(Refused::NotFound.into());
            }
            continue;
        }
        if matches!(event, Event::TypeNumber(_) | Event::Vouch(_)) && state != EnrolmentState::Confirmed {
            return Err(Refused::WrongNumber.into());
        }
        return ports.store.enrolment(realm.id(), id).await?.ok_or(Stop::Refused(Refused::NotFound));
    }
}
