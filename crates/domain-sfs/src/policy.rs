//! How tries of a PIN are limited, and what happens at the limit.

use countersign_protocol::codes::PinPolicy;

/// The rules of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub policy: PinPolicy,
    /// How many evaluations there are without a proof between them.
    pub tries: u32,
    /// Seconds to wait after the first, second, … evaluation that no proof followed.
    waits: &'static [u64],
    /// The least digits of a PIN. The phone enforces it, because SFS never sees the PIN.
    pub min_digits: u32,
    /// Seconds within which a proven PIN may be attested.
    pub fresh_secs: u64,
}

/// The usual waits: two slips of the finger cost no time.
const WAITS: &[u64] = &[0, 0, 30, 300];

impl Rules {
    /// The rules of a policy. A guess of a four-digit PIN succeeds with 5 tries in one case of
    /// 2,000 at most, and only for somebody who has the phone and can use its key.
    #[must_use]
    pub fn of(policy: PinPolicy) -> Self {
        let lock = Self { policy, tries: 5, waits: WAITS, min_digits: 4, fresh_secs: 300 };
        match policy {
            PinPolicy::Lock | PinPolicy::Wipe => lock,
            // Commission Delegated Regulation (EU) 2018/389, article 4(3): at most five failed
            // attempts in a row, and no more than five minutes without activity.
            PinPolicy::Psd2 => Self { min_digits: 6, fresh_secs: 60, ..lock },
        }
    }

    /// Seconds to wait after an evaluation that left this many tries.
    #[must_use]
    pub fn wait_after(&self, tries_left: u32) -> u64 {
        let used = self.tries.saturating_sub(tries_left);
        let index = usize::try_from(used.saturating_sub(1)).unwrap_or(usize::MAX);
        self.waits.get(index).or(self.waits.last()).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_with_the_tries_that_were_used_and_psd2_keeps_its_limits() {
        let rules = Rules::of(PinPolicy::Lock);
        let waits: Vec<_> = (0..rules.tries).rev().map(|left| rules.wait_after(left)).collect();
        assert_eq!(waits, [0, 0, 30, 300, 300]);
        let psd2 = Rules::of(PinPolicy::Psd2);
        assert!(psd2.tries <= 5 && psd2.fresh_secs <= 300 && psd2.min_digits >= 6);
    }
}
