//! Records every request, whatever its result: in the metrics, and as a line in the access log
//! where that is switched on.
//!
//! The line states what was requested and with what result, but nothing that identifies a person:
//! the route's pattern instead of its path, no query, body, header, user or address.

use std::time::Duration;

use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::{BodySize, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::Next,
    web,
};
use tokio::time::Instant;
use tracing_actix_web::RequestId;

use crate::{metrics::Metrics, trace::Trace};

/// The target of the log lines; the program switches it on and off.
pub const TARGET: &str = "countersign::access";

/// What a listener mainly serves, as metrics spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    Rest,
    Page,
    Admin,
}

impl Listener {
    /// The spelling in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Page => "page",
            Self::Admin => "admin",
        }
    }
}

/// The id of the API key that authorised the request, as an extension of the request.
#[derive(Clone, Debug)]
pub struct KeyId(pub String);

/// Outermost of all layers: it sees responses as they leave, and lines are written outside the
/// request's span.
///
/// # Errors
/// None of its own.
pub async fn note(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let (began, method) = (Instant::now(), request.method().clone());
    let response = next.call(request).await?;
    let (request, status, took) = (response.request(), response.status().as_u16(), began.elapsed());
    if let (Some(metrics), Some(listener)) =
        (request.app_data::<web::Data<Metrics>>(), request.app_data::<Listener>())
    {
        metrics.answered(
            if waits(request.query_string()) { "wait" } else { listener.as_str() },
            status,
            took,
        );
    }
    if tracing::enabled!(target: TARGET, tracing::Level::INFO) && !expected_probe(request, status) {
        write(request, &method, status, took, response.response().body().size());
    }
    Ok(response)
}

/// Whether this is a probe or a look at the metrics that went well. Many tools make one every few
/// seconds, and the metrics count them.
fn expected_probe(request: &HttpRequest, status: u16) -> bool {
    let probe = ["/livez", "/readyz", "/metrics"].contains(&request.path());
    probe && status == 200 && request.app_data::<Listener>() == Some(&Listener::Admin)
}

/// Whether the request asks to wait for a change. Its duration then says nothing about the server.
fn waits(query: &str) -> bool {
    query.split('&').any(|pair| pair.strip_prefix("wait=").is_some_and(|secs| secs != "0"))
}

/// Callers may invent methods, so only known ones are logged.
fn known(method: &Method) -> bool {
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS]
        .contains(method)
}

/// `method` is the one that was sent; `HEAD` has become `GET` meanwhile.
fn write(request: &HttpRequest, method: &Method, status: u16, took: Duration, size: BodySize) {
    let all = request.extensions();
    let route = request.match_pattern();
    let bytes = if let BodySize::Sized(n) = size { Some(n) } else { None };
    tracing::info!(
        target: TARGET,
        method = if known(method) { method.as_str() } else { "other" },
        route = route.as_deref().unwrap_or("none"),
        status,
        // Rounded down to the microsecond.
        duration_ms = took.as_micros() as f64 / 1000.0,
        bytes,
        request_id = all.get::<RequestId>().map(tracing::field::display),
        trace_id = all.get::<Trace>().map(|trace| tracing::field::display(trace.id)),
        api_key = all.get::<KeyId>().map(|id| tracing::field::display(&id.0)),
    );
}

#[cfg(test)]
mod tests {
    use super::waits;

    #[test]
    fn only_requests_that_ask_to_wait_are_measured_as_waiting() {
        assert!(waits("after=1&wait=30") && waits("wait=1"));
        assert!(!waits("") && !waits("wait=0&after=1") && !waits("await=3"));
    }
}
