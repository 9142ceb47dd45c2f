//! A request's body is read before the request is judged.
//!
//! A handler's extractors run side by side: without this a key would be checked when the head
//! arrives, and used whenever its owner lets the body end, be it days after the key was deleted.

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

/// Innermost of all layers: reads the body, and hands it on whole. What went wrong is handed on in
/// its place, so that whoever has no key hears that first.
///
/// # Errors
/// None of its own.
pub async fn whole(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    // A WebSocket has no end. No other GET has a body that means anything.
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
    PayloadError::Incomplete(Some(io::Error::new(io::ErrorKind::TimedOut, "it did not arrive in time")))
}
