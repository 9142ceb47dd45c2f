//! Topics of NS's wake-ups, and their encoding on the bus.

use countersign_protocol::ids::{AccountId, EnrolmentId, LoginId, RealmId};

/// What a wake-up is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    Login(LoginId),
    Enrolment(EnrolmentId),
    Account(AccountId),
    /// The realm is new, or its settings or apps have changed.
    Realm(RealmId),
    /// This login waits for the account `to`.
    Offered {
        to: AccountId,
        login: LoginId,
    },
    /// This enrolment's new phone waits for `to` to vouch for it.
    Vouch {
        to: AccountId,
        enrolment: EnrolmentId,
    },
    /// Another phone `of` the same user was added, was changed or has left; `to` is to be notified.
    Device {
        to: AccountId,
        of: AccountId,
    },
}

impl Topic {
    /// One byte for the kind, then the ids. Pods of two releases share a bus, so the encoding does
    /// not change. The first byte is never [`countersign_ports::bus::ARRIVAL`].
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let (kind, ids): (u8, Vec<[u8; 16]>) = match self {
            Self::Login(id) => (1, vec![id.0]),
            Self::Enrolment(id) => (2, vec![id.0]),
            Self::Account(id) => (3, vec![id.0]),
            Self::Offered { to, login } => (4, vec![to.0, login.0]),
            Self::Vouch { to, enrolment } => (5, vec![to.0, enrolment.0]),
            Self::Device { to, of } => (6, vec![to.0, of.0]),
            Self::Realm(id) => (7, vec![id.0]),
        };
        [&[kind][..], &ids.concat()].concat()
    }

    /// Reads what [`Self::to_bytes`] wrote. `None` for other bytes, such as a topic of a newer
    /// release, which this pod ignores.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, ids) = bytes.split_first()?;
        let id = |n: usize| ids.get(n * 16..n * 16 + 16)?.try_into().ok();
        Some(match (kind, ids.len()) {
            (1, 16) => Self::Login(LoginId(id(0)?)),
            (2, 16) => Self::Enrolment(EnrolmentId(id(0)?)),
            (3, 16) => Self::Account(AccountId(id(0)?)),
            (4, 32) => Self::Offered { to: AccountId(id(0)?), login: LoginId(id(1)?) },
            (5, 32) => Self::Vouch { to: AccountId(id(0)?), enrolment: EnrolmentId(id(1)?) },
            (6, 32) => Self::Device { to: AccountId(id(0)?), of: AccountId(id(1)?) },
            (7, 16) => Self::Realm(RealmId(id(0)?)),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_survives_the_bus_and_other_bytes_are_nothing() {
        let (account, login) = (AccountId([1; 16]), LoginId([2; 16]));
        for topic in [
            Topic::Login(login),
            Topic::Enrolment(EnrolmentId([3; 16])),
            Topic::Account(account),
            Topic::Realm(RealmId([5; 16])),
            Topic::Offered { to: account, login },
            Topic::Vouch { to: account, enrolment: EnrolmentId([3; 16]) },
            Topic::Device { to: account, of: AccountId([4; 16]) },
        ] {
            let bytes = topic.to_bytes();
            assert_eq!(Topic::from_bytes(&bytes), Some(topic));
            assert_ne!(bytes[0], countersign_ports::bus::ARRIVAL);
            for cut in 0..bytes.len() {
                assert_eq!(Topic::from_bytes(&bytes[..cut]), None);
            }
            assert_eq!(Topic::from_bytes(&[&bytes[..], &[0]].concat()), None);
        }
        assert_eq!(Topic::from_bytes(&[9; 17]), None);
    }
}
