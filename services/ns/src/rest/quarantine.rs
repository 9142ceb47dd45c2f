//! Who stays out after "not me".

use actix_web::{HttpResponse, web};
use countersign_api::{List, Quarantine as Dto};
use countersign_domain::{audit::About, flows::limits::hex, ports::Ports};
use countersign_edge::{auth::InRealm, problem::Oops};

use super::no_content;
use crate::times::rfc3339;

pub(super) async fn list(at: InRealm, ports: web::Data<Ports>) -> Result<HttpResponse, Oops> {
    let kind = |address| if address { "address" } else { "browser" };
    let all = ports.live.quarantines(at.id()).await?;
    let items = all.iter().map(|q| Dto { id: hex(&q.key), kind: kind(q.address).to_owned(), until: rfc3339(q.until) }).collect();
    Ok(HttpResponse::Ok().json(List { items, next: None }))
}

pub(super) async fn release(at: InRealm, ports: web::Data<Ports>, path: web::Path<(String, String)>) -> Result<HttpResponse, Oops> {
    let key = ports.live.quarantines(at.id()).await?.into_iter().find(|q| hex(&q.key) == path.1).ok_or_else(Oops::not_found)?.key;
    if !ports.live.release(at.id(), key).await? {
        return Err(Oops::not_found());
    }
    ports.store.tell("quarantine.released", &About::of(at.id(), &path.1), &ports.stamp(at.caller.who())).await?;
    Ok(no_content())
}
