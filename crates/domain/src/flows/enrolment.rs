//! What happens to enrolments.

use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, ClientId, EnrolmentId, Jkt, ReqId},
};

use crate::{
    Refused,
    account::{Account, App},
    audit::Actor,
    enrolment::{Confirm, Enrolment, Event, NUMBER_TRIES, Redeemed, State, Step, step},
    ports::{Ports, Topic},
    realm::OpenRealm,
    refused::{Fault, Stop},
    secret::{Secret, sha256},
    text,
};

/// Makes an enrolment. Gives it with its code, which is kept as a hash only.
///
/// # Errors
/// A fault of the store.
pub async fn create(
    ports: &Ports,
    realm: &OpenRealm,
    client: ClientId,
    user_id: String,
    confirm: Confirm,
    actor: Actor,
) -> Result<(Enrolment, Secret<16>), Stop> {
    let now = ports.now();
    let code: Secret<16> = ports.random.secret();
    let enrolment = Enrolment {
        id: EnrolmentId(ports.random.id(now)),
        realm: realm.realm.id,
        client,
        user_id,
        code_hash: code.hash(),
        confirm,
        created_at: now,
        expires_at: now.plus_secs(realm.realm.settings.enrolment_secs),
        state: State::Pending,
        tries_left: NUMBER_TRIES,
        redeemed: None,
    };
    ports.store.add_enrolment(&enrolment, &ports.stamp(actor)).await?;
    Ok((enrolment, code))
}

/// The enrolment as it is now. Whoever looks at an expired one records its expiry.
///
/// # Errors
/// A fault of a port.
pub async fn look(ports: &Ports, realm: &OpenRealm, id: EnrolmentId) -> Result<Option<Enrolment>, Fault> {
    let Some(e) = ports.store.enrolment(realm.realm.id, id).await? else { return Ok(None) };
    let Ok(Step::To(state, tries)) = step(&e, &Event::Expire, ports.now()) else { return Ok(Some(e)) };
    moved(ports, &e, state, tries, Actor::System).await?;
    ports.store.enrolment(realm.realm.id, id).await
}

async fn moved(ports: &Ports, before: &Enrolment, state: State, tries: u32, actor: Actor) -> Result<bool, Fault> {
    let after = Enrolment { state, tries_left: tries, ..before.clone() };
    let account = match state {
        State::Confirmed => Some(AccountState::Active),
        State::Refused | State::Cancelled | State::Expired => Some(AccountState::Deleted),
        State::Pending | State::Redeemed => None,
    };
    let account = account.filter(|_| before.redeemed.is_some());
    let won = ports.store.move_enrolment(before, &after, account, &ports.stamp(actor)).await?;
    if won {
        ports.live.announce(Topic::Enrolment(before.id), state.version()).await?;
        if let (Some(redeemed), Some(state)) = (&before.redeemed, account) {
            ports.live.announce(Topic::Account(redeemed.account), u64::from(state.code())).await?;
        }
    }
    Ok(won)
}

/// A phone shows a code: whom it would join, without using the code up.
///
/// # Errors
/// [`Refused::BadEnrolment`], whatever is wrong with the code.
pub async fn offer(ports: &Ports, realm: &OpenRealm, code: &[u8; 16]) -> Result<(Enrolment, String), Stop> {
    let e = ports.store.enrolment_by_code(realm.realm.id, &sha256(code)).await?.ok_or(Refused::BadEnrolment)?;
    let usable = match e.state {
        State::Pending | State::Redeemed | State::Confirmed => ports.now() < e.expires_at,
        State::Refused | State::Cancelled | State::Expired => false,
    };
    if !usable {
        return Err(Refused::BadEnrolment.into());
    }
    let client = ports.store.client(realm.realm.id, e.client).await?.map_or_else(|| realm.realm.display_name.clone(), |c| c.display_name);
    Ok((e, client))
}

/// What the phone brings to an offer; its signature has been verified.
#[derive(Clone, Debug)]
pub struct Proof {
    pub jkt: Jkt,
    pub public_key: [u8; 65],
    pub req_id: ReqId,
    pub app: String,
    pub device: String,
}

/// The phone proved a new key: the code is used up and the account exists, in one transaction.
///
/// # Errors
/// [`Refused::BadEnrolment`] unless this phone is the first, or the same phone asks again.
pub async fn redeem(ports: &Ports, realm: &OpenRealm, id: EnrolmentId, proof: &Proof) -> Result<(Redeemed, AccountState), Stop> {
    let app = App::open(&proof.app)?;
    text::shown(&proof.device, 100, false).map_err(|_| Refused::BadEnrolment)?;
    let e = look(ports, realm, id).await?.ok_or(Refused::BadEnrolment)?;
    let now = ports.now();
    let Step::To(state, tries_left) = step(&e, &Event::Redeem(proof.jkt, proof.req_id), now)? else {
        let redeemed = e.redeemed.ok_or(Refused::BadEnrolment)?;
        let account = ports.store.account(realm.realm.id, redeemed.account).await?.ok_or(Refused::BadEnrolment)?;
        return Ok((redeemed, account.state));
    };
    // One key is one account for ever, also when the account is gone.
    if ports.store.account_by_jkt(realm.realm.id, &proof.jkt).await?.is_some() {
        return Err(Refused::BadEnrolment.into());
    }
    let number = (e.confirm == Confirm::Number).then(|| ports.random.number());
    let account_state = if state == State::Confirmed { AccountState::Active } else { AccountState::Pending };
    let account = Account {
        id: AccountId(ports.random.id(now)),
        realm: realm.realm.id,
        user_id: e.user_id.clone(),
        app: app.id().to_owned(),
        device: proof.device.clone(),
        jkt: proof.jkt,
        public_key: proof.public_key,
        state: account_state,
        created_at: now,
    };
    let redeemed = Redeemed { account: account.id, jkt: proof.jkt, req_id: proof.req_id, device: proof.device.clone(), number };
    let after = Enrolment { state, tries_left, redeemed: Some(redeemed.clone()), ..e };
    if !ports.store.redeem_enrolment(&after, &account, &ports.stamp(Actor::Phone)).await? {
        // Lost to somebody, perhaps to this very phone repeating itself: then it gets the answer it lost.
        let there = look(ports, realm, id).await?.ok_or(Refused::BadEnrolment)?;
        let (Step::SameAgain, Some(redeemed)) = (step(&there, &Event::Redeem(proof.jkt, proof.req_id), ports.now())?, there.redeemed)
        else {
            return Err(Refused::BadEnrolment.into());
        };
        let state = ports.store.account(realm.realm.id, redeemed.account).await?.ok_or(Refused::BadEnrolment)?.state;
        return Ok((redeemed, state));
    }
    ports.live.announce(Topic::Enrolment(id), state.version()).await?;
    Ok((redeemed, account_state))
}

/// Somebody types the number the phone shows.
///
/// # Errors
/// [`Refused::WrongNumber`] and the other reasons it cannot be confirmed.
pub async fn confirm(ports: &Ports, realm: &OpenRealm, id: EnrolmentId, number: &str, actor: Actor) -> Result<Enrolment, Stop> {
    act(ports, realm, id, &Event::TypeNumber(number.to_owned()), actor).await
}

/// The creator takes it back; an account that waits for confirmation goes with it.
///
/// # Errors
/// [`Refused::AlreadyDecided`] when it is final.
pub async fn cancel(ports: &Ports, realm: &OpenRealm, id: EnrolmentId, actor: Actor) -> Result<Enrolment, Stop> {
    act(ports, realm, id, &Event::Cancel, actor).await
}

async fn act(ports: &Ports, realm: &OpenRealm, id: EnrolmentId, event: &Event, actor: Actor) -> Result<Enrolment, Stop> {
    loop {
        let e = look(ports, realm, id).await?.ok_or(Refused::NotFound)?;
        let Step::To(state, tries) = step(&e, event, ports.now())? else { return Ok(e) };
        // Lost to a concurrent move: look again and judge anew. Each round means that somebody else made progress.
        if !moved(ports, &e, state, tries, actor).await? {
            continue;
        }
        if matches!(event, Event::TypeNumber(_)) && state != State::Confirmed {
            return Err(Refused::WrongNumber.into());
        }
        return ports.store.enrolment(realm.realm.id, id).await?.ok_or(Stop::Refused(Refused::NotFound));
    }
}
