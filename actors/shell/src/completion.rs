//! Work that is not dropped halfway.

use countersign_ports::Fault;

/// Runs a flow that changes state in a task of its own. The caller may be dropped halfway: a
/// request with its connection, the work of a session with the session. What the flow has committed
/// is still settled and announced.
///
/// # Errors
/// Those of the flow, and a fault when the flow panicked.
pub async fn run_to_completion<T: 'static, E: From<Fault> + 'static>(
    flow: impl Future<Output = Result<T, E>> + 'static,
) -> Result<T, E> {
    let done = actix_rt::spawn(flow).await;
    done.unwrap_or_else(|_| Err(Fault::Inconsistent("the work panicked".to_owned()).into()))
}
