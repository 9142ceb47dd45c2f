//! What happens to logins.

mod after;

use countersign_protocol::{
    codes::LoginState,
    decision::Verdict,
    frames,
    ids::{AccountId, LoginId, ReqId},
};
use serde::{Deserialize, Serialize};

use crate::{
    Refused,
    account::{Account, may_log_in},
    audit::Actor,
    capability::{self, Shown},
    client::Client,
    decision::judge,
    faults::{FaultName, active},
    login::{Claim, EndedBy, Event, Login, Outcome, Record, State, step},
    ports::{Advanced, Ports, Recorded, Versioned},
    realm::OpenRealm,
    refused::{Fault, Stop},
    secret::Secret,
    time::Time,
};

pub use after::{announce_ended, end, list, redeem};

/// After its expiry the live record stays this long, so that whoever looks can still record the expiry.
const LINGER_SECS: u64 = 900;

/// What the client asks.
#[derive(Clone, Debug, Default)]
pub struct NewLogin {
    pub expected_user: Option<String>,
    pub text: Option<String>,
    pub browser: Option<String>,
    pub place: Option<String>,
    pub return_url: Option<String>,
}

/// A login and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub login: Login,
    pub state: State,
}

#[derive(Serialize, Deserialize)]
struct Body {
    login: Login,
    claim: Option<Claim>,
}

fn write(login: &Login, claim: Option<&Claim>, v: u64) -> Versioned {
    Versioned { v, body: encode(login, claim) }
}

fn encode(login: &Login, claim: Option<&Claim>) -> Vec<u8> {
    serde_json::to_vec(&Body { login: login.clone(), claim: claim.cloned() }).expect("texts and numbers always serialise")
}

fn read(stored: &Versioned) -> Result<(Login, State), Fault> {
    let body: Body = serde_json::from_slice(&stored.body).map_err(|e| Fault(format!("a live login cannot be read: {e}")))?;
    Ok((body.login, body.claim.map_or(State::Pending, State::Claimed)))
}

/// Makes a login. Gives it with the secret of its page token, which is kept as a hash only.
///
/// # Errors
/// A fault of the KV.
pub async fn create(ports: &Ports, realm: &OpenRealm, client: &Client, new: NewLogin) -> Result<(Login, Secret<32>), Stop> {
    let now = ports.now();
    let page: Secret<32> = ports.random.secret();
    let login = Login {
        id: LoginId(ports.random.id(now)),
        realm: realm.realm.id,
        client: client.id,
        realm_name: realm.realm.display_name.clone(),
        client_name: client.display_name.clone(),
        created_at: now,
        expires_at: now.plus_secs(realm.realm.settings.login_secs),
        expected_user: new.expected_user,
        text: new.text,
        browser: new.browser,
        place: new.place,
        return_url: new.return_url,
        page_hash: page.hash(),
    };
    ports.live.create(login.id, encode(&login, None), realm.realm.settings.login_secs + LINGER_SECS).await?;
    Ok((login, page))
}

/// The login as it is now. Whoever looks at an expired one records its expiry.
///
/// # Errors
/// A fault of a port.
pub async fn look(ports: &Ports, realm: &OpenRealm, id: LoginId) -> Result<Option<Seen>, Fault> {
    match ports.live.read(id).await? {
        Some(stored) if stored.v < 3 => {
            let (login, state) = read(&stored)?;
            if login.realm != realm.realm.id {
                return Ok(None);
            }
            match step(&login, &state, &Event::Expire, ports.now()) {
                Ok(_) => expire(ports, login, state).await.map(Some),
                Err(_) => Ok(Some(Seen { login, state })),
            }
        }
        _ => match ports.store.outcome(realm.realm.id, id).await? {
            Some(record) => ended_by_time(ports, realm, record).await.map(Some),
            None => Ok(None),
        },
    }
}

async fn ended_by_time(ports: &Ports, realm: &OpenRealm, record: Record) -> Result<Seen, Fault> {
    let (login, state) = (record.outcome.login.clone(), record.state());
    match step(&login, &state, &Event::End(EndedBy::Lifetime), ports.now()) {
        Ok(ended) => {
            let won = ports.store.end_login(realm.realm.id, login.id, EndedBy::Lifetime, &ports.stamp(Actor::System)).await?;
            let there = if won { None } else { ports.store.outcome(realm.realm.id, login.id).await? };
            Ok(Seen { login, state: there.map_or(ended, |record| record.state()) })
        }
        Err(_) => Ok(Seen { login, state }),
    }
}

async fn expire(ports: &Ports, login: Login, state: State) -> Result<Seen, Fault> {
    let claim = if let State::Claimed(claim) = state { Some(claim) } else { None };
    let outcome = outcome(ports.now(), &login, LoginState::Expired, None, claim);
    match record(ports, outcome, Actor::System).await? {
        // Expiring asks nothing of the account, so it loses to another outcome or to nobody.
        Ok(state) | Err(NotWon::Decided(state)) => Ok(Seen { login, state }),
        Err(NotWon::Inactive(_)) => Ok(Seen { login, state: State::Expired }),
    }
}

/// Why an outcome is not the outcome.
enum NotWon {
    /// There is one already; this is where the login is.
    Decided(State),
    /// The account may not approve (any more).
    Inactive(Refused),
}

impl NotWon {
    fn refused(&self) -> Refused {
        match self {
            Self::Decided(_) => Refused::AlreadyDecided,
            Self::Inactive(why) => *why,
        }
    }
}

fn outcome(now: Time, login: &Login, state: LoginState, reason: Option<String>, claim: Option<Claim>) -> Outcome {
    Outcome { login: login.clone(), state, reason, claim, decision: None, req_id: None, decided_at: now, redeem_by: now, ends_at: now }
}

/// Inserts the outcome, settles the KV from what the store says, wakes.
async fn record(ports: &Ports, outcome: Outcome, actor: Actor) -> Result<Result<State, NotWon>, Fault> {
    let mine = Record { outcome, redeemed: false, ended: None };
    let recorded = match ports.store.record_outcome(&mine.outcome, &ports.stamp(actor)).await? {
        Recorded::Lost(_) if active(FaultName::ApproveTwice) => Recorded::Won,
        other => other,
    };
    let (record, result) = match recorded {
        Recorded::Won => (&mine, Ok(mine.state())),
        Recorded::Lost(ref there) => (&**there, Err(NotWon::Decided(there.state()))),
        Recorded::AccountNotActive(state) => return Ok(Err(NotWon::Inactive(may_log_in(state).err().unwrap_or(Refused::AccountBlocked)))),
    };
    let login = &record.outcome.login;
    let settled = write(login, record.outcome.claim.as_ref(), record.state().public().version());
    ports.live.settle(login.id, settled).await?;
    Ok(result)
}

/// An account shows a capability: the first wins, and asking again gives the same answer.
///
/// # Errors
/// Why not.
pub async fn claim(ports: &Ports, realm: &OpenRealm, account: &Account, frame: &frames::Claim) -> Result<(Login, Claim), Stop> {
    let shown = capability::check(realm, frame, ports.now())?;
    may_log_in(current(ports, account).await?.state)?;
    let wanted = Claim { account: account.id, user_id: account.user_id.clone(), by_link: shown == Shown::Link };
    // Two rounds are enough: the version only grows, and past "pending" the answer is final.
    for _ in 0..3 {
        let Some(stored) = ports.live.read(frame.login).await? else { return Err(gone(ports, realm, frame.login).await?) };
        if stored.v >= 3 {
            return Err(gone(ports, realm, frame.login).await?);
        }
        let (login, state) = read(&stored)?;
        if login.realm != realm.realm.id {
            return Err(Refused::NotFound.into());
        }
        let state = if active(FaultName::SkipCompare) { State::Pending } else { state };
        let State::Claimed(granted) = step(&login, &state, &Event::Claim(wanted.clone()), ports.now())? else {
            return Err(Refused::AlreadyClaimed.into());
        };
        if stored.v == 2 && !active(FaultName::SkipCompare) {
            return Ok((login, granted));
        }
        if shown == Shown::StaleQr {
            return Err(Refused::StaleQr.into());
        }
        let ttl = ports.now().until(login.expires_at) / 1000 + LINGER_SECS;
        ports.live.note_claim(account.id, login.id, ttl).await?;
        match ports.live.advance(login.id, stored.v, write(&login, Some(&granted), 2)).await? {
            Advanced::Done => return Ok((login, granted)),
            Advanced::Stale(_) | Advanced::Missing => {}
        }
    }
    Err(Refused::AlreadyClaimed.into())
}

/// Why a login that is not open (any more) cannot be claimed or decided.
async fn gone(ports: &Ports, realm: &OpenRealm, id: LoginId) -> Result<Stop, Fault> {
    let refused = match ports.store.outcome(realm.realm.id, id).await?.map(|r| r.state()) {
        None => Refused::NotFound,
        Some(State::Expired) => Refused::Expired,
        Some(State::Cancelled) => Refused::Cancelled,
        Some(_) => Refused::AlreadyDecided,
    };
    Ok(refused.into())
}

async fn current(ports: &Ports, account: &Account) -> Result<Account, Stop> {
    ports.store.account(account.realm, account.id).await?.ok_or(Stop::Refused(Refused::AccountDeleted))
}

/// The account that claimed a login answers it. `cb` is the binding of the channel the answer came on. Gives the state the account may now believe.
///
/// # Errors
/// Why not. Repeating with the same `req_id` gives the stored answer.
pub async fn decide(
    ports: &Ports,
    realm: &OpenRealm,
    account: &Account,
    frame: &frames::Decide,
    cb: &[u8; 32],
) -> Result<LoginState, Stop> {
    let stored = ports.live.read(frame.login).await?;
    let open = match &stored {
        Some(s) if s.v < 3 => Some(read(s)?),
        _ => None,
    };
    let Some((login, state)) = open.filter(|(login, _)| login.realm == realm.realm.id) else {
        return repeated(ports, realm, account.id, frame.login, frame.req_id).await;
    };
    let (verdict, reason) = judge(&frame.jws, &login, &account.jkt, &account.public_key, cb)?;
    let now = ports.now();
    let next = match step(&login, &state, &Event::Decide { account: account.id, verdict, reason }, now) {
        Err(Refused::Expired) => {
            expire(ports, login, state).await?;
            return Err(Refused::Expired.into());
        }
        other => other?,
    };
    let State::Claimed(claim) = state else { return Err(Refused::NotFound.into()) };
    let mut outcome = outcome(now, &login, next.public(), next.reason().map(str::to_owned), Some(claim));
    outcome.decision = Some(frame.jws.clone());
    outcome.req_id = Some(frame.req_id);
    if verdict == Verdict::Approve {
        outcome.redeem_by = now.plus_secs(realm.realm.settings.redeem_secs);
        outcome.ends_at = now.plus_secs(realm.realm.settings.session_secs);
    }
    match record(ports, outcome, Actor::Account(account.id)).await? {
        Ok(state) => Ok(state.public()),
        Err(NotWon::Decided(_)) => repeated(ports, realm, account.id, frame.login, frame.req_id).await,
        Err(NotWon::Inactive(why)) => Err(why.into()),
    }
}

/// A command whose answer was lost gets the stored answer; everybody else learns why it is too late.
async fn repeated(ports: &Ports, realm: &OpenRealm, account: AccountId, login: LoginId, req: ReqId) -> Result<LoginState, Stop> {
    let Some(record) = ports.store.outcome(realm.realm.id, login).await? else { return Err(Refused::NotFound.into()) };
    let outcome = &record.outcome;
    let mine = outcome.claim.as_ref().is_some_and(|c| c.account == account);
    if mine && outcome.req_id == Some(req) {
        return Ok(record.state().public());
    }
    Err(gone(ports, realm, login).await?)
}

/// The client or the page takes the login back.
///
/// # Errors
/// [`Refused::AlreadyDecided`] when it has its outcome, [`Refused::NotFound`].
pub async fn cancel(ports: &Ports, realm: &OpenRealm, id: LoginId, actor: Actor) -> Result<Seen, Stop> {
    let seen = look(ports, realm, id).await?.ok_or(Refused::NotFound)?;
    step(&seen.login, &seen.state, &Event::Cancel, ports.now())?;
    let claim = if let State::Claimed(claim) = seen.state { Some(claim) } else { None };
    let outcome = outcome(ports.now(), &seen.login, LoginState::Cancelled, None, claim);
    match record(ports, outcome, actor).await? {
        Ok(state) => Ok(Seen { login: seen.login, state }),
        Err(not_won) => Err(not_won.refused().into()),
    }
}

/// The account was blocked or deleted: what it claimed is refused in its name.
///
/// # Errors
/// A fault of a port.
pub async fn disown(ports: &Ports, realm: &OpenRealm, account: AccountId, why: EndedBy, actor: Actor) -> Result<(), Fault> {
    let mut first = Ok(());
    for id in ports.live.claims(account).await? {
        // One that cannot be written now does not spare the others.
        let done = disown_one(ports, realm, id, account, why, actor).await;
        first = first.and(done);
    }
    first
}

async fn disown_one(ports: &Ports, realm: &OpenRealm, id: LoginId, account: AccountId, why: EndedBy, actor: Actor) -> Result<(), Fault> {
    let Some(seen) = look(ports, realm, id).await? else { return Ok(()) };
    let Ok(next) = step(&seen.login, &seen.state, &Event::Disown(account, why), ports.now()) else { return Ok(()) };
    let State::Claimed(claim) = seen.state else { return Ok(()) };
    let outcome = outcome(ports.now(), &seen.login, LoginState::Refused, next.reason().map(str::to_owned), Some(claim));
    let _lost_to_somebody_else = record(ports, outcome, actor).await?;
    Ok(())
}
