//! Who this server is: made at the first start, opened at every other.

use countersign_channel::{ServerKey, p256, random, statement};
use countersign_domain_sfs::{
    ports::Ports,
    server::{SealedKey, SealedServer, place},
};
use countersign_ports::Fault;
use countersign_protocol::{
    Role,
    ids::{AuditId, ServerId},
};

/// A static key says that it is good for two years; renewing it is the rotation's work.
const KEY_LIFE_SECS: u64 = 2 * 365 * 86_400;

/// The channel keys of this server, opened. Of several pods that start together one makes them.
///
/// # Errors
/// When the database fails, or the master key is not the one they were sealed under.
pub(crate) async fn keys(ports: &Ports) -> Result<Vec<ServerKey>, Fault> {
    if let Some(there) = ports.store.server().await? {
        return open(ports, &there);
    }
    let fresh = make(ports, p256::SigningKey::generate(), random());
    let told = AuditId(ports.random.id(ports.clock.now()));
    if ports.store.add_server(&fresh, told).await? {
        return open(ports, &fresh);
    }
    let winner = ports.store.server().await?;
    open(ports, &winner.ok_or_else(|| Fault::Inconsistent("the server's identity is there and cannot be read".to_owned()))?)
}

fn make(ports: &Ports, root: p256::SigningKey, private: [u8; 32]) -> SealedServer {
    let now = ports.clock.now();
    let id = ServerId(ports.random.id(now));
    let key = ServerKey::new(Role::Sfs, id.0, private).expect("any 32 bytes are an X25519 key");
    let draft = statement::draft(Role::Sfs, id.0, key.public(), 1, now.secs(), now.secs() + KEY_LIFE_SECS);
    let seal = |place: &str, secret: &[u8]| ports.vault.seal(&*ports.random, place, secret);
    SealedServer {
        id,
        created_at: now,
        root_pin: statement::root_pin(&root.public()),
        sealed_root: Some(seal(&place::root(id), &root.to_pkcs8())),
        keys: vec![SealedKey {
            key_id: key.key_id(),
            epoch: 1,
            public: key.public(),
            sealed: seal(&place::channel(id, key.key_id()), &private),
            statement: statement::sign(&root, draft),
        }],
    }
}

fn open(ports: &Ports, server: &SealedServer) -> Result<Vec<ServerKey>, Fault> {
    let open = |key: &SealedKey| {
        let place = place::channel(server.id, key.key_id);
        let plain = ports.vault.open(&place, &key.sealed)?;
        let private =
            plain.as_slice().try_into().map_err(|_| Fault::Inconsistent(format!("the secret at {place} has the wrong length")))?;
        ServerKey::new(Role::Sfs, server.id.0, private).map_err(|e| Fault::Inconsistent(e.to_string()))
    };
    server.keys.iter().map(open).collect()
}
