//! Browsers and addresses in quarantine after "not me".

use actix_web::{HttpResponse, web};
use countersign_api::{List, Quarantine as Dto};
use countersign_domain_ns::{flows::limits::hex, handles::Quarantines, ports::Quarantine};
use countersign_edge::{problem::ApiProblem, rest::times::rfc3339};

use super::no_content;
use crate::auth::InRealm;

pub(super) async fn list(
    at: InRealm,
    quarantines: web::Data<Quarantines>,
) -> Result<HttpResponse, ApiProblem> {
    let all = quarantines.list(&at.realm).await?;
    let dto = |q: &Quarantine| Dto {
        id: hex(&q.suspect.key),
        kind: q.suspect.measure.as_str().to_owned(),
        until: rfc3339(q.until),
    };
    let items = all.iter().map(dto).collect();
    Ok(HttpResponse::Ok().json(List { items, next: None }))
}

pub(super) async fn release(
    at: InRealm,
    quarantines: web::Data<Quarantines>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiProblem> {
    at.whole_realm()?;
    if quarantines.release(&at.realm, &path.1, at.caller.who()).await? {
        Ok(no_content())
    } else {
        Err(ApiProblem::not_found())
    }
}
