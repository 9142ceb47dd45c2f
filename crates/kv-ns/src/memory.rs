//! Live logins in the memory of this process.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use countersign_domain_ns::ports::{
    Advanced, CounterKind, Live, Measure, Opened, Opening, Quarantine, Suspect, Topic, Versioned,
};
use countersign_kv::{MemoryKv, Vanishing};
use countersign_ports::{Fault, time::Time};
use countersign_protocol::{
    codes::LoginState,
    ids::{AccountId, LoginId, RealmId},
};

use crate::{
    SETTLED_SECS,
    offers::{self, Offer},
};

/// Maximum number of logins; beyond it creation is refused, so that memory does not grow without
/// limit.
const MOST_LOGINS: usize = 1_000_000;
/// Maximum number of claims stored per account; the oldest is dropped first.
const MOST_NOTES: usize = 64;

struct Entry {
    stored: Versioned,
    gone_at: Time,
}

#[derive(Default)]
struct LiveState {
    logins: HashMap<LoginId, Entry>,
    claims: HashMap<AccountId, Vec<(LoginId, Time)>>,
    offers: HashMap<AccountId, Vec<Offer>>,
    out: Vanishing<(RealmId, Suspect), Quarantine>,
    /// Expiry times in order, so that sweeping costs only as much as it removes.
    deadlines: BTreeMap<(Time, Deadline), ()>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deadline {
    Login(LoginId),
    Claim(AccountId, LoginId),
    Offer(AccountId, LoginId),
}

/// The in-memory adapter.
pub struct MemoryLive {
    kv: Arc<MemoryKv>,
    state: Mutex<LiveState>,
}

/// Number of entries of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Logins that are pending, claimed, or were decided a moment ago.
    pub logins: usize,
    /// Accounts with claims, plus accounts with logins that wait for them.
    pub notes: usize,
    /// Suspects (browsers and addresses) under a measure.
    pub quarantined: usize,
}

impl MemoryLive {
    /// An empty adapter, which counts and sends wake-ups through `kv`.
    #[must_use]
    pub fn new(kv: Arc<MemoryKv>) -> Self {
        Self { kv, state: Mutex::default() }
    }

    /// Locks the state and removes what has expired. Every change below leaves the state
    /// consistent, so a lock that a panic has poisoned can still be used.
    fn state(&self) -> MutexGuard<'_, LiveState> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.kv.now();
        while let Some((&(at, what), ())) = state.deadlines.first_key_value()
            && at <= now
        {
            state.deadlines.pop_first();
            state.forget(what, now);
        }
        state
    }

    /// Number of entries of each kind that are stored now.
    #[must_use]
    pub fn size(&self) -> Size {
        let (now, mut state) = (self.kv.now(), self.state());
        let quarantined = state.out.at(now).len();
        // What a burst of logins took is given back.
        let most = state.logins.len().max(1024) * 4;
        if state.logins.capacity() > 2 * most {
            state.logins.shrink_to(most);
        }
        Size { logins: state.logins.len(), notes: state.claims.len() + state.offers.len(), quarantined }
    }

    fn wake(&self, topic: Topic, v: u64) {
        self.kv.announce_at_once(&topic.to_bytes(), v);
    }

    /// Stores an offer for the account. Returns how many logins the account would have been shown
    /// with this one; 0 when the offer is `quiet`.
    fn offer(
        &self,
        state: &mut LiveState,
        opening: &Opening<'_>,
        to: AccountId,
        until: Time,
        quiet: bool,
    ) -> u64 {
        let (limit, login) = (opening.shown, opening.login);
        let counter = CounterKind::Offers.of(opening.realm, to.0);
        let n = if quiet { 0 } else { self.kv.count_at_once(counter, limit.secs).n };
        let shown = !quiet && n <= limit.most;
        let offer = Offer { login, until, quiet: !shown, share: opening.share };
        offers::put(state.offers.entry(to).or_default(), offer);
        state.deadlines.insert((until, Deadline::Offer(to, login)), ());
        if shown {
            self.wake(Topic::Offered { to, login }, 1);
        }
        n
    }
}

impl LiveState {
    fn create(&mut self, login: LoginId, body: Vec<u8>, gone_at: Time) -> Result<bool, Fault> {
        if self.logins.len() >= MOST_LOGINS {
            return Err(Fault::Busy("too many pending logins".to_owned()));
        }
        if self.logins.contains_key(&login) {
            return Ok(false);
        }
        self.logins.insert(login, Entry { stored: Versioned { v: LoginState::PENDING, body }, gone_at });
        self.deadlines.insert((gone_at, Deadline::Login(login)), ());
        Ok(true)
    }

    fn until(&mut self, realm: RealmId, suspect: Suspect, now: Time) -> Option<Time> {
        self.out.at(now).get(&(realm, suspect)).map(|(q, _)| q.until)
    }

    fn forget(&mut self, what: Deadline, now: Time) {
        match what {
            Deadline::Login(id) => {
                if self.logins.get(&id).is_some_and(|e| e.gone_at <= now) {
                    self.logins.remove(&id);
                }
            }
            Deadline::Claim(account, login) => forget_note(&mut self.claims, account, login, now),
            Deadline::Offer(account, login) => {
                if let Some(offers) = self.offers.get_mut(&account) {
                    offers.retain(|o| o.login != login || o.until > now);
                    if offers.is_empty() {
                        self.offers.remove(&account);
                    }
                }
            }
        }
    }
}

type Notes = HashMap<AccountId, Vec<(LoginId, Time)>>;

fn forget_note(notes: &mut Notes, account: AccountId, login: LoginId, now: Time) {
    if let Some(of_account) = notes.get_mut(&account) {
        of_account.retain(|(id, until)| *id != login || *until > now);
        if of_account.is_empty() {
            notes.remove(&account);
        }
    }
}

fn note(notes: &mut Notes, account: AccountId, login: LoginId, until: Time) {
    let of_account = notes.entry(account).or_default();
    of_account.retain(|(id, _)| *id != login);
    if of_account.len() == MOST_NOTES {
        of_account.remove(0);
    }
    of_account.push((login, until));
}

#[async_trait]
impl Live for MemoryLive {
    fn faithful_since(&self) -> Time {
        Time(0)
    }

    async fn open(&self, opening: Opening<'_>) -> Result<Opened, Fault> {
        let now = self.kv.now();
        let mut state = self.state();
        let mut opened = Opened {
            out: opening.from.iter().find_map(|suspect| state.until(opening.realm, *suspect, now)),
            wary: opening.wary.is_some_and(|suspect| state.until(opening.realm, suspect, now).is_some()),
            ..Opened::default()
        };
        if opened.out.is_some() || opened.wary {
            return Ok(opened);
        }
        let mut quiet = false;
        for gate in opening.gates {
            let count = self.kv.count_at_once(gate.counter, gate.limit.secs);
            opened.counts.push(count);
            let too_many = count.n > gate.limit.most;
            if too_many && gate.shut {
                return Ok(opened);
            }
            quiet |= too_many;
        }
        let until = now.plus_secs(opening.ttl_secs);
        opened.made = state.create(opening.login, opening.body.clone(), until)?;
        if opened.made {
            opened.shown =
                opening.to.iter().map(|to| self.offer(&mut state, &opening, *to, until, quiet)).collect();
        }
        Ok(opened)
    }

    async fn read(&self, login: LoginId) -> Result<Option<Versioned>, Fault> {
        Ok(self.state().logins.get(&login).map(|e| e.stored.clone()))
    }

    async fn claim(
        &self,
        login: LoginId,
        account: AccountId,
        from: u64,
        to: Versioned,
        ttl_secs: u64,
    ) -> Result<Advanced, Fault> {
        let v = to.v;
        {
            let until = self.kv.now().plus_secs(ttl_secs);
            let mut state = self.state();
            let Some(entry) = state.logins.get_mut(&login) else { return Ok(Advanced::Missing) };
            if entry.stored.v != from {
                return Ok(Advanced::Stale(entry.stored.clone()));
            }
            entry.stored = to;
            note(&mut state.claims, account, login, until);
            state.deadlines.insert((until, Deadline::Claim(account, login)), ());
        }
        self.wake(Topic::Login(login), v);
        Ok(Advanced::Done)
    }

    async fn settle(
        &self,
        login: LoginId,
        to: Versioned,
        claimed_by: Option<AccountId>,
    ) -> Result<(), Fault> {
        let v = to.v;
        {
            let soon = self.kv.now().plus_secs(SETTLED_SECS);
            let mut state = self.state();
            if let Some(entry) = state.logins.get_mut(&login)
                && entry.stored.v < v
            {
                entry.stored = to;
                if soon < entry.gone_at {
                    entry.gone_at = soon;
                    state.deadlines.insert((soon, Deadline::Login(login)), ());
                }
            }
            if let Some(account) = claimed_by {
                forget_note(&mut state.claims, account, login, Time(u64::MAX));
            }
        }
        self.wake(Topic::Login(login), v);
        Ok(())
    }

    async fn claims(&self, account: AccountId) -> Result<Vec<LoginId>, Fault> {
        Ok(self
            .state()
            .claims
            .get(&account)
            .map(|all| all.iter().map(|(id, _)| *id).collect())
            .unwrap_or_default())
    }

    async fn offers(&self, account: AccountId) -> Result<Vec<LoginId>, Fault> {
        Ok(self
            .state()
            .offers
            .get(&account)
            .map(|all| all.iter().map(|o| o.login).collect())
            .unwrap_or_default())
    }

    async fn quarantine(&self, realm: RealmId, suspect: Suspect, secs: u64) -> Result<(), Fault> {
        let until = self.kv.now().plus_secs(secs);
        self.state().out.put((realm, suspect), Quarantine { suspect, until }, until);
        Ok(())
    }

    async fn quarantined(&self, realm: RealmId, suspect: Suspect) -> Result<Option<Time>, Fault> {
        Ok(self.state().until(realm, suspect, self.kv.now()))
    }

    async fn quarantines(&self, realm: RealmId) -> Result<Vec<Quarantine>, Fault> {
        let least = Suspect { key: [0; 16], measure: Measure::Browser };
        let mut state = self.state();
        let from_realm = state.out.at(self.kv.now()).range((realm, least)..);
        Ok(from_realm.take_while(|((of, _), _)| *of == realm).map(|(_, (q, _))| *q).collect())
    }

    async fn release(&self, realm: RealmId, suspect: Suspect) -> Result<bool, Fault> {
        let mut state = self.state();
        state.out.at(self.kv.now());
        Ok(state.out.remove((realm, suspect)).is_some())
    }
}
