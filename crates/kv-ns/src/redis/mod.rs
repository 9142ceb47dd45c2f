//! Live logins in Redis, shared by all pods. Every change of a login is a single script, so it is
//! atomic.

mod open;

use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain_ns::ports::{
    Advanced, Live, Measure, Opened, Opening, Quarantine, Suspect, Topic, Versioned,
};
use countersign_kv::{Keys, RedisKv, argument, script};
use countersign_ports::{Fault, time::Time};
use countersign_protocol::ids::{AccountId, LoginId, RealmId};
use redis::Script;

use crate::{SETTLED_SECS, offers::MOST};

/// Maximum number of claims, and of offers, stored per account.
const MOST_NOTES: u64 = MOST as u64;

struct Scripts {
    open: Script,
    claim: Script,
    settle: Script,
    notes: Script,
    quarantine: Script,
    quarantined: Script,
}

/// The Redis adapter.
pub struct RedisLive {
    kv: Arc<RedisKv>,
    scripts: Scripts,
}

argument! {
    struct Claim<'a> {
        record: usize,
        channel: usize,
        claims: usize,
        ends: usize,
        from: u64,
        v: u64,
        body: &'a [u8],
        wake: Vec<u8>,
        login: &'a [u8],
        now: u64,
        life: u64,
        most: u64,
    }
}

argument! {
    struct Settle<'a> {
        record: usize,
        channel: usize,
        claims: usize,
        ends: usize,
        login: &'a [u8],
        v: u64,
        body: &'a [u8],
        wake: Vec<u8>,
        life: u64,
    }
}

argument! {
    struct Notes {
        notes: usize,
        ends: usize,
        now: u64,
    }
}

argument! {
    struct Quarantined {
        suspects: usize,
        suspect: Vec<u8>,
        now: u64,
    }
}

argument! {
    struct Quarantining {
        suspects: usize,
        suspect: Vec<u8>,
        until_ms: u64,
        now: u64,
        life: u64,
    }
}

/// The byte that stands for a measure; it follows the key of the suspect.
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

impl RedisLive {
    /// An adapter that uses these connections.
    #[must_use]
    pub fn new(kv: Arc<RedisKv>) -> Self {
        let noting = include_str!("scripts/noting.lua");
        let scripts = Scripts {
            open: open::script(),
            claim: script(&[noting, include_str!("scripts/claim.lua")]),
            settle: script(&[include_str!("scripts/settle.lua")]),
            notes: script(&[include_str!("scripts/notes.lua")]),
            quarantine: script(&[include_str!("scripts/quarantine.lua")]),
            quarantined: script(&[include_str!("scripts/quarantined.lua")]),
        };
        Self { kv, scripts }
    }

    fn login_key(&self, login: LoginId) -> Vec<u8> {
        self.kv.key(&[b"login:", &login.0])
    }

    fn out_key(&self, realm: RealmId) -> Vec<u8> {
        self.kv.key(&[b"out:", &realm.0])
    }

    /// The keys of an account's notes of this kind, and of the times at which they expire.
    fn notes_keys(&self, kind: &[u8], account: AccountId) -> [Vec<u8>; 2] {
        [self.kv.key(&[kind, &account.0]), self.kv.key(&[kind, b"until:", &account.0])]
    }

    fn wake(&self, topic: Topic, v: u64) -> Vec<u8> {
        self.kv.wake(&topic.to_bytes(), v)
    }

    async fn notes(&self, kind: &[u8], account: AccountId) -> Result<Vec<LoginId>, Fault> {
        let mut keys = Keys::default();
        let [notes, ends] = self.notes_keys(kind, account).map(|key| keys.add(key));
        let argument = Notes { notes, ends, now: self.kv.now().0 };
        let found: Vec<Vec<u8>> = self.kv.run_script(&self.scripts.notes, &keys, &argument).await?;
        Ok(found.into_iter().filter_map(|id| id.try_into().ok().map(LoginId)).collect())
    }
}

#[async_trait]
impl Live for RedisLive {
    fn faithful_since(&self) -> Time {
        self.kv.faithful_since()
    }

    async fn open(&self, opening: Opening<'_>) -> Result<Opened, Fault> {
        self.open_login(opening).await
    }

    async fn read(&self, login: LoginId) -> Result<Option<Versioned>, Fault> {
        let mut ask = redis::cmd("HMGET");
        ask.arg(self.login_key(login)).arg("v").arg("b");
        let (v, body): (Option<u64>, Option<Vec<u8>>) = self.kv.command(ask).await?;
        Ok(v.zip(body).map(|(v, body)| Versioned { v, body }))
    }

    async fn claim(
        &self,
        login: LoginId,
        account: AccountId,
        from: u64,
        to: Versioned,
        ttl_secs: u64,
    ) -> Result<Advanced, Fault> {
        let mut keys = Keys::default();
        let (record, channel) = (keys.add(self.login_key(login)), keys.add(self.kv.channel()));
        let [claims, ends] = self.notes_keys(b"claims:", account).map(|key| keys.add(key));
        let argument = Claim {
            record,
            channel,
            claims,
            ends,
            from,
            v: to.v,
            body: &to.body,
            wake: self.wake(Topic::Login(login), to.v),
            login: &login.0,
            now: self.kv.now().0,
            // A note expires by the pods' clock, like everything it is compared with; the keys
            // themselves expire by Redis' clock.
            life: ttl_secs.saturating_mul(1000),
            most: MOST_NOTES,
        };
        let (what, v, body): (u8, u64, Vec<u8>) =
            self.kv.run_script(&self.scripts.claim, &keys, &argument).await?;
        Ok(match what {
            0 => Advanced::Missing,
            1 => Advanced::Stale(Versioned { v, body }),
            _ => Advanced::Done,
        })
    }

    async fn settle(
        &self,
        login: LoginId,
        to: Versioned,
        claimed_by: Option<AccountId>,
    ) -> Result<(), Fault> {
        let mut keys = Keys::default();
        let (record, channel) = (keys.add(self.login_key(login)), keys.add(self.kv.channel()));
        let claims = claimed_by.map(|account| self.notes_keys(b"claims:", account).map(|key| keys.add(key)));
        let [claims, ends] = claims.unwrap_or([0, 0]);
        let argument = Settle {
            record,
            channel,
            claims,
            ends,
            login: &login.0,
            v: to.v,
            body: &to.body,
            wake: self.wake(Topic::Login(login), to.v),
            life: self.kv.millis(SETTLED_SECS),
        };
        self.kv.run_script(&self.scripts.settle, &keys, &argument).await
    }

    async fn claims(&self, account: AccountId) -> Result<Vec<LoginId>, Fault> {
        self.notes(b"claims:", account).await
    }

    async fn offers(&self, account: AccountId) -> Result<Vec<LoginId>, Fault> {
        self.notes(b"offers:", account).await
    }

    async fn quarantine(&self, realm: RealmId, suspect: Suspect, secs: u64) -> Result<(), Fault> {
        let (now, mut keys) = (self.kv.now(), Keys::default());
        let argument = Quarantining {
            suspects: keys.add(self.out_key(realm)),
            suspect: member(&suspect),
            until_ms: now.plus_secs(secs).0,
            now: now.0,
            life: secs.saturating_mul(1000),
        };
        self.kv.run_script(&self.scripts.quarantine, &keys, &argument).await
    }

    async fn quarantined(&self, realm: RealmId, suspect: Suspect) -> Result<Option<Time>, Fault> {
        let mut keys = Keys::default();
        let suspects = keys.add(self.out_key(realm));
        let argument = Quarantined { suspects, suspect: member(&suspect), now: self.kv.now().0 };
        let until: u64 = self.kv.run_script(&self.scripts.quarantined, &keys, &argument).await?;
        Ok(Some(until).filter(|until| *until > 0).map(Time))
    }

    async fn quarantines(&self, realm: RealmId) -> Result<Vec<Quarantine>, Fault> {
        let mut ask = redis::cmd("ZRANGEBYSCORE");
        ask.arg(self.out_key(realm)).arg(format!("({}", self.kv.now().0)).arg("+inf").arg("WITHSCORES");
        let found: Vec<(Vec<u8>, u64)> = self.kv.command(ask).await?;
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
        remove.arg(self.out_key(realm)).arg(&member(&suspect)[..]);
        Ok(self.kv.command::<u64>(remove).await? > 0 && there)
    }
}
