//! Live state in this process's memory.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use countersign_domain_ns::ports::{
    Advanced, Count, Counter, CounterKind, Live, Opened, Opening, Quarantine, Suspect, Topic, Versioned, Wake, Wakes,
};
use countersign_ports::{
    Fault,
    sabotage::{Sabotage, active},
    time::{Clock, Time},
};
use countersign_protocol::ids::{AccountId, LoginId, PodId, RealmId};
use tokio::sync::broadcast;

use crate::{
    offers::{self, Offer},
    subscription::{BACKLOG, Subscription},
    tallies::Tallies,
};

/// Pending logins held at most; beyond it creation is refused rather than memory eaten.
const MOST_LOGINS: usize = 1_000_000;
/// A settled login is in the store: it makes room for others soon.
const SETTLED_SECS: u64 = 30;
/// Claims remembered per account; the oldest is forgotten first.
const MOST_NOTES: usize = 64;

struct Entry {
    stored: Versioned,
    gone_at: Time,
}

#[derive(Default)]
struct State {
    logins: HashMap<LoginId, Entry>,
    claims: HashMap<AccountId, Vec<(LoginId, Time)>>,
    offers: HashMap<AccountId, Vec<Offer>>,
    /// What vanishes when, so that sweeping costs only what it removes.
    deadlines: BTreeMap<(Time, Vanishing), ()>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Vanishing {
    Login(LoginId),
    Claim(AccountId, LoginId),
    Offer(AccountId, LoginId),
}

/// The in-memory adapter.
pub struct MemoryKv {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    tallies: Mutex<Tallies>,
    wakes: broadcast::Sender<Wake>,
    arrivals: AtomicU64,
}

/// How many entries of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Logins, pending, claimed, or decided a moment ago.
    pub logins: usize,
    /// Accounts with logins they claimed or that wait for them.
    pub notes: usize,
    /// Counters of limits.
    pub counters: usize,
    /// Accounts whose phone was heard.
    pub heard: usize,
    /// Browsers and addresses that stay out.
    pub quarantined: usize,
}

impl MemoryKv {
    /// An empty one.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
            tallies: Mutex::default(),
            wakes: broadcast::channel(BACKLOG).0,
            arrivals: AtomicU64::new(0),
        }
    }

    /// The state, swept. Every change below leaves it whole, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        while let Some((&(at, what), ())) = state.deadlines.first_key_value()
            && at <= now
        {
            state.deadlines.pop_first();
            state.forget(what, now);
        }
        state
    }

    /// How much is remembered.
    #[must_use]
    pub fn size(&self) -> Size {
        let (logins, notes) = {
            let state = self.state();
            (state.logins.len(), state.claims.len() + state.offers.len())
        };
        let (counters, heard, quarantined) = self.tallies().sizes(self.clock.now());
        Size { logins, notes, counters, heard, quarantined }
    }

    fn create(&self, login: LoginId, body: Vec<u8>, gone_at: Time) -> Result<bool, Fault> {
        let mut state = self.state();
        if state.logins.len() >= MOST_LOGINS {
            return Err(Fault("too many pending logins".to_owned()));
        }
        if state.logins.contains_key(&login) {
            return Ok(false);
        }
        state.logins.insert(login, Entry { stored: Versioned { v: 1, body }, gone_at });
        state.deadlines.insert((gone_at, Vanishing::Login(login)), ());
        Ok(true)
    }

    /// How many the account would have been shown with this one; 0 when nothing is shown.
    fn offer(&self, opening: &Opening<'_>, to: AccountId, until: Time, quiet: bool) -> u64 {
        let (limit, login) = (opening.shown, opening.login);
        let counter = Counter { realm: opening.realm, kind: CounterKind::Offers, key: to.0 };
        let n = if quiet { 0 } else { self.tallies().count(counter, self.clock.now(), limit.secs).n };
        let shown = !quiet && n <= limit.most;
        {
            let mut state = self.state();
            offers::put(state.offers.entry(to).or_default(), Offer { login, until, quiet: !shown, share: opening.share });
            state.deadlines.insert((until, Vanishing::Offer(to, login)), ());
        }
        if shown {
            self.wake(Topic::Offered { to, login }, 1);
        }
        n
    }

    fn tallies(&self) -> MutexGuard<'_, Tallies> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, topic: Topic, v: u64) {
        if active(Sabotage::DropPublish) {
            return;
        }
        // Nobody listening is fine: whoever comes later reads the store.
        let _ = self.wakes.send(Wake::Changed { topic, v });
    }
}

impl State {
    fn forget(&mut self, what: Vanishing, now: Time) {
        match what {
            Vanishing::Login(id) => {
                if self.logins.get(&id).is_some_and(|e| e.gone_at <= now) {
                    self.logins.remove(&id);
                }
            }
            Vanishing::Claim(account, login) => forget_note(&mut self.claims, account, login, now),
            Vanishing::Offer(account, login) => {
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

fn noted(notes: &Notes, account: AccountId) -> Vec<LoginId> {
    notes.get(&account).map(|c| c.iter().map(|(id, _)| *id).collect()).unwrap_or_default()
}

#[async_trait]
impl Live for MemoryKv {
    async fn ping(&self) -> Result<(), Fault> {
        Ok(())
    }

    async fn open(&self, opening: Opening<'_>) -> Result<Opened, Fault> {
        let now = self.clock.now();
        let (mut opened, mut quiet) = (Opened::default(), false);
        {
            let mut tallies = self.tallies();
            opened.out = opening.from.iter().find_map(|suspect| tallies.quarantined(opening.realm, *suspect, now));
            opened.wary = opening.wary.is_some_and(|suspect| tallies.quarantined(opening.realm, suspect, now).is_some());
            if opened.out.is_some() || opened.wary {
                return Ok(opened);
            }
            for gate in opening.gates {
                let count = tallies.count(gate.counter, now, gate.limit.secs);
                opened.counts.push(count);
                let too_many = count.n > gate.limit.most;
                if too_many && gate.shut {
                    return Ok(opened);
                }
                quiet |= too_many;
            }
        }
        let until = now.plus_secs(opening.ttl_secs);
        opened.made = self.create(opening.login, opening.body.clone(), until)?;
        if opened.made {
            opened.shown = opening.to.iter().map(|to| self.offer(&opening, *to, until, quiet)).collect();
        }
        Ok(opened)
    }

    fn faithful_since(&self) -> Time {
        Time(0)
    }

    async fn read(&self, login: LoginId) -> Result<Option<Versioned>, Fault> {
        Ok(self.state().logins.get(&login).map(|e| e.stored.clone()))
    }

    async fn claim(&self, login: LoginId, account: AccountId, from: u64, to: Versioned, ttl_secs: u64) -> Result<Advanced, Fault> {
        let v = to.v;
        {
            let until = self.clock.now().plus_secs(ttl_secs);
            let mut state = self.state();
            let Some(entry) = state.logins.get_mut(&login) else { return Ok(Advanced::Missing) };
            if entry.stored.v != from {
                return Ok(Advanced::Stale(entry.stored.clone()));
            }
            entry.stored = to;
            note(&mut state.claims, account, login, until);
            state.deadlines.insert((until, Vanishing::Claim(account, login)), ());
        }
        self.wake(Topic::Login(login), v);
        Ok(Advanced::Done)
    }

    async fn settle(&self, login: LoginId, to: Versioned) -> Result<(), Fault> {
        let v = to.v;
        {
            let soon = self.clock.now().plus_secs(SETTLED_SECS);
            let mut state = self.state();
            if let Some(entry) = state.logins.get_mut(&login)
                && entry.stored.v < v
            {
                entry.stored = to;
                if soon < entry.gone_at {
                    entry.gone_at = soon;
                    state.deadlines.insert((soon, Vanishing::Login(login)), ());
                }
            }
        }
        self.wake(Topic::Login(login), v);
        Ok(())
    }

    async fn claims(&self, account: AccountId) -> Result<Vec<LoginId>, Fault> {
        Ok(noted(&self.state().claims, account))
    }

    async fn offers(&self, account: AccountId) -> Result<Vec<LoginId>, Fault> {
        Ok(self.state().offers.get(&account).map(|all| all.iter().map(|o| o.login).collect()).unwrap_or_default())
    }

    /// One pod: its registry knows who is here, and needs no wake-up.
    async fn arrive(&self, _account: AccountId, _ttl_secs: u64) -> Result<u64, Fault> {
        Ok(self.arrivals.fetch_add(1, Ordering::Relaxed) + 1)
    }

    async fn newest(&self, accounts: &[AccountId]) -> Result<Vec<Option<u64>>, Fault> {
        Ok(vec![None; accounts.len()])
    }

    async fn depart(&self, _gone: &[(AccountId, u64)]) -> Result<(), Fault> {
        Ok(())
    }

    async fn elsewhere(&self, accounts: &[AccountId]) -> Result<Vec<bool>, Fault> {
        Ok(vec![false; accounts.len()])
    }

    async fn hear(&self, account: AccountId, ttl_secs: u64) -> Result<(), Fault> {
        self.tallies().hear(account, self.clock.now(), ttl_secs);
        Ok(())
    }

    async fn heard(&self, account: AccountId) -> Result<Option<Time>, Fault> {
        Ok(self.tallies().heard(account, self.clock.now()))
    }

    async fn count(&self, counter: Counter, secs: u64) -> Result<Count, Fault> {
        Ok(self.tallies().count(counter, self.clock.now(), secs))
    }

    async fn distinct(&self, counter: Counter, member: [u8; 16], secs: u64) -> Result<u64, Fault> {
        Ok(self.tallies().distinct(counter, member, self.clock.now(), secs))
    }

    async fn quarantine(&self, realm: RealmId, suspect: Suspect, secs: u64) -> Result<(), Fault> {
        let until = self.clock.now().plus_secs(secs);
        self.tallies().quarantine(realm, Quarantine { suspect, until });
        Ok(())
    }

    async fn quarantined(&self, realm: RealmId, suspect: Suspect) -> Result<Option<Time>, Fault> {
        Ok(self.tallies().quarantined(realm, suspect, self.clock.now()))
    }

    async fn quarantines(&self, realm: RealmId) -> Result<Vec<Quarantine>, Fault> {
        Ok(self.tallies().quarantines(realm, self.clock.now()))
    }

    async fn release(&self, realm: RealmId, suspect: Suspect) -> Result<bool, Fault> {
        Ok(self.tallies().release(realm, suspect, self.clock.now()))
    }

    async fn announce(&self, topic: Topic, v: u64) -> Result<(), Fault> {
        self.wake(topic, v);
        Ok(())
    }

    async fn subscribe(&self, _pod: PodId) -> Result<Box<dyn Wakes>, Fault> {
        Ok(Box::new(Subscription(self.wakes.subscribe())))
    }
}
