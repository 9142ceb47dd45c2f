//! The key that signs attestations: opened, made when there is none, renewed before it ends.

use std::{sync::Arc, time::Duration};

use countersign_channel::p256;
use countersign_domain_sfs::{
    keys::{SealedKeys, Signer, is_due, next_list, place},
    ports::Ports,
    server::SealedServer,
};
use countersign_ports::Fault;
use countersign_protocol::jws;
use tokio::sync::watch;

use crate::identity::root;

/// How often a pod looks whether another one has made a new key, or whether one is due.
const LOOK: Duration = Duration::from_secs(60);

/// The newest key, which is made when there is none or when it is due.
///
/// # Errors
/// When the database fails, or the master key is not the one the keys were sealed under.
pub(crate) async fn signer(ports: &Ports, server: &SealedServer) -> Result<Signer, Fault> {
    let there = ports.store.keys().await?;
    let due = there.as_ref().is_none_or(|keys| is_due(keys.made_at, ports.now()));
    let newest = if due {
        let next = make(ports, server, there.as_ref())?;
        let row = ports.row("keys.renewed");
        if ports.store.add_keys(&next, row).await? { Some(next) } else { ports.store.keys().await? }
    } else {
        there
    };
    let newest = newest.ok_or_else(|| {
        Fault::Inconsistent("the list of attestation keys exists and cannot be read".to_owned())
    })?;
    let private = ports.vault.open(&place(server.id, &newest.kid), &newest.sealed)?;
    Ok(Signer::new(server.id, &newest, &private))
}

fn make(ports: &Ports, server: &SealedServer, before: Option<&SealedKeys>) -> Result<SealedKeys, Fault> {
    let root = root(ports, server)?;
    let fresh = p256::SigningKey::generate();
    let kid = p256::thumbprint(&fresh.public());
    let now = ports.now();
    let list = next_list(before, server.id, (kid, fresh.public()), now)?;
    let input = list.signing_input(&p256::thumbprint(&root.public()));
    let sealed = ports.vault.seal(&*ports.random, &place(server.id, &kid), &fresh.to_pkcs8());
    let list_text = jws::compact(&input, &root.sign(input.as_bytes()));
    Ok(SealedKeys { seq: list.seq, list: list_text, kid, sealed, made_at: now })
}

/// Keeps the key up to date, as long as the pod runs.
pub(crate) async fn renew(ports: Ports, server: SealedServer, tell: watch::Sender<Arc<Signer>>) {
    loop {
        tokio::time::sleep(LOOK).await;
        match signer(&ports, &server).await {
            Ok(newest) if newest.seq > tell.borrow().seq => {
                tracing::info!(seq = newest.seq, "attestations are signed with a new key");
                tell.send_replace(Arc::new(newest));
            }
            Ok(_) => {}
            Err(fault) => {
                tracing::warn!(%fault, "the attestation key could not be renewed; tried again later")
            }
        }
    }
}
