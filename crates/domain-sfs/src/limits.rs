//! Limits by address: how much work and how many rows one origin may cause.

use std::net::IpAddr;

use countersign_ports::vault::Vault;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Devices that set their first PIN: each leaves a row.
    Registration,
    /// Evaluations: each costs a commit and some 200 µs of cryptography.
    Evaluation,
}

impl Counted {
    fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Evaluation => "evaluation",
        }
    }
}

/// How many of one kind an origin may cause within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// 0 means no limit.
    pub most: u32,
    pub secs: u64,
}

/// A limit to count against. The key is a MAC, so that the database holds no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    pub key: [u8; 16],
    pub limit: Limit,
}

impl Gate {
    /// The gate of an address: an IPv4 address counts by itself, an IPv6 address with its /64,
    /// which is what one household or one host has.
    #[must_use]
    pub fn of(vault: &Vault, what: Counted, from: IpAddr, limit: Limit) -> Self {
        let origin = match from.to_canonical() {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets()[..8].to_vec(),
        };
        Self { key: vault.mac(&format!("sfs/limit/{}", what.as_str()), &origin), limit }
    }
}

#[cfg(test)]
mod tests {
    use countersign_ports::secret::Secret;

    use super::*;

    #[test]
    fn a_mapped_address_counts_as_what_it_is_and_a_network_of_ipv6_as_one() {
        let vault = Vault::new(&Secret::new([1; 32]));
        let limit = Limit { most: 1, secs: 1 };
        let key = |what, from: &str| Gate::of(&vault, what, from.parse().expect("an address"), limit).key;
        let e = Counted::Evaluation;
        assert_eq!(key(e, "192.0.2.1"), key(e, "::ffff:192.0.2.1"));
        assert_ne!(key(e, "192.0.2.1"), key(e, "192.0.2.2"));
        assert_ne!(key(e, "192.0.2.1"), key(Counted::Registration, "192.0.2.1"));
        assert_eq!(key(e, "2001:db8::1"), key(e, "2001:db8::ffff:0:0:2"));
        assert_ne!(key(e, "2001:db8::1"), key(e, "2001:db8:0:1::1"));
    }
}
