//! A server's identity: a root key that phones pin, and channel keys that it signs.

use countersign_channel::{ServerKey, p256, statement};
use countersign_ports::{
    Fault,
    identity::{Part, SealedIdentity, SealedKey},
    random::Random,
    secret::Secret,
    time::Time,
    vault::Vault,
};
use countersign_protocol::ServerRole;

/// The lifetime that a channel key's statement gives it: two years. Key rotation renews it.
const KEY_LIFE_SECS: u64 = 2 * 365 * 86_400;

/// The owner of the secrets, and where they are stored.
pub struct Owner<'a> {
    pub role: ServerRole,
    /// The server id that the channel's prologue names.
    pub server_id: [u8; 16],
    pub vault: &'a Vault,
    /// The name of the location of a secret. An envelope opens only at the location it was sealed
    /// for.
    pub place: &'a dyn Fn(Part) -> String,
}

/// The secrets of a new identity.
pub struct Fresh {
    pub root: p256::SigningKey,
    /// The first channel key's private half (X25519).
    pub private: Secret<32>,
}

impl Fresh {
    /// Generates new secrets. The root comes from the crypto provider's own generator, which
    /// accepts no other source.
    #[must_use]
    pub fn from(random: &dyn Random) -> Self {
        Self { root: p256::SigningKey::generate(), private: random.secret() }
    }
}

impl Owner<'_> {
    /// Creates the identity of a new server, sealed.
    ///
    /// # Panics
    /// Never: any 32 bytes are an X25519 key.
    #[must_use]
    pub fn make(&self, fresh: &Fresh, now: Time, random: &dyn Random) -> SealedIdentity {
        let (root, private) = (&fresh.root, fresh.private.expose());
        let key =
            ServerKey::new(self.role, self.server_id, *private).expect("any 32 bytes are an X25519 key");
        let draft = statement::draft(
            self.role,
            self.server_id,
            key.public(),
            1,
            now.secs(),
            now.secs() + KEY_LIFE_SECS,
        );
        let seal = |part, secret: &[u8]| self.vault.seal(random, &(self.place)(part), secret);
        SealedIdentity {
            root_pin: statement::root_pin(&root.public()),
            sealed_root: seal(Part::Root, &root.to_pkcs8()),
            key: SealedKey {
                key_id: key.key_id(),
                epoch: 1,
                public: key.public(),
                sealed: seal(Part::Channel(key.key_id()), private),
                statement: statement::sign(root, draft),
            },
        }
    }

    /// Opens a channel key, ready to answer HELLO.
    ///
    /// # Errors
    /// [`Fault::Inconsistent`] when it was sealed under another master key or for another location.
    pub fn open(&self, key: &SealedKey) -> Result<ServerKey, Fault> {
        let private = open_secret(self.vault, &(self.place)(Part::Channel(key.key_id)), &key.sealed)?;
        ServerKey::new(self.role, self.server_id, *private.expose())
            .map_err(|e| Fault::Inconsistent(e.to_string()))
    }
}

/// Opens the envelope of a 32-byte secret.
///
/// # Errors
/// [`Fault::Inconsistent`] when it was sealed under another master key or for another location, or
/// does not contain 32 bytes.
pub fn open_secret(vault: &Vault, place: &str, envelope: &[u8]) -> Result<Secret<32>, Fault> {
    let plain = vault.open(place, envelope)?;
    let secret = plain.as_slice().try_into().map(Secret::new);
    secret.map_err(|_| Fault::Inconsistent(format!("the secret at {place} has the wrong length")))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Random for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.iter_mut().zip(1..).for_each(|(byte, n)| *byte = n);
        }
    }

    fn place(part: Part) -> String {
        format!("here/{part:?}")
    }

    #[test]
    fn what_was_made_is_signed_by_the_pinned_root_and_opens_at_its_place_alone() {
        let vault = Vault::new(&Secret::new([7; 32]));
        let owner = Owner { role: ServerRole::Ns, server_id: [3; 16], vault: &vault, place: &place };
        let (fresh, now) = (Fresh::from(&Counting), Time(1_790_000_000_000));
        let made = owner.make(&fresh, now, &Counting);
        let key = owner.open(&made.key).expect("it opens");
        assert_eq!((key.public(), key.key_id()), (made.key.public, made.key.key_id));
        let pin = statement::RootPin {
            role: ServerRole::Ns,
            server_id: [3; 16],
            root_pin: made.root_pin,
            epoch: 0,
        };
        let said = statement::verify(&made.key.statement, &pin, now.secs()).expect("it is signed");
        assert_eq!((said.static_key, said.not_after), (key.public(), now.secs() + KEY_LIFE_SECS));
        let elsewhere = |_: Part| "elsewhere".to_owned();
        assert!(Owner { place: &elsewhere, ..owner }.open(&made.key).is_err());
    }
}
