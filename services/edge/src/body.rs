//! Reads a request's body before the request is authorised.
//!
//! A handler's extractors run concurrently. Without this layer, an API key would be checked when
//! the head arrives and used only when the caller ends the body, possibly days after the key was
//! deleted.

use std::{io, time::Duration};

use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::Method,
    middleware::Next,
    web::{self, Bytes, BytesMut},
};
use countersign_api::limits::BODY;
use futures_util::{StreamExt, stream};

/// How long a body may take to arrive, as data of the application.
#[derive(Clone, Copy, Debug)]
pub struct Patience(pub Duration);

/// Innermost of all layers: reads the body and passes it on whole. A read error is passed on in
/// place of the body, so that a caller without a valid key is told that first.
///
/// # Errors
/// None of its own.
pub async fn whole(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
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
            Ok(bytes) => Payload::from(bytes),
            Err(e) => Payload::Stream { payload: stream::iter([Err(e)]).boxed_local() },
        });
    }
    next.call(request).await
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
