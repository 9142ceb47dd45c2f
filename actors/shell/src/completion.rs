//! Work that is not dropped half way.

use countersign_ports::Fault;

/// Runs a flow that changes something in a task of its own. The caller may be dropped half way: a
/// request with its connection, the work of a session with the session. What the flow has committed
/// is then settled and told all the same.
///
/// # Errors
/// Those of the flow, and a fault when it panicked.
pub async fn run_to_completion<T: 'static, E: From<Fault> + 'static>(
    flow: impl Future<Output = Result<T, E>> + 'static,
) -> Result<T, E> {
    let done = actix_rt::spawn(flow).await;
    done.unwrap_or_else(|_| Err(Fault::Inconsistent("the work panicked".to_owned()).into()))
}
