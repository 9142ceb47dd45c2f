//! Reads a request's body before the request is authorised.
//!
//! A handler's extractors run concurrently. Without this layer, an API key would be checked when
//! the head arrives and used only when the caller ends the body, possibly days after the key was
//! deleted.

use std::{io, time::Duration};

use actix_web::{
    Error, HttpMessage, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::Method,
    middleware::Next,
    web::{self, Bytes, BytesMut},
};
use countersign_api::limits::BODY;
use futures_util::{StreamExt, stream};

use crate::problem::ApiProblem;

/// How long a body may take to arrive, as data of the application.
#[derive(Clone, Copy, Debug)]
pub struct Patience(pub Duration);

/// Innermost of all layers: reads the body and passes it on whole. A read error is passed on in
/// place of the body, so that a caller without a valid key is told that first.
///
/// The character NUL is refused wherever it could come in, because PostgreSQL stores no text with
/// it: SQLite and MariaDB would accept what PostgreSQL does not.
///
/// # Errors
/// None of its own.
pub async fn whole<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    // Paths and queries are decoded by the handlers' extractors.
    if request.uri().path_and_query().is_some_and(|all| all.as_str().contains("%00")) {
        let problem = ApiProblem::malformed().because("the URL contains the character NUL (%00)");
        return Ok(request.into_response(problem.error_response()).map_into_right_body());
    }
    // A WebSocket's stream does not end, and no other GET has a meaningful body.
    if request.method() != Method::GET {
        let payload = request.take_payload();
        let read = match request.app_data::<web::Data<Patience>>().map(|p| p.0) {
            Some(patience) => {
                tokio::time::timeout(patience, read(payload)).await.unwrap_or_else(|_| Err(too_slow()))
            }
            None => read(payload).await,
        };
        request.set_payload(match read {
            Ok(bytes) if has_nul(&bytes) => {
                let why = "a text contains the character NUL (\\u0000)";
                let e = PayloadError::Io(io::Error::new(io::ErrorKind::InvalidData, why));
                Payload::Stream { payload: stream::iter([Err(e)]).boxed_local() }
            }
            Ok(bytes) => Payload::from(bytes),
            Err(e) => Payload::Stream { payload: stream::iter([Err(e)]).boxed_local() },
        });
    }
    next.call(request).await.map(ServiceResponse::map_into_left_body)
}

/// Whether a text in this JSON contains the character NUL, which JSON can only write as an escape
/// (RFC 8259 §7).
fn has_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|b| *b == b'\\') {
        if rest[at + 1..].starts_with(b"u0000") {
            return true;
        }
        // Skips the escaped character, which may be a backslash itself.
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    false
}

async fn read(mut payload: Payload) -> Result<Bytes, PayloadError> {
    let mut body = BytesMut::new();
    while let Some(piece) = payload.next().await {
        let piece = piece?;
        if body.len() + piece.len() > BODY {
            return Err(PayloadError::Overflow);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

fn too_slow() -> PayloadError {
    PayloadError::Incomplete(Some(io::Error::new(io::ErrorKind::TimedOut, "the body did not arrive in time")))
}

#[cfg(test)]
mod tests {
    use super::has_nul;

    #[test]
    fn only_the_escape_of_nul_is_found() {
        for json in [r#"{"a":"\u0000"}"#, r#"["x\\\u0000"]"#, r#"{"\u0000":1}"#] {
            assert!(has_nul(json.as_bytes()), "{json}");
        }
        for json in [r#"{"a":"\\u0000"}"#, r#"["\u0001"]"#, r#"["u0000"]"#, "", "\\"] {
            assert!(!has_nul(json.as_bytes()), "{json}");
        }
    }
}
