//! Work that is not dropped half way.

use countersign_domain_ns::refused::Stop;
use countersign_ports::Fault;

/// Runs a flow that changes something in a task of its own. Whoever asked may go away (a request is dropped with its connection, a session's work with the session);
/// what was committed is settled and told all the same.
pub(crate) async fn to_the_end<T: 'static>(flow: impl Future<Output = Result<T, Stop>> + 'static) -> Result<T, Stop> {
    let done = actix_rt::spawn(flow).await;
    done.unwrap_or_else(|_| Err(Stop::Fault(Fault("the work panicked".to_owned()))))
}
