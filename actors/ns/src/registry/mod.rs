//! Who on this pod waits for what. Memory only, synchronous handlers, bounded mailboxes.

pub(crate) mod login;
pub(crate) mod waiter;
