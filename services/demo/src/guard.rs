//! Protection against cross-site request forgery: every change is a POST with a JSON body from the
//! demo's own page.

use actix_web::{
    Error, HttpMessage, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::JsonPayloadError,
    http::{Method, header},
    middleware::Next,
    web,
};

use crate::{Demo, error::DemoError};

/// Longest body; everything the page sends is shorter.
const BODY: usize = 8 * 1024;

/// Refuses a POST from another origin, or with a body that a plain HTML form could send.
pub(crate) async fn same_origin<B: MessageBody>(
    demo: web::Data<Demo>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    match check(&demo, &request) {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        // An answer rather than an `Err`, so that it gets the security headers like any other.
        Err(error) => Ok(request.into_response(error.error_response()).map_into_right_body()),
    }
}

fn check(demo: &Demo, request: &ServiceRequest) -> Result<(), DemoError> {
    if [Method::GET, Method::HEAD].contains(request.method()) {
        return Ok(());
    }
    // Browsers always send `Origin` with a POST. Other programs do not attach a user's cookie by
    // accident.
    if request
        .headers()
        .get(header::ORIGIN)
        .is_some_and(|origin| origin.as_bytes() != demo.own_origin.as_bytes())
    {
        return Err(DemoError::ForeignOrigin { own: demo.own_origin.clone() });
    }
    if request.content_type() != "application/json" {
        return Err(DemoError::NotJson);
    }
    Ok(())
}

/// How bodies are read.
pub(crate) fn json() -> web::JsonConfig {
    web::JsonConfig::default().limit(BODY).error_handler(|error, _| match error {
        JsonPayloadError::ContentType => DemoError::NotJson.into(),
        _ => DemoError::Malformed.into(),
    })
}

/// How query strings are read.
pub(crate) fn query() -> web::QueryConfig {
    web::QueryConfig::default().error_handler(|_, _| DemoError::Malformed.into())
}
