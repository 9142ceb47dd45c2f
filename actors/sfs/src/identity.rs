//! The server's identity: created at the first start, opened at every later one.

use countersign_actors_shell::identity::{Fresh, Owner};
use countersign_channel::ServerKey;
use countersign_domain_sfs::{
    ports::Ports,
    server::{SealedServer, place},
};
use countersign_ports::{Fault, identity::Part};
use countersign_protocol::{
    ServerRole,
    ids::{AuditId, ServerId},
};

/// Returns the channel keys of this server, opened. If several pods start together, one of them
/// creates the keys.
///
/// # Errors
/// When the database fails, or the master key is not the one they were sealed under.
pub(crate) async fn keys(ports: &Ports) -> Result<Vec<ServerKey>, Fault> {
    if let Some(there) = ports.store.server().await? {
        return open(ports, &there);
    }
    let fresh = make(ports, &Fresh::from(&*ports.random));
    let row = AuditId(ports.random.id(ports.clock.now()));
    if ports.store.add_server(&fresh, row).await? {
        return open(ports, &fresh);
    }
    let winner = ports.store.server().await?;
    open(
        ports,
        &winner.ok_or_else(|| {
            Fault::Inconsistent("the server's identity exists and cannot be read".to_owned())
        })?,
    )
}

/// Creates the server's identity if there is none yet. A start does the same.
///
/// # Errors
/// The same as those of a start.
pub async fn make_identity(ports: &Ports) -> Result<(), Fault> {
    keys(ports).await.map(drop)
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

fn open(ports: &Ports, server: &SealedServer) -> Result<Vec<ServerKey>, Fault> {
    let place = |part| place(server.id, part);
    let owner = owner(ports, server.id, &place);
    server.keys.iter().map(|key| owner.open(key)).collect()
}

fn owner<'a>(ports: &'a Ports, id: ServerId, place: &'a dyn Fn(Part) -> String) -> Owner<'a> {
    Owner { role: ServerRole::Sfs, server_id: id.0, vault: &ports.vault, place }
}
