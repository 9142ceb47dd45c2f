//! Who may start something now, and what follows from "not me".
//!
//! The order is the order of blame: the browser that starts it, the client it comes through, the address it comes from. What is done *to* a user or
//! account never stops that user: beyond the limit logins wait in silence, and codes and links work as ever.

use countersign_protocol::ids::{AccountId, ClientId, LoginId};

use crate::{
    Refused,
    audit::{About, Actor},
    limits::{Limit, Limited, LimitedBy},
    login::{Initiator, Target},
    ports::{Alert, Count, Counter, CounterKind, Fact, Gate, Opening, Ports},
    realm::OpenRealm,
    refused::{Fault, Stop},
    secret::sha256,
};

/// Codes and links that are not genuine, for each login an account may be shown unasked.
const BAD_CLAIMS: u64 = 6;

/// What stands in the way of a login that somebody wants to start.
pub(crate) struct Way<'a> {
    realm: &'a OpenRealm,
    from: Vec<[u8; 16]>,
    gates: Vec<Gate>,
    /// For each gate whom it counts.
    whom: Vec<Whom<'a>>,
}

#[derive(Clone, Copy)]
enum Whom<'a> {
    /// Whoever starts it: beyond the limit he is turned away.
    Starter(LimitedBy),
    /// The user it is directed at: beyond the limit it waits in silence.
    User(&'a str),
}

impl<'a> Way<'a> {
    /// For a client.
    pub(crate) fn of_client(realm: &'a OpenRealm, client: ClientId, initiator: Initiator, target: Option<&'a Target>) -> Self {
        let limits = &realm.realm.settings.limits;
        let mut way = Self::new(realm, [initiator.binding, initiator.address].into_iter().flatten().collect());
        if let Some(key) = initiator.binding {
            way.gate(CounterKind::Initiator, key, limits.initiator, Whom::Starter(LimitedBy::Initiator));
        }
        if let Some(Target::User(user)) = target {
            way.gate(CounterKind::User, short(user.as_bytes()), limits.user, Whom::User(user));
        }
        way.gate(CounterKind::Client, client.0, limits.client, Whom::Starter(LimitedBy::Client));
        if let Some(key) = initiator.address {
            way.gate(CounterKind::Address, key, limits.address, Whom::Starter(LimitedBy::Address));
        }
        way
    }

    /// For a phone.
    pub(crate) fn of_phone(realm: &'a OpenRealm, account: AccountId, client: ClientId) -> Self {
        let limits = &realm.realm.settings.limits;
        let mut way = Self::new(realm, Vec::new());
        way.gate(CounterKind::Initiator, account.0, limits.initiator, Whom::Starter(LimitedBy::Account));
        way.gate(CounterKind::Client, client.0, limits.client, Whom::Starter(LimitedBy::Client));
        way
    }

    fn new(realm: &'a OpenRealm, from: Vec<[u8; 16]>) -> Self {
        Self { realm, from, gates: Vec::new(), whom: Vec::new() }
    }

    fn gate(&mut self, kind: CounterKind, key: [u8; 16], limit: Limit, whom: Whom<'a>) {
        let counter = Counter { realm: self.realm.realm.id, kind, key };
        self.gates.push(Gate { counter, limit, shut: matches!(whom, Whom::Starter(_)) });
        self.whom.push(whom);
    }

    /// Begins the login and tells these accounts, or says what it ran into. False when there is one with its id.
    pub(crate) async fn begin(&self, ports: &Ports, login: LoginId, body: Vec<u8>, ttl_secs: u64, to: &[AccountId]) -> Result<bool, Stop> {
        let (realm, shown) = (self.realm.realm.id, self.realm.realm.settings.limits.account);
        let opening = Opening { realm, from: &self.from, gates: &self.gates, login, body, ttl_secs, to, shown };
        let opened = ports.live.open(opening).await?;
        if let Some(until) = opened.out {
            let retry_after = (ports.now().until(until) / 1000).max(1);
            return Err(stop(ports, LimitedBy::Quarantine, retry_after));
        }
        for ((gate, whom), count) in self.gates.iter().zip(&self.whom).zip(opened.counts) {
            match *whom {
                Whom::Starter(by) => judge(ports, gate, count, by).await?,
                Whom::User(user) if count.n == gate.limit.most + 1 => {
                    alert(ports, Alert::Limited, About::of(realm, user).user(user).detail(Some("user"))).await?;
                }
                Whom::User(_) => {}
            }
        }
        for (account, _) in to.iter().zip(opened.shown).filter(|(_, n)| *n == shown.most + 1) {
            // What an account is not shown, because it has been shown enough unasked, it finds when it looks.
            alert(ports, Alert::Limited, About::of(realm, *account).detail(Some("offers"))).await?;
        }
        Ok(opened.made)
    }
}

/// A phone changes something about its user's phones or logins: each is a write and a row of the trail.
pub(crate) async fn let_change(ports: &Ports, realm: &OpenRealm, account: AccountId) -> Result<(), Stop> {
    within(ports, realm, CounterKind::Changes, account.0, realm.realm.settings.limits.initiator, LimitedBy::Account).await
}

/// An account showed a code or link that is not genuine.
pub(crate) async fn not_genuine(ports: &Ports, realm: &OpenRealm, account: AccountId, why: Refused) -> Result<Stop, Fault> {
    let limit = realm.realm.settings.limits.account;
    let limit = Limit { most: limit.most.saturating_mul(BAD_CLAIMS), ..limit };
    match within(ports, realm, CounterKind::BadClaims, account.0, limit, LimitedBy::Account).await {
        Ok(()) => Ok(why.into()),
        Err(Stop::Fault(fault)) => Err(fault),
        Err(limited) => Ok(limited),
    }
}

async fn within(ports: &Ports, realm: &OpenRealm, kind: CounterKind, key: [u8; 16], limit: Limit, by: LimitedBy) -> Result<(), Stop> {
    let gate = Gate { counter: Counter { realm: realm.realm.id, kind, key }, limit, shut: true };
    let count = ports.live.count(gate.counter, limit.secs).await?;
    judge(ports, &gate, count, by).await
}

/// Turns away whoever is beyond his limit.
async fn judge(ports: &Ports, gate: &Gate, count: Count, by: LimitedBy) -> Result<(), Stop> {
    if count.n == gate.limit.most + 1 {
        // Told once a window, so that nobody fills the trail by knocking.
        alert(ports, Alert::Limited, About::of(gate.counter.realm, hex(&gate.counter.key)).detail(Some(by.as_str()))).await?;
    }
    if count.n > gate.limit.most { Err(stop(ports, by, count.left)) } else { Ok(()) }
}

/// A phone said "not me": the browser stays out for a while; its address only after several accounts said so.
pub(crate) async fn not_me(
    ports: &Ports,
    realm: &OpenRealm,
    account: AccountId,
    login: LoginId,
    initiator: Initiator,
) -> Result<(), Fault> {
    let limits = &realm.realm.settings.limits;
    alert(ports, Alert::NotMe, About::of(realm.realm.id, login)).await?;
    if let Some(key) = initiator.binding {
        ports.live.quarantine(realm.realm.id, key, false, limits.quarantine_secs).await?;
        alert(ports, Alert::Quarantined, About::of(realm.realm.id, hex(&key)).detail(Some("browser"))).await?;
    }
    if let Some(key) = initiator.address {
        let counter = Counter { realm: realm.realm.id, kind: CounterKind::Address, key };
        let accounts = ports.live.distinct(counter, account.0, limits.quarantine_secs).await?;
        if accounts >= limits.address_accounts {
            ports.live.quarantine(realm.realm.id, key, true, limits.address_secs).await?;
            alert(ports, Alert::Quarantined, About::of(realm.realm.id, hex(&key)).detail(Some("address"))).await?;
        }
    }
    Ok(())
}

pub(crate) async fn alert(ports: &Ports, alert: Alert, about: About) -> Result<(), Fault> {
    ports.store.tell(alert.action(), &about, &ports.stamp(Actor::System)).await?;
    ports.meter.note(Fact::Alert(alert));
    Ok(())
}

/// Turns somebody away.
fn stop(ports: &Ports, by: LimitedBy, retry_after: u64) -> Stop {
    ports.meter.note(Fact::Limited(by));
    Limited { by, retry_after }.into()
}

fn short(bytes: &[u8]) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&sha256(bytes)[..16]);
    key
}

/// As quarantined browsers and addresses are named.
#[must_use]
pub fn hex(key: &[u8; 16]) -> String {
    key.iter().map(|b| format!("{b:02x}")).collect()
}
