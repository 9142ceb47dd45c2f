//! Who may start something now.
//!
//! The order is the order of blame: the browser that starts it, the client it comes through, the
//! address it comes from. What is done *to* a user or account never stops that user: beyond the
//! limit logins wait in silence, and codes and links work as ever. Browsers and addresses are
//! counted at one client: what happens at another client does not stop its users.

use countersign_protocol::ids::{AccountId, ClientId, RealmId};

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

/// Codes and links that are not genuine, for each login an account may be shown unasked.
const BAD_CLAIMS: u64 = 6;

/// What stands in the way of a login that somebody wants to start.
pub(crate) struct Way<'a> {
    realm: &'a OpenRealm,
    from: Vec<Suspect>,
    wary: Option<Suspect>,
    gates: Vec<Gate>,
    /// For each gate whom it counts.
    whom: Vec<Whom<'a>>,
    client: ClientId,
    share: [u8; 16],
}

#[derive(Clone, Copy)]
enum Whom<'a> {
    /// Whoever starts it: beyond the limit they are turned away.
    Starter(LimitedBy),
    /// The user it is directed at: beyond the limit it waits in silence.
    User(&'a str),
}

impl<'a> Way<'a> {
    /// For a client.
    pub(crate) fn of_client(
        realm: &'a OpenRealm,
        client: ClientId,
        initiator: Initiator,
        target: Option<&'a Target>,
    ) -> Self {
        let limits = realm.settings().limits;
        let suspect = |of: Option<[u8; 16]>, measure| of.map(|key| suspect(client, measure, &key));
        // An address says more about who somebody is than a cookie that they may throw away.
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

    /// For a phone.
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

    /// Begins the login and tells these accounts, or says what it ran into. Gives the login as it
    /// was made; `None` when there is one with its id.
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
            // What an account is not shown, because it has been shown enough unasked, it finds when
            // it looks. Without the client: it must not learn from it that there is such an
            // account.
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
            body: encode(login, None),
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

/// A browser or address, of this client alone: what is said of it at one client does not count at
/// another.
fn at_client(client: ClientId, key: &[u8; 16]) -> [u8; 16] {
    short(&[&client.0[..], key].concat())
}

pub(crate) fn suspect(client: ClientId, measure: Measure, key: &[u8; 16]) -> Suspect {
    // Each measure has an id of its own, so that it is lifted by itself.
    Suspect { key: short(&[&client.0[..], measure.as_str().as_bytes(), b"\0", key].concat()), measure }
}

/// A phone changes something about its user's phones or logins: each is a write and a row of the
/// trail.
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

/// An account showed a code or link that is not genuine.
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

/// Turns away whoever is beyond their limit.
async fn judge(
    ports: &Ports,
    gate: &Gate,
    count: Count,
    by: LimitedBy,
    client: Option<ClientId>,
) -> Result<(), Stop> {
    if count.n == gate.limit.most + 1 {
        // Told once a window, so that nobody fills the trail by knocking.
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

/// Turns somebody away.
fn stop(ports: &Ports, by: LimitedBy, retry_after: u64) -> Stop {
    ports.meter.note(Fact::Limited(by));
    Limited { by, retry_after }.into()
}

pub(crate) fn short(bytes: &[u8]) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&sha256(bytes)[..16]);
    key
}

/// As quarantined browsers and addresses are named.
#[must_use]
pub fn hex(key: &[u8; 16]) -> String {
    key.iter().map(|b| format!("{b:02x}")).collect()
}
