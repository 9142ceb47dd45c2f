//! What the sessions of SFS share.

use std::{sync::Arc, time::Duration};

use actix::Addr;
use countersign_actors_shell::MessageRegistry;
use countersign_channel::ServerKey;
use countersign_domain_sfs::{keys::Signer, ports::Ports};
use tokio::sync::watch;

/// State that all sessions of SFS share.
pub(crate) struct Shared {
    pub(crate) ports: Ports,
    /// The channel keys, newest first.
    pub(crate) keys: Vec<(ServerKey, u64)>,
    /// The key that signs attestations now.
    pub(crate) signer: watch::Receiver<Arc<Signer>>,
    pub(crate) messages: Addr<MessageRegistry<Event>>,
    pub(crate) ping_after: u64,
    /// Longest silence of an authenticated phone.
    pub(crate) idle: Duration,
}

/// Events that the registry sends to a session of SFS: none yet.
#[derive(Clone, Copy, Debug)]
pub enum Event {}
