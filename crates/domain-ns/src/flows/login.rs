//! Flows of logins. This file has what all steps share: reading, expiring, and recording the one
//! outcome.

mod after;
mod claim;
mod decide;
mod start;

use countersign_protocol::{codes::LoginState, ids::LoginId};
use serde::{Deserialize, Serialize};

use crate::{
    Refused,
    account::{may_log_in, peer},
    audit::{Actor, Who},
    login::{Claim, EndedBy, Event, Login, LoginProgress, Outcome, Record, step},
    ports::{Fact, Ports, Recorded, Versioned},
    realm::OpenRealm,
};
use countersign_ports::{
    Fault,
    sabotage::{Sabotage, active},
    secret::same,
    time::Time,
};

pub use after::{Redemption, announce_ended, end, end_all_of_user, list, redeem, running_of_user};
pub use claim::{Claimed, claim};
pub use decide::{cancel, decide, disown};
pub use start::{Created, Directed, NewLogin, create, direct, start_in_app};

/// Seconds for which the live record outlasts its expiry, so that a reader can still record the
/// expiry.
pub(super) const LINGER_SECS: u64 = 300;

/// How far apart the clocks of pods may be.
const CLOCKS_APART_SECS: u64 = 30;

/// A login and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub login: Login,
    pub state: LoginProgress,
}

#[derive(Serialize, Deserialize)]
struct Body {
    login: Login,
    claim: Option<Claim>,
}

/// First byte of a stored body. Bodies of releases before the MAC begin with another one.
const BODY: u8 = 1;
const MAC: usize = 16;
const PURPOSE: &str = "live login";

fn write(ports: &Ports, login: &Login, claim: Option<&Claim>, v: u64) -> Versioned {
    Versioned { v, body: encode(ports, login, claim, v) }
}

/// The body that live state keeps. Live state is not trusted with its meaning: a MAC covers the id,
/// the version and the rest, so that only pods of this deployment can say whom a login expects,
/// who claimed it, and which number its page shows.
pub(super) fn encode(ports: &Ports, login: &Login, claim: Option<&Claim>, v: u64) -> Vec<u8> {
    let body = serde_json::to_vec(&Body { login: login.clone(), claim: claim.cloned() })
        .expect("texts and numbers always serialise");
    let mac = ports.vault.mac(PURPOSE, &authenticated(login.id, v, &body));
    [&[BODY][..], &mac, &body].concat()
}

fn authenticated(id: LoginId, v: u64, body: &[u8]) -> Vec<u8> {
    [&id.0[..], &v.to_be_bytes(), body].concat()
}

/// Reads a body that live state kept for this login.
///
/// # Errors
/// [`Fault::Inconsistent`] when no pod of this deployment wrote it.
fn read(ports: &Ports, id: LoginId, stored: &Versioned) -> Result<(Login, LoginProgress), Fault> {
    let bad = |why: &str| Fault::Inconsistent(format!("a live login cannot be read: {why}"));
    let (mac, body) = stored.body.get(1..).and_then(|b| b.split_at_checked(MAC)).ok_or(bad("too short"))?;
    if !same(&ports.vault.mac(PURPOSE, &authenticated(id, stored.v, body)), mac) {
        return Err(bad("its MAC is wrong; something other than a pod has changed it"));
    }
    let body: Body = serde_json::from_slice(body).map_err(|e| bad(&e.to_string()))?;
    Ok((body.login, body.claim.map_or(LoginProgress::Pending, LoginProgress::Claimed)))
}

/// What live state has of a login. A body of a release before the MAC counts as none: a login that
/// was under way while the pods were replaced is begun again.
pub(super) async fn live(ports: &Ports, id: LoginId) -> Result<Option<Versioned>, Fault> {
    Ok(ports.live.read(id).await?.filter(|stored| stored.body.first() == Some(&BODY)))
}

/// The login as it is now. When it has expired or ended by itself, this records that first.
///
/// # Errors
/// A fault of a port.
pub async fn look(ports: &Ports, realm: &OpenRealm, id: LoginId) -> Result<Option<Seen>, Fault> {
    let live = live(ports, id).await;
    match &live {
        Ok(Some(stored)) if stored.v < 3 => {
            let (login, state) = read(ports, id, stored)?;
            if login.realm != realm.id() {
                return Ok(None);
            }
            if let Some(seen) = decided_after_all(ports, realm, &login).await? {
                return Ok(Some(seen));
            }
            match step(&login, &state, &Event::Expire, ports.now()) {
                Ok(_) => expire(ports, login, state).await.map(Some),
                Err(_) => Ok(Some(Seen { login, state })),
            }
        }
        _ => match ports.store.outcome(realm.id(), id).await? {
            Some(record) => ended_by_itself(ports, realm, record).await.map(Some),
            // Without live state, a decided login can still be seen, but not whether there is an
            // undecided one.
            None => live.map(|_| None),
        },
    }
}

/// Live state that may have lost writes can show a login as undecided whose decision was
/// acknowledged. This asks the store in that case, and corrects live state.
async fn decided_after_all(ports: &Ports, realm: &OpenRealm, login: &Login) -> Result<Option<Seen>, Fault> {
    if login.created_at >= ports.live.faithful_since().plus_secs(CLOCKS_APART_SECS) {
        return Ok(None);
    }
    let Some(record) = ports.store.outcome(realm.id(), login.id).await? else { return Ok(None) };
    settle(ports, &record).await?;
    ended_by_itself(ports, realm, record).await.map(Some)
}

async fn settle(ports: &Ports, record: &Record) -> Result<(), Fault> {
    let login = &record.outcome.login;
    let settled = write(ports, login, record.outcome.claim.as_ref(), record.state().public().version());
    let claimed_by = record.outcome.claim.as_ref().map(|claim| claim.account);
    ports.live.settle(login.id, settled, claimed_by).await
}

/// The login as it is now. When its lifetime has ended or its phone has been silent for too long,
/// this records its end first.
async fn ended_by_itself(ports: &Ports, realm: &OpenRealm, record: Record) -> Result<Seen, Fault> {
    let (login, state) = (record.outcome.login.clone(), record.state());
    let by = if is_silent(ports, realm, &record).await? { EndedBy::Silence } else { EndedBy::Lifetime };
    match step(&login, &state, &Event::End(by), ports.now()) {
        Ok(ended) => {
            let won = ports.store.end_login(realm.id(), login.id, by, &ports.stamp(Actor::System)).await?;
            if won && by == EndedBy::Silence {
                // No one else announces this end: silence is noticed by looking only.
                let ended = write(ports, &login, None, LoginState::Ended.version());
                ports.live.settle(login.id, ended, None).await?;
            }
            let there = if won { None } else { ports.store.outcome(realm.id(), login.id).await? };
            Ok(Seen { login, state: there.map_or(ended, |record| record.state()) })
        }
        Err(_) => Ok(Seen { login, state }),
    }
}

async fn is_silent(ports: &Ports, realm: &OpenRealm, record: &Record) -> Result<bool, Fault> {
    let allowed = realm.settings().silence_secs;
    let (LoginProgress::Approved { claim, .. }, true) = (record.state(), allowed > 0) else {
        return Ok(false);
    };
    let heard = ports
        .presence
        .last_heartbeat(peer(claim.account))
        .await?
        .unwrap_or(Time(0))
        .max(record.outcome.decided_at);
    Ok(ports.now() >= heard.plus_secs(allowed))
}

async fn expire(ports: &Ports, login: Login, state: LoginProgress) -> Result<Seen, Fault> {
    let claim = if let LoginProgress::Claimed(claim) = state { Some(claim) } else { None };
    let outcome = outcome(ports.now(), &login, LoginState::Expired, None, claim);
    match record(ports, outcome, Actor::System.into()).await? {
        // Expiring asks nothing of the account, so it can lose only to another outcome.
        Ok(state) | Err(NotWon::Decided(state)) => Ok(Seen { login, state }),
        Err(NotWon::Inactive(_) | NotWon::Spent) => Ok(Seen { login, state: LoginProgress::Expired }),
    }
}

/// Why an outcome was not recorded.
enum NotWon {
    /// The login has an outcome already; this is its state.
    Decided(LoginProgress),
    /// The account may not approve (any more).
    Inactive(Refused),
    /// The attestation was used before.
    Spent,
}

impl NotWon {
    fn refused(&self) -> Refused {
        match self {
            Self::Decided(_) => Refused::AlreadyDecided,
            Self::Inactive(why) => *why,
            Self::Spent => Refused::BadAttestation,
        }
    }
}

fn outcome(
    now: Time,
    login: &Login,
    state: LoginState,
    reason: Option<String>,
    claim: Option<Claim>,
) -> Outcome {
    Outcome {
        login: login.clone(),
        state,
        reason,
        claim,
        decision: None,
        evidence: None,
        spent: None,
        req_id: None,
        decided_at: now,
        redeem_by: now,
        ends_at: now,
    }
}

/// Inserts the outcome, updates the KV from what the store holds, and wakes those who wait.
async fn record(ports: &Ports, outcome: Outcome, who: Who) -> Result<Result<LoginProgress, NotWon>, Fault> {
    let mine = Record { outcome, redeemed: None, ended: None };
    let recorded = match ports.store.record_outcome(&mine.outcome, &ports.stamp(who)).await? {
        Recorded::Lost(_) if active(Sabotage::ApproveTwice) => Recorded::Won,
        other => other,
    };
    if recorded == Recorded::Won {
        let via = mine.outcome.claim.as_ref().map(|claim| claim.via);
        ports.meter.note(Fact::Outcome { state: mine.outcome.state, via });
    }
    let (record, result) = match recorded {
        Recorded::Won => (&mine, Ok(mine.state())),
        Recorded::Lost(ref there) => (&**there, Err(NotWon::Decided(there.state()))),
        Recorded::Spent => return Ok(Err(NotWon::Spent)),
        Recorded::AccountNotActive(state) => {
            return Ok(Err(NotWon::Inactive(may_log_in(state).err().unwrap_or(Refused::AccountBlocked))));
        }
    };
    settle(ports, record).await?;
    Ok(result)
}
