//! Opening a login: limits, the record, and what its accounts are shown, in one script.

use countersign_domain_ns::ports::{CounterKind, Opened, Opening, Topic};
use countersign_kv::{COUNTING, Keys, argument};
use countersign_ports::{Fault, time::Time};
use redis::Script;

use super::{MOST_NOTES, RedisLive, member};
use crate::offers::MOST_SHARE;

argument! {
    /// The argument of `open.lua`. Keys are given by their position; lives and windows are in
    /// milliseconds.
    struct Open<'a> {
        /// The record of the login.
        record: usize,
        /// The suspects of the realm that are under a measure.
        suspects: usize,
        /// The channel of wake-ups.
        channel: usize,
        body: &'a [u8],
        life: u64,
        now: u64,
        /// The suspects from which the login comes; a measure against any of them stops it.
        from: Vec<Vec<u8>>,
        /// The suspect whose measure requires the login to be careful; empty when there is none.
        wary: Vec<u8>,
        gates: Vec<Gate>,
        login: &'a [u8],
        note_life: u64,
        most_notes: u64,
        most_share: u64,
        share: &'a [u8],
        shown_window: u64,
        most_shown: u64,
        to: Vec<To>,
    }
}

argument! {
    struct Gate {
        counter: usize,
        window: u64,
        most: u64,
        /// Whether exceeding the limit ends the attempt here.
        shut: bool,
    }
}

argument! {
    /// An account the login waits for.
    struct To {
        /// Its offers in their order, the times at which they expire, and their initiators.
        offers: usize,
        ends: usize,
        shares: usize,
        /// The counter of the logins it is shown.
        counter: usize,
        /// The wake-up; empty for none.
        wake: Vec<u8>,
    }
}

pub(super) fn script() -> Script {
    countersign_kv::script(&[
        COUNTING,
        include_str!("scripts/offering.lua"),
        include_str!("scripts/open.lua"),
    ])
}

impl RedisLive {
    pub(super) async fn open_login(&self, opening: Opening<'_>) -> Result<Opened, Fault> {
        let mut keys = Keys::default();
        let (record, suspects) =
            (keys.add(self.login_key(opening.login)), keys.add(self.out_key(opening.realm)));
        let channel = keys.add(self.kv.channel());
        let gates = opening.gates.iter().map(|gate| Gate {
            counter: keys.add(self.kv.counter_key(gate.counter)),
            window: self.kv.millis(gate.limit.secs),
            most: gate.limit.most,
            shut: gate.shut,
        });
        let gates = gates.collect();
        let to = opening.to.iter().map(|to| {
            let [offers, ends] = self.notes_keys(b"offers:", *to).map(|key| keys.add(key));
            let shares = keys.add(self.kv.key(&[b"offers:whose:", &to.0]));
            let counter = keys.add(self.kv.counter_key(CounterKind::Offers.of(opening.realm, to.0)));
            let wake = self.wake(Topic::Offered { to: *to, login: opening.login }, 1);
            To { offers, ends, shares, counter, wake }
        });
        let to = to.collect();
        let argument = Open {
            record,
            suspects,
            channel,
            body: &opening.body,
            life: self.kv.millis(opening.ttl_secs),
            now: self.kv.now().0,
            from: opening.from.iter().map(member).collect(),
            wary: opening.wary.as_ref().map(member).unwrap_or_default(),
            gates,
            login: &opening.login.0,
            // A note expires by the pods' clock, like everything it is compared with; the keys
            // themselves expire by Redis' clock.
            note_life: opening.ttl_secs.saturating_mul(1000),
            most_notes: MOST_NOTES,
            most_share: MOST_SHARE as u64,
            share: &opening.share,
            shown_window: self.kv.millis(opening.shown.secs),
            most_shown: opening.shown.most,
            to,
        };
        let (out, made, counts, shown): (u64, u8, Vec<u64>, Vec<u64>) =
            self.kv.run_script(&self.scripts.open, &keys, &argument).await?;
        let counts = counts.chunks_exact(2).map(|c| self.kv.counted(c[0], c[1])).collect();
        let out = Some(out).filter(|out| *out > 0).map(Time);
        Ok(Opened { out, wary: made == 2, counts, made: made == 1, shown })
    }
}
