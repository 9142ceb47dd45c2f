//! A device: one phone's key at SFS, with its PIN.

use countersign_pin::server::SeedId;
use countersign_ports::time::Time;
use countersign_protocol::{
    codes::{PinPolicy, PinState},
    ids::Jkt,
};

use crate::{Refused, policy::Rules};

/// Seconds that an evaluation waits for its proof.
pub const EVALUATION_SECS: u64 = 30;

/// Names a registration of a PIN; its OPRF key is derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordId(pub [u8; 16]);

/// Names an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvaluationId(pub [u8; 16]);

/// A registered PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    pub record: RecordId,
    /// The seed that it was registered under.
    pub seed: SeedId,
    /// OPAQUE's registration record in an envelope of the vault. Empty when it was wiped.
    pub sealed: Vec<u8>,
}

/// A device as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Thumbprint of its key.
    pub jkt: Jkt,
    /// Grows with each change.
    pub version: u64,
    pub pin: Pin,
    /// Never [`PinState::None`]: a device without a PIN is not stored.
    pub state: PinState,
    pub tries_left: u32,
    /// The next evaluation has to wait until this time.
    pub try_after: Time,
    /// The evaluation that waits for its proof, and until when.
    pub open: Option<(EvaluationId, Time)>,
    pub created_at: Time,
    /// When the PIN was last proven.
    pub used_at: Time,
}

/// What can happen to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The phone asks for an evaluation. An open one ends by that: there is at most one.
    Try(EvaluationId),
    /// A right proof followed the evaluation.
    Prove(EvaluationId),
    /// The phone sets another PIN; it has proven the old one.
    Change(Pin),
    /// Nobody can prove the PIN any more: no try is left, and no evaluation is open.
    GiveUp,
}

impl Device {
    /// A device that has set its first PIN.
    #[must_use]
    pub fn new(jkt: Jkt, pin: Pin, rules: &Rules, now: Time) -> Self {
        Self {
            jkt,
            version: 1,
            pin,
            state: PinState::Set,
            tries_left: rules.tries,
            try_after: Time(0),
            open: None,
            created_at: now,
            used_at: now,
        }
    }

    /// Whether an evaluation waits for its proof.
    fn is_open(&self, now: Time) -> bool {
        self.open.is_some_and(|(_, until)| now < until)
    }

    /// Whether no try is left and none can come back.
    #[must_use]
    pub fn is_lost(&self, now: Time) -> bool {
        self.state == PinState::Set && self.tries_left == 0 && !self.is_open(now)
    }

    /// The state as its owner sees it.
    #[must_use]
    pub fn seen(&self, policy: PinPolicy, now: Time) -> PinState {
        match self.state {
            _ if !self.is_lost(now) => self.state,
            _ if policy == PinPolicy::Wipe => PinState::Wiped,
            _ => PinState::Locked,
        }
    }

    /// Seconds until the next evaluation, if it has to wait.
    #[must_use]
    pub fn wait_secs(&self, now: Time) -> Option<u64> {
        let left = now.until(self.try_after);
        (left > 0).then(|| left.div_ceil(1000))
    }

    /// The state machine of a device.
    ///
    /// ```text
    /// set ──Try (one try less)──▶ set, open ──Prove──▶ set, all tries
    ///  │                            │ 30 seconds, or the next Try
    ///  └─GiveUp, no try left──▶ locked, or wiped: final
    /// ```
    ///
    /// # Errors
    /// Why the event does not fit; the device stays as it is.
    pub fn step(&self, event: Event, rules: &Rules, now: Time) -> Result<Self, Refused> {
        if self.state != PinState::Set || (self.is_lost(now) && event != Event::GiveUp) {
            return Err(Refused::Locked);
        }
        let next = Self { version: self.version + 1, ..self.clone() };
        match event {
            // The last evaluation is open: it may still be proven, and no other one is left.
            Event::Try(_) if self.tries_left == 0 => Err(Refused::Wait(EVALUATION_SECS)),
            Event::Try(id) => {
                if let Some(secs) = self.wait_secs(now) {
                    return Err(Refused::Wait(secs));
                }
                let tries_left = self.tries_left.min(rules.tries) - 1;
                let open = Some((id, now.plus_secs(EVALUATION_SECS)));
                let try_after = now.plus_secs(rules.wait_after(tries_left));
                Ok(Self { tries_left, open, try_after, ..next })
            }
            Event::Prove(id) if self.is_open(now) && self.open.is_some_and(|(open, _)| open == id) => {
                Ok(Self { tries_left: rules.tries, open: None, try_after: Time(0), used_at: now, ..next })
            }
            Event::Prove(_) => Err(Refused::WrongPin),
            Event::Change(pin) => Ok(Self {
                pin,
                tries_left: rules.tries,
                open: None,
                try_after: Time(0),
                used_at: now,
                ..next
            }),
            Event::GiveUp if !self.is_lost(now) => Err(Refused::NotAllowed),
            Event::GiveUp if rules.policy == PinPolicy::Wipe => {
                let pin = Pin { sealed: Vec::new(), ..self.pin.clone() };
                Ok(Self { state: PinState::Wiped, pin, open: None, ..next })
            }
            Event::GiveUp => Ok(Self { state: PinState::Locked, open: None, ..next }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn device(rules: &Rules) -> Device {
        let pin = Pin { record: RecordId([1; 16]), seed: SeedId([2; 8]), sealed: vec![3] };
        Device::new(Jkt([4; 32]), pin, rules, Time(0))
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            4 => any::<u8>().prop_map(|n| Event::Try(EvaluationId([n; 16]))),
            2 => any::<u8>().prop_map(|n| Event::Prove(EvaluationId([n; 16]))),
            1 => Just(Event::GiveUp),
        ]
    }

    proptest! {
        /// Whatever happens in whatever order and at whatever time: between two proofs there are at
        /// most five evaluations, a proof counts for the latest evaluation only, and nothing
        /// follows a lock.
        #[test]
        fn no_sequence_of_events_gives_a_sixth_try_or_opens_a_lock(
            events in proptest::collection::vec((event(), 0u64..400_000), 1..60), wipe: bool
        ) {
            let rules = Rules::of(if wipe { PinPolicy::Wipe } else { PinPolicy::Lock });
            let (mut d, mut now, mut evaluated, mut latest) = (device(&rules), 0, 0, None);
            for (event, later) in events {
                now += later;
                let after = d.step(event.clone(), &rules, Time(now));
                prop_assert!(d.state == PinState::Set || after == Err(Refused::Locked));
                let Ok(after) = after else { continue };
                match event {
                    Event::Try(id) => { evaluated += 1; latest = Some(id); }
                    Event::Prove(id) => {
                        prop_assert_eq!(Some(id), latest.take());
                        evaluated = 0;
                    }
                    Event::GiveUp => prop_assert_eq!(after.tries_left, 0),
                    Event::Change(_) => {}
                }
                prop_assert!(evaluated <= rules.tries, "{} evaluations", evaluated);
                prop_assert_eq!(after.version, d.version + 1);
                d = after;
            }
        }
    }

    #[test]
    fn a_proof_after_thirty_seconds_or_after_the_next_try_is_too_late() {
        let rules = Rules::of(PinPolicy::Lock);
        let id = |n| EvaluationId([n; 16]);
        let tried = device(&rules).step(Event::Try(id(1)), &rules, Time(0)).expect("a try");
        assert_eq!(tried.tries_left, 4);
        assert!(tried.step(Event::Prove(id(1)), &rules, Time(29_999)).is_ok());
        assert_eq!(tried.step(Event::Prove(id(1)), &rules, Time(30_000)), Err(Refused::WrongPin));
        let again = tried.step(Event::Try(id(2)), &rules, Time(1)).expect("a try");
        assert_eq!(again.step(Event::Prove(id(1)), &rules, Time(2)), Err(Refused::WrongPin));
        let proven = again.step(Event::Prove(id(2)), &rules, Time(2)).expect("proven");
        assert_eq!((proven.tries_left, proven.open, proven.used_at), (5, None, Time(2)));
    }

    #[test]
    fn the_last_try_still_counts_when_it_is_proven_and_locks_or_wipes_when_it_is_not() {
        for (policy, end) in [(PinPolicy::Lock, PinState::Locked), (PinPolicy::Wipe, PinState::Wiped)] {
            let rules = Rules::of(policy);
            let last = Device { tries_left: 1, ..device(&rules) };
            let open = last.step(Event::Try(EvaluationId([9; 16])), &rules, Time(0)).expect("a try");
            assert_eq!(open.step(Event::GiveUp, &rules, Time(1)), Err(Refused::NotAllowed));
            assert_eq!(open.seen(policy, Time(1)), PinState::Set);
            assert!(open.step(Event::Prove(EvaluationId([9; 16])), &rules, Time(1)).is_ok());
            assert_eq!(open.seen(policy, Time(30_000)), end);
            let over = open.step(Event::GiveUp, &rules, Time(30_000)).expect("over");
            assert_eq!((over.state, over.pin.sealed.is_empty()), (end, policy == PinPolicy::Wipe));
        }
    }
}
