//! The trail as events.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use countersign_api::{Event as Dto, List};
use countersign_domain::{
    audit::{Entry, Filter},
    ports::Ports,
};
use countersign_edge::{
    auth::{Caller, InRealm},
    problem::Oops,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    paging::{Tokens, limit},
    stream, wait,
};
use crate::times::rfc3339;

/// How often a waiting list looks for news.
const LOOK: Duration = Duration::from_millis(500);

pub(super) fn dto(e: Entry) -> Dto {
    Dto {
        seq: e.seq,
        at: rfc3339(e.at),
        actor: e.actor,
        action: e.action,
        object: e.about.object,
        client: e.about.client.map(|c| c.to_string()),
        user_id: e.about.user_id,
        detail: e.about.detail,
    }
}

/// Which events.
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
    /// Seconds to wait for the first event; for the list alone.
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
    fn filter(&self) -> Result<Filter, Oops> {
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

    /// Of the realm; for a client's key, only what concerns the client.
    fn within(&self, at: &InRealm) -> Result<Filter, Oops> {
        Ok(Filter { realm: Some(at.id()), client: at.caller.client, ..self.filter()? })
    }
}

async fn answer(ports: &Ports, search: &Search, mut filter: Filter) -> Result<HttpResponse, Oops> {
    let until = tokio::time::Instant::now() + wait(search.wait)?;
    let scope = (filter.realm.map(|r| r.to_string()), filter.client.map(|c| c.to_string()));
    let tokens = Tokens::new(ports, "events", &(scope, search));
    if let Some(after) = tokens.read(search.page_token.as_ref())? {
        filter.after = after;
    }
    let found = loop {
        let found = ports.store.events(&filter).await?;
        if !found.is_empty() || tokio::time::Instant::now() >= until {
            break found;
        }
        tokio::time::sleep_until(until.min(tokio::time::Instant::now() + LOOK)).await;
    };
    let next = tokens.next(&found, filter.limit, |e| e.seq);
    Ok(HttpResponse::Ok().json(List { items: found.into_iter().map(dto).collect(), next }))
}

pub(super) async fn list(at: InRealm, ports: web::Data<Ports>, search: web::Query<Search>) -> Result<HttpResponse, Oops> {
    answer(&ports, &search, search.within(&at)?).await
}

pub(super) async fn list_global(_: Caller, ports: web::Data<Ports>, search: web::Query<Search>) -> Result<HttpResponse, Oops> {
    answer(&ports, &search, search.filter()?).await
}

pub(super) async fn stream(
    at: InRealm,
    request: HttpRequest,
    ports: web::Data<Ports>,
    search: web::Query<Search>,
) -> Result<HttpResponse, Oops> {
    let mut filter = search.within(&at)?;
    let last = request.headers().get("last-event-id").and_then(|v| v.to_str().ok()?.parse().ok());
    filter.after = last.unwrap_or(filter.after);
    Ok(stream::of_trail((**ports).clone(), filter))
}

pub(super) async fn export(at: InRealm, ports: web::Data<Ports>, search: web::Query<Search>) -> Result<HttpResponse, Oops> {
    Ok(stream::lines((**ports).clone(), search.within(&at)?))
}
