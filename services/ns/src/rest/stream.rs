//! Server-sent events (WHATWG HTML, section 9.2) and lines of JSON. A stream is produced as the
//! peer reads it, so nothing piles up for a peer that does not read.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpResponse, http::header, web::Bytes};
use countersign_actors_ns::Logins;
use countersign_domain_ns::{audit::Filter, handles::Events, realm::OpenRealm};
use countersign_ports::Fault;
use countersign_protocol::ids::LoginId;
use futures_util::stream::{self, Stream};

use super::{
    events::{Sight, dto},
    logins,
};
use crate::auth::Standing;

/// Longest silence of a stream; after it, a comment is sent.
const BEAT: Duration = Duration::from_secs(15);
/// How often the trail is checked for new rows.
const LOOK: Duration = Duration::from_secs(1);
/// Longest life of a stream; its reader then connects again from the last event it has seen.
const LIFE: Duration = Duration::from_secs(3600);
/// Rows per read.
const PIECE: u32 = 500;

/// A fault aborts the body, so that a partial body is not taken for a complete one.
type Piece = Result<Bytes, Fault>;

fn answer(content_type: &'static str, body: impl Stream<Item = Piece> + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(body)
}

fn sse(id: u64, data: &impl serde::Serialize) -> Bytes {
    // The values serialise to JSON on one line.
    Bytes::from(format!("id: {id}\ndata: {}\n\n", serde_json::to_string(data).unwrap_or_default()))
}

const COMMENT: &[u8] = b":\n\n";

/// Streams a login's states, from the first one above `after` to the last.
pub(super) fn of_login(
    logins: Logins,
    standing: Standing,
    realm: Arc<OpenRealm>,
    id: LoginId,
    after: u64,
) -> HttpResponse {
    let until = tokio::time::Instant::now() + LIFE;
    let body = stream::unfold(Some(after), move |after| {
        let (logins, standing, realm) = (logins.clone(), standing.clone(), realm.clone());
        async move {
            let after = after?;
            if tokio::time::Instant::now() >= until {
                return None;
            }
            // A fault ends the stream: the reader connects again and gets the error then.
            let seen = logins.wait(&realm, id, after, BEAT).await.ok()??;
            if standing.check().await.is_err() {
                return None;
            }
            let (state, v) = (seen.state.public(), seen.state.public().version());
            if v <= after {
                return Some((Ok(Bytes::from_static(COMMENT)), Some(after)));
            }
            Some((Ok(sse(v, &logins::dto(&seen))), (!state.is_last()).then_some(v)))
        }
    });
    answer("text/event-stream", body)
}

/// Streams the rows that are added to the trail, until the connection ends or [`LIFE`] has passed.
pub(super) fn of_trail(events: Events, standing: Standing, filter: Filter, sight: Sight) -> HttpResponse {
    let until = tokio::time::Instant::now() + LIFE;
    let body = stream::unfold((filter, tokio::time::Instant::now()), move |(mut filter, mut spoke)| {
        let (events, standing) = (events.clone(), standing.clone());
        async move {
            filter.limit = PIECE;
            loop {
                // The key may have been deleted, or its role changed, since the stream began.
                let caller = standing.check().await.ok()?;
                if tokio::time::Instant::now() >= until || Sight::of(&caller) != sight {
                    return None;
                }
                let found = events.news(&mut filter).await.ok()?;
                if !found.is_empty() {
                    let text: Vec<u8> = found.into_iter().flat_map(|e| sse(e.seq, &dto(e, sight))).collect();
                    return Some((Piece::Ok(Bytes::from(text)), (filter, tokio::time::Instant::now())));
                }
                if spoke.elapsed() >= BEAT {
                    spoke = tokio::time::Instant::now();
                    return Some((Ok(Bytes::from_static(COMMENT)), (filter, spoke)));
                }
                tokio::time::sleep(LOOK).await;
            }
        }
    });
    answer("text/event-stream", body)
}

/// Streams all matching rows, one JSON object per line.
pub(super) fn lines(events: Events, standing: Standing, filter: Filter) -> HttpResponse {
    let body = stream::unfold(Some(filter), move |filter| {
        let (events, standing) = (events.clone(), standing.clone());
        async move {
            let mut filter = filter?;
            filter.limit = PIECE;
            // The body is produced as it is read, which may be slow, so the caller is checked each
            // time.
            if standing.check().await.is_err() {
                return Some((
                    Err(Fault::Unreachable("the API key has lost this permission".to_owned())),
                    None,
                ));
            }
            let found = match events.list(&filter).await {
                Ok(found) => found,
                Err(fault) => return Some((Err(fault), None)),
            };
            filter.after = found.last()?.seq;
            let more = found.len() == PIECE as usize;
            let line = |e| serde_json::to_string(&dto(e, Sight::Whole)).unwrap_or_default() + "\n";
            let text: String = found.into_iter().map(line).collect();
            Some((Ok(Bytes::from(text)), more.then_some(filter)))
        }
    });
    answer("application/x-ndjson", body)
}
