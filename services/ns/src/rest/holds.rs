//! Legal holds.

use crate::auth::InRealm;
use actix_web::{HttpResponse, web};
use countersign_api::{Hold as Dto, List, PutHold, limits};
use countersign_domain_ns::{handles::Users, text as rules, user::Hold};
use countersign_edge::{
    problem::ApiProblem,
    rest::{
        paging::{PageTokens, limit},
        times::rfc3339,
    },
};

use super::{Body, Paging, no_content, text, users::UserPath};

fn dto(h: Hold) -> Dto {
    Dto { user_id: h.user_id, reason: h.reason, placed_by: h.placed_by, placed_at: rfc3339(h.placed_at) }
}

pub(super) async fn list(
    at: InRealm,
    users: web::Data<Users>,
    tokens: web::Data<PageTokens>,
    page: web::Query<Paging>,
) -> Result<HttpResponse, ApiProblem> {
    let limit = limit(page.limit)?;
    let tokens = tokens.of("holds", &at.realm.name());
    let after: Option<String> = tokens.read(page.page_token.as_ref())?;
    let found = users.holds(at.id(), after.as_deref(), limit).await?;
    let next = tokens.next(&found, limit, |h| h.user_id.clone());
    Ok(HttpResponse::Ok().json(List { items: found.into_iter().map(dto).collect(), next }))
}

pub(super) async fn put(
    at: InRealm,
    users: web::Data<Users>,
    path: UserPath,
    body: Body<PutHold>,
) -> Result<HttpResponse, ApiProblem> {
    at.whole_realm()?;
    text("/user_id", rules::user_id(&path.1))?;
    if let Some(reason) = &body.reason {
        text("/reason", rules::shown(reason, limits::DISPLAY_NAME, false))?;
    }
    let hold = users.hold(&at.realm, &path.1, body.into_inner().0.reason, at.caller.who()).await?;
    Ok(HttpResponse::Ok().json(dto(hold)))
}

pub(super) async fn lift(
    at: InRealm,
    users: web::Data<Users>,
    path: UserPath,
) -> Result<HttpResponse, ApiProblem> {
    at.whole_realm()?;
    users.lift_hold(&at.realm, &path.1, at.caller.who()).await?;
    Ok(no_content())
}
