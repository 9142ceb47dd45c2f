//! The server's identity: created at the first start, opened at every later one.

use countersign_actors_shell::identity::{Fresh, Owner};
use countersign_channel::{ServerKey, p256};
use countersign_domain_sfs::{
    ports::Ports,
    server::{SealedServer, place},
};
use countersign_ports::{Fault, identity::Part};
use countersign_protocol::{
    ServerRole,
    ids::{AuditId, KeyId, ServerId},
    statement::Signed,
};

/// Returns the identity of this server. If several pods start together, one of them creates it.
///
/// # Errors
/// When the database fails.
pub(crate) async fn identity(ports: &Ports) -> Result<SealedServer, Fault> {
    if let Some(there) = ports.store.server().await? {
        return Ok(there);
    }
    let fresh = make(ports, &Fresh::from(&*ports.random));
    let row = AuditId(ports.random.id(ports.clock.now()));
    if ports.store.add_server(&fresh, row).await? {
        return Ok(fresh);
    }
    let winner = ports.store.server().await?;
    winner.ok_or_else(|| Fault::Inconsistent("the server's identity exists and cannot be read".to_owned()))
}

/// Creates the server's identity and its first attestation key, if there are none yet. A start does
/// the same.
///
/// # Errors
/// The same as those of a start.
pub async fn make_identity(ports: &Ports) -> Result<(), Fault> {
    let server = identity(ports).await?;
    keys(ports, &server)?;
    crate::signing::signer(ports, &server).await.map(drop)
}

fn make(ports: &Ports, fresh: &Fresh) -> SealedServer {
    let now = ports.clock.now();
    let id = ServerId(ports.random.id(now));
    let place = |part| place(id, part);
    let made = owner(ports, id, &place).make(fresh, now, &*ports.random);
    SealedServer {
        id,
        created_at: now,
        root_pin: made.root_pin,
        sealed_root: Some(made.sealed_root),
        keys: vec![made.key],
    }
}

/// Opens the channel keys; each comes with its epoch.
///
/// # Errors
/// When the master key is not the one they were sealed under.
pub(crate) fn keys(ports: &Ports, server: &SealedServer) -> Result<Vec<(ServerKey, u64)>, Fault> {
    let place = |part| place(server.id, part);
    let owner = owner(ports, server.id, &place);
    server.keys.iter().map(|key| Ok((owner.open(key)?, key.epoch))).collect()
}

/// Opens the root key, which signs the lists of attestation keys.
///
/// # Errors
/// When it is not here, or was sealed under another master key.
pub(crate) fn root(ports: &Ports, server: &SealedServer) -> Result<p256::SigningKey, Fault> {
    let sealed = server.sealed_root.as_ref().ok_or_else(|| {
        Fault::Inconsistent("the root key is not in the database; put it back to renew keys".to_owned())
    })?;
    let opened = ports.vault.open(&place(server.id, Part::Root), sealed)?;
    p256::SigningKey::from_pkcs8(&opened).map_err(|e| Fault::Inconsistent(format!("the root key: {e}")))
}

/// What others have to know of this SFS.
#[derive(Clone, Debug)]
pub struct Known {
    pub id: ServerId,
    /// SHA-256 of the root's public key, which phones pin.
    pub root_pin: [u8; 32],
    /// The root's public key, which an NS lists.
    pub root: [u8; 65],
    /// The newest channel key.
    pub static_key: [u8; 32],
    pub key_id: KeyId,
    pub epoch: u64,
}

impl Known {
    /// Reads it from the identity as it is stored.
    ///
    /// # Errors
    /// When the newest channel key has no statement that can be read.
    pub(crate) fn of(server: &SealedServer) -> Result<Self, Fault> {
        let unreadable = || Fault::Inconsistent("the statement of a channel key cannot be read".to_owned());
        let key = server.keys.first().ok_or_else(unreadable)?;
        let signed = Signed::parse(&key.statement).map_err(|_| unreadable())?;
        let said = signed.statement().map_err(|_| unreadable())?;
        Ok(Self {
            id: server.id,
            root_pin: server.root_pin,
            root: said.root_key,
            static_key: key.public,
            key_id: key.key_id,
            epoch: key.epoch,
        })
    }
}

fn owner<'a>(ports: &'a Ports, id: ServerId, place: &'a dyn Fn(Part) -> String) -> Owner<'a> {
    Owner { role: ServerRole::Sfs, server_id: id.0, vault: &ports.vault, place }
}
