//! The audit trail as events.

use std::time::Duration;

use crate::auth::{Caller, InRealm, Standing};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Bytes},
};
use countersign_api::{Event as Dto, List};
use countersign_domain_ns::{
    audit::{About, Entry, Filter},
    handles::Events,
    permission::Permission,
    ports::Page,
};
use countersign_edge::{
    problem::ApiProblem,
    rest::{
        paging::{PageTokens, limit},
        times::rfc3339,
    },
};
use countersign_ports::Fault;
use futures_util::stream::unfold;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{stream, wait};

/// How often a waiting list checks for new events.
const LOOK: Duration = Duration::from_millis(500);
/// How often the trail is checked for new rows.
const STREAM_LOOK: Duration = Duration::from_secs(1);
/// Rows per read.
const PIECE: u32 = 500;

/// How much of an event its reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    Whole,
    /// For a client that may not read users: it learns who a user is only by redeeming.
    OwnObjects,
}

impl Sight {
    pub(super) fn of(caller: &Caller) -> Self {
        let whole =
            caller.client.is_none() || caller.may(Permission::UsersRead) || caller.may(Permission::Audit);
        if whole { Self::Whole } else { Self::OwnObjects }
    }

    /// Refuses a filter by user to a reader who may not see users, because the result would reveal
    /// them.
    fn check(self, user_id: Option<&String>) -> Result<(), ApiProblem> {
        if self == Self::Whole || user_id.is_none() {
            return Ok(());
        }
        Err(ApiProblem::forbidden()
            .because("asking for the events of a user takes the permission users_read"))
    }
}

pub(super) fn dto(e: Entry, sight: Sight) -> Dto {
    let hidden = sight == Sight::OwnObjects && e.action != "login.redeemed";
    // The details of logins and alerts are fixed words; other details may name phones and people.
    let words = ["login.", "alert."].iter().any(|kind| e.action.starts_with(kind));
    Dto {
        seq: e.seq,
        at: rfc3339(e.at),
        actor: if hidden && e.actor.starts_with("account:") { "account".to_owned() } else { e.actor },
        action: e.action,
        object: e.about.object,
        client: e.about.client.map(|c| c.to_string()),
        user_id: e.about.user_id.filter(|_| !hidden),
        detail: e.about.detail.filter(|_| words || sight == Sight::Whole),
    }
}

/// The query of a stream or export of events.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pick {
    /// The highest `seq` seen already.
    #[serde(default)]
    after: u64,
    /// An action, or its first part: `alert` finds `alert.not_me`.
    action: Option<String>,
    user_id: Option<String>,
    object: Option<String>,
}

impl Pick {
    /// Returns the filter for the realm; for a client's key, only what concerns the client.
    fn within(&self, at: &InRealm) -> Filter {
        Filter {
            realm: Some(at.id()),
            after: self.after,
            client: at.caller.client,
            user_id: self.user_id.clone(),
            action: self.action.clone(),
            object: self.object.clone(),
            limit: 0,
        }
    }
}

/// The query of a page of events.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// The highest `seq` seen already.
    #[serde(default, skip_serializing)]
    after: u64,
    /// An action, or its first part: `alert` finds `alert.not_me`.
    action: Option<String>,
    user_id: Option<String>,
    object: Option<String>,
    /// Seconds to wait for the first event.
    #[serde(default, skip_serializing)]
    #[schemars(range(max = 60))]
    wait: u64,
    #[serde(skip_serializing)]
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
    /// `next` of the page before.
    #[serde(skip_serializing)]
    page_token: Option<String>,
}

impl Search {
    fn filter(&self) -> Result<Filter, ApiProblem> {
        Ok(Filter {
            realm: None,
            after: self.after,
            client: None,
            user_id: self.user_id.clone(),
            action: self.action.clone(),
            object: self.object.clone(),
            limit: limit(self.limit)?,
        })
    }

    /// Returns the filter for the realm; for a client's key, only what concerns the client.
    fn within(&self, at: &InRealm) -> Result<Filter, ApiProblem> {
        Ok(Filter { realm: Some(at.id()), client: at.caller.client, ..self.filter()? })
    }
}

async fn answer(
    events: &Events,
    tokens: &PageTokens,
    standing: &Standing,
    search: &Search,
    mut filter: Filter,
    sight: Sight,
) -> Result<HttpResponse, ApiProblem> {
    let until = tokio::time::Instant::now() + wait(search.wait)?;
    let scope = (filter.realm.map(|r| r.to_string()), filter.client.map(|c| c.to_string()));
    let tokens = tokens.of("events", &(scope, search));
    if let Some(after) = tokens.read(search.page_token.as_ref())? {
        filter.after = after;
    }
    let found = loop {
        let found = events.news(&mut filter).await?;
        if !found.items.is_empty() || tokio::time::Instant::now() >= until {
            break found;
        }
        if found.more.is_none() {
            tokio::time::sleep_until(until.min(tokio::time::Instant::now() + LOOK)).await;
        }
    };
    if search.wait > 0 {
        standing.check().await?;
    }
    let next = tokens.after(found.more);
    let items = found.items.into_iter().map(|e| dto(e, sight)).collect();
    Ok(HttpResponse::Ok().json(List { items, next }))
}

type Query = web::Query<Search>;

pub(super) async fn list(
    at: InRealm,
    standing: Standing,
    events: web::Data<Events>,
    tokens: web::Data<PageTokens>,
    search: Query,
) -> Result<HttpResponse, ApiProblem> {
    let sight = Sight::of(&at.caller);
    sight.check(search.user_id.as_ref())?;
    answer(&events, &tokens, &standing, &search, search.within(&at)?, sight).await
}

pub(super) async fn list_global(
    _: Caller,
    standing: Standing,
    events: web::Data<Events>,
    tokens: web::Data<PageTokens>,
    search: Query,
) -> Result<HttpResponse, ApiProblem> {
    answer(&events, &tokens, &standing, &search, search.filter()?, Sight::Whole).await
}

pub(super) async fn stream(
    at: InRealm,
    standing: Standing,
    request: HttpRequest,
    events: web::Data<Events>,
    pick: web::Query<Pick>,
) -> Result<HttpResponse, ApiProblem> {
    let sight = Sight::of(&at.caller);
    sight.check(pick.user_id.as_ref())?;
    let mut filter = pick.within(&at);
    let last = request.headers().get("last-event-id").and_then(|v| v.to_str().ok()?.parse().ok());
    filter.after = last.unwrap_or(filter.after);
    Ok(of_trail((**events).clone(), standing, filter, sight))
}

pub(super) async fn export(
    at: InRealm,
    standing: Standing,
    events: web::Data<Events>,
    pick: web::Query<Pick>,
) -> Result<HttpResponse, ApiProblem> {
    let filter = pick.within(&at);
    // Recorded first, with the filter, so that no export happens without a row in the trail.
    let asked = serde_json::json!({"after": filter.after, "action": filter.action, "object": filter.object,
        "user_id": filter.user_id.is_some()});
    let about = About::of(at.id(), at.realm.name()).detail(Some(asked.to_string()));
    events
        .exported("events.exported", &About { user_id: filter.user_id.clone(), ..about }, at.caller.who())
        .await?;
    Ok(lines((**events).clone(), standing, filter))
}

/// Streams the rows that are added to the trail, until the connection ends or [`stream::LIFE`] has passed.
fn of_trail(events: Events, standing: Standing, filter: Filter, sight: Sight) -> HttpResponse {
    let until = tokio::time::Instant::now() + stream::LIFE;
    let body = unfold((filter, tokio::time::Instant::now()), move |(mut filter, mut spoke)| {
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
                if !found.items.is_empty() {
                    let text: Vec<u8> =
                        found.items.into_iter().flat_map(|e| stream::sse(e.seq, &dto(e, sight))).collect();
                    return Some((
                        stream::Piece::Ok(Bytes::from(text)),
                        (filter, tokio::time::Instant::now()),
                    ));
                }
                if spoke.elapsed() >= stream::BEAT {
                    spoke = tokio::time::Instant::now();
                    return Some((Ok(Bytes::from_static(stream::COMMENT)), (filter, spoke)));
                }
                // What was looked at so far had nothing, and there is more to look at.
                if found.more.is_none() {
                    tokio::time::sleep(STREAM_LOOK).await;
                }
            }
        }
    });
    stream::answer("text/event-stream", body)
}

/// The next page with something on it, or the empty last one. Moves the filter on.
async fn next_found(events: &Events, filter: &mut Filter) -> Result<Page<Entry, u64>, Fault> {
    loop {
        let found = events.list(filter).await?;
        let Some(after) = found.more else { return Ok(found) };
        filter.after = after;
        if !found.items.is_empty() {
            return Ok(found);
        }
    }
}

/// Streams all matching rows, one JSON object per line.
fn lines(events: Events, standing: Standing, filter: Filter) -> HttpResponse {
    let body = unfold(Some(filter), move |filter| {
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
            let found = match next_found(&events, &mut filter).await {
                Ok(found) => found,
                Err(fault) => return Some((Err(fault), None)),
            };
            let line = |e| serde_json::to_string(&dto(e, Sight::Whole)).unwrap_or_default() + "\n";
            let text: String = found.items.into_iter().map(line).collect();
            // An empty piece would end the answer.
            if text.is_empty() {
                return None;
            }
            Some((Ok(Bytes::from(text)), found.more.map(|_| filter)))
        }
    });
    stream::answer("application/x-ndjson", body)
}
