//! Server-sent events (WHATWG HTML, section 9.2) and lines of JSON. A stream is produced as the
//! peer reads it, so nothing piles up for a peer that does not read.

use std::time::Duration;

use actix_web::{HttpResponse, http::header, web::Bytes};
use countersign_ports::Fault;
use futures_util::stream::Stream;

/// Longest silence of a stream; after it, a comment is sent.
pub(super) const BEAT: Duration = Duration::from_secs(15);
/// Longest life of a stream; its reader then connects again from the last event it has seen.
pub(super) const LIFE: Duration = Duration::from_secs(3600);
/// A fault aborts the body, so that a partial body is not taken for a complete one.
pub(super) type Piece = Result<Bytes, Fault>;

pub(super) fn answer(content_type: &'static str, body: impl Stream<Item = Piece> + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(body)
}

pub(super) fn sse(id: u64, data: &impl serde::Serialize) -> Bytes {
    // The values serialise to JSON on one line.
    Bytes::from(format!("id: {id}\ndata: {}\n\n", serde_json::to_string(data).unwrap_or_default()))
}

pub(super) const COMMENT: &[u8] = b":\n\n";
