//! Which tasks and sessions of this pod wait for what. Memory only, synchronous handlers, bounded
//! mailboxes.

pub(crate) mod login;
pub(crate) mod waiter;
