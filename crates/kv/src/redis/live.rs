//! The port, method by method.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use bb8_redis::redis;
use countersign_domain_ns::ports::{
    Advanced, Count, Counter, CounterKind, Live, Measure, Opened, Opening, Quarantine, Suspect, Topic, Versioned, Wakes,
};
use countersign_ports::{
    Fault,
    sabotage::{Sabotage, active},
    time::Time,
};
use countersign_protocol::ids::{AccountId, LoginId, PodId, RealmId};

use super::{RedisKv, bus};
use crate::offers::{MOST, MOST_SHARE};

/// How long the question whether it is well may take.
const SOON: Duration = Duration::from_millis(700);
/// A settled login is in the store: it makes room for others soon.
const SETTLED_SECS: u64 = 30;
/// Claims, and offers, remembered per account; the oldest is forgotten first.
const MOST_NOTES: u64 = MOST as u64;
/// Members remembered for one counter.
const MOST_MEMBERS: u64 = 64;

fn number(n: u64) -> Vec<u8> {
    n.to_string().into_bytes()
}

/// What a measure is called behind the key of the one it is taken against.
fn kind_of(measure: Measure) -> u8 {
    match measure {
        Measure::Browser => b'0',
        Measure::Address => b'1',
        Measure::Directed => b'2',
        Measure::Number => b'3',
    }
}

fn member(suspect: &Suspect) -> Vec<u8> {
    [&suspect.key[..], &[kind_of(suspect.measure)]].concat()
}

/// What goes over the bus, or nothing where a test has cut it.
fn wake(topic: Topic, v: u64) -> Vec<u8> {
    if active(Sabotage::DropPublish) { Vec::new() } else { bus::write(topic, v) }
}

impl RedisKv {
    async fn values(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut ask = redis::cmd("MGET");
        ask.arg(keys);
        self.command(ask).await
    }

    fn key(&self, parts: &[&[u8]]) -> Vec<u8> {
        [&self.prefix[..], &parts.concat()].concat()
    }

    fn login_key(&self, login: LoginId) -> Vec<u8> {
        self.key(&[b"login:", &login.0])
    }

    fn bus_key(&self) -> Vec<u8> {
        self.key(&[b"bus"])
    }

    fn counter_key(&self, what: &[u8], c: Counter) -> Vec<u8> {
        let kind: &[u8] = match c.kind {
            CounterKind::Initiator => b"initiator",
            CounterKind::Address => b"address",
            CounterKind::Client => b"client",
            CounterKind::User => b"user",
            CounterKind::Offers => b"offers",
            CounterKind::BadClaims => b"bad",
            CounterKind::Changes => b"changes",
            CounterKind::Accusations => b"accusations",
        };
        self.key(&[what, &c.realm.0, b":", kind, b":", &c.key])
    }

    fn life(&self, secs: u64) -> Vec<u8> {
        number(secs.max(1).saturating_mul(self.second))
    }

    fn now(&self) -> Vec<u8> {
        number(self.clock.now().0)
    }

    fn counted(&self, n: u64, left: u64) -> Count {
        Count { n, left: left.div_ceil(self.second).max(1) }
    }

    /// Where an account's notes of this kind are, and when they vanish.
    fn notes_keys(&self, kind: &[u8], account: AccountId) -> [Vec<u8>; 2] {
        [self.key(&[kind, &account.0]), self.key(&[kind, b"until:", &account.0])]
    }

    /// A note of a login. It goes by the pods' clock, like everything that is compared with it; the keys themselves go by Redis'.
    fn note(&self, login: LoginId, secs: u64) -> [Vec<u8>; 4] {
        [login.0.to_vec(), self.now(), number(secs.saturating_mul(1000)), number(MOST_NOTES)]
    }

    async fn notes(&self, kind: &[u8], account: AccountId) -> Result<Vec<LoginId>, Fault> {
        let keys = self.notes_keys(kind, account);
        let found: Vec<Vec<u8>> = self.script(&self.scripts.notes, &keys, &[self.now()]).await?;
        Ok(found.into_iter().filter_map(|id| id.try_into().ok().map(LoginId)).collect())
    }
}

#[async_trait]
impl Live for RedisKv {
    async fn ping(&self) -> Result<(), Fault> {
        // Whoever asks how it is does not wait until it is well.
        tokio::time::timeout(SOON, self.examine()).await.unwrap_or_else(|_| Err(self.unreachable()))
    }

    async fn open(&self, opening: Opening<'_>) -> Result<Opened, Fault> {
        let mut keys = vec![self.login_key(opening.login), self.key(&[b"out:", &opening.realm.0]), self.bus_key()];
        let mut args = vec![opening.body, self.life(opening.ttl_secs), self.now(), number(opening.from.len() as u64)];
        args.extend(opening.from.iter().map(member));
        args.push(opening.wary.as_ref().map(member).unwrap_or_default());
        args.push(number(opening.gates.len() as u64));
        for gate in opening.gates {
            keys.push(self.counter_key(b"count:", gate.counter));
            args.extend([self.life(gate.limit.secs), number(gate.limit.most), number(gate.shut.into())]);
        }
        let [what, _now, life, most] = self.note(opening.login, opening.ttl_secs);
        args.extend([what, life, most, number(MOST_SHARE as u64), opening.share.to_vec()]);
        args.extend([self.life(opening.shown.secs), number(opening.shown.most)]);
        for to in opening.to {
            keys.extend(self.notes_keys(b"offers:", *to));
            keys.push(self.key(&[b"offers:whose:", &to.0]));
            keys.push(self.counter_key(b"count:", Counter { realm: opening.realm, kind: CounterKind::Offers, key: to.0 }));
            args.push(wake(Topic::Offered { to: *to, login: opening.login }, 1));
        }
        let (out, made, counts, shown): (u64, u8, Vec<u64>, Vec<u64>) = self.script(&self.scripts.open, &keys, &args).await?;
        let counts = counts.chunks_exact(2).map(|c| self.counted(c[0], c[1])).collect();
        Ok(Opened { out: Some(out).filter(|out| *out > 0).map(Time), wary: made == 2, counts, made: made == 1, shown })
    }

    fn faithful_since(&self) -> Time {
        self.lines.manager.life.since()
    }

    async fn read(&self, login: LoginId) -> Result<Option<Versioned>, Fault> {
        let mut ask = redis::cmd("HMGET");
        ask.arg(self.login_key(login)).arg("v").arg("b");
        let (v, body): (Option<u64>, Option<Vec<u8>>) = self.command(ask).await?;
        Ok(v.zip(body).map(|(v, body)| Versioned { v, body }))
    }

    async fn claim(&self, login: LoginId, account: AccountId, from: u64, to: Versioned, ttl_secs: u64) -> Result<Advanced, Fault> {
        let [claims, ends] = self.notes_keys(b"claims:", account);
        let keys = [self.login_key(login), self.bus_key(), claims, ends];
        let wake = wake(Topic::Login(login), to.v);
        let args = [&[number(from), number(to.v), to.body, wake][..], &self.note(login, ttl_secs)].concat();
        let (what, v, body): (u8, u64, Vec<u8>) = self.script(&self.scripts.claim, &keys, &args).await?;
        Ok(match what {
            0 => Advanced::Missing,
            1 => Advanced::Stale(Versioned { v, body }),
            _ => Advanced::Done,
        })
    }

    async fn settle(&self, login: LoginId, to: Versioned) -> Result<(), Fault> {
        let args = [number(to.v), to.body, wake(Topic::Login(login), to.v), self.life(SETTLED_SECS)];
        self.script(&self.scripts.settle, &[self.login_key(login), self.bus_key()], &args).await
    }

    async fn claims(&self, account: AccountId) -> Result<Vec<LoginId>, Fault> {
        self.notes(b"claims:", account).await
    }

    async fn offers(&self, account: AccountId) -> Result<Vec<LoginId>, Fault> {
        self.notes(b"offers:", account).await
    }

    async fn arrive(&self, account: AccountId, ttl_secs: u64) -> Result<u64, Fault> {
        let mut wake = wake(Topic::Moved(account), 0);
        // The version is what the script finds.
        wake.truncate(wake.len().saturating_sub(8));
        let keys = [self.key(&[b"here:", &account.0]), self.bus_key(), self.key(&[b"at:", &account.0])];
        let pod = self.pod.get().map_or_else(Vec::new, |pod| pod.0.to_vec());
        let micros = number(self.clock.now().0.saturating_mul(1000));
        self.script(&self.scripts.arrive, &keys, &[self.life(ttl_secs), wake, pod, micros]).await
    }

    async fn newest(&self, accounts: &[AccountId]) -> Result<Vec<Option<u64>>, Fault> {
        if accounts.is_empty() {
            return Ok(Vec::new());
        }
        let mut ask = redis::cmd("MGET");
        for account in accounts {
            ask.arg(self.key(&[b"here:", &account.0]));
        }
        self.command(ask).await
    }

    async fn depart(&self, gone: &[(AccountId, u64)]) -> Result<(), Fault> {
        let Some(pod) = self.pod.get() else { return Ok(()) };
        let keys: Vec<Vec<u8>> = gone.iter().map(|(account, _)| self.key(&[b"at:", &account.0])).collect();
        let were: Vec<Vec<u8>> = gone.iter().map(|(_, nth)| [format!("{nth}:").as_bytes(), &pod.0].concat()).collect();
        self.script(&self.scripts.depart, &keys, &were).await
    }

    async fn elsewhere(&self, accounts: &[AccountId]) -> Result<Vec<bool>, Fault> {
        let at = self.values(accounts.iter().map(|account| self.key(&[b"at:", &account.0])).collect()).await?;
        // Where it is, behind the number of the arrival.
        let pod_of = |at: Option<Vec<u8>>| at.and_then(|at| at.iter().position(|b| *b == b':').map(|n| at[n + 1..].to_vec()));
        let pods: Vec<Option<Vec<u8>>> = at.into_iter().map(pod_of).collect();
        let named: BTreeSet<&Vec<u8>> = pods.iter().flatten().collect();
        let beats = self.values(named.iter().map(|pod| self.key(&[b"pod:", pod])).collect()).await?;
        let mine = self.pod.get().map(|pod| pod.0.to_vec());
        let alive = named.into_iter().zip(beats).filter(|(pod, beat)| beat.is_some() && Some(*pod) != mine.as_ref());
        let alive: BTreeSet<&Vec<u8>> = alive.map(|(pod, _)| pod).collect();
        Ok(pods.iter().map(|pod| pod.as_ref().is_some_and(|pod| alive.contains(pod))).collect())
    }

    async fn hear(&self, account: AccountId, ttl_secs: u64) -> Result<(), Fault> {
        let mut set = redis::cmd("SET");
        set.arg(self.key(&[b"heard:", &account.0])).arg(self.now()).arg("PX").arg(self.life(ttl_secs));
        self.command(set).await
    }

    async fn heard(&self, account: AccountId) -> Result<Option<Time>, Fault> {
        let mut get = redis::cmd("GET");
        get.arg(self.key(&[b"heard:", &account.0]));
        Ok(self.command::<Option<u64>>(get).await?.map(Time))
    }

    async fn count(&self, counter: Counter, secs: u64) -> Result<Count, Fault> {
        let (n, left): (u64, u64) = self.script(&self.scripts.count, &[self.counter_key(b"count:", counter)], &[self.life(secs)]).await?;
        Ok(self.counted(n, left))
    }

    async fn distinct(&self, counter: Counter, member: [u8; 16], secs: u64) -> Result<u64, Fault> {
        let args = [member.to_vec(), self.life(secs), number(MOST_MEMBERS)];
        self.script(&self.scripts.distinct, &[self.counter_key(b"members:", counter)], &args).await
    }

    async fn quarantine(&self, realm: RealmId, suspect: Suspect, secs: u64) -> Result<(), Fault> {
        let until = self.clock.now().plus_secs(secs);
        let args = [member(&suspect), number(until.0), self.now(), number(secs.saturating_mul(1000))];
        self.script(&self.scripts.quarantine, &[self.key(&[b"out:", &realm.0])], &args).await
    }

    async fn quarantined(&self, realm: RealmId, suspect: Suspect) -> Result<Option<Time>, Fault> {
        let args = [member(&suspect), self.now()];
        let until: u64 = self.script(&self.scripts.quarantined, &[self.key(&[b"out:", &realm.0])], &args).await?;
        Ok(Some(until).filter(|until| *until > 0).map(Time))
    }

    async fn quarantines(&self, realm: RealmId) -> Result<Vec<Quarantine>, Fault> {
        let mut ask = redis::cmd("ZRANGEBYSCORE");
        ask.arg(self.key(&[b"out:", &realm.0])).arg(format!("({}", self.clock.now().0)).arg("+inf").arg("WITHSCORES");
        let found: Vec<(Vec<u8>, u64)> = self.command(ask).await?;
        let one = |(member, until): (Vec<u8>, u64)| {
            let (kind, key) = member.split_last()?;
            let measure = Measure::ALL.into_iter().find(|m| kind_of(*m) == *kind)?;
            Some(Quarantine { suspect: Suspect { key: key.try_into().ok()?, measure }, until: Time(until) })
        };
        let mut all: Vec<Quarantine> = found.into_iter().filter_map(one).collect();
        all.sort_unstable_by_key(|q| q.suspect);
        Ok(all)
    }

    async fn release(&self, realm: RealmId, suspect: Suspect) -> Result<bool, Fault> {
        let there = self.quarantined(realm, suspect).await?.is_some();
        let mut remove = redis::cmd("ZREM");
        remove.arg(self.key(&[b"out:", &realm.0])).arg(member(&suspect));
        Ok(self.command::<u64>(remove).await? > 0 && there)
    }

    async fn announce(&self, topic: Topic, v: u64) -> Result<(), Fault> {
        let wake = wake(topic, v);
        if wake.is_empty() {
            return Ok(());
        }
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(self.bus_key()).arg(wake);
        self.command::<u64>(publish).await.map(drop)
    }

    async fn subscribe(&self, pod: PodId) -> Result<Box<dyn Wakes>, Fault> {
        let _the_first_counts = self.pod.set(pod);
        let beat = bus::Beat { lines: self.lines.clone(), key: self.key(&[b"pod:", &pod.0]) };
        let (clients, epoch) = (self.lines.manager.clients.clone(), self.lines.manager.epoch.clone());
        let line = bus::Line { clients, channel: self.bus_key(), epoch, beat };
        line.open().await
    }
}
