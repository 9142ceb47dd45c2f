//! Rate limits: who may start something now.
//!
//! Limits are checked in the order of responsibility: the browser that starts a login, the client
//! it comes through, the address it comes from. What is done *to* a user or account never locks
//! that user out: beyond the limit, logins wait unannounced, while codes and links work as ever.
//! Browsers and addresses are counted per client, so what happens at one client does not affect
//! users of another.

use countersign_protocol::{
    codes::LoginState,
    ids::{AccountId, ClientId, RealmId},
};

use super::login::{LINGER_SECS, encode};
use crate::{
    Refused,
    audit::{About, Actor},
    limits::{Limit, Limited, LimitedBy},
    login::{Initiator, Login, Target},
    ports::{Alert, CounterKind, Fact, Gate, Measure, Opened, Opening, Ports, Suspect},
    realm::OpenRealm,
    refused::Stop,
};
use countersign_ports::{Fault, counters::Count, secret::sha256};

/// How many codes and links that are not genuine an account may show for each login that may be
/// announced to it unasked.
const BAD_CLAIMS: u64 = 6;

/// How many lists an account may ask for, for each login that it may start. A phone asks for three
/// when it connects, and a bad network makes it connect often.
const LISTS: u64 = 20;

/// The checks that a login passes before it starts.
pub(crate) struct Way<'a> {
    realm: &'a OpenRealm,
    from: Vec<Suspect>,
    wary: Option<Suspect>,
    gates: Vec<Gate>,
    /// For each gate, the party that it counts.
    whom: Vec<Whom<'a>>,
    client: ClientId,
    share: [u8; 16],
}

#[derive(Clone, Copy)]
enum Whom<'a> {
    /// The party that starts the login; beyond the limit it is refused.
    Starter(LimitedBy),
    /// The user that the login is directed at; beyond the limit the login waits unannounced.
    User(&'a str),
}

impl<'a> Way<'a> {
    /// The checks for a login that a client starts.
    pub(crate) fn of_client(
        realm: &'a OpenRealm,
        client: ClientId,
        initiator: Initiator,
        target: Option<&'a Target>,
    ) -> Self {
        let limits = realm.settings().limits;
        let suspect = |of: Option<[u8; 16]>, measure| of.map(|key| suspect(client, measure, &key));
        // An address identifies a starter better than a cookie, which can be thrown away.
        let mut way = Self::new(realm, client, initiator.address.or(initiator.binding).unwrap_or(client.0));
        way.from.extend(suspect(initiator.binding, Measure::Browser));
        way.from.extend(suspect(initiator.binding.filter(|_| target.is_some()), Measure::Directed));
        way.from.extend(suspect(initiator.address, Measure::Address));
        way.wary = suspect(initiator.binding, Measure::Number);
        if let Some(key) = initiator.binding {
            way.gate(
                CounterKind::Initiator,
                at_client(client, &key),
                limits.initiator,
                Whom::Starter(LimitedBy::Initiator),
            );
        }
        if let Some(Target::User(user)) = target {
            way.gate(CounterKind::User, short(user.as_bytes()), limits.user, Whom::User(user));
        }
        way.gate(CounterKind::Client, client.0, limits.client, Whom::Starter(LimitedBy::Client));
        if let Some(key) = initiator.address {
            way.gate(
                CounterKind::Address,
                at_client(client, &key),
                limits.address,
                Whom::Starter(LimitedBy::Address),
            );
        }
        way
    }

    /// The checks for a login that a phone starts.
    pub(crate) fn of_phone(realm: &'a OpenRealm, account: AccountId, client: ClientId) -> Self {
        let limits = realm.settings().limits;
        let mut way = Self::new(realm, client, account.0);
        way.gate(CounterKind::Initiator, account.0, limits.initiator, Whom::Starter(LimitedBy::Account));
        way.gate(CounterKind::Client, client.0, limits.client, Whom::Starter(LimitedBy::Client));
        way
    }

    fn new(realm: &'a OpenRealm, client: ClientId, share: [u8; 16]) -> Self {
        Self { realm, from: Vec::new(), wary: None, gates: Vec::new(), whom: Vec::new(), client, share }
    }

    fn gate(&mut self, kind: CounterKind, key: [u8; 16], limit: Limit, whom: Whom<'a>) {
        let counter = kind.of(self.realm.id(), key);
        self.gates.push(Gate { counter, limit, shut: matches!(whom, Whom::Starter(_)) });
        self.whom.push(whom);
    }

    /// Opens the login and announces it to these accounts, or reports the limit it ran into.
    /// Returns the login as it was made; `None` when there is one with its id.
    pub(crate) async fn begin(
        &self,
        ports: &Ports,
        mut login: Login,
        to: &[AccountId],
    ) -> Result<Option<Login>, Stop> {
        let mut opened = self.open(ports, &login, to).await?;
        if opened.wary {
            login.number_match = true;
            opened = self.open(ports, &login, to).await?;
        }
        if let Some(until) = opened.out {
            let retry_after = (ports.now().until(until) / 1000).max(1);
            return Err(stop(ports, LimitedBy::Quarantine, retry_after));
        }
        for ((gate, whom), count) in self.gates.iter().zip(&self.whom).zip(opened.counts) {
            match *whom {
                Whom::Starter(by) => judge(ports, gate, count, by, Some(self.client)).await?,
                Whom::User(user) if count.n == gate.limit.most + 1 => {
                    alert(ports, Alert::Limited, self.about(user).user(user).detail(Some("user"))).await?;
                }
                Whom::User(_) => {}
            }
        }
        let most = self.realm.settings().limits.account.most;
        for (account, _) in to.iter().zip(opened.shown).filter(|(_, n)| *n == most + 1) {
            // Enough logins were announced to the account unasked; it finds this one only when it
            // looks. The row does not name the client, which must not learn that the account
            // exists.
            alert(ports, Alert::Limited, About::of(self.realm.id(), *account).detail(Some("offers"))).await?;
        }
        Ok(opened.made.then_some(login))
    }

    async fn open(&self, ports: &Ports, login: &Login, to: &[AccountId]) -> Result<Opened, Fault> {
        let settings = self.realm.settings();
        let opening = Opening {
            realm: self.realm.id(),
            from: &self.from,
            wary: self.wary.filter(|_| !login.number_match),
            gates: &self.gates,
            login: login.id,
            body: encode(ports, login, None, LoginState::PENDING),
            ttl_secs: settings.login_secs + LINGER_SECS,
            to,
            shown: settings.limits.account,
            share: self.share,
        };
        ports.live.open(opening).await
    }

    fn about(&self, object: impl ToString) -> About {
        About::of(self.realm.id(), object).client(self.client)
    }
}

/// The key of a browser or address at this client alone: what is counted at one client does not
/// count at another.
fn at_client(client: ClientId, key: &[u8; 16]) -> [u8; 16] {
    short(&[&client.0[..], key].concat())
}

pub(crate) fn suspect(client: ClientId, measure: Measure, key: &[u8; 16]) -> Suspect {
    // Each measure has an id of its own, so that it can be lifted by itself.
    Suspect { key: short(&[&client.0[..], measure.as_str().as_bytes(), b"\0", key].concat()), measure }
}

/// Limits the changes that a phone makes to its user's phones and logins, because each is a write
/// and a row of the trail.
pub(crate) async fn let_change(ports: &Ports, realm: &OpenRealm, account: AccountId) -> Result<(), Stop> {
    within(
        ports,
        realm,
        CounterKind::Changes,
        account.0,
        realm.settings().limits.initiator,
        LimitedBy::Account,
    )
    .await
}

/// Limits the lists that a phone asks for, because each is many reads.
pub(crate) async fn let_list(ports: &Ports, realm: &OpenRealm, account: AccountId) -> Result<(), Stop> {
    let limit = realm.settings().limits.initiator;
    let limit = Limit { most: limit.most.saturating_mul(LISTS), ..limit };
    within(ports, realm, CounterKind::Lists, account.0, limit, LimitedBy::Account).await
}

/// Counts a code or link that is not genuine against the account that showed it. Returns `why`, or
/// the limit if it is reached.
pub(crate) async fn not_genuine(
    ports: &Ports,
    realm: &OpenRealm,
    account: AccountId,
    why: Refused,
) -> Result<Stop, Fault> {
    let limit = realm.settings().limits.account;
    let limit = Limit { most: limit.most.saturating_mul(BAD_CLAIMS), ..limit };
    match within(ports, realm, CounterKind::BadClaims, account.0, limit, LimitedBy::Account).await {
        Ok(()) => Ok(why.into()),
        Err(Stop::Fault(fault)) => Err(fault),
        Err(limited) => Ok(limited),
    }
}

async fn within(
    ports: &Ports,
    realm: &OpenRealm,
    kind: CounterKind,
    key: [u8; 16],
    limit: Limit,
    by: LimitedBy,
) -> Result<(), Stop> {
    let gate = Gate { counter: kind.of(realm.id(), key), limit, shut: true };
    let count = ports.counters.count(gate.counter, limit.secs).await?;
    judge(ports, &gate, count, by, None).await
}

/// Refuses a party that is beyond its limit.
async fn judge(
    ports: &Ports,
    gate: &Gate,
    count: Count,
    by: LimitedBy,
    client: Option<ClientId>,
) -> Result<(), Stop> {
    if count.n == gate.limit.most + 1 {
        // Recorded once per window, so that repeated attempts cannot fill the trail.
        let about = About { client, ..About::of(RealmId(gate.counter.scope), hex(&gate.counter.key)) };
        alert(ports, Alert::Limited, about.detail(Some(by.as_str()))).await?;
    }
    if count.n > gate.limit.most { Err(stop(ports, by, count.left)) } else { Ok(()) }
}

pub(crate) async fn alert(ports: &Ports, alert: Alert, about: About) -> Result<(), Fault> {
    ports.store.tell(alert.action(), &about, &ports.stamp(Actor::System)).await?;
    ports.meter.note(Fact::Alert(alert));
    Ok(())
}

/// Counts a refusal by a limit and returns it.
fn stop(ports: &Ports, by: LimitedBy, retry_after: u64) -> Stop {
    ports.meter.note(Fact::Limited(by));
    Limited { by, retry_after }.into()
}

pub(crate) fn short(bytes: &[u8]) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&sha256(bytes)[..16]);
    key
}

/// The name of a quarantined browser or address.
#[must_use]
pub fn hex(key: &[u8; 16]) -> String {
    key.iter().map(|b| format!("{b:02x}")).collect()
}
