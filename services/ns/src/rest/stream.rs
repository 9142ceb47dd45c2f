//! Server-sent events (WHATWG HTML, section 9.2) and lines of JSON. A stream is made as the peer
//! reads it: nothing piles up for one that does not.

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

/// How long a stream is silent at most.
const BEAT: Duration = Duration::from_secs(15);
/// How often the trail is looked at for news.
const LOOK: Duration = Duration::from_secs(1);
/// Of a stream as a whole; whoever reads it comes back with what it has seen.
const LIFE: Duration = Duration::from_secs(3600);
/// Rows that are read at a time.
const PIECE: u32 = 500;

/// A fault breaks the body off, so that nobody takes a part for the whole.
type Piece = Result<Bytes, Fault>;

fn answer(content_type: &'static str, body: impl Stream<Item = Piece> + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(body)
}

fn sse(id: u64, data: &impl serde::Serialize) -> Bytes {
    // Values that are written as JSON on one line.
    Bytes::from(format!("id: {id}\ndata: {}\n\n", serde_json::to_string(data).unwrap_or_default()))
}

const COMMENT: &[u8] = b":\n\n";

/// A login's states, from the one above `after` to the last.
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
            // A fault ends the stream: its reader comes back and hears what is wrong.
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

/// What is added to the trail, for as long as the connection lasts.
pub(super) fn of_trail(events: Events, standing: Standing, filter: Filter, sight: Sight) -> HttpResponse {
    let until = tokio::time::Instant::now() + LIFE;
    let body = stream::unfold((filter, tokio::time::Instant::now()), move |(mut filter, mut spoke)| {
        let (events, standing) = (events.clone(), standing.clone());
        async move {
            filter.limit = PIECE;
            loop {
                // The key may have gone, or its role have changed, since the stream began.
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

/// Everything there is, a line each.
pub(super) fn lines(events: Events, standing: Standing, filter: Filter) -> HttpResponse {
    let body = stream::unfold(Some(filter), move |filter| {
        let (events, standing) = (events.clone(), standing.clone());
        async move {
            let mut filter = filter?;
            filter.limit = PIECE;
            // It is made as it is read, and may be read slowly.
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
